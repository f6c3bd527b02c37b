/* A whole run of the trainer on shapes and characters: it learns, it is the same to the last bit
 * when it is repeated or stopped and resumed, and what goes wrong leaves a usable state.
 *
 * Called as: test-trainer [--device cuda], by default on the CPU. */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "pmod-engine.h"
#include "pmod-safetensors.h"
#include "training-run.h"

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

/* --- What must hold ------------------------------------------------------------------------- */

static void
test_same_seed (void)
{
  g_autoptr (GError) error = NULL;
  TrainingRun a, b;

  training_run_set_up (&a, recipe_text);
  training_run_set_up (&b, recipe_text);
  g_assert_true (training_run (&a, FALSE, 2, &error));
  g_assert_true (training_run (&b, FALSE, 2, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (a.log->str, ==, b.log->str);
  training_run_assert_same (&a, &b, "training/state.safetensors");
  training_run_assert_same (&a, &b, "model.safetensors");
  training_run_assert_same (&a, &b, "tokenizer.model");
  training_run_tear_down (&a);
  training_run_tear_down (&b);
}

/* Stopped in the middle of each stage and between looks and saves. */
static void
test_resume (void)
{
  static const int stops[] = { 4, 5, 3, 6 };
  g_autoptr (GError) error = NULL;
  TrainingRun whole, parts;

  training_run_set_up (&whole, recipe_text);
  training_run_set_up (&parts, recipe_text);
  g_assert_true (training_run (&whole, FALSE, 2, &error));
  for (gsize i = 0; i < G_N_ELEMENTS (stops); i++)
    {
      parts.stop_after = stops[i];
      g_assert_false (training_run (&parts, i > 0, i > 0 ? 0 : 2, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
      g_clear_error (&error);
    }
  parts.stop_after = -1;
  g_assert_true (training_run (&parts, TRUE, 0, &error));
  g_assert_no_error (error);
  training_run_assert_same (&whole, &parts, "training/state.safetensors");
  training_run_assert_same (&whole, &parts, "model.safetensors");
  training_run_tear_down (&whole);
  training_run_tear_down (&parts);
}

/* What it writes is a checkpoint that answers. */
static void
test_checkpoint (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  g_autoptr (PmodModel) model = NULL;
  TrainingRun self;

  training_run_set_up (&self, recipe_text);
  g_assert_true (training_run (&self, FALSE, 1, &error));
  path = g_build_filename (self.dir, "model", NULL);
  model = pmod_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pmod_model_get_config (model)->n_layers, ==, 5);
  g_assert_true (pmod_model_get_config (model)->has_router[3]);
  training_run_tear_down (&self);
}

/* Patches of eight shapes, thirty characters and their colours. */
static void
test_learns (void)
{
  g_autoptr (GError) error = NULL;
  TrainingRun self;

  training_run_set_up (&self, recipe_text);
  /* Places are learnt before the first look. */
  training_run_change_recipe (&self, "words=1\nplaces=0.3\n", "words=1\n");
  training_run_change_recipe (&self, "steps=7\n", "steps=60\n");
  training_run_change_recipe (&self, "steps=13\n", "steps=1\n");
  g_assert_true (training_run (&self, FALSE, 2, &error));
  g_assert_no_error (error);
  g_assert_cmpint (self.n_reports, ==, 13);
  g_test_message ("loss %.3f, then %.3f", self.first_loss, self.last_loss);
  g_assert_cmpfloat (self.last_loss, <, 0.8 * self.first_loss);
  training_run_tear_down (&self);
}

/* Recomputation changes what is kept, not what comes out. */
static void
test_recompute (void)
{
  g_autoptr (GError) error = NULL;
  TrainingRun a, b;

  training_run_set_up (&a, recipe_text);
  training_run_set_up (&b, recipe_text);
  training_run_change_recipe (&b, "save_every=3\n", "save_every=3\nrecompute=true\n");
  g_assert_true (training_run (&a, FALSE, 2, &error));
  g_assert_true (training_run (&b, FALSE, 2, &error));
  training_run_assert_same (&a, &b, "training/state.safetensors");
  training_run_tear_down (&a);
  training_run_tear_down (&b);
}

static void
test_dense (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  g_autoptr (PmodModel) model = NULL;
  TrainingRun self;

  training_run_set_up (&self, recipe_text);
  training_run_change_recipe (&self, "save_every=3\n", "save_every=3\ndense=true\n");
  training_run_change_recipe (&self, "routers=0.1\n", "");
  g_assert_true (training_run (&self, FALSE, 2, &error));
  path = g_build_filename (self.dir, "model", NULL);
  model = pmod_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pmod_config_first_router (pmod_model_get_config (model)), ==, 5);
  training_run_tear_down (&self);
}

/* --- What may go wrong ---------------------------------------------------------------------- */

/* Nothing is stepped or written any more: what is on the disk is what was there. */
static void
test_not_finite (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) state = NULL, after = NULL, model = NULL, model_after = NULL;
  TrainingRun self;

  training_run_set_up (&self, recipe_text);
  self.stop_after = 5;
  g_assert_false (training_run (&self, FALSE, 2, &error));
  g_clear_error (&error);
  training_run_poison_state (&self);
  state = training_run_read_file (&self, "training/state.safetensors");
  model = training_run_read_file (&self, "model.safetensors");
  self.stop_after = -1;
  g_assert_false (training_run (&self, TRUE, 2, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_NUMBER);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "stage tower, step 6"));
  after = training_run_read_file (&self, "training/state.safetensors");
  model_after = training_run_read_file (&self, "model.safetensors");
  g_assert_true (g_bytes_equal (state, after));
  g_assert_true (g_bytes_equal (model, model_after));
  training_run_tear_down (&self);
}

static void
test_disk_full (void)
{
  g_autoptr (GError) error = NULL;
  struct rlimit limit, before;
  TrainingRun self;

  training_run_set_up (&self, recipe_text);
  self.stop_after = 4;
  g_assert_false (training_run (&self, FALSE, 2, &error));
  g_clear_error (&error);
  {
    g_autoptr (GBytes) state = training_run_read_file (&self, "training/state.safetensors");
    g_autoptr (GBytes) after = NULL;

    signal (SIGXFSZ, SIG_IGN);
    getrlimit (RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 20000;
    setrlimit (RLIMIT_FSIZE, &limit);
    self.stop_after = -1;
    g_assert_false (training_run (&self, TRUE, 2, &error));
    setrlimit (RLIMIT_FSIZE, &before);
    g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
    g_test_message ("%s", error->message);
    after = training_run_read_file (&self, "training/state.safetensors");
    g_assert_true (g_bytes_equal (state, after));
  }
  g_clear_error (&error);
  g_assert_true (training_run (&self, TRUE, 2, &error));
  g_assert_no_error (error);
  training_run_tear_down (&self);
}

static void
test_occupied (void)
{
  g_autoptr (GError) error = NULL;
  TrainingRun self;

  training_run_set_up (&self, recipe_text);
  g_assert_false (training_run (&self, TRUE, 1, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_clear_error (&error);
  self.stop_after = 2;
  g_assert_false (training_run (&self, FALSE, 1, &error));
  g_clear_error (&error);
  self.stop_after = -1;
  g_assert_false (training_run (&self, FALSE, 1, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_test_message ("%s", error->message);
  g_clear_error (&error);
  training_run_change_recipe (&self, "hidden=32\nlayers=5\n", "hidden=64\nlayers=5\n");
  g_assert_false (training_run (&self, TRUE, 1, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  training_run_tear_down (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc == 3 && strcmp (argv[1], "--device") == 0 && strcmp (argv[2], "cuda") == 0)
    training_run_set_device (PMOD_DEVICE_CUDA);
  else
    g_assert_cmpint (argc, ==, 1);
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
