/* Patches read by words: a training aid that no answer needs. What a patch shows is to be read from
 * its projected vector by the embeddings of words themselves:
 *
 *   logits[class] = RMSNorm (projected) . mean of the embeddings of the class's words
 *
 * and likewise its colour and its place. So the tower learns from every patch, and its vectors come
 * to lie where the decoder looks up words. Only what the maker of a picture knows of it is used. */
#include "pmod-network-private.h"

/* --- Tables --------------------------------------------------------------------------------- */

static int
count_tokens (const GPtrArray *words)
{
  int n = 0;

  for (guint i = 0; i < words->len; i++)
    n += (int)((const GArray *)g_ptr_array_index (words, i))->len;
  return n;
}

/* n numbers in memory of their own. */
static PmodTensor
upload_numbers (PmodNetwork *self, const gint32 *numbers, gint64 n)
{
  PmodTensor to = pmod_tensor_1d (NULL, PMOD_DTYPE_I32, n);

  to.data = pmod_alloc (self->backend, pmod_tensor_bytes (&to));
  if (to.data != NULL)
    pmod_upload (self->backend, to.data, numbers, pmod_tensor_bytes (&to));
  return to;
}

static void
upload_words (PmodNetwork *self, const GPtrArray *words, PmodWords *to)
{
  int n = count_tokens (words), at = 0;
  g_autofree gint32 *tokens = g_new (gint32, n);
  g_autofree gint32 *entries = g_new (gint32, n);
  g_autofree gint32 *counts = g_new (gint32, n);

  for (guint i = 0; i < words->len; i++)
    {
      const GArray *ids = g_ptr_array_index (words, i);

      for (guint k = 0; k < ids->len; k++, at++)
        {
          tokens[at] = g_array_index (ids, gint32, k);
          entries[at] = (gint32)i;
          counts[at] = (gint32)ids->len;
        }
    }
  to->tokens = upload_numbers (self, tokens, n);
  to->entries = upload_numbers (self, entries, n);
  to->counts = upload_numbers (self, counts, n);
  to->table = pmod_tensor_2d (NULL, PMOD_DTYPE_F32, words->len, self->weights->config->hidden);
  to->table.data = pmod_alloc (self->backend, pmod_tensor_bytes (&to->table));
}

void
pmod_network_forget_words (PmodNetwork *self)
{
  for (int i = 0; i < PMOD_N_READINGS; i++)
    {
      PmodWords *words = &self->words[i];

      if (words->matrix != NULL)
        pmod_matrix_free (self->backend, words->matrix);
      pmod_free (self->backend, words->tokens.data);
      pmod_free (self->backend, words->entries.data);
      pmod_free (self->backend, words->counts.data);
      pmod_free (self->backend, words->table.data);
      *words = (PmodWords){ 0 };
    }
}

/* Rows of from, of each token its share: divided by how many its entry has. */
static PmodTensor
share_rows (PmodNetwork *self,
            const PmodWords *words,
            const PmodTensor *from,
            const PmodTensor *idx)
{
  PmodTensor rows =
      pmod_arena_2d (self->arena, PMOD_DTYPE_F32, idx->shape[0], words->table.shape[1]);

  pmod_gather_rows (self->backend, &rows, from, idx);
  pmod_divide_rows (self->backend, &rows, &words->counts);
  return rows;
}

/* table [n,D] = mean embeddings of each entry's tokens. */
static void
fill_table (PmodNetwork *self, PmodWords *words)
{
  PmodArenaMark mark = pmod_arena_mark (self->arena);
  PmodTensor rows = share_rows (self, words, &self->weights->embedding->value, &words->tokens);

  pmod_fill (self->backend, &words->table, 0);
  pmod_gather_rows_backward (self->backend, &words->table, &rows, &words->entries);
  pmod_arena_reset (self->arena, mark);
}

/* The embedding's gradient += that of the table. */
static void
spread_table (PmodNetwork *self, const PmodWords *words, const PmodTensor *dtable)
{
  PmodTensor view, rows;
  PmodTensor *gradient = pmod_network_gradient (self, self->weights->embedding, &view);

  if (gradient == NULL)
    return;
  rows = share_rows (self, words, dtable, &words->entries);
  pmod_gather_rows_backward (self->backend, gradient, &rows, &words->tokens);
}

void
pmod_network_refresh (PmodNetwork *self)
{
  const PmodSource *source = self->options.source;

  for (int i = 0; source != NULL && i < PMOD_N_READINGS; i++)
    {
      PmodWords *words = &self->words[i];

      if (source->words[i] == NULL || source->words[i]->len == 0)
        continue;
      if (words->table.data == NULL)
        upload_words (self, source->words[i], words);
      fill_table (self, words);
      if (words->matrix == NULL)
        words->matrix =
            pmod_matrix_new_trainable (self->backend, &words->table, self->weights->act);
      else
        pmod_matrix_update (self->backend, words->matrix, &words->table);
    }
}

/* --- The loss ------------------------------------------------------------------------------- */

gint32
pmod_network_label_of (const PmodNetwork *self,
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

static void
read_patches (PmodNetwork *self, const PmodWords *words, PmodReading *reading)
{
  PmodTensor dtable;

  reading->from = &self->projected;
  reading->norm = &self->ones;
  reading->table = words->matrix;
  if (self->backward)
    {
      dtable = pmod_network_zeros (self, words->table.shape[0], words->table.shape[1]);
      reading->dfrom = &self->dprojected;
      reading->dtable = &dtable;
    }
  pmod_network_read (self, reading);
  if (self->backward)
    spread_table (self, words, &dtable);
}

void
pmod_network_read_words (PmodNetwork *self)
{
  for (int i = 0; i < PMOD_N_READINGS; i++)
    if (self->readings[i].n > 0)
      {
        PmodArenaMark mark = pmod_arena_mark (self->arena);

        read_patches (self, &self->words[i], &self->readings[i]);
        pmod_arena_reset (self->arena, mark);
      }
}

void
pmod_network_count_words (const PmodNetwork *self, PmodNetworkResult *result)
{
  for (int what = 0; what < PMOD_N_READINGS; what++)
    {
      const PmodReading *reading = &self->readings[what];
      const gint32 *got = pmod_board_read (self->board, reading->argmax);

      for (int i = 0; reading->n > 0 && i < self->n_samples; i++)
        for (int k = 0; self->samples[i]->patches != NULL && k < self->samples[i]->n_targets; k++)
          {
            const PmodSamplePatch *patch = &self->samples[i]->patches[k];
            float scale;
            gint32 label = pmod_network_label_of (self, patch, (PmodPatchReading)what, &scale);

            if (label < 0)
              continue;
            /* What is no object of a class counts for nothing. */
            if (patch->known[what] >= 0)
              {
                result->n_read[what]++;
                result->n_read_right[what] += *got == label;
              }
            got++;
          }
    }
}
