/* See the header. GKeyFile does the reading; here is what it does not mind. */
#include "pmod-key-file.h"

#include <math.h>
#include <string.h>

#include "pmod-file.h"

#define MAX_BYTES (1 << 20)

struct _PmodKeyFile
{
  char *path;
  char *dir;
  GKeyFile *keys;
  char **groups;
};

/* --- Opening ---------------------------------------------------------------------------------- */

/* The name of a group, or of a key with its group in front, that a line begins; NULL for others.
 * *group changes with a group's line. (transfer full) */
static char *
name_line (char *line, char **group)
{
  char *end;

  g_strstrip (line);
  if (line[0] == '\0' || line[0] == '#')
    return NULL;
  end = strchr (line, line[0] == '[' ? ']' : '=');
  if (end == NULL)
    return NULL;
  if (line[0] == '[')
    {
      g_free (*group);
      *group = g_strndup (line, (gsize)(end - line) + 1);
      return g_strdup (*group);
    }
  *end = '\0';
  return g_strdup_printf ("%s %s", *group ? *group : "", g_strchomp (line));
}

static gboolean
check_twice (const char *path, const char *text, GError **error)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *group = NULL;

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_autofree char *name = name_line (lines[i], &group);

      if (name == NULL)
        continue;
      if (g_hash_table_contains (seen, name))
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                       "%s:%u: %s is there for the second time", path, i + 1, name);
          return FALSE;
        }
      g_hash_table_add (seen, g_steal_pointer (&name));
    }
  return TRUE;
}

static gboolean
parse (PmodKeyFile *self, const char *text, gsize length, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (!g_utf8_validate_len (text, length, NULL))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: expected UTF-8, got other bytes",
                   self->path);
      return FALSE;
    }
  if (!check_twice (self->path, text, error))
    return FALSE;
  if (!g_key_file_load_from_data (self->keys, text, length, G_KEY_FILE_NONE, &local))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: %s", self->path, local->message);
      return FALSE;
    }
  self->groups = g_key_file_get_groups (self->keys, NULL);
  return TRUE;
}

PmodKeyFile *
pmod_key_file_load (const char *path, GError **error)
{
  g_autoptr (GMappedFile) map = pmod_file_map (path, MAX_BYTES, error);
  g_autoptr (PmodKeyFile) self = NULL;
  g_autofree char *absolute = NULL;
  g_autofree char *text = NULL;
  gsize length;

  if (map == NULL)
    return NULL;
  length = g_mapped_file_get_length (map);
  text = g_strndup (length > 0 ? g_mapped_file_get_contents (map) : "", length);
  self = g_new0 (PmodKeyFile, 1);
  absolute = g_canonicalize_filename (path, NULL);
  self->path = g_strdup (path);
  self->dir = g_path_get_dirname (absolute);
  self->keys = g_key_file_new ();
  return parse (self, text, length, error) ? g_steal_pointer (&self) : NULL;
}

void
pmod_key_file_free (PmodKeyFile *self)
{
  if (self == NULL)
    return;
  g_free (self->path);
  g_free (self->dir);
  g_key_file_unref (self->keys);
  g_strfreev (self->groups);
  g_free (self);
}

const char *
pmod_key_file_get_path (const PmodKeyFile *self)
{
  return self->path;
}

char *
pmod_key_file_resolve (const PmodKeyFile *self, const char *path)
{
  return g_canonicalize_filename (path, self->dir);
}

const char *const *
pmod_key_file_get_groups (const PmodKeyFile *self)
{
  return (const char *const *)self->groups;
}

gboolean
pmod_key_file_has_group (const PmodKeyFile *self, const char *group)
{
  return g_key_file_has_group (self->keys, group);
}

char *
pmod_key_file_get_value (const PmodKeyFile *self, const char *group, const char *key)
{
  /* As it stands: a backslash is a backslash. */
  char *value = g_key_file_get_value (self->keys, group, key, NULL);

  return value != NULL ? g_strstrip (value) : NULL;
}

gboolean
pmod_key_file_refuse (const PmodKeyFile *self,
                      const char *group,
                      const char *key,
                      const char *expected,
                      const char *value,
                      GError **error)
{
  g_autofree char *got = value != NULL ? pmod_error_quote (value) : g_strdup ("nothing");

  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: [%s] %s: expected %s, got %s", self->path,
               group, key, expected, got);
  return FALSE;
}

/* --- Values ----------------------------------------------------------------------------------- */

/* One key of one group, and the text that stands there. */
typedef struct
{
  const PmodKeyFile *file;
  const char *group;
  const PmodKey *key;
  const char *text;
  gpointer field;
  GError **error;
} Value;

static gboolean
refuse (const Value *self, const char *expected)
{
  return pmod_key_file_refuse (self->file, self->group, self->key->name, expected, self->text,
                               self->error);
}

static gboolean
read_number (const Value *self, double *number)
{
  const PmodKey *key = self->key;
  gboolean whole = key->type == PMOD_KEY_INT;
  const char *characters = whole ? "-0123456789" : "-+.0123456789eE";
  g_autofree char *expected = NULL;
  char *end;

  *number = g_ascii_strtod (self->text, &end);
  if (end != self->text && *end == '\0' && strspn (self->text, characters) == strlen (self->text) &&
      *number <= key->most && (key->above ? *number > key->least : *number >= key->least))
    return TRUE;
  if (whole)
    expected = g_strdup_printf ("a whole number from %.0f to %.0f", key->least, key->most);
  else if (key->above)
    expected = g_strdup_printf ("a number above %g and at most %g", key->least, key->most);
  else
    expected = g_strdup_printf ("a number from %g to %g", key->least, key->most);
  return refuse (self, expected);
}

static int
find_choice (const char *const *choices, const char *text)
{
  for (int i = 0; choices[i] != NULL; i++)
    if (strcmp (choices[i], text) == 0)
      return i;
  return -1;
}

static gboolean
refuse_choice (const Value *self, const char *separator)
{
  g_autofree char *expected = g_strjoinv (separator, (char **)self->key->choices);

  return refuse (self, expected);
}

static gboolean
read_set (const Value *self, guint *set)
{
  g_auto (GStrv) names = g_strsplit (self->text, ";", -1);

  *set = 0;
  for (guint i = 0; names[i] != NULL; i++)
    {
      int choice = find_choice (self->key->choices, g_strstrip (names[i]));

      /* One semicolon may end the list. */
      if (names[i][0] == '\0' && i > 0 && names[i + 1] == NULL)
        continue;
      if (choice < 0)
        return refuse_choice (self, ";");
      *set |= 1u << choice;
    }
  return *set != 0 || refuse_choice (self, ";");
}

static gboolean
read_text (const Value *self)
{
  char **field = self->field;

  if (self->text[0] == '\0')
    return refuse (self, "some text");
  if (self->key->choices != NULL && find_choice (self->key->choices, self->text) < 0)
    return refuse_choice (self, " or ");
  *field = self->key->type == PMOD_KEY_PATH ? pmod_key_file_resolve (self->file, self->text)
                                            : g_strdup (self->text);
  return TRUE;
}

static gboolean
read_value (const Value *self)
{
  static const char *const flags[] = { "false", "true", NULL };
  double number = 0;
  int choice;

  switch (self->key->type)
    {
    case PMOD_KEY_INT:
      if (!read_number (self, &number))
        return FALSE;
      *(int *)self->field = (int)number;
      return TRUE;
    case PMOD_KEY_NUMBER:
      return read_number (self, self->field);
    case PMOD_KEY_SEED:
      return g_ascii_string_to_unsigned (self->text, 10, 0, G_MAXUINT64, self->field, NULL) ||
             refuse (self, "a whole number from 0 to 18446744073709551615");
    case PMOD_KEY_FLAG:
      choice = find_choice (flags, self->text);
      *(gboolean *)self->field = choice == 1;
      return choice >= 0 || refuse (self, "true or false");
    case PMOD_KEY_CHOICE:
      choice = find_choice (self->key->choices, self->text);
      *(int *)self->field = choice;
      return choice >= 0 || refuse_choice (self, " or ");
    case PMOD_KEY_SET:
      return read_set (self, self->field);
    case PMOD_KEY_TEXT:
    case PMOD_KEY_PATH:
    default:
      return read_text (self);
    }
}

static void
set_fallback (const PmodKey *key, gpointer field)
{
  switch (key->type)
    {
    case PMOD_KEY_SEED:
      *(guint64 *)field = (guint64)key->fallback;
      break;
    case PMOD_KEY_NUMBER:
      *(double *)field = key->fallback;
      break;
    case PMOD_KEY_TEXT:
    case PMOD_KEY_PATH:
      if (key->text != NULL)
        *(char **)field = g_strdup (key->text);
      break;
    case PMOD_KEY_SET:
      *(guint *)field = (guint)key->fallback;
      break;
    case PMOD_KEY_INT:
    case PMOD_KEY_FLAG:
    case PMOD_KEY_CHOICE:
    default:
      *(int *)field = (int)key->fallback;
    }
}

/* --- Groups ----------------------------------------------------------------------------------- */

static gboolean
check_known (
    const PmodKeyFile *self, const char *group, const PmodKey *keys, gsize n_keys, GError **error)
{
  g_auto (GStrv) names = g_key_file_get_keys (self->keys, group, NULL, NULL);
  g_autoptr (GString) known = g_string_new (NULL);

  for (gsize i = 0; i < n_keys; i++)
    g_string_append_printf (known, "%s%s",
                            i == 0           ? ""
                            : i + 1 < n_keys ? ", "
                                             : " or ",
                            keys[i].name);
  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      gboolean found = FALSE;

      for (gsize j = 0; j < n_keys && !found; j++)
        found = strcmp (names[i], keys[j].name) == 0;
      if (!found)
        {
          g_autofree char *quoted = pmod_error_quote (names[i]);

          g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                       "%s: [%s]: expected the key %s, got %s", self->path, group, known->str,
                       quoted);
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
pmod_key_file_read (const PmodKeyFile *self,
                    const char *group,
                    const PmodKey *keys,
                    gsize n_keys,
                    gpointer target,
                    GError **error)
{
  if (!check_known (self, group, keys, n_keys, error))
    return FALSE;
  for (gsize i = 0; i < n_keys; i++)
    {
      g_autofree char *text = pmod_key_file_get_value (self, group, keys[i].name);
      Value value = { self, group, &keys[i], text, (guint8 *)target + keys[i].offset, error };

      if (text != NULL ? !read_value (&value) : keys[i].required)
        return text != NULL ? FALSE : refuse (&value, "a value");
      if (text == NULL)
        set_fallback (&keys[i], value.field);
    }
  return TRUE;
}
