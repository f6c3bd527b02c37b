/* What tests of the bridge share: a session with a fixture's model, its pictures, and waiting.
 *
 * Everything here fails the test instead of reporting an error. */
#pragma once

#include "pmod-session.h"

G_BEGIN_DECLS

/* Until condition (object) holds; fails the test after two minutes. */
void check_wait_until (gboolean (*condition) (gpointer), gpointer object);

/* While the main loop turns. */
void check_pass_time (guint ms);

/* Paths are those of tests/fixtures. (transfer full) */
PmodSession *check_open_session (const char *model);
PmodPicture *check_load_picture (const char *path);

/* Waits for it, and that it was done. Returns run. */
PmodRun *check_finish (PmodRun *run);

/* Whether the same parts are kept in every layer. */
gboolean check_same_maps (PmodRun *a, PmodRun *b);

G_END_DECLS
