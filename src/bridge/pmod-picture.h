/* A picture, read and checked, ready to be shown and to be asked about. Immutable.
 *
 * Reading happens in a GTask thread on owned copies, decoding in a process of its own; the result
 * is delivered on the main thread. It knows no widgets: what is shown is plain RGB8. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define PMOD_TYPE_PICTURE (pmod_picture_get_type ())
G_DECLARE_FINAL_TYPE (PmodPicture, pmod_picture, PMOD, PICTURE, GObject)

/* Of a file, its own name is what the window calls the picture; bytes are given one. */
void pmod_picture_load_file_async (GFile *file,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
void pmod_picture_load_bytes_async (GBytes *bytes,
                                    const char *name,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);

/* Of an encoded picture that another program hands over; read to its end without blocking. */
void pmod_picture_load_stream_async (GInputStream *stream,
                                     const char *name,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data);
PmodPicture *pmod_picture_load_finish (GAsyncResult *result, GError **error);

const char *pmod_picture_get_name (PmodPicture *self);
int pmod_picture_get_width (PmodPicture *self);
int pmod_picture_get_height (PmodPicture *self);

/* RGB8 rows without gaps, no side longer than a texture may be. (transfer none) */
GBytes *pmod_picture_get_pixels (PmodPicture *self, int *width, int *height);

/* What a sample picture suggests to ask; empty for any other. (transfer none) */
const char *const *pmod_picture_get_questions (PmodPicture *self);

G_END_DECLS
