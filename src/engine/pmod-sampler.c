/* The next token from logits. Not here: what a prompt is, when an answer ends.
 *
 * Cuts need the likeliest tokens in order, but seldom many of them: a heap over the vocabulary
 * gives them one by one, in memory that was taken once. */
#include "pmod-sampler.h"

#include <float.h>
#include <math.h>

#include "pmod-mix.h"

typedef struct
{
  float logit;
  gint32 id;
} Candidate;

struct _PmodSampler
{
  int n_vocab;
  guint64 state;
  float *logits;   /* [n_vocab] of the step, cleaned */
  float *weights;  /* [n_vocab] relative to the likeliest token, whose weight is 1 */
  Candidate *heap; /* [n_vocab]; taken candidates lie behind what is left of the heap */
};

PmodSampler *
pmod_sampler_new (int n_vocab)
{
  PmodSampler *self;

  g_return_val_if_fail (n_vocab > 0, NULL);
  self = g_new0 (PmodSampler, 1);
  self->n_vocab = n_vocab;
  self->logits = g_new0 (float, n_vocab);
  self->weights = g_new0 (float, n_vocab);
  self->heap = g_new0 (Candidate, n_vocab);
  return self;
}

void
pmod_sampler_free (PmodSampler *self)
{
  if (self == NULL)
    return;
  g_free (self->logits);
  g_free (self->weights);
  g_free (self->heap);
  g_free (self);
}

void
pmod_sampler_seed (PmodSampler *self, guint64 seed)
{
  self->state = seed;
}

/* 0 <= u < 1 */
static double
draw_uniform (PmodSampler *self)
{
  self->state += PMOD_MIX_STEP;
  return (double)(pmod_mix (self->state) >> 11) * 0x1p-53;
}

/* Copies logits and returns the best token. What is no number cannot be drawn, and infinity is
 * only the largest of numbers. */
static int
clean_logits (PmodSampler *self, const float *logits)
{
  int best = 0;

  for (int i = 0; i < self->n_vocab; i++)
    {
      float logit = logits[i] > FLT_MAX ? FLT_MAX : logits[i];

      self->logits[i] = isnan (logit) ? -INFINITY : logit;
      if (self->logits[i] > self->logits[best])
        best = i;
    }
  return best;
}

/* Returns the sum of the weights. */
static double
fill_weights (PmodSampler *self, float max, double temperature)
{
  double mass = 0;

  for (int i = 0; i < self->n_vocab; i++)
    {
      self->weights[i] = expf ((float)(((double)self->logits[i] - max) / temperature));
      mass += self->weights[i];
    }
  return mass;
}

static gboolean
is_before (Candidate a, Candidate b)
{
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

/* --- Heap ----------------------------------------------------------------------------------- */

static void
sift_down (Candidate *heap, int n, int at)
{
  Candidate moved = heap[at];

  for (int child = 2 * at + 1; child < n; child = 2 * at + 1)
    {
      if (child + 1 < n && is_before (heap[child + 1], heap[child]))
        child++;
      if (!is_before (heap[child], moved))
        break;
      heap[at] = heap[child];
      at = child;
    }
  heap[at] = moved;
}

static void
build_heap (PmodSampler *self)
{
  for (int i = 0; i < self->n_vocab; i++)
    self->heap[i] = (Candidate){ self->logits[i], i };
  for (int i = self->n_vocab / 2 - 1; i >= 0; i--)
    sift_down (self->heap, self->n_vocab, i);
}

/* The n_taken+1st best goes to heap[n_vocab - 1 - n_taken]. Returns its weight. */
static double
take_best (PmodSampler *self, int n_taken)
{
  int last = self->n_vocab - 1 - n_taken;
  Candidate best = self->heap[0];

  self->heap[0] = self->heap[last];
  self->heap[last] = best;
  sift_down (self->heap, last, 0);
  return self->weights[best.id];
}

/* --- Drawing -------------------------------------------------------------------------------- */

static int
draw_from_all (PmodSampler *self, double mass)
{
  double at = draw_uniform (self) * mass;
  int last = 0;

  mass = 0;
  for (int i = 0; i < self->n_vocab; i++)
    {
      mass += self->weights[i];
      if (at < mass)
        return i;
      if (self->weights[i] > 0)
        last = i;
    }
  return last; /* the sums were rounded */
}

/* A token is kept while those before it hold less than top_p of the mass that top_k left. */
static int
draw_from_best (PmodSampler *self, double mass, const PmodSampling *params)
{
  int limit = params->top_k > 0 ? MIN (params->top_k, self->n_vocab) : self->n_vocab;
  const Candidate *taken = self->heap + self->n_vocab - 1; /* taken[-i] is the ith best */
  int n_taken = 0, n_kept = 0;
  double kept = 0, at;

  build_heap (self);
  if (params->top_k > 0)
    for (mass = 0; n_taken < limit; n_taken++)
      mass += take_best (self, n_taken);
  while (n_kept < limit && (n_kept == 0 || params->top_p >= 1 || kept < params->top_p * mass))
    {
      if (n_kept == n_taken)
        take_best (self, n_taken++);
      kept += self->weights[taken[-n_kept++].id];
    }
  at = draw_uniform (self) * kept;
  kept = 0;
  for (int i = 0; i < n_kept; i++)
    {
      kept += self->weights[taken[-i].id];
      if (at < kept)
        return taken[-i].id;
    }
  return taken[0].id;
}

/* --- Log-probabilities ---------------------------------------------------------------------- */

/* Always finite, so that files and windows can show it. */
static float
get_logprob (const PmodSampler *self, int id, double log_sum)
{
  return (float)fmax ((double)self->logits[id] - log_sum, -FLT_MAX);
}

static void
list_alternatives (const PmodSampler *self,
                   double log_sum,
                   PmodAlternative *alternatives,
                   int n_alternatives)
{
  int n = 0;

  for (int i = 0; i < self->n_vocab; i++)
    {
      int at = n;

      while (at > 0 && self->logits[i] > self->logits[alternatives[at - 1].id])
        at--;
      if (at == n_alternatives)
        continue;
      n = MIN (n + 1, n_alternatives);
      for (int j = n - 1; j > at; j--)
        alternatives[j] = alternatives[j - 1];
      alternatives[at] = (PmodAlternative){ i, get_logprob (self, i, log_sum) };
    }
  for (; n < n_alternatives; n++)
    alternatives[n] = (PmodAlternative){ -1, -FLT_MAX };
}

int
pmod_sampler_sample (PmodSampler *self,
                     const float *logits,
                     const PmodSampling *params,
                     float *logprob,
                     PmodAlternative *alternatives,
                     int n_alternatives)
{
  int id = clean_logits (self, logits);
  float max = self->logits[id];
  gboolean has_numbers = max > -INFINITY; /* else nothing can be drawn, and token 0 is the answer */
  double mass = has_numbers ? fill_weights (self, max, 1) : 0;
  double log_sum = has_numbers ? (double)max + log (mass) : FLT_MAX;

  if (has_numbers && params->temperature > 0)
    {
      if (params->temperature != 1)
        mass = fill_weights (self, max, params->temperature);
      if (params->top_k > 0 || params->top_p < 1)
        id = draw_from_best (self, mass, params);
      else
        id = draw_from_all (self, mass);
    }
  if (logprob != NULL)
    *logprob = get_logprob (self, id, log_sum);
  list_alternatives (self, log_sum, alternatives, n_alternatives);
  return id;
}

void
pmod_sampler_score (PmodSampler *self,
                    const float *logits,
                    int id,
                    float *logprob,
                    PmodAlternative *alternatives,
                    int n_alternatives)
{
  float max = self->logits[clean_logits (self, logits)];
  double log_sum = max > -INFINITY ? (double)max + log (fill_weights (self, max, 1)) : FLT_MAX;

  *logprob = get_logprob (self, id, log_sum);
  list_alternatives (self, log_sum, alternatives, n_alternatives);
}

void
pmod_sampler_skip (PmodSampler *self, int n)
{
  self->state += (guint64)n * PMOD_MIX_STEP;
}

/* --- From what a device picked -------------------------------------------------------------- */

/* Relative to the likeliest token, whose weight is 1. */
static double
picked_weight (const PmodPicked *picked, int i, double temperature)
{
  return expf ((float)(((double)picked->logits[i] - picked->logits[0]) / temperature));
}

/* How many of the likeliest a draw is among, and their mass; 0 where more were to be seen. */
static int
cut_picked (const PmodPicked *picked, int n_vocab, const PmodSampling *params, double *kept)
{
  int limit = params->top_k > 0 ? MIN (params->top_k, n_vocab) : n_vocab;
  double mass = picked->warm_sum;
  int n = 0;

  if ((params->top_k <= 0 && params->top_p >= 1) ||
      picked->temperature != (float)params->temperature || (params->top_k > 0 && limit > picked->n))
    return 0;
  if (params->top_k > 0)
    {
      mass = 0;
      for (int i = 0; i < limit; i++)
        mass += picked_weight (picked, i, params->temperature);
    }
  *kept = 0;
  while (n < limit && (n == 0 || params->top_p >= 1 || *kept < params->top_p * mass))
    {
      if (n == picked->n)
        return 0;
      *kept += picked_weight (picked, n++, params->temperature);
    }
  return n;
}

static int
draw_from_picked (
    PmodSampler *self, const PmodPicked *picked, int n, double kept, double temperature)
{
  double at = draw_uniform (self) * kept;

  kept = 0;
  for (int i = 0; i < n; i++)
    {
      kept += picked_weight (picked, i, temperature);
      if (at < kept)
        return i;
    }
  return 0;
}

gboolean
pmod_sampler_sample_picked (PmodSampler *self,
                            const PmodPicked *picked,
                            const PmodSampling *params,
                            int *token,
                            float *logprob,
                            PmodAlternative *alternatives,
                            int n_alternatives)
{
  double log_sum = (double)picked->logits[0] + log ((double)picked->sum);
  int at = 0;

  if (MIN (n_alternatives, self->n_vocab) > picked->n)
    return FALSE;
  if (params->temperature > 0)
    {
      double kept;
      int n = cut_picked (picked, self->n_vocab, params, &kept);

      if (n == 0)
        return FALSE;
      at = draw_from_picked (self, picked, n, kept, params->temperature);
    }
  *token = picked->ids[at];
  if (logprob != NULL)
    *logprob = (float)((double)picked->logits[at] - log_sum);
  for (int i = 0; i < n_alternatives; i++)
    alternatives[i] =
        i < picked->n
            ? (PmodAlternative){ picked->ids[i], (float)((double)picked->logits[i] - log_sum) }
            : (PmodAlternative){ -1, -FLT_MAX };
  return TRUE;
}
