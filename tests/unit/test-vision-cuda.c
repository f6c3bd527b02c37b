/* Features of many pictures on a device: a stream of them takes memory once, they are right however
 * they come to lie beside each other, and what was asked for last is kept. On the emulated device,
 * with random weights, of which a picture's features depend on that picture alone. */
#include "config.h"

#include <string.h>

#include "device-check.h"
#include "pmod-context-private.h"

#define TILE 28
#define SIDE (TILE / 14)

/* Tiles of four patches each, up to 3 x 2 of them beside the whole. max_num_patches: 0 for all. */
static PmodModel *
new_model (int max_num_patches)
{
  static const int grids[][2] = { { 1, 2 }, { 2, 1 }, { 2, 2 }, { 3, 2 } };
  PmodModelOptions options = { .device = PMOD_DEVICE_CUDA, .precision = PMOD_PRECISION_F32 };
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodConfig) config = pmod_config_new_preset ("llava-next-7b", &error);
  PmodModel *model;

  g_assert_no_error (error);
  pmod_config_make_dense (config);
  config->n_layers = 1;
  config->hidden = config->ffn = 16;
  config->n_heads = config->n_kv_heads = 1;
  config->head_dim = 16;
  config->vocab = 64;
  config->context_length = 40;
  config->vision.hidden = config->vision.ffn = 16;
  config->vision.n_layers = 2;
  config->vision.n_heads = 1;
  config->vision.image_size = TILE;
  config->max_num_patches = max_num_patches;
  config->n_pinpoints = G_N_ELEMENTS (grids);
  for (guint i = 0; i < G_N_ELEMENTS (grids); i++)
    for (int side = 0; side < 2; side++)
      config->pinpoints[i][side] = grids[i][side] * TILE;
  pmod_emulated_set_device (&pmod_emulated_device);
  model = pmod_model_new_random (config, &options, NULL, NULL, &error);
  g_assert_no_error (error);
  return model;
}

static PmodImage *
new_picture (int width, int height, guint seed)
{
  g_autofree guint8 *rgb = g_malloc ((gsize)(width * height * 3));

  for (int i = 0; i < width * height * 3; i++)
    rgb[i] = (guint8)(((guint)i + 1) * (seed + 1) * 2654435761u >> 24);
  return pmod_image_new (width, height, (gsize)width * 3, rgb);
}

static void
count_encoded (const PmodRecord *record, gpointer data)
{
  const PmodRecordStage *stage = (const PmodRecordStage *)record;

  if (record->type == PMOD_RECORD_STAGE && stage->stage == PMOD_STAGE_VISION &&
      !(record->flags & PMOD_RECORD_FLAG_REUSED))
    ++*(int *)data;
}

/* Returns whether they were computed, and not kept. */
static gboolean
get_features (PmodContext *context, PmodImage *picture, GBytes **features)
{
  PmodBackend *backend = pmod_context_get_model (context)->backend;
  int n_encoded = 0;
  g_autoptr (PmodTrace) trace =
      pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, count_encoded, &n_encoded);
  g_autoptr (GError) error = NULL;
  g_autofree float *host = NULL;
  PmodTensor tensor;

  pmod_vision_features (context, picture, trace, &tensor, &error);
  g_assert_no_error (error);
  host = g_malloc (pmod_tensor_bytes (&tensor));
  pmod_download (backend, host, tensor.data, pmod_tensor_bytes (&tensor));
  g_assert_true (pmod_backend_sync (backend));
  *features = g_bytes_new_take (g_steal_pointer (&host), pmod_tensor_bytes (&tensor));
  return n_encoded > 0;
}

/* As a context has them that has seen no other picture. */
static GBytes *
get_features_alone (PmodModel *model, PmodImage *picture)
{
  PmodContext *context = device_new_context (model);
  GBytes *features;

  g_assert_true (get_features (context, picture, &features));
  pmod_context_free (context);
  return features;
}

/* --- A camera -------------------------------------------------------------------------------- */

/* Frames of one size, none like another: after the second one nothing is allocated or freed, which
 * would make the device wait for all that runs on it. */
static void
test_steady (gconstpointer max_num_patches)
{
  g_autoptr (PmodModel) model = new_model (GPOINTER_TO_INT (max_num_patches));
  PmodContext *context = device_new_context (model);
  PmodEmulatedUse use = { 0 };

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (PmodImage) frame = new_picture (90, 50, i);
      g_autoptr (GBytes) features = NULL;

      if (i == 2)
        use = device_get_use ();
      g_assert_true (get_features (context, frame, &features));
    }
  g_assert_cmpuint (device_get_use ().n_calls[PMOD_EMULATED_MALLOC], ==,
                    use.n_calls[PMOD_EMULATED_MALLOC]);
  g_assert_cmpint (device_get_use ().n_blocks, ==, use.n_blocks);
  pmod_context_free (context);
  g_clear_pointer (&model, pmod_model_unref);
  device_expect_unused ();
}

/* --- Pictures of all sizes ------------------------------------------------------------------- */

#define N_PICTURES 12

static const int sizes[][2] = { { 90, 50 }, { 30, 60 }, { 50, 50 }, { 400, 9 },
                                { 60, 20 }, { 9, 400 }, { 50, 41 }, { 1, 1 } };

typedef struct
{
  PmodImage *picture;
  GBytes *features;
  guint asked; /* when it was last; 0: never */
} Seen;

/* Whether a picture that was asked for before is kept: with those that were asked for since it is
 * no more than is promised. */
static gboolean
is_kept (const Seen *seen, const Seen *one, gint64 limit, gsize row_bytes)
{
  gsize n_rows = 0, n = 0;

  for (int i = 0; i < N_PICTURES; i++)
    if (seen[i].asked >= one->asked)
      {
        n_rows += g_bytes_get_size (seen[i].features) / row_bytes;
        n++;
      }
  return one->asked > 0 && n <= PMOD_FEATURE_SLOTS && n_rows <= (gsize)limit;
}

static void
test_mixed (gconstpointer max_num_patches)
{
  g_autoptr (PmodModel) model = new_model (GPOINTER_TO_INT (max_num_patches));
  const PmodConfig *config = pmod_model_get_config (model);
  gsize row_bytes = (gsize)config->hidden * sizeof (float), most = 0;
  gint64 limit = pmod_model_get_feature_rows (config);
  PmodContext *context = device_new_context (model);
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  Seen seen[N_PICTURES] = { 0 };
  int n_kept = 0;

  for (guint i = 0; i < N_PICTURES; i++)
    {
      seen[i].picture =
          new_picture (sizes[i % G_N_ELEMENTS (sizes)][0], sizes[i % G_N_ELEMENTS (sizes)][1], i);
      seen[i].features = get_features_alone (model, seen[i].picture);
      most = MAX (most, g_bytes_get_size (seen[i].features) / row_bytes);
    }
  /* The largest fits three times, which is all that there is room for. */
  g_assert_cmpint (limit, >=, 3 * (gint64)most);
  g_assert_cmpint (limit, <, 4 * 7 * SIDE * SIDE);
  for (guint i = 1; i <= 80; i++)
    {
      Seen *one = &seen[g_rand_int_range (random, 0, i % 3 ? 6 : N_PICTURES)];
      gboolean kept = is_kept (seen, one, limit, row_bytes);
      g_autoptr (GBytes) features = NULL;
      gboolean encoded = get_features (context, one->picture, &features);

      g_assert_true (g_bytes_equal (features, one->features));
      g_assert_false (kept && encoded);
      n_kept += kept;
      one->asked = i;
    }
  g_test_message ("%d of 80 had to be kept", n_kept);
  g_assert_cmpint (n_kept, >, 20);
  g_assert_cmpint (n_kept, <, 75);
  pmod_context_free (context);
  for (int i = 0; i < N_PICTURES; i++)
    {
      pmod_image_unref (seen[i].picture);
      g_bytes_unref (seen[i].features);
    }
  g_clear_pointer (&model, pmod_model_unref);
  device_expect_unused ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/vision-cuda/steady/whole", GINT_TO_POINTER (0), test_steady);
  g_test_add_data_func ("/vision-cuda/steady/shrunk", GINT_TO_POINTER (3), test_steady);
  g_test_add_data_func ("/vision-cuda/mixed/whole", GINT_TO_POINTER (0), test_mixed);
  g_test_add_data_func ("/vision-cuda/mixed/shrunk", GINT_TO_POINTER (3), test_mixed);
  return g_test_run ();
}
