/* The merged sequence of a prompt, and its segments. */
#include "pmod-sequence.h"

#include <string.h>

#include "pmod-mix.h"

static void
free_image (PmodSequenceImage *self)
{
  pmod_image_unref (self->image);
  pmod_pixels_free (self->layout);
  g_free (self);
}

static PmodSequence *
new_sequence (void)
{
  PmodSequence *self = g_new0 (PmodSequence, 1);

  self->images = g_ptr_array_new_with_free_func ((GDestroyNotify)free_image);
  return self;
}

void
pmod_sequence_free (PmodSequence *self)
{
  g_free (self->ids);
  g_free (self->keys);
  g_free (self->targets);
  g_free (self->segment_ends);
  g_ptr_array_unref (self->images);
  g_free (self);
}

static void
set_size (PmodSequence *self, int n_tokens)
{
  self->n_tokens = n_tokens;
  self->ids = g_new (gint32, n_tokens);
  self->keys = g_new (guint64, n_tokens);
  self->targets = g_new (gint32, n_tokens);
  self->segment_ends = g_new (int, n_tokens);
}

static void
add_text (PmodSequence *self, int position, gint32 id, PmodTarget target)
{
  self->ids[position] = id;
  self->keys[position] = (guint64)id;
  if (target == PMOD_TARGET_ALL)
    self->targets[self->n_targets++] = position;
}

/* Keys of vision tokens do not meet those of text. */
static guint64
mix (guint64 x)
{
  return pmod_mix (x) | G_GUINT64_CONSTANT (1) << 63;
}

static void
add_vision (PmodSequence *self, int position, guint64 picture, int index, gboolean is_target)
{
  self->ids[position] = -1;
  self->keys[position] = mix (picture + (guint64)index * PMOD_MIX_STEP);
  if (is_target)
    self->targets[self->n_targets++] = position;
}

static void
cut (PmodSequence *self, PmodTarget target)
{
  int end = 0;

  if (target == PMOD_TARGET_ALL && self->n_targets > 0)
    end = self->n_tokens;
  else
    for (int i = 0; i < self->n_tokens; i++)
      if (self->ids[i] < 0)
        end = i + 1;

  if (end > 0)
    self->segment_ends[self->n_segments++] = end;
  while (end < self->n_tokens)
    {
      end = MIN (end + PMOD_SEGMENT_TOKENS, self->n_tokens);
      self->segment_ends[self->n_segments++] = end;
    }
}

static PmodSequenceImage *
add_image (PmodSequence *self, PmodImage *image, const PmodConfig *config, GError **error)
{
  PmodPixels *layout = pmod_pixels_new_layout (pmod_image_get_width (image),
                                               pmod_image_get_height (image), config, error);
  PmodSequenceImage *entry;

  if (layout == NULL)
    return NULL;
  entry = g_new0 (PmodSequenceImage, 1);
  entry->image = pmod_image_ref (image);
  entry->layout = layout;
  g_ptr_array_add (self->images, entry);
  return entry;
}

static gboolean
check_ids (const PmodConfig *config, const PmodPrompt *prompt, GError **error)
{
  guint n_marks = 0;

  for (guint i = 0; i < prompt->ids->len; i++)
    {
      gint32 id = g_array_index (prompt->ids, gint32, i);

      if (id == PMOD_IMAGE_TOKEN)
        n_marks++;
      else if (id < 0 || id >= config->vocab)
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                       "prompt: token %u is %d, expected 0 to %d", i, id, config->vocab - 1);
          return FALSE;
        }
    }
  if (n_marks == prompt->images->len)
    {
      if (n_marks == 0 || config->has_vision)
        return TRUE;
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "prompt: it has a picture, but the model has no vision tower");
      return FALSE;
    }
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
               "prompt: expected a picture for each of %u marks, got %u", n_marks,
               prompt->images->len);
  return FALSE;
}

static gboolean
check_length (const PmodConfig *config, int n_text, gint64 n_vision, GError **error)
{
  gint64 n_tokens = n_text + n_vision;

  if (n_tokens == 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "prompt: it is empty");
      return FALSE;
    }
  if (n_tokens <= config->context_length)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_CONTEXT,
               "prompt: %d tokens of text and %" G_GINT64_FORMAT
               " of pictures are %" G_GINT64_FORMAT ", but the context holds %d",
               n_text, n_vision, n_tokens, config->context_length);
  return FALSE;
}

static void
merge (PmodSequence *self, const PmodConfig *config, const PmodPrompt *prompt)
{
  int position = 0, n_kept = pmod_config_n_always_kept (config);
  guint next_image = 0;

  for (guint i = 0; i < prompt->ids->len; i++)
    {
      gint32 id = g_array_index (prompt->ids, gint32, i);
      PmodSequenceImage *image;

      if (id != PMOD_IMAGE_TOKEN)
        {
          add_text (self, position++, id, config->target);
          continue;
        }
      image = g_ptr_array_index (self->images, next_image++);
      image->first = position;
      for (int j = 0; j < image->layout->n_tokens; j++)
        add_vision (self, position++, pmod_image_get_hash (image->image), j, j >= n_kept);
    }
}

PmodSequence *
pmod_sequence_new (const PmodConfig *config, const PmodPrompt *prompt, GError **error)
{
  g_autoptr (PmodSequence) self = new_sequence ();
  gint64 n_vision = 0;
  int n_text;

  if (!check_ids (config, prompt, error))
    return NULL;
  for (guint i = 0; i < prompt->images->len; i++)
    {
      PmodSequenceImage *image = add_image (self, prompt->images->pdata[i], config, error);

      if (image == NULL)
        return NULL;
      n_vision += image->layout->n_tokens;
    }
  n_text = (int)(prompt->ids->len - prompt->images->len);
  if (!check_length (config, n_text, n_vision, error))
    return NULL;

  set_size (self, n_text + (int)n_vision);
  self->question_first = prompt->question_first;
  merge (self, config, prompt);
  /* A prompt without pictures is never routed, whatever the target: the reference runs it dense. */
  if (self->images->len == 0)
    self->n_targets = 0;
  cut (self, config->target);
  return g_steal_pointer (&self);
}

PmodSequence *
pmod_sequence_new_random (const PmodConfig *config, int n_vision, int n_text, guint64 seed)
{
  PmodSequence *self = new_sequence ();
  int before = n_text / 2;

  set_size (self, n_vision + n_text);
  for (int i = 0; i < n_vision + n_text; i++)
    if (i >= before && i < before + n_vision)
      add_vision (self, i, seed, i, TRUE);
    else
      add_text (self, i, (gint32)(mix (seed + i) % config->vocab), PMOD_TARGET_VISION);
  cut (self, PMOD_TARGET_VISION);
  return self;
}

int
pmod_sequence_n_shared (const PmodSequence *self, const PmodSequence *other)
{
  int n = 0;
  int start = 0;

  if (self->n_targets != other->n_targets ||
      memcmp (self->targets, other->targets, self->n_targets * sizeof (gint32)) != 0)
    return 0;
  while (n < self->n_segments && n < other->n_segments &&
         self->segment_ends[n] == other->segment_ends[n] &&
         memcmp (self->keys + start, other->keys + start,
                 (self->segment_ends[n] - start) * sizeof (guint64)) == 0)
    start = self->segment_ends[n++];
  return n;
}
