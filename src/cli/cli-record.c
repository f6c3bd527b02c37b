/* Puts the JSON record of one run together. */
#include "cli-record.h"

#include "cli-records.h"

#include <sys/resource.h>

static void
add_model (JsonBuilder *builder, PmodModel *model)
{
  const PmodConfig *config = pmod_model_get_config (model);

  json_builder_set_member_name (builder, "model");
  json_builder_begin_object (builder);
  cli_json_string (builder, "path", pmod_model_get_path (model));
  cli_json_string (builder, "type", config->model_type);
  cli_json_int (builder, "layers", config->n_layers);
  cli_json_int (builder, "hidden", config->hidden);
  cli_json_int (builder, "heads", config->n_heads);
  cli_json_int (builder, "vocab", config->vocab);
  cli_json_string (builder, "dtype", pmod_model_get_precision_name (model));
  cli_json_int (builder, "parameters", (gint64)pmod_config_n_parameters (config));
  cli_json_int (builder, "bytes", (gint64)pmod_model_get_weight_bytes (model));
  json_builder_end_object (builder);

  json_builder_set_member_name (builder, "device");
  json_builder_begin_object (builder);
  cli_json_string (builder, "backend", pmod_model_get_backend_name (model));
  cli_json_string (builder, "name", pmod_model_get_device_name (model));
  cli_json_int (builder, "threads", pmod_model_get_n_threads (model));
  if (pmod_model_get_fallback (model) != NULL)
    cli_json_string (builder, "fallback", pmod_model_get_fallback (model));
  json_builder_end_object (builder);
}

static void
add_params (JsonBuilder *builder, const PmodParams *params, const PmodRecordRunBegin *begin)
{
  g_autofree char *schedule = pmod_schedule_to_string (&params->routing.schedule);
  g_autofree char *norm = pmod_router_norm_to_string (&params->routing.norm);

  json_builder_set_member_name (builder, "routing");
  json_builder_begin_object (builder);
  cli_json_string (builder, "schedule", schedule);
  cli_json_double (builder, "factor", params->routing.schedule.factor);
  cli_json_string (builder, "norm", norm);
  cli_json_string (builder, "policy", pmod_policy_name (params->routing.policy));
  cli_json_bool (builder, "by_question", pmod_record_is_by_question (begin));
  json_builder_end_object (builder);

  json_builder_set_member_name (builder, "sampling");
  json_builder_begin_object (builder);
  cli_json_double (builder, "temperature", params->sampling.temperature);
  cli_json_int (builder, "top_k", params->sampling.top_k);
  cli_json_double (builder, "top_p", params->sampling.top_p);
  cli_json_int (builder, "seed", (gint64)params->sampling.seed);
  cli_json_int (builder, "max_new_tokens", params->sampling.max_new_tokens);
  json_builder_end_object (builder);
}

static void
add_ids (JsonBuilder *builder, const GArray *ids)
{
  json_builder_set_member_name (builder, "token_ids");
  json_builder_begin_array (builder);
  for (guint i = 0; i < ids->len; i++)
    json_builder_add_int_value (builder, g_array_index (ids, gint32, i));
  json_builder_end_array (builder);
}

static void
add_prompt (JsonBuilder *builder, const PmodPrompt *prompt, const CliRecords *records)
{
  json_builder_set_member_name (builder, "prompt");
  json_builder_begin_object (builder);
  cli_json_string (builder, "text", prompt->text);
  add_ids (builder, prompt->ids);
  cli_json_int (builder, "tokens", records->begin->n_tokens);
  cli_json_int (builder, "reused", records->begin->n_reused);
  json_builder_end_object (builder);
}

static void
add_images (JsonBuilder *builder, const PmodPrompt *prompt, const CliRecords *records)
{
  json_builder_set_member_name (builder, "images");
  json_builder_begin_array (builder);
  for (guint i = 0; i < records->images->len; i++)
    {
      const PmodRecordImage *image = records->images->pdata[i];
      gboolean is_known = image->index >= 0 && (guint)image->index < prompt->images->len;

      json_builder_begin_object (builder);
      cli_records_json_image (
          image, is_known ? pmod_image_get_path (prompt->images->pdata[image->index]) : NULL,
          builder);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_output (JsonBuilder *builder, const PmodAnswer *answer)
{
  json_builder_set_member_name (builder, "output");
  json_builder_begin_object (builder);
  add_ids (builder, answer->ids);
  cli_json_int (builder, "begun", answer->n_begun);
  cli_json_string (builder, "text", answer->text->str);
  cli_json_string (builder, "finish", pmod_finish_name (answer->finish));
  json_builder_end_object (builder);
}

/* FNV-1a over the F32 bytes: equal exactly where the logits are equal to the last bit. */
static char *
hash_logits (const float *logits, int n)
{
  const guint8 *bytes = (const guint8 *)logits;
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  for (gsize i = 0; i < (gsize)n * sizeof *logits; i++)
    hash = (hash ^ bytes[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  return g_strdup_printf ("%016" G_GINT64_MODIFIER "x", hash);
}

static void
add_logits (JsonBuilder *builder, const CliRecordInput *input)
{
  int n_vocab = pmod_model_get_config (input->model)->vocab;
  g_autofree char *hash = NULL;

  if (input->prefill_logits != NULL)
    hash = hash_logits (input->prefill_logits, n_vocab);
  if (input->full)
    {
      json_builder_set_member_name (builder, "prefill_logits");
      json_builder_begin_array (builder);
      for (int i = 0; input->prefill_logits != NULL && i < n_vocab; i++)
        cli_json_double (builder, NULL, (double)input->prefill_logits[i]);
      json_builder_end_array (builder);
    }
  cli_json_string (builder, "logits_hash", hash);
}

static void
add_memory (JsonBuilder *builder)
{
  struct rusage usage = { 0 };

  getrusage (RUSAGE_SELF, &usage);
  json_builder_set_member_name (builder, "memory");
  json_builder_begin_object (builder);
  cli_json_int (builder, "peak_bytes", (gint64)usage.ru_maxrss * 1024);
  json_builder_end_object (builder);
}

char *
cli_record_new (const CliRecordInput *input, GError **error)
{
  g_autoptr (JsonBuilder) builder = NULL;
  g_autoptr (GPtrArray) runs = NULL;
  const CliRecords *records;

  runs = cli_records_load (input->records->data, input->records->len, error);
  if (runs == NULL)
    return NULL;
  records = runs->len > 0 ? runs->pdata[0] : NULL;
  if (records == NULL || records->begin == NULL)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "the run left no record of its beginning");
      return NULL;
    }
  builder = cli_json_begin ();
  add_model (builder, input->model);
  add_params (builder, input->params, records->begin);
  add_prompt (builder, input->prompt, records);
  add_images (builder, input->prompt, records);
  add_output (builder, input->answer);
  cli_records_json_layers (records, builder, input->full);
  add_logits (builder, input);
  cli_records_json_flops (records, builder);
  cli_records_json_kv (records, builder);
  cli_records_json_timing (records, builder, (double)pmod_model_get_load_ns (input->model) / 1e6);
  add_memory (builder);
  json_builder_end_object (builder);
  return cli_json_text (builder, FALSE);
}
