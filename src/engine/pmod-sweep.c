/* A sweep: prefills under one setting after another, and how far each moves the next token. */
#include "pmod-sweep.h"

#include <math.h>

/* --- Divergence ------------------------------------------------------------------------------- */

/* ln sum e^l, and the largest l. */
static double
log_sum (const float *logits, int n)
{
  double max = -INFINITY, sum = 0;

  for (int i = 0; i < n; i++)
    max = fmax (max, (double)logits[i]);
  for (int i = 0; i < n; i++)
    sum += exp ((double)logits[i] - max);
  return max + log (sum);
}

double
pmod_divergence (const float *p_logits, const float *q_logits, int n)
{
  double p_sum = log_sum (p_logits, n), q_sum = log_sum (q_logits, n);
  double divergence = 0;

  for (int i = 0; i < n; i++)
    {
      double p = (double)p_logits[i] - p_sum, q = (double)q_logits[i] - q_sum;

      divergence += exp (p) * (p - q);
    }
  return MAX (divergence, 0);
}

/* --- Sweep ------------------------------------------------------------------------------------ */

typedef struct
{
  PmodContext *context;
  const PmodPrompt *prompt;
  PmodSweepFlags flags;
  PmodSweepFunc func;
  gpointer user_data;
  PmodFlops flops;  /* of the prefill that runs */
  float *reference; /* [vocab] its logits */
} Sweep;

/* Whether it ran now or earlier is no difference: what it costs is the question. */
static void
on_record (const PmodRecord *record, gpointer user_data)
{
  const PmodRecordStage *stage = (const PmodRecordStage *)record;
  const PmodFlops part = { stage->paper, stage->paper_dense, stage->all, stage->all_dense };
  Sweep *self = user_data;

  if (stage->stage != PMOD_STAGE_PREFILL && stage->stage != PMOD_STAGE_TOTAL)
    pmod_flops_add (&self->flops, &part);
}

static gboolean
is_cancelled (GError **error)
{
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "the sweep was stopped");
  return FALSE;
}

static void
measure (Sweep *self, PmodSweepPoint *point, const float *logits)
{
  const PmodConfig *config = pmod_model_get_config (pmod_context_get_model (self->context));
  int n = config->vocab, n_layers = config->n_layers, n_kept = 0;

  for (int i = 0; i < n_layers; i++)
    n_kept += pmod_context_get_kv_length (self->context, i);
  point->n_tokens = pmod_context_get_n_tokens (self->context);
  point->kv_bytes = pmod_context_get_kv_bytes (self->context);
  point->kv_bytes_dense =
      n_kept > 0 ? point->kv_bytes / (guint64)n_kept * (guint64)n_layers * (guint64)point->n_tokens
                 : 0;
  if (self->reference == NULL)
    self->reference = g_memdup2 (logits, (gsize)n * sizeof *logits);
  else
    point->divergence = pmod_divergence (self->reference, logits, n);
  for (int i = 0; i < n; i++)
    if (logits[i] > logits[point->token])
      point->token = i;
}

static gboolean
run_point (Sweep *self, int index, const PmodParams *params, GError **error)
{
  g_autoptr (PmodTrace) trace =
      pmod_trace_new (PMOD_TRACE_WANTS (PMOD_RECORD_STAGE), on_record, self);
  PmodSweepPoint point = { .index = index, .params = params };
  g_autoptr (PmodAnswer) answer = NULL;

  self->flops = (PmodFlops){ 0 };
  if (!pmod_context_prefill (self->context, self->prompt, params, trace, error))
    return FALSE;
  point.flops = self->flops;
  measure (self, &point, pmod_context_get_logits (self->context));
  if ((self->flags & PMOD_SWEEP_ANSWERS) != 0)
    {
      /* All but the last words of the prompt is there. */
      answer = pmod_context_answer (self->context, self->prompt, params, NULL, NULL, NULL, error);
      if (answer == NULL)
        return FALSE;
      if (answer->finish == PMOD_FINISH_CANCELLED)
        return is_cancelled (error);
      point.answer = answer;
    }
  return self->func == NULL || self->func (&point, self->user_data) || is_cancelled (error);
}

gboolean
pmod_sweep (PmodContext *context,
            const PmodPrompt *prompt,
            const PmodParams *reference,
            const PmodParams *settings,
            int n_settings,
            PmodSweepFlags flags,
            PmodSweepFunc func,
            gpointer user_data,
            GError **error)
{
  Sweep self = { context, prompt, flags, func, user_data, { 0 }, NULL };
  gboolean ok = run_point (&self, PMOD_SWEEP_REFERENCE, reference, error);

  if (!ok)
    g_prefix_error (error, "the reference: ");
  for (int i = 0; ok && i < n_settings; i++)
    {
      ok = run_point (&self, i, &settings[i], error);
      if (!ok)
        g_prefix_error (error, "setting %d: ", i);
    }
  g_free (self.reference);
  return ok;
}
