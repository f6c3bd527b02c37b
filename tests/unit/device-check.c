/* See device-check.h. */
#include "device-check.h"

#define QUESTION "What is it?"

PmodEmulatedUse
device_get_use (void)
{
  PmodEmulatedUse use;

  pmod_emulated_get_use (&use);
  return use;
}

void
device_expect_unused (void)
{
  PmodEmulatedUse use = device_get_use ();

  g_assert_cmpuint (use.n_bytes, ==, 0);
  g_assert_cmpint (use.n_blocks, ==, 0);
  g_assert_cmpint (use.n_pinned, ==, 0);
  g_assert_cmpint (use.n_streams, ==, 0);
  g_assert_cmpint (use.n_events, ==, 0);
  g_assert_cmpint (use.n_graphs, ==, 0);
}

PmodModel *
device_open_model (PmodDevice device, GError **error)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "tiny-pmod-12layer", NULL);
  PmodModelOptions options = { .device = device, .precision = PMOD_PRECISION_F32 };

  return pmod_model_open (path, &options, NULL, NULL, error);
}

PmodContext *
device_new_context (PmodModel *model)
{
  g_autoptr (GError) error = NULL;
  PmodContext *context = pmod_context_new (model, &error);

  g_assert_no_error (error);
  return context;
}

gboolean
device_prefill (PmodContext *context, const PmodParams *params, PmodTrace *trace, GError **error)
{
  PmodTurn turn = { PMOD_ROLE_USER, QUESTION };
  g_autoptr (PmodPrompt) prompt =
      pmod_prompt_new_chat (pmod_model_get_tokenizer (pmod_context_get_model (context)),
                            "vicuna_v1", &turn, 1, NULL, 0, NULL);

  g_assert_nonnull (prompt);
  return pmod_context_prefill (context, prompt, params, trace, error);
}
