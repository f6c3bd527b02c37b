/* What a receipt says. See pmod-receipt-lines.h. */
#include "config.h"

#include "pmod-receipt-lines.h"

#include <glib/gi18n.h>

#include "pmod-format.h"
#include "pmod-run-origin.h"
#include "pmod-run-tokens.h"

static void
line_free (gpointer data)
{
  PmodReceiptLine *line = data;

  g_free (line->name);
  g_free (line->value);
  g_free (line->dense);
  g_free (line);
}

/* The next line begins one. */
static void
begin_group (GPtrArray *lines)
{
  if (lines->len > 0)
    ((PmodReceiptLine *)g_ptr_array_index (lines, lines->len - 1))->ends_group = TRUE;
}

/* Takes value and dense. */
static void
add (GPtrArray *lines, const char *name, char *value, char *dense)
{
  PmodReceiptLine *line = g_new0 (PmodReceiptLine, 1);

  line->name = g_strdup (name);
  line->value = value;
  line->dense = dense;
  g_ptr_array_add (lines, line);
}

/* --- Stages ---------------------------------------------------------------------------------- */

/* Whether a part of a stage, or all of it, was known. */
static gboolean
has_reused (PmodRun *run, PmodRunSpanKind kind)
{
  int n_spans;
  const PmodRunSpan *spans = pmod_run_get_spans (run, &n_spans);

  for (int i = 0; i < n_spans; i++)
    if (spans[i].kind == kind && spans[i].reused)
      return TRUE;
  return FALSE;
}

/* NULL where the run has no such stage at all. */
static char *
describe_stage (PmodRun *run, PmodRunSpanKind kind)
{
  int n_ran;
  guint64 ns = pmod_run_get_span_ns (run, kind, &n_ran);
  g_autofree char *time = pmod_format_time (ns);

  if (n_ran == 0)
    return has_reused (run, kind) ? g_strdup (_ ("reused")) : NULL;
  /* Of several pictures those that came before. */
  if (kind == PMOD_SPAN_VISION && has_reused (run, kind))
    return g_strdup_printf (_ ("%s, others reused"), time);
  return g_steal_pointer (&time);
}

static void
add_stage (GPtrArray *lines, PmodRun *run, PmodRun *dense, PmodRunSpanKind kind, const char *name)
{
  char *value = describe_stage (run, kind);

  if (value)
    add (lines, name, value, dense ? describe_stage (dense, kind) : NULL);
}

static void
add_stages (GPtrArray *lines, PmodRun *run, PmodRun *dense)
{
  int n_tokens;
  g_autofree char *answer = NULL;

  pmod_run_get_span_ns (run, PMOD_SPAN_TOKEN, &n_tokens);
  answer = g_strdup_printf (
      g_dngettext (GETTEXT_PACKAGE, "Answer, %d step", "Answer, %d steps", (gulong)n_tokens),
      n_tokens);
  add_stage (lines, run, dense, PMOD_SPAN_PREPROCESS, _ ("Preparing the picture"));
  add_stage (lines, run, dense, PMOD_SPAN_VISION, _ ("Vision tower"));
  add_stage (lines, run, dense, PMOD_SPAN_PROJECTOR, _ ("Projector"));
  add_stage (lines, run, dense, PMOD_SPAN_LAYER, _ ("Layers"));
  add_stage (lines, run, dense, PMOD_SPAN_HEAD, _ ("Head"));
  add_stage (lines, run, dense, PMOD_SPAN_TOKEN, answer);
}

/* --- Figures --------------------------------------------------------------------------------- */

static void
add_times (GPtrArray *lines, PmodRun *run, PmodRun *dense)
{
  begin_group (lines);
  add (lines, _ ("First word"), pmod_format_time_or_none (pmod_run_get_first_token_ns (run)),
       dense ? pmod_format_time_or_none (pmod_run_get_first_token_ns (dense)) : NULL);
  add (lines, _ ("Speed"), pmod_format_speed (pmod_run_get_tokens_per_second (run)),
       dense ? pmod_format_speed (pmod_run_get_tokens_per_second (dense)) : NULL);
}

static void
add_cost (GPtrArray *lines,
          const char *name,
          const PmodRunCost *cost,
          char *(*format) (double, double))
{
  g_autofree char *share = pmod_format_share (cost->used, cost->dense);
  g_autofree char *value = format (cost->used, cost->dense);

  add (lines, name, g_strdup_printf (_ ("%s, %s"), value, share),
       format (cost->dense, cost->dense));
}

static void
add_costs (GPtrArray *lines, PmodRun *run)
{
  PmodRunCost paper = pmod_run_get_flops (run, PMOD_FLOPS_PAPER);
  PmodRunCost all = pmod_run_get_flops (run, PMOD_FLOPS_ALL);
  PmodRunCost kv = pmod_run_get_kv (run);

  begin_group (lines);
  add_cost (lines, _ ("Compute, paper rule"), &paper, pmod_format_flops);
  add_cost (lines, _ ("Compute, all work"), &all, pmod_format_flops);
  if (pmod_run_get_n_reused (run) > 0)
    add (lines, _ ("\342\200\203of it done now"),
         pmod_format_flops (pmod_run_get_done_flops (run), all.dense), NULL);
  add_cost (lines, _ ("KV cache"), &kv, pmod_format_bytes);
}

static char *
describe_reuse (PmodRun *run)
{
  int n_reused = pmod_run_get_n_reused (run);

  if (n_reused == 0)
    return NULL;
  return g_strdup_printf (_ ("%d of %d tokens"), n_reused, pmod_run_get_n_prompt_tokens (run));
}

/* What is not as the model was trained, as far as the run tells; nothing else needs a line. */
static void
add_settings (GPtrArray *lines, PmodRun *run)
{
  const char *policy = pmod_run_get_policy_name (run);

  if (pmod_run_is_dense (run))
    add (lines, _ ("Routing"), g_strdup (_ ("none, dense")), NULL);
  else if (policy)
    add (lines, _ ("Kept by"), g_strdup (policy), NULL);
  else if (pmod_run_get_outside_training (run))
    add (lines, _ ("Routing"), g_strdup (_ ("not as trained")), NULL);
  if (pmod_run_get_question_first (run))
    add (lines, _ ("Order"), g_strdup (_ ("question first")), NULL);
}

/* What the answer was drawn with, so that it can be had again; and what it was begun with. */
static void
add_draws (GPtrArray *lines, PmodRun *run)
{
  int n_known, n_given = pmod_run_count_given_tokens (run, &n_known);
  PmodRunSampling sampling;

  if (n_given > 0)
    add (lines, _ ("Begun with"), g_strdup_printf (_ ("%d tokens, %d known"), n_given, n_known),
         NULL);
  if (!pmod_run_get_sampling (run, &sampling) || sampling.temperature <= 0)
    return;
  add (lines, _ ("Temperature"), g_strdup_printf ("%.2f", sampling.temperature), NULL);
  if (sampling.top_k > 0)
    add (lines, _ ("Of the likeliest (top-k)"), g_strdup_printf ("%d", sampling.top_k), NULL);
  if (sampling.top_p < 1)
    add (lines, _ ("Share (top-p)"), g_strdup_printf ("%.2f", sampling.top_p), NULL);
  add (lines, _ ("Seed"), g_strdup_printf ("%" G_GUINT64_FORMAT, sampling.seed), NULL);
}

GPtrArray *
pmod_receipt_lines_new (PmodRun *run)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func (line_free);
  PmodRun *dense = pmod_run_get_dense_run (run);
  char *reused = describe_reuse (run);

  add (lines, _ ("Prompt"), g_strdup_printf (_ ("%d tokens"), pmod_run_get_n_prompt_tokens (run)),
       NULL);
  if (reused)
    add (lines, _ ("Known from before"), reused, NULL);
  add (lines, _ ("Answer"), g_strdup_printf (_ ("%d tokens"), pmod_run_get_n_new_tokens (run)),
       dense ? g_strdup_printf (_ ("%d tokens"), pmod_run_get_n_new_tokens (dense)) : NULL);
  add_draws (lines, run);
  add_settings (lines, run);
  add_stages (lines, run, dense);
  add_times (lines, run, dense);
  add_costs (lines, run);
  return lines;
}

/* --- In words -------------------------------------------------------------------------------- */

char *
pmod_receipt_summary (PmodRun *run)
{
  int n_new = pmod_run_get_n_new_tokens (run);
  PmodRunCost flops = pmod_run_get_flops (run, PMOD_FLOPS_PAPER);
  g_autofree char *first = pmod_format_time_or_none (pmod_run_get_first_token_ns (run));
  g_autofree char *share = pmod_format_share (flops.used, flops.dense);
  const char *reused = pmod_run_get_n_reused (run) == 0    ? ""
                       : pmod_run_get_n_pictures (run) > 1 ? _ (" \302\267 pictures reused")
                                                           : _ (" \302\267 picture reused");
  g_autofree char *tokens = g_strdup_printf (
      g_dngettext (GETTEXT_PACKAGE, "%d token", "%d tokens", (gulong)n_new), n_new);

  return g_strdup_printf (_ ("%s \302\267 first word %s \302\267 %s of dense%s"), tokens, first,
                          share, reused);
}

char *
pmod_receipt_description (PmodRun *run)
{
  PmodRunCost flops = pmod_run_get_flops (run, PMOD_FLOPS_PAPER);
  PmodRunCost kv = pmod_run_get_kv (run);
  g_autofree char *summary = pmod_receipt_summary (run);
  g_autofree char *speed = pmod_format_speed (pmod_run_get_tokens_per_second (run));
  g_autofree char *work = pmod_format_flops (flops.used, flops.dense);
  g_autofree char *share = pmod_format_share (kv.used, kv.dense);

  return g_strdup_printf (_ ("%s \302\267 %s \302\267 %s \302\267 KV cache %s of dense"), summary,
                          speed, work, share);
}

char *
pmod_receipt_to_text (PmodRun *run)
{
  g_autoptr (GPtrArray) lines = pmod_receipt_lines_new (run);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < lines->len; i++)
    {
      const PmodReceiptLine *line = g_ptr_array_index (lines, i);

      g_string_append_printf (text, "%s: %s", line->name, line->value);
      if (line->dense)
        g_string_append_printf (text, _ (" (dense: %s)"), line->dense);
      g_string_append_c (text, '\n');
    }
  if (!pmod_run_get_dense_run (run))
    g_string_append (text, _ ("Dense times: not run\n"));
  return g_string_free (text, FALSE);
}
