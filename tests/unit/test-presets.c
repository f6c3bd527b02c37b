/* PmodPresets: kept over restarts, and never lost, whatever is wrong with the file. */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "pmod-presets.h"
#include "pmod-session.h"
#include "store-check.h"

typedef struct
{
  PmodSession *session;
  PmodTuning *tuning;
  char *folder;
  char *path;
} Fixture;

static gboolean
timeout_cb (gpointer data)
{
  g_assert_not_reached ();
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autofree char *model =
      g_test_build_filename (G_TEST_DIST, "fixtures", "tiny-pmod-12layer", NULL);
  guint id = g_timeout_add_seconds (60, timeout_cb, NULL);

  self->session = pmod_session_new ();
  pmod_session_open_model (self->session, model);
  while (pmod_session_get_state (self->session) == PMOD_SESSION_LOADING)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (id);
  self->tuning = pmod_session_get_tuning (self->session);
  self->folder = g_dir_make_tmp ("presets-XXXXXX", NULL);
  self->path = g_build_filename (self->folder, "strata", "presets.ini", NULL);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  store_check_remove_folder (self->folder);
  g_assert_finalize_object (self->session);
  g_free (self->folder);
  g_free (self->path);
}

static guint
count (PmodPresets *presets)
{
  return g_list_model_get_n_items (pmod_presets_get_list (presets));
}

static PmodPreset *
get (PmodPresets *presets, guint i)
{
  g_autoptr (PmodPreset) preset = g_list_model_get_item (pmod_presets_get_list (presets), i);

  g_assert_nonnull (preset);
  return preset; /* the list holds it */
}

static PmodPreset *
save (PmodPresets *presets, const char *name, PmodTuning *tuning)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodPreset) preset = pmod_presets_save (presets, name, tuning, &error);

  g_assert_no_error (error);
  g_assert_nonnull (preset);
  return preset; /* the list holds it */
}

static void
write_file (Fixture *self, const char *text)
{
  g_autofree char *folder = g_path_get_dirname (self->path);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (self->path, text, -1, NULL));
}

static void
test_kept (Fixture *self, gconstpointer data)
{
  g_autoptr (PmodPresets) presets = pmod_presets_new (self->path);
  g_autoptr (PmodPresets) later = NULL;
  g_autoptr (GError) error = NULL;
  guint8 states[4] = { PMOD_TUNING_KEEP, PMOD_TUNING_SKIP, 0, PMOD_TUNING_KEEP };
  int n_vision;

  g_assert_cmpuint (count (presets), ==, 3);
  g_assert_true (pmod_presets_find (presets, self->tuning) == get (presets, 0));
  pmod_presets_apply (presets, get (presets, 1), self->tuning);
  g_assert_true (pmod_presets_find (presets, self->tuning) == get (presets, 1));
  g_assert_false (pmod_tuning_is_routed (self->tuning, 11));

  pmod_tuning_reset (self->tuning);
  pmod_tuning_set_factor (self->tuning, 0.437);
  pmod_tuning_set_ratio (self->tuning, 9, 0.25);
  pmod_tuning_set_ratio (self->tuning, 10, PMOD_TUNING_PLAIN);
  pmod_tuning_set_norm (self->tuning, PMOD_TUNING_SIGMOID);
  pmod_tuning_set_policy (self->tuning, PMOD_TUNING_PAINTED);
  pmod_tuning_set_seed (self->tuning, G_MAXUINT64);
  pmod_tuning_set_paint (self->tuning, 9, states, 4);
  g_assert_null (pmod_presets_find (presets, self->tuning));
  save (presets, "  Zebra [1] = \303\244 ", self->tuning);
  g_assert_cmpuint (count (presets), ==, 4);

  pmod_tuning_reset (self->tuning);
  pmod_tuning_set_factor (self->tuning, 0.3);
  save (presets, "Ape", self->tuning);
  g_assert_cmpstr (pmod_preset_get_name (get (presets, 3)), ==, "Ape");

  later = pmod_presets_new (self->path);
  g_assert_null (pmod_presets_get_problem (later));
  g_assert_cmpuint (count (later), ==, 5);
  g_assert_true (pmod_presets_find (later, self->tuning) == get (later, 3));
  g_assert_cmpstr (pmod_preset_get_name (get (later, 4)), ==, "Zebra [1] = \303\244");
  pmod_presets_apply (later, get (later, 4), self->tuning);
  g_assert_cmpfloat (pmod_tuning_get_factor (self->tuning), ==, 0.437);
  g_assert_cmpfloat (pmod_tuning_get_ratio (self->tuning, 9), ==, 0.25);
  g_assert_false (pmod_tuning_is_routed (self->tuning, 10));
  g_assert_cmpint (pmod_tuning_get_norm (self->tuning), ==, PMOD_TUNING_SIGMOID);
  g_assert_cmpuint (pmod_tuning_get_seed (self->tuning), ==, G_MAXUINT64);
  g_assert_cmpmem (pmod_tuning_get_paint (self->tuning, 9, &n_vision), 4, states, 4);
  g_assert_true (pmod_presets_find (later, self->tuning) == get (later, 4));

  /* The same name again: in its place. */
  pmod_tuning_set_factor (self->tuning, 0.5);
  save (later, "Ape", self->tuning);
  g_assert_cmpuint (count (later), ==, 5);
  /* And what the other object, as of another window, did in the meantime is not undone. */
  save (presets, "Bear", self->tuning);
  g_assert_cmpuint (count (presets), ==, 6);
  g_assert_true (pmod_presets_rename (presets, get (presets, 3), "Cat", &error));
  g_assert_cmpstr (pmod_preset_get_name (get (presets, 4)), ==, "Cat");
  g_assert_false (pmod_presets_rename (presets, get (presets, 4), "Bear", &error));
  g_assert_cmpstr (error->message, ==, "There is a preset named Bear");
  g_clear_error (&error);
  g_assert_true (pmod_presets_delete (presets, get (presets, 4), &error));
  g_assert_cmpuint (count (presets), ==, 5);
  g_assert_null (pmod_presets_save (presets, " \t", self->tuning, &error));
  g_assert_cmpstr (error->message, ==, "A preset needs a name");
}

/* What cannot be read at all is set aside before anything is written. */
static void
test_damaged_file (Fixture *self, gconstpointer data)
{
  const char *text = "[preset-1]\nname=Mine\nthis is no key file\n";
  g_autofree char *aside = g_strconcat (self->path, ".damaged", NULL);
  g_autoptr (PmodPresets) presets = NULL;
  g_autofree char *left = NULL;
  g_autofree char *kept = NULL;

  write_file (self, text);
  presets = pmod_presets_new (self->path);
  g_test_message ("%s", pmod_presets_get_problem (presets));
  g_assert_nonnull (strstr (pmod_presets_get_problem (presets), self->path));
  g_assert_cmpuint (count (presets), ==, 3);
  g_assert_true (g_file_get_contents (self->path, &left, NULL, NULL));
  g_assert_cmpstr (left, ==, text);

  save (presets, "New", self->tuning);
  g_assert_cmpuint (count (presets), ==, 4);
  g_assert_nonnull (strstr (pmod_presets_get_problem (presets), aside));
  g_assert_true (g_file_get_contents (aside, &kept, NULL, NULL));
  g_assert_cmpstr (kept, ==, text);
}

/* One bad preset does not take the others with it, and stays in the file. */
static void
test_damaged_preset (Fixture *self, gconstpointer data)
{
  const char *cases[][2] = {
    { "factor=much", "factor" },
    { "factor=-1", "factor" },
    { "ratio-3=1.5", "ratio-3" },
    { "ratio-x=1", "ratio-x" },
    { "ratio-300=1", "ratio-300" },
    { "policy=best", "policy" },
    { "schedule=straight", "schedule" },
    { "norm=relu", "norm" },
    { "paint={", "paint" },
  };
  const char *good = "[good]\nname=Good\nschedule=constant\nfactor=0.5\nnorm=tanh_0.2_1\n"
                     "policy=router\n";
  g_autofree char *bad = g_strdup (good + strlen ("[good]\n"));

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf ("%s[bad]\n%s%s\n", good, bad, cases[i][0]);
      g_autoptr (PmodPresets) presets = NULL;
      g_autofree char *after = NULL;

      write_file (self, text);
      presets = pmod_presets_new (self->path);
      g_test_message ("%s", pmod_presets_get_problem (presets));
      g_assert_nonnull (pmod_presets_get_problem (presets));
      g_assert_nonnull (strstr (pmod_presets_get_problem (presets), "[bad]"));
      g_assert_nonnull (strstr (pmod_presets_get_problem (presets), cases[i][1]));
      g_assert_cmpuint (count (presets), ==, 4);
      save (presets, "New", self->tuning);
      g_assert_cmpuint (count (presets), ==, 5);
      g_assert_true (g_file_get_contents (self->path, &after, NULL, NULL));
      g_assert_nonnull (strstr (after, cases[i][0]));
    }
}

/* A place that cannot be written: said, and nothing changes. A file stands where the folder should
 * be, which stops root as well. */
static void
test_locked (Fixture *self, gconstpointer data)
{
  g_autofree char *folder = g_path_get_dirname (self->path);
  g_autoptr (PmodPresets) presets = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (folder, "", 0, NULL));
  presets = pmod_presets_new (self->path);
  g_assert_null (pmod_presets_save (presets, "New", self->tuning, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, folder));
  g_assert_cmpuint (count (presets), ==, 3);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/presets/kept", Fixture, NULL, set_up, test_kept, tear_down);
  g_test_add ("/presets/damaged-file", Fixture, NULL, set_up, test_damaged_file, tear_down);
  g_test_add ("/presets/damaged-preset", Fixture, NULL, set_up, test_damaged_preset, tear_down);
  g_test_add ("/presets/locked", Fixture, NULL, set_up, test_locked, tear_down);
  return g_test_run ();
}
