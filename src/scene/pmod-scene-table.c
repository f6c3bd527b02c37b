/* The tables in data/recipes: which styles there are, which nouns, how they are called. Not here:
 * their drawings. */
#include "pmod-scene-private.h"

#include <string.h>

#define FIRST_STYLE_COLUMN 5

void
noun_free (Noun *self)
{
  g_free (self->name);
  g_free (self->one);
  g_free (self->many);
  g_free (self->group);
  g_free (self->similar);
  g_free (self);
}

static gboolean
read_text (const char *path, char **text, GError **error)
{
  g_autoptr (GError) why = NULL;

  if (g_file_get_contents (path, text, NULL, &why))
    return TRUE;
  g_set_error_literal (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_IO, why->message);
  return FALSE;
}

static gboolean
read_styles (PmodSceneArt *art, const char *path, PmodSceneRole role, GError **error)
{
  const char *const wanted = role == PMOD_SCENE_ROLE_TRAIN ? "train" : "held-out";
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) why = NULL;
  g_auto (GStrv) names = NULL;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &why))
    {
      g_set_error (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_IO, "%s: %s", path, why->message);
      return FALSE;
    }
  names = g_key_file_get_groups (file, NULL);
  for (char **name = names; *name != NULL; name++)
    {
      g_autofree char *got = g_key_file_get_string (file, *name, "role", NULL);

      if (g_strcmp0 (got, "train") != 0 && g_strcmp0 (got, "held-out") != 0)
        {
          g_set_error (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_FORMAT,
                       "%s: style %s: expected the role train or held-out, got %s", path, *name,
                       got != NULL ? got : "none");
          return FALSE;
        }
      if (strcmp (got, wanted) == 0)
        g_ptr_array_add (art->styles, g_strdup (*name));
    }
  return TRUE;
}

/* columns[style] of the header, or FALSE if a style has none. */
static gboolean
find_columns (PmodSceneArt *art, char **header, const char *path, int *columns, GError **error)
{
  for (guint style = 0; style < art->styles->len; style++)
    {
      const char *name = g_ptr_array_index (art->styles, style);

      columns[style] = -1;
      for (int i = FIRST_STYLE_COLUMN; i < (int)g_strv_length (header); i++)
        if (strcmp (header[i], name) == 0)
          columns[style] = i;
      if (columns[style] < 0)
        {
          g_set_error (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_FORMAT,
                       "%s: expected a column for the style %s", path, name);
          return FALSE;
        }
    }
  return TRUE;
}

static int
find_noun (const PmodSceneArt *art, const char *name)
{
  for (guint i = 0; i < art->nouns->len; i++)
    if (strcmp (((Noun *)g_ptr_array_index (art->nouns, i))->name, name) == 0)
      return (int)i;
  return -1;
}

/* The class of a noun or a shape, or -1. */
static int
find_class (const PmodSceneArt *art, const char *name)
{
  int noun = find_noun (art, name);

  for (int i = 0; i < PMOD_SCENE_N_SHAPES; i++)
    if (strcmp (pmod_scene_art_get_class_name (art, i), name) == 0)
      return i;
  return noun < 0 ? -1 : FIRST_NOUN + noun;
}

/* similar: the fifth column of every noun, once all nouns are known. */
static gboolean
link_similar (PmodSceneArt *art, GPtrArray *similar, const char *path, GError **error)
{
  for (guint i = 0; i < art->nouns->len; i++)
    {
      Noun *noun = g_ptr_array_index (art->nouns, i);
      g_auto (GStrv) names = g_strsplit (g_ptr_array_index (similar, i), ",", -1);

      if (strcmp (g_ptr_array_index (similar, i), "-") == 0)
        continue;
      noun->similar = g_new0 (int, g_strv_length (names));
      for (char **name = names; *name != NULL; name++)
        {
          int found = find_class (art, *name);

          if (found < 0)
            {
              g_set_error (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_FORMAT,
                           "%s: %s is similar to \"%s\", which is no noun and no shape", path,
                           noun->name, *name);
              return FALSE;
            }
          noun->similar[noun->n_similar++] = found;
        }
    }
  return TRUE;
}

static void
add_noun (PmodSceneArt *art, char **fields)
{
  Noun *noun = g_new0 (Noun, 1);

  noun->name = g_strdup (fields[0]);
  noun->one = g_strdup (fields[1]);
  noun->many = g_strdup (fields[2]);
  noun->group = g_strdup (fields[3]);
  g_ptr_array_add (art->nouns, noun);
}

/* icon_names gets a vector of strings for each style, one string for each noun. */
static void
keep_icons (PmodSceneArt *art, GPtrArray *rows, const int *columns, GPtrArray *icon_names)
{
  for (guint style = 0; style < art->styles->len; style++)
    {
      char **names = g_new0 (char *, rows->len + 1);

      for (guint i = 0; i < rows->len; i++)
        names[i] = g_strdup (((char **)g_ptr_array_index (rows, i))[columns[style]]);
      g_ptr_array_add (icon_names, names);
    }
}

static gboolean
read_nouns (PmodSceneArt *art, const char *path, GPtrArray *icon_names, GError **error)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autofree int *columns = g_new0 (int, art->styles->len + 1);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify)g_strfreev);
  g_autoptr (GPtrArray) similar = g_ptr_array_new ();
  g_auto (GStrv) header = NULL;

  if (!read_text (path, &text, error))
    return FALSE;
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) fields = g_strsplit (lines[i], "\t", -1);

      if (lines[i][0] == '#' || lines[i][0] == '\0')
        continue;
      if (header == NULL)
        {
          header = g_steal_pointer (&fields);
          if (!find_columns (art, header, path, columns, error))
            return FALSE;
          continue;
        }
      if (g_strv_length (fields) != g_strv_length (header) || find_class (art, fields[0]) >= 0)
        {
          g_set_error (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_FORMAT,
                       "%s:%u: expected a new noun in %u fields, got \"%s\" in %u", path, i + 1,
                       g_strv_length (header), fields[0], g_strv_length (fields));
          return FALSE;
        }
      add_noun (art, fields);
      g_ptr_array_add (similar, fields[4]);
      g_ptr_array_add (rows, g_steal_pointer (&fields));
    }
  keep_icons (art, rows, columns, icon_names);
  return link_similar (art, similar, path, error);
}

gboolean
scene_table_read (PmodSceneArt *art,
                  const char *recipes,
                  const char *table,
                  PmodSceneRole role,
                  GPtrArray *icon_names,
                  GError **error)
{
  g_autofree char *styles = g_build_filename (recipes, "art.ini", NULL);
  g_autofree char *nouns = g_build_filename (recipes, table != NULL ? table : "nouns.tsv", NULL);

  return read_styles (art, styles, role, error) && read_nouns (art, nouns, icon_names, error);
}
