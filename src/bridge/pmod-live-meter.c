/* PmodLiveMeter: see pmod-live-meter.h. */
#include "config.h"

#include "pmod-live-meter.h"

static void
begin (PmodLiveMeter *meter, PmodCamera *camera)
{
  meter->measured_us = g_get_monotonic_time ();
  meter->first_frame = pmod_camera_get_n_frames (camera);
  meter->n_runs = 0;
  meter->vision_ms = meter->prefill_ms = 0;
}

void
pmod_live_meter_start (PmodLiveMeter *meter, PmodCamera *camera)
{
  *meter = (PmodLiveMeter){ 0 };
  begin (meter, camera);
}

void
pmod_live_meter_count (PmodLiveMeter *meter, PmodRun *run, gboolean answered)
{
  meter->n_runs++;
  meter->figures.n_runs++;
  meter->vision_ms += (double)pmod_run_get_vision_ns (run) / 1e6;
  meter->prefill_ms += (double)pmod_run_get_prefill_ns (run) / 1e6;
  if (answered)
    meter->figures.decode_ms = (double)pmod_run_get_decode_ns (run) / 1e6;
}

void
pmod_live_meter_measure (PmodLiveMeter *meter, PmodCamera *camera)
{
  PmodLiveFigures *figures = &meter->figures;
  double seconds = (double)(g_get_monotonic_time () - meter->measured_us) / G_USEC_PER_SEC;
  guint64 n_frames = pmod_camera_get_n_frames (camera);

  figures->fps = (double)(n_frames - MIN (n_frames, meter->first_frame)) / seconds;
  figures->runs = meter->n_runs / seconds;
  if (meter->n_runs > 0)
    {
      figures->vision_ms = meter->vision_ms / meter->n_runs;
      figures->prefill_ms = meter->prefill_ms / meter->n_runs;
    }
  figures->n_dropped = pmod_camera_get_n_dropped (camera) + meter->n_late;
  begin (meter, camera);
}
