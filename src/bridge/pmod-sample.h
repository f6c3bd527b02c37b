/* A sample picture that comes with the program: its file, what it shows, what to ask about it. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define PMOD_TYPE_SAMPLE (pmod_sample_get_type ())
G_DECLARE_FINAL_TYPE (PmodSample, pmod_sample, PMOD, SAMPLE, GObject)

/* PmodSample, in the order of samples.json; an empty list where there are none. */
void pmod_sample_list_async (GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
GListModel *pmod_sample_list_finish (GAsyncResult *result, GError **error);

GFile *pmod_sample_get_file (PmodSample *self);
const char *pmod_sample_get_title (PmodSample *self);

/* Blocks: what to ask about the sample in this file, NULL where it is none. (transfer full) */
char **pmod_sample_find_questions (GFile *file);

G_END_DECLS
