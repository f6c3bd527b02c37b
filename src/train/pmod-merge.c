/* The merge of words and pictures, as pmod-sequence.c does it for inference.
 * Source: p-MoD llava_arch.py, prepare_inputs_labels_for_multimodal. */
#include "pmod-merge.h"

static int
count_tokens (int n, PmodPixels *const *pixels, int n_images)
{
  for (int i = 0; i < n_images; i++)
    n += pixels[i]->n_tokens - 1;
  return n;
}

static void
add_image (PmodSample *self, const PmodConfig *config, PmodPixels *pixels, int row)
{
  self->images[self->n_images++] = (PmodSampleImage){ pixels, row };
  for (int i = pmod_config_n_always_kept (config); i < pixels->n_tokens; i++)
    self->targets[self->n_targets++] = row + i;
}

PmodSample *
pmod_sample_new_merged (const PmodConfig *config,
                        const gint32 *ids,
                        const gint32 *learnt,
                        int n,
                        PmodPixels *const *pixels,
                        int n_images)
{
  PmodSample *self = pmod_sample_new (count_tokens (n, pixels, n_images));
  int row = 0;

  self->images = g_new0 (PmodSampleImage, MAX (n_images, 1));
  self->targets = g_new (gint32, self->n_tokens);
  for (int i = 0; i < n; i++)
    if (ids[i] == PMOD_IMAGE_TOKEN)
      {
        PmodPixels *picture = pixels[self->n_images];

        add_image (self, config, picture, row);
        row += picture->n_tokens;
      }
    else
      {
        if (config->target == PMOD_TARGET_ALL && n_images > 0)
          self->targets[self->n_targets++] = row;
        if (learnt != NULL && learnt[i] >= 0 && row > 0)
          {
            self->labels[row - 1] = ids[i];
            self->answers[row - 1] = learnt[i];
            self->n_answers = MAX (self->n_answers, learnt[i] + 1);
          }
        self->ids[row++] = ids[i];
      }
  return self;
}
