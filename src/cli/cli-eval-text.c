/* An evaluation as tables for people. */
#include "cli-eval-view.h"
#include "cli-shape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 16

char *
cli_eval_describe_routed (const CliEvalSubject *self)
{
  const PmodConfig *config = pmod_model_get_config (self->model);
  double ratios[PMOD_MAX_LAYERS];

  if (!pmod_routing_ratios (&self->params.routing, config, ratios, NULL))
    return g_strdup ("none");
  return cli_describe_routed (ratios, config->n_layers);
}

static void
print_share (double value)
{
  if (isnan (value))
    printf (" %7s", "-");
  else
    printf (" %6.1f%%", 100 * value);
}

static void
print_group (const char *name, const PmodEvalGroup *group)
{
  printf ("  %-*s %6d", NAME_WIDTH, name, group->n);
  print_share (group->accuracy.value);
  printf ("  %5.1f .. %5.1f", 100 * group->accuracy.low, 100 * group->accuracy.high);
  print_share (group->prior);
  if (group->prior_answer != NULL)
    printf ("  %.40s", group->prior_answer);
  printf ("\n");
}

static void
print_groups (const PmodEvalReport *report)
{
  printf ("\n  %-*s %6s %7s  %14s %7s\n", NAME_WIDTH, "questions", "n", "right", "95 % interval",
          "prior");
  for (int i = 0; i < report->n_kinds; i++)
    print_group (report->kinds[i].name, &report->kinds[i]);
  print_group ("all", &report->all);
  printf ("  %-*s %6d", NAME_WIDTH, "mean of kinds", report->n_kinds);
  print_share (report->mean_of_kinds);
  printf ("  %14s", "");
  print_share (report->mean_prior);
  printf ("\n  every question of a picture right: %.1f%%\n", 100 * report->all.picture_accuracy);
}

static void
print_yes_no (const PmodEvalYesNo *yes_no)
{
  printf ("\n  yes:");
  printf (" precision %.1f%%, recall %.1f%%, F1 %.1f%%; said %.1f%% of the time, right %.1f%%\n",
          100 * yes_no->precision, 100 * yes_no->recall, 100 * yes_no->f1, 100 * yes_no->yes_share,
          100 * yes_no->yes_share_truth);
  printf ("  answers that begin with neither yes nor no: %d\n", yes_no->n_evasive);
}

static void
print_layers (const PmodEvalReport *report)
{
  if (report->n_layers == 0)
    return;
  printf ("\n  %5s %7s %7s %7s %6s  %12s %7s %7s %8s %6s %6s\n", "layer", "kept", "recall",
          "chance", "ratio", "interval", "precis.", "chance", "med. |z|", "satur.", "ties");
  for (int i = 0; i < report->n_layers; i++)
    {
      const PmodEvalLayer *layer = &report->layers[i];

      printf ("  %5d", layer->layer);
      print_share (layer->kept);
      print_share (layer->recall);
      print_share (layer->recall_chance);
      if (isnan (layer->lift.value))
        printf (" %6s  %12s", "-", "");
      else
        printf (" %6.3f  %4.2f .. %4.2f", layer->lift.value, layer->lift.low, layer->lift.high);
      print_share (layer->precision);
      print_share (layer->precision_chance);
      printf (" %8.2g %5.1f%% %5.1f%%%s\n", layer->median_logit, 100 * layer->saturated,
              100 * layer->tied_cuts, layer->never_read ? "  never read" : "");
    }
}

static void
print_subject (const CliEvalView *self, int index)
{
  const CliEvalSubject *subject = &self->subjects[index];
  g_autofree char *routed = cli_eval_describe_routed (subject);
  g_autofree char *schedule = pmod_schedule_to_string (&subject->params.routing.schedule);

  printf ("\n%s: %s, %s on %s; routed layers: %s; %s\n",
          pmod_eval_get_subject_name (self->eval, index), pmod_model_get_path (subject->model),
          pmod_model_get_precision_name (subject->model),
          pmod_model_get_device_name (subject->model), routed, schedule);
  if (index == 0)
    print_groups (subject->report);
  if (pmod_eval_task_get_metric (self->task) == PMOD_EVAL_METRIC_YES_NO)
    print_yes_no (&subject->report->yes_no);
  print_layers (subject->report);
}

/* --- Side by side ----------------------------------------------------------------------------- */

static void print_column (const char *format, ...) G_GNUC_PRINTF (1, 2);

static void
print_column (const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  printf (" %14s", text);
}

static void
print_differences (const CliEvalView *self)
{
  PmodEvalComparison comparisons[CLI_EVAL_MAX_SUBJECTS];
  int n = pmod_eval_get_n_questions (self->eval);

  for (int i = 1; i < self->n_subjects; i++)
    comparisons[i] = pmod_eval_compare (self->eval, 0, i);
  printf ("  %-*s %14s", NAME_WIDTH, "difference", "");
  for (int i = 1; i < self->n_subjects; i++)
    print_column ("%+.1f", 100 * comparisons[i].difference.value);
  printf ("\n  %-*s %14s", NAME_WIDTH, "95 % interval", "");
  for (int i = 1; i < self->n_subjects; i++)
    print_column ("%+.1f .. %+.1f", 100 * comparisons[i].difference.low,
                  100 * comparisons[i].difference.high);
  printf ("\n  %-*s %14s", NAME_WIDTH, "better, worse", "");
  for (int i = 1; i < self->n_subjects; i++)
    print_column ("%d, %d", comparisons[i].n_better, comparisons[i].n_worse);
  printf ("\n  %-*s %14s", NAME_WIDTH, "same words", "");
  for (int i = 1; i < self->n_subjects; i++)
    print_column ("%.1f%%", 100.0 * comparisons[i].n_same_words / n);
  printf ("\n");
}

static void
print_side_by_side (const CliEvalView *self)
{
  const PmodEvalReport *first = self->subjects[0].report;

  printf ("\n  %-*s", NAME_WIDTH, "right");
  for (int i = 0; i < self->n_subjects; i++)
    print_column ("%s", pmod_eval_get_subject_name (self->eval, i));
  for (int kind = 0; kind < first->n_kinds; kind++)
    {
      printf ("\n  %-*s", NAME_WIDTH, first->kinds[kind].name);
      for (int i = 0; i < self->n_subjects; i++)
        print_column ("%.1f%%", 100 * self->subjects[i].report->kinds[kind].accuracy.value);
    }
  printf ("\n  %-*s", NAME_WIDTH, "all");
  for (int i = 0; i < self->n_subjects; i++)
    print_column ("%.1f%%", 100 * self->subjects[i].report->all.accuracy.value);
  printf ("\n  %-*s", NAME_WIDTH, "mean of kinds");
  for (int i = 0; i < self->n_subjects; i++)
    print_column ("%.1f%%", 100 * self->subjects[i].report->mean_of_kinds);
  printf ("\n");
  print_differences (self);
}

void
cli_eval_print_text (const CliEvalView *self)
{
  printf ("%s: %s\n", pmod_eval_task_get_name (self->task), pmod_eval_task_get_title (self->task));
  printf ("%d pictures, %d questions, scored by %s%s; %.1f s\n",
          pmod_eval_get_n_pictures (self->eval), pmod_eval_get_n_questions (self->eval),
          pmod_eval_metric_name (pmod_eval_task_get_metric (self->task)),
          pmod_eval_is_complete (self->eval) ? "" : "; PARTIAL", self->seconds);
  for (int i = 0; i < self->n_subjects; i++)
    print_subject (self, i);
  if (self->n_subjects > 1)
    print_side_by_side (self);
}
