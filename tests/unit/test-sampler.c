/* The choice of tokens against a slow and simple one, and the distribution of draws. */
#include "pmod-sampler.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define N_VOCAB 60

static PmodSampling
greedy (void)
{
  return (PmodSampling){ .temperature = 0, .top_p = 1, .max_new_tokens = 1 };
}

/* Values that repeat often, so that ties are everywhere. */
static void
fill_logits (GRand *random, float *logits, int n, gboolean ties)
{
  for (int i = 0; i < n; i++)
    logits[i] =
        ties ? (float)g_rand_int_range (random, -3, 4) : (float)g_rand_double_range (random, -4, 4);
}

static int
compare_ids (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const float *logits = user_data;
  float x = logits[*(const int *)a], y = logits[*(const int *)b];

  return x != y ? (x < y ? 1 : -1) : *(const int *)a - *(const int *)b;
}

/* p[n]: the probability of each token after temperature, top-k and top-p, by definition. */
static void
expected_probabilities (const float *logits, int n, const PmodSampling *params, double *p)
{
  g_autofree int *order = g_new (int, n);
  int limit = params->top_k > 0 ? MIN (params->top_k, n) : n;
  double mass = 0, above = 0, kept = 0;
  int n_kept = 0;

  for (int i = 0; i < n; i++)
    order[i] = i;
  g_qsort_with_data (order, n, sizeof *order, compare_ids, (gpointer)logits);
  memset (p, 0, sizeof *p * (size_t)n);
  for (int i = 0; i < limit; i++)
    mass += exp (logits[order[i]] / params->temperature);
  for (; n_kept < limit; n_kept++)
    {
      double weight = exp (logits[order[n_kept]] / params->temperature) / mass;

      if (n_kept > 0 && params->top_p < 1 && above >= params->top_p)
        break;
      p[order[n_kept]] = weight;
      above += weight;
    }
  for (int i = 0; i < n; i++)
    kept += p[i];
  for (int i = 0; i < n; i++)
    p[i] /= kept;
}

static void
test_greedy (void)
{
  g_autoptr (PmodSampler) sampler = pmod_sampler_new (N_VOCAB);
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  PmodSampling params = greedy ();

  for (int run = 0; run < 2000; run++)
    {
      float logits[N_VOCAB], logprob;
      PmodAlternative alternatives[8];
      int order[N_VOCAB], id;
      double sum = 0;

      fill_logits (random, logits, N_VOCAB, run % 2);
      for (int i = 0; i < N_VOCAB; i++)
        {
          order[i] = i;
          sum += exp (logits[i]);
        }
      g_qsort_with_data (order, N_VOCAB, sizeof *order, compare_ids, logits);
      id = pmod_sampler_sample (sampler, logits, &params, &logprob, alternatives, 8);
      g_assert_cmpint (id, ==, order[0]);
      g_assert_cmpfloat_with_epsilon (logprob, logits[id] - log (sum), 1e-5);
      for (int i = 0; i < 8; i++)
        {
          g_assert_cmpint (alternatives[i].id, ==, order[i]);
          g_assert_cmpfloat_with_epsilon (alternatives[i].logprob, logits[order[i]] - log (sum),
                                          1e-5);
        }
    }
}

/* Draws many times and compares the counts with the probabilities. */
static void
check_distribution (const float *logits, int n, const PmodSampling *params, guint64 seed)
{
  enum
  {
    N_DRAWS = 20000
  };
  g_autoptr (PmodSampler) sampler = pmod_sampler_new (n);
  g_autofree double *p = g_new (double, n);
  g_autofree int *counts = g_new0 (int, n);
  double chi_square = 0;
  int freedom = -1;

  expected_probabilities (logits, n, params, p);
  pmod_sampler_seed (sampler, seed);
  for (int i = 0; i < N_DRAWS; i++)
    counts[pmod_sampler_sample (sampler, logits, params, NULL, NULL, 0)]++;
  for (int i = 0; i < n; i++)
    {
      double mean = p[i] * N_DRAWS;

      if (p[i] == 0)
        g_assert_cmpint (counts[i], ==, 0);
      if (mean < 5) /* too rare for the approximation */
        continue;
      chi_square += (counts[i] - mean) * (counts[i] - mean) / mean;
      freedom++;
    }
  g_test_message ("T %g, top-k %d, top-p %g: chi-square %.1f of %d", params->temperature,
                  params->top_k, params->top_p, chi_square, freedom);
  /* Five standard deviations: with fixed seeds this is no matter of luck. */
  g_assert_cmpfloat (chi_square, <, freedom + 5 * sqrt (2.0 * MAX (freedom, 1)));
}

static void
test_distribution (void)
{
  static const PmodSampling settings[] = {
    { .temperature = 1, .top_p = 1 },
    { .temperature = 0.7, .top_p = 1 },
    { .temperature = 3, .top_p = 1 },
    { .temperature = 1, .top_k = 1, .top_p = 1 },
    { .temperature = 1, .top_k = 7, .top_p = 1 },
    { .temperature = 1, .top_k = 1000, .top_p = 1 },
    { .temperature = 1, .top_p = 0.6 },
    { .temperature = 0.9, .top_p = 0.95 },
    { .temperature = 2, .top_k = 20, .top_p = 0.5 },
    { .temperature = 1, .top_p = 1e-9 },
    { .temperature = 1, .top_k = 5, .top_p = 0.999999 },
  };
  g_autoptr (GRand) random = g_rand_new_with_seed (2);

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    for (int ties = 0; ties <= 1; ties++)
      {
        float logits[N_VOCAB];

        fill_logits (random, logits, N_VOCAB, ties);
        check_distribution (logits, N_VOCAB, &settings[i], 100 + i);
      }
}

static void
test_deterministic (void)
{
  g_autoptr (PmodSampler) a = pmod_sampler_new (N_VOCAB);
  g_autoptr (PmodSampler) b = pmod_sampler_new (N_VOCAB);
  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  const PmodSampling params = { .temperature = 1.5, .top_k = 40, .top_p = 0.9 };
  float logits[N_VOCAB];
  int first[50], n_other = 0;

  fill_logits (random, logits, N_VOCAB, FALSE);
  pmod_sampler_seed (a, 42);
  pmod_sampler_seed (b, 42);
  for (int i = 0; i < 50; i++)
    {
      first[i] = pmod_sampler_sample (a, logits, &params, NULL, NULL, 0);
      g_assert_cmpint (pmod_sampler_sample (b, logits, &params, NULL, NULL, 0), ==, first[i]);
    }
  pmod_sampler_seed (a, 42);
  pmod_sampler_seed (b, 43);
  for (int i = 0; i < 50; i++)
    {
      g_assert_cmpint (pmod_sampler_sample (a, logits, &params, NULL, NULL, 0), ==, first[i]);
      n_other += pmod_sampler_sample (b, logits, &params, NULL, NULL, 0) != first[i];
    }
  g_assert_cmpint (n_other, >, 10);
}

/* The n likeliest, as a device picks them. */
static PmodPicked
pick (const float *logits, int n, double temperature, gint32 *ids, float *best)
{
  int order[N_VOCAB];
  PmodPicked picked = { n, ids, best, 0, 0, (float)temperature };

  for (int i = 0; i < N_VOCAB; i++)
    order[i] = i;
  g_qsort_with_data (order, N_VOCAB, sizeof *order, compare_ids, (gpointer)logits);
  for (int i = 0; i < n; i++)
    best[i] = logits[ids[i] = order[i]];
  for (int i = 0; i < N_VOCAB; i++)
    {
      picked.sum += expf (logits[i] - best[0]);
      picked.warm_sum += expf ((logits[i] - best[0]) / (float)temperature);
    }
  return picked;
}

/* Returns whether what was picked was enough: then it gave what all logits give. */
static gboolean
check_picked (const float *logits, int n, const PmodSampling *params, guint64 seed)
{
  g_autoptr (PmodSampler) full = pmod_sampler_new (N_VOCAB);
  g_autoptr (PmodSampler) some = pmod_sampler_new (N_VOCAB);
  gint32 ids[N_VOCAB];
  float best[N_VOCAB];
  PmodPicked picked = pick (logits, n, params->temperature, ids, best);

  pmod_sampler_seed (full, seed);
  pmod_sampler_seed (some, seed);
  for (int i = 0; i < 100; i++)
    {
      PmodAlternative want[4], got[4];
      float logprob, got_logprob;
      int token, id;

      if (!pmod_sampler_sample_picked (some, &picked, params, &token, &got_logprob, got, 4))
        return FALSE;
      id = pmod_sampler_sample (full, logits, params, &logprob, want, 4);
      g_assert_cmpint (token, ==, id);
      g_assert_cmpfloat_with_epsilon (got_logprob, logprob, 1e-5);
      for (int j = 0; j < 4; j++)
        {
          g_assert_cmpint (got[j].id, ==, want[j].id);
          g_assert_cmpfloat_with_epsilon (got[j].logprob, want[j].logprob, 1e-5);
        }
    }
  return TRUE;
}

static void
test_picked (void)
{
  static const struct
  {
    PmodSampling params;
    int n;
    gboolean enough;
  } cases[] = {
    { { .temperature = 0, .top_p = 1 }, 4, TRUE },
    { { .temperature = 0, .top_p = 1 }, 3, FALSE }, /* four alternatives are asked for */
    { { .temperature = 1, .top_k = 7, .top_p = 1 }, 7, TRUE },
    { { .temperature = 1, .top_k = 8, .top_p = 1 }, 7, FALSE },
    { { .temperature = 0.7, .top_k = 20, .top_p = 0.5 }, 20, TRUE },
    { { .temperature = 0.5, .top_p = 0.4 }, 30, TRUE },
    { { .temperature = 5, .top_p = 0.99 }, 30, FALSE },
    { { .temperature = 1, .top_p = 1 }, N_VOCAB, FALSE },
    { { .temperature = 1, .top_k = 1000, .top_p = 0.9 }, N_VOCAB, TRUE },
  };
  g_autoptr (GRand) random = g_rand_new_with_seed (5);
  g_autoptr (PmodSampler) sampler = pmod_sampler_new (N_VOCAB);
  float logits[N_VOCAB];

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (int ties = 0; ties <= 1; ties++)
      {
        fill_logits (random, logits, N_VOCAB, ties);
        g_assert_cmpint (check_picked (logits, cases[i].n, &cases[i].params, 7 + i), ==,
                         cases[i].enough);
      }
}

/* A sum of another temperature is none. */
static void
test_picked_other_temperature (void)
{
  g_autoptr (PmodSampler) sampler = pmod_sampler_new (N_VOCAB);
  g_autoptr (GRand) random = g_rand_new_with_seed (6);
  const PmodSampling params = { .temperature = 0.5, .top_p = 0.4 };
  float logits[N_VOCAB], best[N_VOCAB];
  gint32 ids[N_VOCAB];
  PmodPicked picked;
  int token;

  fill_logits (random, logits, N_VOCAB, FALSE);
  picked = pick (logits, 30, 0.6, ids, best);
  g_assert_false (pmod_sampler_sample_picked (sampler, &picked, &params, &token, NULL, NULL, 0));
}

/* Logits that no working model gives. */
static void
test_broken_logits (void)
{
  static const float values[] = { NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 0, 1e-45f, 3 };
  static const PmodSampling settings[] = {
    { .temperature = 0, .top_p = 1 },
    { .temperature = 1, .top_p = 1 },
    { .temperature = 1e-300, .top_p = 1 },
    { .temperature = 1, .top_k = 3, .top_p = 0.5 },
    { .temperature = NAN, .top_k = -1, .top_p = NAN },
    { .temperature = 100, .top_k = G_MAXINT, .top_p = -1 },
  };
  g_autoptr (PmodSampler) sampler = pmod_sampler_new (5);
  g_autoptr (GRand) random = g_rand_new_with_seed (4);

  for (int run = 0; run < 20000; run++)
    {
      float logits[5], logprob;
      PmodAlternative alternatives[7];
      gboolean has_number = FALSE;
      int id;

      for (int i = 0; i < 5; i++)
        {
          logits[i] = values[g_rand_int_range (random, 0, G_N_ELEMENTS (values))];
          has_number = has_number || (!isnan (logits[i]) && logits[i] != -INFINITY);
        }
      id = pmod_sampler_sample (sampler, logits, &settings[run % G_N_ELEMENTS (settings)], &logprob,
                                alternatives, 7);
      g_assert_cmpint (id, >=, 0);
      g_assert_cmpint (id, <, 5);
      g_assert_true (isfinite (logprob));
      if (has_number)
        g_assert_true (!isnan (logits[id]) && logits[id] != -INFINITY);
      for (int i = 0; i < 7; i++)
        {
          g_assert_cmpint (alternatives[i].id, <, 5);
          g_assert_cmpint (alternatives[i].id == -1, ==, i >= 5);
          g_assert_true (isfinite (alternatives[i].logprob));
        }
    }
  for (int i = 0; i < 20; i++)
    {
      const float nan[5] = { NAN, NAN, NAN, NAN, NAN };
      g_assert_cmpint (pmod_sampler_sample (sampler, nan, &settings[i % 6], NULL, NULL, 0), ==, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sampler/greedy", test_greedy);
  g_test_add_func ("/sampler/distribution", test_distribution);
  g_test_add_func ("/sampler/deterministic", test_deterministic);
  g_test_add_func ("/sampler/broken-logits", test_broken_logits);
  g_test_add_func ("/sampler/picked", test_picked);
  g_test_add_func ("/sampler/picked/other-temperature", test_picked_other_temperature);
  return g_test_run ();
}
