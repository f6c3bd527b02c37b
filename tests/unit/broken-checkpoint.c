/* See broken-checkpoint.h. */
#include "broken-checkpoint.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

/* --- A safetensors file in memory, to be changed ---------------------------------------------- */

static BrokenItem *
item_new (const char *name, const char *dtype, const char *shape, gconstpointer data, gsize n)
{
  BrokenItem *item = g_new0 (BrokenItem, 1);

  item->name = g_strdup (name);
  item->dtype = g_strdup (dtype);
  item->shape = g_strdup (shape);
  item->bytes = g_byte_array_new ();
  g_byte_array_append (item->bytes, data, (guint)n);
  return item;
}

static void
item_free (gpointer data)
{
  BrokenItem *item = data;

  g_free (item->name);
  g_free (item->dtype);
  g_free (item->shape);
  g_byte_array_unref (item->bytes);
  g_free (item);
}

GPtrArray *
broken_read (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodSafetensors) file = pmod_safetensors_open (path, &error);
  GPtrArray *items = g_ptr_array_new_with_free_func (item_free);

  g_assert_no_error (error);
  for (guint i = 0; i < pmod_safetensors_get_n_entries (file); i++)
    {
      const PmodSafetensorsEntry *entry = pmod_safetensors_get_entry (file, i);
      g_autoptr (GString) shape = g_string_new ("[");

      for (int d = 0; d < entry->n_file_dims; d++)
        g_string_append_printf (shape, "%s%" G_GINT64_FORMAT, d ? "," : "", entry->tensor.shape[d]);
      g_string_append_c (shape, ']');
      g_ptr_array_add (items, item_new (entry->name, entry->dtype_name, shape->str,
                                        entry->tensor.data, entry->n_bytes));
    }
  return items;
}

void
broken_write (GPtrArray *items, const char *path)
{
  g_autoptr (GString) text = g_string_new ("12345678{");
  g_autoptr (GError) error = NULL;
  guint64 length;
  gsize offset = 0;

  for (guint i = 0; i < items->len; i++)
    {
      BrokenItem *item = g_ptr_array_index (items, i);

      g_string_append_printf (
          text, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}", i ? "," : "",
          item->name, item->dtype, item->shape, offset, offset + item->bytes->len);
      offset += item->bytes->len;
    }
  g_string_append_c (text, '}');
  length = GUINT64_TO_LE ((guint64)text->len - 8);
  memcpy (text->str, &length, 8);
  for (guint i = 0; i < items->len; i++)
    {
      GByteArray *bytes = ((BrokenItem *)g_ptr_array_index (items, i))->bytes;

      g_string_append_len (text, (const char *)bytes->data, bytes->len);
    }
  g_file_set_contents (path, text->str, (gssize)text->len, &error);
  g_assert_no_error (error);
}

guint
broken_find (GPtrArray *items, const char *name)
{
  for (guint i = 0; i < items->len; i++)
    if (strcmp (((BrokenItem *)g_ptr_array_index (items, i))->name, name) == 0)
      return i;
  g_error ("no tensor %s", name);
}

/* --- Directories ------------------------------------------------------------------------------ */

static void
copy_file (const char *from, const char *to)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *contents = NULL;
  gsize length;

  g_file_get_contents (from, &contents, &length, &error);
  g_assert_no_error (error);
  g_file_set_contents (to, contents, (gssize)length, &error);
  g_assert_no_error (error);
}

/* A new directory with ckpt/, a copy of the fixture, and tiny-clip-336/, a copy of the tower. */
char *
broken_copy_fixture (const char *fixture)
{
  const char *const dirs[][2] = { { fixture, "ckpt" }, { "tiny-clip-336", "tiny-clip-336" } };
  char *root = g_dir_make_tmp ("pmod-XXXXXX", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (dirs); i++)
    {
      g_autofree char *from = g_test_build_filename (G_TEST_DIST, "fixtures", dirs[i][0], NULL);
      g_autofree char *to = g_build_filename (root, dirs[i][1], NULL);
      g_autoptr (GDir) dir = g_dir_open (from, 0, NULL);
      const char *name;

      g_assert_cmpint (g_mkdir (to, 0700), ==, 0);
      while ((name = g_dir_read_name (dir)))
        {
          g_autofree char *source = g_build_filename (from, name, NULL);
          g_autofree char *target = g_build_filename (to, name, NULL);

          if (!g_str_has_prefix (name, "tokenizer"))
            copy_file (source, target);
        }
    }
  return root;
}

void
broken_remove (char *root)
{
  static const char *const dirs[] = { "ckpt", "tiny-clip-336", "." };

  for (gsize i = 0; i < G_N_ELEMENTS (dirs); i++)
    {
      g_autofree char *path = g_build_filename (root, dirs[i], NULL);
      g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
      const char *name;

      while (dir && (name = g_dir_read_name (dir)))
        {
          g_autofree char *file = g_build_filename (path, name, NULL);
          g_unlink (file);
        }
      g_rmdir (path);
    }
  g_rmdir (root);
  g_free (root);
}

void
broken_set_key (const char *path, const char *key, const char *value)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autofree char *text = NULL;
  JsonObject *object;

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  object = json_node_get_object (json_parser_get_root (parser));
  if (value)
    json_object_set_member (object, key, json_from_string (value, NULL));
  else
    json_object_remove_member (object, key);
  text = json_to_string (json_parser_get_root (parser), FALSE);
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static gsize
shape_elements (const char *shape)
{
  gsize n = 1;

  for (const char *p = shape; *p && *p != ']'; p = strpbrk (p + 1, ",]"))
    n *= (gsize)g_ascii_strtoull (p + 1, NULL, 10);
  return n;
}

void
broken_change (GPtrArray *items, BrokenChange change, const char *name, const char *argument)
{
  BrokenItem *item;
  guint8 *data;
  guint old;

  if (change == BROKEN_ADD)
    {
      g_autofree guint8 *zeros = g_malloc0 (2 * shape_elements (argument));

      g_ptr_array_add (items,
                       item_new (name, "F16", argument, zeros, 2 * shape_elements (argument)));
      return;
    }
  if (change == BROKEN_REMOVE)
    {
      g_ptr_array_remove_index (items, broken_find (items, name));
      return;
    }
  item = g_ptr_array_index (items, broken_find (items, name));
  old = item->bytes->len;
  if (change == BROKEN_RENAME)
    {
      g_free (item->name);
      item->name = g_strdup (argument);
    }
  else if (change == BROKEN_RESHAPE)
    {
      gsize size = old / shape_elements (item->shape);

      g_free (item->shape);
      item->shape = g_strdup (argument);
      g_byte_array_set_size (item->bytes, (guint)(size * shape_elements (argument)));
    }
  else
    {
      g_free (item->dtype);
      item->dtype = g_strdup (argument);
      g_byte_array_set_size (item->bytes, 4 * old);
    }
  data = item->bytes->data;
  if (item->bytes->len > old)
    memset (data + old, 0, item->bytes->len - old);
}

void
broken_expect (const char *what,
               PmodCheckpoint *checkpoint,
               GError *error,
               PmodErrorCode code,
               const char *message)
{
  if (checkpoint)
    g_error ("%s: was accepted", what);
  if (!g_error_matches (error, PMOD_ERROR, (int)code) || !strstr (error->message, message))
    g_error ("%s: expected code %d and \"%s\", got %d and \"%s\"", what, code, message, error->code,
             error->message);
  g_test_message ("%s: %s", what, error->message);
}
