/* Runs prompts: streams the answer, keeps the records that the JSON record is made of, reports
 * progress, and turns Ctrl-C into a cancelled answer.
 *
 * Everything happens on one thread: the trace calls on_record() between two layers and the engine
 * calls on_text() between two tokens, and both look whether Ctrl-C was pressed. */
#include "cli-session.h"

#include "cli-record.h"

#include <stdio.h>
#include <string.h>

struct _CliSession
{
  const CliOptions *options;
  CliProgress *progress;
  CliOutput *json;  /* nullable */
  PmodTrace *trace; /* to a file, or to on_record() only */
  PmodModel *model;
  PmodContext *context;
  PmodParams params;

  GByteArray *records; /* of this answer, filled only where there is a json */
  float *logits;       /* [V] as the prefill left them */
  gboolean has_logits;
  PmodRecordRunBegin begin; /* of this answer; n_tokens is 0 before */
  gboolean streams;
  GError *output_error; /* of standard output, while streaming */
  double seconds;
};

/* Called with the first token, which was drawn from the logits and has not gone through the layers
 * yet. */
static void
take_logits (CliSession *self)
{
  const float *logits = pmod_context_get_logits (self->context);

  if (self->has_logits || logits == NULL)
    return;
  memcpy (self->logits, logits,
          (gsize)pmod_model_get_config (self->model)->vocab * sizeof *self->logits);
  self->has_logits = TRUE;
}

static void
on_stage (CliSession *self, const PmodRecordStage *stage)
{
  /* By number: a layer of which a part was used again writes two records. */
  if (stage->stage == PMOD_STAGE_LAYER)
    cli_progress_update (self->progress, "prefill, layers", (guint64)stage->header.layer + 1,
                         (guint64)self->begin.n_layers, FALSE);
}

static void
on_record (const PmodRecord *record, gpointer user_data)
{
  CliSession *self = user_data;

  if (record->type == PMOD_RECORD_RUN_BEGIN)
    memcpy (&self->begin, record, sizeof self->begin);
  else if (record->type == PMOD_RECORD_STAGE)
    on_stage (self, (const PmodRecordStage *)record);
  else if (record->type == PMOD_RECORD_TOKEN)
    take_logits (self);
  if (self->json != NULL)
    g_byte_array_append (self->records, (const guint8 *)record, record->size);
  if (cli_interrupt_pending ())
    pmod_context_cancel (self->context);
}

static gboolean
on_text (const char *text, gpointer user_data)
{
  CliSession *self = user_data;

  cli_progress_end (self->progress);
  if (cli_interrupt_pending ())
    pmod_context_cancel (self->context);
  if (!self->streams || *text == '\0')
    return TRUE;
  return cli_write (text, &self->output_error);
}

static gboolean
open_outputs (CliSession *self, GError **error)
{
  const CliOptions *options = self->options;

  if (options->json != NULL)
    {
      self->json = cli_output_new (options->json, error);
      if (self->json == NULL)
        return FALSE;
    }
  self->streams = self->json == NULL || !cli_output_is_stdout (self->json);
  if (options->trace != NULL)
    self->trace = pmod_trace_new_file (options->trace, PMOD_TRACE_WANTS_DEFAULT, error);
  else
    self->trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, NULL, NULL);
  if (self->trace == NULL)
    return FALSE;
  pmod_trace_set_func (self->trace, on_record, self);
  return TRUE;
}

static gboolean
open_model (CliSession *self, const char *name, GError **error)
{
  const PmodConfig *config;

  self->model =
      pmod_model_open (name, &self->options->model, cli_progress_func, self->progress, error);
  cli_progress_end (self->progress);
  if (self->model == NULL)
    return FALSE;
  cli_progress_note_device (self->progress, self->model);
  config = pmod_model_get_config (self->model);
  if (!cli_options_get_params (self->options, config, &self->params, error))
    return FALSE;
  self->context = pmod_context_new (self->model, error);
  self->logits = g_new0 (float, config->vocab);
  return self->context != NULL;
}

CliSession *
cli_session_new (const char *model, const CliOptions *options, GError **error)
{
  g_autoptr (CliSession) self = g_new0 (CliSession, 1);

  self->options = options;
  self->progress = cli_progress_new (options->progress);
  self->records = g_byte_array_new ();
  if (!open_outputs (self, error) || !open_model (self, model, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
cli_session_free (CliSession *self)
{
  g_clear_pointer (&self->context, pmod_context_free);
  g_clear_pointer (&self->model, pmod_model_unref);
  g_clear_pointer (&self->trace, pmod_trace_free);
  g_clear_pointer (&self->json, cli_output_free);
  g_byte_array_unref (self->records);
  cli_progress_free (self->progress);
  g_clear_error (&self->output_error);
  g_free (self->logits);
  g_free (self);
}

PmodModel *
cli_session_get_model (const CliSession *self)
{
  return self->model;
}

static gboolean
write_record (CliSession *self, const PmodPrompt *prompt, const PmodAnswer *answer, GError **error)
{
  const CliRecordInput input = {
    .model = self->model,
    .params = &self->params,
    .prompt = prompt,
    .answer = answer,
    .records = self->records,
    .prefill_logits = self->has_logits ? self->logits : NULL,
    .full = self->options->full,
  };
  g_autofree char *text = NULL;

  if (self->json == NULL)
    return TRUE;
  text = cli_record_new (&input, error);
  return text != NULL && cli_output_write (self->json, text, error);
}

PmodAnswer *
cli_session_answer (CliSession *self, const PmodPrompt *prompt, GError **error)
{
  g_autoptr (PmodAnswer) answer = NULL;
  gint64 begin_us = g_get_monotonic_time ();

  g_byte_array_set_size (self->records, 0);
  memset (&self->begin, 0, sizeof self->begin);
  self->has_logits = FALSE;
  cli_progress_begin (self->progress);
  answer =
      pmod_context_answer (self->context, prompt, &self->params, self->trace, on_text, self, error);
  cli_progress_end (self->progress);
  self->seconds = (double)(g_get_monotonic_time () - begin_us) / G_USEC_PER_SEC;
  if (answer == NULL)
    return NULL;
  if (self->streams && (answer->text->len > 0 || answer->finish != PMOD_FINISH_CANCELLED))
    putchar ('\n');
  if (!write_record (self, prompt, answer, error))
    return NULL;
  if (self->output_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->output_error));
      return NULL;
    }
  return cli_flush (error) ? g_steal_pointer (&answer) : NULL;
}

void
cli_session_get_last (const CliSession *self, int *n_reused, int *n_tokens, double *seconds)
{
  *n_reused = self->begin.n_reused;
  *n_tokens = self->begin.n_tokens;
  *seconds = self->seconds;
}

gboolean
cli_session_close (CliSession *self, GError **error)
{
  return pmod_trace_close (self->trace, error);
}

gboolean
cli_check_prompt (const char *text, GError **error)
{
  g_autofree char *stripped = NULL;
  const char *end = NULL;

  if (text == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "expected --prompt TEXT, got nothing");
      return FALSE;
    }
  if (!g_utf8_validate (text, -1, &end))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                   "--prompt: expected UTF-8, got other bytes at byte %" G_GSSIZE_FORMAT,
                   (gssize)(end - text));
      return FALSE;
    }
  stripped = g_strstrip (g_strdup (text));
  if (*stripped == '\0')
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                   "--prompt: expected words, got an empty prompt");
      return FALSE;
    }
  return TRUE;
}

GPtrArray *
cli_load_images (char **paths, PmodImageFlags flags, GError **error)
{
  g_autoptr (GPtrArray) images = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_image_unref);

  for (guint i = 0; paths != NULL && paths[i] != NULL; i++)
    {
      PmodImage *image = pmod_image_load (paths[i], flags, error);

      if (image == NULL)
        return NULL;
      g_ptr_array_add (images, image);
    }
  return g_steal_pointer (&images);
}
