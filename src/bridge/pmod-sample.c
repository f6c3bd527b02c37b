/* PmodSample: see pmod-sample.h. Read in a GTask's thread; immutable once delivered. */
#include "config.h"

#include "pmod-sample.h"

#include <json-glib/json-glib.h>

struct _PmodSample
{
  GObject parent_instance;

  GFile *file;
  char *title;
  char **questions;
};

G_DEFINE_FINAL_TYPE (PmodSample, pmod_sample, G_TYPE_OBJECT)

static void
pmod_sample_finalize (GObject *object)
{
  PmodSample *self = PMOD_SAMPLE (object);

  g_clear_object (&self->file);
  g_free (self->title);
  g_strfreev (self->questions);

  G_OBJECT_CLASS (pmod_sample_parent_class)->finalize (object);
}

static void
pmod_sample_class_init (PmodSampleClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pmod_sample_finalize;
}

static void
pmod_sample_init (PmodSample *self)
{
}

static char **
read_questions (JsonObject *object)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  JsonArray *array = json_object_has_member (object, "questions")
                         ? json_object_get_array_member (object, "questions")
                         : NULL;

  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      const char *question = json_array_get_string_element (array, i);

      if (question)
        g_strv_builder_add (builder, question);
    }
  return g_strv_builder_end (builder);
}

static PmodSample *
sample_new (const char *dir, JsonObject *object)
{
  const char *name = json_object_get_string_member_with_default (object, "file", NULL);
  g_autofree char *path = NULL;
  PmodSample *self;

  if (!name)
    return NULL;
  path = g_build_filename (dir, name, NULL);
  self = g_object_new (PMOD_TYPE_SAMPLE, NULL);
  self->file = g_file_new_for_path (path);
  self->title = g_strdup (json_object_get_string_member_with_default (object, "title", name));
  self->questions = read_questions (object);
  return self;
}

static GListStore *
read_list (const char *dir)
{
  GListStore *list = g_list_store_new (PMOD_TYPE_SAMPLE);
  g_autofree char *path = g_build_filename (dir, "samples.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonNode *root = NULL;
  JsonArray *array = NULL;

  if (json_parser_load_from_file (parser, path, NULL))
    root = json_parser_get_root (parser);
  if (root && JSON_NODE_HOLDS_ARRAY (root))
    array = json_node_get_array (root);
  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      g_autoptr (PmodSample) sample =
          JSON_NODE_HOLDS_OBJECT (node) ? sample_new (dir, json_node_get_object (node)) : NULL;

      if (sample)
        g_list_store_append (list, sample);
    }
  return list;
}

/* Installed, else beside the sources. */
static GListStore *
read_samples (void)
{
  GListStore *list = read_list (STRATA_PKGDATADIR "/samples");

  if (g_list_model_get_n_items (G_LIST_MODEL (list)) > 0)
    return list;
  g_object_unref (list);
  return read_list (STRATA_SOURCE_DIR "/data/samples");
}

static void
list_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, read_samples (), g_object_unref);
}

void
pmod_sample_list_async (GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_run_in_thread (task, list_thread);
}

GListModel *
pmod_sample_list_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

GFile *
pmod_sample_get_file (PmodSample *self)
{
  g_return_val_if_fail (PMOD_IS_SAMPLE (self), NULL);
  return self->file;
}

const char *
pmod_sample_get_title (PmodSample *self)
{
  g_return_val_if_fail (PMOD_IS_SAMPLE (self), NULL);
  return self->title;
}

char **
pmod_sample_find_questions (GFile *file)
{
  g_autoptr (GListStore) samples = read_samples ();

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (samples)); i++)
    {
      g_autoptr (PmodSample) sample = g_list_model_get_item (G_LIST_MODEL (samples), i);

      if (g_file_equal (sample->file, file))
        return g_strdupv (sample->questions);
    }
  return NULL;
}
