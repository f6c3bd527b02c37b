/* An evaluation as JSON (schema 1, see data/doc/evaluation.md), and its answers as JSON lines. */
#include "cli-eval-view.h"

static void
add_estimate (JsonBuilder *builder, const PmodEvalEstimate *estimate, const char *name)
{
  cli_json_double (builder, name, estimate->value);
  cli_json_double (builder, "low", estimate->low);
  cli_json_double (builder, "high", estimate->high);
}

static void
add_group (JsonBuilder *builder, const PmodEvalGroup *group)
{
  json_builder_begin_object (builder);
  if (group->name != NULL)
    cli_json_string (builder, "kind", group->name);
  cli_json_int (builder, "n", group->n);
  add_estimate (builder, &group->accuracy, "accuracy");
  cli_json_double (builder, "prior", group->prior);
  cli_json_double (builder, "picture_accuracy", group->picture_accuracy);
  if (group->prior_answer != NULL)
    cli_json_string (builder, "prior_answer", group->prior_answer);
  json_builder_end_object (builder);
}

static void
add_groups (JsonBuilder *builder, const PmodEvalReport *report)
{
  json_builder_set_member_name (builder, "all");
  add_group (builder, &report->all);
  cli_json_double (builder, "mean_of_kinds", report->mean_of_kinds);
  cli_json_double (builder, "mean_prior", report->mean_prior);
  json_builder_set_member_name (builder, "kinds");
  json_builder_begin_array (builder);
  for (int i = 0; i < report->n_kinds; i++)
    add_group (builder, &report->kinds[i]);
  json_builder_end_array (builder);
}

static void
add_yes_no (JsonBuilder *builder, const PmodEvalYesNo *yes_no)
{
  json_builder_set_member_name (builder, "yes_no");
  json_builder_begin_object (builder);
  cli_json_double (builder, "precision", yes_no->precision);
  cli_json_double (builder, "recall", yes_no->recall);
  cli_json_double (builder, "f1", yes_no->f1);
  cli_json_double (builder, "yes_share", yes_no->yes_share);
  cli_json_double (builder, "yes_share_truth", yes_no->yes_share_truth);
  cli_json_int (builder, "evasive", yes_no->n_evasive);
  json_builder_end_object (builder);
}

static void
add_layer (JsonBuilder *builder, const PmodEvalLayer *layer)
{
  json_builder_begin_object (builder);
  cli_json_int (builder, "index", layer->layer);
  cli_json_bool (builder, "never_read", layer->never_read);
  cli_json_double (builder, "kept", layer->kept);
  cli_json_double (builder, "recall", layer->recall);
  cli_json_double (builder, "recall_chance", layer->recall_chance);
  cli_json_double (builder, "precision", layer->precision);
  cli_json_double (builder, "precision_chance", layer->precision_chance);
  add_estimate (builder, &layer->lift, "ratio_to_chance");
  cli_json_double (builder, "median_abs_logit", layer->median_logit);
  cli_json_double (builder, "saturated", layer->saturated);
  cli_json_double (builder, "tied_cuts", layer->tied_cuts);
  json_builder_end_object (builder);
}

static void
add_comparison (const CliEvalView *self, JsonBuilder *builder, int index)
{
  PmodEvalComparison comparison = pmod_eval_compare (self->eval, 0, index);

  json_builder_set_member_name (builder, "versus_first");
  json_builder_begin_object (builder);
  add_estimate (builder, &comparison.difference, "difference");
  cli_json_int (builder, "better", comparison.n_better);
  cli_json_int (builder, "worse", comparison.n_worse);
  cli_json_int (builder, "same_words", comparison.n_same_words);
  json_builder_end_object (builder);
}

static void
add_subject (const CliEvalView *self, JsonBuilder *builder, int index)
{
  const CliEvalSubject *subject = &self->subjects[index];
  const PmodEvalReport *report = subject->report;
  g_autofree char *schedule = pmod_schedule_to_string (&subject->params.routing.schedule);
  g_autofree char *routed = cli_eval_describe_routed (subject);

  json_builder_begin_object (builder);
  cli_json_string (builder, "name", pmod_eval_get_subject_name (self->eval, index));
  cli_json_string (builder, "model", pmod_model_get_path (subject->model));
  cli_json_string (builder, "dtype", pmod_model_get_precision_name (subject->model));
  cli_json_string (builder, "schedule", schedule);
  cli_json_string (builder, "policy", pmod_policy_name (subject->params.routing.policy));
  cli_json_string (builder, "routed_layers", routed);
  add_groups (builder, report);
  if (pmod_eval_task_get_metric (self->task) == PMOD_EVAL_METRIC_YES_NO)
    add_yes_no (builder, &report->yes_no);
  json_builder_set_member_name (builder, "layers");
  json_builder_begin_array (builder);
  for (int i = 0; i < report->n_layers; i++)
    add_layer (builder, &report->layers[i]);
  json_builder_end_array (builder);
  if (index > 0)
    add_comparison (self, builder, index);
  json_builder_end_object (builder);
}

gboolean
cli_eval_print_json (const CliEvalView *self, GError **error)
{
  g_autoptr (JsonBuilder) builder = cli_json_begin ();
  PmodEvalMetric metric = pmod_eval_task_get_metric (self->task);

  json_builder_set_member_name (builder, "task");
  json_builder_begin_object (builder);
  cli_json_string (builder, "name", pmod_eval_task_get_name (self->task));
  cli_json_string (builder, "path", pmod_eval_task_get_path (self->task));
  cli_json_string (builder, "title", pmod_eval_task_get_title (self->task));
  cli_json_string (builder, "metric", pmod_eval_metric_name (metric));
  json_builder_end_object (builder);
  cli_json_bool (builder, "partial", !pmod_eval_is_complete (self->eval));
  cli_json_int (builder, "pictures", pmod_eval_get_n_pictures (self->eval));
  cli_json_int (builder, "pictures_seen", pmod_eval_get_n_seen (self->eval));
  cli_json_int (builder, "pictures_wanted", pmod_eval_get_n_wanted (self->eval));
  cli_json_int (builder, "questions", pmod_eval_get_n_questions (self->eval));
  cli_json_double (builder, "seconds", self->seconds);
  json_builder_set_member_name (builder, "subjects");
  json_builder_begin_array (builder);
  for (int i = 0; i < self->n_subjects; i++)
    add_subject (self, builder, i);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return cli_json_print (builder, error);
}

/* --- Answers ---------------------------------------------------------------------------------- */

static char *
answer_line (const CliEvalView *self, int index)
{
  const PmodEvalQuestion *question = pmod_eval_get_question (self->eval, index);
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  cli_json_string (builder, "id", question->id);
  cli_json_string (builder, "kind", question->kind);
  cli_json_string (builder, "question", question->question);
  json_builder_set_member_name (builder, "expected");
  json_builder_begin_array (builder);
  for (char **expected = question->expected; *expected != NULL; expected++)
    cli_json_string (builder, NULL, *expected);
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "got");
  json_builder_begin_object (builder);
  for (int i = 0; i < self->n_subjects; i++)
    {
      double score;
      const char *text = pmod_eval_get_answer (self->eval, i, index, &score);

      json_builder_set_member_name (builder, pmod_eval_get_subject_name (self->eval, i));
      json_builder_begin_object (builder);
      cli_json_string (builder, "answer", text);
      cli_json_double (builder, "score", score);
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  return cli_json_text (builder, FALSE);
}

char *
cli_eval_answers_text (const CliEvalView *self)
{
  GString *text = g_string_new (NULL);

  for (int i = 0; i < pmod_eval_get_n_questions (self->eval); i++)
    {
      g_autofree char *line = answer_line (self, i);

      g_string_append (text, line);
    }
  return g_string_free (text, FALSE);
}
