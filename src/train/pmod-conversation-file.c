/* See the header. Where samples lie is found by counting brackets outside of strings; the strict
 * reader of JSON then gets one sample at a time.
 *
 * Source of what is done to texts: LLaVA train.py, preprocess_multimodal. */
#include "pmod-conversation-file.h"

#include <string.h>

#include "pmod-file.h"
#include "pmod-json.h"

#define IMAGE_MARK "<image>"

typedef struct
{
  gsize offset;
  gsize n_bytes;
  guint line; /* from 1 */
} Span;

struct _PmodConversationFile
{
  char *path;
  char *images;
  GMappedFile *map;
  GArray *spans; /* Span */
};

/* --- Where samples lie ------------------------------------------------------------------------ */

typedef struct
{
  const PmodConversationFile *file;
  const char *start, *at, *end;
  guint line;
  GError **error;
} Scanner;

static gboolean
fail_at (const Scanner *self, const char *expected)
{
  g_autofree char *got = NULL;

  if (self->at == self->end)
    got = g_strdup ("the end of the file");
  else if (g_ascii_isprint (*self->at))
    got = g_strdup_printf ("'%c'", *self->at);
  else
    got = g_strdup_printf ("byte 0x%02x", (guchar)*self->at);
  g_set_error (self->error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s:%u: expected %s, got %s",
               self->file->path, self->line, expected, got);
  return FALSE;
}

static void
skip_space (Scanner *self)
{
  for (; self->at < self->end && memchr (" \t\r\n", *self->at, 4) != NULL; self->at++)
    self->line += *self->at == '\n';
}

static gboolean
take (Scanner *self, char c)
{
  skip_space (self);
  if (self->at == self->end || *self->at != c)
    return FALSE;
  self->at++;
  return TRUE;
}

/* Past the object that begins here, whatever is in it. */
static gboolean
skip_object (Scanner *self)
{
  guint line = self->line, depth = 0;
  gboolean in_string = FALSE;

  for (; self->at < self->end; self->at++)
    {
      char c = *self->at;

      self->line += c == '\n';
      if (c == '"')
        in_string = !in_string;
      else if (in_string)
        /* What is escaped ends no string. */
        self->at += c == '\\' && self->at + 1 < self->end;
      else if (c == '{' || c == '[')
        depth++;
      else if ((c == '}' || c == ']') && --depth == 0)
        {
          self->at++;
          return TRUE;
        }
    }
  g_set_error (self->error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "%s:%u: expected an object with an end, got one that the file ends in",
               self->file->path, line);
  return FALSE;
}

static gboolean
find_samples (Scanner *self, GArray *spans)
{
  if (!take (self, '['))
    return fail_at (self, "'[', the begin of a list of samples");
  do
    {
      Span span;

      skip_space (self);
      span = (Span){ .offset = (gsize)(self->at - self->start), .line = self->line };
      if (self->at == self->end || *self->at != '{')
        return fail_at (self, "'{', the begin of a sample");
      if (!skip_object (self))
        return FALSE;
      span.n_bytes = (gsize)(self->at - self->start) - span.offset;
      g_array_append_val (spans, span);
    }
  while (take (self, ','));
  if (!take (self, ']'))
    return fail_at (self, "',' or ']' after a sample");
  skip_space (self);
  return self->at == self->end || fail_at (self, "nothing after the list of samples");
}

PmodConversationFile *
pmod_conversation_file_open (const char *path, const char *images, GError **error)
{
  g_autoptr (PmodConversationFile) self = g_new0 (PmodConversationFile, 1);
  Scanner scanner = { .file = self, .line = 1, .error = error };

  self->path = g_strdup (path);
  self->images = g_canonicalize_filename (images, NULL);
  self->spans = g_array_new (FALSE, FALSE, sizeof (Span));
  self->map = pmod_file_map (path, G_MAXINT64, error);
  if (self->map == NULL)
    return NULL;
  scanner.start = scanner.at = scanner.end = "";
  if (g_mapped_file_get_length (self->map) > 0)
    {
      scanner.start = scanner.at = g_mapped_file_get_contents (self->map);
      scanner.end = scanner.start + g_mapped_file_get_length (self->map);
    }
  return find_samples (&scanner, self->spans) ? g_steal_pointer (&self) : NULL;
}

void
pmod_conversation_file_free (PmodConversationFile *self)
{
  if (self == NULL)
    return;
  g_free (self->path);
  g_free (self->images);
  g_array_unref (self->spans);
  g_clear_pointer (&self->map, g_mapped_file_unref);
  g_free (self);
}

guint
pmod_conversation_file_get_n (const PmodConversationFile *self)
{
  return self->spans->len;
}

/* --- One sample ------------------------------------------------------------------------------- */

static gboolean refuse (const PmodConversation *self, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
refuse (const PmodConversation *self, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: %s", self->place, what);
  return FALSE;
}

static gboolean
refuse_value (const PmodConversation *self,
              const char *what,
              const char *expected,
              const PmodJson *got,
              GError **error)
{
  g_autofree char *text = got != NULL ? pmod_json_describe (got) : g_strdup ("nothing");

  return refuse (self, error, "%s: expected %s, got %s", what, expected, text);
}

/* NULL where the key is absent or null. */
static const PmodJson *
find (const PmodJson *object, const char *key)
{
  const PmodJson *value = pmod_json_find (object, key);

  return value != NULL && value->type != PMOD_JSON_NULL ? value : NULL;
}

/* Python's str.isspace() for one character. */
static gboolean
is_space (gunichar c)
{
  return g_unichar_isspace (c) || (c >= 0x1c && c <= 0x1f) || c == 0x0b || c == 0x85;
}

static gboolean
is_blank (const char *text)
{
  while (*text != '\0' && is_space (g_utf8_get_char (text)))
    text = g_utf8_next_char (text);
  return *text == '\0';
}

/* Without white space at both ends. */
static void
strip (GString *text)
{
  const char *begin = text->str, *end = text->str + text->len;

  while (end > begin && is_space (g_utf8_get_char (g_utf8_prev_char (end))))
    end = g_utf8_prev_char (end);
  g_string_truncate (text, (gsize)(end - text->str));
  while (begin < end && is_space (g_utf8_get_char (begin)))
    begin = g_utf8_next_char (begin);
  g_string_erase (text, 0, begin - text->str);
}

/* Sets id's part of the place; samples without one are counted. */
static gboolean
read_id (PmodConversation *self, const PmodJson *root, guint i, GError **error)
{
  const PmodJson *id = find (root, "id");
  g_autofree char *before = self->place;
  g_autofree char *name = NULL;

  if (id != NULL && id->type == PMOD_JSON_STRING)
    name = pmod_error_quote (id->string);
  else if (id != NULL && id->type == PMOD_JSON_INTEGER)
    name = g_strdup_printf ("%" G_GINT64_FORMAT, id->integer);
  else
    name = g_strdup_printf ("number %u", i + 1);
  self->place = g_strdup_printf ("%s: sample %s", before, name);
  if (id != NULL && id->type != PMOD_JSON_STRING && id->type != PMOD_JSON_INTEGER)
    return refuse_value (self, "id", "a string or a whole number", id, error);
  return TRUE;
}

static gboolean
add_picture (PmodConversation *self, const PmodJson *name, const char *images, GError **error)
{
  char *path;

  if (name->type != PMOD_JSON_STRING || name->string[0] == '\0')
    return refuse_value (self, "image", "a file's name or a list of them", name, error);
  path = g_canonicalize_filename (name->string, images);
  g_ptr_array_add (self->pictures, path);
  if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
    return TRUE;
  return refuse (self, error, "image: expected a file, got none at %s", path);
}

static gboolean
read_pictures (PmodConversation *self, const PmodJson *root, const char *images, GError **error)
{
  const PmodJson *value = find (root, "image");
  const PmodJson *name;

  if (value == NULL)
    return TRUE;
  if (value->type != PMOD_JSON_ARRAY)
    return add_picture (self, value, images, error);
  name = pmod_json_first (value);
  for (guint i = 0; i < value->n_children; i++, name = pmod_json_next (name))
    if (!add_picture (self, name, images, error))
      return FALSE;
  return TRUE;
}

/* As the reference does: without the marks and the white space at both ends, the marks before it.
 * A turn without marks stays as it is. */
static char *
move_marks (const char *value, int *n_marks)
{
  GString *text = g_string_new (value);
  int n = (int)g_string_replace (text, IMAGE_MARK, "", 0);

  *n_marks += n;
  if (n > 0)
    strip (text);
  for (int i = 0; i < n; i++)
    g_string_prepend (text, IMAGE_MARK "\n");
  return g_string_free (text, FALSE);
}

static gboolean
read_turn (PmodConversation *self, const PmodJson *turn, int *n_marks, GError **error)
{
  gboolean is_user = self->n_turns % 2 == 0;
  g_autofree char *what = g_strdup_printf ("conversations, turn %d", self->n_turns + 1);
  g_autofree char *what_from = g_strconcat (what, ", from", NULL);
  g_autofree char *what_value = g_strconcat (what, ", value", NULL);
  const PmodJson *from = find (turn, "from"), *value = find (turn, "value");
  int n_before = *n_marks;
  char *text;

  if (turn->type != PMOD_JSON_OBJECT)
    return refuse_value (self, what, "an object", turn, error);
  if (from == NULL || from->type != PMOD_JSON_STRING ||
      strcmp (from->string, is_user ? "human" : "gpt") != 0)
    return refuse_value (self, what_from, is_user ? "\"human\"" : "\"gpt\"", from, error);
  if (value == NULL || value->type != PMOD_JSON_STRING)
    return refuse_value (self, what_value, "a string", value, error);
  text = is_user ? move_marks (value->string, n_marks) : g_strdup (value->string);
  g_ptr_array_add (self->texts, text);
  if (!is_user && strstr (text, IMAGE_MARK) != NULL)
    return refuse (self, error, "%s: expected " IMAGE_MARK " in the human's turns alone",
                   what_value);
  if (is_blank (text + (gsize)(*n_marks - n_before) * strlen (IMAGE_MARK "\n")))
    return refuse (self, error, "%s: expected words, got none", what_value);
  self->turns[self->n_turns++] = (PmodTurn){ is_user ? PMOD_ROLE_USER : PMOD_ROLE_ASSISTANT, text };
  return TRUE;
}

static gboolean
read_turns (PmodConversation *self, const PmodJson *root, GError **error)
{
  const PmodJson *list = find (root, "conversations");
  const PmodJson *turn;
  int n_marks = 0;

  if (list == NULL || list->type != PMOD_JSON_ARRAY)
    return refuse_value (self, "conversations", "a list of turns", list, error);
  self->turns = g_new (PmodTurn, MAX (list->n_children, 1));
  turn = pmod_json_first (list);
  for (guint i = 0; i < list->n_children; i++, turn = pmod_json_next (turn))
    if (!read_turn (self, turn, &n_marks, error))
      return FALSE;
  if (self->n_turns == 0 || self->n_turns % 2 != 0)
    return refuse (self, error,
                   "conversations: expected a gpt's turn after each human's, got %d %s",
                   self->n_turns, self->n_turns == 1 ? "turn" : "turns");
  if (n_marks == (int)self->pictures->len)
    return TRUE;
  return refuse (self, error,
                 "expected one " IMAGE_MARK " for each picture, got %d and %u pictures", n_marks,
                 self->pictures->len);
}

PmodConversation *
pmod_conversation_file_read (const PmodConversationFile *self, guint i, GError **error)
{
  const Span *span = &g_array_index (self->spans, Span, i);
  const char *text = g_mapped_file_get_contents (self->map) + span->offset;
  g_autofree char *name =
      g_strdup_printf ("%s:%u: sample number %u, in its text", self->path, span->line, i + 1);
  g_autoptr (PmodJsonDocument) document =
      pmod_json_parse (text, (gssize)span->n_bytes, name, error);
  g_autoptr (PmodConversation) sample = NULL;
  const PmodJson *root;

  if (document == NULL)
    return NULL;
  root = pmod_json_root (document);
  sample = g_new0 (PmodConversation, 1);
  sample->place = g_strdup_printf ("%s:%u", self->path, span->line);
  sample->pictures = g_ptr_array_new_with_free_func (g_free);
  sample->texts = g_ptr_array_new_with_free_func (g_free);
  return read_id (sample, root, i, error) && read_pictures (sample, root, self->images, error) &&
                 read_turns (sample, root, error)
             ? g_steal_pointer (&sample)
             : NULL;
}

void
pmod_conversation_free (PmodConversation *self)
{
  if (self == NULL)
    return;
  g_free (self->place);
  g_ptr_array_unref (self->pictures);
  g_ptr_array_unref (self->texts);
  g_free (self->turns);
  g_free (self);
}
