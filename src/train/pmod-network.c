/* The network: its passes, the merged rows, the loss of the answers, and what comes of it all on
 * the host. A pass goes up in one copy (pmod-network-layout.c), is enqueued without waiting for
 * anything, and leaves its sums on the board, from where they are collected in one copy. Not here:
 * the tower (pmod-network-tower.c), layers (pmod-network-decoder.c), routing
 * (pmod-network-route.c), reading patches by words (pmod-network-words.c). */
#include "pmod-network-private.h"

#include <math.h>
#include <string.h>

#include "pmod-rope.h"
#include "pmod-router-norm.h"

/* --- Lifecycle ------------------------------------------------------------------------------ */

static void
make_rope (PmodNetwork *self)
{
  const PmodConfig *config = self->weights->config;
  g_autofree float *table = pmod_rope_new_table (config);

  self->rope = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, config->context_length, config->head_dim);
  self->rope.data = pmod_alloc (self->backend, pmod_tensor_bytes (&self->rope));
  if (self->rope.data != NULL)
    pmod_upload (self->backend, self->rope.data, table, pmod_tensor_bytes (&self->rope));
}

PmodNetwork *
pmod_network_new (const PmodWeights *weights, PmodBackend *backend, float *gradients)
{
  PmodNetwork *self = g_new0 (PmodNetwork, 1);
  const PmodConfig *config = weights->config;

  self->weights = weights;
  self->backend = backend;
  self->gradients = gradients;
  self->options.parts = PMOD_PART_ALL;
  self->arena = pmod_arena_new (backend);
  self->parcel = pmod_parcel_new ();
  self->board = pmod_board_new (backend);
  self->passes = g_array_new (FALSE, FALSE, sizeof (PmodPass));
  self->patch_list = (PmodPatchList){ g_array_new (FALSE, FALSE, sizeof (gint32)),
                                      g_array_new (FALSE, FALSE, sizeof (gint32)),
                                      g_array_new (FALSE, FALSE, sizeof (float)) };
  self->norm = pmod_router_norm_to_ops (&config->router_norm);
  pmod_schedule_ratios (&config->schedule, config->n_layers, self->ratios);
  self->tower = g_new0 (PmodTowerState, MAX (weights->n_blocks, 1));
  self->layers = g_new0 (PmodLayerState, config->n_layers);
  make_rope (self);
  self->ones = pmod_tensor_1d (NULL, PMOD_DTYPE_F32, config->hidden);
  self->ones.data = pmod_alloc (backend, pmod_tensor_bytes (&self->ones));
  pmod_fill (backend, &self->ones, 1);
  return self;
}

void
pmod_network_free (PmodNetwork *self)
{
  pmod_network_forget_words (self);
  pmod_free (self->backend, self->rope.data);
  pmod_free (self->backend, self->ones.data);
  pmod_arena_free (self->arena);
  pmod_parcel_free (self->parcel);
  pmod_board_free (self->board);
  g_array_unref (self->passes);
  g_array_unref (self->patch_list.rows);
  g_array_unref (self->patch_list.labels);
  g_array_unref (self->patch_list.scales);
  g_free (self->lanes);
  g_free (self->tower);
  g_free (self->layers);
  g_free (self);
}

void
pmod_network_set_options (PmodNetwork *self, const PmodNetworkOptions *options)
{
  pmod_network_forget_words (self);
  self->options = *options;
  pmod_network_refresh (self);
}

/* --- What its files share ------------------------------------------------------------------- */

gboolean
pmod_network_learns (const PmodNetwork *self, guint parts)
{
  return (self->options.parts & parts) != 0;
}

PmodTensor *
pmod_network_gradient (PmodNetwork *self, const PmodWeight *weight, PmodTensor *view)
{
  if (!pmod_network_learns (self, weight->part))
    return NULL;
  *view = pmod_weight_view (weight, self->gradients);
  return view;
}

void
pmod_network_linear (PmodNetwork *self,
                     PmodTensor *y,
                     const PmodTensor *x,
                     const PmodWeight *w,
                     const PmodWeight *bias,
                     PmodEpilogue epilogue)
{
  pmod_linear (self->backend, y, x, w->matrix, bias != NULL ? &bias->value : NULL, epilogue);
  self->flops += 2.0 * (double)x->shape[0] * (double)pmod_weight_n (w);
}

void
pmod_network_linear_backward (PmodNetwork *self,
                              PmodTensor *dx,
                              const PmodTensor *dy,
                              const PmodTensor *x,
                              const PmodWeight *w,
                              const PmodWeight *bias)
{
  PmodTensor dw, db;
  PmodTensor *to = pmod_network_gradient (self, w, &dw);
  PmodTensor *to_bias = bias != NULL ? pmod_network_gradient (self, bias, &db) : NULL;

  pmod_linear_backward (self->backend, dx, to, to_bias, dy, x, w->matrix);
  self->flops +=
      2.0 * (double)dy->shape[0] * (double)pmod_weight_n (w) * ((dx != NULL) + (to != NULL));
}

PmodTensor
pmod_network_copy (PmodNetwork *self, const PmodTensor *from)
{
  PmodTensor to = pmod_arena_2d (self->arena, from->dtype, from->shape[0], from->shape[1]);

  if (to.data != NULL)
    pmod_copy (self->backend, to.data, from->data, pmod_tensor_bytes (&to));
  return to;
}

PmodTensor
pmod_network_zeros (PmodNetwork *self, gint64 n0, gint64 n1)
{
  PmodTensor to = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n0, n1);

  pmod_fill (self->backend, &to, 0);
  return to;
}

/* --- Merged rows ---------------------------------------------------------------------------- */

static PmodTensor
newline_table (const PmodNetwork *self, float *block)
{
  PmodTensor view = pmod_weight_view (self->weights->newline, block);

  return pmod_tensor_2d (view.data, PMOD_DTYPE_F32, 1, view.shape[0]);
}

static void
embed_rows (PmodNetwork *self)
{
  self->x =
      pmod_arena_2d (self->arena, PMOD_DTYPE_F32, self->n_rows, self->weights->config->hidden);
  pmod_gather_rows (self->backend, &self->x, &self->weights->embedding->value, &self->text);
  if (self->n_tiles > 0)
    pmod_gather_rows (self->backend, &self->x, &self->projected, &self->merge);
  if (self->n_tiles > 0 && self->newline.data != NULL)
    {
      PmodTensor table = newline_table (self, self->weights->values);

      pmod_gather_rows (self->backend, &self->x, &table, &self->newline);
    }
}

static void
embed_rows_backward (PmodNetwork *self, const PmodTensor *dx)
{
  PmodTensor view;
  PmodTensor *dtable = pmod_network_gradient (self, self->weights->embedding, &view);

  if (dtable != NULL)
    pmod_gather_rows_backward (self->backend, dtable, dx, &self->text);
  if (self->n_tiles == 0)
    return;
  pmod_gather_rows_backward (self->backend, &self->dprojected, dx, &self->merge);
  if (self->newline.data != NULL && pmod_network_learns (self, PMOD_PART_PROJECTOR))
    {
      view = newline_table (self, self->gradients);
      pmod_gather_rows_backward (self->backend, &view, dx, &self->newline);
    }
}

/* --- Answers -------------------------------------------------------------------------------- */

/* The loss of the answers; adds its gradient to dx [T,D], unless NULL. */
static void
read_answers (PmodNetwork *self, PmodTensor *dx)
{
  const PmodWeights *w = self->weights;
  PmodReading *reading = &self->answers;
  PmodTensor dnorm, dtable;

  reading->from = &self->x;
  reading->norm = &w->norm->value;
  reading->table = w->head->matrix;
  if (dx != NULL)
    {
      reading->dfrom = dx;
      reading->dnorm = pmod_network_gradient (self, w->norm, &dnorm);
      reading->dtable = pmod_network_gradient (self, w->head, &dtable);
    }
  pmod_network_read (self, reading);
}

/* What was fetched of the last pass: for each answer whether every label's likeliest token is
 * right. */
static void
mark_right (const PmodNetwork *self, guint8 *right)
{
  const gint32 *got = pmod_board_read (self->board, self->answers.argmax);

  for (int i = 0; i < self->n_samples; right += self->samples[i++]->n_answers)
    {
      const PmodSample *sample = self->samples[i];

      memset (right, 1, (gsize)sample->n_answers);
      for (int k = 0; k < sample->n_tokens; k++)
        if (sample->labels[k] >= 0)
          {
            if (sample->answers[k] >= 0 && *got != sample->labels[k])
              right[sample->answers[k]] = 0;
            got++;
          }
    }
}

void
pmod_network_result_add (PmodNetworkResult *sum, const PmodNetworkResult *part)
{
  sum->loss += part->loss;
  sum->n_labels += part->n_labels;
  sum->n_labels_right += part->n_labels_right;
  for (int i = 0; i < PMOD_N_READINGS; i++)
    {
      sum->n_read[i] += part->n_read[i];
      sum->n_read_right[i] += part->n_read_right[i];
    }
  sum->flops += part->flops;
}

/* --- The board ------------------------------------------------------------------------------ */

/* All readings of a pass, the answers' last. */
static PmodReading *
reading_of (PmodNetwork *self, int i)
{
  return i < PMOD_N_READINGS ? &self->readings[i] : &self->answers;
}

/* Of what the host is told when it is told all. */
static gsize
measure_details (const PmodNetwork *self)
{
  gint64 n = self->answers.n;

  for (int i = 0; i < PMOD_N_READINGS; i++)
    n += self->readings[i].n;
  return (gsize)n * sizeof (gint32) +
         (gsize)self->n_targets * (gsize)self->weights->config->n_layers * (2 * sizeof (float) + 1);
}

/* Takes the places of a pass, sums first. FALSE where there is no memory. */
static gboolean
take_places (PmodNetwork *self)
{
  int n_layers = self->weights->config->n_layers;
  PmodPass pass = { .router_factor = (double)self->factors->routers };

  if (!pmod_board_reserve (self->board,
                           (self->tells_all ? measure_details (self) : 0) +
                               (gsize)n_layers * sizeof (float),
                           2 * (PMOD_N_READINGS + 2) + 3 * n_layers))
    return FALSE;
  for (int i = 0; i <= PMOD_N_READINGS; i++)
    {
      PmodReading *reading = reading_of (self, i);

      pass.n[i] = reading->n;
      if (reading->n > 0)
        pass.summaries[i] = reading->summary = pmod_board_take (self->board, 3 * sizeof (float));
    }
  for (int i = 0; i < n_layers && self->objects.data != NULL; i++)
    pass.n_routed += self->layers[i].routed;
  pass.router_losses = pmod_board_take (self->board, (gsize)pass.n_routed * sizeof (float));
  self->router_losses =
      pmod_board_1d (self->board, pass.router_losses, PMOD_DTYPE_F32, pass.n_routed);
  for (int i = 0; self->tells_all && i <= PMOD_N_READINGS; i++)
    {
      PmodReading *reading = reading_of (self, i);

      reading->is_told = TRUE;
      reading->argmax = pmod_board_take (self->board, (gsize)reading->n * sizeof (gint32));
    }
  g_array_append_val (self->passes, pass);
  return TRUE;
}

/* What was fetched of one pass. */
static void
add_sums (const PmodNetwork *self, const PmodPass *pass, PmodNetworkResult *result)
{
  const float *routers = pmod_board_read (self->board, pass->router_losses);
  double router_loss = 0;
  PmodNetworkResult part = { .flops = pass->flops };

  for (int i = 0; i <= PMOD_N_READINGS; i++)
    if (pass->n[i] > 0)
      part.loss += *(const float *)pmod_board_read (self->board, pass->summaries[i]);
  if (pass->n[PMOD_N_READINGS] > 0)
    {
      const float *sums = pmod_board_read (self->board, pass->summaries[PMOD_N_READINGS]);

      part.n_labels = (gint64)sums[1];
      part.n_labels_right = (gint64)sums[2];
    }
  for (int i = 0; i < pass->n_routed; i++)
    router_loss += (double)routers[i];
  part.loss += router_loss * pass->router_factor;
  pmod_network_result_add (result, &part);
}

PmodTensor
pmod_network_take_norm (PmodNetwork *self)
{
  if (!pmod_board_reserve (self->board, 2 * sizeof (float), 1))
    return pmod_tensor_1d (NULL, PMOD_DTYPE_F32, 2);
  self->has_norm = TRUE;
  self->gradient_norm = pmod_board_take (self->board, 2 * sizeof (float));
  return pmod_board_1d (self->board, self->gradient_norm, PMOD_DTYPE_F32, 2);
}

gboolean
pmod_network_collect (PmodNetwork *self, PmodNetworkResult *result, float *norm, GError **error)
{
  gboolean ok = pmod_board_fetch (self->board);

  *result = (PmodNetworkResult){ 0 };
  for (guint i = 0; ok && i < self->passes->len; i++)
    add_sums (self, &g_array_index (self->passes, PmodPass, i), result);
  if (ok && norm != NULL && self->has_norm)
    *norm = *(const float *)pmod_board_read (self->board, self->gradient_norm);
  g_array_set_size (self->passes, 0);
  self->has_norm = FALSE;
  if (!ok)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_DEVICE, "network: %s",
                   pmod_backend_get_error (self->backend));
      pmod_backend_clear_error (self->backend);
      return FALSE;
    }
  if (isfinite (result->loss))
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_NUMBER, "loss: expected a finite number, got %f",
               result->loss);
  return FALSE;
}

/* --- A pass --------------------------------------------------------------------------------- */

static gboolean
check_samples (const PmodNetwork *self, GError **error)
{
  for (int i = 0; i < self->n_samples; i++)
    for (int k = 0; k < self->samples[i]->n_images; k++)
      if (self->samples[i]->images[k].pixels->resample_merge != NULL)
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                       "training with max_num_patches (anyres_max_N in config.json) is not "
                       "supported: a picture of sample %d would be shrunk",
                       i);
          return FALSE;
        }
  return TRUE;
}

/* The angles of all rows, so that a layer's rows find theirs by what they are rows of. */
static void
find_angles (PmodNetwork *self)
{
  self->angles = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, self->n_rows, self->rope.shape[1]);
  pmod_gather_rows (self->backend, &self->angles, &self->rope, &self->positions);
}

/* The decoder over all rows, forward and, where wanted, backward. */
static void
run_decoder (PmodNetwork *self)
{
  PmodTensor dx;

  find_angles (self);
  embed_rows (self);
  pmod_network_decoder_forward (self);
  if (self->backward)
    dx = pmod_network_zeros (self, self->n_rows, self->weights->config->hidden);
  if (self->answers.n > 0)
    read_answers (self, self->backward ? &dx : NULL);
  if (!self->backward)
    {
      pmod_network_route_loss (self);
      return;
    }
  pmod_network_decoder_backward (self, &dx);
  embed_rows_backward (self, &dx);
}

static void
run_pass (PmodNetwork *self)
{
  pmod_network_tower_forward (self);
  if (self->n_tiles > 0 && self->backward)
    self->dprojected =
        pmod_network_zeros (self, self->projected.shape[0], self->projected.shape[1]);
  pmod_network_read_words (self);
  if (self->factors->answers > 0)
    run_decoder (self);
  if (self->backward)
    pmod_network_tower_backward (self);
}

static gboolean
enqueue (PmodNetwork *self,
         PmodSample *const *samples,
         int n_samples,
         const PmodLossFactors *factors,
         GError **error)
{
  PmodArenaMark mark = pmod_arena_mark (self->arena);

  g_return_val_if_fail (!self->backward || self->gradients != NULL, FALSE);

  self->samples = samples;
  self->n_samples = n_samples;
  self->factors = factors;
  self->flops = 0;
  if (!check_samples (self, error))
    return FALSE;
  pmod_network_lay_out (self);
  /* Without it the backend has failed, which is told by collect. */
  if (take_places (self))
    {
      run_pass (self);
      g_array_index (self->passes, PmodPass, self->passes->len - 1).flops = self->flops;
    }
  pmod_arena_reset (self->arena, mark);
  return TRUE;
}

gboolean
pmod_network_enqueue (PmodNetwork *self,
                      PmodSample *const *samples,
                      int n_samples,
                      const PmodLossFactors *factors,
                      GError **error)
{
  self->backward = TRUE;
  self->tells_all = FALSE;
  return enqueue (self, samples, n_samples, factors, error);
}

gboolean
pmod_network_run (PmodNetwork *self,
                  PmodSample *const *samples,
                  int n_samples,
                  const PmodLossFactors *factors,
                  gboolean backward,
                  PmodNetworkResult *result,
                  guint8 *right,
                  PmodRouterStats *stats,
                  GError **error)
{
  *result = (PmodNetworkResult){ 0 };
  self->backward = backward;
  self->tells_all = TRUE;
  if (!enqueue (self, samples, n_samples, factors, error) ||
      !pmod_network_collect (self, result, NULL, error))
    return FALSE;
  pmod_network_count_words (self, result);
  if (factors->answers > 0 && right != NULL && self->answers.n > 0)
    mark_right (self, right);
  if (factors->answers > 0 && stats != NULL)
    pmod_network_route_count (self, stats);
  return TRUE;
}
