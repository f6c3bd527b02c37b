/* Contexts: what is used again equals what is computed anew, to the last bit; stopping; limits. */
#include <string.h>

#include "pmod-engine.h"

/* What a run left, in the form in which two runs are compared. */
typedef struct
{
  GByteArray *states; /* logits and the KV cache after the prefill, layer by layer */
  GByteArray *routes; /* logits, weights and masks of the routed layers */
  int n_reused;
  int n_layers_reused; /* layers of which at least a part was used again */
  int n_layers_run;    /* layers that computed at least one token */
  int n_visions;       /* pictures that went through the tower */
  int cancel_at;       /* layer after which to cancel, -1 for never */
  PmodContext *context;
} Run;

static void
record_run (const PmodRecord *record, gpointer data)
{
  Run *run = data;

  if (record->type == PMOD_RECORD_RUN_BEGIN)
    run->n_reused = ((const PmodRecordRunBegin *)record)->n_reused;
  else if (record->type == PMOD_RECORD_STATE)
    {
      const PmodRecordState *state = (const PmodRecordState *)record;
      gsize n = sizeof (float);

      for (int i = 0; i < state->n_dims; i++)
        n *= (gsize)state->shape[i];
      if (state->kind == PMOD_STATE_LOGITS || state->kind == PMOD_STATE_KEYS ||
          state->kind == PMOD_STATE_VALUES)
        g_byte_array_append (run->states, (const guint8 *)state->data, (guint)n);
    }
  else if (record->type == PMOD_RECORD_ROUTE)
    g_byte_array_append (run->routes, ((const PmodRecordRoute *)record)->data,
                         (guint)(record->size - G_STRUCT_OFFSET (PmodRecordRoute, data)));
  else if (record->type == PMOD_RECORD_STAGE)
    {
      const PmodRecordStage *stage = (const PmodRecordStage *)record;
      gboolean reused = (record->flags & PMOD_RECORD_FLAG_REUSED) != 0;

      run->n_visions += stage->stage == PMOD_STAGE_VISION && !reused;
      if (stage->stage != PMOD_STAGE_LAYER)
        return;
      run->n_layers_reused += reused;
      run->n_layers_run += !reused && stage->n_tokens > 0;
      if (run->cancel_at == record->layer)
        pmod_context_cancel (run->context);
    }
}

static Run *
run_new (PmodContext *context)
{
  Run *run = g_new0 (Run, 1);

  run->states = g_byte_array_new ();
  run->routes = g_byte_array_new ();
  run->cancel_at = -1;
  run->context = context;
  return run;
}

static void
run_free (Run *run)
{
  g_byte_array_unref (run->states);
  g_byte_array_unref (run->routes);
  g_free (run);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Run, run_free)

static PmodModel *
open_fixture (const char *name, PmodPrecision precision)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", name, NULL);
  PmodModelOptions options = { .precision = precision };
  g_autoptr (GError) error = NULL;
  PmodModel *model = pmod_model_open (path, &options, NULL, NULL, &error);

  g_assert_no_error (error);
  return model;
}

static PmodContext *
new_context (PmodModel *model)
{
  g_autoptr (GError) error = NULL;
  PmodContext *context = pmod_context_new (model, &error);

  g_assert_no_error (error);
  return context;
}

static PmodImage *
load_picture (const char *name)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", "images", name, NULL);
  g_autoptr (GError) error = NULL;
  PmodImage *image = pmod_image_load (path, PMOD_IMAGE_DEFAULT, &error);

  g_assert_no_error (error);
  return image;
}

static PmodPrompt *
ask (PmodModel *model, const PmodTurn *turns, int n_turns, PmodImage *const *images, int n_images)
{
  g_autoptr (GError) error = NULL;
  PmodPrompt *prompt = pmod_prompt_new_chat (pmod_model_get_tokenizer (model),
                                             pmod_model_get_config (model)->conversation, turns,
                                             n_turns, images, n_images, &error);

  g_assert_no_error (error);
  return prompt;
}

static PmodPrompt *
question (PmodModel *model, const char *text, PmodImage *image)
{
  PmodTurn turn = { PMOD_ROLE_USER, text };

  return ask (model, &turn, 1, &image, image != NULL ? 1 : 0);
}

static PmodParams
trained (PmodModel *model, int max_new_tokens)
{
  PmodParams params;

  pmod_params_init (&params, pmod_model_get_config (model));
  params.sampling.max_new_tokens = max_new_tokens;
  return params;
}

static PmodAnswer *
answer (Run *run, const PmodPrompt *prompt, const PmodParams *params)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, record_run, run);
  PmodAnswer *result =
      pmod_context_answer (run->context, prompt, params, trace, NULL, NULL, &error);

  g_assert_no_error (error);
  return result;
}

static void
assert_same_bytes (const GByteArray *a, const GByteArray *b)
{
  g_assert_cmpuint (a->len, >, 0);
  g_assert_cmpmem (a->data, a->len, b->data, b->len);
}

/* Runs prompt in context, which has a past, and in a new one; asserts that nothing differs. */
static Run *
assert_like_new (PmodContext *context, const PmodPrompt *prompt, const PmodParams *params)
{
  g_autoptr (PmodContext) fresh_context = new_context (pmod_context_get_model (context));
  g_autoptr (Run) fresh = run_new (fresh_context);
  g_autoptr (Run) run = run_new (context);
  g_autoptr (PmodAnswer) expected = answer (fresh, prompt, params);
  g_autoptr (PmodAnswer) got = answer (run, prompt, params);

  g_assert_cmpint (fresh->n_reused, ==, 0);
  assert_same_bytes (run->states, fresh->states);
  g_assert_cmpmem (run->routes->data, run->routes->len, fresh->routes->data, fresh->routes->len);
  g_assert_cmpmem (got->ids->data, got->ids->len * sizeof (gint32), expected->ids->data,
                   expected->ids->len * sizeof (gint32));
  g_assert_cmpstr (got->text->str, ==, expected->text->str);
  return g_steal_pointer (&run);
}

/* --- Using states again --------------------------------------------------------------------- */

static void
test_second_question (gconstpointer precision)
{
  g_autoptr (PmodModel) model =
      open_fixture ("tiny-pmod-llava-v1.5", (PmodPrecision)GPOINTER_TO_INT (precision));
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodImage) picture = load_picture ("landscape.png");
  g_autoptr (PmodPrompt) first = question (model, "What is shown in this image?", picture);
  g_autoptr (PmodPrompt) second = question (model, "Which colours do you see?", picture);
  g_autoptr (Run) before = run_new (context);
  g_autoptr (Run) run = NULL;
  PmodParams params = trained (model, 8);

  pmod_answer_free (answer (before, first, &params));
  run = assert_like_new (context, second, &params);
  /* 54 tokens of the system prompt and "USER:", 576 of the picture. */
  g_assert_cmpint (run->n_reused, ==, 54 + 576);
  g_assert_cmpint (run->n_visions, ==, 0);
  g_assert_cmpint (run->n_layers_reused, ==, 32);
}

static void
test_routing_change (void)
{
  g_autoptr (PmodModel) model = open_fixture ("tiny-pmod-llava-v1.5", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodImage) picture = load_picture ("portrait.png");
  g_autoptr (PmodPrompt) prompt = question (model, "What is this?", picture);
  g_autoptr (Run) before = run_new (context);
  PmodParams params = trained (model, 4);

  pmod_answer_free (answer (before, prompt, &params));
  for (int i = 0; i < 3; i++)
    {
      g_autoptr (Run) run = NULL;

      params.routing.schedule.factor = 0.45 - 0.02 * i;
      params.routing.schedule.upper = 0.7;
      if (i == 2)
        params.routing.norm.scale = 0.1;
      run = assert_like_new (context, prompt, &params);
      g_assert_cmpint (run->n_reused, ==, 0);
      g_assert_cmpint (run->n_visions, ==, 0);
      g_assert_cmpint (run->n_layers_reused, ==, 8);
      g_assert_cmpint (run->n_layers_run, ==, 24);
    }
}

static void
test_conversation (void)
{
  g_autoptr (PmodModel) model = open_fixture ("tiny-pmod-llava-next", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodImage) picture = load_picture ("landscape.png");
  const PmodTurn turns[] = {
    { PMOD_ROLE_USER, "What is shown in this image? Describe everything that you can see in it." },
    { PMOD_ROLE_ASSISTANT,
      "A long answer about the picture, long enough that it fills more than one block of text: "
      "trees, houses, a road, a river, mountains, a bridge, two people, a dog and a cat." },
    { PMOD_ROLE_USER, "And what is behind the house?" },
    { PMOD_ROLE_ASSISTANT, "A garden." },
    { PMOD_ROLE_USER, "Thank you." },
  };
  PmodParams params = trained (model, 4);

  for (int n = 1; n <= 5; n += 2)
    {
      g_autoptr (PmodPrompt) prompt = ask (model, turns, n, &picture, 1);
      g_autoptr (Run) run = assert_like_new (context, prompt, &params);

      if (n == 1)
        g_assert_cmpint (run->n_reused, ==, 0);
      else
        g_assert_cmpint (run->n_reused, >=, 54 + 1560);
      /* By the third question a block of text after the picture is whole and known. */
      if (n == 5)
        g_assert_cmpint (run->n_reused, >, 54 + 1560);
    }
}

static void
test_other_picture (void)
{
  g_autoptr (PmodModel) model = open_fixture ("tiny-pmod-12layer-interleave", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodImage) a = load_picture ("landscape.png");
  g_autoptr (PmodImage) b = load_picture ("portrait.png");
  PmodImage *both[] = { a, b };
  PmodTurn turn = { PMOD_ROLE_USER, "Compare." };
  g_autoptr (PmodPrompt) of_a = question (model, "What is this?", a);
  g_autoptr (PmodPrompt) of_b = question (model, "What is this?", b);
  g_autoptr (PmodPrompt) of_both = ask (model, &turn, 1, both, 2);
  g_autoptr (PmodPrompt) of_none = question (model, "What is this?", NULL);
  const PmodPrompt *order[] = { of_a, of_b, of_both, of_none, of_a };
  PmodParams params = trained (model, 3);

  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    run_free (assert_like_new (context, order[i], &params));
}

/* What is kept of a picture depends on all that share its prompt: with a later one nothing of the
 * layers is the same any more, but its features are; behind both, the next question finds all. */
static void
test_later_picture (void)
{
  g_autoptr (PmodModel) model = open_fixture ("tiny-pmod-12layer", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodImage) a = load_picture ("landscape.png");
  g_autoptr (PmodImage) b = load_picture ("portrait.png");
  PmodImage *both[] = { a, b };
  const PmodTurn turns[] = {
    { PMOD_ROLE_USER, "<image>\nWhat is this?" }, { PMOD_ROLE_ASSISTANT, "A house." },
    { PMOD_ROLE_USER, "<image>\nAnd this?" },     { PMOD_ROLE_ASSISTANT, "A face." },
    { PMOD_ROLE_USER, "Which is larger?" },
  };
  g_autoptr (PmodPrompt) of_a = ask (model, turns, 1, both, 1);
  g_autoptr (PmodPrompt) of_both = ask (model, turns, 3, both, 2);
  g_autoptr (PmodPrompt) after_both = ask (model, turns, 5, both, 2);
  const struct
  {
    const PmodPrompt *prompt;
    int n_visions;
    gboolean reuses;
  } steps[] = { { of_a, 1, FALSE }, { of_both, 1, FALSE }, { after_both, 0, TRUE },
                { of_a, 0, FALSE }, { of_both, 0, FALSE }, { of_both, 0, TRUE } };
  PmodParams params = trained (model, 3);

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_autoptr (Run) run = assert_like_new (context, steps[i].prompt, &params);

      g_assert_cmpint (run->n_visions, ==, steps[i].n_visions);
      if (steps[i].reuses)
        g_assert_cmpint (run->n_reused, >, 2 * 576);
      else
        g_assert_cmpint (run->n_reused, ==, 0);
    }
}

/* Asks about n pictures of one colour, from the first on or back to it. Returns how many were
 * encoded. */
static int
ask_about (PmodContext *context, int first, int n, gboolean upwards)
{
  g_autoptr (PmodPrompt) prompt = NULL;
  g_autoptr (Run) run = NULL;
  PmodTurn turn = { PMOD_ROLE_USER, "What is this?" };
  PmodImage *pictures[16];
  PmodParams params = trained (pmod_context_get_model (context), 2);

  for (int i = 0; i < n; i++)
    {
      guint8 pixel[3] = { (guint8)(upwards ? first + i : first + n - 1 - i), 128, 99 };

      pictures[i] = pmod_image_new (1, 1, 3, pixel);
    }
  prompt = ask (pmod_context_get_model (context), &turn, 1, pictures, n);
  run = assert_like_new (context, prompt, &params);
  for (int i = 0; i < n; i++)
    pmod_image_unref (pictures[i]);
  return run->n_visions;
}

/* The features of a whole prompt's pictures are kept, in whatever order they come; what comes next
 * takes the place of those that were asked for longest ago. Of 576 tokens each it is three. */
static void
test_many_pictures (void)
{
  g_autoptr (PmodModel) model = open_fixture ("demo-v0", PMOD_PRECISION_AUTO);
  g_autoptr (PmodModel) large = open_fixture ("tiny-pmod-12layer", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodContext) of_large = new_context (large);

  g_assert_cmpint (ask_about (context, 0, 14, TRUE), ==, 14);
  g_assert_cmpint (ask_about (context, 0, 14, FALSE), ==, 0);
  g_assert_cmpint (ask_about (context, 100, 3, TRUE), ==, 3);
  g_assert_cmpint (ask_about (context, 13, 1, TRUE), ==, 1);
  g_assert_cmpint (ask_about (context, 0, 1, TRUE), ==, 0);
  for (int i = 0; i < 7; i++)
    g_assert_cmpint (ask_about (of_large, i < 4 ? i : i - 3, 1, TRUE), ==, i < 4);
  g_assert_cmpint (ask_about (of_large, 0, 1, TRUE), ==, 1);
}

/* Two threads in each of many runs: whatever one writes where the other reads shows sometimes. */
static void
test_repeatable (gconstpointer precision)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "tiny-pmod-llava-v1.5", NULL);
  PmodModelOptions options = {
    .precision = (PmodPrecision)GPOINTER_TO_INT (precision),
    .n_threads = 2,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModel) model = pmod_model_open (path, &options, NULL, NULL, &error);
  g_autoptr (PmodContext) context = NULL;
  g_autoptr (PmodImage) picture = load_picture ("square.jpg");
  g_autoptr (PmodPrompt) prompt = NULL;
  PmodParams params;

  g_assert_no_error (error);
  context = new_context (model);
  prompt = question (model, "What is this?", picture);
  params = trained (model, 4);
  for (int i = 0; i < 8; i++)
    {
      pmod_context_clear (context);
      run_free (assert_like_new (context, prompt, &params));
    }
}

/* --- Stopping ------------------------------------------------------------------------------- */

static void
test_cancel (void)
{
  g_autoptr (PmodModel) model = open_fixture ("tiny-pmod-llava-v1.5", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodImage) picture = load_picture ("landscape.png");
  g_autoptr (PmodPrompt) prompt = question (model, "What is this?", picture);
  PmodParams params = trained (model, 4);
  const int layers[] = { 0, 7, 8, 20, 31 };

  for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
    {
      g_autoptr (Run) run = run_new (context);
      g_autoptr (PmodAnswer) stopped = NULL;

      params.routing.schedule.lower = 0.15 + 0.05 * i;
      run->cancel_at = layers[i];
      stopped = answer (run, prompt, &params);
      g_assert_cmpint (stopped->finish, ==, PMOD_FINISH_CANCELLED);
      if (layers[i] < 31)
        g_assert_cmpint (run->n_layers_run + run->n_layers_reused, <=, 32 + 8);
      /* Layers after the one that was asked to be the last have not run. */
      g_assert_cmpuint (stopped->ids->len, <=, 1);
      run_free (assert_like_new (context, prompt, &params));
    }
}

typedef struct
{
  int n;
  int stop_after;
} Counter;

static gboolean
count_pieces (const char *text, gpointer data)
{
  Counter *counter = data;

  g_assert_true (g_utf8_validate (text, -1, NULL));
  return ++counter->n < counter->stop_after;
}

static void
test_stop (void)
{
  g_autoptr (PmodModel) model = open_fixture ("tiny-pmod-12layer", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodPrompt) prompt = question (model, "Tell me a story.", NULL);
  g_autoptr (PmodAnswer) stopped = NULL;
  g_autoptr (GError) error = NULL;
  Counter counter = { .stop_after = 3 };
  PmodParams params = trained (model, 50);

  stopped = pmod_context_answer (context, prompt, &params, NULL, count_pieces, &counter, &error);
  g_assert_no_error (error);
  g_assert_cmpint (stopped->finish, ==, PMOD_FINISH_STOP);
  g_assert_cmpuint (stopped->ids->len, ==, 3);
}

/* A prefill that failed leaves nothing behind that could pass for its result, or for that of the
 * run before it. */
static void
assert_empty (PmodContext *context)
{
  g_assert_null (pmod_context_get_logits (context));
  g_assert_cmpint (pmod_context_get_n_tokens (context), ==, 0);
  g_assert_cmpuint (pmod_context_get_kv_bytes (context), ==, 0);
  for (int i = 0; i < pmod_model_get_config (pmod_context_get_model (context))->n_layers; i++)
    g_assert_cmpint (pmod_context_get_kv_length (context, i), ==, 0);
}

static void
test_empty_after_failure (void)
{
  g_autoptr (PmodModel) model = open_fixture ("tiny-pmod-llava-v1.5", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodImage) picture = load_picture ("landscape.png");
  g_autoptr (PmodPrompt) prompt = question (model, "What is this?", picture);
  g_autofree char *long_text = g_strnfill (16 * 2048, 'x');
  g_autoptr (PmodPrompt) too_long = question (model, long_text, picture);
  g_autoptr (Run) run = run_new (context);
  g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, record_run, run);
  PmodParams params = trained (model, 2);
  const int layers[] = { 3, 20 };

  for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
    {
      g_autoptr (GError) error = NULL;

      run_free (assert_like_new (context, prompt, &params));
      params.routing.schedule.lower += 0.05;
      run->cancel_at = layers[i];
      g_assert_false (pmod_context_prefill (context, prompt, &params, trace, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
      assert_empty (context);
    }
  run_free (assert_like_new (context, prompt, &params));
  {
    g_autoptr (GError) error = NULL;

    g_assert_false (pmod_context_prefill (context, too_long, &params, NULL, &error));
    g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CONTEXT);
    assert_empty (context);
  }
  run_free (assert_like_new (context, prompt, &params));
}

/* --- Limits --------------------------------------------------------------------------------- */

static void
keep_alternatives (const PmodRecord *record, gpointer data)
{
  if (record->type == PMOD_RECORD_TOKEN)
    *(int *)data = ((const PmodRecordToken *)record)->n_alternatives;
}

static void
test_alternatives (void)
{
  g_autoptr (PmodModel) model = open_fixture ("tiny-pmod-12layer", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodPrompt) prompt = question (model, "Tell me a story.", NULL);
  int n_alternatives = -1;
  g_autoptr (PmodTrace) trace =
      pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, keep_alternatives, &n_alternatives);
  g_autoptr (GError) error = NULL;
  PmodParams params = trained (model, 1);

  params.sampling.n_alternatives = PMOD_MAX_ALTERNATIVES;
  pmod_answer_free (pmod_context_answer (context, prompt, &params, trace, NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (n_alternatives, ==, PMOD_MAX_ALTERNATIVES);
}

static void
test_full_context (void)
{
  g_autoptr (PmodModel) model = open_fixture ("tiny-pmod-12layer", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  int limit = pmod_model_get_config (model)->context_length;
  g_autoptr (GString) text = g_string_new ("x");
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodPrompt) prompt = NULL;
  g_autoptr (PmodPrompt) too_long = NULL;
  g_autoptr (PmodAnswer) full = NULL;
  PmodParams params = trained (model, 5000);
  int n;

  for (;;)
    {
      prompt = question (model, text->str, NULL);
      n = pmod_context_count_tokens (context, prompt, NULL);
      if (n >= limit - 6)
        break;
      /* A word is four tokens at most. */
      for (int i = n; i < limit - 6; i += 4)
        g_string_append (text, " x");
      pmod_prompt_free (g_steal_pointer (&prompt));
    }
  g_assert_cmpint (n, <=, limit);
  full = pmod_context_answer (context, prompt, &params, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (full->finish == PMOD_FINISH_LENGTH || full->finish == PMOD_FINISH_EOS);
  g_assert_cmpint (pmod_context_get_n_tokens (context), <=, limit);

  g_string_append (text, " more than fits more than fits more than fits");
  too_long = question (model, text->str, NULL);
  g_assert_false (pmod_context_prefill (context, too_long, &params, NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CONTEXT);
  g_assert_nonnull (strstr (error->message, "2048"));
  g_test_message ("%s", error->message);
}

static void
test_no_router (void)
{
  g_autoptr (PmodModel) model = open_fixture ("tiny-pmod-12layer", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodImage) picture = load_picture ("square.jpg");
  g_autoptr (PmodPrompt) prompt = question (model, "What is this?", picture);
  g_autoptr (GError) error = NULL;
  PmodParams params = trained (model, 1);

  params.routing.ratio[3] = 0.5;
  g_assert_false (pmod_context_prefill (context, prompt, &params, NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "layer 3"));
  g_test_message ("%s", error->message);
}

/* Every ratio from none to all, and a layer made plain. */
static void
test_ratios (void)
{
  g_autoptr (PmodModel) model = open_fixture ("tiny-pmod-12layer", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodImage) picture = load_picture ("square.jpg");
  g_autoptr (PmodPrompt) prompt = question (model, "What is this?", picture);
  const double ratios[] = { 0, 0.001, 0.5, 1, PMOD_RATIO_PLAIN };
  const int kept[] = { 0, 0, 288, 576, 576 };
  PmodParams params = trained (model, 2);

  for (guint i = 0; i < G_N_ELEMENTS (ratios); i++)
    {
      int n_text;

      params.routing.ratio[9] = ratios[i];
      run_free (assert_like_new (context, prompt, &params));
      n_text = pmod_context_get_n_tokens (context) - 576;
      g_assert_cmpint (pmod_context_get_kv_length (context, 9), ==, n_text + kept[i]);
    }
}

static void
test_sampling (void)
{
  g_autoptr (PmodModel) model = open_fixture ("tiny-pmod-12layer", PMOD_PRECISION_F32);
  g_autoptr (PmodContext) context = new_context (model);
  g_autoptr (PmodPrompt) prompt = question (model, "Tell me a story.", NULL);
  PmodParams params = trained (model, 12);
  g_autoptr (GHashTable) texts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  params.sampling.temperature = 1.5;
  for (guint64 seed = 0; seed < 4; seed++)
    {
      params.sampling.seed = seed;
      /* The same seed gives the same answer, whatever ran before in the context. */
      run_free (assert_like_new (context, prompt, &params));
      {
        g_autoptr (Run) run = run_new (context);
        g_autoptr (PmodAnswer) sampled = answer (run, prompt, &params);

        g_hash_table_add (texts, g_strdup (sampled->text->str));
      }
    }
  g_assert_cmpuint (g_hash_table_size (texts), >, 1);
}

/* Grouped KV heads, an odd number of layers, a head width that is not hidden / heads. */
static void
test_grouped_heads (void)
{
  static const char json[] =
      "{\"model_type\":\"pmod_llava_llama\",\"vocab_size\":100,\"hidden_size\":48,"
      "\"intermediate_size\":70,\"num_hidden_layers\":5,\"num_attention_heads\":6,"
      "\"num_key_value_heads\":2,\"head_dim\":10,\"hidden_act\":\"silu\","
      "\"max_position_embeddings\":256,\"rms_norm_eps\":1e-5,\"bos_token_id\":1,"
      "\"eos_token_id\":2,\"mod_router_factor\":0.5,\"mod_decay_span\":4,"
      "\"mod_target_layers\":\"shiftedcos_decay_0.85_0.15\",\"mod_weight_norm\":\"tanh_0.2_1\"}";
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodConfig) config = pmod_config_parse (json, -1, NULL, 0, NULL, 0, &error);
  g_autoptr (PmodModel) model = NULL;
  g_autoptr (PmodContext) context = NULL;
  PmodBenchResult result;
  PmodParams params;

  g_assert_no_error (error);
  model = pmod_model_new_random (config, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  context = new_context (model);
  pmod_params_init (&params, config);
  g_assert_true (pmod_bench_decode (context, &params, 100, 21, 7, &result, &error));
  g_assert_no_error (error);
  g_assert_cmpint (pmod_context_get_n_tokens (context), ==, 129);
  g_assert_cmpint (pmod_context_get_kv_length (context, 0), ==, 129);
  g_assert_cmpint (pmod_context_get_kv_length (context, 4), ==, 29 + 15);

  /* There is nothing to measure after an empty prompt, or one of fewer tokens than none. */
  g_assert_false (pmod_bench_decode (context, &params, 0, 0, 7, &result, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CONTEXT);
  g_clear_error (&error);
  g_assert_false (pmod_bench_decode (context, &params, 10, -5, 7, &result, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CONTEXT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/context/second-question/f32", GINT_TO_POINTER (PMOD_PRECISION_F32),
                        test_second_question);
  g_test_add_data_func ("/context/second-question/bf16", GINT_TO_POINTER (PMOD_PRECISION_BF16),
                        test_second_question);
  g_test_add_func ("/context/routing-change", test_routing_change);
  g_test_add_func ("/context/conversation", test_conversation);
  g_test_add_func ("/context/other-picture", test_other_picture);
  g_test_add_func ("/context/later-picture", test_later_picture);
  g_test_add_func ("/context/many-pictures", test_many_pictures);
  g_test_add_data_func ("/context/repeatable/f32", GINT_TO_POINTER (PMOD_PRECISION_F32),
                        test_repeatable);
  g_test_add_data_func ("/context/repeatable/bf16", GINT_TO_POINTER (PMOD_PRECISION_BF16),
                        test_repeatable);
  g_test_add_func ("/context/cancel", test_cancel);
  g_test_add_func ("/context/stop", test_stop);
  g_test_add_func ("/context/empty-after-failure", test_empty_after_failure);
  g_test_add_func ("/context/alternatives", test_alternatives);
  g_test_add_func ("/context/full", test_full_context);
  g_test_add_func ("/context/no-router", test_no_router);
  g_test_add_func ("/context/ratios", test_ratios);
  g_test_add_func ("/context/sampling", test_sampling);
  g_test_add_func ("/context/grouped-heads", test_grouped_heads);
  return g_test_run ();
}
