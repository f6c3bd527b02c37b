/* Scores of one answer. Not here: how answers are made comparable, and what many scores say. */
#include "pmod-eval-metric.h"

#include <math.h>
#include <string.h>

#define ANLS_THRESHOLD 0.5   /* at this distance an answer counts as another one */
#define RELAXED_SHARE 0.05   /* of the expected number */
#define VQA_ENOUGH 3         /* people who must agree for a whole point */
#define VQA_PEOPLE 10        /* whom a single expected answer stands for */
#define MAX_EDIT_LENGTH 1000 /* characters that are compared, so that time stays bounded */

static const char *const metric_names[PMOD_EVAL_N_METRICS] = {
  [PMOD_EVAL_METRIC_EXACT] = "exact",       [PMOD_EVAL_METRIC_YES_NO] = "yes-no",
  [PMOD_EVAL_METRIC_VQA_SOFT] = "vqa-soft", [PMOD_EVAL_METRIC_CHOICE] = "choice",
  [PMOD_EVAL_METRIC_ANLS] = "anls",         [PMOD_EVAL_METRIC_RELAXED] = "relaxed",
};

const char *
pmod_eval_metric_name (PmodEvalMetric metric)
{
  g_return_val_if_fail (metric < PMOD_EVAL_N_METRICS, NULL);
  return metric_names[metric];
}

static double
score_exact (const char *got, char *const *expected)
{
  g_autofree char *normal = pmod_eval_normal_exact (got);

  for (int i = 0; expected[i] != NULL; i++)
    {
      g_autofree char *other = pmod_eval_normal_exact (expected[i]);

      if (strcmp (normal, other) == 0)
        return 1;
    }
  return 0;
}

static double
vqa_accuracy (int n_matches)
{
  return MIN ((double)n_matches / VQA_ENOUGH, 1);
}

/* With m of n expected answers matching, leaving a matching one out leaves m - 1 matches, leaving
 * another one out leaves m. */
static double
score_vqa (const char *got, char *const *expected)
{
  g_autofree char *normal = pmod_eval_normal_vqa (got);
  int n = 0, m = 0;

  for (; expected[n] != NULL; n++)
    {
      g_autofree char *other = pmod_eval_normal_vqa (expected[n]);

      m += strcmp (normal, other) == 0;
    }
  if (n == 1)
    {
      n = VQA_PEOPLE;
      m *= VQA_PEOPLE;
    }
  return (m * vqa_accuracy (m - 1) + (n - m) * vqa_accuracy (m)) / n;
}

/* Characters to insert, delete or replace. */
static glong
edit_distance (const gunichar *a, glong n_a, const gunichar *b, glong n_b)
{
  g_autofree glong *row = g_new (glong, n_b + 1);

  for (glong j = 0; j <= n_b; j++)
    row[j] = j;
  for (glong i = 1; i <= n_a; i++)
    {
      glong diagonal = row[0];

      row[0] = i;
      for (glong j = 1; j <= n_b; j++)
        {
          glong above = row[j];

          row[j] = MIN (MIN (above, row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
          diagonal = above;
        }
    }
  return row[n_b];
}

static double
score_anls (const char *got, char *const *expected)
{
  g_autofree char *normal = pmod_eval_normal_exact (got);
  glong n_got = 0;
  g_autofree gunichar *letters = g_utf8_to_ucs4_fast (normal, -1, &n_got);
  double best = 0;

  n_got = MIN (n_got, MAX_EDIT_LENGTH);
  for (int i = 0; expected[i] != NULL; i++)
    {
      g_autofree char *other = pmod_eval_normal_exact (expected[i]);
      glong n_other = 0;
      g_autofree gunichar *other_letters = g_utf8_to_ucs4_fast (other, -1, &n_other);
      glong longer;
      double distance;

      n_other = MIN (n_other, MAX_EDIT_LENGTH);
      longer = MAX (n_got, n_other);
      distance = longer == 0 ? 0
                             : (double)edit_distance (letters, n_got, other_letters, n_other) /
                                   (double)longer;
      if (distance < ANLS_THRESHOLD)
        best = MAX (best, 1 - distance);
    }
  return best;
}

/* "12", "-3.5", "40%" (which is 0.4). */
static gboolean
read_number (const char *text, double *value)
{
  char *end = NULL;

  *value = g_ascii_strtod (text, &end);
  if (end == text || !isfinite (*value) || (*end != '\0' && strcmp (end, "%") != 0))
    return FALSE;
  if (*end == '%')
    *value /= 100;
  return TRUE;
}

static double
score_relaxed (const char *got, char *const *expected)
{
  g_autofree char *normal = pmod_eval_normal_exact (got);
  double number, wanted;

  for (int i = 0; expected[i] != NULL; i++)
    {
      g_autofree char *other = pmod_eval_normal_exact (expected[i]);

      if (strcmp (normal, other) == 0)
        return 1;
      if (read_number (normal, &number) && read_number (other, &wanted) && wanted != 0 &&
          fabs (number - wanted) <= RELAXED_SHARE * fabs (wanted))
        return 1;
    }
  return 0;
}

double
pmod_eval_score (PmodEvalMetric metric,
                 const char *got,
                 char *const *expected,
                 char *const *choices)
{
  switch (metric)
    {
    case PMOD_EVAL_METRIC_EXACT:
      return score_exact (got, expected);
    case PMOD_EVAL_METRIC_YES_NO:
      return pmod_eval_says_no (got) == pmod_eval_says_no (expected[0]);
    case PMOD_EVAL_METRIC_VQA_SOFT:
      return score_vqa (got, expected);
    case PMOD_EVAL_METRIC_CHOICE:
      return pmod_eval_choice (got, choices) == pmod_eval_choice (expected[0], NULL);
    case PMOD_EVAL_METRIC_ANLS:
      return score_anls (got, expected);
    case PMOD_EVAL_METRIC_RELAXED:
      return score_relaxed (got, expected);
    }
  g_return_val_if_reached (0);
}
