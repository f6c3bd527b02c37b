/* One scene, one sample: the picture, then its questions, each with its answer, none seeing
 * another. What does not fit into the rows of text that a sample has is left out; rows that are
 * left over hold a token that sees itself and the picture alone and has no label, so that all
 * samples have the same shape. */
#include "pmod-scene-source.h"

#include <string.h>

#include "pmod-merge.h"
#include "pmod-prompt.h"

/* Scenes for a vocabulary need not be sharp. */
#define TEXT_SCENE_SIZE 56

typedef struct
{
  PmodSource base;
  const PmodSceneArt *art;
  const PmodConfig *config;
  PmodTokenizer *tokenizer;
  PmodSceneOptions options;
  guint64 seed;
  int text_tokens;
  GArray *prefix; /* gint32: the prompt up to the picture's mark, itself included */
  PmodImage *dot; /* stands in for a picture where only words are cut */
  const char *kind_names[PMOD_SCENE_N_KINDS];
} SceneSource;

/* --- Words ---------------------------------------------------------------------------------- */

/* The prompt of one question, as inference has it: ids with one mark. */
static GArray *
cut_prompt (const SceneSource *self, const char *question, GError **error)
{
  PmodTurn turn = { PMOD_ROLE_USER, question };
  g_autoptr (PmodPrompt) prompt = pmod_prompt_new_chat (self->tokenizer, self->config->conversation,
                                                        &turn, 1, &self->dot, 1, error);

  return prompt != NULL ? g_array_ref (prompt->ids) : NULL;
}

/* The tokens that stand for a name; of a character the one that it is inside a text, not at the
 * start of a word. */
static GArray *
cut_name (PmodTokenizer *tokenizer, const char *name)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree char *inside = g_strconcat ("4", name, NULL);
  gboolean is_character = strlen (name) == 1;

  pmod_tokenizer_encode (tokenizer, is_character ? inside : name, FALSE, ids);
  if (is_character)
    g_array_remove_range (ids, 0, ids->len - 1);
  return ids;
}

static void
list_words (SceneSource *self)
{
  GPtrArray **words = self->base.words;

  for (int i = 0; i < PMOD_N_READINGS; i++)
    words[i] = g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);
  for (int i = 0; i < pmod_scene_art_get_n_classes (self->art); i++)
    g_ptr_array_add (words[PMOD_READ_CLASS],
                     cut_name (self->tokenizer, pmod_scene_art_get_class_name (self->art, i)));
  g_ptr_array_add (words[PMOD_READ_CLASS], cut_name (self->tokenizer, "background"));
  for (int i = 0; i < PMOD_SCENE_N_COLOURS; i++)
    g_ptr_array_add (words[PMOD_READ_COLOUR],
                     cut_name (self->tokenizer, pmod_scene_colour_name (i)));
  /* Cells are three rows of three: those of the middle column name the rows, and likewise. */
  for (int i = 0; i < 3; i++)
    {
      g_ptr_array_add (words[PMOD_READ_ROW],
                       cut_name (self->tokenizer, pmod_scene_cell_name (3 * i + 1)));
      g_ptr_array_add (words[PMOD_READ_COLUMN],
                       cut_name (self->tokenizer, pmod_scene_cell_name (3 + i)));
    }
}

/* --- One question --------------------------------------------------------------------------- */

/* What follows the picture: the question's tokens, then the answer's. */
typedef struct
{
  GArray *ids; /* gint32 */
  guint n_question;
} Passage;

static gboolean
cut_passage (const SceneSource *self,
             const PmodSceneQuestion *question,
             Passage *passage,
             GError **error)
{
  g_autoptr (GArray) prompt = cut_prompt (self, question->question, error);

  if (prompt == NULL)
    return FALSE;
  passage->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  passage->n_question = prompt->len - self->prefix->len;
  g_array_append_vals (passage->ids, &g_array_index (prompt, gint32, self->prefix->len),
                       passage->n_question);
  pmod_tokenizer_encode (self->tokenizer, question->answer, FALSE, passage->ids);
  return TRUE;
}

/* Puts a passage at row; its label are the answer's tokens and the end. */
static void
add_passage (const SceneSource *self,
             PmodSample *sample,
             int row,
             const Passage *passage,
             PmodSceneKind kind)
{
  int n = (int)passage->ids->len, answer = sample->n_answers++;
  const gint32 *ids = (const gint32 *)(gpointer)passage->ids->data;

  sample->kinds[answer] = (gint32)kind;
  for (int i = 0; i < n; i++)
    {
      sample->ids[row + i] = ids[i];
      sample->first[row + i] = row;
      sample->positions[row + i] = sample->prefix + i;
      if (i + 1 < (int)passage->n_question)
        continue;
      sample->labels[row + i] = i + 1 < n ? ids[i + 1] : self->config->eos_token;
      sample->answers[row + i] = answer;
    }
}

/* --- One scene ------------------------------------------------------------------------------ */

static PmodPixels *
make_pixels (const SceneSource *self, const PmodScene *scene, GError **error)
{
  int size = pmod_scene_get_size (scene);
  g_autoptr (PmodImage) image =
      pmod_image_new (size, size, 3 * (gsize)size, pmod_scene_get_pixels (scene));

  return pmod_pixels_new (image, self->config, error);
}

static void
describe_patches (PmodSample *sample, const PmodScene *scene)
{
  int side, background = pmod_scene_get_background (scene);
  const PmodScenePatch *patches = pmod_scene_get_patches (scene, &side);

  sample->patches = g_new (PmodSamplePatch, side * side);
  for (int i = 0; i < side * side; i++)
    {
      gboolean empty = patches[i].class_idx < 0;
      int cell = patches[i].cell_idx;

      sample->patches[i] = (PmodSamplePatch){
        .known = { [PMOD_READ_CLASS] = patches[i].class_idx,
                   [PMOD_READ_COLOUR] = empty ? (gint16)background : patches[i].colour_idx,
                   [PMOD_READ_ROW] = cell < 0 ? -1 : (gint16)(cell / 3),
                   [PMOD_READ_COLUMN] = cell < 0 ? -1 : (gint16)(cell % 3) },
        .is_object = patches[i].cover >= PMOD_SCENE_OBJECT_COVER,
      };
    }
}

/* Prefix and picture, then text_tokens empty rows. */
static PmodSample *
make_frame (const SceneSource *self, PmodPixels *pixels)
{
  g_autofree gint32 *ids = g_new (gint32, self->prefix->len + (guint)self->text_tokens);
  int n = (int)self->prefix->len + self->text_tokens;
  PmodSample *sample;

  memcpy (ids, self->prefix->data, self->prefix->len * sizeof *ids);
  for (int i = (int)self->prefix->len; i < n; i++)
    ids[i] = self->config->eos_token;
  sample = pmod_sample_new_merged (self->config, ids, NULL, n, &pixels, 1);
  sample->prefix = sample->n_tokens - self->text_tokens;
  sample->first = g_new0 (gint32, sample->n_tokens);
  for (int i = sample->prefix; i < sample->n_tokens; i++)
    {
      sample->first[i] = i;
      sample->positions[i] = sample->prefix;
    }
  return sample;
}

/* As many questions as fit, in their order. */
static gboolean
add_questions (const SceneSource *self, PmodSample *sample, const PmodScene *scene, GError **error)
{
  int n, row = sample->prefix;
  const PmodSceneQuestion *questions = pmod_scene_get_questions (scene, &n);

  sample->kinds = g_new (gint32, MAX (n, 1));
  for (int i = 0; i < n; i++)
    {
      Passage passage;

      if (!cut_passage (self, &questions[i], &passage, error))
        return FALSE;
      if (row + (int)passage.ids->len <= sample->n_tokens)
        {
          add_passage (self, sample, row, &passage, questions[i].kind);
          row += (int)passage.ids->len;
        }
      g_array_unref (passage.ids);
    }
  return TRUE;
}

static PmodSample *
make (PmodSource *base, guint64 index, GError **error)
{
  const SceneSource *self = (const SceneSource *)base;
  g_autoptr (PmodScene) scene = pmod_scene_new (self->art, self->seed, index, &self->options);
  PmodPixels *pixels = make_pixels (self, scene, error);
  g_autoptr (PmodSample) sample = NULL;

  if (pixels == NULL)
    return NULL;
  sample = make_frame (self, pixels);
  describe_patches (sample, scene);
  return add_questions (self, sample, scene, error) ? g_steal_pointer (&sample) : NULL;
}

/* --- The source ----------------------------------------------------------------------------- */

static void
free_source (PmodSource *base)
{
  SceneSource *self = (SceneSource *)base;

  for (int i = 0; i < PMOD_N_READINGS; i++)
    g_clear_pointer (&base->words[i], g_ptr_array_unref);
  g_clear_pointer (&self->prefix, g_array_unref);
  g_clear_pointer (&self->dot, pmod_image_unref);
  g_free (self);
}

static gboolean
check_shape (const PmodConfig *config, GError **error)
{
  const PmodVisionConfig *vision = &config->vision;

  if (config->has_vision && vision->patch_size == PMOD_SCENE_PATCH &&
      pmod_scene_is_size (vision->image_size) && config->image_mode == PMOD_IMAGE_PAD)
    return TRUE;
  g_set_error (
      error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
      "scenes: expected a model of one picture of %d to %d pixels a side, a multiple of %d, in "
      "patches of %d, got %d pixels in patches of %d",
      PMOD_SCENE_MIN_SIZE, PMOD_SCENE_MAX_SIZE, PMOD_SCENE_PATCH, PMOD_SCENE_PATCH,
      vision->image_size, vision->patch_size);
  return FALSE;
}

/* Everything before a question is the same for all. */
static gboolean
find_prefix (SceneSource *self, GError **error)
{
  g_autoptr (GArray) ids = cut_prompt (self, "?", error);

  if (ids == NULL)
    return FALSE;
  self->prefix = g_array_new (FALSE, FALSE, sizeof (gint32));
  for (guint i = 0; i < ids->len; i++)
    {
      gint32 id = g_array_index (ids, gint32, i);

      g_array_append_val (self->prefix, id);
      if (id == PMOD_IMAGE_TOKEN)
        return TRUE;
    }
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "scenes: the conversation \"%s\" has no place "
               "for a picture",
               self->config->conversation);
  return FALSE;
}

PmodSource *
pmod_scene_source_new (const PmodSceneArt *art,
                       const PmodRecipeData *data,
                       guint64 seed,
                       PmodSceneSplit split,
                       const PmodConfig *config,
                       PmodTokenizer *tokenizer,
                       GError **error)
{
  static const PmodSourceClass klass = { make, free_source };
  static const guint8 black[3] = { 0 };
  SceneSource *self;

  if (!check_shape (config, error))
    return NULL;
  self = g_new0 (SceneSource, 1);
  self->base.klass = &klass;
  self->art = art;
  self->config = config;
  self->tokenizer = tokenizer;
  self->seed = seed;
  self->text_tokens = data->text_tokens;
  self->dot = pmod_image_new (1, 1, 3, black);
  self->options =
      (PmodSceneOptions){ config->vision.image_size, split,         data->mosaic, data->unsure,
                          data->max_questions,       data->lifelike };
  for (int i = 0; i < PMOD_SCENE_N_KINDS; i++)
    self->kind_names[i] = pmod_scene_kind_name ((PmodSceneKind)i);
  self->base.kinds = self->kind_names;
  self->base.n_kinds = PMOD_SCENE_N_KINDS;
  list_words (self);
  if (find_prefix (self, error))
    return &self->base;
  free_source (&self->base);
  return NULL;
}

/* --- Text for a vocabulary ------------------------------------------------------------------ */

/* A question follows a line's end, not a space: so it does in these lines, too.
 *
 * Questions of how many name what they count in the plural. Left out, a plural is its singular's
 * piece and an ending, and what is learnt of the one holds for the other. Texts that are read are
 * left out too: their characters are to stay apart. */
static gboolean
shapes_words (PmodSceneKind kind)
{
  return kind != PMOD_SCENE_COUNT && kind != PMOD_SCENE_READ && kind != PMOD_SCENE_DESCRIBE;
}

static void
add_names (const PmodSceneArt *art, GPtrArray *lines)
{
  /* Often enough that every name becomes one piece. */
  for (int i = 0; i < pmod_scene_art_get_n_classes (art); i++)
    {
      const char *name = pmod_scene_art_get_class_name (art, i);

      for (int k = 0; strlen (name) > 1 && k < 40; k++)
        g_ptr_array_add (lines, g_strdup_printf ("USER: the %s ASSISTANT: a %s.", name, name));
    }
}

GPtrArray *
pmod_scene_source_list_text (const PmodSceneArt *art, guint64 seed, int n_scenes)
{
  PmodSceneOptions options = PMOD_SCENE_OPTIONS_INIT;
  GPtrArray *lines = g_ptr_array_new_with_free_func (g_free);

  options.size = TEXT_SCENE_SIZE;
  for (int i = 0; i < n_scenes; i++)
    {
      g_autoptr (PmodScene) scene = pmod_scene_new (art, seed, (guint64)i, &options);
      int n;
      const PmodSceneQuestion *questions = pmod_scene_get_questions (scene, &n);

      for (int k = 0; k < n; k++)
        if (shapes_words (questions[k].kind))
          g_ptr_array_add (lines, g_strdup_printf ("USER:%s ASSISTANT: %s", questions[k].question,
                                                   questions[k].answer));
    }
  for (int k = 0; k < 40; k++)
    {
      g_ptr_array_add (lines, g_strdup ("USER:How many are there?Count the.How many do you see?How "
                                        "many are in the picture?What is the number of?"));
      g_ptr_array_add (lines, g_strdup ("zero one two three four five and background"));
    }
  /* Once, so that no two become one. */
  g_ptr_array_add (lines, g_strdup ("QAZWSXEDCRFVTGBYHNUJMIKOLP1029384756,s"));
  add_names (art, lines);
  return lines;
}
