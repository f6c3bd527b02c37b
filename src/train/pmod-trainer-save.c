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

gboolean
pmod_trainer_save_state (PmodTrainer *self, GError **error)
{
  gint64 n = (gint64)self->weights->n_elements;
  gint64 progress[N_PROGRESS] = { STATE_VERSION, self->stage_idx, self->step,
                                  pmod_workers_get_n (self->workers) };
  float best = (float)self->best;
  const PmodNamedTensor tensors[] = {
    { "progress", PMOD_DTYPE_I64, 1, { N_PROGRESS }, progress },
    { "best", PMOD_DTYPE_F32, 1, { 1 }, &best },
    { "masters", PMOD_DTYPE_F32, 1, { n }, self->weights->values },
    { "moment1", PMOD_DTYPE_F32, 1, { n }, self->weights->m1 },
    { "moment2", PMOD_DTYPE_F32, 1, { n }, self->weights->m2 },
  };

  return pmod_safetensors_write (self->state_path, tensors, G_N_ELEMENTS (tensors), NULL, error);
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
pmod_trainer_load_state (PmodTrainer *self, GError **error)
{
  g_autoptr (PmodSafetensors) file = pmod_safetensors_open (self->state_path, error);
  gint64 n = (gint64)self->weights->n_elements, progress[N_PROGRESS];
  gsize n_bytes = self->weights->n_elements * sizeof (float);
  const void *best, *masters, *m1, *m2;
  float value;

  if (file == NULL || !read_progress (file, progress, error) ||
      !check_progress (self, progress, error) ||
      (best = find_tensor (file, "best", PMOD_DTYPE_F32, 1, error)) == NULL ||
      (masters = find_tensor (file, "masters", PMOD_DTYPE_F32, n, error)) == NULL ||
      (m1 = find_tensor (file, "moment1", PMOD_DTYPE_F32, n, error)) == NULL ||
      (m2 = find_tensor (file, "moment2", PMOD_DTYPE_F32, n, error)) == NULL)
    return FALSE;
  memcpy (self->weights->values, masters, n_bytes);
  memcpy (self->weights->m1, m1, n_bytes);
  memcpy (self->weights->m2, m2, n_bytes);
  memcpy (&value, best, sizeof value);
  self->best = (double)value;
  self->stage_idx = (int)progress[PROGRESS_STAGE];
  self->step = progress[PROGRESS_STEP];
  self->n_workers_before = (int)CLAMP (progress[PROGRESS_WORKERS], 0, 256);
  pmod_weights_update (self->weights);
  return TRUE;
}

gboolean
pmod_trainer_save_model (PmodTrainer *self, GError **error)
{
  g_autofree char *path = g_build_filename (self->output, "model.safetensors", NULL);

  return pmod_weights_save (self->weights, path, PMOD_DTYPE_BF16, error);
}
