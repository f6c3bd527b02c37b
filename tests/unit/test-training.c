/* The curve of a training run from the traces that it left: stopped, resumed, still written. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "pmod-engine.h"
#include "pmod-training.h"

typedef struct
{
  char *dir;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->dir = g_dir_make_tmp ("strata-training-XXXXXX", NULL);
  g_assert_nonnull (self->dir);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_autoptr (GDir) dir = g_dir_open (self->dir, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)))
    {
      g_autofree char *path = g_build_filename (self->dir, name, NULL);

      g_assert_cmpint (g_remove (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (self->dir), ==, 0);
  g_free (self->dir);
}

/* One point for each step from first to last by 100, whose loss is loss; at first, where a stage
 * begins, none. */
static void
write_piece (
    Fixture *self, const char *name, gint64 first, gint64 last, gboolean begins, double loss)
{
  g_autofree char *path = g_build_filename (self->dir, name, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodTrace) trace = pmod_trace_new_file (path, PMOD_TRACE_WANTS_DEFAULT, &error);

  g_assert_no_error (error);
  for (gint64 step = first; step <= last; step += 100)
    {
      PmodRecordLoss *record = pmod_trace_append (trace, PMOD_RECORD_LOSS, -1, sizeof *record);

      record->step = step;
      record->loss = begins && step == first ? NAN : loss;
      record->accuracy = 0.5;
      pmod_trace_commit (trace, record);
    }
  g_assert_true (pmod_trace_close (trace, &error));
  /* Files written in one moment still have an order. */
  g_usleep (20000);
}

static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static PmodTraining *
load (Fixture *self, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (self->dir, name, NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GAsyncResult) result = NULL;

  pmod_training_load_async (file, NULL, loaded_cb, &result);
  while (!result)
    g_main_context_iteration (NULL, TRUE);
  return pmod_training_load_finish (result, error);
}

/* Steps as "0 100 100'": a prime where a stage begins; what is loss is checked beside. */
static char *
describe (PmodTraining *training)
{
  g_autoptr (GString) text = g_string_new (NULL);
  int n;
  const PmodTrainingPoint *points = pmod_training_get_points (training, &n);

  for (int i = 0; i < n; i++)
    g_string_append_printf (text, "%s%" G_GINT64_FORMAT "%s", i > 0 ? " " : "", points[i].step,
                            isnan (points[i].loss) ? "'" : "");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
test_one (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodTraining) training = NULL;
  g_autofree char *steps = NULL;
  int n;

  write_piece (self, "run.trace", 0, 300, TRUE, 2);
  training = load (self, "run.trace", &error);
  g_assert_no_error (error);
  steps = describe (training);
  g_assert_cmpstr (steps, ==, "0' 100 200 300");
  g_assert_cmpfloat (pmod_training_get_points (training, &n)[1].loss, ==, 2);
  g_assert_cmpfloat (pmod_training_get_points (training, &n)[1].accuracy, ==, 0.5);
}

/* Stopped at 300, gone on from the state of 200, then into a second stage. */
static void
test_resumed (Fixture *self, gconstpointer data)
{
  static const char *const names[] = { "from-stage-1-step-0.trace", "from-stage-1-step-200.trace",
                                       "from-stage-2-step-0.trace" };

  write_piece (self, names[0], 0, 300, TRUE, 2);
  write_piece (self, names[1], 300, 500, FALSE, 1);
  write_piece (self, names[2], 500, 600, TRUE, 0.5);
  write_piece (self, "other.trace", 0, 900, TRUE, 9);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodTraining) training = load (self, names[i], &error);
      g_autofree char *steps = NULL;
      int n;

      g_assert_no_error (error);
      steps = describe (training);
      g_assert_cmpstr (steps, ==, "0' 100 200 300 400 500 500' 600");
      g_assert_cmpfloat (pmod_training_get_points (training, &n)[3].loss, ==, 1);
      g_assert_cmpfloat (pmod_training_get_points (training, &n)[5].loss, ==, 1);
    }
}

/* The later one is that which was written last, whatever its name. */
static void
test_later (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodTraining) training = NULL;
  g_autofree char *steps = NULL;

  write_piece (self, "from-stage-1-step-200.trace", 300, 900, FALSE, 3);
  write_piece (self, "from-stage-1-step-0.trace", 0, 400, TRUE, 2);
  training = load (self, "from-stage-1-step-200.trace", &error);
  g_assert_no_error (error);
  steps = describe (training);
  g_assert_cmpstr (steps, ==, "0' 100 200 300 400");
}

/* Opened while it was written, read again when it is finished. */
static void
test_finished (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodTraining) training = NULL;
  g_autofree char *steps = NULL;

  write_piece (self, "from-stage-1-step-0.trace", 0, 200, TRUE, 2);
  training = load (self, "from-stage-1-step-0.trace.part", &error);
  g_assert_no_error (error);
  steps = describe (training);
  g_assert_cmpstr (steps, ==, "0' 100 200");
}

/* What an earlier try told of the same steps gives way, however far it had come. */
static void
test_begun_again (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodTraining) training = NULL;
  g_autofree char *steps = NULL;

  write_piece (self, "from-stage-2-step-0.trace", 200, 900, TRUE, 3);
  write_piece (self, "from-stage-1-step-0.trace", 0, 200, TRUE, 2);
  write_piece (self, "from-stage-2-step-0.trace.part", 200, 300, TRUE, 1);
  training = load (self, "from-stage-1-step-0.trace", &error);
  g_assert_no_error (error);
  steps = describe (training);
  g_assert_cmpstr (steps, ==, "0' 100 200 200' 300");
}

static void
test_damaged (Fixture *self, gconstpointer data)
{
  g_autofree char *path = g_build_filename (self->dir, "from-stage-3-step-0.trace", NULL);
  g_autofree char *empty = g_build_filename (self->dir, "empty.trace", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodTraining) training = NULL;
  g_autofree char *steps = NULL;

  write_piece (self, "from-stage-1-step-0.trace", 0, 200, TRUE, 2);
  g_assert_true (g_file_set_contents (path, "PMODTRC1 and then nonsense", -1, NULL));
  g_assert_true (g_file_set_contents (empty, PMOD_TRACE_MAGIC, -1, NULL));
  training = load (self, "from-stage-1-step-0.trace", &error);
  g_assert_no_error (error);
  steps = describe (training);
  g_assert_cmpstr (steps, ==, "0' 100 200");

  g_assert_null (load (self, "from-stage-3-step-0.trace", &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (load (self, "empty.trace", &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (load (self, "missing.trace", &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
}

static GBytes *
load_records (Fixture *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->dir, name, NULL);
  g_autoptr (GError) error = NULL;
  GBytes *records = pmod_trace_load (path, &error);

  g_assert_no_error (error);
  return records;
}

static void
test_kind (Fixture *self, gconstpointer data)
{
  g_autofree char *path = g_build_filename (self->dir, "run.trace", NULL);
  g_autoptr (PmodTrace) trace = pmod_trace_new_file (path, PMOD_TRACE_WANTS_DEFAULT, NULL);
  PmodRecordRunBegin *begin =
      pmod_trace_append (trace, PMOD_RECORD_RUN_BEGIN, -1, sizeof *begin + sizeof (double));
  g_autoptr (GBytes) losses = NULL, run = NULL;

  begin->n_layers = 1;
  pmod_trace_commit (trace, begin);
  g_assert_true (pmod_trace_close (trace, NULL));
  write_piece (self, "loss.trace", 0, 100, TRUE, 1);
  losses = load_records (self, "loss.trace");
  run = load_records (self, "run.trace");
  g_assert_true (pmod_training_is_in (losses));
  g_assert_false (pmod_training_is_in (run));
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/training/one", test_one },
    { "/training/resumed", test_resumed },
    { "/training/later", test_later },
    { "/training/finished", test_finished },
    { "/training/begun-again", test_begun_again },
    { "/training/damaged", test_damaged },
    { "/training/kind", test_kind },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
