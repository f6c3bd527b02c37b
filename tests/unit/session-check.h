/* What the tests of a session share: a model, a picture, and to wait for what its thread does. */
#pragma once

#include "pmod-chat.h"

G_BEGIN_DECLS

/* (transfer full) */
char *session_check_fixture (const char *name);

/* Until condition (object) holds; fails the test after four minutes. */
void session_check_wait (gboolean (*condition) (gpointer), gpointer object);

/* Conditions: of a session, that nothing loads or runs; of a run, that it is over. */
gboolean session_check_is_settled (gpointer session);
gboolean session_check_is_finished (gpointer run);

/* run, when it is finished. */
PmodRun *session_check_finish (PmodRun *run);

/* Of tests/fixtures; both are there when these return. (transfer full) */
PmodPicture *session_check_load_picture (const char *name);
PmodSession *session_check_open (const char *model);

/* While the main loop turns. */
void session_check_pass_time (guint ms);

/* Whether the same parts are kept in every layer. */
gboolean session_check_same_maps (PmodRun *a, PmodRun *b);

G_END_DECLS
