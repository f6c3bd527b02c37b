/* Reads requests. See cli-serve-request.h. */
#include "cli-serve-request.h"

#include <math.h>
#include <string.h>

#define MAX_STOPS 4
#define MAX_IMAGES 16

static gboolean
refuse (GError **error, const char *where, const char *expected, const PmodJson *got)
{
  g_autofree char *text = got ? pmod_json_describe (got) : g_strdup ("nothing");

  g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "%s: expected %s, got %s", where, expected,
               text);
  return FALSE;
}

/* A member that is null is as good as absent. */
static const PmodJson *
find (const PmodJson *object, const char *name)
{
  const PmodJson *value = pmod_json_find (object, name);

  return value && value->type != PMOD_JSON_NULL ? value : NULL;
}

static gboolean
read_number (const PmodJson *object,
             const char *name,
             double min,
             double max,
             double *number,
             GError **error)
{
  const PmodJson *value = find (object, name);
  g_autofree char *expected = NULL;
  double got;

  if (!value)
    return TRUE;
  got = value->type == PMOD_JSON_INTEGER  ? (double)value->integer
        : value->type == PMOD_JSON_NUMBER ? value->number
                                          : NAN;
  if (got >= min && got <= max)
    {
      *number = got;
      return TRUE;
    }
  expected = g_strdup_printf ("a number of %g to %g", min, max);
  return refuse (error, name, expected, value);
}

static gboolean
read_integer (const PmodJson *object,
              const char *name,
              gint64 min,
              gint64 max,
              gint64 *number,
              GError **error)
{
  const PmodJson *value = find (object, name);
  g_autofree char *expected = NULL;

  if (!value)
    return TRUE;
  if (value->type == PMOD_JSON_INTEGER && value->integer >= min && value->integer <= max)
    {
      *number = value->integer;
      return TRUE;
    }
  expected =
      g_strdup_printf ("a whole number of %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, min, max);
  return refuse (error, name, expected, value);
}

static gboolean
read_boolean (const PmodJson *object, const char *name, gboolean *boolean, GError **error)
{
  const PmodJson *value = find (object, name);

  if (!value)
    return TRUE;
  if (value->type != PMOD_JSON_BOOLEAN)
    return refuse (error, name, "true or false", value);
  *boolean = value->boolean;
  return TRUE;
}

/* --- Messages -------------------------------------------------------------------------------- */

/* data:image/png;base64,... Nothing is fetched: this program uses no network but to answer. */
static gboolean
add_image (ServeRequest *self, const PmodJson *part, const char *where, GError **error)
{
  const PmodJson *image = find (part, "image_url");
  const PmodJson *url = image && image->type == PMOD_JSON_OBJECT ? find (image, "url") : image;
  const char *data;
  guchar *bytes;
  gsize size;

  if (!url || url->type != PMOD_JSON_STRING || !g_str_has_prefix (url->string, "data:") ||
      !(data = strstr (url->string, ";base64,")))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                   "%s: expected a picture as \"data:image/png;base64,...\"; pictures are not "
                   "fetched from elsewhere",
                   where);
      return FALSE;
    }
  if (self->images->len == MAX_IMAGES)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "%s: expected at most %d pictures",
                   where, MAX_IMAGES);
      return FALSE;
    }
  bytes = g_base64_decode (data + strlen (";base64,"), &size);
  g_ptr_array_add (self->images, g_bytes_new_take (bytes, size));
  return TRUE;
}

/* What a user types is text, "<image>" too: only a picture makes one. */
static char *
quote_image_mark (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, "<image>", -1);

  return g_strjoinv ("< image>", parts);
}

static gboolean
read_part (ServeRequest *self,
           const PmodJson *part,
           const char *where,
           gboolean may_show,
           GString *text,
           GError **error)
{
  const PmodJson *type = find (part, "type");
  const PmodJson *words = find (part, "text");

  if (!type || type->type != PMOD_JSON_STRING)
    return refuse (error, where, "parts with a \"type\"", part);
  if (g_str_equal (type->string, "text"))
    {
      g_autofree char *quoted = NULL;

      if (!words || words->type != PMOD_JSON_STRING)
        return refuse (error, where, "a text part with \"text\"", words);
      quoted = quote_image_mark (words->string);
      g_string_append (text, quoted);
      return TRUE;
    }
  if (!g_str_equal (type->string, "image_url") || !may_show)
    return refuse (error, where,
                   may_show ? "parts of type \"text\" or \"image_url\""
                            : "parts of type \"text\" (only users show pictures)",
                   type);
  g_string_append (text, "<image>\n");
  return add_image (self, part, where, error);
}

static gboolean
read_content (ServeRequest *self,
              const PmodJson *message,
              const char *where,
              gboolean may_show,
              GString *text,
              GError **error)
{
  const PmodJson *content = find (message, "content");
  const PmodJson *part;

  if (content && content->type == PMOD_JSON_STRING)
    {
      g_autofree char *quoted = quote_image_mark (content->string);

      g_string_append (text, quoted);
      return TRUE;
    }
  if (!content || content->type != PMOD_JSON_ARRAY)
    return refuse (error, where, "\"content\" that is text or a list of parts", content);
  part = pmod_json_first (content);
  for (guint32 i = 0; i < content->n_children; i++, part = pmod_json_next (part))
    if (!read_part (self, part, where, may_show, text, error))
      return FALSE;
  return TRUE;
}

static gboolean
read_message (
    ServeRequest *self, const PmodJson *message, const char *where, GString *system, GError **error)
{
  const PmodJson *role = find (message, "role");
  const char *name = role && role->type == PMOD_JSON_STRING ? role->string : "";
  gboolean is_user = g_str_equal (name, "user");
  PmodRole turn = is_user ? PMOD_ROLE_USER : PMOD_ROLE_ASSISTANT;
  PmodRole expected = self->roles->len % 2 ? PMOD_ROLE_ASSISTANT : PMOD_ROLE_USER;
  g_autoptr (GString) text = g_string_new (NULL);

  if (g_str_equal (name, "system") || g_str_equal (name, "developer"))
    {
      if (self->roles->len > 0)
        return refuse (error, where, "system messages before all others", role);
      if (system->len > 0)
        g_string_append_c (system, '\n');
      return read_content (self, message, where, FALSE, system, error);
    }
  if (!is_user && !g_str_equal (name, "assistant"))
    return refuse (error, where, "\"role\" system, user or assistant", role);
  if (turn != expected)
    return refuse (error, where, expected == PMOD_ROLE_USER ? "user" : "assistant", role);
  if (!read_content (self, message, where, is_user, text, error))
    return FALSE;
  g_array_append_val (self->roles, turn);
  g_ptr_array_add (self->texts, g_string_free (g_steal_pointer (&text), FALSE));
  return TRUE;
}

static gboolean
read_messages (ServeRequest *self, const PmodJson *root, GError **error)
{
  const PmodJson *messages = find (root, "messages");
  g_autoptr (GString) system = g_string_new (NULL);
  const PmodJson *message;

  if (!messages || messages->type != PMOD_JSON_ARRAY)
    return refuse (error, "messages", "a list", messages);
  message = pmod_json_first (messages);
  for (guint32 i = 0; i < messages->n_children; i++, message = pmod_json_next (message))
    {
      g_autofree char *where = g_strdup_printf ("messages[%u]", i);

      if (!read_message (self, message, where, system, error))
        return FALSE;
    }
  if (self->roles->len % 2 == 0)
    return refuse (error, "messages", "a user's message at the end", messages);
  if (system->len > 0)
    self->system = g_string_free (g_steal_pointer (&system), FALSE);
  return TRUE;
}

/* --- The rest -------------------------------------------------------------------------------- */

static gboolean
read_stop (ServeRequest *self, const PmodJson *root, GError **error)
{
  const PmodJson *stop = find (root, "stop");
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  const PmodJson *value = stop;
  guint32 n = 1;

  if (!stop)
    return TRUE;
  if (stop->type == PMOD_JSON_ARRAY)
    {
      n = stop->n_children;
      value = pmod_json_first (stop);
    }
  for (guint32 i = 0; i < n; i++, value = pmod_json_next (value))
    {
      if (n > MAX_STOPS || value->type != PMOD_JSON_STRING || *value->string == '\0')
        return refuse (error, "stop", "text, or up to 4 texts", stop);
      g_strv_builder_add (builder, value->string);
    }
  self->stop = g_strv_builder_end (builder);
  return TRUE;
}

static gboolean
read_sampling (ServeRequest *self, const PmodJson *root, GError **error)
{
  PmodSampling *sampling = &self->params.sampling;
  gint64 seed = (gint64)sampling->seed, max_tokens = sampling->max_new_tokens;

  if (!read_number (root, "temperature", 0, 2, &sampling->temperature, error) ||
      !read_number (root, "top_p", 0, 1, &sampling->top_p, error) ||
      !read_integer (root, "seed", G_MININT64, G_MAXINT64, &seed, error) ||
      !read_integer (root, "max_tokens", 1, G_MAXINT32, &max_tokens, error) ||
      !read_integer (root, "max_completion_tokens", 1, G_MAXINT32, &max_tokens, error))
    return FALSE;
  sampling->seed = (guint64)seed;
  sampling->max_new_tokens = (int)max_tokens;
  return pmod_sampling_check (sampling, error);
}

static gboolean
read_name (const PmodJson *object, const char *member, const char **name, GError **error)
{
  const PmodJson *value = find (object, member);

  if (value && value->type != PMOD_JSON_STRING)
    return refuse (error, member, "a name", value);
  *name = value ? value->string : NULL;
  return TRUE;
}

static gboolean
read_strata (ServeRequest *self, const PmodJson *root, GError **error)
{
  const PmodJson *strata = find (root, "strata");
  PmodRouting *routing = &self->params.routing;
  const char *schedule, *policy;

  if (!strata)
    return TRUE;
  if (strata->type != PMOD_JSON_OBJECT)
    return refuse (error, "strata", "an object", strata);
  if (!read_boolean (strata, "record", &self->wants_record, error) ||
      !read_boolean (strata, "full", &self->full, error) ||
      !read_boolean (strata, "records", &self->wants_records, error) ||
      !read_number (strata, "factor", 0, 10, &routing->schedule.factor, error) ||
      !read_number (strata, "upper", 0, 1, &routing->schedule.upper, error) ||
      !read_number (strata, "lower", 0, 1, &routing->schedule.lower, error) ||
      !read_name (strata, "schedule", &schedule, error) ||
      !read_name (strata, "policy", &policy, error))
    return FALSE;
  if (schedule && !pmod_schedule_kind_from_name (schedule, &routing->schedule.kind))
    return refuse (error, "strata.schedule", "a schedule's name", find (strata, "schedule"));
  if (policy && !pmod_policy_from_name (policy, &routing->policy))
    return refuse (error, "strata.policy", "a policy's name", find (strata, "policy"));
  return TRUE;
}

/* Would change the answer, and is not there. */
static gboolean
check_absent (const PmodJson *root, GError **error)
{
  static const char *const absent[] = { "tools",    "functions", "response_format",
                                        "logprobs", "audio",     "modalities" };
  gint64 n = 1;

  for (guint i = 0; i < G_N_ELEMENTS (absent); i++)
    {
      const PmodJson *value = find (root, absent[i]);

      if (!value || (value->type == PMOD_JSON_BOOLEAN && !value->boolean) ||
          (value->type == PMOD_JSON_ARRAY && value->n_children == 0))
        continue;
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED, "%s: not supported here", absent[i]);
      return FALSE;
    }
  return read_integer (root, "n", 1, 1, &n, error);
}

ServeRequest *
serve_request_new (const char *body, gsize length, const PmodParams *defaults, GError **error)
{
  g_autoptr (PmodJsonDocument) document = pmod_json_parse (body, (gssize)length, "request", error);
  g_autoptr (ServeRequest) self = g_new0 (ServeRequest, 1);
  const PmodJson *root, *options;

  self->roles = g_array_new (FALSE, FALSE, sizeof (PmodRole));
  self->texts = g_ptr_array_new_with_free_func (g_free);
  self->images = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  self->params = *defaults;
  if (!document)
    return NULL;
  root = pmod_json_root (document);
  if (root->type != PMOD_JSON_OBJECT)
    {
      refuse (error, "request", "an object", root);
      return NULL;
    }
  options = find (root, "stream_options");
  if (!check_absent (root, error) || !read_messages (self, root, error) ||
      !read_stop (self, root, error) || !read_sampling (self, root, error) ||
      !read_boolean (root, "stream", &self->stream, error) ||
      !read_boolean (options, "include_usage", &self->include_usage, error) ||
      !read_strata (self, root, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
serve_request_free (ServeRequest *self)
{
  g_array_unref (self->roles);
  g_ptr_array_unref (self->texts);
  g_free (self->system);
  g_ptr_array_unref (self->images);
  g_strfreev (self->stop);
  g_free (self);
}
