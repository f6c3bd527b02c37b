/* A session: a model on the engine's thread, and the runs that it is asked for.
 *
 * Main thread only; nothing here blocks but the last unref, which stops and joins the thread. */
#pragma once

#include "pmod-model-card.h"
#include "pmod-picture.h"
#include "pmod-run.h"

G_BEGIN_DECLS

#define PMOD_TYPE_SESSION (pmod_session_get_type ())
G_DECLARE_FINAL_TYPE (PmodSession, pmod_session, PMOD, SESSION, GObject)

typedef enum
{
  PMOD_SESSION_IDLE,     /* no model */
  PMOD_SESSION_LOADING,  /* a model is being opened; the one before, if any, still stands */
  PMOD_SESSION_READY,    /* waits for a question */
  PMOD_SESSION_THINKING, /* a run is in flight */
  PMOD_SESSION_ERROR,    /* no model, and the last one asked for was refused */
} PmodSessionState;

PmodSession *pmod_session_new (void);

PmodSessionState pmod_session_get_state (PmodSession *self);
double pmod_session_get_progress (PmodSession *self);      /* of loading, 0 .. 1 */
PmodModelCard *pmod_session_get_model (PmodSession *self); /* (nullable) */
const char *pmod_session_get_error (PmodSession *self);    /* of the last loading (nullable) */

/* name_or_path: a directory, or the name of an installed model. */
void pmod_session_open_model (PmodSession *self, const char *name_or_path);
void pmod_session_cancel_loading (PmodSession *self);

/* Names of the installed models. (transfer full) */
char **pmod_session_list_models (void);

/* Only the picture: its maps, and the states that questions about it start from. */
PmodRun *pmod_session_read (PmodSession *self, PmodPicture *picture);

/* texts: user, assistant, ..., user. picture: nullable. */
PmodRun *pmod_session_ask (PmodSession *self, const char *const *texts, PmodPicture *picture);

/* Ends the run in flight and the one that waits; both finish as stopped. */
void pmod_session_stop (PmodSession *self);

G_END_DECLS
