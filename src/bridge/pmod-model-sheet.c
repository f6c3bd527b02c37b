/* PmodModelSheet: see pmod-model-sheet.h. */
#include "config.h"

#include "pmod-model-sheet-private.h"

#include <gio/gio.h>
#include <string.h>

#include "pmod-hub.h"
#include "pmod-model-card-private.h"

#define CARD_BYTES (64 * 1024) /* of a README that are looked at for the licence */
#define SHORT_COMMIT 12

G_DEFINE_BOXED_TYPE (PmodModelSheet, pmod_model_sheet, pmod_model_sheet_ref, pmod_model_sheet_unref)

static void
clear_sheet (gpointer data)
{
  PmodModelSheet *self = data;

  g_free (self->error);
  g_free (self->about);
  g_free (self->note);
  g_free (self->licence);
  g_free (self->origin);
  g_free (self->dtypes);
  g_free (self->tower);
  g_free (self->precision);
  g_free (self->device);
}

PmodModelSheet *
pmod_model_sheet_ref (PmodModelSheet *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
pmod_model_sheet_unref (PmodModelSheet *self)
{
  g_atomic_rc_box_release_full (self, clear_sheet);
}

PmodFit
pmod_model_sheet_get_fit (const PmodModelSheet *self)
{
  if (self->error)
    return PMOD_FIT_NO;
  if (self->needed <= self->free)
    return PMOD_FIT_YES;
  /* A graphics card lends nothing. */
  return self->on_cpu && self->needed <= self->total ? PMOD_FIT_TIGHT : PMOD_FIT_NO;
}

/* --- Reading --------------------------------------------------------------------------------- */

static guint64
measure_folder (const char *path)
{
  g_autoptr (GFile) folder = g_file_new_for_path (path);
  guint64 bytes = 0;

  g_file_measure_disk_usage (folder, G_FILE_MEASURE_APPARENT_SIZE, NULL, NULL, NULL, &bytes, NULL,
                             NULL, NULL);
  return bytes;
}

/* "license: apache-2.0" between the two lines of three dashes that a card begins with. */
static char *
find_licence (const char *card)
{
  g_auto (GStrv) lines = g_strsplit (card, "\n", -1);

  if (!lines[0] || strcmp (g_strchomp (lines[0]), "---") != 0)
    return NULL;
  for (char **line = lines + 1; *line && strcmp (g_strchomp (*line), "---") != 0; line++)
    if (g_str_has_prefix (*line, "license:"))
      {
        char *value = g_strstrip (g_strdup (*line + strlen ("license:")));

        if (*value != '\0')
          return value;
        g_free (value);
      }
  return NULL;
}

static char *
read_licence (const char *path)
{
  g_autofree char *name = g_build_filename (path, "README.md", NULL);
  g_autofree char *licence = g_build_filename (path, "LICENSE", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (name);
  g_autoptr (GFileInputStream) stream = g_file_read (file, NULL, NULL);
  g_autofree char *card = g_malloc0 (CARD_BYTES + 1);
  g_autofree char *found = NULL;
  gsize n = 0;

  if (stream &&
      g_input_stream_read_all (G_INPUT_STREAM (stream), card, CARD_BYTES, &n, NULL, NULL) &&
      g_utf8_validate (card, (gssize)strlen (card), NULL))
    found = find_licence (card);
  if (!found && g_file_test (licence, G_FILE_TEST_IS_REGULAR))
    return g_strdup ("LICENSE");
  return g_steal_pointer (&found);
}

static char *
read_origin (const char *path)
{
  PmodHubOptions options = { .folder = path };
  g_autoptr (PmodHubPlan) plan = pmod_hub_plan_load (&options, NULL);

  return plan ? g_strdup_printf ("%s at %.*s", pmod_hub_plan_get_repo (plan), SHORT_COMMIT,
                                 pmod_hub_plan_get_commit (plan))
              : NULL;
}

static void
take_words (PmodModelSheet *self, const char *path)
{
  g_autoptr (PmodModelCard) card = pmod_model_card_new ();

  card->path = g_strdup (path);
  pmod_model_card_read_words (card);
  self->about = g_steal_pointer (&card->about);
  self->note = g_steal_pointer (&card->note);
  self->licence = read_licence (path);
  self->origin = read_origin (path);
}

static void
take_shape (PmodModelSheet *self, const PmodConfig *config)
{
  double ratios[PMOD_MAX_LAYERS];
  PmodParams params;

  pmod_params_init (&params, config);
  self->n_layers = config->n_layers;
  self->context_length = config->context_length;
  if (config->has_vision)
    {
      self->n_vision = pmod_config_tile_tokens (config);
      self->image_size = config->vision.image_size;
    }
  if (pmod_routing_ratios (&params.routing, config, ratios, NULL))
    for (int l = 0; l < config->n_layers; l++)
      self->n_routed += ratios[l] >= 0;
}

static void
take_info (PmodModelSheet *self, PmodModelInfo *info)
{
  self->n_parameters = info->n_parameters;
  self->dtypes = g_steal_pointer (&info->dtypes);
  self->precision = g_steal_pointer (&info->precision_name);
  self->device = g_steal_pointer (&info->device_name);
  self->weights = info->memory.weights;
  self->kv = info->memory.kv;
  self->scratch = info->memory.scratch;
  self->needed = info->memory.total;
  self->free = info->memory.free;
  if (!info->config->has_vision)
    self->tower = g_strdup ("");
  else if (!info->tower_inside)
    self->tower = g_strdup (info->config->vision_tower);
}

PmodModelSheet *
pmod_model_sheet_read (const char *path, const PmodModelOptions *options)
{
  PmodModelSheet *self = g_atomic_rc_box_new0 (PmodModelSheet);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModelInfo) info = pmod_model_info_new (path, options, &error);
  g_autoptr (PmodDeviceInfo) device = info ? pmod_device_info_new (options, &error) : NULL;

  self->disk_bytes = measure_folder (path);
  take_words (self, path);
  if (!device)
    {
      self->error = g_strdup (error->message);
      return self;
    }
  take_info (self, info);
  take_shape (self, info->config);
  self->total = device->total;
  self->on_cpu = device->is_cpu;
  return self;
}
