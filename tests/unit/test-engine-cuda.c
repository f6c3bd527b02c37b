/* Models on a CUDA device: which one is taken, what is said of one that cannot be, and what becomes
 * of a model or a context for which there is no room, or whose device fails. On the emulated
 * device, of whose memory the host reads nothing. */
#include <string.h>

#include "device-check.h"

static PmodModel *
open_model (PmodDevice device)
{
  g_autoptr (GError) error = NULL;
  PmodModel *model = device_open_model (device, &error);

  g_assert_no_error (error);
  return model;
}

static gboolean
prefill (PmodContext *context, PmodTrace *trace, GError **error)
{
  PmodParams params;

  pmod_params_init (&params, pmod_model_get_config (pmod_context_get_model (context)));
  return device_prefill (context, &params, trace, error);
}

static GBytes *
get_logits (PmodContext *context)
{
  const PmodConfig *config = pmod_model_get_config (pmod_context_get_model (context));
  const float *logits = pmod_context_get_logits (context);

  g_assert_nonnull (logits);
  return g_bytes_new (logits, (gsize)config->vocab * sizeof *logits);
}

/* Of a run in this context. */
static GBytes *
run (PmodContext *context)
{
  g_autoptr (GError) error = NULL;

  prefill (context, NULL, &error);
  g_assert_no_error (error);
  return get_logits (context);
}

/* Of a run on a device of which nothing is known but that it works. */
static GBytes *
run_anew (PmodDevice device)
{
  g_autoptr (PmodModel) model = open_model (device);
  g_autoptr (PmodContext) context = device_new_context (model);

  return run (context);
}

static GBytes *expected; /* logits of run_anew() on the device */

static void
expect_same (GBytes *logits)
{
  g_assert_true (g_bytes_equal (logits, expected));
}

/* --- Which device --------------------------------------------------------------------------- */

typedef struct
{
  const char *name;
  PmodEmulatedDevice device;
  const char *reason; /* NULL: it can be used */
} Choice;

#define MEMORY ((size_t)1 << 30)

static const Choice choices[] = {
  { "no-driver",
    { PMOD_EMULATED_NO_DRIVER, 75, 75, MEMORY, true },
    "expected an NVIDIA driver with a device, got \"CUDA driver version is insufficient for CUDA "
    "runtime version\"" },
  { "no-device",
    { PMOD_EMULATED_DRIVER_ALONE, 75, 75, MEMORY, true },
    "expected an NVIDIA driver with a device, got \"no CUDA-capable device is detected\"" },
  { "too-old",
    { PMOD_EMULATED_DRIVER, 52, 75, MEMORY, true },
    "emulated device: expected compute capability 7.5 or newer, got 5.2" },
  { "not-built-for",
    { PMOD_EMULATED_DRIVER, 80, 0, MEMORY, true },
    "expected a device that this program was built for, got \"no kernel image is available for "
    "execution on the device\"" },
  { "there", { PMOD_EMULATED_DRIVER, 75, 75, MEMORY, true }, NULL },
};

/* Left to the machine: the CPU's model says why it is the CPU's. */
static void
test_auto (gconstpointer data)
{
  const Choice *choice = data;
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "tiny-pmod-12layer", NULL);
  g_autofree char *reason =
      choice->reason != NULL ? g_strdup_printf ("device cuda: %s", choice->reason) : NULL;
  g_autoptr (PmodModel) model = NULL;
  g_autoptr (PmodModelInfo) info = NULL;

  pmod_emulated_set_device (&choice->device);
  model = open_model (PMOD_DEVICE_AUTO);
  g_assert_cmpstr (pmod_model_get_backend_name (model), ==,
                   choice->reason != NULL ? "cpu" : "cuda");
  g_assert_cmpstr (pmod_model_get_fallback (model), ==, reason);
  info = pmod_model_info_new (path, NULL, NULL);
  g_assert_cmpstr (info->fallback, ==, reason);
  g_assert_true ((strstr (info->device_name, "emulated device") != NULL) == (reason == NULL));
  g_clear_pointer (&model, pmod_model_unref);
  device_expect_unused ();

  model = open_model (PMOD_DEVICE_CPU);
  g_assert_cmpstr (pmod_model_get_backend_name (model), ==, "cpu");
  g_assert_cmpstr (pmod_model_get_fallback (model), ==, NULL);
}

static void
test_demanded (gconstpointer data)
{
  const Choice *choice = data;
  g_autofree char *message = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModel) model = NULL;

  pmod_emulated_set_device (&choice->device);
  model = device_open_model (PMOD_DEVICE_CUDA, &error);
  if (choice->reason == NULL)
    {
      g_assert_no_error (error);
      g_assert_cmpstr (pmod_model_get_backend_name (model), ==, "cuda");
      g_assert_cmpstr (pmod_model_get_fallback (model), ==, NULL);
      return;
    }
  message = g_strdup_printf ("device cuda: %s; --device cpu works", choice->reason);
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_DEVICE);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_null (model);
  device_expect_unused ();
}

/* --- A full device -------------------------------------------------------------------------- */

static void
expect_no_room (GError *error, const char *what)
{
  g_autofree char *start = g_strdup_printf ("%s on cuda: emulated device: no room for ", what);

  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_DEVICE);
  if (!g_str_has_prefix (error->message, start))
    g_error ("expected \"%s...\", got \"%s\"", start, error->message);
}

/* The room ends at one allocation after the other while a model loads. */
static void
test_full_load (void)
{
  g_autoptr (PmodModel) neighbour = NULL;
  g_autoptr (PmodContext) context = NULL;
  g_autoptr (GBytes) logits = NULL;
  int n_before;
  gsize n_bytes;

  pmod_emulated_set_device (&pmod_emulated_device);
  neighbour = open_model (PMOD_DEVICE_CUDA);
  n_before = (int)device_get_use ().n_calls[PMOD_EMULATED_MALLOC];
  n_bytes = device_get_use ().n_bytes;
  /* Not every one of them, but the first, the last and some of every kind. */
  for (int i = 0; i < n_before; i += i + 1 < n_before && i + 7 > n_before ? n_before - 1 - i : 7)
    {
      g_autoptr (GError) error = NULL;

      pmod_emulated_fail (PMOD_EMULATED_MALLOC, i);
      g_assert_null (device_open_model (PMOD_DEVICE_CUDA, &error));
      expect_no_room (error, "weights");
      g_assert_cmpuint (device_get_use ().n_bytes, ==, n_bytes);
      g_assert_cmpint (device_get_use ().n_streams, ==, 1);
    }
  g_test_message ("%d allocations, %zu bytes", n_before, n_bytes);
  context = device_new_context (neighbour);
  logits = run (context);
  expect_same (logits);
  g_clear_pointer (&context, pmod_context_free);
  g_clear_pointer (&neighbour, pmod_model_unref);
  device_expect_unused ();
}

/* The same while a context is made; the model is then as good as before. */
static void
test_full_context (void)
{
  g_autoptr (PmodModel) model = NULL;
  g_autoptr (PmodContext) context = NULL;
  g_autoptr (GBytes) logits = NULL;
  gsize n_bytes;
  int n_before;

  pmod_emulated_set_device (&pmod_emulated_device);
  model = open_model (PMOD_DEVICE_CUDA);
  n_bytes = device_get_use ().n_bytes;
  n_before = (int)device_get_use ().n_calls[PMOD_EMULATED_MALLOC];
  context = device_new_context (model);
  n_before = (int)device_get_use ().n_calls[PMOD_EMULATED_MALLOC] - n_before;
  g_clear_pointer (&context, pmod_context_free);
  g_assert_cmpuint (device_get_use ().n_bytes, ==, n_bytes);
  for (int i = 0; i < n_before; i++)
    {
      g_autoptr (GError) error = NULL;

      pmod_emulated_fail (PMOD_EMULATED_MALLOC, i);
      g_assert_null (pmod_context_new (model, &error));
      expect_no_room (error, "context");
      g_assert_cmpuint (device_get_use ().n_bytes, ==, n_bytes);
    }
  g_test_message ("%d allocations", n_before);
  context = device_new_context (model);
  logits = run (context);
  expect_same (logits);
  g_clear_pointer (&context, pmod_context_free);
  g_clear_pointer (&model, pmod_model_unref);
  device_expect_unused ();
}

/* A device that holds one model and its context, but not two: the second is refused with the sum,
 * the CPU takes it, and the first goes on. */
static void
test_no_second (void)
{
  PmodEmulatedDevice device = pmod_emulated_device;
  g_autoptr (PmodModel) first = NULL;
  g_autoptr (PmodModel) second = NULL;
  g_autoptr (PmodContext) context = NULL;
  g_autoptr (PmodContext) other = NULL;
  g_autoptr (GBytes) logits = NULL;
  g_autoptr (GBytes) other_logits = NULL;
  g_autoptr (GError) error = NULL;

  device.total_bytes = (size_t)32 << 20;
  pmod_emulated_set_device (&device);
  first = open_model (PMOD_DEVICE_CUDA);
  context = device_new_context (first);
  g_assert_null (device_open_model (PMOD_DEVICE_CUDA, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_MEMORY);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "the model does not fit: weights "));
  second = open_model (PMOD_DEVICE_CPU);
  other = device_new_context (second);
  other_logits = run (other);
  logits = run (context);
  expect_same (logits);
  g_clear_pointer (&context, pmod_context_free);
  g_clear_pointer (&first, pmod_model_unref);
  device_expect_unused ();
  first = open_model (PMOD_DEVICE_CUDA);
}

/* The same while a picture is prepared, before its tower runs: afterwards words still go through.
 */
static void
test_full_picture (void)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "images", "square.jpg", NULL);
  g_autoptr (PmodImage) image = pmod_image_load (path, PMOD_IMAGE_DEFAULT, NULL);
  g_autoptr (PmodModel) model = NULL;
  g_autoptr (PmodContext) context = NULL;
  g_autoptr (PmodPrompt) prompt = NULL;
  g_autoptr (GBytes) logits = NULL;
  PmodParams params;

  g_assert_nonnull (image);
  pmod_emulated_set_device (&pmod_emulated_device);
  model = open_model (PMOD_DEVICE_CUDA);
  context = device_new_context (model);
  prompt = pmod_prompt_new_raw (pmod_model_get_tokenizer (model), "<image>", &image, 1, NULL);
  pmod_params_init (&params, pmod_model_get_config (model));
  for (int i = 0; i < 13; i += 4)
    {
      g_autoptr (GError) error = NULL;

      pmod_emulated_fail (PMOD_EMULATED_MALLOC, i);
      g_assert_false (pmod_context_prefill (context, prompt, &params, NULL, &error));
      expect_no_room (error, "vision tower");
      g_assert_null (pmod_context_get_logits (context));
    }
  logits = run (context);
  expect_same (logits);
  g_clear_pointer (&context, pmod_context_free);
  g_clear_pointer (&model, pmod_model_unref);
  device_expect_unused ();
}

/* --- A device that fails -------------------------------------------------------------------- */

/* At some launch of a prefill. Nothing of the device can be used afterwards; the machine's choice
 * is then the CPU. */
static void
test_broken (gconstpointer n_launches)
{
  g_autoptr (PmodModel) model = NULL;
  g_autoptr (PmodModel) other = NULL;
  g_autoptr (PmodContext) context = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) again = NULL;
  g_autoptr (GBytes) logits = NULL;

  pmod_emulated_set_device (&pmod_emulated_device);
  model = open_model (PMOD_DEVICE_CUDA);
  context = device_new_context (model);
  pmod_emulated_fail (PMOD_EMULATED_LAUNCH, GPOINTER_TO_INT (n_launches));
  g_assert_false (prefill (context, NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_DEVICE);
  g_test_message ("%s", error->message);
  g_assert_true (g_str_has_suffix (error->message, ": unspecified launch failure"));
  g_assert_null (pmod_context_get_logits (context));
  g_assert_false (prefill (context, NULL, &again));
  g_assert_error (again, PMOD_ERROR, PMOD_ERROR_DEVICE);
  other = open_model (PMOD_DEVICE_AUTO);
  g_assert_cmpstr (pmod_model_get_backend_name (other), ==, "cpu");
  g_assert_cmpstr (pmod_model_get_fallback (other), ==,
                   "device cuda: expected a device with room for work, got \"unspecified launch "
                   "failure\"");
  g_clear_pointer (&context, pmod_context_free);
  g_clear_pointer (&model, pmod_model_unref);
  device_expect_unused ();

  pmod_emulated_set_device (&pmod_emulated_device);
  logits = run_anew (PMOD_DEVICE_CUDA);
  expect_same (logits);
}

/* One launch of a prefill is refused, and the device goes on: what the layers left that ran after
 * it is no state to build on. */
static void
test_refused (gconstpointer n_launches)
{
  g_autoptr (PmodModel) model = NULL;
  g_autoptr (PmodContext) context = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) logits = NULL;

  pmod_emulated_set_device (&pmod_emulated_device);
  model = open_model (PMOD_DEVICE_CUDA);
  context = device_new_context (model);
  pmod_emulated_fail (PMOD_EMULATED_REFUSE, GPOINTER_TO_INT (n_launches));
  g_assert_false (prefill (context, NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_DEVICE);
  g_test_message ("%s", error->message);
  g_assert_true (g_str_has_suffix (error->message, ": too many resources requested for launch"));
  g_assert_null (pmod_context_get_logits (context));
  logits = run (context);
  expect_same (logits);
}

static void
cancel (void *context)
{
  pmod_context_cancel (context);
}

/* The same when the user stops the run just then, behind the first router: neither that failure nor
 * what it left is the next run's. */
static void
test_refused_and_cancelled (void)
{
  g_autoptr (PmodModel) model = NULL;
  g_autoptr (PmodContext) context = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) logits = NULL;
  guint64 n_launches;

  pmod_emulated_set_device (&pmod_emulated_device);
  model = open_model (PMOD_DEVICE_CUDA);
  context = device_new_context (model);
  n_launches = device_get_use ().n_calls[PMOD_EMULATED_REFUSE];
  g_bytes_unref (run (context));
  n_launches = device_get_use ().n_calls[PMOD_EMULATED_REFUSE] - n_launches;
  pmod_context_clear (context);
  pmod_emulated_tell (cancel, context);
  /* In one of the last of twelve layers, of which eight come before the first router. */
  pmod_emulated_fail (PMOD_EMULATED_REFUSE, (int)(n_launches * 10 / 12));
  g_assert_false (prefill (context, NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
  logits = run (context);
  expect_same (logits);
}

/* --- Several, and stopping ------------------------------------------------------------------ */

/* Models, and contexts of one model, take turns on one device. */
static void
test_several (void)
{
  PmodModel *models[2];
  PmodContext *contexts[3];
  PmodParams params;
  int tokens[3][4];

  pmod_emulated_set_device (&pmod_emulated_device);
  for (int i = 0; i < 2; i++)
    models[i] = open_model (PMOD_DEVICE_CUDA);
  pmod_params_init (&params, pmod_model_get_config (models[0]));
  for (int i = 0; i < 3; i++)
    contexts[i] = device_new_context (models[i / 2]);
  for (int i = 0; i < 3; i++)
    {
      g_autoptr (GBytes) logits = run (contexts[i]);

      expect_same (logits);
    }
  for (int step = 0; step < 4; step++)
    for (int i = 0; i < 3; i++)
      g_assert_true (pmod_context_decode (contexts[i], &params, NULL, &tokens[i][step], NULL));
  g_assert_cmpmem (tokens[0], sizeof tokens[0], tokens[1], sizeof tokens[1]);
  g_assert_cmpmem (tokens[0], sizeof tokens[0], tokens[2], sizeof tokens[2]);
  g_clear_pointer (&contexts[2], pmod_context_free);
  g_clear_pointer (&models[1], pmod_model_unref);
  g_assert_true (pmod_context_decode (contexts[0], &params, NULL, &tokens[0][0], NULL));
  for (int i = 0; i < 2; i++)
    g_clear_pointer (&contexts[i], pmod_context_free);
  g_clear_pointer (&models[0], pmod_model_unref);
  device_expect_unused ();
}

typedef struct
{
  PmodContext *context;
  int layer;
} Stop;

static void
stop_after_layer (const PmodRecord *record, gpointer data)
{
  Stop *stop = data;

  if (record->type == PMOD_RECORD_STAGE &&
      ((const PmodRecordStage *)record)->stage == PMOD_STAGE_LAYER && record->layer == stop->layer)
    pmod_context_cancel (stop->context);
}

/* Stopped below and above the first router, then run to the end. */
static void
test_cancel (void)
{
  static const int layers[] = { 0, 9 };
  g_autoptr (PmodModel) model = NULL;

  pmod_emulated_set_device (&pmod_emulated_device);
  model = open_model (PMOD_DEVICE_CUDA);
  for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
    {
      g_autoptr (PmodContext) context = device_new_context (model);
      Stop stop = { context, layers[i] };
      g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, stop_after_layer, &stop);
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) logits = NULL;

      g_assert_false (prefill (context, trace, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
      g_assert_null (pmod_context_get_logits (context));
      logits = run (context);
      expect_same (logits);
    }
  g_clear_pointer (&model, pmod_model_unref);
  device_expect_unused ();
}

/* --- What it takes -------------------------------------------------------------------------- */

/* Of the memory that was free, to info, no more was used than was said. */
static void
expect_enough (const PmodModelInfo *info)
{
  gsize own = pmod_emulated_device.total_bytes - info->memory.free;

  g_test_message ("%zu bytes at most, %" G_GUINT64_FORMAT " said to be needed and %zu the "
                  "backend's own",
                  device_get_use ().peak_bytes, info->memory.total, own);
  g_assert_cmpuint (device_get_use ().peak_bytes, <=, info->memory.total + own);
}

/* A token step allocates nothing on the device, and what was promised to suffice does. */
static void
test_memory (void)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "tiny-pmod-12layer", NULL);
  PmodModelOptions options = { .device = PMOD_DEVICE_CUDA, .precision = PMOD_PRECISION_F32 };
  g_autoptr (PmodModelInfo) info = NULL;
  g_autoptr (PmodModel) model = NULL;
  g_autoptr (PmodContext) context = NULL;
  g_autoptr (GBytes) logits = NULL;
  PmodParams params;
  guint64 n_allocations;
  int token;

  pmod_emulated_set_device (&pmod_emulated_device);
  info = pmod_model_info_new (path, &options, NULL);
  device_expect_unused ();
  model = open_model (PMOD_DEVICE_CUDA);
  context = device_new_context (model);
  logits = run (context);
  pmod_params_init (&params, pmod_model_get_config (model));
  g_assert_true (pmod_context_decode (context, &params, NULL, &token, NULL));
  n_allocations = device_get_use ().n_calls[PMOD_EMULATED_MALLOC];
  for (int i = 0; i < 4; i++)
    g_assert_true (pmod_context_decode (context, &params, NULL, &token, NULL));
  g_assert_cmpuint (device_get_use ().n_calls[PMOD_EMULATED_MALLOC], ==, n_allocations);
  expect_enough (info);
}

/* Frames of a camera, each read once: from the third on nothing is allocated or freed on the
 * device, which would make the timeline beside wait, too. What was promised to suffice holds them.
 */
static void
test_frames (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", "demo-v0", NULL);
  PmodModelOptions options = { .device = PMOD_DEVICE_CUDA, .precision = PMOD_PRECISION_F32 };
  g_autoptr (PmodModelInfo) info = NULL;
  g_autoptr (PmodModel) model = NULL;
  g_autoptr (PmodContext) context = NULL;
  PmodEmulatedUse use = { 0 };
  PmodParams params;

  pmod_emulated_set_device (&pmod_emulated_device);
  info = pmod_model_info_new (path, &options, NULL);
  model = pmod_model_open (path, &options, NULL, NULL, NULL);
  g_assert_nonnull (model);
  context = device_new_context (model);
  pmod_params_init (&params, pmod_model_get_config (model));
  for (int i = 0; i < 3; i++)
    {
      guint8 pixels[4 * 3] = { (guint8)(40 * i), 99, 7, 255, 0, 31 };
      g_autoptr (PmodImage) frame = pmod_image_new (2, 2, 6, pixels);
      g_autoptr (PmodPrompt) prompt =
          pmod_prompt_new_raw (pmod_model_get_tokenizer (model), "<image>", &frame, 1, NULL);
      g_autoptr (GError) error = NULL;

      if (i == 2)
        use = device_get_use ();
      pmod_context_prefill (context, prompt, &params, NULL, &error);
      g_assert_no_error (error);
    }
  g_assert_cmpuint (device_get_use ().n_calls[PMOD_EMULATED_MALLOC], ==,
                    use.n_calls[PMOD_EMULATED_MALLOC]);
  g_assert_cmpint (device_get_use ().n_blocks, ==, use.n_blocks);
  expect_enough (info);
}

/* F16 is every card's; of itself it is taken where BF16 is not. The processor refuses it, and an
 * automatic choice of device says with it why there is no card. */
static void
test_precision (void)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "tiny-pmod-12layer", NULL);
  static const int capabilities[] = { 75, 80 };
  static const char *const automatic[] = { "f16", "bf16" };
  PmodEmulatedDevice device = pmod_emulated_device;
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < 2; i++)
    for (PmodPrecision precision = PMOD_PRECISION_AUTO; precision <= PMOD_PRECISION_F16;
         precision += PMOD_PRECISION_F16)
      {
        PmodModelOptions options = { .device = PMOD_DEVICE_CUDA, .precision = precision };
        g_autoptr (PmodModelInfo) info = NULL;

        device.compute_capability = capabilities[i];
        pmod_emulated_set_device (&device);
        info = pmod_model_info_new (path, &options, &error);
        g_assert_no_error (error);
        g_assert_cmpstr (info->precision_name, ==,
                         precision == PMOD_PRECISION_F16 ? "f16" : automatic[i]);
      }
  device.driver = PMOD_EMULATED_NO_DRIVER;
  pmod_emulated_set_device (&device);
  for (PmodDevice choice = PMOD_DEVICE_AUTO; choice <= PMOD_DEVICE_CPU; choice++)
    {
      PmodModelOptions options = { .device = choice, .precision = PMOD_PRECISION_F16 };

      g_assert_null (pmod_model_open (path, &options, NULL, NULL, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_DEVICE);
      g_assert_true (g_str_has_prefix (error->message, "precision f16: expected a device"));
      g_assert_true ((strstr (error->message, "driver") != NULL) == (choice == PMOD_DEVICE_AUTO));
      g_clear_error (&error);
    }
  pmod_emulated_set_device (&pmod_emulated_device);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    {
      g_autofree char *free_path = g_strconcat ("/engine-cuda/auto/", choices[i].name, NULL);
      g_autofree char *path = g_strconcat ("/engine-cuda/cuda/", choices[i].name, NULL);

      g_test_add_data_func (free_path, &choices[i], test_auto);
      g_test_add_data_func (path, &choices[i], test_demanded);
    }
  g_test_add_func ("/engine-cuda/full/load", test_full_load);
  g_test_add_func ("/engine-cuda/full/context", test_full_context);
  g_test_add_func ("/engine-cuda/full/picture", test_full_picture);
  g_test_add_func ("/engine-cuda/full/second", test_no_second);
  g_test_add_data_func ("/engine-cuda/broken/first", GINT_TO_POINTER (0), test_broken);
  g_test_add_data_func ("/engine-cuda/broken/later", GINT_TO_POINTER (70), test_broken);
  g_test_add_data_func ("/engine-cuda/refused/embedding", GINT_TO_POINTER (0), test_refused);
  g_test_add_data_func ("/engine-cuda/refused/layer", GINT_TO_POINTER (20), test_refused);
  g_test_add_data_func ("/engine-cuda/refused/later", GINT_TO_POINTER (70), test_refused);
  g_test_add_func ("/engine-cuda/refused/cancelled", test_refused_and_cancelled);
  g_test_add_func ("/engine-cuda/several", test_several);
  g_test_add_func ("/engine-cuda/cancel", test_cancel);
  g_test_add_func ("/engine-cuda/memory", test_memory);
  g_test_add_func ("/engine-cuda/frames", test_frames);
  g_test_add_func ("/engine-cuda/precision", test_precision);
  expected = run_anew (PMOD_DEVICE_CUDA);
  result = g_test_run ();
  g_bytes_unref (expected);
  return result;
}
