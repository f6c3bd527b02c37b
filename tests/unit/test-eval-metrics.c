/* Scores against values worked out by hand, intervals against published ones. */
#include "pmod-eval-metric.h"
#include "pmod-eval-stats.h"

#include <math.h>

#define EPSILON 1e-12

/* --- Comparable answers ----------------------------------------------------------------------- */

static void
test_exact (void)
{
  static const char *const same[][2] = {
    { " A  dog. ", "a dog" },
    { "RED", "red." },
    { "A\ndog", "a dog" },
    { "\303\211t\303\251.", "\303\251t\303\251" },
    { "", "." },
  };
  char *const two[] = { "Gray.", "Grey.", NULL };

  for (guint i = 0; i < G_N_ELEMENTS (same); i++)
    {
      g_autofree char *a = pmod_eval_normal_exact (same[i][0]);
      g_autofree char *b = pmod_eval_normal_exact (same[i][1]);

      g_assert_cmpstr (a, ==, b);
    }
  g_assert_cmpfloat (pmod_eval_score (PMOD_EVAL_METRIC_EXACT, "grey", two, NULL), ==, 1);
  g_assert_cmpfloat (pmod_eval_score (PMOD_EVAL_METRIC_EXACT, "gray one", two, NULL), ==, 0);
  g_assert_cmpfloat (pmod_eval_score (PMOD_EVAL_METRIC_EXACT, "gray..", two, NULL), ==, 0);
}

static void
test_normal_vqa (void)
{
  static const char *const cases[][2] = {
    { "A dog.", "dog" },
    { "Two", "2" },
    { "none", "0" },
    { "The  red, car!", "red car" },
    { "don't", "dont" },
    { "dont", "dont" },
    { "it's", "it's" },
    { "its", "its" },
    { "couldn't've", "couldntve" },
    { "1,000", "1000" },
    { "0.5.", "0.5" },
    { "black/white", "black white" },
    { "black / white", "black white" },
    { "blue-green", "blue green" },
    { "an", "" },
    { "a\tbig\ndog", "big dog" },
    { "theater", "theater" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *normal = pmod_eval_normal_vqa (cases[i][0]);

      g_assert_cmpstr (normal, ==, cases[i][1]);
    }
}

/* --- Metrics ---------------------------------------------------------------------------------- */

/* m of ten people agree with the answer: m (m - 1) / 30 + (10 - m) m / 30, each share at most 1. */
static void
test_vqa_soft (void)
{
  static const double expected[] = { 0, 0.3, 0.6, 0.9, 1, 1, 1, 1, 1, 1, 1 };
  char *const alone[] = { "two dogs", NULL };

  for (int m = 0; m <= 10; m++)
    {
      char *people[11] = { NULL };

      for (int i = 0; i < 10; i++)
        people[i] = i < m ? "A cat." : "dog";
      g_assert_cmpfloat_with_epsilon (
          pmod_eval_score (PMOD_EVAL_METRIC_VQA_SOFT, "the cat", people, NULL), expected[m],
          EPSILON);
    }
  g_assert_cmpfloat (pmod_eval_score (PMOD_EVAL_METRIC_VQA_SOFT, "2 dogs", alone, NULL), ==, 1);
  g_assert_cmpfloat (pmod_eval_score (PMOD_EVAL_METRIC_VQA_SOFT, "3 dogs", alone, NULL), ==, 0);
}

static void
test_yes_no (void)
{
  static const struct
  {
    const char *answer;
    gboolean says_no, evasive;
  } cases[] = {
    { "No.", TRUE, FALSE },
    { "no, there is none", TRUE, FALSE },
    { "There is not a dog.", TRUE, TRUE },
    { "Yes, without doubt", FALSE, FALSE },
    { "Yes. No.", FALSE, FALSE },
    { "Nothing", FALSE, TRUE },
    { "I am not sure.", TRUE, TRUE },
    { "A dog", FALSE, TRUE },
    { "", FALSE, TRUE },
  };
  char *const yes[] = { "yes", NULL }, *const no[] = { "No.", NULL };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_cmpint (pmod_eval_says_no (cases[i].answer), ==, cases[i].says_no);
      g_assert_cmpint (pmod_eval_is_evasive (cases[i].answer), ==, cases[i].evasive);
      g_assert_cmpfloat (pmod_eval_score (PMOD_EVAL_METRIC_YES_NO, cases[i].answer, yes, NULL), ==,
                         cases[i].says_no ? 0 : 1);
      g_assert_cmpfloat (pmod_eval_score (PMOD_EVAL_METRIC_YES_NO, cases[i].answer, no, NULL), ==,
                         cases[i].says_no ? 1 : 0);
    }
}

static void
test_choice (void)
{
  char *const choices[] = { "a cat", "A dog.", NULL };
  char *const second[] = { "B", NULL };
  static const struct
  {
    const char *answer;
    char letter, of_choices;
  } cases[] = {
    { "B", 'B', 'B' },
    { "b", 'B', 'B' },
    { "(c)", 'C', 'C' },
    { "B. a dog", 'B', 'B' },
    { "D) one", 'D', 'D' },
    { "a: cat", 'A', 'A' },
    { "a", 'A', 'A' },
    { "A dog", 0, 'B' },
    { "a cat.", 0, 'A' },
    { "The answer is (C).", 'C', 'C' },
    { "the answer is B", 'B', 'B' },
    { "I see", 0, 0 },
    { "", 0, 0 },
    { "The answer is blue", 0, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_cmpint (pmod_eval_choice (cases[i].answer, NULL), ==, cases[i].letter);
      g_assert_cmpint (pmod_eval_choice (cases[i].answer, choices), ==, cases[i].of_choices);
    }
  g_assert_cmpfloat (pmod_eval_score (PMOD_EVAL_METRIC_CHOICE, "a dog", second, choices), ==, 1);
  g_assert_cmpfloat (pmod_eval_score (PMOD_EVAL_METRIC_CHOICE, "a dog", second, NULL), ==, 0);
}

static void
test_anls (void)
{
  static const struct
  {
    const char *got, *expected;
    double score;
  } cases[] = {
    { "Hello", "hello", 1 },   { "hallo", "hello", 0.8 }, { "cafe", "caf\303\251", 0.75 },
    { "ab", "ax", 0 },         { "", "abc", 0 },          { "kitten", "sitting", 1 - 3 / 7.0 },
    { "abc d", "abc  d.", 1 }, { "xyz", "abc", 0 },       { "12", "125", 1 - 1 / 3.0 },
  };
  char *const two[] = { "world", "hallo", NULL };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      char *const expected[] = { (char *)cases[i].expected, NULL };

      g_assert_cmpfloat_with_epsilon (
          pmod_eval_score (PMOD_EVAL_METRIC_ANLS, cases[i].got, expected, NULL), cases[i].score,
          EPSILON);
    }
  g_assert_cmpfloat_with_epsilon (pmod_eval_score (PMOD_EVAL_METRIC_ANLS, "hello", two, NULL), 0.8,
                                  EPSILON);
}

static void
test_relaxed (void)
{
  static const struct
  {
    const char *got, *expected;
    int score;
  } cases[] = {
    { "104", "100", 1 },   { "95.", "100", 1 }, { "106", "100", 0 },    { "5%", "0.05", 1 },
    { "-10.2", "-10", 1 }, { "10", "-10", 0 },  { "0", "0", 1 },        { "0.001", "0", 0 },
    { "Red.", "red", 1 },  { "red", "100", 0 }, { "100 kg", "100", 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      char *const expected[] = { (char *)cases[i].expected, NULL };

      g_assert_cmpfloat (pmod_eval_score (PMOD_EVAL_METRIC_RELAXED, cases[i].got, expected, NULL),
                         ==, cases[i].score);
    }
}

/* --- Statistics ------------------------------------------------------------------------------- */

/* Values as in Newcombe, Two-sided confidence intervals for the single proportion (1998), table I,
 * and 8 of 10 by hand. */
static void
test_wilson (void)
{
  static const struct
  {
    double total;
    int n;
    double low, high;
  } cases[] = {
    { 81, 263, 0.2553, 0.3662 }, { 15, 148, 0.0624, 0.1605 }, { 0, 20, 0.0000, 0.1611 },
    { 1, 29, 0.0061, 0.1718 },   { 8, 10, 0.4902, 0.9433 },   { 20, 20, 0.8389, 1.0000 },
  };
  double low, high;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      pmod_eval_wilson (cases[i].total, cases[i].n, &low, &high);
      g_assert_cmpfloat_with_epsilon (low, cases[i].low, 5e-5);
      g_assert_cmpfloat_with_epsilon (high, cases[i].high, 5e-5);
    }
  pmod_eval_wilson (0, 0, &low, &high);
  g_assert_true (isnan (low) && isnan (high));
}

static void
test_ratio (void)
{
  const double above[] = { 1, 2, 3, 0 }, below[] = { 1, 1, 2, 0 }, none[] = { 0, 0 };
  PmodEvalEstimate estimate = pmod_eval_ratio (above, below, 2);

  /* Residuals -1/2 and 1/2: error sqrt (1/2 * 2/1) / 2 = 1/2. */
  g_assert_cmpfloat_with_epsilon (estimate.value, 1.5, EPSILON);
  g_assert_cmpfloat_with_epsilon (estimate.low, 1.5 - 1.959963984540054 / 2, EPSILON);
  g_assert_cmpfloat_with_epsilon (estimate.high, 1.5 + 1.959963984540054 / 2, EPSILON);
  /* Residuals -1/2, 1/2, 0, 0: error sqrt (1/2 * 4/3) / 4. */
  estimate = pmod_eval_ratio (above, below, 4);
  g_assert_cmpfloat_with_epsilon (estimate.high - estimate.value,
                                  1.959963984540054 * sqrt (2 / 3.0) / 4, EPSILON);
  estimate = pmod_eval_ratio (above, below, 1);
  g_assert_true (estimate.value == 1 && isnan (estimate.low));
  estimate = pmod_eval_ratio (above, none, 2);
  g_assert_true (isnan (estimate.value) && isnan (estimate.high));
}

static void
test_median (void)
{
  g_autofree PmodEvalHistogram *self = g_new0 (PmodEvalHistogram, 1);

  g_assert_true (isnan (pmod_eval_histogram_median (self)));
  for (int i = 1; i <= 1001; i++)
    pmod_eval_histogram_add (self, 1e-3 * i);
  g_assert_cmpfloat_with_epsilon (pmod_eval_histogram_median (self), 0.501, 0.011 * 0.501);
  for (int i = 0; i < 1001; i++)
    pmod_eval_histogram_add (self, i % 2 == 0 ? 0 : 1e-30);
  g_assert_cmpfloat (pmod_eval_histogram_median (self), ==, 0);
  for (int i = 0; i < 3000; i++)
    pmod_eval_histogram_add (self, INFINITY);
  g_assert_cmpfloat (pmod_eval_histogram_median (self), >, 1e6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/eval-metrics/exact", test_exact);
  g_test_add_func ("/eval-metrics/normal-vqa", test_normal_vqa);
  g_test_add_func ("/eval-metrics/vqa-soft", test_vqa_soft);
  g_test_add_func ("/eval-metrics/yes-no", test_yes_no);
  g_test_add_func ("/eval-metrics/choice", test_choice);
  g_test_add_func ("/eval-metrics/anls", test_anls);
  g_test_add_func ("/eval-metrics/relaxed", test_relaxed);
  g_test_add_func ("/eval-metrics/wilson", test_wilson);
  g_test_add_func ("/eval-metrics/ratio", test_ratio);
  g_test_add_func ("/eval-metrics/median", test_median);
  return g_test_run ();
}
