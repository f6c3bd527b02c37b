/* The network: what belongs to one pass, the rows of all samples put together, and the loss of the
 * answers. Not here: the tower (pmod-network-tower.c), layers (pmod-network-decoder.c), routing
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

static void
forget_words (PmodNetwork *self)
{
  for (int i = 0; i < PMOD_N_READINGS; i++)
    {
      if (self->words[i] != NULL)
        pmod_matrix_free (self->backend, self->words[i]);
      pmod_free (self->backend, self->word_tables[i].data);
      self->words[i] = NULL;
      self->word_tables[i] = (PmodTensor){ 0 };
    }
}

void
pmod_network_free (PmodNetwork *self)
{
  forget_words (self);
  pmod_free (self->backend, self->rope.data);
  pmod_free (self->backend, self->ones.data);
  pmod_arena_free (self->arena);
  g_free (self->tower);
  g_free (self->layers);
  g_free (self);
}

void
pmod_network_set_options (PmodNetwork *self, const PmodNetworkOptions *options)
{
  forget_words (self);
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

PmodTensor
pmod_network_indices (PmodNetwork *self, const gint32 *values, gint64 n)
{
  PmodTensor to = pmod_arena_1d (self->arena, PMOD_DTYPE_I32, n);

  if (to.data != NULL)
    pmod_upload (self->backend, to.data, values, pmod_tensor_bytes (&to));
  return to;
}

/* --- The rows of a pass --------------------------------------------------------------------- */

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

static void
count_rows (PmodNetwork *self)
{
  self->n_rows = self->n_targets = self->n_tiles = 0;
  for (int i = 0; i < self->n_samples; i++)
    {
      self->n_rows += self->samples[i]->n_tokens;
      self->n_targets += self->samples[i]->n_targets;
      for (int k = 0; k < self->samples[i]->n_images; k++)
        self->n_tiles += self->samples[i]->images[k].pixels->n_tiles;
    }
}

/* Writes where the rows of one sample's pictures come from: rows of projected from tile_row on. */
static void
merge_images (
    const PmodSample *sample, gint32 *merge, gint32 *newline, gint32 *tile_row, gint32 tile_tokens)
{
  for (int k = 0; k < sample->n_images; k++)
    {
      const PmodSampleImage *image = &sample->images[k];

      for (int j = 0; j < image->pixels->n_tokens; j++)
        if (image->pixels->merge[j] >= 0)
          merge[image->first + j] = *tile_row + image->pixels->merge[j];
        else
          newline[image->first + j] = 0;
      *tile_row += image->pixels->n_tiles * tile_tokens;
    }
}

static void
lay_out_rows (PmodNetwork *self)
{
  gsize n = (gsize)self->n_rows;
  g_autofree gint32 *text = g_new (gint32, n);
  g_autofree gint32 *merge = g_new (gint32, n);
  g_autofree gint32 *newline = g_new (gint32, n);
  g_autofree gint32 *positions = g_new (gint32, n);
  g_autofree gint32 *targets = g_new (gint32, MAX (self->n_targets, 1));
  gint32 row = 0, target = 0, tile_row = 0;

  memset (merge, -1, n * sizeof *merge);
  memset (newline, -1, n * sizeof *newline);
  for (int i = 0; i < self->n_samples; i++)
    {
      const PmodSample *sample = self->samples[i];

      memcpy (text + row, sample->ids, (gsize)sample->n_tokens * sizeof *text);
      memcpy (positions + row, sample->positions, (gsize)sample->n_tokens * sizeof *positions);
      for (int k = 0; k < sample->n_targets; k++)
        targets[target++] = row + sample->targets[k];
      merge_images (sample, merge + row, newline + row, &tile_row,
                    pmod_config_tile_tokens (self->weights->config));
      row += sample->n_tokens;
    }
  self->text = pmod_network_indices (self, text, self->n_rows);
  self->merge = pmod_network_indices (self, merge, self->n_rows);
  self->newline = (PmodTensor){ 0 };
  if (self->weights->newline != NULL)
    self->newline = pmod_network_indices (self, newline, self->n_rows);
  self->positions = pmod_network_indices (self, positions, self->n_rows);
  self->targets = pmod_network_indices (self, targets, self->n_targets);
}

static void
lay_out_lanes (PmodNetwork *self)
{
  gint64 row = 0;

  self->lanes = pmod_arena_2d (self->arena, PMOD_DTYPE_U8, self->n_samples, sizeof (PmodLane)).data;
  for (int i = 0; self->lanes != NULL && i < self->n_samples; i++)
    {
      const PmodSample *sample = self->samples[i];

      self->lanes[i] = (PmodLane){ row, sample->n_tokens };
      row += sample->n_tokens;
      if (sample->first == NULL)
        continue;
      self->lanes[i].prefix = sample->prefix;
      self->lanes[i].first = pmod_network_indices (self, sample->first, sample->n_tokens);
    }
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

/* Rows that have a label. */
typedef struct
{
  gint64 n;
  PmodReading reading;
  gint32 *answers; /* [n] of all samples of the pass, counted through; or -1 */
  int n_answers;
} Answers;

static void
list_answers (PmodNetwork *self, Answers *answers)
{
  g_autofree gint32 *rows = g_new (gint32, self->n_rows);
  g_autofree gint32 *labels = g_new (gint32, self->n_rows);
  gint32 row = 0;

  answers->answers = g_new (gint32, self->n_rows);
  for (int i = 0; i < self->n_samples; i++)
    {
      const PmodSample *sample = self->samples[i];

      for (int k = 0; k < sample->n_tokens; k++)
        if (sample->labels[k] >= 0)
          {
            rows[answers->n] = row + k;
            labels[answers->n] = sample->labels[k];
            answers->answers[answers->n++] =
                sample->answers[k] < 0 ? -1 : sample->answers[k] + answers->n_answers;
          }
      row += sample->n_tokens;
      answers->n_answers += sample->n_answers;
    }
  answers->reading.rows = pmod_network_indices (self, rows, answers->n);
  answers->reading.labels = pmod_network_indices (self, labels, answers->n);
  answers->reading.scales = pmod_arena_1d (self->arena, PMOD_DTYPE_F32, answers->n);
  pmod_fill (self->backend, &answers->reading.scales, self->factors->answers);
}

static void
mark_right (const Answers *answers, guint8 *right)
{
  const gint32 *labels = answers->reading.labels.data, *got = answers->reading.argmax.data;

  memset (right, 1, (gsize)answers->n_answers);
  for (gint64 i = 0; i < answers->n; i++)
    if (answers->answers[i] >= 0 && got[i] != labels[i])
      right[answers->answers[i]] = 0;
}

/* The loss of the answers; adds its gradient to dx [T,D], unless NULL. */
static void
answer_loss (
    PmodNetwork *self, Answers *answers, PmodTensor *dx, PmodNetworkResult *result, guint8 *right)
{
  const PmodWeights *w = self->weights;
  PmodReading *reading = &answers->reading;
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
  if (!pmod_network_read (self, reading))
    return;
  result->loss += reading->sums[0];
  result->n_labels += (gint64)reading->sums[1];
  result->n_labels_right += (gint64)reading->sums[2];
  if (right != NULL)
    mark_right (answers, right);
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

/* --- A pass --------------------------------------------------------------------------------- */

static gboolean
check_pass (PmodNetwork *self, const PmodNetworkResult *result, GError **error)
{
  if (!pmod_backend_sync (self->backend))
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

/* The decoder over all rows, forward and, where wanted, backward. */
static void
run_decoder (PmodNetwork *self, PmodNetworkResult *result, guint8 *right, PmodRouterStats *stats)
{
  Answers answers = { 0 };
  PmodTensor dx;

  lay_out_lanes (self);
  embed_rows (self);
  pmod_network_decoder_forward (self, stats);
  list_answers (self, &answers);
  if (self->backward)
    dx = pmod_network_zeros (self, self->n_rows, self->weights->config->hidden);
  if (answers.n > 0)
    answer_loss (self, &answers, self->backward ? &dx : NULL, result, right);
  result->loss += pmod_network_route_loss (self);
  if (self->backward)
    {
      pmod_network_decoder_backward (self, &dx);
      embed_rows_backward (self, &dx);
    }
  g_free (answers.answers);
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
  PmodArenaMark mark = pmod_arena_mark (self->arena);

  g_return_val_if_fail (!backward || self->gradients != NULL, FALSE);

  *result = (PmodNetworkResult){ 0 };
  self->samples = samples;
  self->n_samples = n_samples;
  self->factors = factors;
  self->backward = backward;
  self->flops = 0;
  if (!check_samples (self, error))
    return FALSE;
  count_rows (self);
  lay_out_rows (self);
  pmod_network_tower_forward (self);
  if (self->n_tiles > 0 && backward)
    self->dprojected =
        pmod_network_zeros (self, self->projected.shape[0], self->projected.shape[1]);
  result->loss += pmod_network_words_loss (self, result);
  if (factors->answers > 0)
    run_decoder (self, result, right, stats);
  if (backward)
    pmod_network_tower_backward (self);
  pmod_arena_reset (self->arena, mark);
  result->flops = self->flops;
  return check_pass (self, result, error);
}
