/* What deleting a pulled model takes, what it leaves, and what is left where it cannot come to its
 * end. */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "pmod-engine.h"
#include "pmod-hub.h"
#include "store-check.h"

#define COMMIT "1111111111111111111111111111111111111111"
#define HASH "2222222222222222222222222222222222222222222222222222222222222222"
#define PART "2222222222222222"
#define ENTRY(path, size)                                                                          \
  "{\"path\": \"" path "\", \"size\": " size ", \"sha256\": \"" HASH                               \
  "\", \"repository\": \"maker/little\", \"commit\": \"" COMMIT "\", \"remote\": \"" path "\"}"

static const char manifest[] =
    "{\"schema\": 1, \"repository\": \"maker/little\", \"revision\": \"main\", \"commit\": "
    /* Not in the order in which they are deleted. */
    "\"" COMMIT "\", \"files\": [" ENTRY ("weights", "1000") ", " ENTRY ("config.json", "2") ", " //
    ENTRY ("tower/weights", "500") "]}";

typedef struct
{
  char *home;
  char *folder; /* of the model */
} Place;

static char *
dup_path (Place *place, const char *name)
{
  return g_build_filename (place->folder, name, NULL);
}

static void
put (Place *place, const char *name, gsize n_bytes)
{
  g_autofree char *path = dup_path (place, name);
  g_autofree char *below = g_path_get_dirname (path);
  g_autofree char *bytes = g_strnfill (n_bytes, '1');
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (below, 0755), ==, 0);
  g_file_set_contents (path, bytes, (gssize)n_bytes, &error);
  g_assert_no_error (error);
}

static gboolean
is_there (Place *place, const char *name)
{
  g_autofree char *path = dup_path (place, name);

  return g_file_test (path, G_FILE_TEST_EXISTS) || g_file_test (path, G_FILE_TEST_IS_SYMLINK);
}

static void
set_up (Place *place, gconstpointer data)
{
  g_autofree char *path = NULL;

  place->home = g_build_filename (g_get_user_data_dir (), "strata", "models", NULL);
  place->folder = g_build_filename (data ? g_get_tmp_dir () : place->home, "little", NULL);
  put (place, "config.json", 2);
  put (place, "weights", 1000);
  put (place, "tower/weights", 500);
  path = dup_path (place, "strata-manifest.json");
  g_assert_true (g_file_set_contents (path, manifest, -1, NULL));
}

static void
tear_down (Place *place, gconstpointer data)
{
  store_check_remove_folder (place->folder);
  g_free (place->folder);
  g_free (place->home);
}

static PmodHubPlan *
load (Place *place)
{
  PmodHubOptions options = { .folder = place->folder };
  g_autoptr (GError) error = NULL;
  PmodHubPlan *plan = pmod_hub_plan_load (&options, &error);

  g_assert_no_error (error);
  return plan;
}

static gboolean
is_listed (void)
{
  g_auto (GStrv) names = pmod_model_list_installed ();

  return g_strv_contains ((const char *const *)names, "little");
}

static void
test_all (Place *place, gconstpointer data)
{
  g_autoptr (PmodHubPlan) plan = load (place);
  g_autoptr (GError) error = NULL;

  g_assert_true (is_listed ());
  g_assert_true (pmod_hub_is_own_folder (place->folder));
  g_assert_cmpuint (pmod_hub_plan_get_room (plan), ==, 1502);
  g_assert_true (pmod_hub_plan_remove (plan, &error));
  g_assert_no_error (error);
  g_assert_false (g_file_test (place->folder, G_FILE_TEST_EXISTS));
  g_assert_false (is_listed ());
}

/* Also what was left of broken pulls; not what somebody put there. */
static void
test_foreign (Place *place, gconstpointer data)
{
  g_autoptr (PmodHubPlan) plan = NULL;
  g_autoptr (GError) error = NULL;

  put (place, "note.txt", 70);
  put (place, "tower/mine", 70);
  put (place, "weights." PART ".part", 30);
  put (place, "weights.3333333333333333.part", 30);
  put (place, "strata-manifest.json.part.XYZ", 30);
  plan = load (place);
  g_assert_cmpuint (pmod_hub_plan_get_room (plan), ==, 1532);
  g_assert_true (pmod_hub_plan_remove (plan, &error));
  g_assert_no_error (error);
  g_assert_true (is_there (place, "note.txt"));
  g_assert_true (is_there (place, "tower/mine"));
  g_assert_false (is_there (place, "config.json"));
  g_assert_false (is_there (place, "weights"));
  g_assert_false (is_there (place, "tower/weights"));
  g_assert_false (is_there (place, "weights." PART ".part"));
  g_assert_false (is_there (place, "weights.3333333333333333.part"));
  g_assert_false (is_there (place, "strata-manifest.json.part.XYZ"));
  g_assert_false (is_there (place, "strata-manifest.json"));
  g_assert_false (is_there (place, "strata-manifest.json.part"));
}

/* A file that cannot be removed: what is left is no model, can be gone on with and deleted again.
 */
static void
test_broken_off (Place *place, gconstpointer data)
{
  g_autoptr (PmodHubPlan) plan = load (place);
  g_autoptr (PmodHubPlan) again = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *weights = dup_path (place, "weights");
  g_autofree char *inside = dup_path (place, "weights/file");

  g_assert_cmpint (g_unlink (weights), ==, 0);
  put (place, "weights/file", 10);
  g_assert_false (pmod_hub_plan_remove (plan, &error));
  g_assert_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, weights));
  g_test_message ("%s", error->message);
  g_assert_false (is_listed ());
  g_assert_false (is_there (place, "config.json"));
  again = load (place);
  g_assert_false (pmod_hub_plan_get_finished (again));
  g_assert_true (pmod_hub_is_own_folder (place->folder));

  g_clear_error (&error);
  g_assert_cmpint (g_unlink (inside), ==, 0);
  g_assert_cmpint (g_rmdir (weights), ==, 0);
  g_assert_true (pmod_hub_plan_remove (again, &error));
  g_assert_no_error (error);
  g_assert_false (g_file_test (place->folder, G_FILE_TEST_EXISTS));
}

/* Links lead out of the folder, and hard links keep what they lead to. */
static void
test_links (Place *place, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (g_get_tmp_dir (), "elsewhere", NULL);
  g_autofree char *file = g_build_filename (elsewhere, "weights", NULL);
  g_autofree char *part = g_build_filename (elsewhere, "weights." PART ".part", NULL);
  g_autofree char *second = g_build_filename (elsewhere, "second", NULL);
  g_autofree char *tower = dup_path (place, "tower");
  g_autofree char *tower_weights = dup_path (place, "tower/weights");
  g_autofree char *weights = dup_path (place, "weights");
  g_autoptr (PmodHubPlan) plan = load (place);

  g_assert_cmpint (g_mkdir_with_parents (elsewhere, 0755), ==, 0);
  g_assert_true (g_file_set_contents (file, "mine", -1, NULL));
  g_assert_true (g_file_set_contents (part, "mine", -1, NULL));
  g_assert_cmpint (g_unlink (tower_weights), ==, 0);
  g_assert_cmpint (g_rmdir (tower), ==, 0);
  g_assert_cmpint (symlink (elsewhere, tower), ==, 0);
  g_assert_cmpint (link (weights, second), ==, 0);
  g_assert_cmpuint (pmod_hub_plan_get_room (plan), ==, 2);
  g_assert_true (pmod_hub_plan_remove (plan, NULL));
  g_assert_true (g_file_test (file, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (part, G_FILE_TEST_EXISTS));
  g_assert_false (is_there (place, "weights"));
  g_assert_true (is_there (place, "tower"));
  store_check_remove_folder (elsewhere);
}

/* Neither a folder anywhere, although a pull made it, nor a link to one among the models. */
static void
test_elsewhere (Place *place, gconstpointer data)
{
  g_autofree char *home = g_build_filename (place->home, "linked", NULL);
  g_autofree char *target = g_strdup (place->folder);
  g_autoptr (PmodHubPlan) plan = load (place);
  g_autoptr (PmodHubPlan) linked = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (pmod_hub_is_own_folder (place->folder));
  g_assert_false (pmod_hub_plan_remove (plan, &error));
  g_assert_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_ARGUMENT);
  g_clear_error (&error);

  g_assert_cmpint (g_mkdir_with_parents (place->home, 0755), ==, 0);
  g_assert_cmpint (symlink (target, home), ==, 0);
  g_free (place->folder);
  place->folder = g_strdup (home);
  linked = load (place);
  g_assert_false (pmod_hub_plan_remove (linked, &error));
  g_assert_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_ARGUMENT);
  g_free (place->folder);
  place->folder = g_steal_pointer (&target);
  g_assert_true (is_there (place, "config.json"));
  g_assert_true (is_there (place, "weights"));
  g_assert_cmpint (g_unlink (home), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add ("/hub-remove/all", Place, NULL, set_up, test_all, tear_down);
  g_test_add ("/hub-remove/foreign", Place, NULL, set_up, test_foreign, tear_down);
  g_test_add ("/hub-remove/broken-off", Place, NULL, set_up, test_broken_off, tear_down);
  g_test_add ("/hub-remove/links", Place, NULL, set_up, test_links, tear_down);
  g_test_add ("/hub-remove/elsewhere", Place, "", set_up, test_elsewhere, tear_down);
  return g_test_run ();
}
