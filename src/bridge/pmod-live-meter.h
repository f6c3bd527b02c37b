/* PmodLiveMeter: counts the runs of live mode, and once in a while makes figures of them. Private
 * to PmodLive, whose struct holds one. */
#pragma once

#include "pmod-live.h"

G_BEGIN_DECLS

typedef struct
{
  PmodLiveFigures figures;
  guint64 n_late;      /* frames that were handed on and came to no run, since the start */
  gint64 measured_us;  /* what follows was counted since */
  guint64 first_frame; /* n_frames of the camera then */
  guint n_runs;
  double vision_ms; /* their sums */
  double prefill_ms;
} PmodLiveMeter;

/* All figures are 0 again. */
void pmod_live_meter_start (PmodLiveMeter *meter, PmodCamera *camera);
/* A run that is done. answered: words came of it. */
void pmod_live_meter_count (PmodLiveMeter *meter, PmodRun *run, gboolean answered);
/* Writes figures of what was counted since the last time. */
void pmod_live_meter_measure (PmodLiveMeter *meter, PmodCamera *camera);

G_END_DECLS
