/* The main window: lays out the picture's side and the conversation's side, and owns the actions
 * of both. What is shown lives in PmodChat and PmodSelection. */
#pragma once

#include <adwaita.h>

#include "pmod-session.h"

G_BEGIN_DECLS

#define PMOD_TYPE_WINDOW (pmod_window_get_type ())
G_DECLARE_FINAL_TYPE (PmodWindow, pmod_window, PMOD, WINDOW, AdwApplicationWindow)

/* settings: nullable. */
PmodWindow *
pmod_window_new (GtkApplication *application, PmodSession *session, GSettings *settings);

/* The first of them: one picture is shown at a time, which is said. */
void pmod_window_open_files (PmodWindow *self, GFile **files, int n_files);

void pmod_window_open_last_conversation (PmodWindow *self);

/* source: as for pmod_camera_start(). */
void pmod_window_start_camera (PmodWindow *self, const char *source);

G_END_DECLS
