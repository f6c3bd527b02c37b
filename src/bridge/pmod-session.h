/* A session: a model on the engine's thread, and the runs that it is asked for.
 *
 * Main thread only; nothing here blocks but the last unref, which stops and joins the thread. */
#pragma once

#include "pmod-beginning.h"
#include "pmod-machine.h"
#include "pmod-model-card.h"
#include "pmod-picture.h"
#include "pmod-run.h"
#include "pmod-sweep-run.h"
#include "pmod-tuning.h"

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

/* A model that pmod serve has open, there or on this computer: one more device. address as
 * "http://127.0.0.1:8375" or "https://HOST/PREFIX"; token: what that server wants to be told, NULL:
 * what was told last for this address, or what the environment says. It stays in memory alone.
 * pmod_session_open_model() takes addresses, too. */
void pmod_session_open_server (PmodSession *self, const char *address, const char *token);

/* Whether text is meant as an address. */
gboolean pmod_session_is_address (const char *text);

/* The same although it takes more memory than is free. */
void pmod_session_open_model_anyway (PmodSession *self, const char *name_or_path);

/* Gives the model's memory back; what is shown stays. */
void pmod_session_unload (PmodSession *self);

/* What models are opened on, from the next one on. The same object always. */
PmodMachine *pmod_session_get_machine (PmodSession *self);

/* Names of the installed models. (transfer full) */
char **pmod_session_list_models (void);

/* What the next run gets; as trained whenever a model was loaded. The same object always. */
PmodTuning *pmod_session_get_tuning (PmodSession *self);

/* What stands before every prompt from now on; NULL: what the model was trained with. */
void pmod_session_set_system (PmodSession *self, const char *system);

/* Only the picture: its maps, and the states that questions about it start from. */
PmodRun *pmod_session_read (PmodSession *self, PmodPicture *picture);

/* texts: user, assistant, ..., user. picture: nullable. */
PmodRun *pmod_session_ask (PmodSession *self, const char *const *texts, PmodPicture *picture);

/* The same, the answer beginning as told; its tokens stand in the run as if they had been drawn.
 * beginning is taken. */
PmodRun *pmod_session_ask_from (PmodSession *self,
                                const char *const *texts,
                                PmodPicture *picture,
                                PmodBeginning *beginning);

/* texts under each setting of plan. A newer sweep takes the place of the one before; other runs
 * come in between two of its points. NULL and why where plan cannot be. */
PmodSweepRun *pmod_session_sweep (PmodSession *self,
                                  const char *const *texts,
                                  PmodPicture *picture,
                                  const PmodSweepPlan *plan,
                                  GError **error);
void pmod_session_stop_sweep (PmodSession *self);

/* --- Other settings, other lanes ---------------------------------------------------------------
 *
 * A lane (0 .. PMOD_SESSION_N_LANES - 1) is a context of its own: what runs in lane 1 leaves alone
 * what lane 0 can use again. In each lane one run waits at most, and a newer one takes its place;
 * all lanes run one after the other, taking turns. The runs above are of lane 0. */
#define PMOD_SESSION_N_LANES 2

/* One more, for reading alone, which takes no turns: it runs at the same time, where the model's
 * card says that there is such a lane. */
#define PMOD_SESSION_BESIDE_LANE 3

/* tuning: NULL is the session's own. Its values are copied. */
PmodRun *
pmod_session_read_with (PmodSession *self, PmodPicture *picture, PmodTuning *tuning, int lane);
PmodRun *pmod_session_ask_with (PmodSession *self,
                                const char *const *texts,
                                PmodPicture *picture,
                                PmodTuning *tuning,
                                int lane);

/* Reads the picture as it is seen together with texts, where the tuning makes what is kept depend
 * on the question; else as pmod_session_read_with(). texts: nullable. */
PmodRun *pmod_session_read_behind (PmodSession *self,
                                   const char *const *texts,
                                   PmodPicture *picture,
                                   PmodTuning *tuning,
                                   int lane);

/* As pmod_session_ask(), but waiting until pmod_session_let_go(). Stopping lets go, too. */
PmodRun *pmod_session_ask_held (PmodSession *self, const char *const *texts, PmodPicture *picture);
void pmod_session_let_go (PmodSession *self);

/* Ends the runs in flight and those that wait; they finish as stopped. */
void pmod_session_stop (PmodSession *self);
void pmod_session_stop_lane (PmodSession *self, int lane);

/* Stops lane (not 0) and gives its memory back. The next run in it opens it again. */
void pmod_session_close_lane (PmodSession *self, int lane);

G_END_DECLS
