/* See the header. Orders are permutations that are computed, not stored: a sample depends on its
 * index alone, so that a run may begin at any index. */
#include "pmod-split-source.h"

#include "pmod-mix.h"

#define N_ROUNDS 4

/* What both parts take from. */
typedef struct
{
  gatomicrefcount ref_count;
  PmodSource *source;
} Whole;

typedef struct
{
  PmodSource base;
  Whole *whole;
  guint64 seed;
  guint64 n, n_apart;
  gboolean apart;
} SplitSource;

/* Where i stands in the order of 0 .. n-1 that key makes: a Feistel network over the smallest even
 * number of bits that holds n, walked until it comes back below n. */
static guint64
permute (guint64 i, guint64 n, guint64 key)
{
  guint half = 1;
  guint64 mask;

  while (half < 31 && (G_GUINT64_CONSTANT (1) << 2 * half) < n)
    half++;
  mask = (G_GUINT64_CONSTANT (1) << half) - 1;
  do
    {
      guint64 left = i >> half, right = i & mask;

      for (guint64 round = 0; round < N_ROUNDS; round++)
        {
          guint64 next = left ^ (pmod_mix (right + pmod_mix (key + round * PMOD_MIX_STEP)) & mask);

          left = right;
          right = next;
        }
      i = left << half | right;
    }
  while (i >= n);
  return i;
}

static PmodSample *
make (PmodSource *source, guint64 index, GError **error)
{
  SplitSource *self = (SplitSource *)source;
  guint64 n_learnt = self->n - self->n_apart, place;

  if (self->apart)
    place = index % self->n_apart;
  else
    place =
        self->n_apart + permute (index % n_learnt, n_learnt,
                                 pmod_mix (self->seed + (1 + index / n_learnt) * PMOD_MIX_STEP));
  return pmod_source_make (self->whole->source, permute (place, self->n, pmod_mix (self->seed)),
                           error);
}

static void
free_split (PmodSource *source)
{
  SplitSource *self = (SplitSource *)source;

  if (g_atomic_ref_count_dec (&self->whole->ref_count))
    {
      pmod_source_free (self->whole->source);
      g_free (self->whole);
    }
  g_free (self);
}

static void
set_part (SplitSource *self, gboolean apart)
{
  self->apart = apart;
  self->base.n_samples = apart ? self->n_apart : 0;
}

PmodSource *
pmod_split_source_new (
    PmodSource *source, guint64 seed, guint64 n_apart, gboolean apart, GError **error)
{
  static const PmodSourceClass klass = { make, free_split };
  SplitSource *self;

  if (source->n_samples <= n_apart)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                   "validation: expected fewer samples than there are, %" G_GUINT64_FORMAT
                   ", got %" G_GUINT64_FORMAT "; none would be left to learn from",
                   source->n_samples, n_apart);
      pmod_source_free (source);
      return NULL;
    }
  self = g_new0 (SplitSource, 1);
  self->base = *source;
  self->base.klass = &klass;
  self->whole = g_new0 (Whole, 1);
  g_atomic_ref_count_init (&self->whole->ref_count);
  self->whole->source = source;
  self->seed = seed;
  self->n = source->n_samples;
  self->n_apart = n_apart;
  set_part (self, apart);
  return &self->base;
}

PmodSource *
pmod_split_source_new_other (PmodSource *split)
{
  SplitSource *self = g_memdup2 (split, sizeof *self);

  g_atomic_ref_count_inc (&self->whole->ref_count);
  set_part (self, !self->apart);
  return &self->base;
}
