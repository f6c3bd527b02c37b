/* A sweep: prefills under one setting after another, and how far each moves the next token. */
#include "pmod-sweep.h"

#include <math.h>

#include "pmod-context-private.h"

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
  PmodTrace *trace;
  PmodSweepFunc func;
  gpointer user_data;
  float *reference; /* [vocab] its logits */
} Sweep;

/* By arithmetic, since of what really ran much may have been used again. */
static PmodFlops
count_flops (const PmodContext *context)
{
  const PmodSequence *sequence = context->sequence;
  gint64 n_tiles = 0;

  for (guint i = 0; i < sequence->images->len; i++)
    n_tiles += ((const PmodSequenceImage *)sequence->images->pdata[i])->layout->n_tiles;
  return pmod_meter_prefill (context->model->config, context->ratios, sequence->n_targets,
                             sequence->n_tokens - sequence->n_targets, n_tiles, NULL);
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
  const PmodConfig *config = self->context->model->config;
  int element_bytes = (int)pmod_dtype_size (self->context->model->act);
  int n = config->vocab;

  point->n_tokens = pmod_context_get_n_tokens (self->context);
  point->flops = count_flops (self->context);
  point->kv_bytes = pmod_context_get_kv_bytes (self->context);
  point->kv_bytes_dense = pmod_meter_kv_token_bytes (config, element_bytes) *
                          (guint64)config->n_layers * (guint64)point->n_tokens;
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
  PmodSweepPoint point = { .index = index, .params = params };
  g_autoptr (PmodAnswer) answer = NULL;

  if (!pmod_context_prefill (self->context, self->prompt, params, self->trace, error) ||
      !pmod_decoder_fetch_logits (self->context, error))
    return FALSE;
  measure (self, &point, self->context->logits);
  if ((self->flags & PMOD_SWEEP_ANSWERS) != 0)
    {
      /* All but the last words of the prompt is there. */
      answer =
          pmod_context_answer (self->context, self->prompt, params, self->trace, NULL, NULL, error);
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
            PmodTrace *trace,
            PmodSweepFunc func,
            gpointer user_data,
            GError **error)
{
  Sweep self = { context, prompt, flags, trace, func, user_data, NULL };
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
