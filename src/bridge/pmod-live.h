/* Live: the newest frame of a camera goes through the model again and again.
 *
 * One run is in flight; frames that come meanwhile are dropped and counted, so the newest one is
 * next. PmodChat shows each finished run with the very frame that made it. Every now and then a
 * standing question is answered instead; while its words come, the frames that follow are read
 * beside it where the model has a lane for that, and their maps are shown. Frozen, the frame that
 * is shown is the conversation's picture and the camera rests. A camera that fails leaves the last
 * frame as such a still. Main thread. */
#pragma once

#include "pmod-camera.h"
#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_LIVE (pmod_live_get_type ())
G_DECLARE_FINAL_TYPE (PmodLive, pmod_live, PMOD, LIVE, GObject)

/* Of the last second, where not said otherwise. */
typedef struct
{
  double fps;        /* frames that the camera delivered, a second */
  double runs;       /* finished, a second */
  double vision_ms;  /* of a run, in the mean: pixels, tower, projector */
  double prefill_ms; /* of a run, in the mean: all layers */
  double decode_ms;  /* of the last answer, all its words; 0: there was none */
  guint64 n_runs;    /* since the start */
  guint64 n_dropped; /* frames that no run was made of, since the start */
} PmodLiveFigures;

PmodLive *pmod_live_new (PmodCamera *camera, PmodChat *chat);
PmodCamera *pmod_live_get_camera (PmodLive *self);

/* source: as for pmod_camera_start(). What is shown stays until the first frame is there. */
void pmod_live_start (PmodLive *self, const char *source);
void pmod_live_start_again (PmodLive *self); /* the same source */
void pmod_live_stop (PmodLive *self);
/* From the start to the stop, frozen or not. */
gboolean pmod_live_get_active (PmodLive *self);

/* Thawing a camera that has failed starts it again. */
gboolean pmod_live_get_frozen (PmodLive *self);
void pmod_live_set_frozen (PmodLive *self, gboolean frozen);

/* Empty: none. */
const char *pmod_live_get_question (PmodLive *self);
void pmod_live_set_question (PmodLive *self, const char *question);
/* Seconds from one standing question to the next, at least. */
double pmod_live_get_interval (PmodLive *self);
void pmod_live_set_interval (PmodLive *self, double seconds);
/* The newest, as it is written; empty: none yet. */
const char *pmod_live_get_answer (PmodLive *self);

/* New ones come once a second, with the signal "measured". */
const PmodLiveFigures *pmod_live_get_figures (PmodLive *self);

G_END_DECLS
