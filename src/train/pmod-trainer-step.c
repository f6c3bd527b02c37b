/* One step: every worker takes its share of the batch, the gradients are summed in the workers'
 * order, and every worker steps its share of the weights.
 *
 * All of it is enqueued before anything is waited for: meanwhile the next batch is taken from those
 * who make it, then what came out is fetched, once for each worker, and checked. A gradient that is
 * not finite has by then stepped nothing, its factor being 0; a loss that is not ends the run
 * before anything is saved. */
#include "pmod-trainer-private.h"

#include <math.h>

/* --- Shares --------------------------------------------------------------------------------- */

static gint
compare_costs (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const PmodTrainer *self = user_data;
  double cost_a =
      pmod_optimizer_cost (self->stage, pmod_weights_get (self->weights, *(const guint *)a));
  double cost_b =
      pmod_optimizer_cost (self->stage, pmod_weights_get (self->weights, *(const guint *)b));

  return cost_a > cost_b ? -1 : cost_a < cost_b;
}

void
pmod_trainer_share_weights (PmodTrainer *self)
{
  guint n = self->weights->all->len;
  int n_workers = pmod_workers_get_n (self->workers);
  g_autofree guint *order = g_new (guint, n);
  g_autofree double *load = g_new0 (double, n_workers);

  for (guint i = 0; i < n; i++)
    order[i] = i;
  g_qsort_with_data (order, (int)n, sizeof *order, compare_costs, self);
  g_free (self->owners);
  self->owners = g_new (int, n);
  for (guint i = 0; i < n; i++)
    {
      const PmodWeight *weight = pmod_weights_get (self->weights, order[i]);
      int least = 0;

      for (int k = 1; k < n_workers; k++)
        if (load[k] < load[least])
          least = k;
      self->owners[order[i]] = least;
      if (pmod_optimizer_learns (self->stage, weight))
        load[least] += pmod_optimizer_cost (self->stage, weight);
    }
}

/* --- Factors -------------------------------------------------------------------------------- */

static int
count_routed (const PmodConfig *config)
{
  int n = 0;

  for (int i = 0; i < config->n_layers; i++)
    n += config->has_router[i];
  return n;
}

static void
count_read (const PmodSamplePatch *patch, double background, double n_read[PMOD_N_READINGS])
{
  for (int i = 0; i < PMOD_N_READINGS; i++)
    if (patch->known[i] >= 0)
      n_read[i]++;
    else if (i == PMOD_READ_CLASS)
      n_read[i] += background;
}

PmodLossFactors
pmod_trainer_factors (const PmodTrainer *self, const GPtrArray *samples)
{
  const PmodRecipeStage *stage = self->stage;
  double weights[PMOD_N_READINGS] = { [PMOD_READ_CLASS] = stage->words,
                                      [PMOD_READ_COLOUR] = stage->words * stage->colours,
                                      [PMOD_READ_ROW] = stage->words * stage->places,
                                      [PMOD_READ_COLUMN] = stage->words * stage->places };
  double n_labels = 0, n_read[PMOD_N_READINGS] = { 0 }, n_known = 0;
  PmodLossFactors factors = { .background = (float)stage->background };

  for (guint i = 0; i < samples->len; i++)
    {
      const PmodSample *sample = g_ptr_array_index (samples, i);

      n_labels += pmod_sample_n_labels (sample);
      for (int k = 0; sample->patches != NULL && k < sample->n_targets; k++)
        {
          count_read (&sample->patches[k], stage->background, n_read);
          n_known++;
        }
    }
  factors.answers = (float)(stage->answers / MAX (n_labels, 1));
  for (int i = 0; i < PMOD_N_READINGS; i++)
    factors.words[i] = (float)(weights[i] / MAX (n_read[i], 1));
  factors.routers = (float)(stage->routers / MAX (n_known * count_routed (self->config), 1));
  return factors;
}

/* --- The step ------------------------------------------------------------------------------- */

typedef struct
{
  PmodTrainer *trainer;
  GPtrArray *samples;
  PmodLossFactors factors;
} Step;

static void
find_gradients (int worker, PmodBackend *backend, gpointer user_data)
{
  Step *step = user_data;
  PmodTrainer *self = step->trainer;
  PmodTrainerLane *lane = &self->lanes[worker];
  guint n_workers = (guint)pmod_workers_get_n (self->workers);
  guint at = step->samples->len * (guint)worker / n_workers;
  guint end = step->samples->len * (guint)(worker + 1) / n_workers;

  PmodTensor gradients =
      pmod_tensor_1d (lane->gradients, PMOD_DTYPE_F32, (gint64)self->weights->n_elements);

  pmod_fill (backend, &gradients, 0);
  while (at < end && lane->error == NULL)
    {
      guint n = MIN (pmod_trainer_get_micro (self), end - at);

      pmod_network_enqueue (lane->network, (PmodSample *const *)step->samples->pdata + at, (int)n,
                            &step->factors, &lane->error);
      at += n;
    }
}

/* The first block += the others, each worker a span of all. */
static void
sum_gradients (int worker, PmodBackend *backend, gpointer user_data)
{
  PmodTrainer *self = ((Step *)user_data)->trainer;
  gsize n_workers = (gsize)pmod_workers_get_n (self->workers);
  gsize first = self->weights->n_elements / 16 * (gsize)worker / n_workers * 16;
  gsize end = self->weights->n_elements / 16 * (gsize)(worker + 1) / n_workers * 16;

  for (gsize i = 1; i < n_workers; i++)
    {
      PmodTensor to =
          pmod_tensor_1d (self->lanes[0].gradients + first, PMOD_DTYPE_F32, (gint64)(end - first));
      PmodTensor from =
          pmod_tensor_1d (self->lanes[i].gradients + first, PMOD_DTYPE_F32, (gint64)(end - first));

      pmod_blend (backend, &to, 1, &from, 1);
    }
}

static void
step_weights (int worker, PmodBackend *backend, gpointer user_data)
{
  PmodTrainer *self = ((Step *)user_data)->trainer;
  PmodTensor factor = pmod_tensor_rows (&self->norm, 1, 1);

  for (guint i = 0; i < self->weights->all->len; i++)
    {
      PmodWeight *weight = pmod_weights_get (self->weights, i);

      if (self->owners[i] == worker && pmod_optimizer_learns (self->stage, weight))
        pmod_optimizer_step (self->weights, weight, backend, self->lanes[0].gradients, &factor,
                             self->stage, self->step);
    }
}

static void
refresh (int worker, PmodBackend *backend, gpointer user_data)
{
  pmod_network_refresh (((Step *)user_data)->trainer->lanes[worker].network);
}

static void
measure_gradient (PmodTrainer *self)
{
  g_autoptr (GArray) views = g_array_new (FALSE, FALSE, sizeof (PmodTensor));

  for (guint i = 0; i < self->weights->all->len; i++)
    {
      const PmodWeight *weight = pmod_weights_get (self->weights, i);
      PmodTensor view = pmod_weight_view (weight, self->lanes[0].gradients);

      if (pmod_optimizer_learns (self->stage, weight))
        g_array_append_val (views, view);
    }
  self->norm = pmod_network_take_norm (self->lanes[0].network);
  pmod_grad_norm (pmod_workers_get_backend (self->workers, 0), &self->norm,
                  (const PmodTensor *)(gpointer)views->data, (int)views->len,
                  (float)self->stage->clip);
}

/* FALSE where the gradient is not finite: nothing was stepped. */
static gboolean
check_gradient (const PmodTrainer *self, GError **error)
{
  if (isfinite (self->gradient_norm))
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_NUMBER,
               "stage %s, step %" G_GINT64_FORMAT ": expected a finite gradient, its norm is %f",
               self->stage->name, self->step + 1, (double)self->gradient_norm);
  return FALSE;
}

gboolean
pmod_trainer_check_lanes (PmodTrainer *self, gint64 step, const char *what, GError **error)
{
  gboolean ok = TRUE;

  for (int i = 0; i < pmod_workers_get_n (self->workers); i++)
    if (self->lanes[i].error != NULL && ok)
      {
        g_propagate_prefixed_error (error, g_steal_pointer (&self->lanes[i].error),
                                    "stage %s, step %" G_GINT64_FORMAT "%s: ", self->stage->name,
                                    step, what);
        ok = FALSE;
      }
    else
      g_clear_error (&self->lanes[i].error);
  return ok;
}

static GPtrArray *
take_batch (PmodTrainer *self, GError **error)
{
  g_autoptr (GPtrArray) samples = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_sample_free);

  for (int i = 0; i < self->stage->batch; i++)
    {
      PmodSample *sample = pmod_feed_pop (self->feed, error);

      if (sample == NULL)
        return NULL;
      g_ptr_array_add (samples, sample);
    }
  return g_steal_pointer (&samples);
}

/* What was taken during the step before, or is only taken now. */
static GPtrArray *
get_batch (PmodTrainer *self, GError **error)
{
  if (self->next_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->next_error));
      return NULL;
    }
  return self->next != NULL ? g_steal_pointer (&self->next) : take_batch (self, error);
}

static void
count_step (PmodTrainer *self, const GPtrArray *samples)
{
  PmodTrainerSums *sums = &self->sums;

  for (int i = 0; i < pmod_workers_get_n (self->workers); i++)
    pmod_network_result_add (&sums->result, &self->lanes[i].result);
  /* Without answers the rows of text are not run. */
  for (guint i = 0; i < samples->len; i++)
    {
      const PmodSample *sample = g_ptr_array_index (samples, i);

      sums->n_rows += self->stage->answers > 0 ? sample->n_tokens : sample->n_targets;
    }
  sums->n_steps++;
}

static void
enqueue_step (PmodTrainer *self, Step *step)
{
  pmod_workers_run (self->workers, find_gradients, step);
  pmod_workers_run (self->workers, sum_gradients, step);
  measure_gradient (self);
  pmod_workers_run (self->workers, step_weights, step);
  pmod_workers_run (self->workers, refresh, step);
}

/* What a worker could not enqueue at all is told before what it did not find. */
static void
collect (PmodTrainer *self)
{
  for (int i = 0; i < pmod_workers_get_n (self->workers); i++)
    {
      PmodTrainerLane *lane = &self->lanes[i];
      gboolean failed = lane->error != NULL;

      pmod_network_collect (lane->network, &lane->result, i == 0 ? &self->gradient_norm : NULL,
                            failed ? NULL : &lane->error);
    }
}

guint
pmod_trainer_get_micro (const PmodTrainer *self)
{
  if (self->device == NULL)
    return (guint)self->stage->micro;
  return (guint)(self->stage->device_micro > 0 ? self->stage->device_micro : self->stage->batch);
}

gboolean
pmod_trainer_step (PmodTrainer *self, GError **error)
{
  g_autoptr (GPtrArray) samples = get_batch (self, error);
  Step step = { self, samples, { 0 } };

  if (samples == NULL)
    return FALSE;
  step.factors = pmod_trainer_factors (self, samples);
  enqueue_step (self, &step);
  if (self->step + 1 < self->stage->steps)
    self->next = take_batch (self, &self->next_error);
  collect (self);
  if (!pmod_trainer_check_lanes (self, self->step + 1, "", error) || !check_gradient (self, error))
    return FALSE;
  count_step (self, samples);
  self->step++;
  return TRUE;
}
