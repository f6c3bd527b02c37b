/* Patches read by words: a training aid that no answer needs. What a patch shows is to be read from
 * its projected vector by the embeddings of words themselves:
 *
 *   logits[class] = RMSNorm (projected) . mean of the embeddings of the class's words
 *
 * and likewise its colour and its place. So the tower learns from every patch, and its vectors come
 * to lie where the decoder looks up words. Only what the maker of a picture knows of it is used. */
#include "pmod-network-private.h"

#include <string.h>

/* --- Tables --------------------------------------------------------------------------------- */

/* table [n,D] = mean embeddings of each entry's tokens. */
static void
fill_table (PmodNetwork *self, const GPtrArray *words, PmodTensor *table)
{
  const PmodWeight *embedding = self->weights->embedding;
  gint64 d = table->shape[1];
  const float *from = embedding->value.data;

  for (guint i = 0; i < words->len; i++)
    {
      const GArray *ids = g_ptr_array_index (words, i);
      float *to = (float *)table->data + i * d;

      memset (to, 0, (gsize)d * sizeof *to);
      for (guint k = 0; k < ids->len; k++)
        for (gint64 c = 0; c < d; c++)
          to[c] += from[g_array_index (ids, gint32, k) * d + c] / (float)ids->len;
    }
}

/* The embedding's gradient += that of the table. */
static void
spread_table (PmodNetwork *self, const GPtrArray *words, const PmodTensor *dtable)
{
  PmodTensor view;
  PmodTensor *gradient = pmod_network_gradient (self, self->weights->embedding, &view);
  gint64 d = dtable->shape[1];

  if (gradient == NULL)
    return;
  for (guint i = 0; i < words->len; i++)
    {
      const GArray *ids = g_ptr_array_index (words, i);
      const float *from = (const float *)dtable->data + i * d;

      for (guint k = 0; k < ids->len; k++)
        {
          float *to = (float *)gradient->data + g_array_index (ids, gint32, k) * d;

          for (gint64 c = 0; c < d; c++)
            to[c] += from[c] / (float)ids->len;
        }
    }
}

static void
refresh_table (PmodNetwork *self, const GPtrArray *words, PmodTensor *table, PmodMatrix **matrix)
{
  if (words == NULL || words->len == 0)
    return;
  if (table->data == NULL)
    {
      *table = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, words->len, self->weights->config->hidden);
      table->data = pmod_alloc (self->backend, pmod_tensor_bytes (table));
      if (table->data == NULL)
        return;
    }
  fill_table (self, words, table);
  if (*matrix == NULL)
    *matrix = pmod_matrix_new_trainable (self->backend, table, self->weights->act);
  else
    pmod_matrix_update (self->backend, *matrix, table);
}

void
pmod_network_refresh (PmodNetwork *self)
{
  const PmodSource *source = self->options.source;

  if (source == NULL)
    return;
  for (int i = 0; i < PMOD_N_READINGS; i++)
    refresh_table (self, source->words[i], &self->word_tables[i], &self->words[i]);
}

/* --- The loss ------------------------------------------------------------------------------- */

/* Patches of all samples that are known, as rows of projected. */
typedef struct
{
  GArray *rows;            /* gint32 */
  GArray *labels, *scales; /* gint32, float */
} Readings;

static void
add_reading (Readings *self, gint32 row, gint32 label, float scale)
{
  g_array_append_val (self->rows, row);
  g_array_append_val (self->labels, label);
  g_array_append_val (self->scales, scale);
}

static Readings
new_readings (void)
{
  return (Readings){ g_array_new (FALSE, FALSE, sizeof (gint32)),
                     g_array_new (FALSE, FALSE, sizeof (gint32)),
                     g_array_new (FALSE, FALSE, sizeof (float)) };
}

static void
clear_readings (Readings *self)
{
  g_array_unref (self->rows);
  g_array_unref (self->labels);
  g_array_unref (self->scales);
}

/* What a patch shows if that is to be read, else -1; *scale = what its loss counts. */
static gint32
label_of (const PmodNetwork *self,
          const PmodSamplePatch *patch,
          PmodPatchReading what,
          float *scale)
{
  gint32 known = patch->known[what];

  *scale = self->factors->words[what];
  if (what != PMOD_READ_CLASS || known >= 0)
    return known;
  *scale *= self->factors->background;
  return (gint32)self->options.source->words[what]->len - 1;
}

/* Patches are those of the targets, which here are the tiles' features in their order. */
static void
list_readings (const PmodNetwork *self, PmodPatchReading what, Readings *readings)
{
  gint32 row = 0;

  for (int i = 0; i < self->n_samples; i++)
    {
      const PmodSample *sample = self->samples[i];

      for (int k = 0; sample->patches != NULL && k < sample->n_targets; k++)
        {
          float scale;
          gint32 label = label_of (self, &sample->patches[k], what, &scale);

          if (label >= 0)
            add_reading (readings, row + k, label, scale);
        }
      for (int k = 0; k < sample->n_images; k++)
        row += sample->images[k].pixels->n_tiles * pmod_config_tile_tokens (self->weights->config);
    }
}

static PmodTensor
floats (PmodNetwork *self, const GArray *values)
{
  PmodTensor tensor = pmod_arena_1d (self->arena, PMOD_DTYPE_F32, values->len);

  if (tensor.data != NULL)
    pmod_upload (self->backend, tensor.data, values->data, pmod_tensor_bytes (&tensor));
  return tensor;
}

static void
count_right (const Readings *readings,
             const gint32 *argmax,
             PmodPatchReading what,
             gint32 background,
             PmodNetworkResult *result)
{
  for (guint i = 0; i < readings->labels->len; i++)
    {
      gint32 label = g_array_index (readings->labels, gint32, i);

      if (what == PMOD_READ_CLASS && label == background)
        continue;
      result->n_read[what]++;
      result->n_read_right[what] += argmax[i] == label;
    }
}

/* Returns the loss of reading projected's rows by words; counts into result. */
static double
read_words (PmodNetwork *self,
            const Readings *readings,
            PmodPatchReading what,
            PmodNetworkResult *result)
{
  gint64 n = readings->rows->len;
  const GPtrArray *words = self->options.source->words[what];
  PmodReading reading = {
    .from = &self->projected,
    .norm = &self->ones,
    .table = self->words[what],
  };
  PmodTensor dtable;

  if (n == 0)
    return 0;
  reading.rows = pmod_network_indices (self, (const gint32 *)(gpointer)readings->rows->data, n);
  reading.labels = pmod_network_indices (self, (const gint32 *)(gpointer)readings->labels->data, n);
  reading.scales = floats (self, readings->scales);
  if (self->backward)
    {
      dtable = pmod_network_zeros (self, words->len, self->weights->config->hidden);
      reading.dfrom = &self->dprojected;
      reading.dtable = &dtable;
    }
  if (!pmod_network_read (self, &reading))
    return 0;
  count_right (readings, reading.argmax.data, what, (gint32)words->len - 1, result);
  if (self->backward)
    spread_table (self, words, &dtable);
  return reading.sums[0];
}

double
pmod_network_words_loss (PmodNetwork *self, PmodNetworkResult *result)
{
  double loss = 0;

  if (self->options.source == NULL || self->n_tiles == 0)
    return 0;
  for (int i = 0; i < PMOD_N_READINGS; i++)
    if (self->words[i] != NULL && self->factors->words[i] > 0)
      {
        PmodArenaMark mark = pmod_arena_mark (self->arena);
        Readings readings = new_readings ();

        list_readings (self, (PmodPatchReading)i, &readings);
        loss += read_words (self, &readings, (PmodPatchReading)i, result);
        clear_readings (&readings);
        pmod_arena_reset (self->arena, mark);
      }
  return loss;
}
