/* Answers that begin with given tokens: what follows equals, to the last bit, what followed when
 * the same tokens were drawn, be their states still in the caches or not. */
#include <string.h>

#include "pmod-engine.h"

#define N_TOKENS 6

/* What an answer's records told. */
typedef struct
{
  GPtrArray *tokens; /* PmodRecordToken */
  int n_reused;      /* steps */
  int n_run;
  int n_reused_prompt; /* of the prompt's tokens */
  PmodFlops decode;
} Told;

static void
record_cb (const PmodRecord *record, gpointer data)
{
  Told *told = data;
  const PmodRecordStage *stage = (const PmodRecordStage *)record;

  if (record->type == PMOD_RECORD_RUN_BEGIN)
    told->n_reused_prompt = ((const PmodRecordRunBegin *)record)->n_reused;
  if (record->type == PMOD_RECORD_TOKEN)
    g_ptr_array_add (told->tokens, g_memdup2 (record, record->size));
  if (record->type != PMOD_RECORD_STAGE || stage->stage != PMOD_STAGE_DECODE)
    return;
  if (record->flags & PMOD_RECORD_FLAG_REUSED)
    {
      told->n_reused++;
      g_assert_cmpuint (stage->duration_ns, ==, 0);
    }
  else
    told->n_run++;
  told->decode.all += stage->all;
  told->decode.paper += stage->paper;
}

static void
told_clear (Told *told)
{
  g_clear_pointer (&told->tokens, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Told, told_clear)

typedef struct
{
  const char *name;
  const char *model;
  const char *picture; /* nullable */
  PmodPrecision precision;
  double temperature;
  PmodPolicy policy;
  int n_tokens; /* 0: N_TOKENS */
} Case;

static PmodContext *
new_context (PmodModel *model)
{
  g_autoptr (GError) error = NULL;
  PmodContext *context = pmod_context_new (model, &error);

  g_assert_no_error (error);
  return context;
}

static PmodAnswer *
answer (PmodContext *context, const PmodPrompt *prompt, const PmodParams *params, Told *told)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, record_cb, told);
  PmodAnswer *result;

  told_clear (told);
  *told = (Told){ .tokens = g_ptr_array_new_with_free_func (g_free) };
  result = pmod_context_answer (context, prompt, params, trace, NULL, NULL, &error);
  g_assert_no_error (error);
  return result;
}

static void
assert_same_token (const PmodRecordToken *a, const PmodRecordToken *b)
{
  gsize skip = sizeof (PmodRecord);

  g_assert_cmpmem ((const guint8 *)a + skip, a->header.size - skip, (const guint8 *)b + skip,
                   b->header.size - skip);
}

/* The one answer and the other: ids, words and everything that is told of each token; the first
 * n_begun of the second were given. */
static void
assert_same (
    const PmodAnswer *a, const Told *a_told, const PmodAnswer *b, const Told *b_told, int n_begun)
{
  g_assert_cmpmem (b->ids->data, b->ids->len * sizeof (gint32), a->ids->data,
                   a->ids->len * sizeof (gint32));
  g_assert_cmpstr (b->text->str, ==, a->text->str);
  g_assert_cmpint (b->n_begun, ==, n_begun);
  g_assert_cmpuint (b_told->tokens->len, ==, a_told->tokens->len);
  for (guint i = 0; i < a_told->tokens->len; i++)
    {
      const PmodRecordToken *token = b_told->tokens->pdata[i];

      assert_same_token (a_told->tokens->pdata[i], token);
      g_assert_cmpint ((token->header.flags & PMOD_RECORD_FLAG_GIVEN) != 0, ==, (int)i < n_begun);
    }
  g_assert_cmpfloat (b_told->decode.all, ==, a_told->decode.all);
  g_assert_cmpfloat (b_told->decode.paper, ==, a_told->decode.paper);
}

typedef struct
{
  PmodModel *model;
  PmodImage *picture;
  PmodPrompt *prompt;
  PmodParams params;
} Setup;

static Setup
set_up (const Case *test)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", test->model, NULL);
  PmodModelOptions options = { .precision = test->precision };
  const PmodTurn turn = { PMOD_ROLE_USER, "What is this?" };
  g_autoptr (GError) error = NULL;
  Setup self = { NULL };

  self.model = pmod_model_open (path, &options, NULL, NULL, &error);
  g_assert_no_error (error);
  if (test->picture)
    {
      g_autofree char *file =
          g_test_build_filename (G_TEST_DIST, "fixtures", "images", test->picture, NULL);

      self.picture = pmod_image_load (file, PMOD_IMAGE_DEFAULT, &error);
      g_assert_no_error (error);
    }
  self.prompt = pmod_prompt_new_chat (pmod_model_get_tokenizer (self.model),
                                      pmod_model_get_config (self.model)->conversation, &turn, 1,
                                      &self.picture, self.picture ? 1 : 0, &error);
  g_assert_no_error (error);
  pmod_params_init (&self.params, pmod_model_get_config (self.model));
  self.params.sampling.max_new_tokens = test->n_tokens > 0 ? test->n_tokens : N_TOKENS;
  self.params.sampling.temperature = test->temperature;
  self.params.sampling.seed = 7;
  self.params.routing.policy = test->policy;
  return self;
}

static void
tear_down (Setup *self)
{
  pmod_prompt_free (self->prompt);
  g_clear_pointer (&self->picture, pmod_image_unref);
  pmod_model_unref (self->model);
}

static const gint32 *
get_ids (const PmodAnswer *answer)
{
  return (const gint32 *)(gconstpointer)answer->ids->data;
}

/* Each beginning of an answer leads to the rest of it. */
static void
test_exact (gconstpointer data)
{
  const Case *test = data;
  Setup setup = set_up (test);
  g_autoptr (PmodContext) warm = new_context (setup.model);
  g_auto (Told) all_told = { NULL };
  g_autoptr (PmodAnswer) all = answer (warm, setup.prompt, &setup.params, &all_told);
  int eos = pmod_model_get_config (setup.model)->eos_token;
  int n = (int)all->ids->len;

  g_assert_cmpint (n, >, 3);
  for (int n_begun = 1; n_begun <= n && get_ids (all)[n_begun - 1] != eos; n_begun++)
    {
      g_autoptr (PmodContext) cold = new_context (setup.model);
      g_auto (Told) warm_told = { NULL }, cold_told = { NULL };
      g_autoptr (PmodAnswer) warm_answer = NULL, cold_answer = NULL;

      setup.params.sampling.max_new_tokens = n - n_begun;
      pmod_prompt_begin_with (setup.prompt, get_ids (all), n_begun);
      warm_answer = answer (warm, setup.prompt, &setup.params, &warm_told);
      cold_answer = answer (cold, setup.prompt, &setup.params, &cold_told);
      if (n_begun < n)
        {
          assert_same (all, &all_told, warm_answer, &warm_told, n_begun);
          assert_same (all, &all_told, cold_answer, &cold_told, n_begun);
        }
      g_assert_cmpint (cold_told.n_reused, ==, 0);
      g_assert_cmpint (warm_told.n_reused, ==, n_begun - 1);
      g_assert_cmpint (warm_told.n_run + warm_told.n_reused, ==, cold_told.n_run);
      if (test->picture)
        g_assert_cmpint (warm_told.n_reused_prompt, >, 0);
    }
  tear_down (&setup);
}

/* Another token in place of one of them: told of as the chance that it was. */
static void
test_alternative (gconstpointer data)
{
  Setup setup = set_up (data);
  g_autoptr (PmodContext) warm = new_context (setup.model);
  g_auto (Told) all_told = { NULL };
  g_autoptr (PmodAnswer) all = answer (warm, setup.prompt, &setup.params, &all_told);

  for (int at = (int)all->ids->len - 2; at >= 0; at--)
    {
      const PmodRecordToken *token = all_told.tokens->pdata[at];
      g_autoptr (PmodContext) cold = new_context (setup.model);
      g_auto (Told) warm_told = { NULL }, cold_told = { NULL };
      g_autoptr (PmodAnswer) warm_answer = NULL, cold_answer = NULL;
      g_autofree gint32 *ids = g_memdup2 (get_ids (all), (gsize)(at + 1) * sizeof (gint32));

      g_assert_cmpint (token->n_alternatives, ==, 8);
      ids[at] = token->alternatives[2].id;
      if (ids[at] == pmod_model_get_config (setup.model)->eos_token)
        continue;
      pmod_prompt_begin_with (setup.prompt, ids, at + 1);
      warm_answer = answer (warm, setup.prompt, &setup.params, &warm_told);
      cold_answer = answer (cold, setup.prompt, &setup.params, &cold_told);
      assert_same (cold_answer, &cold_told, warm_answer, &warm_told, at + 1);
      g_assert_cmpint (warm_told.n_reused, ==, at);
      g_assert_cmpfloat (((PmodRecordToken *)warm_told.tokens->pdata[at])->logprob, ==,
                         token->alternatives[2].logprob);
    }
  tear_down (&setup);
}

/* What the caches hold is of another prompt, other settings, or of a run that was stopped. */
static void
test_not_known (void)
{
  static const Case test = { .model = "tiny-pmod-llava-v1.5",
                             .picture = "landscape.png",
                             .precision = PMOD_PRECISION_F32 };
  Setup setup = set_up (&test);
  g_autoptr (PmodContext) context = new_context (setup.model);
  g_auto (Told) all_told = { NULL }, told = { NULL }, other_told = { NULL };
  g_autoptr (PmodAnswer) all = answer (context, setup.prompt, &setup.params, &all_told);
  g_autoptr (PmodAnswer) got = NULL, other = NULL;
  PmodParams others = setup.params;

  others.routing.schedule.factor = 0.45;
  others.routing.schedule.upper = 0.7;
  pmod_prompt_begin_with (setup.prompt, get_ids (all), 5);
  other = answer (context, setup.prompt, &others, &other_told);
  g_assert_cmpint (other_told.n_reused, ==, 0);

  setup.params.sampling.max_new_tokens -= 5;
  got = answer (context, setup.prompt, &setup.params, &told);
  assert_same (all, &all_told, got, &told, 5);
  g_assert_cmpint (told.n_reused, ==, 0);
  tear_down (&setup);
}

/* Nothing behind a token that is another one is known, be the rest the same. */
static void
test_other_start (void)
{
  static const Case test = { .model = "demo-v0", .picture = "landscape.png" };
  Setup setup = set_up (&test);
  g_autoptr (PmodContext) warm = new_context (setup.model);
  g_autoptr (PmodContext) cold = new_context (setup.model);
  g_auto (Told) all_told = { NULL }, warm_told = { NULL }, cold_told = { NULL };
  g_autoptr (PmodAnswer) all = answer (warm, setup.prompt, &setup.params, &all_told);
  g_autoptr (PmodAnswer) warm_answer = NULL, cold_answer = NULL;
  g_autofree gint32 *ids = g_memdup2 (get_ids (all), 4 * sizeof (gint32));

  g_assert_cmpuint (all->ids->len, >, 4);
  ids[1] = ((PmodRecordToken *)all_told.tokens->pdata[1])->alternatives[1].id;
  pmod_prompt_begin_with (setup.prompt, ids, 4);
  warm_answer = answer (warm, setup.prompt, &setup.params, &warm_told);
  cold_answer = answer (cold, setup.prompt, &setup.params, &cold_told);
  assert_same (cold_answer, &cold_told, warm_answer, &warm_told, 4);
  g_assert_cmpint (warm_told.n_reused, ==, 1);
  tear_down (&setup);
}

static gboolean
stop_cb (const char *text, gpointer data)
{
  return --*(int *)data > 0;
}

static void
test_stop (void)
{
  static const Case test = { .model = "tiny-pmod-12layer" };
  Setup setup = set_up (&test);
  g_autoptr (PmodContext) context = new_context (setup.model);
  g_auto (Told) told = { NULL };
  g_autoptr (PmodAnswer) all = answer (context, setup.prompt, &setup.params, &told);
  g_autoptr (PmodAnswer) stopped = NULL;
  g_autoptr (GError) error = NULL;
  int n_left = 3;

  pmod_prompt_begin_with (setup.prompt, get_ids (all), 5);
  stopped =
      pmod_context_answer (context, setup.prompt, &setup.params, NULL, stop_cb, &n_left, &error);
  g_assert_no_error (error);
  g_assert_cmpint (stopped->finish, ==, PMOD_FINISH_STOP);
  g_assert_cmpuint (stopped->ids->len, ==, 3);
  tear_down (&setup);
}

static void
test_refused (void)
{
  static const Case test = { .model = "tiny-pmod-12layer" };
  Setup setup = set_up (&test);
  const PmodConfig *config = pmod_model_get_config (setup.model);
  g_autoptr (PmodContext) context = new_context (setup.model);
  const gint32 wrong[] = { -1, config->vocab, config->eos_token };
  g_autofree gint32 *many = g_new0 (gint32, config->context_length);
  g_autoptr (GError) error = NULL;
  int n_prompt = pmod_context_count_tokens (context, setup.prompt, NULL);
  g_auto (Told) told = { NULL };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      pmod_prompt_begin_with (setup.prompt, &wrong[i], 1);
      g_assert_null (
          pmod_context_answer (context, setup.prompt, &setup.params, NULL, NULL, NULL, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT);
      g_clear_error (&error);
    }
  for (int i = 0; i < config->context_length; i++)
    many[i] = 5;
  pmod_prompt_begin_with (setup.prompt, many, config->context_length - n_prompt + 1);
  g_assert_null (
      pmod_context_answer (context, setup.prompt, &setup.params, NULL, NULL, NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CONTEXT);
  /* The last place is for the one token that needs none. */
  pmod_prompt_begin_with (setup.prompt, many, config->context_length - n_prompt);
  g_assert_cmpint (pmod_context_count_tokens (context, setup.prompt, NULL), ==,
                   config->context_length);
  {
    g_autoptr (PmodAnswer) full = answer (context, setup.prompt, &setup.params, &told);

    g_assert_cmpint ((int)full->ids->len - full->n_begun, ==, 1);
  }
  tear_down (&setup);
}

/* The words of an answer are cut as the model cut them. */
static void
test_text (void)
{
  static const Case test = { .model = "demo-v0" };
  Setup setup = set_up (&test);
  PmodTokenizer *tokenizer = pmod_model_get_tokenizer (setup.model);
  g_autoptr (GError) error = NULL;
  const char *texts[] = { "A yellow star.", "A yellow", "Two stars\nand a \342\202\254" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *back = NULL;

      g_assert_true (pmod_prompt_begin_with_text (setup.prompt, tokenizer, texts[i], &error));
      back = pmod_tokenizer_decode (tokenizer,
                                    (const gint32 *)(gconstpointer)setup.prompt->begin->data,
                                    (int)setup.prompt->begin->len);
      g_assert_cmpstr (back, ==, texts[i]);
    }
  g_assert_true (pmod_prompt_begin_with_text (setup.prompt, tokenizer, "", &error));
  g_assert_null (setup.prompt->begin);
  g_assert_false (pmod_prompt_begin_with_text (setup.prompt, tokenizer, "\377", &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT);
  tear_down (&setup);
}

int
main (int argc, char **argv)
{
  static const Case cases[] = {
    { "v1.5", "tiny-pmod-llava-v1.5", "landscape.png", PMOD_PRECISION_F32 },
    { "v1.5-bf16", "tiny-pmod-llava-v1.5", "landscape.png", PMOD_PRECISION_BF16 },
    { "v1.5-drawn", "tiny-pmod-llava-v1.5", "portrait.png", PMOD_PRECISION_F32, 0.8 },
    { "v1.5-last", "tiny-pmod-llava-v1.5", "portrait.png", PMOD_PRECISION_F32, 0,
      PMOD_POLICY_LAST },
    { "next", "tiny-pmod-llava-next", "landscape.png", PMOD_PRECISION_F32 },
    { "no-picture", "tiny-pmod-12layer", NULL, PMOD_PRECISION_F32, 1 },
    { "few", "tiny-pmod-12layer", NULL, PMOD_PRECISION_F32, 1, PMOD_POLICY_ROUTER, 4 },
    { "trained", "demo-v0", "landscape.png", PMOD_PRECISION_F32 },
    { "trained-drawn", "demo-v0", "landscape.png", PMOD_PRECISION_BF16, 1.5 },
  };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *exact = g_strconcat ("/begin/exact/", cases[i].name, NULL);
      g_autofree char *other = g_strconcat ("/begin/alternative/", cases[i].name, NULL);

      g_test_add_data_func (exact, &cases[i], test_exact);
      if (i % 2 == 0 || cases[i].picture == NULL)
        g_test_add_data_func (other, &cases[i], test_alternative);
    }
  g_test_add_func ("/begin/not-known", test_not_known);
  g_test_add_func ("/begin/other-start", test_other_start);
  g_test_add_func ("/begin/stop", test_stop);
  g_test_add_func ("/begin/refused", test_refused);
  g_test_add_func ("/begin/text", test_text);
  return g_test_run ();
}
