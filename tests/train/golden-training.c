/* See golden-training.h. */
#include "golden-training.h"

#include "pmod-merge.h"

static PmodDevice device = PMOD_DEVICE_CPU;

void
golden_training_set_device (PmodDevice which)
{
  device = which;
}

static PmodPixels *
load_pixels (const char *name, const PmodConfig *config)
{
  g_autofree char *part = g_build_filename ("images", name, NULL);
  g_autofree char *path = golden_path (part);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodImage) image = pmod_image_load (path, 0, &error);
  PmodPixels *pixels;

  g_assert_no_error (error);
  pixels = pmod_pixels_new (image, config, &error);
  g_assert_no_error (error);
  return pixels;
}

/* labels as the reference has them: each beside its own token. */
static PmodSample *
make_sample (JsonObject *json, PmodSafetensors *file, const PmodConfig *config)
{
  JsonArray *images = json_object_get_array_member (json, "images");
  int n_images = (int)json_array_get_length (images);
  g_autofree PmodPixels **pixels = g_new0 (PmodPixels *, MAX (n_images, 1));
  gsize n, n_labels;
  const gint32 *ids = golden_ints (file, "input_ids", &n);
  const gint32 *labels = golden_ints (file, "labels", &n_labels);
  g_autofree gint32 *learnt = g_new (gint32, n);

  g_assert_cmpuint (n, ==, n_labels);
  for (gsize i = 0; i < n; i++)
    {
      learnt[i] = labels[i] >= 0 ? 0 : -1;
      g_assert_true (labels[i] < 0 || labels[i] == ids[i]);
    }
  for (int i = 0; i < n_images; i++)
    pixels[i] = load_pixels (json_array_get_string_element (images, (guint)i), config);
  return pmod_sample_new_merged (config, ids, learnt, (int)n, pixels, n_images);
}

PmodSample *
golden_training_sample (const GoldenTraining *self, JsonObject *json, PmodSafetensors **file)
{
  g_autofree char *name =
      g_build_filename ("golden-grad", json_object_get_string_member (json, "tensors"), NULL);

  *file = golden_load (name);
  return make_sample (json, *file, self->weights->config);
}

static PmodBackend *
new_backend (void)
{
  char reason[256];
  PmodBackend *backend = device == PMOD_DEVICE_CPU
                             ? pmod_backend_new_cpu (0, PMOD_CPU_BEST)
                             : pmod_backend_new_cuda (0, reason, sizeof reason);

  g_assert_nonnull (backend);
  return backend;
}

void
golden_training_clear_gradients (GoldenTraining *self)
{
  PmodTensor all =
      pmod_tensor_1d (self->gradients, PMOD_DTYPE_F32, (gint64)self->weights->n_elements);

  pmod_fill (self->backend, &all, 0);
}

static float *
read_block (const GoldenTraining *self, const float *block)
{
  gsize n = self->weights->n_elements;
  float *copy = g_new (float, n);

  pmod_download (self->backend, copy, block, n * sizeof *copy);
  g_assert_true (pmod_backend_sync (self->backend));
  return copy;
}

float *
golden_training_read_gradients (const GoldenTraining *self)
{
  return read_block (self, self->gradients);
}

float *
golden_training_read_weights (const GoldenTraining *self)
{
  return read_block (self, self->weights->values);
}

void
golden_training_set_up (GoldenTraining *self, JsonObject *json, gboolean dense, gboolean recompute)
{
  g_autofree char *path = golden_path (json_object_get_string_member (json, "checkpoint"));
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodCheckpoint) checkpoint = pmod_checkpoint_open (path, NULL, &error);
  g_autoptr (PmodConfig) config = NULL;
  PmodNetworkOptions options = { recompute, PMOD_PART_ALL, NULL };

  g_assert_no_error (error);
  config = pmod_config_copy (pmod_checkpoint_get_config (checkpoint));
  if (dense)
    pmod_config_make_dense (config);
  self->backend = new_backend ();
  self->weights = pmod_weights_new (config, device == PMOD_DEVICE_CPU ? NULL : self->backend,
                                    PMOD_DTYPE_F32, 0, checkpoint, &error);
  g_assert_no_error (error);
  self->gradients = pmod_alloc (self->backend, self->weights->n_elements * sizeof (float));
  golden_training_clear_gradients (self);
  self->network = pmod_network_new (self->weights, self->backend, self->gradients);
  pmod_network_set_options (self->network, &options);
}

void
golden_training_tear_down (GoldenTraining *self)
{
  pmod_network_free (self->network);
  pmod_weights_free (self->weights);
  pmod_free (self->backend, self->gradients);
  pmod_backend_free (self->backend);
}
