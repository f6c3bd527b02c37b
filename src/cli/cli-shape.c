/* Finds the shape that flops and bench work on. */
#include "cli-shape.h"

#define PAPER_TEXT_TOKENS 58 /* of the paper's FLOP counts */
#define MAX_TOKENS (1 << 24)
#define MAX_TILES (1 << 16)

/* A preset has no weights, so that every layer may have a router; "constant" routes those that
 * have one and must not grow by this. */
static void
allow_routers (CliShape *self, const CliOptions *options)
{
  PmodScheduleKind kind = options->has_schedule ? options->schedule : self->config->schedule.kind;

  for (int i = 0; i < self->config->n_layers; i++)
    if (kind != PMOD_SCHEDULE_CONSTANT || options->ratio[i] >= 0)
      self->config->has_router[i] = TRUE;
}

static gboolean
load_config (CliShape *self, const CliOptions *options, GError **error)
{
  self->config = pmod_config_new_preset (self->name, NULL);
  if (self->config == NULL)
    {
      self->directory = pmod_model_find (self->name, error);
      if (self->directory == NULL)
        return FALSE;
      self->config = pmod_config_load (self->directory, options->model.vision_tower, error);
      if (self->config == NULL)
        return FALSE;
    }
  allow_routers (self, options);
  return TRUE;
}

/* A square picture: one tile, or the largest square grid of two by two tiles. */
static gboolean
count_square (CliShape *self, GError **error)
{
  const PmodConfig *config = self->config;
  int side = 2 * config->vision.image_size;
  g_autoptr (PmodPixels) layout = NULL;

  if (!config->has_vision)
    return TRUE;
  layout = pmod_pixels_new_layout (side, side, config, error);
  if (layout == NULL)
    return FALSE;
  self->n_vision = layout->n_tokens;
  return TRUE;
}

static gboolean
read_tokens (CliShape *self, const CliShapeTexts *texts, GError **error)
{
  gint64 per_tile;

  self->n_text = PAPER_TEXT_TOKENS;
  if (texts->text_tokens != NULL &&
      !cli_read_int ("--text-tokens", texts->text_tokens, 1, MAX_TOKENS, &self->n_text, error))
    return FALSE;
  if (texts->vision_tokens != NULL ? !cli_read_int ("--vision-tokens", texts->vision_tokens, 0,
                                                    MAX_TOKENS, &self->n_vision, error)
                                   : !count_square (self, error))
    return FALSE;
  if (texts->tiles != NULL)
    return cli_read_int ("--tiles", texts->tiles, 0, MAX_TILES, &self->n_tiles, error);
  per_tile = self->config->has_vision ? pmod_config_tile_tokens (self->config) : 0;
  self->n_tiles = per_tile > 0 ? (self->n_vision + per_tile / 2) / per_tile : 0;
  return TRUE;
}

CliShape *
cli_shape_new (const CliOptions *options,
               const CliShapeTexts *texts,
               const char *fallback,
               GError **error)
{
  g_autoptr (CliShape) self = g_new0 (CliShape, 1);
  gboolean has_rest = options->rest != NULL && options->rest[0] != NULL;

  if (texts->preset != NULL && has_rest)
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                   "expected --preset or a model, got \"%s\" and \"%s\"", texts->preset,
                   options->rest[0]);
      return NULL;
    }
  if (has_rest || (texts->preset == NULL && fallback == NULL))
    self->name = g_strdup (cli_options_get_one (options, "--preset NAME or a model", error));
  else
    self->name = g_strdup (texts->preset != NULL ? texts->preset : fallback);
  if (self->name == NULL || !load_config (self, options, error) ||
      !read_tokens (self, texts, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
cli_shape_free (CliShape *self)
{
  g_clear_pointer (&self->config, pmod_config_free);
  g_free (self->name);
  g_free (self->directory);
  g_free (self);
}

void
cli_shape_texts_clear (CliShapeTexts *self)
{
  g_free (self->preset);
  g_free (self->vision_tokens);
  g_free (self->text_tokens);
  g_free (self->tiles);
}

char *
cli_describe_routed (const double *ratios, int n_layers)
{
  GString *text = g_string_new (NULL);

  for (int i = 0; i < n_layers; i++)
    {
      int last = i;

      if (ratios[i] < 0)
        continue;
      while (last + 1 < n_layers && ratios[last + 1] >= 0)
        last++;
      g_string_append_printf (text, "%s%d", text->len > 0 ? ", " : "", i);
      if (last > i)
        g_string_append_printf (text, "-%d", last);
      i = last;
    }
  if (text->len == 0)
    g_string_append (text, "none");
  return g_string_free (text, FALSE);
}
