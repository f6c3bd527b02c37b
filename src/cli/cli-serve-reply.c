/* Bodies of replies. See cli-serve-reply.h. */
#include "cli-serve-reply.h"

static void
add_null (JsonBuilder *builder, const char *name)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_null_value (builder);
}

static char *
finish (JsonBuilder *builder)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = json_builder_get_root (builder);

  json_generator_set_root (generator, root);
  return json_generator_to_data (generator, NULL);
}

static char *
to_event (JsonBuilder *builder)
{
  g_autofree char *text = finish (builder);

  return g_strdup_printf ("data: %s\n\n", text);
}

static void
add_error (JsonBuilder *builder, const char *type, const char *code, const char *message)
{
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "error");
  json_builder_begin_object (builder);
  cli_json_string (builder, "message", message);
  cli_json_string (builder, "type", type);
  add_null (builder, "param");
  if (code)
    cli_json_string (builder, "code", code);
  else
    add_null (builder, "code");
  json_builder_end_object (builder);
  json_builder_end_object (builder);
}

char *
serve_reply_error (const char *type, const char *code, const char *message)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  add_error (builder, type, code, message);
  return finish (builder);
}

char *
serve_reply_failure (const GError *error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  add_error (builder, "server_error", NULL, error->message);
  return to_event (builder);
}

char *
serve_reply_models (const char *model, gint64 created)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  cli_json_string (builder, "object", "list");
  json_builder_set_member_name (builder, "data");
  json_builder_begin_array (builder);
  json_builder_begin_object (builder);
  cli_json_string (builder, "id", model);
  cli_json_string (builder, "object", "model");
  cli_json_int (builder, "created", created);
  cli_json_string (builder, "owned_by", "strata");
  json_builder_end_object (builder);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return finish (builder);
}

static JsonBuilder *
begin (const char *id, const char *object, gint64 created, const char *model)
{
  JsonBuilder *builder = json_builder_new ();

  json_builder_begin_object (builder);
  cli_json_string (builder, "id", id);
  cli_json_string (builder, "object", object);
  cli_json_int (builder, "created", created);
  cli_json_string (builder, "model", model);
  return builder;
}

static void
add_finish (JsonBuilder *builder, const ServeResult *result)
{
  if (result)
    cli_json_string (builder, "finish_reason",
                     result->finish == PMOD_FINISH_LENGTH ? "length" : "stop");
  else
    add_null (builder, "finish_reason");
}

static void
add_usage (JsonBuilder *builder, const ServeResult *result)
{
  json_builder_set_member_name (builder, "usage");
  json_builder_begin_object (builder);
  cli_json_int (builder, "prompt_tokens", result->n_prompt);
  cli_json_int (builder, "completion_tokens", result->n_new);
  cli_json_int (builder, "total_tokens", result->n_prompt + result->n_new);
  json_builder_set_member_name (builder, "prompt_tokens_details");
  json_builder_begin_object (builder);
  cli_json_int (builder, "cached_tokens", result->n_reused);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
}

/* Our own member, only where something was asked for. */
static void
add_strata (JsonBuilder *builder, GBytes *records, const ServeResult *result)
{
  if (!records && !(result && result->record))
    return;
  json_builder_set_member_name (builder, "strata");
  json_builder_begin_object (builder);
  if (records)
    {
      gsize size;
      gconstpointer data = g_bytes_get_data (records, &size);
      g_autofree char *text = g_base64_encode (data, size);

      cli_json_string (builder, "records", text);
    }
  if (result && result->record)
    {
      json_builder_set_member_name (builder, "record");
      json_builder_add_value (builder, json_from_string (result->record, NULL));
    }
  json_builder_end_object (builder);
}

char *
serve_reply_answer (
    const char *id, gint64 created, const char *model, const ServeResult *result, GBytes *records)
{
  g_autoptr (JsonBuilder) builder = begin (id, "chat.completion", created, model);

  json_builder_set_member_name (builder, "choices");
  json_builder_begin_array (builder);
  json_builder_begin_object (builder);
  cli_json_int (builder, "index", 0);
  json_builder_set_member_name (builder, "message");
  json_builder_begin_object (builder);
  cli_json_string (builder, "role", "assistant");
  cli_json_string (builder, "content", result->text);
  add_null (builder, "refusal");
  json_builder_end_object (builder);
  add_null (builder, "logprobs");
  add_finish (builder, result);
  json_builder_end_object (builder);
  json_builder_end_array (builder);
  add_usage (builder, result);
  add_strata (builder, records, result);
  json_builder_end_object (builder);
  return finish (builder);
}

char *
serve_reply_chunk (const char *id,
                   gint64 created,
                   const char *model,
                   gboolean role,
                   const char *text,
                   GBytes *records,
                   const ServeResult *result)
{
  g_autoptr (JsonBuilder) builder = begin (id, "chat.completion.chunk", created, model);

  json_builder_set_member_name (builder, "choices");
  json_builder_begin_array (builder);
  json_builder_begin_object (builder);
  cli_json_int (builder, "index", 0);
  json_builder_set_member_name (builder, "delta");
  json_builder_begin_object (builder);
  if (role)
    cli_json_string (builder, "role", "assistant");
  if (role || *text)
    cli_json_string (builder, "content", text);
  json_builder_end_object (builder);
  add_finish (builder, result);
  json_builder_end_object (builder);
  json_builder_end_array (builder);
  add_strata (builder, records, result);
  json_builder_end_object (builder);
  return to_event (builder);
}

char *
serve_reply_usage (const char *id, gint64 created, const char *model, const ServeResult *result)
{
  g_autoptr (JsonBuilder) builder = begin (id, "chat.completion.chunk", created, model);

  json_builder_set_member_name (builder, "choices");
  json_builder_begin_array (builder);
  json_builder_end_array (builder);
  add_usage (builder, result);
  json_builder_end_object (builder);
  return to_event (builder);
}
