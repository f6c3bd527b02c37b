/* A run from its beginning to its end: what it needs, its stages, when it looks and saves. Not
 * here: one step (pmod-trainer-step.c), the validation (pmod-trainer-look.c), files
 * (pmod-trainer-save.c). */
#include "config.h"

#include "pmod-trainer-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "pmod-config-writer.h"
#include "pmod-conversations.h"
#include "pmod-model.h"
#include "pmod-scene-source.h"
#include "pmod-split-source.h"
#include "pmod-vocabulary.h"

/* Samples that are made ahead, in batches. */
#define BATCHES_AHEAD 2

/* Scenes whose words a new tokenizer is trained on. */
#define VOCABULARY_SCENES 3000

/* The first sample of a stage: no two stages see the same. */
#define STAGE_SHIFT 40

/* --- Directories ---------------------------------------------------------------------------- */

static gboolean
make_dir (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0755) == 0)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: cannot make the directory: %s", path,
               g_strerror (errno));
  return FALSE;
}

static char *
find_tables (const PmodRecipe *recipe)
{
  g_autofree char *beside = g_path_get_dirname (recipe->path);
  const char *dirs[] = { beside, STRATA_SOURCE_DIR G_DIR_SEPARATOR_S "data/recipes",
                         STRATA_PKGDATADIR G_DIR_SEPARATOR_S "recipes" };

  for (gsize i = 0; i < G_N_ELEMENTS (dirs); i++)
    {
      g_autofree char *table = g_build_filename (dirs[i], "art.ini", NULL);

      if (g_file_test (table, G_FILE_TEST_EXISTS))
        return g_strdup (dirs[i]);
    }
  return g_strdup (beside);
}

static gboolean
open_output (PmodTrainer *self, const PmodTrainerOptions *options, GError **error)
{
  g_autofree char *training = g_build_filename (options->output, "training", NULL);
  gboolean has_state;

  self->output = g_strdup (options->output);
  self->state_path = g_build_filename (training, "state.safetensors", NULL);
  self->art_dir =
      options->art != NULL ? g_strdup (options->art) : pmod_scene_art_get_default_cache ();
  self->tables_dir = find_tables (self->recipe);
  has_state = g_file_test (self->state_path, G_FILE_TEST_EXISTS);
  if (has_state && !options->resume)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
                   "%s: an earlier run is there: resume it, or name another directory",
                   self->state_path);
      return FALSE;
    }
  if (!has_state && options->resume)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: there is no run to resume",
                   self->state_path);
      return FALSE;
    }
  return make_dir (training, error);
}

/* --- Art and words -------------------------------------------------------------------------- */

static gboolean
needs_art (const PmodRecipe *recipe)
{
  for (int i = 0; i < recipe->n_data; i++)
    if (recipe->data[i].kind == PMOD_DATA_SCENES && recipe->data[i].art)
      return TRUE;
  return FALSE;
}

static gboolean
open_art (PmodTrainer *self, GError **error)
{
  gboolean with_art = needs_art (self->recipe);

  self->art = pmod_scene_art_new (with_art ? self->tables_dir : NULL, self->recipe->nouns,
                                  with_art ? self->art_dir : NULL, PMOD_SCENE_ROLE_TRAIN, error);
  if (self->art != NULL)
    return TRUE;
  g_prefix_error (error, "the drawings (data/recipes/fetch-art fetches them): ");
  return FALSE;
}

static gboolean
train_vocabulary (PmodTrainer *self, GError **error)
{
  g_autoptr (GPtrArray) lines =
      pmod_scene_source_list_text (self->art, self->recipe->seed, VOCABULARY_SCENES);

  return pmod_vocabulary_train (self->output, (const char *const *)lines->pdata, lines->len,
                                self->recipe->vocab, error);
}

static gboolean
copy_file (
    const char *from_dir, const char *to_dir, const char *name, gboolean may_miss, GError **error)
{
  g_autofree char *from = g_build_filename (from_dir, name, NULL);
  g_autofree char *to = g_build_filename (to_dir, name, NULL);
  g_autofree char *contents = NULL;
  gsize n;

  if (may_miss && !g_file_test (from, G_FILE_TEST_EXISTS))
    return TRUE;
  return g_file_get_contents (from, &contents, &n, error) &&
         g_file_set_contents (to, contents, (gssize)n, error);
}

/* --- The model ------------------------------------------------------------------------------ */

/* A new network, or one to resume: the tokenizer of a new one is trained first. */
static gboolean
begin_new (PmodTrainer *self, gboolean resumes, GError **error)
{
  self->config = pmod_config_copy (self->recipe->config);
  return resumes || train_vocabulary (self, error);
}

/* A checkpoint goes on. */
static gboolean
begin_from_base (PmodTrainer *self, gboolean resumes, PmodCheckpoint **checkpoint, GError **error)
{
  g_autofree char *dir = pmod_model_find (self->recipe->base, error);

  if (dir == NULL)
    return FALSE;
  *checkpoint = pmod_checkpoint_open (dir, NULL, error);
  if (*checkpoint == NULL)
    return FALSE;
  self->config = pmod_config_copy (pmod_checkpoint_get_config (*checkpoint));
  if (self->recipe->dense)
    pmod_config_make_dense (self->config);
  return resumes || (copy_file (dir, self->output, "tokenizer.model", FALSE, error) &&
                     copy_file (dir, self->output, "tokenizer_config.json", TRUE, error));
}

static gboolean
begin_model (PmodTrainer *self, gboolean resumes, GError **error)
{
  g_autoptr (PmodCheckpoint) checkpoint = NULL;

  if (!(self->recipe->base != NULL ? begin_from_base (self, resumes, &checkpoint, error)
                                   : begin_new (self, resumes, error)))
    return FALSE;
  self->weights = pmod_weights_new (self->config, self->device,
                                    self->recipe->f32 ? PMOD_DTYPE_F32 : PMOD_DTYPE_BF16,
                                    self->recipe->seed, checkpoint, error);
  if (self->weights == NULL ||
      !pmod_recipe_write_config (self->config, self->recipe->about, self->output, error))
    return FALSE;
  self->tokenizer = pmod_tokenizer_new (self->output, error);
  return self->tokenizer != NULL && (!resumes || pmod_trainer_load_state (self, error));
}

/* NULL without an error: the CPU. */
static gboolean
open_device (PmodTrainer *self, const PmodTrainerOptions *options, GError **error)
{
  gboolean was_cpu = options->resume && self->n_workers_before > 0;
  char reason[256] = "";
  PmodBackendInfo info;

  if (options->device == PMOD_DEVICE_CPU || (options->device == PMOD_DEVICE_AUTO && was_cpu))
    return TRUE;
  self->device = pmod_backend_new_cuda (options->device_idx, reason, sizeof reason);
  if (self->device == NULL && options->device == PMOD_DEVICE_AUTO)
    {
      self->fallback = g_strdup_printf ("device cuda: %s", reason);
      return TRUE;
    }
  if (self->device == NULL)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_DEVICE, "device cuda:%d: %s; --device cpu works",
                   options->device_idx, reason);
      return FALSE;
    }
  pmod_backend_get_info (self->device, &info);
  self->device_name = g_strdup (info.name);
  return TRUE;
}

static gboolean
begin_workers (PmodTrainer *self, int n_threads, GError **error)
{
  self->n_makers = 1;
  if (self->device == NULL)
    {
      self->workers = pmod_workers_new (n_threads > 0 ? n_threads : self->n_workers_before, error);
      return self->workers != NULL;
    }
  self->n_makers = n_threads > 0 ? n_threads : MAX ((int)g_get_num_processors () - 1, 1);
  self->workers = pmod_workers_new_device (self->device);
  return TRUE;
}

static gboolean
begin_lanes (PmodTrainer *self, int n_threads, GError **error)
{
  int n;

  if (!begin_workers (self, n_threads, error))
    return FALSE;
  n = pmod_workers_get_n (self->workers);
  self->lanes = g_new0 (PmodTrainerLane, n);
  for (int i = 0; i < n; i++)
    {
      PmodBackend *backend = pmod_workers_get_backend (self->workers, i);

      self->lanes[i].gradients = pmod_alloc (backend, self->weights->n_elements * sizeof (float));
      if (self->lanes[i].gradients == NULL)
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_MEMORY, "gradients of worker %d: %s", i,
                       pmod_backend_get_error (backend));
          return FALSE;
        }
      self->lanes[i].network = pmod_network_new (self->weights, backend, self->lanes[i].gradients);
    }
  if (self->device != NULL && !pmod_weights_check (self->weights, error))
    return FALSE;
  self->peak = pmod_workers_measure (self->workers, self->weights->act);
  return TRUE;
}

/* --- Lifecycle ------------------------------------------------------------------------------ */

PmodTrainer *
pmod_trainer_new (const PmodRecipe *recipe, const PmodTrainerOptions *options, GError **error)
{
  g_autoptr (PmodTrainer) self = g_new0 (PmodTrainer, 1);

  self->recipe = recipe;
  if (!open_output (self, options, error) ||
      (options->resume && !pmod_trainer_load_progress (self, error)) ||
      !open_device (self, options, error) || !open_art (self, error) ||
      !begin_model (self, options->resume, error) || !begin_lanes (self, options->n_threads, error))
    return NULL;
  return g_steal_pointer (&self);
}

static void
end_stage (PmodTrainer *self)
{
  g_clear_pointer (&self->next, g_ptr_array_unref);
  g_clear_error (&self->next_error);
  g_clear_pointer (&self->feed, pmod_feed_free);
  g_clear_pointer (&self->validation, g_ptr_array_unref);
  g_clear_pointer (&self->source, pmod_source_free);
  g_clear_pointer (&self->validation_source, pmod_source_free);
}

void
pmod_trainer_free (PmodTrainer *self)
{
  end_stage (self);
  for (int i = 0; self->lanes != NULL && i < pmod_workers_get_n (self->workers); i++)
    {
      g_clear_pointer (&self->lanes[i].network, pmod_network_free);
      pmod_free (pmod_workers_get_backend (self->workers, i), self->lanes[i].gradients);
    }
  g_clear_pointer (&self->workers, pmod_workers_free);
  g_clear_pointer (&self->weights, pmod_weights_free);
  g_clear_pointer (&self->tokenizer, pmod_tokenizer_free);
  g_clear_pointer (&self->config, pmod_config_free);
  g_clear_pointer (&self->art, pmod_scene_art_free);
  g_clear_pointer (&self->trace, pmod_trace_free);
  /* Its memory was given back by all of these. */
  g_clear_pointer (&self->device, pmod_backend_free);
  g_free (self->device_name);
  g_free (self->fallback);
  g_free (self->owners);
  g_free (self->lanes);
  g_free (self->output);
  g_free (self->state_path);
  g_free (self->art_dir);
  g_free (self->tables_dir);
  g_free (self);
}

int
pmod_trainer_get_n_workers (const PmodTrainer *self)
{
  return pmod_workers_get_n (self->workers);
}

const char *
pmod_trainer_get_device (const PmodTrainer *self)
{
  return self->device_name;
}

const char *
pmod_trainer_get_fallback (const PmodTrainer *self)
{
  return self->fallback;
}

gint64
pmod_trainer_get_n_weights (const PmodTrainer *self)
{
  gint64 n = 0;

  for (guint i = 0; i < self->weights->all->len; i++)
    n += pmod_weight_n (pmod_weights_get (self->weights, i));
  return n;
}

/* --- A stage -------------------------------------------------------------------------------- */

/* One file, checked once, for what is learnt and what is set apart. */
static gboolean
open_conversations (PmodTrainer *self, const PmodRecipeData *data, GError **error)
{
  PmodSource *all =
      pmod_conversations_new (data->file, data->images, self->config, self->tokenizer, error);

  if (all == NULL)
    return FALSE;
  self->validation_source = pmod_split_source_new (all, self->recipe->seed,
                                                   (guint64)self->recipe->validation, TRUE, error);
  if (self->validation_source == NULL)
    return FALSE;
  self->source = pmod_split_source_new_other (self->validation_source);
  return TRUE;
}

static PmodSource *
open_scenes (PmodTrainer *self, const PmodRecipeData *data, PmodSceneSplit split, GError **error)
{
  return pmod_scene_source_new (self->art, data, self->recipe->seed, split, self->config,
                                self->tokenizer, error);
}

static gboolean
open_sources (PmodTrainer *self, const PmodRecipeData *data, GError **error)
{
  PmodRecipeData plain = *data;

  if (data->kind == PMOD_DATA_CONVERSATIONS)
    return open_conversations (self, data, error);
  plain.mosaic = 0; /* they ask nothing */
  self->source = open_scenes (self, data, PMOD_SCENE_SPLIT_TRAIN, error);
  self->validation_source =
      self->source != NULL ? open_scenes (self, &plain, PMOD_SCENE_SPLIT_VALIDATION, error) : NULL;
  return self->validation_source != NULL;
}

static gboolean
make_validation (PmodTrainer *self, GError **error)
{
  self->validation = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_sample_free);
  for (int i = 0; i < self->recipe->validation; i++)
    {
      PmodSample *sample = pmod_source_make (self->validation_source, (guint64)i, error);

      if (sample == NULL)
        return FALSE;
      g_ptr_array_add (self->validation, sample);
    }
  return TRUE;
}

static void
set_network_options (PmodTrainer *self)
{
  PmodNetworkOptions options = { self->recipe->recompute, self->stage->parts, self->source };

  for (int i = 0; i < pmod_workers_get_n (self->workers); i++)
    pmod_network_set_options (self->lanes[i].network, &options);
}

/* Goes on at self->step of the stage. */
static gboolean
begin_stage (PmodTrainer *self, GError **error)
{
  const PmodRecipeData *data;
  guint64 first = ((guint64)self->stage_idx << STAGE_SHIFT);

  end_stage (self);
  self->stage = &self->recipe->stages[self->stage_idx];
  data = pmod_recipe_find_data (self->recipe, self->stage->data);
  if (!open_sources (self, data, error) || !make_validation (self, error))
    return FALSE;
  first += (guint64)self->step * (guint64)self->stage->batch;
  self->feed =
      pmod_feed_new (self->source, first, BATCHES_AHEAD * self->stage->batch, self->n_makers);
  set_network_options (self);
  pmod_trainer_share_weights (self);
  return TRUE;
}

/* At its first step, of stage_idx. The optimizer begins anew with each stage, and so does the
 * search for the best. */
static gboolean
enter_stage (PmodTrainer *self, GError **error)
{
  guint anew = self->recipe->stages[self->stage_idx].anew;

  if (anew != 0 && !pmod_weights_renew (self->weights, anew, self->recipe->seed, error))
    return FALSE;
  self->step = 0;
  self->best = -G_MAXFLOAT;
  pmod_weights_forget (self->weights);
  return TRUE;
}

static gboolean
stop_run (PmodTrainer *self, GError **error)
{
  if (!pmod_trainer_save_state (self, error))
    return FALSE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED,
               "stopped at step %" G_GINT64_FORMAT " of stage %s; --resume goes on from there",
               self->step, self->stage->name);
  return FALSE;
}

static gboolean
run_stage (PmodTrainer *self, GError **error)
{
  if (self->step == 0 && !pmod_trainer_look (self, error))
    return FALSE;
  pmod_trainer_begin_sums (self);
  while (self->step < self->stage->steps)
    {
      gboolean last;

      if (self->stop != NULL && self->stop (self->user_data))
        return stop_run (self, error);
      if (!pmod_trainer_step (self, error))
        return FALSE;
      last = self->step == self->stage->steps;
      if ((last || self->step % self->recipe->every == 0) && !pmod_trainer_look (self, error))
        return FALSE;
      if ((last || self->step % self->recipe->save_every == 0) &&
          !pmod_trainer_save_state (self, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
open_trace (PmodTrainer *self, GError **error)
{
  g_autofree char *dir = g_path_get_dirname (self->state_path);
  g_autofree char *name = g_strdup_printf ("from-stage-%d-step-%" G_GINT64_FORMAT ".trace",
                                           self->stage_idx + 1, self->step);
  g_autofree char *path = g_build_filename (dir, name, NULL);

  self->trace = pmod_trace_new_file (path, PMOD_TRACE_WANTS (PMOD_RECORD_LOSS), error);
  if (self->trace != NULL)
    pmod_trace_begin_run (self->trace);
  return self->trace != NULL;
}

static gboolean
run_stages (PmodTrainer *self, GError **error)
{
  for (;;)
    {
      if (!begin_stage (self, error) || !run_stage (self, error))
        return FALSE;
      if (self->stage_idx + 1 == self->recipe->n_stages)
        return TRUE;
      self->stage_idx++;
      if (!enter_stage (self, error))
        return FALSE;
    }
}

gboolean
pmod_trainer_run (PmodTrainer *self,
                  PmodTrainerFunc func,
                  PmodTrainerStopFunc stop,
                  gpointer user_data,
                  GError **error)
{
  gboolean ok;

  self->func = func;
  self->stop = stop;
  self->user_data = user_data;
  if (self->stage_idx == 0 && self->step == 0 && !enter_stage (self, error))
    return FALSE;
  if (!open_trace (self, error))
    return FALSE;
  ok = run_stages (self, error);
  /* An earlier error is the one to tell. */
  return pmod_trace_close (self->trace, ok ? error : NULL) && ok;
}
