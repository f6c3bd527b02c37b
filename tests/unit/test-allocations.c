/* A token step allocates nothing: malloc and its kin are counted while tokens are decoded.
 *
 * The functions below stand in for the C library's own in the whole process. Where something else
 * already does (a sanitizer), the test is skipped. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pmod-engine.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define CAN_COUNT 0
#else
#define CAN_COUNT 1
#endif

static gint n_allocations;
static gint counting;

#if CAN_COUNT
extern void *__libc_malloc (size_t n_bytes);
extern void *__libc_calloc (size_t n, size_t n_bytes);
extern void *__libc_realloc (void *data, size_t n_bytes);
extern void *__libc_memalign (size_t alignment, size_t n_bytes);

static void
count (void)
{
  if (g_atomic_int_get (&counting))
    g_atomic_int_inc (&n_allocations);
}

void *
malloc (size_t n_bytes)
{
  count ();
  return __libc_malloc (n_bytes);
}

void *
calloc (size_t n, size_t n_bytes)
{
  count ();
  return __libc_calloc (n, n_bytes);
}

void *
realloc (void *data, size_t n_bytes)
{
  count ();
  return __libc_realloc (data, n_bytes);
}

void *
aligned_alloc (size_t alignment, size_t n_bytes)
{
  count ();
  return __libc_memalign (alignment, n_bytes);
}

int
posix_memalign (void **data, size_t alignment, size_t n_bytes)
{
  count ();
  *data = __libc_memalign (alignment, n_bytes);
  return *data != NULL ? 0 : ENOMEM;
}
#endif

static void
discard (const PmodRecord *record, gpointer data)
{
}

static void
test_token_step (gconstpointer precision)
{
  PmodModelOptions options = { .precision = (PmodPrecision)GPOINTER_TO_INT (precision) };
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModel) model = NULL;
  g_autoptr (PmodContext) context = NULL;
  g_autoptr (PmodPrompt) prompt = NULL;
  g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, discard, NULL);
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "tiny-pmod-llava-v1.5", NULL);
  PmodTurn turn = { PMOD_ROLE_USER, "Tell me a story." };
  PmodParams params;
  int token;

  if (!CAN_COUNT)
    {
      g_test_skip ("a sanitizer stands in for malloc here");
      return;
    }
  model = pmod_model_open (path, &options, NULL, NULL, &error);
  g_assert_no_error (error);
  context = pmod_context_new (model, &error);
  g_assert_no_error (error);
  prompt = pmod_prompt_new_chat (pmod_model_get_tokenizer (model), "vicuna_v1", &turn, 1, NULL, 0,
                                 &error);
  g_assert_no_error (error);
  pmod_params_init (&params, pmod_model_get_config (model));
  params.sampling.temperature = 1;
  params.sampling.n_alternatives = 5;
  g_assert_true (pmod_context_prefill (context, prompt, &params, trace, &error));

  for (int i = 0; i < 20; i++)
    {
      gboolean ok;

      /* The first steps warm up: threads, the trace's buffer. */
      g_atomic_int_set (&counting, i >= 4);
      ok = pmod_context_decode (context, &params, trace, &token, &error);
      g_atomic_int_set (&counting, 0);
      g_assert_no_error (error);
      g_assert_true (ok);
    }
  g_test_message ("%d allocations in 16 token steps", g_atomic_int_get (&n_allocations));
  g_assert_cmpint (g_atomic_int_get (&n_allocations), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/allocations/token-step/f32", GINT_TO_POINTER (PMOD_PRECISION_F32),
                        test_token_step);
  g_test_add_data_func ("/allocations/token-step/bf16", GINT_TO_POINTER (PMOD_PRECISION_BF16),
                        test_token_step);
  return g_test_run ();
}
