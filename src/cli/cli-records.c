/* Sorts a trace's records by run and layer. */
#include "cli-records.h"

#include <math.h>

static void
records_free (gpointer data)
{
  CliRecords *self = data;

  g_free (self->route);
  g_free (self->kv);
  g_free (self->stage);
  g_ptr_array_unref (self->images);
  g_ptr_array_unref (self->tokens);
  g_ptr_array_unref (self->losses);
  g_free (self);
}

static CliRecords *
records_new (guint32 run)
{
  CliRecords *self = g_new0 (CliRecords, 1);

  self->run = run;
  self->images = g_ptr_array_new ();
  self->tokens = g_ptr_array_new ();
  self->losses = g_ptr_array_new ();
  for (int i = 0; i < PMOD_N_STAGES; i++)
    self->stage_ms[i] = NAN;
  self->first_token_ms = NAN;
  return self;
}

static void
take_begin (CliRecords *self, const PmodRecordRunBegin *begin)
{
  if (self->begin != NULL || begin->n_layers <= 0)
    return;
  self->begin = begin;
  self->n_layers = begin->n_layers;
  self->route = g_new0 (const PmodRecordRoute *, self->n_layers);
  self->kv = g_new0 (const PmodRecordKv *, self->n_layers);
  self->stage = g_new0 (const PmodRecordStage *, self->n_layers);
}

static void
take_stage (CliRecords *self, const PmodRecordStage *stage)
{
  const PmodFlops flops = { stage->paper, stage->paper_dense, stage->all, stage->all_dense };
  int layer = stage->header.layer;
  double *ms;

  if (stage->stage < 0 || stage->stage >= PMOD_N_STAGES)
    return;
  ms = &self->stage_ms[stage->stage];
  *ms = (isnan (*ms) ? 0 : *ms) + (double)stage->duration_ns / 1e6;
  if (stage->stage == PMOD_STAGE_LAYER && layer >= 0 && layer < self->n_layers &&
      self->stage[layer] == NULL)
    self->stage[layer] = stage;

  /* PREFILL and TOTAL are sums of others. */
  if (stage->stage == PMOD_STAGE_PREFILL || stage->stage == PMOD_STAGE_TOTAL)
    return;
  if (stage->stage == PMOD_STAGE_DECODE || self->tokens->len > 0)
    pmod_flops_add (&self->decode, &flops);
  else
    pmod_flops_add (&self->prefill, &flops);
}

static void
take (CliRecords *self, const PmodRecord *record)
{
  int layer = record->layer;
  gboolean has_layer = layer >= 0 && layer < self->n_layers;

  switch ((PmodRecordType)record->type)
    {
    case PMOD_RECORD_RUN_BEGIN:
      take_begin (self, (const PmodRecordRunBegin *)record);
      break;
    case PMOD_RECORD_IMAGE:
      g_ptr_array_add (self->images, (gpointer)record);
      break;
    case PMOD_RECORD_STAGE:
      take_stage (self, (const PmodRecordStage *)record);
      break;
    case PMOD_RECORD_ROUTE:
      if (has_layer)
        self->route[layer] = (const PmodRecordRoute *)record;
      break;
    case PMOD_RECORD_KV:
      if (has_layer && self->kv[layer] == NULL)
        self->kv[layer] = (const PmodRecordKv *)record;
      break;
    case PMOD_RECORD_TOKEN:
      g_ptr_array_add (self->tokens, (gpointer)record);
      break;
    case PMOD_RECORD_LOSS:
      g_ptr_array_add (self->losses, (gpointer)record);
      break;
    case PMOD_RECORD_RUN_END:
      self->end = (const PmodRecordRunEnd *)record;
      break;
    case PMOD_RECORD_STATE:
      break;
    }
}

/* A stage is recorded when it ends, so that the run began before its first record. */
static guint64
start_of (const PmodRecord *record)
{
  guint64 lasted = 0;

  if (record->type == PMOD_RECORD_STAGE)
    lasted = ((const PmodRecordStage *)record)->duration_ns;
  return record->time_ns > lasted ? record->time_ns - lasted : 0;
}

GPtrArray *
cli_records_load (const guint8 *bytes, gsize n_bytes, GError **error)
{
  g_autoptr (GPtrArray) runs = g_ptr_array_new_with_free_func (records_free);
  g_autoptr (GError) local = NULL;
  CliRecords *self = NULL;
  const PmodRecord *record;
  guint64 began_ns = 0;
  gsize offset = 0;

  while ((record = pmod_trace_next (bytes, n_bytes, &offset, &local)) != NULL)
    {
      if (self == NULL || self->run != record->run)
        {
          self = records_new (record->run);
          began_ns = start_of (record);
          g_ptr_array_add (runs, self);
        }
      take (self, record);
      if (record->type == PMOD_RECORD_TOKEN && self->tokens->len == 1)
        self->first_token_ms = (double)(record->time_ns - MIN (began_ns, record->time_ns)) / 1e6;
    }
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  return g_steal_pointer (&runs);
}

gboolean
cli_records_is_routed (const CliRecords *self, int layer)
{
  return self->begin->ratio[layer] >= 0;
}

int
cli_records_get_n_kept (const CliRecords *self, int layer)
{
  return self->route[layer] != NULL ? self->route[layer]->n_kept : self->begin->n_vision;
}

/* Tokens of a picture that its first, coarse tile takes; 0 if it has but one grid. */
static int
count_coarse (const PmodRecordImage *image)
{
  if (image->n_planes < 2)
    return 0;
  return image->planes[1].first_token - image->planes[0].first_token;
}

gint64
cli_records_find_vision (const CliRecords *self, int position)
{
  gint64 all = 0; /* a file may name many pictures */
  gint64 fine = 0;
  gint64 all_before = -1;
  gint64 fine_before = -1;

  if (self->begin->n_vision == self->begin->n_tokens)
    return position;
  for (guint i = 0; i < self->images->len; i++)
    {
      const PmodRecordImage *image = self->images->pdata[i];
      int coarse = count_coarse (image);
      int within = position - image->first_token;

      if (within >= 0 && within < image->n_tokens)
        {
          all_before = all + within;
          fine_before = within >= coarse ? fine + within - coarse : -1;
        }
      all += image->n_tokens;
      fine += image->n_tokens - coarse;
    }
  return self->begin->n_vision == all ? all_before : fine_before;
}

char *
cli_records_dup_text (const CliRecords *self)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < self->tokens->len; i++)
    {
      const PmodRecordToken *token = self->tokens->pdata[i];

      g_string_append_len (text, pmod_record_token_text (token), token->text_bytes);
    }
  return g_strdup (text->str);
}
