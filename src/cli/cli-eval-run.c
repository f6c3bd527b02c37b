/* Does what pmod eval was asked to: opens task and models, runs the evaluation, hands the result to
 * those who print it. */
#include "cli-eval.h"

#include "cli-eval-view.h"
#include "cli-shape.h"

#include <math.h>
#include <stdio.h>

typedef struct
{
  const CliEvalArguments *arguments;
  const CliOptions *options;
  CliProgress *progress;
  CliOutput *answers; /* nullable */
  PmodEvalTask *task;
  PmodModel *model;
  PmodModel *twin; /* nullable */
  PmodEval *eval;
  CliEvalView view;
} Run;

static void
run_clear (Run *self)
{
  for (int i = 0; i < self->view.n_subjects; i++)
    g_clear_pointer (&self->view.subjects[i].report, pmod_eval_report_free);
  g_clear_pointer (&self->eval, pmod_eval_free);
  g_clear_pointer (&self->twin, pmod_model_unref);
  g_clear_pointer (&self->model, pmod_model_unref);
  g_clear_pointer (&self->task, pmod_eval_task_free);
  g_clear_pointer (&self->answers, cli_output_free);
  g_clear_pointer (&self->progress, cli_progress_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static PmodModel *
open_model (Run *self, const char *name, GError **error)
{
  PmodModel *model;

  cli_progress_begin (self->progress);
  model = pmod_model_open (name, &self->options->model, cli_progress_func, self->progress, error);
  cli_progress_end (self->progress);
  return model;
}

static gboolean
add_subject (
    Run *self, const char *name, PmodModel *model, const PmodParams *params, GError **error)
{
  CliEvalSubject *subject = &self->view.subjects[self->view.n_subjects];

  g_assert (self->view.n_subjects < CLI_EVAL_MAX_SUBJECTS);
  if (pmod_eval_add_subject (self->eval, name, model, params, error) < 0)
    return FALSE;
  self->view.n_subjects++;
  subject->model = model;
  subject->params = *params;
  return TRUE;
}

/* The trained routing of its own; the rest as for the first subject. */
static gboolean
add_twin (Run *self, const PmodParams *first, GError **error)
{
  PmodParams params;

  pmod_params_init (&params, pmod_model_get_config (self->twin));
  params.sampling = first->sampling;
  return add_subject (self, "twin", self->twin, &params, error);
}

static gboolean
check_routed (const Run *self, const PmodParams *params, GError **error)
{
  const PmodConfig *config = pmod_model_get_config (self->model);
  double ratios[PMOD_MAX_LAYERS];

  if (!pmod_routing_ratios (&params->routing, config, ratios, error))
    return FALSE;
  for (int i = 0; i < config->n_layers; i++)
    if (ratios[i] != PMOD_RATIO_PLAIN)
      return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
               "--compare-policies: expected a layer that is routed, got none");
  return FALSE;
}

static gboolean
add_policies (Run *self, const PmodParams *first, GError **error)
{
  static const PmodPolicy others[] = { PMOD_POLICY_RANDOM, PMOD_POLICY_INVERSE, PMOD_POLICY_GRID };
  PmodParams params = *first;

  if (!check_routed (self, first, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      params.routing.policy = others[i];
      if (!add_subject (self, pmod_policy_name (others[i]), self->model, &params, error))
        return FALSE;
    }
  params.routing.policy = PMOD_POLICY_ROUTER;
  params.routing.schedule.kind = PMOD_SCHEDULE_DENSE;
  for (int i = 0; i < PMOD_MAX_LAYERS; i++)
    params.routing.ratio[i] = NAN;
  return add_subject (self, "dense", self->model, &params, error);
}

static gboolean
add_subjects (Run *self, GError **error)
{
  PmodParams params;

  if (!cli_options_get_params (self->options, pmod_model_get_config (self->model), &params, error))
    return FALSE;
  if (self->options->max_new_tokens == 0)
    params.sampling.max_new_tokens = pmod_eval_task_get_max_new_tokens (self->task);
  if (!add_subject (self, pmod_policy_name (params.routing.policy), self->model, &params, error) ||
      (self->arguments->compare_policies && !add_policies (self, &params, error)))
    return FALSE;
  return self->twin == NULL || add_twin (self, &params, error);
}

/* What fails fast goes first. */
static gboolean
open_all (Run *self, GError **error)
{
  const CliEvalArguments *arguments = self->arguments;
  const PmodEvalOptions options = { arguments->art, (int)arguments->limit };

  self->task = pmod_eval_task_open (arguments->task, error);
  if (self->task == NULL)
    return FALSE;
  if (arguments->answers != NULL)
    {
      self->answers = cli_output_new (arguments->answers, error);
      if (self->answers == NULL)
        return FALSE;
    }
  self->eval = pmod_eval_new (self->task, &options, error);
  if (self->eval == NULL)
    return FALSE;
  self->model = open_model (self, arguments->model, error);
  if (self->model != NULL && arguments->twin != NULL)
    self->twin = open_model (self, arguments->twin, error);
  return self->model != NULL && (arguments->twin == NULL || self->twin != NULL) &&
         add_subjects (self, error);
}

static gboolean
on_progress (const char *what, guint64 done, guint64 total, gpointer user_data)
{
  cli_progress_update (user_data, what, done, total, FALSE);
  return !cli_interrupt_pending ();
}

static gboolean
write_results (Run *self, GError **error)
{
  CliEvalView *view = &self->view;
  g_autofree char *answers = NULL;

  view->task = self->task;
  view->eval = self->eval;
  for (int i = 0; i < view->n_subjects; i++)
    view->subjects[i].report = pmod_eval_report_new (self->eval, i);
  if (self->answers != NULL)
    {
      answers = cli_eval_answers_text (view);
      if (!cli_output_write (self->answers, answers, error))
        return FALSE;
    }
  if (self->arguments->json)
    return cli_eval_print_json (view, error);
  cli_eval_print_text (view);
  return TRUE;
}

gboolean
cli_eval_run (const CliEvalArguments *arguments, const CliOptions *options, GError **error)
{
  g_auto (Run) self = { .arguments = arguments, .options = options };
  g_autoptr (GError) why = NULL;
  gint64 start_us;

  self.progress = cli_progress_new (arguments->progress);
  if (!open_all (&self, error))
    return FALSE;
  cli_progress_begin (self.progress);
  start_us = g_get_monotonic_time ();
  pmod_eval_run (self.eval, on_progress, self.progress, &why);
  self.view.seconds = (double)(g_get_monotonic_time () - start_us) / G_USEC_PER_SEC;
  cli_progress_end (self.progress);
  /* What was scored before an error or Ctrl-C is told, and then that it is not all. */
  if (pmod_eval_get_n_questions (self.eval) > 0 && !write_results (&self, error))
    return FALSE;
  if (why != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  if (pmod_eval_is_complete (self.eval))
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "stopped after %d of %d pictures",
               pmod_eval_get_n_seen (self.eval), pmod_eval_get_n_wanted (self.eval));
  return FALSE;
}

/* --- Installed tasks -------------------------------------------------------------------------- */

static void
add_task (JsonBuilder *builder, const char *name, const PmodEvalTask *task)
{
  json_builder_begin_object (builder);
  cli_json_string (builder, "name", name);
  cli_json_string (builder, "path", pmod_eval_task_get_path (task));
  cli_json_string (builder, "title", pmod_eval_task_get_title (task));
  cli_json_string (builder, "metric", pmod_eval_metric_name (pmod_eval_task_get_metric (task)));
  json_builder_end_object (builder);
}

gboolean
cli_eval_list_tasks (gboolean json, GError **error)
{
  g_auto (GStrv) names = pmod_eval_task_list_installed ();
  g_autoptr (JsonBuilder) builder = cli_json_begin ();

  json_builder_set_member_name (builder, "tasks");
  json_builder_begin_array (builder);
  for (char **name = names; *name != NULL; name++)
    {
      g_autoptr (PmodEvalTask) task = pmod_eval_task_open (*name, error);

      if (task == NULL)
        return FALSE;
      if (!json)
        printf ("%-18s %s\n", *name, pmod_eval_task_get_title (task));
      add_task (builder, *name, task);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return !json || cli_json_print (builder, error);
}
