/* Two timelines of one device: a picture is read beside an answer, on a thread of its own, and both
 * come to what they come to alone. On the emulated device; the processor has one timeline. */
#include "config.h"

#include <string.h>

#include "device-check.h"
#include "session-check.h"

#define MODEL "demo-v0"

/* --- The engine ------------------------------------------------------------------------------ */

/* Logits after a prefill, and after some tokens more. */
typedef struct
{
  PmodContext *context;
  int n_tokens;
  float *logits;
  int n_logits;
} Side;

static gpointer
run_side (gpointer data)
{
  Side *side = data;
  g_autoptr (GError) error = NULL;
  PmodParams params;

  pmod_params_init (&params, pmod_model_get_config (pmod_context_get_model (side->context)));
  params.sampling.temperature = 0;
  device_prefill (side->context, &params, NULL, &error);
  g_assert_no_error (error);
  for (int i = 0; i < side->n_tokens; i++)
    {
      int token;

      pmod_context_decode (side->context, &params, NULL, &token, &error);
      g_assert_no_error (error);
    }
  memcpy (side->logits, pmod_context_get_logits (side->context),
          (gsize)side->n_logits * sizeof (float));
  pmod_context_clear (side->context);
  return NULL;
}

static Side
new_side (PmodModel *model, int n_tokens)
{
  int n = pmod_model_get_config (model)->vocab;

  return (Side){ device_new_context (model), n_tokens, g_new0 (float, n), n };
}

static void
clear_side (Side *side)
{
  pmod_context_free (side->context);
  g_free (side->logits);
}

static void
test_same (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModel) model = device_open_model (PMOD_DEVICE_CUDA, &error);
  g_autoptr (PmodModel) beside = NULL;
  Side alone[2], together[2];

  g_assert_no_error (error);
  beside = pmod_model_new_beside (model);
  g_assert_nonnull (beside);
  g_assert_cmpint (device_get_use ().n_streams, ==, 2);
  for (int i = 0; i < 2; i++)
    {
      alone[i] = new_side (model, i ? 0 : 4);
      run_side (&alone[i]);
      together[i] = new_side (i ? beside : model, i ? 0 : 4);
    }
  for (int round = 0; round < 2; round++)
    {
      GThread *thread = g_thread_new ("beside", run_side, &together[1]);

      run_side (&together[0]);
      g_thread_join (thread);
      for (int i = 0; i < 2; i++)
        {
          g_assert_cmpmem (together[i].logits, (gsize)together[i].n_logits * sizeof (float),
                           alone[i].logits, (gsize)alone[i].n_logits * sizeof (float));
          memset (together[i].logits, 0, (gsize)together[i].n_logits * sizeof (float));
        }
    }
  for (int i = 0; i < 2; i++)
    {
      clear_side (&alone[i]);
      clear_side (&together[i]);
    }
  /* The weights stay as long as either is there. */
  g_clear_pointer (&model, pmod_model_unref);
  g_assert_cmpint (device_get_use ().n_blocks, >, 0);
  g_clear_pointer (&beside, pmod_model_unref);
  device_expect_unused ();
}

static void
test_processor (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModel) model = device_open_model (PMOD_DEVICE_CPU, &error);

  g_assert_no_error (error);
  g_assert_null (pmod_model_new_beside (model));
}

/* Reads the picture and says a token. */
static void
read_picture (PmodContext *context, PmodImage *picture)
{
  PmodModel *model = pmod_context_get_model (context);
  g_autoptr (PmodPrompt) prompt =
      pmod_prompt_new_raw (pmod_model_get_tokenizer (model), "<image>", &picture, 1, NULL);
  g_autoptr (GError) error = NULL;
  PmodParams params;
  int token;

  pmod_params_init (&params, pmod_model_get_config (model));
  pmod_context_prefill (context, prompt, &params, NULL, &error);
  g_assert_no_error (error);
  pmod_context_decode (context, &params, NULL, &token, &error);
  g_assert_no_error (error);
}

/* On a device that is nearly full there is none, and with a byte more there is one that takes
 * nothing of what the first context was promised for its first picture. */
static void
test_full (void)
{
  static const guint8 pixel[3] = { 200, 100, 0 };
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", MODEL, NULL);
  g_autoptr (PmodImage) picture = pmod_image_new (1, 1, 3, pixel);
  PmodModelOptions options = { .device = PMOD_DEVICE_CUDA, .precision = PMOD_PRECISION_F32 };
  PmodEmulatedDevice device = pmod_emulated_device;
  gsize least = 0, most = device.total_bytes;

  /* The size of device from which on there is one. */
  while (most - least > 1)
    {
      gsize middle = least + (most - least) / 2;
      g_autoptr (PmodModel) model = NULL;
      g_autoptr (PmodModel) beside = NULL;
      g_autoptr (PmodContext) context = NULL;

      device.total_bytes = middle;
      pmod_emulated_set_device (&device);
      model = pmod_model_open (path, &options, NULL, NULL, NULL);
      context = model ? pmod_context_new (model, NULL) : NULL;
      beside = model ? pmod_model_new_beside (model) : NULL;
      *(beside ? &most : &least) = middle;
      g_clear_pointer (&context, pmod_context_free);
    }
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (PmodModel) model = NULL;
      g_autoptr (PmodModel) beside = NULL;
      PmodContext *contexts[2] = { NULL, NULL };

      device.total_bytes = i ? most : least;
      pmod_emulated_set_device (&device);
      model = pmod_model_open (path, &options, NULL, NULL, NULL);
      contexts[0] = device_new_context (model);
      beside = pmod_model_new_beside (model);
      g_assert_true ((beside != NULL) == i);
      if (beside)
        {
          contexts[1] = device_new_context (beside);
          read_picture (contexts[1], picture);
        }
      read_picture (contexts[0], picture);
      g_test_message ("%zu of %zu bytes", device_get_use ().peak_bytes, device.total_bytes);
      g_clear_pointer (&contexts[0], pmod_context_free);
      g_clear_pointer (&contexts[1], pmod_context_free);
    }
  device_expect_unused ();
  pmod_emulated_set_device (&pmod_emulated_device);
}

/* --- The session ----------------------------------------------------------------------------- */

static gboolean
is_answering (gpointer run)
{
  return pmod_run_get_phase (run) == PMOD_RUN_ANSWERING || pmod_run_is_finished (run);
}

static PmodRun *
ask (PmodSession *session, PmodPicture *picture)
{
  const char *texts[] = { "What is it?", NULL };

  return pmod_session_ask (session, texts, picture);
}

static void
test_session (void)
{
  PmodSession *session = session_check_open (MODEL);
  g_autoptr (PmodPicture) picture = session_check_load_picture ("images/square.jpg");
  g_autoptr (PmodPicture) next = session_check_load_picture ("images/landscape.png");
  g_autoptr (PmodRun) answer = NULL, ahead = NULL, alone = NULL;

  g_assert_true (pmod_session_get_model (session)->has_beside);
  g_object_set (pmod_session_get_tuning (session), "max-tokens", 3000, "temperature", 50.0, NULL);
  answer = ask (session, picture);
  session_check_wait (is_answering, answer);
  ahead = pmod_session_read_with (session, next, NULL, PMOD_SESSION_BESIDE_LANE);
  session_check_finish (ahead);
  /* It did not wait for the answer, which at that temperature hardly ever ends. */
  g_assert_cmpint (pmod_run_get_phase (answer), ==, PMOD_RUN_ANSWERING);
  g_assert_cmpint (pmod_run_get_phase (ahead), ==, PMOD_RUN_DONE);
  pmod_session_stop (session);
  session_check_finish (answer);
  alone = session_check_finish (pmod_session_read (session, next));
  g_assert_true (session_check_same_maps (ahead, alone));
  g_assert_false (session_check_same_maps (ahead, answer));
  g_assert_finalize_object (session);
  device_expect_unused ();
}

/* A stop ends it; another model, or none, waits for it and frees what it had. */
static void
test_ends (void)
{
  PmodSession *session = session_check_open (MODEL);
  g_autoptr (PmodPicture) picture = session_check_load_picture ("images/square.jpg");
  g_autoptr (PmodRun) run = NULL;

  run = pmod_session_read_with (session, picture, NULL, PMOD_SESSION_BESIDE_LANE);
  pmod_session_stop_lane (session, PMOD_SESSION_BESIDE_LANE);
  session_check_finish (run);
  g_assert_cmpint (pmod_run_get_phase (run), ==, PMOD_RUN_STOPPED);
  g_clear_object (&run);
  run = pmod_session_read_with (session, picture, NULL, PMOD_SESSION_BESIDE_LANE);
  pmod_session_unload (session);
  session_check_finish (run);
  session_check_wait (session_check_is_settled, session);
  device_expect_unused ();
  g_assert_finalize_object (session);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/beside/same", test_same);
  g_test_add_func ("/beside/processor", test_processor);
  g_test_add_func ("/beside/full", test_full);
  g_test_add_func ("/beside/session", test_session);
  g_test_add_func ("/beside/ends", test_ends);
  return g_test_run ();
}
