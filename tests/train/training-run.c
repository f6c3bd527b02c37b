/* See training-run.h. */
#include "training-run.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "pmod-safetensors.h"

static PmodDevice device = PMOD_DEVICE_CPU;

void
training_run_set_device (PmodDevice which)
{
  device = which;
}

void
training_run_set_up (TrainingRun *self, const char *recipe)
{
  *self = (TrainingRun){ .device = device, .stop_after = -1 };
  self->log = g_string_new (NULL);
  self->losses = g_array_new (FALSE, FALSE, sizeof (double));
  self->norms = g_array_new (FALSE, FALSE, sizeof (double));
  self->dir = g_dir_make_tmp ("pmod-trainer-XXXXXX", NULL);
  self->recipe_path = g_build_filename (self->dir, "recipe.ini", NULL);
  g_assert_true (g_file_set_contents (self->recipe_path, recipe, -1, NULL));
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  g_remove (path);
}

void
training_run_tear_down (TrainingRun *self)
{
  remove_tree (self->dir);
  g_free (self->dir);
  g_free (self->recipe_path);
  g_string_free (self->log, TRUE);
  g_array_unref (self->losses);
  g_array_unref (self->norms);
}

static void
report (const PmodTrainerReport *report, gpointer user_data)
{
  TrainingRun *self = user_data;

  if (report->step > 0)
    {
      g_string_append_printf (self->log, "%d/%" G_GINT64_FORMAT " %a\n", report->stage_idx,
                              report->step, report->gradient_norm);
      g_array_append_val (self->losses, report->loss);
      g_array_append_val (self->norms, report->gradient_norm);
      if (self->n_reports++ == 0)
        self->first_loss = report->loss;
      if (report->stage_idx == 0)
        self->last_loss = report->loss;
    }
}

static gboolean
should_stop (gpointer user_data)
{
  TrainingRun *self = user_data;

  return self->stop_after >= 0 && self->stop_after-- == 0;
}

gboolean
training_run (TrainingRun *self, gboolean resume, int n_threads, GError **error)
{
  g_autofree char *output = g_build_filename (self->dir, "model", NULL);
  PmodTrainerOptions options = {
    .output = output, .resume = resume, .n_threads = n_threads, .device = self->device
  };
  g_autoptr (PmodRecipe) recipe = pmod_recipe_load (self->recipe_path, error);
  g_autoptr (PmodTrainer) trainer = NULL;

  if (recipe == NULL)
    return FALSE;
  trainer = pmod_trainer_new (recipe, &options, error);
  return trainer != NULL && pmod_trainer_run (trainer, report, should_stop, self, error);
}

GBytes *
training_run_read_file (const TrainingRun *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->dir, "model", name, NULL);
  char *contents;
  gsize n;

  g_assert_true (g_file_get_contents (path, &contents, &n, NULL));
  return g_bytes_new_take (contents, n);
}

void
training_run_assert_same (const TrainingRun *a, const TrainingRun *b, const char *name)
{
  g_autoptr (GBytes) one = training_run_read_file (a, name);
  g_autoptr (GBytes) two = training_run_read_file (b, name);

  g_assert_true (g_bytes_equal (one, two));
}

void
training_run_change_recipe (TrainingRun *self, const char *from, const char *to)
{
  g_autofree char *text = NULL;
  g_autoptr (GString) changed = NULL;

  g_assert_true (g_file_get_contents (self->recipe_path, &text, NULL, NULL));
  changed = g_string_new (text);
  g_assert_cmpuint (g_string_replace (changed, from, to, 0), >, 0);
  g_assert_true (g_file_set_contents (self->recipe_path, changed->str, -1, NULL));
}

void
training_run_poison_state (const TrainingRun *self)
{
  g_autoptr (GBytes) state = training_run_read_file (self, "training/state.safetensors");
  g_autofree char *path = g_build_filename (self->dir, "model/training/state.safetensors", NULL);
  g_autoptr (PmodSafetensors) file = pmod_safetensors_new_from_bytes (state, "state", NULL);
  const PmodSafetensorsEntry *masters = pmod_safetensors_find (file, "masters");
  gsize n, at;
  const char *data = g_bytes_get_data (state, &n);
  g_autofree char *copy = g_memdup2 (data, n);
  float nan = NAN;

  at = (gsize)((const char *)masters->tensor.data - data);
  memcpy (copy + at, &nan, sizeof nan);
  g_assert_true (g_file_set_contents (path, copy, (gssize)n, NULL));
}
