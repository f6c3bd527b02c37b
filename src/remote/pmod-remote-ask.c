/* What is asked: as a request's body, back from it, and as a prompt. */
#include "config.h"

#include "pmod-remote-private.h"

#include <string.h>

#define MAX_PICTURES 16
#define IMAGE_LINE "<image>\n"
#define MAX_TEXTS 10000
#define MAX_SETTINGS 1000
#define MAX_BEGIN_IDS 1000000

/* --- The prompt ------------------------------------------------------------------------------- */

/* Takes prompt, nullable. */
static PmodPrompt *
begin_answer (const PmodRemoteAsk *self,
              PmodPrompt *prompt,
              PmodTokenizer *tokenizer,
              GError **error)
{
  if (prompt == NULL || self->settings != NULL)
    return prompt;
  if (self->begin_ids != NULL)
    pmod_prompt_begin_with (prompt, (const gint32 *)(gconstpointer)self->begin_ids->data,
                            (int)self->begin_ids->len);
  else if (self->begin_text != NULL &&
           !pmod_prompt_begin_with_text (prompt, tokenizer, self->begin_text, error))
    g_clear_pointer (&prompt, pmod_prompt_free);
  return prompt;
}

/* Marks that stand before text, as whoever asks puts them: one for each picture that was shown with
 * it. *rest: what they stand before. */
static int
skip_marks (const char *text, const char **rest)
{
  int n = 0;

  for (; g_str_has_prefix (text, IMAGE_LINE); text += strlen (IMAGE_LINE))
    n++;
  *rest = text;
  return n;
}

/* Marks stay where they were said, if they can: a model of single questions is shown all pictures
 * with the last one, and behind the question stand all of them in any case. Returns what the last
 * turn says instead of its text; NULL: that. */
static char *
gather_marks (PmodTurn *turns, int n_turns, int first, gboolean question_first)
{
  GString *text;
  int n_marks = 0;

  for (int i = 0; i < n_turns; i += 2)
    if (question_first || i < first)
      n_marks += skip_marks (turns[i].text, &turns[i].text);
  if (n_marks == 0 || question_first)
    return NULL;
  text = g_string_new (NULL);
  for (int i = 0; i < n_marks; i++)
    g_string_append (text, IMAGE_LINE);
  g_string_append (text, turns[n_turns - 1].text);
  return g_string_free (text, FALSE);
}

PmodPrompt *
pmod_remote_ask_make_prompt (const PmodRemoteAsk *self,
                             PmodTokenizer *tokenizer,
                             const PmodConfig *config,
                             GError **error)
{
  int n_turns = self->texts != NULL ? (int)g_strv_length (self->texts) : 1;
  int n_images = self->images != NULL ? (int)self->images->len : 0;
  g_autofree PmodTurn *turns = g_new0 (PmodTurn, n_turns);
  int first = config->single_questions ? n_turns - 1 : 0;
  g_autofree char *last = NULL;
  PmodPrompt *prompt;

  for (int i = 0; i < n_turns; i++)
    {
      turns[i].role = i % 2 ? PMOD_ROLE_ASSISTANT : PMOD_ROLE_USER;
      /* "?" is cut off below, with what follows it */
      turns[i].text = self->texts != NULL ? self->texts[i] : "?";
    }
  last = gather_marks (turns, n_turns, first, self->question_first);
  if (last != NULL)
    turns[n_turns - 1].text = last;
  prompt = pmod_prompt_new_chat_told (
      tokenizer, config->conversation, self->system, turns + first, n_turns - first,
      n_images > 0 ? (PmodImage *const *)self->images->pdata : NULL, n_images,
      self->question_first ? PMOD_PROMPT_QUESTION_FIRST : PMOD_PROMPT_DEFAULT, error);
  prompt = begin_answer (self, prompt, tokenizer, error);
  if (prompt == NULL || !self->only_read || (self->texts != NULL && !self->question_first))
    return prompt;

  /* Nothing that follows the last picture has a say in the maps. */
  for (guint i = prompt->ids->len; i > 0; i--)
    if (g_array_index (prompt->ids, gint32, i - 1) == PMOD_IMAGE_TOKEN)
      {
        g_array_set_size (prompt->ids, i);
        break;
      }
  return prompt;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static void
write_texts (GString *line, char **texts)
{
  if (texts == NULL)
    return;
  pmod_json_write_open (line, "texts", '[');
  for (int i = 0; texts[i] != NULL; i++)
    pmod_json_write_string (line, NULL, texts[i]);
  pmod_json_write_close (line, ']');
}

static void
write_beginning (GString *line, const PmodRemoteAsk *ask)
{
  if (ask->begin_text != NULL)
    pmod_json_write_string (line, "begin_text", ask->begin_text);
  if (ask->begin_ids == NULL)
    return;
  pmod_json_write_open (line, "begin_ids", '[');
  for (guint i = 0; i < ask->begin_ids->len; i++)
    pmod_json_write_int (line, NULL, g_array_index (ask->begin_ids, gint32, i));
  pmod_json_write_close (line, ']');
}

static gboolean
write_pictures (
    GString *line, GByteArray *packed, GPtrArray *images, const gboolean *sent, GError **error)
{
  pmod_json_write_open (line, "pictures", '[');
  for (guint i = 0; images != NULL && i < images->len; i++)
    {
      const PmodImage *image = images->pdata[i];
      g_autoptr (GBytes) bytes = sent[i] ? NULL : pmod_remote_picture_pack (image, error);
      gsize size = 0;
      gconstpointer data;

      if (!sent[i] && bytes == NULL)
        return FALSE;
      data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;
      if (size > 0)
        g_byte_array_append (packed, data, (guint)size);
      pmod_json_write_open (line, NULL, '{');
      pmod_json_write_int (line, "width", pmod_image_get_width (image));
      pmod_json_write_int (line, "height", pmod_image_get_height (image));
      pmod_json_write_int (line, "hash", (gint64)pmod_image_get_hash (image));
      pmod_json_write_int (line, "bytes", (gint64)size);
      pmod_json_write_close (line, '}');
    }
  pmod_json_write_close (line, ']');
  return TRUE;
}

GBytes *
pmod_remote_request_write (const PmodRemoteAsk *ask,
                           const char *client,
                           const char *model,
                           const gboolean *sent,
                           GError **error)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autoptr (GByteArray) packed = g_byte_array_new ();
  GByteArray *body;

  pmod_json_write_open (line, NULL, '{');
  pmod_json_write_int (line, "protocol", PMOD_REMOTE_PROTOCOL);
  pmod_json_write_string (line, "trace", PMOD_TRACE_MAGIC);
  pmod_json_write_string (line, "client", client);
  pmod_json_write_string (line, "model", model);
  pmod_json_write_int (line, "lane", ask->lane);
  if (ask->system != NULL)
    pmod_json_write_string (line, "system", ask->system);
  write_texts (line, ask->texts);
  write_beginning (line, ask);
  pmod_json_write_bool (line, "question_first", ask->question_first);
  pmod_json_write_bool (line, "only_read", ask->only_read);
  pmod_json_write_bool (line, "logits", ask->wants_logits);
  pmod_remote_params_write (line, "params", &ask->params);
  if (ask->settings != NULL)
    {
      pmod_json_write_open (line, "settings", '[');
      for (int i = 0; i < ask->n_settings; i++)
        pmod_remote_params_write (line, NULL, &ask->settings[i]);
      pmod_json_write_close (line, ']');
    }
  if (!write_pictures (line, packed, ask->images, sent, error))
    return NULL;
  pmod_json_write_close (line, '}');
  g_string_append_c (line, '\n');
  body = g_byte_array_sized_new ((guint)line->len + packed->len);
  g_byte_array_append (body, (const guint8 *)line->str, (guint)line->len);
  g_byte_array_append (body, packed->data, packed->len);
  return g_byte_array_free_to_bytes (body);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static void
read_texts (PmodRemoteRequest *self, PmodRemoteKeys *keys)
{
  const PmodJson *list = pmod_remote_keys_find (keys, "texts");
  const PmodJson *value;

  if (list == NULL)
    return;
  if (list->type != PMOD_JSON_ARRAY || list->n_children % 2 == 0 || list->n_children > MAX_TEXTS)
    {
      pmod_remote_keys_expect (keys, "texts", "a list that a user begins and ends", list);
      return;
    }
  self->ask.texts = g_new0 (char *, list->n_children + 1);
  value = pmod_json_first (list);
  for (guint32 i = 0; i < list->n_children; i++, value = pmod_json_next (value))
    {
      if (value->type != PMOD_JSON_STRING)
        pmod_remote_keys_expect (keys, "texts", "text", value);
      self->ask.texts[i] = g_strdup (value->type == PMOD_JSON_STRING ? value->string : "");
    }
}

/* Whether the model has such tokens is told when they are run. */
static void
read_beginning (PmodRemoteRequest *self, PmodRemoteKeys *keys)
{
  const PmodJson *list = pmod_remote_keys_find (keys, "begin_ids");
  const PmodJson *value;

  self->ask.begin_text = g_strdup (pmod_remote_keys_string (keys, "begin_text", TRUE));
  if (list == NULL)
    return;
  if (list->type != PMOD_JSON_ARRAY || list->n_children > MAX_BEGIN_IDS)
    {
      pmod_remote_keys_expect (keys, "begin_ids", "a list of up to 1000000", list);
      return;
    }
  self->ask.begin_ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  value = pmod_json_first (list);
  for (guint32 i = 0; i < list->n_children; i++, value = pmod_json_next (value))
    {
      gint32 id = 0;

      if (value->type == PMOD_JSON_INTEGER && value->integer >= 0 && value->integer <= G_MAXINT32)
        id = (gint32)value->integer;
      else
        pmod_remote_keys_expect (keys, "begin_ids", "a token", value);
      g_array_append_val (self->ask.begin_ids, id);
    }
}

static void
read_settings (PmodRemoteRequest *self, PmodRemoteKeys *keys)
{
  const PmodJson *list = pmod_remote_keys_find (keys, "settings");
  const PmodJson *value;

  if (keys->error != NULL || list == NULL)
    return;
  if (list->type != PMOD_JSON_ARRAY || list->n_children > MAX_SETTINGS)
    {
      pmod_remote_keys_expect (keys, "settings", "a list of up to 1000", list);
      return;
    }
  self->ask.settings = g_new0 (PmodParams, MAX (list->n_children, 1));
  value = pmod_json_first (list);
  for (guint32 i = 0; i < list->n_children && keys->error == NULL; i++)
    {
      self->ask.n_settings++;
      pmod_remote_params_read (value, "request", &self->ask.settings[i], &keys->error);
      value = pmod_json_next (value);
    }
}

static void
read_picture (PmodRemoteRequest *self, PmodRemoteKeys *keys, const PmodJson *value, gsize *offset)
{
  PmodRemoteKeys inner = { "request: pictures", value, NULL };
  gsize left = g_bytes_get_size (self->body) - *offset;
  PmodRemotePictureRef ref;

  ref.width = (int)pmod_remote_keys_int (&inner, "width", 1, PMOD_IMAGE_MAX_SIDE);
  ref.height = (int)pmod_remote_keys_int (&inner, "height", 1, PMOD_IMAGE_MAX_SIDE);
  ref.hash = (guint64)pmod_remote_keys_int (&inner, "hash", G_MININT64, G_MAXINT64);
  ref.bytes = (gsize)pmod_remote_keys_int (&inner, "bytes", 0, (gint64)left);
  ref.offset = *offset;
  if (inner.error == NULL && (gint64)ref.width * ref.height > PMOD_IMAGE_MAX_PIXELS)
    pmod_remote_keys_expect (&inner, "height", "fewer pixels",
                             pmod_remote_keys_find (&inner, "height"));
  *offset += ref.bytes;
  g_array_append_val (self->pictures, ref);
  if (keys->error == NULL)
    keys->error = g_steal_pointer (&inner.error);
  g_clear_error (&inner.error);
}

static void
read_pictures (PmodRemoteRequest *self, PmodRemoteKeys *keys, gsize offset)
{
  const PmodJson *list = pmod_remote_keys_find (keys, "pictures");
  const PmodJson *value;

  if (list != NULL && (list->type != PMOD_JSON_ARRAY || list->n_children > MAX_PICTURES))
    {
      pmod_remote_keys_expect (keys, "pictures", "a list of up to 16", list);
      return;
    }
  value = list != NULL ? pmod_json_first (list) : NULL;
  for (guint32 i = 0; list != NULL && i < list->n_children; i++, value = pmod_json_next (value))
    read_picture (self, keys, value, &offset);
  if (keys->error == NULL && offset != g_bytes_get_size (self->body))
    g_set_error (&keys->error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                 "request: expected %" G_GSIZE_FORMAT
                 " bytes with the pictures, got %" G_GSIZE_FORMAT,
                 offset, g_bytes_get_size (self->body));
}

/* Before anything else: the rest may be different there. */
static gboolean
check_version (PmodRemoteKeys *keys)
{
  const PmodJson *protocol = pmod_remote_keys_find (keys, "protocol");
  const char *trace = pmod_remote_keys_string (keys, "trace", FALSE);
  g_autofree char *got = protocol != NULL ? pmod_json_describe (protocol) : g_strdup ("nothing");

  if (keys->error != NULL)
    return FALSE;
  if (protocol != NULL && protocol->type == PMOD_JSON_INTEGER &&
      protocol->integer == PMOD_REMOTE_PROTOCOL && strcmp (trace, PMOD_TRACE_MAGIC) == 0)
    return TRUE;
  g_set_error (&keys->error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
               "request: expected protocol %d with traces of %s, got %s with %.20s: the same "
               "version of Strata is needed here and there",
               PMOD_REMOTE_PROTOCOL, PMOD_TRACE_MAGIC, got, trace);
  return FALSE;
}

static gboolean
is_client (const char *text)
{
  gsize n = strlen (text);

  return n >= 1 && n <= 64 &&
         strspn (text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == n;
}

static void
read_all (PmodRemoteRequest *self, PmodRemoteKeys *keys, gsize offset)
{
  if (!check_version (keys))
    return;
  self->client = g_strdup (pmod_remote_keys_string (keys, "client", FALSE));
  self->model = g_strdup (pmod_remote_keys_string (keys, "model", FALSE));
  if (!is_client (self->client))
    pmod_remote_keys_expect (keys, "client", "up to 64 letters and digits",
                             pmod_remote_keys_find (keys, "client"));
  self->ask.lane = (int)pmod_remote_keys_int (keys, "lane", 0, PMOD_REMOTE_MAX_LANES - 1);
  self->ask.question_first = pmod_remote_keys_flag (keys, "question_first");
  self->ask.only_read = pmod_remote_keys_flag (keys, "only_read");
  self->ask.wants_logits = pmod_remote_keys_flag (keys, "logits");
  self->ask.system = g_strdup (pmod_remote_keys_string (keys, "system", TRUE));
  read_texts (self, keys);
  read_beginning (self, keys);
  if (keys->error == NULL)
    pmod_remote_params_read (pmod_remote_keys_find (keys, "params"), "request", &self->ask.params,
                             &keys->error);
  read_settings (self, keys);
  if (keys->error == NULL)
    read_pictures (self, keys, offset);
  if (keys->error == NULL && self->ask.texts == NULL && self->pictures->len == 0)
    pmod_remote_keys_expect (keys, "texts", "text or pictures", NULL);
}

PmodRemoteRequest *
pmod_remote_request_read (GBytes *body, GError **error)
{
  g_autoptr (PmodRemoteRequest) self = g_new0 (PmodRemoteRequest, 1);
  gsize size;
  const char *data = g_bytes_get_data (body, &size);
  const char *end = size > 0 ? memchr (data, '\n', size) : NULL;
  g_autoptr (PmodJsonDocument) document = NULL;
  PmodRemoteKeys keys = { "request", NULL, NULL };

  self->body = g_bytes_ref (body);
  self->pictures = g_array_new (FALSE, FALSE, sizeof (PmodRemotePictureRef));
  if (end == NULL)
    {
      g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                           "request: expected a line of JSON, and the pictures behind it");
      return NULL;
    }
  document = pmod_json_parse (data, end - data, "request", error);
  if (document == NULL)
    return NULL;
  keys.object = pmod_json_root (document);
  read_all (self, &keys, (gsize)(end - data) + 1);
  if (keys.error == NULL)
    return g_steal_pointer (&self);
  g_propagate_error (error, keys.error);
  return NULL;
}

void
pmod_remote_request_free (PmodRemoteRequest *self)
{
  g_free (self->ask.system);
  g_strfreev (self->ask.texts);
  g_clear_pointer (&self->ask.begin_ids, g_array_unref);
  g_free (self->ask.begin_text);
  g_clear_pointer (&self->ask.images, g_ptr_array_unref);
  pmod_params_clear (&self->ask.params);
  for (int i = 0; i < self->ask.n_settings; i++)
    pmod_params_clear (&self->ask.settings[i]);
  g_free (self->ask.settings);
  g_free (self->client);
  g_free (self->model);
  g_array_unref (self->pictures);
  g_bytes_unref (self->body);
  g_free (self);
}

PmodImage *
pmod_remote_request_unpack (const PmodRemoteRequest *self, guint i, GError **error)
{
  const PmodRemotePictureRef *ref = &g_array_index (self->pictures, PmodRemotePictureRef, i);
  const guint8 *data = g_bytes_get_data (self->body, NULL);
  g_autoptr (PmodImage) image =
      pmod_remote_picture_unpack (data + ref->offset, ref->bytes, ref->width, ref->height, error);

  if (image == NULL || pmod_image_get_hash (image) == ref->hash)
    return g_steal_pointer (&image);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "picture %u: its pixels are not those that its hash tells of", i);
  return NULL;
}
