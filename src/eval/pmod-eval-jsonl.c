/* Questions from a file, one JSON object a line:
 *
 *   {"id": "17", "image": "a/b.jpg", "question": "What is this?", "answers": ["a dog"],
 *    "category": "animals", "choices": ["a cat", "a dog"]}
 *
 * "image" may be an array of pictures that are shown together, in this order; "<image>" in the
 * question marks their places. Questions about the same are put together, in the order in which
 * pictures first appear. Not here: which answers a metric takes for right. */
#include "pmod-eval-private.h"

#include "pmod-eval-metric.h"

#include <json-glib/json-glib.h>
#include <string.h>

#define MAX_CHOICES 26
#define MAX_IMAGES 16 /* of one question */
#define NO_CATEGORY "question"

struct _PmodEvalJsonl
{
  const PmodEvalTask *task;
  GPtrArray *groups; /* Group */
};

typedef struct
{
  char **images;        /* paths; none for a question without a picture */
  GPtrArray *questions; /* PmodEvalQuestion */
} Group;

static void
group_free (Group *self)
{
  g_strfreev (self->images);
  g_ptr_array_unref (self->questions);
  g_free (self);
}

/* One line while it is read. */
typedef struct
{
  const PmodEvalTask *task;
  int number;
  JsonObject *object;
} Line;

static gboolean refuse (const Line *self, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
refuse (const Line *self, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s:%d: %s", self->task->answers, self->number,
               message);
  return FALSE;
}

/* --- Members ---------------------------------------------------------------------------------- */

static char *
describe (JsonNode *node)
{
  g_autofree char *text = node != NULL ? json_to_string (node, FALSE) : NULL;
  g_autofree char *quoted = text != NULL ? pmod_error_quote (text) : NULL;

  /* What is a string has quotes of its own. */
  if (node != NULL && JSON_NODE_HOLDS_VALUE (node) &&
      json_node_get_value_type (node) == G_TYPE_STRING)
    return pmod_error_quote (json_node_get_string (node));
  return g_strdup (quoted != NULL ? quoted : "nothing");
}

static gboolean
is_string (JsonNode *node)
{
  return node != NULL && JSON_NODE_HOLDS_VALUE (node) &&
         json_node_get_value_type (node) == G_TYPE_STRING;
}

/* *text is NULL where the member is missing or null and may be. */
static gboolean
read_string (
    const Line *self, const char *name, gboolean required, const char **text, GError **error)
{
  JsonNode *node = json_object_get_member (self->object, name);
  g_autofree char *got = NULL;

  *text = NULL;
  if ((node == NULL || JSON_NODE_HOLDS_NULL (node)) && !required)
    return TRUE;
  if (is_string (node) && *json_node_get_string (node) != '\0')
    {
      *text = json_node_get_string (node);
      return TRUE;
    }
  got = describe (node);
  return refuse (self, error, "\"%s\": expected a string with something in it, got %s", name, got);
}

/* "17" or 17; the line's number where there is none. */
static gboolean
read_id (const Line *self, char **id, GError **error)
{
  JsonNode *node = json_object_get_member (self->object, "id");
  const char *text;

  if (node != NULL && JSON_NODE_HOLDS_VALUE (node) &&
      json_node_get_value_type (node) == G_TYPE_INT64)
    *id = g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node));
  else if (!read_string (self, "id", FALSE, &text, error))
    return FALSE;
  else
    *id = text != NULL ? g_strdup (text) : g_strdup_printf ("%d", self->number);
  return TRUE;
}

/* An array of min to max strings; NULL and FALSE where it is none. */
static char **
read_strings (const Line *self, const char *name, guint min, guint max, GError **error)
{
  JsonNode *node = json_object_get_member (self->object, name);
  g_autoptr (GStrvBuilder) strings = g_strv_builder_new ();
  JsonArray *array =
      node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint n = array != NULL ? json_array_get_length (array) : 0;
  gboolean good = array != NULL && n >= min && n <= max;
  g_autofree char *got = NULL;

  for (guint i = 0; good && i < n; i++)
    {
      good = is_string (json_array_get_element (array, i));
      if (good)
        g_strv_builder_add (strings, json_array_get_string_element (array, i));
    }
  if (good)
    return g_strv_builder_end (strings);
  got = describe (node);
  refuse (self, error, "\"%s\": expected %u to %u strings in an array, got %s", name, min, max,
          got);
  return NULL;
}

static gboolean
check_members (const Line *self, GError **error)
{
  static const char *const known[] = { "id",      "image",    "question", "answers",
                                       "choices", "category", NULL };
  g_autoptr (GList) names = json_object_get_members (self->object);

  for (GList *name = names; name != NULL; name = name->next)
    if (!g_strv_contains (known, name->data))
      {
        g_autofree char *joined = g_strjoinv (", ", (char **)known);
        g_autofree char *quoted = pmod_error_quote (name->data);

        return refuse (self, error, "expected members of %s, got %s", joined, quoted);
      }
  return TRUE;
}

/* What the metric could never score is refused. */
static gboolean
check_answers (const Line *self, const PmodEvalQuestion *question, GError **error)
{
  const char *first = question->expected[0];
  guint n = g_strv_length (question->expected);
  g_autofree char *quoted = pmod_error_quote (first);
  char letter;

  switch (self->task->metric)
    {
    case PMOD_EVAL_METRIC_YES_NO:
      if (n == 1 && !pmod_eval_is_evasive (first))
        return TRUE;
      return refuse (self, error, "\"answers\": expected \"yes\" or \"no\" alone, got %s%s", quoted,
                     n > 1 ? " and more" : "");
    case PMOD_EVAL_METRIC_CHOICE:
      letter = pmod_eval_choice (first, NULL);
      if (n == 1 && letter != 0 &&
          (question->choices == NULL || (guint)(letter - 'A') < g_strv_length (question->choices)))
        return TRUE;
      return refuse (self, error, "\"answers\": expected the letter of one choice, got %s%s",
                     quoted, n > 1 ? " and more" : "");
    case PMOD_EVAL_METRIC_VQA_SOFT:
      if (n == 1 || n >= 4)
        return TRUE;
      return refuse (self, error,
                     "\"answers\": expected one, which stands for ten, or those of four people or "
                     "more, got %u",
                     n);
    case PMOD_EVAL_METRIC_EXACT:
    case PMOD_EVAL_METRIC_ANLS:
    case PMOD_EVAL_METRIC_RELAXED:
      break;
    }
  return TRUE;
}

/* "image": a name or an array of names; none where it is missing or null. (transfer full) */
static char **
read_images (const Line *self, GError **error)
{
  JsonNode *node = json_object_get_member (self->object, "image");
  const char *image;

  if (node != NULL && JSON_NODE_HOLDS_ARRAY (node))
    return read_strings (self, "image", 1, MAX_IMAGES, error);
  if (!read_string (self, "image", FALSE, &image, error))
    return NULL;
  return g_strdupv ((char *[]){ (char *)image, NULL });
}

static PmodEvalQuestion *
read_question (const Line *self, GError **error)
{
  g_autoptr (PmodEvalQuestion) question = NULL;
  g_autofree char *id = NULL;
  const char *text, *category;
  char **answers;

  if (!check_members (self, error) || !read_id (self, &id, error) ||
      !read_string (self, "question", TRUE, &text, error) ||
      !read_string (self, "category", FALSE, &category, error))
    return NULL;
  answers = read_strings (self, "answers", 1, 1000, error);
  if (answers == NULL)
    return NULL;
  question = pmod_eval_question_new (id, category != NULL ? category : NO_CATEGORY, text, answers);
  if (json_object_has_member (self->object, "choices"))
    {
      question->choices = read_strings (self, "choices", 2, MAX_CHOICES, error);
      if (question->choices == NULL)
        return NULL;
    }
  return check_answers (self, question, error) ? g_steal_pointer (&question) : NULL;
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* Takes images. */
static Group *
find_group (PmodEvalJsonl *self, GHashTable *by_images, char **images)
{
  g_auto (GStrv) names = images;
  g_autofree char *key = g_strjoinv ("\n", names);
  Group *group = *names != NULL ? g_hash_table_lookup (by_images, key) : NULL;

  if (group != NULL)
    return group;
  group = g_new0 (Group, 1);
  group->questions = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_eval_question_free);
  g_ptr_array_add (self->groups, group);
  for (char **name = names; *name != NULL; name++)
    if (!g_path_is_absolute (*name))
      {
        char *path = g_build_filename (self->task->images, *name, NULL);

        g_free (*name);
        *name = path;
      }
  if (*names != NULL)
    g_hash_table_insert (by_images, g_steal_pointer (&key), group);
  group->images = g_steal_pointer (&names);
  return group;
}

static gboolean
read_line (PmodEvalJsonl *self, GHashTable *by_images, const char *text, int number, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) why = NULL;
  Line line = { self->task, number, NULL };
  PmodEvalQuestion *question;
  char **images;
  JsonNode *root;

  if (!g_utf8_validate (text, -1, NULL))
    return refuse (&line, error, "expected UTF-8, got other bytes");
  if (!json_parser_load_from_data (parser, text, -1, &why))
    return refuse (&line, error, "expected a JSON object: %s", why->message);
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      g_autofree char *got = describe (root);

      return refuse (&line, error, "expected a JSON object, got %s", got);
    }
  line.object = json_node_get_object (root);
  images = read_images (&line, error);
  if (images == NULL)
    return FALSE;
  question = read_question (&line, error);
  if (question == NULL)
    {
      g_strfreev (images);
      return FALSE;
    }
  g_ptr_array_add (find_group (self, by_images, images)->questions, question);
  return TRUE;
}

PmodEvalJsonl *
pmod_eval_jsonl_new (const PmodEvalTask *task, GError **error)
{
  g_autoptr (PmodEvalJsonl) self = g_new0 (PmodEvalJsonl, 1);
  g_autoptr (GHashTable) by_images = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GError) why = NULL;
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  self->task = task;
  self->groups = g_ptr_array_new_with_free_func ((GDestroyNotify)group_free);
  if (!g_file_get_contents (task->answers, &text, NULL, &why))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "task %s: %s", task->name, why->message);
      return NULL;
    }
  lines = g_strsplit (text, "\n", -1);
  for (int i = 0; lines[i] != NULL; i++)
    if (*g_strstrip (lines[i]) != '\0' && !read_line (self, by_images, lines[i], i + 1, error))
      return NULL;
  if (self->groups->len == 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: expected a question, got none",
                   task->answers);
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
pmod_eval_jsonl_free (PmodEvalJsonl *self)
{
  g_ptr_array_unref (self->groups);
  g_free (self);
}

/* --- Pictures --------------------------------------------------------------------------------- */

int
pmod_eval_jsonl_get_n_pictures (const PmodEvalJsonl *self)
{
  return (int)self->groups->len;
}

PmodEvalPicture *
pmod_eval_jsonl_get (const PmodEvalJsonl *self, int index, GError **error)
{
  g_autoptr (PmodEvalPicture) picture = pmod_eval_picture_new ();
  const Group *group = g_ptr_array_index (self->groups, (guint)index);

  for (char **path = group->images; *path != NULL; path++)
    {
      PmodImage *image = pmod_image_load (*path, PMOD_IMAGE_DEFAULT, error);

      if (image == NULL)
        return NULL;
      g_ptr_array_add (picture->images, image);
    }
  for (guint i = 0; i < group->questions->len; i++)
    {
      const PmodEvalQuestion *from = g_ptr_array_index (group->questions, i);
      PmodEvalQuestion *question =
          pmod_eval_question_new (from->id, from->kind, from->question, g_strdupv (from->expected));

      question->choices = g_strdupv (from->choices);
      g_ptr_array_add (picture->questions, question);
    }
  return g_steal_pointer (&picture);
}
