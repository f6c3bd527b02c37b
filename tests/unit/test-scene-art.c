/* The tables of data/recipes, as they are and as they must not be. Needs no art: nothing is drawn
 * from them here. */
#include "config.h"
#include "pmod-scene.h"

#include <glib/gstdio.h>
#include <string.h>

/* The table of styles is complete; no family of drawings has two roles. */
static void
test_styles_table (void)
{
  static const char *const keys[] = { "package", "version", "licence", "author", "family", "role" };
  g_autofree char *path = g_build_filename (STRATA_SOURCE_DIR, "data/recipes/art.ini", NULL);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GHashTable) roles = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_auto (GStrv) styles = NULL;

  g_assert_true (g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL));
  styles = g_key_file_get_groups (file, NULL);
  g_assert_cmpint (g_strv_length (styles), ==, 9);
  for (char **style = styles; *style != NULL; style++)
    {
      g_autofree char *hash = g_key_file_get_string (file, *style, "integrity", NULL);
      g_autofree char *licence = g_key_file_get_string (file, *style, "licence", NULL);
      char *family = g_key_file_get_string (file, *style, "family", NULL);
      char *role = g_key_file_get_string (file, *style, "role", NULL);
      const char *other = g_hash_table_lookup (roles, family);

      for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
        g_assert_true (g_key_file_has_key (file, *style, keys[i], NULL));
      g_assert_true (g_str_has_prefix (hash, "sha512-"));
      g_assert_cmpint (strlen (hash), ==, strlen ("sha512-") + 88);
      g_assert_true (other == NULL || strcmp (other, role) == 0);
      /* What must be shared alike is for tests alone. */
      g_assert_true (strstr (licence, "-SA-") == NULL || strcmp (role, "held-out") == 0);
      g_hash_table_replace (roles, family, role);
    }
}

/* Every row is whole, similar nouns are so both ways, and each style has most nouns. */
static void
test_nouns_table (void)
{
  static const char *const groups[] = { "animal",     "food",    "drink", "vehicle", "plant",
                                        "instrument", "clothes", "thing", NULL };
  g_autofree char *path = g_build_filename (STRATA_SOURCE_DIR, "data/recipes/nouns.tsv", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GHashTable) pairs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  int n_nouns = 0, n_icons[9] = { 0 };
  GHashTableIter iter;
  gpointer key;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      g_auto (GStrv) fields = g_strsplit (*line, "\t", -1);
      g_auto (GStrv) similar = NULL;

      if (**line == '#' || **line == '\0' || g_str_has_prefix (*line, "noun\t"))
        continue;
      n_nouns++;
      g_assert_cmpint (g_strv_length (fields), ==, 5 + 9);
      for (int i = 0; i < 14; i++)
        g_assert_cmpint (strlen (fields[i]), >, 0);
      g_assert_true (g_strv_contains (groups, fields[3]));
      similar = g_strsplit (fields[4], ",", -1);
      for (char **name = similar; strcmp (fields[4], "-") != 0 && *name != NULL; name++)
        g_hash_table_add (pairs, g_strdup_printf ("%s,%s", fields[0], *name));
      for (int i = 0; i < 9; i++)
        n_icons[i] += strcmp (fields[5 + i], "-") != 0;
    }
  g_assert_cmpint (n_nouns, >=, 126);
  for (int i = 0; i < 9; i++)
    g_assert_cmpint (n_icons[i], >=, 100);
  g_hash_table_iter_init (&iter, pairs);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      g_auto (GStrv) names = g_strsplit (key, ",", -1);
      g_autofree char *back = g_strdup_printf ("%s,%s", names[1], names[0]);

      g_assert_true (g_hash_table_contains (pairs, back));
    }
}

/* What is wrong with the tables is told, not guessed. */
static void
test_bad_tables (void)
{
  static const struct
  {
    const char *styles, *nouns;
    int code;
  } bad[] = {
    { "[a]\nrole=train\n", "noun\tone\tmany\tgroup\tsimilar\n", PMOD_SCENE_ERROR_FORMAT },
    { "[a]\nrole=neither\n", "noun\tone\tmany\tgroup\tsimilar\ta\n", PMOD_SCENE_ERROR_FORMAT },
    { "not a key file", "", PMOD_SCENE_ERROR_IO },
    { "[a]\nrole=train\n", "noun\tone\tmany\tgroup\tsimilar\ta\ndog\ta dog\tdogs\tanimal\n",
      PMOD_SCENE_ERROR_FORMAT },
    { "[a]\nrole=train\n",
      "noun\tone\tmany\tgroup\tsimilar\ta\ndog\ta dog\tdogs\tanimal\twolf\tdog\n",
      PMOD_SCENE_ERROR_FORMAT },
    { "[a]\nrole=train\n", "noun\tone\tmany\tgroup\tsimilar\ta\ndog\ta dog\tdogs\tanimal\t-\t-\n",
      PMOD_SCENE_ERROR_FORMAT },
    { "[a]\nrole=train\n", "noun\tone\tmany\tgroup\tsimilar\ta\ndog\ta dog\tdogs\tanimal\t-\tdog\n",
      PMOD_SCENE_ERROR_IO },
  };
  g_autofree char *folder = g_dir_make_tmp ("strata-scene-XXXXXX", NULL);
  g_autofree char *styles = g_build_filename (folder, "art.ini", NULL);
  g_autofree char *nouns = g_build_filename (folder, "nouns.tsv", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      PmodSceneArt *art;

      g_assert_true (g_file_set_contents (styles, bad[i].styles, -1, NULL));
      g_assert_true (g_file_set_contents (nouns, bad[i].nouns, -1, NULL));
      art = pmod_scene_art_new (folder, NULL, folder, PMOD_SCENE_ROLE_TRAIN, &error);
      g_assert_null (art);
      g_assert_error (error, PMOD_SCENE_ERROR, bad[i].code);
      g_test_message ("%s", error->message);
    }
  g_assert_cmpint (g_unlink (styles), ==, 0);
  g_assert_cmpint (g_unlink (nouns), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/scene-art/styles", test_styles_table);
  g_test_add_func ("/scene-art/nouns", test_nouns_table);
  g_test_add_func ("/scene-art/bad-tables", test_bad_tables);
  return g_test_run ();
}
