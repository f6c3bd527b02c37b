/* The next token from logits. Not here: what a prompt is, when an answer ends.
 *
 * Cuts need the likeliest tokens in order, but seldom many of them: a heap over the vocabulary
 * gives them one by one, in memory that was taken once. */
#include "pmod-sampler.h"

#include <float.h>
#include <math.h>

typedef struct
{
  float logit;
  gint32 id;
} Candidate;

struct _PmodSampler
{
  int n_vocab;
  guint64 state;
  Candidate *heap; /* [n_vocab]; taken candidates lie behind what is left of the heap */
};

PmodSampler *
pmod_sampler_new (int n_vocab)
{
  PmodSampler *self;

  g_return_val_if_fail (n_vocab > 0, NULL);
  self = g_new0 (PmodSampler, 1);
  self->n_vocab = n_vocab;
  self->heap = g_new0 (Candidate, n_vocab);
  return self;
}

void
pmod_sampler_free (PmodSampler *self)
{
  if (self == NULL)
    return;
  g_free (self->heap);
  g_free (self);
}

void
pmod_sampler_seed (PmodSampler *self, guint64 seed)
{
  self->state = seed;
}

/* 0 <= u < 1. SplitMix64 (Steele, Lea, Flood 2014): every seed is a good one, 0 too. */
static double
draw_uniform (PmodSampler *self)
{
  guint64 z = self->state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  z ^= z >> 31;
  return (double)(z >> 11) * 0x1p-53;
}

/* What is no number cannot be drawn, and infinity is only the largest of numbers. */
static float
clean (float logit)
{
  return isnan (logit) ? -INFINITY : fminf (logit, FLT_MAX);
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
build_heap (PmodSampler *self, const float *logits)
{
  for (int i = 0; i < self->n_vocab; i++)
    self->heap[i] = (Candidate){ clean (logits[i]), i };
  for (int i = self->n_vocab / 2 - 1; i >= 0; i--)
    sift_down (self->heap, self->n_vocab, i);
}

/* The n_taken+1st best goes to heap[n_vocab - 1 - n_taken] and is returned. */
static Candidate
take_best (PmodSampler *self, int n_taken)
{
  int last = self->n_vocab - 1 - n_taken;
  Candidate best = self->heap[0];

  self->heap[0] = self->heap[last];
  self->heap[last] = best;
  sift_down (self->heap, last, 0);
  return best;
}

/* --- Drawing -------------------------------------------------------------------------------- */

/* Relative to the likeliest token, whose weight is 1. */
static double
get_weight (float logit, float max, double temperature)
{
  return exp (((double)logit - max) / temperature);
}

static int
draw_from_all (PmodSampler *self, const float *logits, float max, double temperature)
{
  double mass = 0, at;
  int last = 0;

  for (int i = 0; i < self->n_vocab; i++)
    mass += get_weight (clean (logits[i]), max, temperature);
  at = draw_uniform (self) * mass;
  mass = 0;
  for (int i = 0; i < self->n_vocab; i++)
    {
      double weight = get_weight (clean (logits[i]), max, temperature);

      mass += weight;
      if (weight > 0)
        last = i;
      if (at < mass)
        return i;
    }
  return last; /* the sums were rounded */
}

/* A token is kept while those before it hold less than top_p of the mass that top_k left. */
static int
draw_from_best (PmodSampler *self, const float *logits, float max, const PmodSampling *params)
{
  int limit = params->top_k > 0 ? MIN (params->top_k, self->n_vocab) : self->n_vocab;
  const Candidate *taken = self->heap + self->n_vocab - 1; /* taken[-i] is the ith best */
  int n_taken = 0, n_kept = 0;
  double mass = 0, kept = 0, at;

  build_heap (self, logits);
  if (params->top_k > 0)
    while (n_taken < limit)
      mass += get_weight (take_best (self, n_taken++).logit, max, params->temperature);
  else
    for (int i = 0; i < self->n_vocab; i++)
      mass += get_weight (clean (logits[i]), max, params->temperature);
  while (n_kept < limit && (n_kept == 0 || params->top_p >= 1 || kept < params->top_p * mass))
    {
      if (n_kept == n_taken)
        take_best (self, n_taken++);
      kept += get_weight (taken[-n_kept++].logit, max, params->temperature);
    }
  at = draw_uniform (self) * kept;
  kept = 0;
  for (int i = 0; i < n_kept; i++)
    {
      kept += get_weight (taken[-i].logit, max, params->temperature);
      if (at < kept)
        return taken[-i].id;
    }
  return taken[0].id;
}

/* --- Log-probabilities ---------------------------------------------------------------------- */

/* Always finite, so that files and windows can show it. */
static float
get_logprob (float logit, double log_sum)
{
  return (float)fmax ((double)clean (logit) - log_sum, -FLT_MAX);
}

static void
list_alternatives (const PmodSampler *self,
                   const float *logits,
                   double log_sum,
                   PmodAlternative *alternatives,
                   int n_alternatives)
{
  int n = 0;

  for (int i = 0; i < self->n_vocab; i++)
    {
      float logit = clean (logits[i]);
      int at = n;

      while (at > 0 && logit > clean (logits[alternatives[at - 1].id]))
        at--;
      if (at == n_alternatives)
        continue;
      n = MIN (n + 1, n_alternatives);
      for (int j = n - 1; j > at; j--)
        alternatives[j] = alternatives[j - 1];
      alternatives[at] = (PmodAlternative){ i, get_logprob (logit, log_sum) };
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
  Candidate best = { -INFINITY, 0 };
  double sum = 0, log_sum;
  int id;

  for (int i = 0; i < self->n_vocab; i++)
    if (clean (logits[i]) > best.logit)
      best = (Candidate){ clean (logits[i]), i };
  if (best.logit == -INFINITY)
    best.logit = 0; /* nothing can be drawn: the first token, with no probability */
  for (int i = 0; i < self->n_vocab; i++)
    sum += get_weight (clean (logits[i]), best.logit, 1);
  log_sum = (double)best.logit + log (sum);

  id = best.id;
  if (sum > 0 && params->temperature > 0)
    {
      if (params->top_k > 0 || params->top_p < 1)
        id = draw_from_best (self, logits, best.logit, params);
      else
        id = draw_from_all (self, logits, best.logit, params->temperature);
    }
  if (sum == 0)
    log_sum = FLT_MAX;
  if (logprob != NULL)
    *logprob = get_logprob (logits[id], log_sum);
  list_alternatives (self, logits, log_sum, alternatives, n_alternatives);
  return id;
}
