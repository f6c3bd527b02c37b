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

typedef struct
{
  int n_nouns, n_icons[9], fewest_styles; /* of the seven to train with */
  GHashTable *names;
  GHashTable *pairs; /* "noun,similar" */
} Table;

static void
read_row (Table *self, char **fields)
{
  static const char *const groups[] = { "animal",     "food",    "drink", "vehicle", "plant",
                                        "instrument", "clothes", "thing", "-",       NULL };
  g_auto (GStrv) similar = NULL;
  int n_styles = 0;

  g_assert_cmpint (g_strv_length (fields), ==, 5 + 9);
  for (int i = 0; i < 14; i++)
    g_assert_cmpint (strlen (fields[i]), >, 0);
  g_assert_true (g_strv_contains (groups, fields[3]));
  g_assert_true (g_hash_table_add (self->names, g_strdup (fields[0])));
  similar = g_strsplit (fields[4], ",", -1);
  for (char **name = similar; strcmp (fields[4], "-") != 0 && *name != NULL; name++)
    g_hash_table_add (self->pairs, g_strdup_printf ("%s,%s", fields[0], *name));
  for (int i = 0; i < 9; i++)
    {
      gboolean drawn = strcmp (fields[5 + i], "-") != 0;

      self->n_icons[i] += drawn;
      n_styles += drawn && i < 7;
    }
  self->fewest_styles = MIN (self->fewest_styles, n_styles);
  self->n_nouns++;
}

static void
read_table (const char *name, Table *self)
{
  g_autofree char *path = g_build_filename (STRATA_SOURCE_DIR, "data/recipes", name, NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  *self = (Table){ .fewest_styles = 7 };
  self->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->pairs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      g_auto (GStrv) fields = g_strsplit (*line, "\t", -1);

      if (**line != '#' && **line != '\0' && !g_str_has_prefix (*line, "noun\t"))
        read_row (self, fields);
    }
}

static void
free_table (Table *self)
{
  g_hash_table_unref (self->names);
  g_hash_table_unref (self->pairs);
}

/* Every row is whole, each style has most nouns, similar nouns are so both ways. Shapes have no
 * row; no noun has the name of one. */
static void
check_table (const Table *table, int n_nouns, int n_icons)
{
  static const char *const shapes[] = { "circle", "square",  "triangle", "star", "heart",
                                        "cross",  "diamond", "ring",     NULL };
  GHashTableIter iter;
  gpointer key;

  g_assert_cmpint (table->n_nouns, >=, n_nouns);
  g_assert_cmpint (table->fewest_styles, >=, 5);
  for (int i = 0; i < 9; i++)
    g_assert_cmpint (table->n_icons[i], >=, n_icons);
  for (int i = 0; shapes[i] != NULL; i++)
    g_assert_false (g_hash_table_contains (table->names, shapes[i]));
  g_hash_table_iter_init (&iter, table->pairs);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      g_auto (GStrv) names = g_strsplit (key, ",", -1);
      g_autofree char *back = g_strdup_printf ("%s,%s", names[1], names[0]);

      g_assert_true (g_strv_contains ((const char *const *)shapes, names[1]) ||
                     g_hash_table_contains (table->pairs, back));
    }
}

/* The larger table holds the smaller one, and whatever is similar there is similar here. */
static void
test_nouns_tables (void)
{
  Table small, large;
  GHashTableIter iter;
  gpointer key;

  read_table ("nouns.tsv", &small);
  read_table ("nouns-m.tsv", &large);
  check_table (&small, 126, 100);
  check_table (&large, 400, 240);
  g_hash_table_iter_init (&iter, small.names);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_assert_true (g_hash_table_contains (large.names, key));
  g_hash_table_iter_init (&iter, small.pairs);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_assert_true (g_hash_table_contains (large.pairs, key));
  free_table (&small);
  free_table (&large);
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
    { "[a]\nrole=train\n",
      "noun\tone\tmany\tgroup\tsimilar\ta\nstar\ta star\tstars\tthing\t-\tstar\n",
      PMOD_SCENE_ERROR_FORMAT },
    { "[a]\nrole=train\n",
      "noun\tone\tmany\tgroup\tsimilar\ta\ngem\ta gem\tgems\tthing\tdiamond\tgem\n",
      PMOD_SCENE_ERROR_IO },
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

/* The table that is asked for is the one that is read. */
static void
test_named_table (void)
{
  g_autofree char *recipes = g_build_filename (STRATA_SOURCE_DIR, "data/recipes", NULL);
  g_autofree char *folder = g_dir_make_tmp ("strata-scene-XXXXXX", NULL);
  g_autoptr (GError) error = NULL;
  PmodSceneArt *art =
      pmod_scene_art_new (recipes, "nouns-x.tsv", folder, PMOD_SCENE_ROLE_TRAIN, &error);

  g_assert_null (art);
  g_assert_error (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "nouns-x.tsv"));
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/scene-art/styles", test_styles_table);
  g_test_add_func ("/scene-art/nouns", test_nouns_tables);
  g_test_add_func ("/scene-art/bad-tables", test_bad_tables);
  g_test_add_func ("/scene-art/named-table", test_named_table);
  return g_test_run ();
}
