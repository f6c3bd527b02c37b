/* What a pass has to know of its samples, worked out on the host before anything runs, and sent in
 * one copy: the rows of all of them behind each other, which of them run in each layer and what
 * they see, what is to be read from them, and the pixels. How many tokens a layer keeps follows
 * from the schedule alone, so that nothing here waits for the choice. */
#include "pmod-network-private.h"

#include <string.h>

static void
count_rows (PmodNetwork *self)
{
  self->n_rows = self->n_targets = self->n_tiles = 0;
  for (int i = 0; i < self->n_samples; i++)
    {
      self->n_rows += self->samples[i]->n_tokens;
      self->n_targets += self->samples[i]->n_targets;
      for (int k = 0; k < self->samples[i]->n_images; k++)
        self->n_tiles += self->samples[i]->images[k].pixels->n_tiles;
    }
}

static gint32 *
add_indices (PmodNetwork *self, PmodTensor *to, gint64 n)
{
  return pmod_parcel_add (self->parcel, to, PMOD_DTYPE_I32, n);
}

/* --- Rows ----------------------------------------------------------------------------------- */

static void
lay_out_text (PmodNetwork *self)
{
  gint32 *to = add_indices (self, &self->text, self->n_rows);

  for (int i = 0; i < self->n_samples; to += self->samples[i++]->n_tokens)
    memcpy (to, self->samples[i]->ids, (gsize)self->samples[i]->n_tokens * sizeof *to);
}

static void
lay_out_positions (PmodNetwork *self)
{
  gint32 *to = add_indices (self, &self->positions, self->n_rows);

  for (int i = 0; i < self->n_samples; to += self->samples[i++]->n_tokens)
    memcpy (to, self->samples[i]->positions, (gsize)self->samples[i]->n_tokens * sizeof *to);
}

static void
lay_out_targets (PmodNetwork *self)
{
  gint32 *to = add_indices (self, &self->targets, self->n_targets);
  gint32 row = 0;

  for (int i = 0; i < self->n_samples; row += self->samples[i++]->n_tokens)
    for (int k = 0; k < self->samples[i]->n_targets; k++)
      *to++ = row + self->samples[i]->targets[k];
}

/* Where the rows of pictures come from: rows of projected, or the newline. */
static void
lay_out_images (PmodNetwork *self, PmodTensor *to, gboolean newlines)
{
  gint32 *place = add_indices (self, to, self->n_rows);
  gint32 tile_tokens = pmod_config_tile_tokens (self->weights->config), tile_row = 0;

  memset (place, -1, (gsize)self->n_rows * sizeof *place);
  for (int i = 0; i < self->n_samples; place += self->samples[i++]->n_tokens)
    for (int k = 0; k < self->samples[i]->n_images; k++)
      {
        const PmodSampleImage *image = &self->samples[i]->images[k];

        for (int j = 0; j < image->pixels->n_tokens; j++)
          if (image->pixels->merge[j] < 0 && newlines)
            place[image->first + j] = 0;
          else if (image->pixels->merge[j] >= 0 && !newlines)
            place[image->first + j] = tile_row + image->pixels->merge[j];
        tile_row += image->pixels->n_tiles * tile_tokens;
      }
}

static void
lay_out_rows (PmodNetwork *self)
{
  lay_out_text (self);
  lay_out_positions (self);
  lay_out_targets (self);
  lay_out_images (self, &self->merge, FALSE);
  self->newline = (PmodTensor){ 0 };
  if (self->weights->newline != NULL)
    lay_out_images (self, &self->newline, TRUE);
}

/* --- Lanes ---------------------------------------------------------------------------------- */

/* A sample of which n_skipped targets do not run. Its questions begin after all its targets, so
 * that they have moved by as many rows. */
static void
lay_out_lane (PmodNetwork *self, PmodLane *lane, int sample_idx, gint64 row, int n_skipped)
{
  const PmodSample *sample = self->samples[sample_idx];
  gint32 *first;

  *lane = (PmodLane){ row, sample->n_tokens - n_skipped };
  if (sample->first == NULL)
    return;
  lane->prefix = sample->prefix - n_skipped;
  first = add_indices (self, &lane->first, lane->n);
  for (gint64 i = 0; i < lane->n; i++)
    first[i] = i < lane->prefix ? 0 : sample->first[i + n_skipped] - n_skipped;
}

static void
lay_out_all_rows (PmodNetwork *self)
{
  gint64 row = 0;

  for (int i = 0; i < self->n_samples; row += self->samples[i++]->n_tokens)
    lay_out_lane (self, &self->lanes[i], i, row, 0);
}

static void
lay_out_layer (PmodNetwork *self, int i)
{
  PmodLayerState *layer = &self->layers[i];
  gint64 row = 0;

  *layer = (PmodLayerState){ .n_rows = self->n_rows, .lanes = self->lanes };
  layer->routed = self->weights->layers[i].router != NULL && self->ratios[i] != PMOD_RATIO_PLAIN &&
                  self->n_targets > 0;
  if (!layer->routed)
    return;
  layer->lanes = self->lanes + (i + 1) * self->n_samples;
  for (int k = 0; k < self->n_samples; row += layer->lanes[k++].n)
    lay_out_lane (self, &layer->lanes[k], k, row,
                  self->samples[k]->n_targets - pmod_network_keep_count (self, i, k));
  layer->n_rows = row;
}

static void
lay_out_layers (PmodNetwork *self)
{
  int n_layers = self->weights->config->n_layers;

  self->lanes = g_renew (PmodLane, self->lanes, (gsize)(n_layers + 1) * (gsize)self->n_samples);
  lay_out_all_rows (self);
  for (int i = 0; i < n_layers; i++)
    lay_out_layer (self, i);
}

/* --- What is read --------------------------------------------------------------------------- */

static void
lay_out_answers (PmodNetwork *self)
{
  PmodReading *reading = &self->answers;
  gint32 *rows, *labels, row = 0;
  float *scales;
  gint64 n = 0;

  for (int i = 0; i < self->n_samples; i++)
    n += pmod_sample_n_labels (self->samples[i]);
  reading->n = n;
  rows = add_indices (self, &reading->rows, n);
  for (int i = 0; i < self->n_samples; row += self->samples[i++]->n_tokens)
    for (int k = 0; k < self->samples[i]->n_tokens; k++)
      if (self->samples[i]->labels[k] >= 0)
        *rows++ = row + k;
  labels = add_indices (self, &reading->labels, n);
  for (int i = 0; i < self->n_samples; i++)
    for (int k = 0; k < self->samples[i]->n_tokens; k++)
      if (self->samples[i]->labels[k] >= 0)
        *labels++ = self->samples[i]->labels[k];
  scales = pmod_parcel_add (self->parcel, &reading->scales, PMOD_DTYPE_F32, n);
  for (gint64 i = 0; i < n; i++)
    scales[i] = self->factors->answers;
}

/* Patches are those of the targets, which here are the tiles' features in their order. */
static void
list_patches (PmodNetwork *self, PmodPatchReading what)
{
  PmodPatchList *list = &self->patch_list;
  gint32 tile_tokens = pmod_config_tile_tokens (self->weights->config), row = 0;

  g_array_set_size (list->rows, 0);
  g_array_set_size (list->labels, 0);
  g_array_set_size (list->scales, 0);
  for (int i = 0; i < self->n_samples; i++)
    {
      const PmodSample *sample = self->samples[i];

      for (int k = 0; sample->patches != NULL && k < sample->n_targets; k++)
        {
          float scale;
          gint32 label = pmod_network_label_of (self, &sample->patches[k], what, &scale);
          gint32 at = row + k;

          if (label < 0)
            continue;
          g_array_append_val (list->rows, at);
          g_array_append_val (list->labels, label);
          g_array_append_val (list->scales, scale);
        }
      for (int k = 0; k < sample->n_images; k++)
        row += sample->images[k].pixels->n_tiles * tile_tokens;
    }
}

static void
add_list (PmodNetwork *self, PmodTensor *to, PmodDtype dtype, const GArray *values)
{
  gpointer place = pmod_parcel_add (self->parcel, to, dtype, values->len);

  memcpy (place, values->data, values->len * pmod_dtype_size (dtype));
}

static void
lay_out_words (PmodNetwork *self)
{
  for (int i = 0; i < PMOD_N_READINGS; i++)
    {
      PmodReading *reading = &self->readings[i];

      *reading = (PmodReading){ 0 };
      if (self->words[i].matrix == NULL || self->factors->words[i] <= 0 || self->n_tiles == 0)
        continue;
      list_patches (self, (PmodPatchReading)i);
      reading->n = self->patch_list.rows->len;
      add_list (self, &reading->rows, PMOD_DTYPE_I32, self->patch_list.rows);
      add_list (self, &reading->labels, PMOD_DTYPE_I32, self->patch_list.labels);
      add_list (self, &reading->scales, PMOD_DTYPE_F32, self->patch_list.scales);
    }
}

static void
lay_out_objects (PmodNetwork *self)
{
  gint32 *to = add_indices (self, &self->objects, self->n_targets);

  for (int i = 0; i < self->n_samples; i++)
    for (int k = 0; k < self->samples[i]->n_targets; k++)
      *to++ = self->samples[i]->patches != NULL ? self->samples[i]->patches[k].is_object
                                                : PMOD_LABEL_IGNORED;
}

/* --- Pictures ------------------------------------------------------------------------------- */

/* Pixels of all samples' pictures, in their order. */
static void
lay_out_pixels (PmodNetwork *self)
{
  gsize tile = 3 * (gsize)self->weights->config->vision.image_size *
               (gsize)self->weights->config->vision.image_size;
  float *to =
      pmod_parcel_add (self->parcel, &self->pixels, PMOD_DTYPE_F32, self->n_tiles * (gint64)tile);

  for (int i = 0; i < self->n_samples; i++)
    for (int k = 0; k < self->samples[i]->n_images; k++)
      {
        const PmodPixels *pixels = self->samples[i]->images[k].pixels;
        gsize n = (gsize)pixels->n_tiles * tile;

        memcpy (to, pixels->pixels, n * sizeof *to);
        to += n;
      }
}

/* Rows of patches among those of all tiles, each of which begins with its class token. */
static void
lay_out_patch_rows (PmodNetwork *self)
{
  gint64 n_patches = pmod_config_tile_tokens (self->weights->config);
  gint64 n = self->n_tiles * n_patches;
  gint32 *rows = add_indices (self, &self->patch_rows, n);

  for (gint64 i = 0; i < n; i++)
    rows[i] = (gint32)(i / n_patches * (n_patches + 1) + 1 + i % n_patches);
}

void
pmod_network_lay_out (PmodNetwork *self)
{
  count_rows (self);
  lay_out_words (self);
  self->answers = (PmodReading){ 0 };
  self->objects = (PmodTensor){ 0 };
  if (self->factors->answers > 0)
    {
      lay_out_rows (self);
      lay_out_layers (self);
      lay_out_answers (self);
      if (self->factors->routers > 0)
        lay_out_objects (self);
    }
  if (self->n_tiles > 0)
    {
      lay_out_patch_rows (self);
      lay_out_pixels (self);
    }
  pmod_parcel_send (self->parcel, self->backend, self->arena);
}
