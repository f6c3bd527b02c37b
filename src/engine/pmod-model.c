/* A model: finding it, asking what it needs, opening it, and what can be said of it.
 *
 * Owner: whoever opens it; immutable afterwards. The weights' way to the backend is
 * pmod-model-load.c. */
#include "config.h"

#include <string.h>

#include "pmod-checkpoint.h"
#include "pmod-meter.h"
#include "pmod-model-private.h"

static const PmodModelOptions default_options;

static const char *
precision_name (PmodDtype act)
{
  if (act == PMOD_DTYPE_F32)
    return "f32";
  return act == PMOD_DTYPE_F16 ? "f16" : "bf16";
}

/* --- What it needs -------------------------------------------------------------------------- */

static guint64
measure_weights (const PmodConfig *config, guint64 act_bytes)
{
  guint64 d = config->hidden;
  guint64 n_q = (guint64)config->n_heads * config->head_dim;
  guint64 n_kv = (guint64)config->n_kv_heads * config->head_dim;
  guint64 layer = d * (2 * n_q + 2 * n_kv) + 3 * d * config->ffn;
  guint64 weights = config->n_layers * layer * act_bytes;

  /* Head and table of embeddings. The table stays in the checkpoint's own type, not known here. */
  weights += 2 * config->vocab * d * act_bytes;
  weights += (guint64)config->context_length * config->head_dim * sizeof (float);
  if (config->has_vision)
    {
      guint64 dv = config->vision.hidden;

      weights += pmod_config_n_tower_blocks (config) * (4 * dv * dv + 2 * dv * config->vision.ffn) *
                 act_bytes;
      weights += (dv * d + d * d) * act_bytes;
    }
  return weights;
}

/* The most tiles that one picture is cut into. */
static guint64
max_tiles (const PmodConfig *config)
{
  guint64 size = config->vision.image_size;
  guint64 most = 0;

  if (config->image_mode != PMOD_IMAGE_ANYRES)
    return 1;
  for (int i = 0; i < config->n_pinpoints; i++)
    most = MAX (most, config->pinpoints[i][0] / size * (config->pinpoints[i][1] / size));
  return 1 + most;
}

/* Tokens of the largest picture: each row of a map of tiles ends in a newline. */
static guint64
max_tokens (const PmodConfig *config)
{
  guint64 size = config->vision.image_size, side = size / config->vision.patch_size;
  guint64 most = 0;

  for (int i = 0; config->image_mode == PMOD_IMAGE_ANYRES && i < config->n_pinpoints; i++)
    most = MAX (most, config->pinpoints[i][1] / size * side *
                          (config->pinpoints[i][0] / size * side + 1));
  return side * side + most;
}

gint64
pmod_model_get_feature_rows (const PmodConfig *config)
{
  return config->has_vision ? (gint64)MAX (3 * max_tokens (config), (guint64)config->context_length)
                            : 0;
}

gboolean
pmod_model_shrinks_maps (const PmodConfig *config)
{
  return config->image_mode == PMOD_IMAGE_ANYRES && config->max_num_patches > 0;
}

/* Memory of the tower for the largest picture, and the features that are kept of pictures seen. */
static guint64
measure_vision (const PmodConfig *config, guint64 act_bytes)
{
  const PmodVisionConfig *vision = &config->vision;
  guint64 dv = vision->hidden;
  guint64 d = config->hidden;
  guint64 patch_values = 3 * (guint64)vision->patch_size * vision->patch_size;
  guint64 rows, product, maps;

  if (!config->has_vision)
    return 0;
  rows = max_tiles (config) * (pmod_config_tile_tokens (config) + 1);
  /* A device sums products with a bias apart; and a map is shrunk from one piece into another. */
  product = MAX (MAX (3 * dv, (guint64)vision->ffn), d);
  maps = pmod_model_shrinks_maps (config) ? 2 * d : 0;
  return rows * (patch_values + 5 * dv + d + product + maps) * sizeof (float) +
         rows * (patch_values + 6 * dv + vision->ffn + d) * act_bytes +
         ((guint64)pmod_model_get_feature_rows (config) * d + 2 * max_tokens (config)) *
             sizeof (float);
}

void
pmod_model_measure (const PmodConfig *config, PmodDtype act, PmodMemory *memory)
{
  guint64 act_bytes = pmod_dtype_size (act);
  guint64 t = config->context_length;
  guint64 n_q = (guint64)config->n_heads * config->head_dim;
  guint64 n_kv = (guint64)config->n_kv_heads * config->head_dim;
  guint64 row_f32 = 4 * (guint64)config->hidden + n_q + 2 * n_kv;
  guint64 row_act = config->hidden + 2 * n_q + 3 * (guint64)config->ffn;

  memory->weights = measure_weights (config, act_bytes);
  memory->kv = config->n_layers * 2 * t * n_kv * act_bytes;
  memory->scratch = t * (row_f32 * sizeof (float) + row_act * act_bytes) +
                    (guint64)config->n_layers * t * (2 * sizeof (float) + 1) +
                    config->vocab * sizeof (float) + measure_vision (config, act_bytes);
  memory->total = memory->weights + memory->kv + memory->scratch;
}

static gboolean
check_fits (const PmodMemory *memory, GError **error)
{
  g_autofree char *weights = g_format_size (memory->weights);
  g_autofree char *kv = g_format_size (memory->kv);
  g_autofree char *scratch = g_format_size (memory->scratch);
  g_autofree char *total = g_format_size (memory->total);
  g_autofree char *room = g_format_size (memory->free);

  if (memory->total <= memory->free)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_MEMORY,
               "the model does not fit: weights %s + KV cache %s + scratch %s = %s, but only %s "
               "are free",
               weights, kv, scratch, total, room);
  return FALSE;
}

/* --- Backend -------------------------------------------------------------------------------- */

/* fallback (transfer full): see pmod_model_get_fallback(). */
static PmodBackend *
open_backend (const PmodModelOptions *options, char **fallback, GError **error)
{
  static const PmodCpuLevel levels[] = {
    [PMOD_CPU_LEVEL_BEST] = PMOD_CPU_BEST,
    [PMOD_CPU_LEVEL_PORTABLE] = PMOD_CPU_PORTABLE,
    [PMOD_CPU_LEVEL_AVX2] = PMOD_CPU_AVX2,
    [PMOD_CPU_LEVEL_AVX512] = PMOD_CPU_AVX512,
    [PMOD_CPU_LEVEL_AVX512_BF16] = PMOD_CPU_AVX512_BF16,
  };
  char reason[256] = "";
  PmodBackend *backend = NULL;

  if (options->device != PMOD_DEVICE_CPU)
    backend = pmod_backend_new_cuda (0, reason, sizeof reason);
  if (backend != NULL)
    return backend;
  if (options->device == PMOD_DEVICE_CUDA)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_DEVICE, "device cuda: %s; --device cpu works",
                   reason);
      return NULL;
    }
  backend = pmod_backend_new_cpu (options->n_threads, levels[options->cpu_level]);
  if (backend == NULL)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_MEMORY, "device cpu: no memory for its state");
  else if (options->device == PMOD_DEVICE_AUTO)
    *fallback = g_strdup_printf ("device cuda: %s", reason);
  return backend;
}

/* fallback: why it is not the device that was hoped for, or NULL. */
static gboolean
choose_act (const PmodModelOptions *options,
            const PmodBackendInfo *info,
            const char *fallback,
            PmodDtype *act,
            GError **error)
{
  switch (options->precision)
    {
    case PMOD_PRECISION_F32:
      *act = PMOD_DTYPE_F32;
      return TRUE;
    case PMOD_PRECISION_BF16:
      *act = PMOD_DTYPE_BF16;
      return TRUE;
    case PMOD_PRECISION_F16:
      *act = PMOD_DTYPE_F16;
      if (info->f16_native)
        return TRUE;
      g_set_error (
          error, PMOD_ERROR, PMOD_ERROR_DEVICE,
          "precision f16: expected a device that multiplies it, got %s, which has bf16 and "
          "f32%s%s",
          info->name, fallback != NULL ? "; " : "", fallback != NULL ? fallback : "");
      return FALSE;
    case PMOD_PRECISION_AUTO:
    default:
      *act = info->bf16_native  ? PMOD_DTYPE_BF16
             : info->f16_native ? PMOD_DTYPE_F16
                                : PMOD_DTYPE_F32;
      return TRUE;
    }
}

gboolean
pmod_model_check (PmodModel *self, const char *what, GError **error)
{
  if (pmod_backend_sync (self->backend))
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_DEVICE, "%s on %s: %s", what,
               pmod_backend_name (self->backend), pmod_backend_get_error (self->backend));
  pmod_backend_clear_error (self->backend);
  return FALSE;
}

/* --- Opening -------------------------------------------------------------------------------- */

static void
free_model (PmodModel *self)
{
  if (self->beside != NULL)
    {
      pmod_backend_free (self->backend);
      pmod_model_unref (self->beside);
      g_free (self);
      return;
    }
  for (guint i = 0; i < self->matrices->len; i++)
    pmod_matrix_free (self->backend, self->matrices->pdata[i]);
  for (guint i = 0; i < self->memory->len; i++)
    pmod_free (self->backend, self->memory->pdata[i]);
  g_clear_pointer (&self->matrices, g_ptr_array_unref);
  g_clear_pointer (&self->memory, g_ptr_array_unref);
  g_clear_pointer (&self->backend, pmod_backend_free);
  g_clear_pointer (&self->tokenizer, pmod_tokenizer_free);
  g_clear_pointer (&self->config, pmod_config_free);
  g_free (self->tower.blocks);
  g_free (self->layers);
  g_free (self->device_name);
  g_free (self->fallback);
  g_free (self->path);
  g_free (self);
}

/* Takes config. */
static PmodModel *
new_model (PmodConfig *config, const PmodModelOptions *options, GError **error)
{
  PmodModel *self = g_new0 (PmodModel, 1);
  PmodBackendInfo info;
  PmodMemory memory;

  g_atomic_ref_count_init (&self->ref_count);
  self->config = config;
  self->memory = g_ptr_array_new ();
  self->matrices = g_ptr_array_new ();
  self->backend = open_backend (options, &self->fallback, error);
  if (self->backend == NULL)
    {
      free_model (self);
      return NULL;
    }

  pmod_backend_get_info (self->backend, &info);
  self->device_name = g_strdup (info.name);
  self->n_threads = info.n_threads;
  self->host_memory = info.host_memory;
  if (!choose_act (options, &info, self->fallback, &self->act, error))
    {
      free_model (self);
      return NULL;
    }
  pmod_model_measure (config, self->act, &memory);
  memory.free = options->memory_limit > 0 ? options->memory_limit : info.free_bytes;
  if (!check_fits (&memory, error))
    {
      free_model (self);
      return NULL;
    }
  return self;
}

static gboolean
load_tokenizer (PmodModel *self, GError **error)
{
  int n_pieces;

  self->tokenizer = pmod_tokenizer_new (self->path, error);
  if (self->tokenizer == NULL)
    return FALSE;
  n_pieces = pmod_tokenizer_get_n_pieces (self->tokenizer);
  if (n_pieces <= self->config->vocab)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "%s/tokenizer.model: expected at most %d pieces (config.json: vocab_size), got %d",
               self->path, self->config->vocab, n_pieces);
  return FALSE;
}

PmodModel *
pmod_model_open (const char *path,
                 const PmodModelOptions *options,
                 PmodProgressFunc progress,
                 gpointer user_data,
                 GError **error)
{
  g_autofree char *dir = NULL;
  g_autoptr (PmodCheckpoint) checkpoint = NULL;
  g_autoptr (PmodModel) self = NULL;
  gint64 start_us = g_get_monotonic_time ();

  g_return_val_if_fail (path != NULL, NULL);

  if (options == NULL)
    options = &default_options;
  dir = pmod_model_find (path, error);
  if (dir == NULL)
    return NULL;
  checkpoint = pmod_checkpoint_open (dir, options->vision_tower, error);
  if (checkpoint == NULL)
    return NULL;
  self = new_model (pmod_config_copy (pmod_checkpoint_get_config (checkpoint)), options, error);
  if (self == NULL)
    return NULL;
  self->path = g_steal_pointer (&dir);
  if (!load_tokenizer (self, error) ||
      !pmod_model_load_weights (self, checkpoint, options, progress, user_data, error))
    return NULL;
  self->load_ns = (guint64)(g_get_monotonic_time () - start_us) * 1000;
  return g_steal_pointer (&self);
}

PmodModel *
pmod_model_new_random (const PmodConfig *config,
                       const PmodModelOptions *options,
                       PmodProgressFunc progress,
                       gpointer user_data,
                       GError **error)
{
  g_autoptr (PmodModel) self = NULL;
  gint64 start_us = g_get_monotonic_time ();

  g_return_val_if_fail (config != NULL, NULL);

  if (options == NULL)
    options = &default_options;
  self = new_model (pmod_config_copy (config), options, error);
  if (self == NULL || !pmod_model_load_weights (self, NULL, options, progress, user_data, error))
    return NULL;
  self->path = g_strdup ("random");
  self->load_ns = (guint64)(g_get_monotonic_time () - start_us) * 1000;
  return g_steal_pointer (&self);
}

/* Whether a context beside leaves to one of self that has begun what its largest picture takes:
 * that was promised when the model was opened, and is taken when such a picture comes. */
static gboolean
has_room_beside (PmodModel *self, PmodBackend *backend)
{
  PmodBackendInfo info;
  PmodMemory memory;

  pmod_backend_get_info (backend, &info);
  pmod_model_measure (self->config, self->act, &memory);
  return memory.kv + memory.scratch + measure_vision (self->config, pmod_dtype_size (self->act)) <=
         info.free_bytes;
}

PmodModel *
pmod_model_new_beside (PmodModel *self)
{
  PmodBackend *backend = pmod_backend_new_beside (self->backend);
  PmodModel *beside;

  if (backend == NULL || !has_room_beside (self, backend))
    {
      pmod_backend_free (backend);
      return NULL;
    }
  beside = g_memdup2 (self, sizeof *self);
  g_atomic_ref_count_init (&beside->ref_count);
  beside->backend = backend;
  beside->beside = pmod_model_ref (self);
  return beside;
}

PmodModel *
pmod_model_ref (PmodModel *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
pmod_model_unref (PmodModel *self)
{
  if (g_atomic_ref_count_dec (&self->ref_count))
    free_model (self);
}

/* --- What can be said of it ----------------------------------------------------------------- */

const PmodConfig *
pmod_model_get_config (const PmodModel *self)
{
  return self->config;
}

PmodTokenizer *
pmod_model_get_tokenizer (const PmodModel *self)
{
  return self->tokenizer;
}

const char *
pmod_model_get_path (const PmodModel *self)
{
  return self->path;
}

const char *
pmod_model_get_device_name (const PmodModel *self)
{
  return self->device_name;
}

const char *
pmod_model_get_backend_name (const PmodModel *self)
{
  return pmod_backend_name (self->backend);
}

const char *
pmod_model_get_fallback (const PmodModel *self)
{
  return self->fallback;
}

const char *
pmod_model_get_precision_name (const PmodModel *self)
{
  return precision_name (self->act);
}

int
pmod_model_get_n_threads (const PmodModel *self)
{
  return self->n_threads;
}

guint64
pmod_model_get_weight_bytes (const PmodModel *self)
{
  return self->weight_bytes;
}

guint64
pmod_model_get_load_ns (const PmodModel *self)
{
  return self->load_ns;
}

guint64
pmod_model_get_kv_token_bytes (const PmodModel *self)
{
  return pmod_meter_kv_token_bytes (self->config, (int)pmod_dtype_size (self->act));
}

PmodDeviceInfo *
pmod_device_info_new (const PmodModelOptions *options, GError **error)
{
  PmodDeviceInfo *self;
  PmodBackendInfo info;
  char *fallback = NULL;
  PmodBackend *backend =
      open_backend (options != NULL ? options : &default_options, &fallback, error);

  if (backend == NULL)
    return NULL;
  pmod_backend_get_info (backend, &info);
  self = g_new0 (PmodDeviceInfo, 1);
  self->name = g_strdup (info.name);
  self->fallback = fallback;
  self->is_cpu = strcmp (pmod_backend_name (backend), "cpu") == 0;
  self->bf16_native = info.bf16_native;
  self->f16_native = info.f16_native;
  self->free = info.free_bytes;
  self->total = info.total_bytes;
  pmod_backend_free (backend);
  return self;
}

void
pmod_device_info_free (PmodDeviceInfo *self)
{
  g_free (self->name);
  g_free (self->fallback);
  g_free (self);
}

PmodModelInfo *
pmod_model_info_new (const char *path, const PmodModelOptions *options, GError **error)
{
  g_autofree char *dir = NULL;
  g_autoptr (PmodCheckpoint) checkpoint = NULL;
  PmodBackend *backend;
  PmodBackendInfo backend_info;
  PmodModelInfo *info;
  PmodDtype act;
  char *fallback = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  if (options == NULL)
    options = &default_options;
  dir = pmod_model_find (path, error);
  if (dir == NULL)
    return NULL;
  checkpoint = pmod_checkpoint_open (dir, options->vision_tower, error);
  if (checkpoint == NULL)
    return NULL;
  backend = open_backend (options, &fallback, error);
  if (backend == NULL)
    return NULL;
  pmod_backend_get_info (backend, &backend_info);
  if (!choose_act (options, &backend_info, fallback, &act, error))
    {
      pmod_backend_free (backend);
      g_free (fallback);
      return NULL;
    }

  info = g_new0 (PmodModelInfo, 1);
  info->config = pmod_config_copy (pmod_checkpoint_get_config (checkpoint));
  info->path = g_steal_pointer (&dir);
  info->file_bytes = pmod_checkpoint_get_bytes (checkpoint);
  info->n_parameters = pmod_config_n_parameters (info->config);
  info->n_tensors = (int)pmod_checkpoint_get_n_tensors (checkpoint);
  info->n_shards = (int)pmod_checkpoint_get_n_shards (checkpoint);
  info->dtypes = pmod_checkpoint_describe_dtypes (checkpoint);
  info->tower_inside = pmod_checkpoint_is_tower_inside (checkpoint);
  pmod_model_measure (info->config, act, &info->memory);
  info->memory.free = options->memory_limit > 0 ? options->memory_limit : backend_info.free_bytes;
  info->device_name = g_strdup (backend_info.name);
  info->fallback = fallback;
  info->precision_name = g_strdup (precision_name (act));
  pmod_backend_free (backend);
  return info;
}

void
pmod_model_info_free (PmodModelInfo *self)
{
  pmod_config_free (self->config);
  g_free (self->path);
  g_free (self->dtypes);
  g_free (self->device_name);
  g_free (self->fallback);
  g_free (self->precision_name);
  g_free (self);
}

/* --- Finding -------------------------------------------------------------------------------- */

/* Directories of installed models, the user's own first. */
static char **
list_model_dirs (void)
{
  g_autoptr (GStrvBuilder) dirs = g_strv_builder_new ();
  g_autofree char *own = g_build_filename (g_get_user_data_dir (), "strata", "models", NULL);

  g_strv_builder_add_many (dirs, own, STRATA_PKGDATADIR G_DIR_SEPARATOR_S "models",
                           STRATA_SOURCE_DIR G_DIR_SEPARATOR_S "data" G_DIR_SEPARATOR_S "models",
                           NULL);
  return g_strv_builder_end (dirs);
}

static gboolean
is_model_dir (const char *dir)
{
  g_autofree char *config = g_build_filename (dir, "config.json", NULL);

  return g_file_test (config, G_FILE_TEST_IS_REGULAR);
}

char *
pmod_model_find (const char *name_or_path, GError **error)
{
  g_auto (GStrv) dirs = list_model_dirs ();
  g_autofree char *names = NULL;
  g_auto (GStrv) installed = NULL;

  if (g_file_test (name_or_path, G_FILE_TEST_IS_DIR))
    {
      if (is_model_dir (name_or_path))
        return g_strdup (name_or_path);
    }
  else if (g_file_test (name_or_path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
                   "%s: expected a directory with config.json and safetensors files, got a file",
                   name_or_path);
      return NULL;
    }

  if (*name_or_path != '\0' && strchr (name_or_path, G_DIR_SEPARATOR) == NULL)
    for (char **dir = dirs; *dir != NULL; dir++)
      {
        g_autofree char *path = g_build_filename (*dir, name_or_path, NULL);

        if (is_model_dir (path))
          return g_steal_pointer (&path);
      }

  installed = pmod_model_list_installed ();
  names = g_strjoinv (", ", installed);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
               "model \"%s\": no directory with a config.json, and no installed model of that "
               "name (installed: %s)",
               name_or_path, *names != '\0' ? names : "none");
  return NULL;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

char **
pmod_model_list_installed (void)
{
  g_auto (GStrv) dirs = list_model_dirs ();
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  for (char **path = dirs; *path != NULL; path++)
    {
      g_autoptr (GDir) dir = g_dir_open (*path, 0, NULL);
      const char *name;

      while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *model = g_build_filename (*path, name, NULL);

          if (is_model_dir (model) &&
              !g_ptr_array_find_with_equal_func (names, name, g_str_equal, NULL))
            g_ptr_array_add (names, g_strdup (name));
        }
    }
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_steal (names, NULL);
}
