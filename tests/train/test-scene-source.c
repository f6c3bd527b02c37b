/* What scenes tell of their patches: what is known of a patch is what the scene's own questions
 * say, in the words that the answers use. And where a new network's patches begin to lie. */
#include <math.h>
#include <string.h>

#include "golden.h"
#include "pmod-checkpoint.h"
#include "pmod-scene-source.h"
#include "pmod-weights.h"

#define SEED 5
#define N_SCENES 60

typedef struct
{
  PmodCheckpoint *checkpoint;
  const PmodConfig *config;
  PmodTokenizer *tokenizer;
  PmodSceneArt *art; /* shapes and characters */
  PmodSource *source;
} Fixture;

static const PmodRecipeData data = {
  .name = (char *)"scenes", .text_tokens = 96, .unsure = 0.06, .max_questions = 10
};

static void
set_up (Fixture *self, gconstpointer user_data)
{
  g_autofree char *path = golden_path ("demo-v0");
  g_autoptr (GError) error = NULL;

  self->checkpoint = pmod_checkpoint_open (path, NULL, &error);
  g_assert_no_error (error);
  self->config = pmod_checkpoint_get_config (self->checkpoint);
  self->tokenizer = pmod_tokenizer_new (path, &error);
  g_assert_no_error (error);
  self->art = pmod_scene_art_new (NULL, NULL, NULL, PMOD_SCENE_ROLE_TRAIN, &error);
  g_assert_no_error (error);
  self->source = pmod_scene_source_new (self->art, &data, SEED, PMOD_SCENE_SPLIT_TRAIN,
                                        self->config, self->tokenizer, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *self, gconstpointer user_data)
{
  pmod_source_free (self->source);
  pmod_scene_art_free (self->art);
  pmod_tokenizer_free (self->tokenizer);
  pmod_checkpoint_free (self->checkpoint);
}

/* Whether what is known of a patch is read by the tokens of word. */
static gboolean
is_read_as (Fixture *self, const PmodSamplePatch *patch, PmodPatchReading what, const char *word)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  const GArray *known;

  if (patch->known[what] < 0)
    return FALSE;
  known = g_ptr_array_index (self->source->words[what], patch->known[what]);
  pmod_tokenizer_encode (self->tokenizer, word, FALSE, ids);
  return known->len == ids->len && memcmp (known->data, ids->data, ids->len * sizeof (gint32)) == 0;
}

/* Where the answer names a row or a column, the patch is read as that; where not, as the center. */
static void
check_place (Fixture *self, const PmodSamplePatch *patch, const char *answer)
{
  static const char *const names[2][2] = { { "top", "bottom" }, { "left", "right" } };
  static const PmodPatchReading readings[2] = { PMOD_READ_ROW, PMOD_READ_COLUMN };

  for (int axis = 0; axis < 2; axis++)
    {
      const char *expected = "center";

      for (int i = 0; i < 2; i++)
        if (strstr (answer, names[axis][i]))
          expected = names[axis][i];
      if (!is_read_as (self, patch, readings[axis], expected))
        g_error ("%s is not read as %s", answer, expected);
    }
}

static void
test_places (Fixture *self, gconstpointer user_data)
{
  PmodSceneOptions options = PMOD_SCENE_OPTIONS_INIT;
  int n_asked = 0, n_without = 0;

  options.size = self->config->vision.image_size;
  for (guint64 index = 0; index < N_SCENES; index++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodSample) sample = pmod_source_make (self->source, index, &error);
      g_autoptr (PmodScene) scene = pmod_scene_new (self->art, SEED, index, &options);
      int n_objects, n_questions, side;
      const PmodSceneObject *objects = pmod_scene_get_objects (scene, &n_objects);
      const PmodSceneQuestion *questions = pmod_scene_get_questions (scene, &n_questions);

      g_assert_no_error (error);
      pmod_scene_get_patches (scene, &side);
      g_assert_cmpint (sample->n_targets, ==, side * side);
      for (int i = 0; i < n_questions; i++)
        {
          const PmodSceneObject *object;
          const PmodSamplePatch *patch;
          int x, y;

          if (questions[i].kind != PMOD_SCENE_WHERE)
            continue;
          object = &objects[questions[i].subject];
          x = (object->x + object->w / 2) / PMOD_SCENE_PATCH;
          y = (object->y + object->h / 2) / PMOD_SCENE_PATCH;
          patch = &sample->patches[y * side + x];
          /* A ring's centre is empty, as may be that of a text. */
          if (patch->known[PMOD_READ_CLASS] < 0)
            continue;
          check_place (self, patch, questions[i].answer);
          n_asked++;
        }
      for (int i = 0; i < sample->n_targets; i++)
        if (sample->patches[i].known[PMOD_READ_CLASS] < 0)
          {
            g_assert_cmpint (sample->patches[i].known[PMOD_READ_ROW], ==, -1);
            g_assert_cmpint (sample->patches[i].known[PMOD_READ_COLUMN], ==, -1);
            n_without++;
          }
    }
  g_test_message ("%d places asked for, %d patches without one", n_asked, n_without);
  g_assert_cmpint (n_asked, >, N_SCENES / 2);
  g_assert_cmpint (n_without, >, 0);
}

/* A patch's first wave turns by a radian a patch, columns before rows. */
static void
test_positions (Fixture *self, gconstpointer user_data)
{
  g_autoptr (GError) error = NULL;
  PmodWeights *weights = pmod_weights_new (self->config, NULL, PMOD_DTYPE_F32, SEED, NULL, &error);
  gint64 side = self->config->vision.image_size / self->config->vision.patch_size;
  gint64 dv = self->config->vision.hidden;
  const float *patches;

  g_assert_no_error (error);
  patches = (const float *)weights->position->value.data + dv;
  for (gint64 row = 0; row < side; row++)
    for (gint64 column = 0; column < side; column++)
      {
        const float *waves = patches + (row * side + column) * dv;

        g_assert_cmpfloat_with_epsilon (waves[0], sin ((double)column), 1e-6);
        g_assert_cmpfloat_with_epsilon (waves[1], cos ((double)column), 1e-6);
        g_assert_cmpfloat_with_epsilon (waves[2], sin ((double)row), 1e-6);
        g_assert_cmpfloat_with_epsilon (waves[3], cos ((double)row), 1e-6);
      }
  pmod_weights_free (weights);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/scene-source/places", Fixture, NULL, set_up, test_places, tear_down);
  g_test_add ("/scene-source/positions", Fixture, NULL, set_up, test_positions, tear_down);
  return g_test_run ();
}
