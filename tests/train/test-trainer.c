/* A whole run of the trainer on shapes and characters: it learns, it is the same to the last bit
 * when it is repeated or stopped and resumed, and what goes wrong leaves a usable state. */
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "pmod-engine.h"
#include "pmod-safetensors.h"
#include "pmod-train.h"

static const char recipe_text[] = "[recipe]\n"
                                  "name=test\n"
                                  "every=5\n"
                                  "validation=6\n"
                                  "save_every=3\n"
                                  "[model]\n"
                                  "image_size=56\n"
                                  "vision_hidden=32\n"
                                  "vision_layers=2\n"
                                  "vision_heads=2\n"
                                  "vision_ffn=64\n"
                                  "hidden=32\n"
                                  "layers=5\n"
                                  "heads=2\n"
                                  "ffn=64\n"
                                  "vocab=420\n"
                                  "[data scenes]\n"
                                  "kind=scenes\n"
                                  "art=false\n"
                                  "[stage tower]\n"
                                  "data=scenes\n"
                                  "steps=7\n"
                                  "batch=6\n"
                                  "micro=2\n"
                                  "parts=tower;projector;embedding\n"
                                  "answers=0\n"
                                  "words=1\n"
                                  "places=0.3\n"
                                  "[stage answers]\n"
                                  "data=scenes\n"
                                  "steps=13\n"
                                  "batch=6\n"
                                  "micro=2\n"
                                  "words=0.3\n"
                                  "places=0.3\n"
                                  "routers=0.1\n";

typedef struct
{
  char *dir;
  char *recipe_path;
  int stop_after; /* steps that may still run; -1: no limit */
  int n_reports;
  double first_loss, last_loss; /* of the first stage */
  GString *log;                 /* losses of every report, bit for bit */
} Run;

static void
set_up (Run *self)
{
  *self = (Run){ .stop_after = -1, .log = g_string_new (NULL) };
  self->dir = g_dir_make_tmp ("pmod-trainer-XXXXXX", NULL);
  self->recipe_path = g_build_filename (self->dir, "recipe.ini", NULL);
  g_assert_true (g_file_set_contents (self->recipe_path, recipe_text, -1, NULL));
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

static void
tear_down (Run *self)
{
  remove_tree (self->dir);
  g_free (self->dir);
  g_free (self->recipe_path);
  g_string_free (self->log, TRUE);
}

static void
report (const PmodTrainerReport *report, gpointer user_data)
{
  Run *self = user_data;

  if (report->step > 0)
    {
      g_string_append_printf (self->log, "%d/%" G_GINT64_FORMAT " %a\n", report->stage_idx,
                              report->step, report->gradient_norm);
      if (self->n_reports++ == 0)
        self->first_loss = report->loss;
      if (report->stage_idx == 0)
        self->last_loss = report->loss;
    }
}

static gboolean
should_stop (gpointer user_data)
{
  Run *self = user_data;

  return self->stop_after >= 0 && self->stop_after-- == 0;
}

static gboolean
run (Run *self, gboolean resume, int n_threads, GError **error)
{
  g_autofree char *output = g_build_filename (self->dir, "model", NULL);
  PmodTrainerOptions options = { .output = output, .resume = resume, .n_threads = n_threads };
  g_autoptr (PmodRecipe) recipe = pmod_recipe_load (self->recipe_path, error);
  g_autoptr (PmodTrainer) trainer = NULL;

  if (recipe == NULL)
    return FALSE;
  trainer = pmod_trainer_new (recipe, &options, error);
  return trainer != NULL && pmod_trainer_run (trainer, report, should_stop, self, error);
}

/* The file that a run left. */
static GBytes *
read_file (const Run *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->dir, "model", name, NULL);
  char *contents;
  gsize n;

  g_assert_true (g_file_get_contents (path, &contents, &n, NULL));
  return g_bytes_new_take (contents, n);
}

static void
assert_same (const Run *a, const Run *b, const char *name)
{
  g_autoptr (GBytes) one = read_file (a, name);
  g_autoptr (GBytes) two = read_file (b, name);

  g_assert_true (g_bytes_equal (one, two));
}

/* Replaces one line of the recipe. */
static void
change_recipe (Run *self, const char *from, const char *to)
{
  g_autofree char *text = NULL;
  g_autoptr (GString) changed = NULL;

  g_assert_true (g_file_get_contents (self->recipe_path, &text, NULL, NULL));
  changed = g_string_new (text);
  g_assert_cmpuint (g_string_replace (changed, from, to, 0), >, 0);
  g_assert_true (g_file_set_contents (self->recipe_path, changed->str, -1, NULL));
}

/* --- What must hold ------------------------------------------------------------------------- */

static void
test_same_seed (void)
{
  g_autoptr (GError) error = NULL;
  Run a, b;

  set_up (&a);
  set_up (&b);
  g_assert_true (run (&a, FALSE, 2, &error));
  g_assert_true (run (&b, FALSE, 2, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (a.log->str, ==, b.log->str);
  assert_same (&a, &b, "training/state.safetensors");
  assert_same (&a, &b, "model.safetensors");
  assert_same (&a, &b, "tokenizer.model");
  tear_down (&a);
  tear_down (&b);
}

/* Stopped in the middle of each stage and between looks and saves. */
static void
test_resume (void)
{
  static const int stops[] = { 4, 5, 3, 6 };
  g_autoptr (GError) error = NULL;
  Run whole, parts;

  set_up (&whole);
  set_up (&parts);
  g_assert_true (run (&whole, FALSE, 2, &error));
  for (gsize i = 0; i < G_N_ELEMENTS (stops); i++)
    {
      parts.stop_after = stops[i];
      g_assert_false (run (&parts, i > 0, i > 0 ? 0 : 2, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
      g_clear_error (&error);
    }
  parts.stop_after = -1;
  g_assert_true (run (&parts, TRUE, 0, &error));
  g_assert_no_error (error);
  assert_same (&whole, &parts, "training/state.safetensors");
  assert_same (&whole, &parts, "model.safetensors");
  tear_down (&whole);
  tear_down (&parts);
}

/* What it writes is a checkpoint that answers. */
static void
test_checkpoint (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  g_autoptr (PmodModel) model = NULL;
  Run self;

  set_up (&self);
  g_assert_true (run (&self, FALSE, 1, &error));
  path = g_build_filename (self.dir, "model", NULL);
  model = pmod_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pmod_model_get_config (model)->n_layers, ==, 5);
  g_assert_true (pmod_model_get_config (model)->has_router[3]);
  tear_down (&self);
}

/* Patches of eight shapes, thirty characters and their colours. */
static void
test_learns (void)
{
  g_autoptr (GError) error = NULL;
  Run self;

  set_up (&self);
  /* Places are learnt before the first look. */
  change_recipe (&self, "words=1\nplaces=0.3\n", "words=1\n");
  change_recipe (&self, "steps=7\n", "steps=60\n");
  change_recipe (&self, "steps=13\n", "steps=1\n");
  g_assert_true (run (&self, FALSE, 2, &error));
  g_assert_no_error (error);
  g_assert_cmpint (self.n_reports, ==, 13);
  g_test_message ("loss %.3f, then %.3f", self.first_loss, self.last_loss);
  g_assert_cmpfloat (self.last_loss, <, 0.8 * self.first_loss);
  tear_down (&self);
}

/* Recomputation changes what is kept, not what comes out. */
static void
test_recompute (void)
{
  g_autoptr (GError) error = NULL;
  Run a, b;

  set_up (&a);
  set_up (&b);
  change_recipe (&b, "save_every=3\n", "save_every=3\nrecompute=true\n");
  g_assert_true (run (&a, FALSE, 2, &error));
  g_assert_true (run (&b, FALSE, 2, &error));
  assert_same (&a, &b, "training/state.safetensors");
  tear_down (&a);
  tear_down (&b);
}

static void
test_dense (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  g_autoptr (PmodModel) model = NULL;
  Run self;

  set_up (&self);
  change_recipe (&self, "save_every=3\n", "save_every=3\ndense=true\n");
  change_recipe (&self, "routers=0.1\n", "");
  g_assert_true (run (&self, FALSE, 2, &error));
  path = g_build_filename (self.dir, "model", NULL);
  model = pmod_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pmod_config_first_router (pmod_model_get_config (model)), ==, 5);
  tear_down (&self);
}

/* --- What may go wrong ---------------------------------------------------------------------- */

/* Makes the first master of the state NaN. */
static void
poison_state (const Run *self)
{
  g_autoptr (GBytes) state = read_file (self, "training/state.safetensors");
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

/* Nothing is stepped or written any more: what is on the disk is what was there. */
static void
test_not_finite (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) state = NULL, after = NULL, model = NULL, model_after = NULL;
  Run self;

  set_up (&self);
  self.stop_after = 5;
  g_assert_false (run (&self, FALSE, 2, &error));
  g_clear_error (&error);
  poison_state (&self);
  state = read_file (&self, "training/state.safetensors");
  model = read_file (&self, "model.safetensors");
  self.stop_after = -1;
  g_assert_false (run (&self, TRUE, 2, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_NUMBER);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "stage tower, step 6"));
  after = read_file (&self, "training/state.safetensors");
  model_after = read_file (&self, "model.safetensors");
  g_assert_true (g_bytes_equal (state, after));
  g_assert_true (g_bytes_equal (model, model_after));
  tear_down (&self);
}

static void
test_disk_full (void)
{
  g_autoptr (GError) error = NULL;
  struct rlimit limit, before;
  Run self;

  set_up (&self);
  self.stop_after = 4;
  g_assert_false (run (&self, FALSE, 2, &error));
  g_clear_error (&error);
  {
    g_autoptr (GBytes) state = read_file (&self, "training/state.safetensors");
    g_autoptr (GBytes) after = NULL;

    signal (SIGXFSZ, SIG_IGN);
    getrlimit (RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 20000;
    setrlimit (RLIMIT_FSIZE, &limit);
    self.stop_after = -1;
    g_assert_false (run (&self, TRUE, 2, &error));
    setrlimit (RLIMIT_FSIZE, &before);
    g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
    g_test_message ("%s", error->message);
    after = read_file (&self, "training/state.safetensors");
    g_assert_true (g_bytes_equal (state, after));
  }
  g_clear_error (&error);
  g_assert_true (run (&self, TRUE, 2, &error));
  g_assert_no_error (error);
  tear_down (&self);
}

static void
test_occupied (void)
{
  g_autoptr (GError) error = NULL;
  Run self;

  set_up (&self);
  g_assert_false (run (&self, TRUE, 1, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_clear_error (&error);
  self.stop_after = 2;
  g_assert_false (run (&self, FALSE, 1, &error));
  g_clear_error (&error);
  self.stop_after = -1;
  g_assert_false (run (&self, FALSE, 1, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_test_message ("%s", error->message);
  g_clear_error (&error);
  change_recipe (&self, "hidden=32\nlayers=5\n", "hidden=64\nlayers=5\n");
  g_assert_false (run (&self, TRUE, 1, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  tear_down (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trainer/same-seed", test_same_seed);
  g_test_add_func ("/trainer/resume", test_resume);
  g_test_add_func ("/trainer/recompute", test_recompute);
  g_test_add_func ("/trainer/checkpoint", test_checkpoint);
  g_test_add_func ("/trainer/learns", test_learns);
  g_test_add_func ("/trainer/dense", test_dense);
  g_test_add_func ("/trainer/not-finite", test_not_finite);
  g_test_add_func ("/trainer/disk-full", test_disk_full);
  g_test_add_func ("/trainer/occupied", test_occupied);
  return g_test_run ();
}
