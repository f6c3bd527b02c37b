/* What a run leaves on the disk: the checkpoint, and the state to go on from. */
#include "pmod-trainer-private.h"

#include <string.h>

#include "pmod-config-writer.h"
#include "pmod-safetensors-writer.h"

/* Entries of the tensor "progress". */
enum
{
  PROGRESS_VERSION,
  PROGRESS_STAGE,
  PROGRESS_STEP,
  PROGRESS_WORKERS,
  N_PROGRESS
};

#define STATE_VERSION 1

/* A run on a device has no number of workers: 0. */
gboolean
pmod_trainer_save_state (PmodTrainer *self, GError **error)
{
  const PmodWeights *weights = self->weights;
  gint64 n = (gint64)weights->n_elements;
  gint64 progress[N_PROGRESS] = { STATE_VERSION, self->stage_idx, self->step,
                                  self->device != NULL ? 0 : pmod_workers_get_n (self->workers) };
  float best = (float)self->best;
  g_autofree float *masters_copy = NULL, *m1_copy = NULL, *m2_copy = NULL;
  const float *masters = pmod_weights_read (weights, weights->values, &masters_copy, error);
  const float *m1 = masters ? pmod_weights_read (weights, weights->m1, &m1_copy, error) : NULL;
  const float *m2 = m1 ? pmod_weights_read (weights, weights->m2, &m2_copy, error) : NULL;
  const PmodNamedTensor tensors[] = {
    { "progress", PMOD_DTYPE_I64, 1, { N_PROGRESS }, progress },
    { "best", PMOD_DTYPE_F32, 1, { 1 }, &best },
    { "masters", PMOD_DTYPE_F32, 1, { n }, masters },
    { "moment1", PMOD_DTYPE_F32, 1, { n }, m1 },
    { "moment2", PMOD_DTYPE_F32, 1, { n }, m2 },
  };

  return m2 != NULL &&
         pmod_safetensors_write (self->state_path, tensors, G_N_ELEMENTS (tensors), NULL, error);
}

/* A tensor of the state; an error where it is not as it must be. */
static const void *
find_tensor (PmodSafetensors *file, const char *name, PmodDtype dtype, gint64 n, GError **error)
{
  const PmodSafetensorsEntry *entry = pmod_safetensors_find (file, name);

  if (entry != NULL && entry->supported && entry->tensor.dtype == dtype &&
      entry->n_file_dims == 1 && entry->tensor.shape[0] == n)
    return entry->tensor.data;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "%s: %s: expected %s of %" G_GINT64_FORMAT " numbers, got %s of %" G_GINT64_FORMAT
               "; it is of another recipe",
               pmod_safetensors_get_path (file), name, pmod_dtype_name (dtype), n,
               entry == NULL ? "nothing" : entry->dtype_name,
               entry == NULL ? 0 : pmod_tensor_n_elements (&entry->tensor));
  return NULL;
}

static gboolean
read_progress (PmodSafetensors *file, gint64 *progress, GError **error)
{
  const void *data = find_tensor (file, "progress", PMOD_DTYPE_I64, N_PROGRESS, error);

  if (data == NULL)
    return FALSE;
  memcpy (progress, data, N_PROGRESS * sizeof *progress);
  if (progress[PROGRESS_VERSION] == STATE_VERSION)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
               "%s: expected version %d, got %" G_GINT64_FORMAT, pmod_safetensors_get_path (file),
               STATE_VERSION, progress[PROGRESS_VERSION]);
  return FALSE;
}

static gboolean
check_progress (const PmodTrainer *self, const gint64 *progress, GError **error)
{
  gint64 stage = progress[PROGRESS_STAGE], step = progress[PROGRESS_STEP];

  if (stage >= 0 && stage < self->recipe->n_stages && step >= 0 &&
      step <= self->recipe->stages[stage].steps)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "%s: it is at stage %" G_GINT64_FORMAT ", step %" G_GINT64_FORMAT
               ", which %s does not have",
               self->state_path, stage + 1, step, self->recipe->path);
  return FALSE;
}

gboolean
pmod_trainer_load_progress (PmodTrainer *self, GError **error)
{
  g_autoptr (PmodSafetensors) file = pmod_safetensors_open (self->state_path, error);
  gint64 progress[N_PROGRESS];

  if (file == NULL || !read_progress (file, progress, error) ||
      !check_progress (self, progress, error))
    return FALSE;
  self->stage_idx = (int)progress[PROGRESS_STAGE];
  self->step = progress[PROGRESS_STEP];
  self->n_workers_before = (int)CLAMP (progress[PROGRESS_WORKERS], 0, 256);
  return TRUE;
}

gboolean
pmod_trainer_load_state (PmodTrainer *self, GError **error)
{
  g_autoptr (PmodSafetensors) file = pmod_safetensors_open (self->state_path, error);
  PmodWeights *weights = self->weights;
  gint64 n = (gint64)weights->n_elements;
  const void *best, *masters, *m1, *m2;
  float value;

  if (file == NULL || (best = find_tensor (file, "best", PMOD_DTYPE_F32, 1, error)) == NULL ||
      (masters = find_tensor (file, "masters", PMOD_DTYPE_F32, n, error)) == NULL ||
      (m1 = find_tensor (file, "moment1", PMOD_DTYPE_F32, n, error)) == NULL ||
      (m2 = find_tensor (file, "moment2", PMOD_DTYPE_F32, n, error)) == NULL)
    return FALSE;
  pmod_weights_write (weights, weights->values, masters);
  pmod_weights_write (weights, weights->m1, m1);
  pmod_weights_write (weights, weights->m2, m2);
  memcpy (&value, best, sizeof value);
  self->best = (double)value;
  pmod_weights_update (weights);
  return pmod_weights_check (weights, error);
}

gboolean
pmod_trainer_save_model (PmodTrainer *self, GError **error)
{
  g_autofree char *path = g_build_filename (self->output, "model.safetensors", NULL);

  return pmod_weights_save (self->weights, path, PMOD_DTYPE_BF16, error);
}
