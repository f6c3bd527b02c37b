/* Policies in runs: all at the same budget; what their masks depend on; that what was painted is
 * obeyed; and that what is used again under them is what a new context computes. */
#include "policy-run.h"

#include <string.h>

/* --- The budget ------------------------------------------------------------------------------- */

static void
check_budget (const char *name)
{
  g_autoptr (PmodContext) context = policy_open_context (name);
  g_autoptr (PmodImage) picture = policy_load_picture ("square.jpg");
  g_autoptr (PmodPrompt) prompt =
      policy_ask (context, "What is this?", picture, PMOD_PROMPT_DEFAULT);
  g_autoptr (PolicyRun) router = NULL;
  g_autoptr (PmodPaint) none = NULL, paint = NULL;
  g_autofree guint8 *states = NULL;

  for (int policy = 0; policy < PMOD_N_POLICIES; policy++)
    {
      PmodParams params = policy_params (context, (PmodPolicy)policy);
      g_autoptr (PolicyRun) run = NULL;

      params.routing.paint = paint;
      run = policy_prefill (context, prompt, &params);
      if (router == NULL)
        {
          router = g_steal_pointer (&run);
          states = g_new0 (guint8, router->n_vision);
          for (int i = 0; i < router->n_vision; i++)
            states[i] = (guint8)(i % 7 == 0 ? PMOD_PAINT_SKIP : i % 3 == 0 ? PMOD_PAINT_KEEP : 0);
          none = pmod_paint_new (router->n_vision);
          paint = pmod_paint_with (none, PMOD_PAINT_ALL_LAYERS, states);
          continue;
        }
      g_test_message ("%s, %s: %.0f FLOPs by the paper's rule, %.0f of all work, %" G_GUINT64_FORMAT
                      " bytes of keys and values",
                      name, pmod_policy_name ((PmodPolicy)policy), run->flops.paper, run->flops.all,
                      run->kv_bytes);
      for (int layer = 0; layer < run->n_layers; layer++)
        {
          int n_kept = 0;

          g_assert_cmpint (run->n_kept[layer], ==, router->n_kept[layer]);
          for (int i = 0; run->kept[layer] != NULL && i < run->n_vision; i++)
            n_kept += run->kept[layer][i];
          g_assert_cmpint (n_kept, ==, router->n_kept[layer]);
        }
      g_assert_cmpfloat (run->flops.paper, ==, router->flops.paper);
      g_assert_cmpfloat (run->flops.all, ==, router->flops.all);
      g_assert_cmpuint (run->kv_bytes, ==, router->kv_bytes);
    }
}

static void
test_budget (void)
{
  check_budget ("demo-v0");
  check_budget ("tiny-pmod-llava-next");
  check_budget ("tiny-pmod-12layer-interleave");
}

/* --- What masks depend on --------------------------------------------------------------------- */

static void
test_question (void)
{
  static const char *const questions[] = { "What is this?", "Where is the red star?" };
  g_autoptr (PmodContext) context = policy_open_context ("demo-v0");
  g_autoptr (PmodImage) picture = policy_load_picture ("square.jpg");

  for (int first = 0; first < 2; first++)
    for (int policy = 0; policy < PMOD_N_POLICIES; policy++)
      {
        PmodPromptFlags flags = first ? PMOD_PROMPT_QUESTION_FIRST : PMOD_PROMPT_DEFAULT;
        PmodParams params = policy_params (context, (PmodPolicy)policy);
        gboolean by_states = policy != PMOD_POLICY_GRID && policy != PMOD_POLICY_FIRST &&
                             policy != PMOD_POLICY_RANDOM;
        gboolean depends = policy == PMOD_POLICY_LAST || first;
        g_autoptr (PolicyRun) a = NULL, b = NULL;

        for (int i = 0; i < 2; i++)
          {
            g_autoptr (PmodPrompt) prompt = policy_ask (context, questions[i], picture, flags);
            g_autoptr (PolicyRun) run = policy_prefill (context, prompt, &params);

            g_assert_cmpint (run->question_first, ==, first);
            g_assert_cmpint (run->by_question, ==, depends);
            *(i == 0 ? &a : &b) = g_steal_pointer (&run);
          }
        g_test_message ("%s%s: %s", pmod_policy_name ((PmodPolicy)policy),
                        first ? ", question first" : "",
                        policy_same_choice (a, b) ? "the same masks" : "other masks");
        g_assert_cmpint (policy_same_choice (a, b), ==, !(depends && by_states));
      }
}

static void
test_random (void)
{
  g_autoptr (PmodContext) context = policy_open_context ("demo-v0");
  g_autoptr (PmodContext) other = policy_open_context ("demo-v0");
  g_autoptr (PmodImage) picture = policy_load_picture ("square.jpg");
  g_autoptr (PmodPrompt) prompt =
      policy_ask (context, "What is this?", picture, PMOD_PROMPT_DEFAULT);
  PmodParams params = policy_params (context, PMOD_POLICY_RANDOM);
  g_autoptr (PolicyRun) a = policy_prefill (context, prompt, &params);
  g_autoptr (PolicyRun) b = policy_prefill (other, prompt, &params);

  g_assert_cmpmem (a->bits->data, a->bits->len, b->bits->data, b->bits->len);
}

/* --- Painted ---------------------------------------------------------------------------------- */

/* Kept first, then what is not painted, then skipped; each by weight, which the run recorded. */
static void
assert_painted (const PolicyRun *run, const PmodPaint *paint)
{
  for (int layer = 0; layer < run->n_layers; layer++)
    for (int i = 0; run->kept[layer] != NULL && i < run->n_vision; i++)
      for (int j = 0; j < run->n_vision; j++)
        {
          static const int ranks[] = {
            [PMOD_PAINT_KEEP] = 2, [PMOD_PAINT_NONE] = 1, [PMOD_PAINT_SKIP] = 0
          };
          int a = ranks[pmod_paint_get (paint, layer, i)];
          int b = ranks[pmod_paint_get (paint, layer, j)];

          if (!run->kept[layer][i] || run->kept[layer][j])
            continue;
          g_assert_cmpint (a, >=, b);
          if (a == b)
            g_assert_cmpfloat (run->weight[layer][i], >=, run->weight[layer][j]);
        }
}

static PmodPaint *
paint_every (const PmodPaint *from, int layer, int keep_step, int skip_step)
{
  int n = pmod_paint_get_n_vision (from);
  g_autofree guint8 *states = g_new0 (guint8, n);

  for (int i = 0; i < n; i++)
    states[i] = (guint8)(i % keep_step == 1   ? PMOD_PAINT_KEEP
                         : i % skip_step == 0 ? PMOD_PAINT_SKIP
                                              : PMOD_PAINT_NONE);
  return pmod_paint_with (from, layer, states);
}

static void
test_painted (void)
{
  g_autoptr (PmodContext) context = policy_open_context ("demo-v0");
  g_autoptr (PmodImage) picture = policy_load_picture ("square.jpg");
  g_autoptr (PmodPrompt) prompt =
      policy_ask (context, "What is this?", picture, PMOD_PROMPT_DEFAULT);
  PmodParams params = policy_params (context, PMOD_POLICY_ROUTER);
  g_autoptr (PolicyRun) router = policy_prefill (context, prompt, &params), nothing = NULL,
                        empty = NULL, turned = NULL;
  g_autoptr (PmodPaint) none = pmod_paint_new (router->n_vision);
  g_autoptr (PmodPaint) few = paint_every (none, PMOD_PAINT_ALL_LAYERS, 13, 5);
  g_autoptr (PmodPaint) many = paint_every (few, PMOD_PAINT_ALL_LAYERS, 2, 3);
  g_autoptr (PmodPaint) one = paint_every (few, 3, 9, 2);
  PmodPaint *const paints[] = { few, many, one };

  params.routing.policy = PMOD_POLICY_PAINTED;
  nothing = policy_prefill (context, prompt, &params);
  g_assert_true (policy_same_choice (nothing, router));
  params.routing.paint = none;
  empty = policy_prefill (context, prompt, &params);
  g_assert_true (policy_same_choice (empty, router));
  for (guint i = 0; i < G_N_ELEMENTS (paints); i++)
    {
      g_autoptr (PolicyRun) run = NULL;

      params.routing.paint = paints[i];
      run = policy_prefill (context, prompt, &params);
      assert_painted (run, paints[i]);
      g_assert_false (policy_same_choice (run, router));
    }
  /* More is painted than is kept, and a negative scale turns the order of logits around: it is the
   * weights' that counts. */
  params.routing.paint = many;
  params.routing.norm.scale = -params.routing.norm.scale;
  turned = policy_prefill (context, prompt, &params);
  assert_painted (turned, many);
}

static void
test_paint_size (void)
{
  g_autoptr (PmodContext) context = policy_open_context ("demo-v0");
  g_autoptr (PmodImage) picture = policy_load_picture ("square.jpg");
  g_autoptr (PmodPrompt) prompt =
      policy_ask (context, "What is this?", picture, PMOD_PROMPT_DEFAULT);
  PmodParams params = policy_params (context, PMOD_POLICY_PAINTED);
  g_autoptr (PmodPaint) paint = pmod_paint_new (63);
  g_autoptr (GError) error = NULL;

  params.routing.paint = paint;
  g_assert_false (pmod_context_prefill (context, prompt, &params, NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT);
  g_assert_cmpstr (error->message, ==,
                   "paint: expected one for the 64 vision tokens of this prompt that may be "
                   "skipped, got one for 63");
  /* Another policy does not look at it. */
  params.routing.policy = PMOD_POLICY_GRID;
  g_clear_error (&error);
  g_assert_true (pmod_context_prefill (context, prompt, &params, NULL, &error));
}

/* --- Using states again ----------------------------------------------------------------------- */

typedef struct
{
  PmodPolicy policy;
  int question;
  double factor;
  int paint;     /* 0: none */
  int cancel_at; /* layer, or -1 */
  int low, high; /* whether layers 0 and 5 use something again: 0 no, 1 yes */
} Step;

static void
cancel (PmodContext *context, const PmodPrompt *prompt, const PmodParams *params, int layer)
{
  g_autoptr (PolicyRun) run = policy_run_new (context);
  g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, policy_on_record, run);
  g_autoptr (GError) error = NULL;

  run->cancel_at = layer;
  g_assert_false (pmod_context_prefill (context, prompt, params, trace, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
}

/* In one context, one after the other; each like in a new one, to the last bit. */
static void
test_reuse (gconstpointer name)
{
  static const Step steps[] = {
    { PMOD_POLICY_ROUTER, 0, 0.5, 0, -1, 0, 0 },
    { PMOD_POLICY_ATTENTION, 0, 0.5, 0, -1, 0, 0 }, /* what it needs of layer 1 was not kept */
    { PMOD_POLICY_ATTENTION, 1, 0.5, 0, -1, 1, 1 },
    { PMOD_POLICY_ATTENTION, 1, 0.6, 0, -1, 1, 0 },
    { PMOD_POLICY_NORM, 0, 0.5, 0, -1, 1, 0 },
    { PMOD_POLICY_ATTENTION, 0, 0.5, 0, -1, 1, 0 }, /* now it is there */
    { PMOD_POLICY_LAST, 0, 0.5, 0, -1, 1, 0 },
    { PMOD_POLICY_LAST, 0, 0.5, 0, -1, 1, 1 },
    { PMOD_POLICY_LAST, 1, 0.5, 0, -1, 1, 0 }, /* other masks: nothing routed is the same */
    { PMOD_POLICY_LAST, 1, 0.6, 0, -1, 1, 0 },
    { PMOD_POLICY_ROUTER, 1, 0.5, 0, -1, 1, 0 },
    { PMOD_POLICY_ROUTER, 0, 0.5, 0, -1, 1, 1 },
    { PMOD_POLICY_PAINTED, 0, 0.5, 1, -1, 1, 0 },
    { PMOD_POLICY_PAINTED, 1, 0.5, 2, -1, 1, 1 }, /* the same paint, made anew */
    { PMOD_POLICY_PAINTED, 1, 0.5, 3, -1, 1, 0 },
    { PMOD_POLICY_ATTENTION, 0, 0.5, 0, 3, 0, 0 },
    { PMOD_POLICY_ATTENTION, 1, 0.5, 0, -1, 1, 0 }, /* cancelled, but past layer 2 */
    { PMOD_POLICY_LAST, 2, 0.5, 0, 0, 0, 0 },
    { PMOD_POLICY_LAST, 2, 0.5, 0, -1, 0, 0 },
    { PMOD_POLICY_ATTENTION, 2, 0.5, 0, -1, 0, 0 },
  };
  static const char *const questions[] = { "What is this?", "Where is the red star?",
                                           "How many stars are there?" };
  g_autoptr (PmodContext) context = policy_open_context (name);
  g_autoptr (PmodImage) picture = policy_load_picture ("square.jpg");
  g_autoptr (PmodPaint) none = pmod_paint_new (64);
  g_autoptr (PmodPaint) a = paint_every (none, PMOD_PAINT_ALL_LAYERS, 13, 5);
  g_autoptr (PmodPaint) b = paint_every (none, PMOD_PAINT_ALL_LAYERS, 13, 5);
  g_autoptr (PmodPaint) c = paint_every (a, 4, 3, 2);
  PmodPaint *const paints[] = { NULL, a, b, c };

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      const Step *step = &steps[i];
      g_autoptr (PmodContext) fresh_context = policy_open_context (name);
      g_autoptr (PmodPrompt) prompt =
          policy_ask (context, questions[step->question], picture, PMOD_PROMPT_DEFAULT);
      PmodParams params = policy_params (context, step->policy);
      g_autoptr (PolicyRun) fresh = NULL, run = NULL;

      params.routing.schedule.factor = step->factor;
      params.routing.paint = paints[step->paint];
      g_test_message ("step %u: %s", i, pmod_policy_name (step->policy));
      if (step->cancel_at >= 0)
        {
          cancel (context, prompt, &params, step->cancel_at);
          continue;
        }
      fresh = policy_prefill (fresh_context, prompt, &params);
      run = policy_prefill (context, prompt, &params);
      g_assert_cmpint (run->n_reused[0] > 0, ==, step->low);
      g_assert_cmpint (run->n_reused[run->n_layers - 1] > 0, ==, step->high);
      g_assert_cmpmem (run->bits->data, run->bits->len, fresh->bits->data, fresh->bits->len);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy-runs/budget", test_budget);
  g_test_add_func ("/policy-runs/question", test_question);
  g_test_add_func ("/policy-runs/random", test_random);
  g_test_add_func ("/policy-runs/painted", test_painted);
  g_test_add_func ("/policy-runs/paint-size", test_paint_size);
  g_test_add_data_func ("/policy-runs/reuse", "demo-v0", test_reuse);
  return g_test_run ();
}
