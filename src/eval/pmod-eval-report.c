/* What the answers of a run add up to: shares with their intervals, by kind of question, beside
 * what guessing would get. Not here: what routers kept. */
#include "pmod-eval-run-private.h"

#include "pmod-eval-metric.h"
#include "pmod-eval-stats.h"

#include <math.h>
#include <string.h>

static double
score_of (const PmodEvalSubject *subject, int question)
{
  return g_array_index (subject->answers, PmodEvalAnswer, question).score;
}

static double
share (double part, double whole)
{
  return whole > 0 ? part / whole : NAN;
}

/* --- Guessing --------------------------------------------------------------------------------- */

/* The first expected answer that is the most frequent one of a kind; the earlier of two. */
static const char *
find_most_frequent (const PmodEval *self, const char *kind)
{
  g_autoptr (GHashTable) counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  const char *best = NULL;
  int most = 0;

  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < pmod_eval_get_n_questions (self); i++)
      {
        const PmodEvalQuestion *question = pmod_eval_get_question (self, i);
        g_autofree char *normal = NULL;
        int n;

        if (strcmp (question->kind, kind) != 0)
          continue;
        normal = pmod_eval_normal (self->task->metric, question->expected[0]);
        n = GPOINTER_TO_INT (g_hash_table_lookup (counts, normal));
        if (pass == 0)
          g_hash_table_replace (counts, g_steal_pointer (&normal), GINT_TO_POINTER (n + 1));
        else if (n > most)
          {
            most = n;
            best = question->expected[0];
          }
      }
  return best;
}

/* Of the pictures with a question of a kind (NULL for any), those whose every such question was
 * answered rightly. */
static double
measure_pictures (const PmodEval *self, const PmodEvalSubject *subject, const char *kind)
{
  int n = 0, n_right = 0, question = 0;

  for (guint i = 0; i < self->ends->len; i++)
    {
      gboolean asked = FALSE, right = TRUE;

      for (; question < g_array_index (self->ends, int, i); question++)
        if (kind == NULL || strcmp (pmod_eval_get_question (self, question)->kind, kind) == 0)
          {
            asked = TRUE;
            right &= score_of (subject, question) == 1;
          }
      n += asked;
      n_right += asked && right;
    }
  return share (n_right, n);
}

static PmodEvalGroup
make_group (const PmodEval *self, const PmodEvalSubject *subject, const char *kind)
{
  PmodEvalGroup group = { .name = kind, .prior_answer = find_most_frequent (self, kind) };
  double total = 0, guessed = 0;

  for (int i = 0; i < pmod_eval_get_n_questions (self); i++)
    {
      const PmodEvalQuestion *question = pmod_eval_get_question (self, i);

      if (strcmp (question->kind, kind) != 0)
        continue;
      group.n++;
      total += score_of (subject, i);
      guessed += pmod_eval_score (self->task->metric, group.prior_answer, question->expected,
                                  question->choices);
    }
  group.accuracy.value = total / group.n;
  group.prior = guessed / group.n;
  group.picture_accuracy = measure_pictures (self, subject, kind);
  pmod_eval_wilson (total, group.n, &group.accuracy.low, &group.accuracy.high);
  return group;
}

/* --- Kinds ------------------------------------------------------------------------------------ */

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static void
add_kinds (const PmodEval *self, const PmodEvalSubject *subject, PmodEvalReport *report)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  double total = 0, guessed = 0, mean = 0, mean_prior = 0;

  for (int i = 0; i < pmod_eval_get_n_questions (self); i++)
    {
      char *kind = pmod_eval_get_question (self, i)->kind;

      if (!g_ptr_array_find_with_equal_func (names, kind, g_str_equal, NULL))
        g_ptr_array_add (names, kind);
    }
  g_ptr_array_sort (names, compare_names);
  report->n_kinds = (int)names->len;
  report->kinds = g_new (PmodEvalGroup, names->len);
  for (guint i = 0; i < names->len; i++)
    {
      PmodEvalGroup group = make_group (self, subject, g_ptr_array_index (names, i));

      report->kinds[i] = group;
      report->all.n += group.n;
      total += group.n * group.accuracy.value;
      guessed += group.n * group.prior;
      mean += group.accuracy.value;
      mean_prior += group.prior;
    }
  report->all.accuracy.value = share (total, report->all.n);
  report->all.prior = share (guessed, report->all.n);
  report->all.picture_accuracy = measure_pictures (self, subject, NULL);
  pmod_eval_wilson (total, report->all.n, &report->all.accuracy.low, &report->all.accuracy.high);
  report->mean_of_kinds = share (mean, report->n_kinds);
  report->mean_prior = share (mean_prior, report->n_kinds);
}

/* --- Yes and no ------------------------------------------------------------------------------- */

static PmodEvalYesNo
make_yes_no (const PmodEval *self, const PmodEvalSubject *subject)
{
  int n = pmod_eval_get_n_questions (self);
  int n_both = 0, n_said = 0, n_true = 0, n_evasive = 0;
  double precision, recall;

  for (int i = 0; i < n; i++)
    {
      const char *answer = g_array_index (subject->answers, PmodEvalAnswer, i).text;
      gboolean is_true = !pmod_eval_says_no (pmod_eval_get_question (self, i)->expected[0]);
      gboolean said = !pmod_eval_says_no (answer);

      n_both += is_true && said;
      n_said += said;
      n_true += is_true;
      n_evasive += pmod_eval_is_evasive (answer);
    }
  precision = share (n_both, n_said);
  recall = share (n_both, n_true);
  return (PmodEvalYesNo){
    .precision = precision,
    .recall = recall,
    .f1 = share (2 * n_both, n_said + n_true),
    .yes_share = share (n_said, n),
    .yes_share_truth = share (n_true, n),
    .n_evasive = n_evasive,
  };
}

/* --- Public ----------------------------------------------------------------------------------- */

PmodEvalReport *
pmod_eval_report_new (const PmodEval *self, int subject)
{
  const PmodEvalSubject *who = g_ptr_array_index (self->subjects, (guint)subject);
  PmodEvalReport *report = g_new0 (PmodEvalReport, 1);

  add_kinds (self, who, report);
  if (self->task->metric == PMOD_EVAL_METRIC_YES_NO)
    report->yes_no = make_yes_no (self, who);
  report->layers = pmod_eval_routes_report (who->routes, &report->n_layers);
  return report;
}

void
pmod_eval_report_free (PmodEvalReport *self)
{
  g_free (self->kinds);
  g_free (self->layers);
  g_free (self);
}

PmodEvalComparison
pmod_eval_compare (const PmodEval *self, int base, int subject)
{
  const PmodEvalSubject *a = g_ptr_array_index (self->subjects, (guint)base);
  const PmodEvalSubject *b = g_ptr_array_index (self->subjects, (guint)subject);
  guint n = self->ends->len;
  g_autofree double *differences = g_new0 (double, n), *counts = g_new0 (double, n);
  PmodEvalComparison result = { .n_better = 0 };
  int question = 0;

  for (guint i = 0; i < n; i++)
    for (; question < g_array_index (self->ends, int, i); question++)
      {
        double difference = score_of (b, question) - score_of (a, question);

        differences[i] += difference;
        counts[i]++;
        result.n_better += difference > 0;
        result.n_worse += difference < 0;
        result.n_same_words +=
            strcmp (g_array_index (a->answers, PmodEvalAnswer, question).text,
                    g_array_index (b->answers, PmodEvalAnswer, question).text) == 0;
      }
  result.difference = pmod_eval_ratio (differences, counts, n);
  return result;
}
