/* A look at how the run does: the validation sample, which nothing is learnt from, and the report.
 */
#include "pmod-trainer-private.h"

#include <math.h>

typedef struct
{
  PmodTrainer *trainer;
  PmodLossFactors factors;
  int *n_asked, *n_right;   /* [n_workers * n_kinds] */
  PmodRouterStats *routers; /* [n_workers * n_layers] */
  int n_kinds;
} Look;

static void
count_answers (Look *look, int worker, PmodSample *const *samples, guint n, const guint8 *right)
{
  for (guint i = 0; i < n; i++)
    for (int k = 0; k < samples[i]->n_answers; k++, right++)
      {
        int kind = samples[i]->kinds != NULL ? samples[i]->kinds[k] : 0;

        look->n_asked[worker * look->n_kinds + kind]++;
        look->n_right[worker * look->n_kinds + kind] += *right;
      }
}

static void
run_validation (int worker, PmodBackend *backend, gpointer user_data)
{
  Look *look = user_data;
  PmodTrainer *self = look->trainer;
  PmodTrainerLane *lane = &self->lanes[worker];
  PmodSample *const *samples = (PmodSample *const *)self->validation->pdata;
  guint n_workers = (guint)pmod_workers_get_n (self->workers);
  guint at = self->validation->len * (guint)worker / n_workers;
  guint end = self->validation->len * (guint)(worker + 1) / n_workers;

  lane->result = (PmodNetworkResult){ 0 };
  while (at < end && lane->error == NULL)
    {
      guint n = MIN (pmod_trainer_get_micro (self), end - at);
      int n_answers = 0;
      g_autofree guint8 *right = NULL;
      PmodNetworkResult part;

      for (guint i = 0; i < n; i++)
        n_answers += samples[at + i]->n_answers;
      right = g_new0 (guint8, n_answers + 1);
      if (pmod_network_run (lane->network, samples + at, (int)n, &look->factors, FALSE, &part,
                            right, look->routers + worker * self->config->n_layers, &lane->error))
        {
          pmod_network_result_add (&lane->result, &part);
          if (look->factors.answers > 0)
            count_answers (look, worker, samples + at, n, right);
        }
      at += n;
    }
}

/* --- The report ----------------------------------------------------------------------------- */

static double
share (double part, double whole)
{
  return whole > 0 ? part / whole : NAN;
}

/* All workers' counts into the first's. */
static void
sum_counts (Look *look, int n_workers)
{
  for (int worker = 1; worker < n_workers; worker++)
    for (int kind = 0; kind < look->n_kinds; kind++)
      {
        look->n_asked[kind] += look->n_asked[worker * look->n_kinds + kind];
        look->n_right[kind] += look->n_right[worker * look->n_kinds + kind];
      }
}

/* The last layer's router never learns, so that it is left out. */
static void
report_routers (const PmodTrainer *self, const Look *look, PmodTrainerReport *report)
{
  int n_layers = self->config->n_layers;
  double n_logits = 0, n_saturated = 0, n_cuts = 0, n_tied = 0;

  for (int i = 0; i < pmod_workers_get_n (self->workers) * n_layers; i++)
    if (i % n_layers != n_layers - 1)
      {
        n_logits += (double)look->routers[i].n_logits;
        n_saturated += (double)look->routers[i].n_saturated;
        n_cuts += (double)look->routers[i].n_cuts;
        n_tied += (double)look->routers[i].n_tied;
      }
  report->saturated = share (n_saturated, n_logits);
  report->tied = share (n_tied, n_cuts);
}

static void
report_speed (const PmodTrainer *self, PmodTrainerReport *report)
{
  const PmodTrainerSums *sums = &self->sums;
  double seconds = (double)(g_get_monotonic_time () - sums->start_us) / 1e6;
  double per_step = seconds / MAX ((double)sums->n_steps, 1);
  double steps_left = (double)(self->stage->steps - self->step);

  for (int i = self->stage_idx + 1; i < self->recipe->n_stages; i++)
    steps_left += self->recipe->stages[i].steps;
  report->tokens_per_second = (double)sums->n_rows / seconds;
  report->flops_per_second = sums->result.flops / seconds;
  report->peak_flops_per_second = self->peak;
  report->waited = (double)(pmod_feed_get_wait_us (self->feed) - sums->wait_us) / 1e6 / seconds;
  report->seconds_left = steps_left * per_step;
}

/* NAN where none was read. */
static double
share_read (const PmodTrainer *self, PmodPatchReading first, PmodPatchReading last)
{
  double n = 0, n_right = 0;

  for (int i = 0; i < pmod_workers_get_n (self->workers); i++)
    for (int k = first; k <= (int)last; k++)
      {
        n += (double)self->lanes[i].result.n_read[k];
        n_right += (double)self->lanes[i].result.n_read_right[k];
      }
  return share (n_right, n);
}

static void
report_counts (const PmodTrainer *self, const Look *look, PmodTrainerReport *report)
{
  double n_asked = 0, n_right = 0;

  for (int i = 0; i < look->n_kinds; i++)
    {
      n_asked += look->n_asked[i];
      n_right += look->n_right[i];
    }
  report->accuracy = share (n_right, n_asked);
  report->patch_accuracy = share_read (self, PMOD_READ_CLASS, PMOD_READ_CLASS);
  report->place_accuracy = share_read (self, PMOD_READ_ROW, PMOD_READ_COLUMN);
  report->n_kinds = look->n_kinds;
  report->kinds = self->validation_source->kinds;
  report->n_asked = look->n_asked;
  report->n_right = look->n_right;
}

static void
fill_report (const PmodTrainer *self, const Look *look, PmodTrainerReport *report)
{
  const PmodTrainerSums *sums = &self->sums;
  *report = (PmodTrainerReport){
    .stage = self->stage->name,
    .stage_idx = self->stage_idx,
    .n_stages = self->recipe->n_stages,
    .step = self->step,
    .n_steps = self->stage->steps,
    .loss = sums->n_steps > 0 ? sums->result.loss / (double)sums->n_steps : NAN,
    .token_accuracy = share ((double)sums->result.n_labels_right, (double)sums->result.n_labels),
    .gradient_norm = (double)self->gradient_norm,
    .rate = pmod_optimizer_share (self->stage, MAX (self->step - 1, 0)),
  };
  report_counts (self, look, report);
  report_routers (self, look, report);
  report_speed (self, report);
}

/* --- Records -------------------------------------------------------------------------------- */

static void
record (PmodTrainer *self, const PmodTrainerReport *report)
{
  PmodRecordLoss *loss = pmod_trace_append (self->trace, PMOD_RECORD_LOSS, -1, sizeof *loss);
  gint64 before = 0;

  if (loss == NULL)
    return;
  for (int i = 0; i < self->stage_idx; i++)
    before += self->recipe->stages[i].steps;
  loss->step = before + self->step;
  loss->loss = report->loss;
  loss->accuracy = isnan (report->accuracy) ? report->patch_accuracy : report->accuracy;
  loss->learning_rate = report->rate * self->stage->adam_rate;
  pmod_trace_commit (self->trace, loss);
  /* A run takes hours, and is looked at meanwhile. */
  pmod_trace_flush (self->trace);
}

void
pmod_trainer_begin_sums (PmodTrainer *self)
{
  self->sums = (PmodTrainerSums){ .start_us = g_get_monotonic_time (),
                                  .wait_us = pmod_feed_get_wait_us (self->feed) };
}

gboolean
pmod_trainer_look (PmodTrainer *self, GError **error)
{
  int n_workers = pmod_workers_get_n (self->workers);
  int n_kinds = MAX (self->validation_source->n_kinds, 1);
  g_autofree int *n_asked = g_new0 (int, n_workers *n_kinds);
  g_autofree int *n_right = g_new0 (int, n_workers *n_kinds);
  g_autofree PmodRouterStats *routers =
      g_new0 (PmodRouterStats, n_workers * self->config->n_layers);
  Look look = { self,   pmod_trainer_factors (self, self->validation), n_asked, n_right, routers,
                n_kinds };
  PmodTrainerReport report;
  double score;

  pmod_workers_run (self->workers, run_validation, &look);
  if (!pmod_trainer_check_lanes (self, self->step, ", validation", error))
    return FALSE;
  sum_counts (&look, n_workers);
  fill_report (self, &look, &report);
  score = isnan (report.accuracy) ? report.patch_accuracy : report.accuracy;
  if (isnan (score))
    score = -report.loss;
  if (self->step > 0 && score >= self->best)
    {
      self->best = score;
      if (!pmod_trainer_save_model (self, error))
        return FALSE;
      report.saved = TRUE;
    }
  record (self, &report);
  self->func (&report, self->user_data);
  pmod_trainer_begin_sums (self);
  return TRUE;
}
