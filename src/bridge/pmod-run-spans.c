/* PmodRunSpans: records in, spans out. See pmod-run-spans.h.
 *
 * Owner: the main thread, as that of the run that they belong to. */
#include "config.h"

#include "pmod-run-spans.h"

#include <string.h>

void
pmod_run_spans_clear (PmodRunSpans *self)
{
  g_clear_pointer (&self->spans, g_array_unref);
  memset (self, 0, sizeof *self);
}

static gboolean
find_kind (PmodStage stage, PmodRunSpanKind *kind)
{
  static const struct
  {
    PmodStage stage;
    PmodRunSpanKind kind;
  } table[] = {
    { PMOD_STAGE_PREPROCESS, PMOD_SPAN_PREPROCESS },
    { PMOD_STAGE_VISION, PMOD_SPAN_VISION },
    { PMOD_STAGE_PROJECTOR, PMOD_SPAN_PROJECTOR },
    { PMOD_STAGE_LAYER, PMOD_SPAN_LAYER },
    { PMOD_STAGE_HEAD, PMOD_SPAN_HEAD },
    { PMOD_STAGE_DECODE, PMOD_SPAN_TOKEN },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (table[i].stage == stage)
      {
        *kind = table[i].kind;
        return TRUE;
      }
  return FALSE;
}

/* What was known took no time, and is told of when the rest of its layer is through. */
static guint64
end_of_last (const PmodRunSpans *self)
{
  for (guint i = self->spans->len; i > 0; i--)
    {
      const PmodRunSpan *span = &g_array_index (self->spans, PmodRunSpan, i - 1);

      if (!span->reused)
        return span->start_ns + span->duration_ns;
    }
  return 0;
}

/* What was known of a layer stands where the rest of it begins. */
static void
move_known (PmodRunSpans *self, const PmodRunSpan *span)
{
  PmodRunSpan *last;

  if (self->spans->len == 0)
    return;
  last = &g_array_index (self->spans, PmodRunSpan, self->spans->len - 1);
  if (last->reused && last->kind == span->kind && last->layer == span->layer)
    last->start_ns = span->start_ns;
}

/* A device's layers are told of when it has come further: then they began earlier than their
 * record's time says, directly after the layer before. */
static void
take_stage (PmodRunSpans *self, const PmodRecordStage *stage)
{
  PmodRunSpan span = { .layer = stage->header.layer,
                       .n_tokens = stage->n_tokens,
                       .reused = (stage->header.flags & PMOD_RECORD_FLAG_REUSED) != 0,
                       .duration_ns = stage->duration_ns,
                       .flops = { stage->paper, stage->all },
                       .flops_dense = { stage->paper_dense, stage->all_dense } };
  guint64 last_ns = end_of_last (self);
  guint64 now_ns = stage->header.time_ns - MIN (self->begin_ns, stage->header.time_ns);

  if (!find_kind ((PmodStage)stage->stage, &span.kind))
    return;
  span.start_ns = MAX (now_ns - MIN (span.duration_ns, now_ns), last_ns);
  if (span.kind == PMOD_SPAN_LAYER && span.layer > 0)
    span.start_ns = last_ns;
  if (span.kind == PMOD_SPAN_TOKEN)
    span.n_tokens = self->n_decoded++;
  if (!span.reused)
    move_known (self, &span);
  g_array_append_val (self->spans, span);
}

void
pmod_run_spans_take (PmodRunSpans *self, const PmodRecord *record)
{
  const PmodRecordStage *stage = (const PmodRecordStage *)record;

  if (record->type == PMOD_RECORD_RUN_BEGIN)
    {
      pmod_run_spans_clear (self);
      self->spans = g_array_new (FALSE, FALSE, sizeof (PmodRunSpan));
      self->begin_ns = record->time_ns;
    }
  if (!self->spans)
    return;
  if (record->type == PMOD_RECORD_TOKEN && self->first_token_ns == 0 &&
      !(record->flags & PMOD_RECORD_FLAG_GIVEN))
    self->first_token_ns = record->time_ns - MIN (self->begin_ns, record->time_ns);
  else if (record->type == PMOD_RECORD_STAGE && stage->stage == PMOD_STAGE_LOAD)
    self->weight_bytes = stage->bytes;
  else if (record->type == PMOD_RECORD_STAGE)
    take_stage (self, stage);
}

void
pmod_run_spans_sum_layer (const PmodRunSpans *self, int layer, PmodRunLayerCost *cost)
{
  for (guint i = 0; self->spans && i < self->spans->len; i++)
    {
      const PmodRunSpan *span = &g_array_index (self->spans, PmodRunSpan, i);

      if (span->kind != PMOD_SPAN_LAYER || span->layer != layer)
        continue;
      cost->reused |= span->reused;
      cost->duration_ns += span->duration_ns;
      for (int rule = 0; rule < 2; rule++)
        {
          cost->flops[rule] += span->flops[rule];
          cost->flops_dense[rule] += span->flops_dense[rule];
        }
    }
}

/* --- PmodRun's answers ----------------------------------------------------------------------- */

const PmodRunSpan *
pmod_run_get_spans (PmodRun *self, int *n_spans)
{
  PmodRunSpans *spans = pmod_run_peek_spans (self);

  *n_spans = spans->spans ? (int)spans->spans->len : 0;
  return spans->spans ? (const PmodRunSpan *)(gpointer)spans->spans->data : NULL;
}

guint64
pmod_run_get_span_ns (PmodRun *self, PmodRunSpanKind kind, int *n_spans)
{
  int n;
  const PmodRunSpan *spans = pmod_run_get_spans (self, &n);
  guint64 sum_ns = 0;
  int n_found = 0;

  for (int i = 0; i < n; i++)
    if (spans[i].kind == kind && !spans[i].reused)
      {
        sum_ns += spans[i].duration_ns;
        n_found++;
      }
  if (n_spans)
    *n_spans = n_found;
  return sum_ns;
}

guint64
pmod_run_get_vision_ns (PmodRun *self)
{
  return pmod_run_get_span_ns (self, PMOD_SPAN_PREPROCESS, NULL) +
         pmod_run_get_span_ns (self, PMOD_SPAN_VISION, NULL) +
         pmod_run_get_span_ns (self, PMOD_SPAN_PROJECTOR, NULL);
}

guint64
pmod_run_get_first_token_ns (PmodRun *self)
{
  return pmod_run_peek_spans (self)->first_token_ns;
}

double
pmod_run_get_tokens_per_second (PmodRun *self)
{
  int n;
  guint64 ns = pmod_run_get_span_ns (self, PMOD_SPAN_TOKEN, &n);

  return ns > 0 ? 1e9 * n / (double)ns : 0;
}

guint64
pmod_run_get_weight_bytes (PmodRun *self)
{
  return pmod_run_peek_spans (self)->weight_bytes;
}

gboolean
pmod_run_is_dense (PmodRun *self)
{
  PmodRunLayer info;

  if (pmod_run_get_n_vision (self) == 0)
    return FALSE;
  for (int l = 0; pmod_run_get_layer (self, l, &info); l++)
    if (info.routed && info.ratio < 1)
      return FALSE;
  return TRUE;
}
