/* A task's file: read, checked, typed. Every key is known or refused, every value is checked here,
 * so that a task that opens can be run. Not here: its questions. */
#include "config.h"

#include "pmod-eval-private.h"

#include "pmod-scene.h"

#include <math.h>
#include <string.h>

#define MAX_PICTURES (1000 * 1000)
#define DEFAULT_NEW_TOKENS 64
#define DEFAULT_SEED 1

static const PmodSceneOptions scene_defaults = PMOD_SCENE_OPTIONS_INIT;

/* A file while it is read. The first error sticks; the readers do nothing after it. */
typedef struct
{
  GKeyFile *file;
  char *text;
  const char *path;
  GError *error;
} Reader;

static void
reader_clear (Reader *self)
{
  g_clear_pointer (&self->file, g_key_file_free);
  g_free (self->text);
  g_clear_error (&self->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reader, reader_clear)

/* --- Errors with a line ----------------------------------------------------------------------- */

static gboolean
is_group (const char *line, const char *group)
{
  gsize length = strlen (group);

  return line[0] == '[' && strncmp (line + 1, group, length) == 0 && line[1 + length] == ']';
}

static gboolean
is_key (const char *line, const char *key)
{
  gsize length = strlen (key);

  return strncmp (line, key, length) == 0 &&
         (line[length] == '=' || g_ascii_isspace (line[length]));
}

/* Counted from 1; GKeyFile does not tell. key is NULL for the group's own line. Without the group,
 * the last line. */
static int
find_line (const Reader *self, const char *group, const char *key)
{
  g_auto (GStrv) lines = g_strsplit (self->text, "\n", -1);
  int group_line = 0, i = 0;

  for (; lines[i] != NULL; i++)
    {
      const char *line = g_strchug (lines[i]);

      if (*line == '[')
        group_line = is_group (line, group) ? i + 1 : 0;
      if (group_line > 0 && (key == NULL || is_key (line, key)))
        return i + 1;
    }
  return MAX (i - 1, 1);
}

static void refuse (Reader *self, const char *group, const char *key, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

static void
refuse (Reader *self, const char *group, const char *key, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  if (self->error != NULL)
    return;
  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  self->error = g_error_new (PMOD_ERROR, PMOD_ERROR_FORMAT, "%s:%d: [%s]%s%s: %s", self->path,
                             find_line (self, group, key), group, key != NULL ? " " : "",
                             key ? key : "", message);
}

/* --- Values ----------------------------------------------------------------------------------- */

/* expected: NULL where the key may be left out; then so is the result. */
static char *
read_text (Reader *self, const char *group, const char *key, const char *expected)
{
  g_autoptr (GError) why = NULL;
  char *text;

  if (self->error != NULL)
    return NULL;
  if (!g_key_file_has_key (self->file, group, key, NULL))
    {
      if (expected != NULL)
        refuse (self, group, NULL, "%s: expected %s, got nothing", key, expected);
      return NULL;
    }
  text = g_key_file_get_string (self->file, group, key, &why);
  if (text == NULL)
    refuse (self, group, key, "%s", why->message);
  else if (*text == '\0')
    refuse (self, group, key, "expected a value, got nothing");
  return text;
}

/* Index into names. */
static int
read_name (Reader *self, const char *group, const char *key, const char *const *names)
{
  g_autofree char *joined = g_strjoinv (", ", (char **)names);
  g_autofree char *expected = g_strconcat ("one of ", joined, NULL);
  g_autofree char *text = read_text (self, group, key, expected);
  g_autofree char *quoted = NULL;

  if (text == NULL)
    return 0;
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp (names[i], text) == 0)
      return i;
  quoted = pmod_error_quote (text);
  refuse (self, group, key, "expected %s, got %s", expected, quoted);
  return 0;
}

static double
read_number (Reader *self,
             const char *group,
             const char *key,
             double min,
             double max,
             gboolean whole,
             double fallback)
{
  g_autofree char *expected =
      g_strdup_printf ("a %s from %.15g to %.15g", whole ? "whole number" : "number", min, max);
  g_autofree char *text = read_text (self, group, key, isnan (fallback) ? expected : NULL);
  g_autofree char *quoted = NULL;
  char *end = NULL;
  double number;

  if (text == NULL)
    return fallback;
  number = g_ascii_strtod (text, &end);
  if (end != text && *end == '\0' && number >= min && number <= max &&
      (!whole || number == floor (number)))
    return number;
  quoted = pmod_error_quote (text);
  refuse (self, group, key, "expected %s, got %s", expected, quoted);
  return fallback;
}

static int
read_int (Reader *self, const char *group, const char *key, int min, int max, double fallback)
{
  double number = read_number (self, group, key, min, max, TRUE, fallback);

  return self->error != NULL ? min : (int)number;
}

/* --- What is known ---------------------------------------------------------------------------- */

static void
check_keys (Reader *self, const char *group, const char *const *known)
{
  g_auto (GStrv) keys = g_key_file_get_keys (self->file, group, NULL, NULL);
  g_autofree char *joined = g_strjoinv (", ", (char **)known);

  for (char **key = keys; keys != NULL && *key != NULL; key++)
    if (!g_strv_contains (known, *key))
      refuse (self, group, *key, "no such key; there are %s", joined);
}

static void
check_groups (Reader *self, const char *source)
{
  g_auto (GStrv) groups = g_key_file_get_groups (self->file, NULL);

  for (char **group = groups; *group != NULL; group++)
    if (strcmp (*group, "task") != 0 && strcmp (*group, source) != 0)
      refuse (self, *group, NULL, "no such group; with this source there are task and %s", source);
}

/* --- Groups ----------------------------------------------------------------------------------- */

static guint32
read_kinds (Reader *self)
{
  g_autofree char *text = read_text (self, "scenes", "kinds", NULL);
  g_auto (GStrv) names = NULL;
  guint32 kinds = 0;

  if (text == NULL)
    return (1u << PMOD_SCENE_N_KINDS) - 1;
  names = g_strsplit (text, ",", -1);
  for (char **name = names; *name != NULL; name++)
    {
      int kind = 0;

      g_strstrip (*name);
      while (kind < PMOD_SCENE_N_KINDS &&
             strcmp (pmod_scene_kind_name ((PmodSceneKind)kind), *name) != 0)
        kind++;
      if (kind == PMOD_SCENE_N_KINDS)
        {
          g_autofree char *quoted = pmod_error_quote (*name);

          refuse (self, "scenes", "kinds",
                  "expected kinds of questions, separated by commas, such as \"what, colour\", "
                  "got %s",
                  quoted);
          return 0;
        }
      kinds |= 1u << kind;
    }
  return kinds;
}

static void
read_scenes (Reader *self, PmodEvalTask *task)
{
  static const char *const keys[] = { "split",  "art",      "nouns",     "count", "seed",
                                      "unsure", "lifelike", "questions", "kinds", NULL };
  static const char *const splits[] = { "train", "validation", "test", NULL };
  static const char *const arts[] = { "train", "held-out", "none", NULL };

  check_keys (self, "scenes", keys);
  task->split = read_name (self, "scenes", "split", splits);
  task->art = (PmodEvalArt)read_name (self, "scenes", "art", arts);
  task->nouns = read_text (self, "scenes", "nouns", NULL);
  if (task->nouns != NULL && strchr (task->nouns, G_DIR_SEPARATOR) != NULL)
    refuse (self, "scenes", "nouns", "expected the name of a file beside art.ini, got a path");
  if (task->nouns != NULL && task->art == PMOD_EVAL_ART_NONE)
    refuse (self, "scenes", "nouns", "expected no table of drawings with art=none, got one");
  task->count = read_int (self, "scenes", "count", 1, MAX_PICTURES, NAN);
  task->seed = (guint64)read_int (self, "scenes", "seed", 0, G_MAXINT32, DEFAULT_SEED);
  task->unsure = read_number (self, "scenes", "unsure", 0, 1, FALSE, scene_defaults.unsure);
  task->lifelike = read_number (self, "scenes", "lifelike", 0, 1, FALSE, scene_defaults.lifelike);
  task->max_questions =
      read_int (self, "scenes", "questions", 1, 100, scene_defaults.max_questions);
  task->kinds = read_kinds (self);
}

/* Relative to the task's own directory. */
static char *
read_path (Reader *self, const char *key, const char *expected)
{
  g_autofree char *text = read_text (self, "jsonl", key, expected);
  g_autofree char *dir = g_path_get_dirname (self->path);

  if (text == NULL)
    return expected == NULL ? g_steal_pointer (&dir) : NULL;
  return g_path_is_absolute (text) ? g_steal_pointer (&text) : g_build_filename (dir, text, NULL);
}

static void
read_jsonl (Reader *self, PmodEvalTask *task)
{
  static const char *const keys[] = { "answers", "images", NULL };

  check_keys (self, "jsonl", keys);
  task->answers = read_path (self, "answers", "a file of JSON lines");
  task->images = read_path (self, "images", NULL);
}

static void
read_task (Reader *self, PmodEvalTask *task)
{
  static const char *const keys[] = {
    "title", "source", "metric", "prompt", "max-new-tokens", NULL
  };
  static const char *const sources[] = { "scenes", "jsonl", NULL };
  const char *metrics[PMOD_EVAL_N_METRICS + 1] = { NULL };

  for (int i = 0; i < PMOD_EVAL_N_METRICS; i++)
    metrics[i] = pmod_eval_metric_name ((PmodEvalMetric)i);
  check_keys (self, "task", keys);
  task->title = read_text (self, "task", "title", "a line about the task");
  task->source = (PmodEvalSourceKind)read_name (self, "task", "source", sources);
  task->metric = (PmodEvalMetric)read_name (self, "task", "metric", metrics);
  task->max_new_tokens =
      read_int (self, "task", "max-new-tokens", 1, G_MAXINT32, DEFAULT_NEW_TOKENS);
  task->prompt = read_text (self, "task", "prompt", NULL);
  if (task->prompt == NULL)
    task->prompt = g_strdup ("{question}");
  else if (strstr (task->prompt, "{question}") == NULL)
    refuse (self, "task", "prompt", "expected text with \"{question}\" in it, got none");
  if (self->error != NULL)
    return;
  check_groups (self, sources[task->source]);
  if (task->source == PMOD_EVAL_SOURCE_SCENES)
    read_scenes (self, task);
  else
    read_jsonl (self, task);
}

/* --- Finding ---------------------------------------------------------------------------------- */

/* Directories of installed tasks, the user's own first. */
static char **
list_dirs (void)
{
  g_autoptr (GStrvBuilder) dirs = g_strv_builder_new ();
  g_autofree char *own = g_build_filename (g_get_user_data_dir (), "strata", "tasks", NULL);

  g_strv_builder_add_many (dirs, own, STRATA_PKGDATADIR G_DIR_SEPARATOR_S "tasks",
                           STRATA_SOURCE_DIR G_DIR_SEPARATOR_S "data" G_DIR_SEPARATOR_S "tasks",
                           NULL);
  return g_strv_builder_end (dirs);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

char **
pmod_eval_task_list_installed (void)
{
  g_auto (GStrv) dirs = list_dirs ();
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  for (char **path = dirs; *path != NULL; path++)
    {
      g_autoptr (GDir) dir = g_dir_open (*path, 0, NULL);
      const char *file;

      while (dir != NULL && (file = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *name = NULL;

          if (!g_str_has_suffix (file, ".ini"))
            continue;
          name = g_strndup (file, strlen (file) - strlen (".ini"));
          if (!g_ptr_array_find_with_equal_func (names, name, g_str_equal, NULL))
            g_ptr_array_add (names, g_steal_pointer (&name));
        }
    }
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_steal (names, NULL);
}

static char *
find_task (const char *name_or_path, GError **error)
{
  g_auto (GStrv) dirs = list_dirs ();
  g_auto (GStrv) installed = NULL;
  g_autofree char *names = NULL;
  g_autofree char *quoted = NULL;

  if (g_file_test (name_or_path, G_FILE_TEST_IS_REGULAR))
    return g_strdup (name_or_path);
  if (*name_or_path != '\0' && strchr (name_or_path, G_DIR_SEPARATOR) == NULL)
    for (char **dir = dirs; *dir != NULL; dir++)
      {
        g_autofree char *file = g_strconcat (name_or_path, ".ini", NULL);
        g_autofree char *path = g_build_filename (*dir, file, NULL);

        if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
          return g_steal_pointer (&path);
      }
  installed = pmod_eval_task_list_installed ();
  names = g_strjoinv (", ", installed);
  quoted = pmod_error_quote (name_or_path);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
               "task %s: expected a file or the name of an installed task (%s)", quoted,
               *names != '\0' ? names : "there are none");
  return NULL;
}

/* --- Public ----------------------------------------------------------------------------------- */

static char *
name_of (const char *path)
{
  char *name = g_path_get_basename (path);

  if (g_str_has_suffix (name, ".ini"))
    name[strlen (name) - strlen (".ini")] = '\0';
  return name;
}

PmodEvalTask *
pmod_eval_task_open (const char *name_or_path, GError **error)
{
  g_autoptr (PmodEvalTask) self = g_new0 (PmodEvalTask, 1);
  g_auto (Reader) reader = { .file = g_key_file_new () };
  g_autoptr (GError) why = NULL;

  self->path = find_task (name_or_path, error);
  if (self->path == NULL)
    return NULL;
  self->name = name_of (self->path);
  reader.path = self->path;
  if (!g_file_get_contents (self->path, &reader.text, NULL, &why))
    {
      g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_IO, why->message);
      return NULL;
    }
  if (!g_key_file_load_from_data (reader.file, reader.text, (gsize)-1, G_KEY_FILE_NONE, &why))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: expected groups and keys: %s",
                   self->path, why->message);
      return NULL;
    }
  read_task (&reader, self);
  if (reader.error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&reader.error));
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
pmod_eval_task_free (PmodEvalTask *self)
{
  g_free (self->name);
  g_free (self->path);
  g_free (self->title);
  g_free (self->prompt);
  g_free (self->nouns);
  g_free (self->answers);
  g_free (self->images);
  g_free (self);
}

const char *
pmod_eval_task_get_name (const PmodEvalTask *self)
{
  return self->name;
}

const char *
pmod_eval_task_get_path (const PmodEvalTask *self)
{
  return self->path;
}

const char *
pmod_eval_task_get_title (const PmodEvalTask *self)
{
  return self->title;
}

PmodEvalMetric
pmod_eval_task_get_metric (const PmodEvalTask *self)
{
  return self->metric;
}

int
pmod_eval_task_get_max_new_tokens (const PmodEvalTask *self)
{
  return self->max_new_tokens;
}
