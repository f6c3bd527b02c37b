/* Scenes as pictures with questions: the drawings they are made of, the kinds of questions a task
 * wants, what else than the generator's own words is accepted as an answer, and which patches show
 * an object. Not here: the scenes themselves. */
#include "config.h"

#include "pmod-eval-private.h"

#include "pmod-scene.h"

#include <string.h>

#define HALF_A_CROWD 5

struct _PmodEvalScenes
{
  const PmodEvalTask *task;
  PmodSceneArt *art;
};

/* --- Drawings --------------------------------------------------------------------------------- */

/* The directory of art.ini and of fetch-art. */
static char *
find_recipes (void)
{
  g_autofree char *installed = g_build_filename (STRATA_PKGDATADIR, "recipes", NULL);

  if (g_file_test (installed, G_FILE_TEST_IS_DIR))
    return g_steal_pointer (&installed);
  return g_build_filename (STRATA_SOURCE_DIR, "data", "recipes", NULL);
}

static PmodSceneArt *
open_art (const PmodEvalTask *task, const char *art, GError **error)
{
  g_autofree char *own = pmod_scene_art_get_default_cache ();
  g_autofree char *recipes = find_recipes ();
  g_autoptr (GError) why = NULL;
  PmodSceneRole role =
      task->art == PMOD_EVAL_ART_HELD_OUT ? PMOD_SCENE_ROLE_HELD_OUT : PMOD_SCENE_ROLE_TRAIN;
  PmodSceneArt *found;

  if (art == NULL)
    art = own;
  if (task->art == PMOD_EVAL_ART_NONE)
    return pmod_scene_art_new (NULL, NULL, NULL, role, error);
  if (task->nouns != NULL)
    {
      g_autofree char *table = g_build_filename (recipes, task->nouns, NULL);

      if (!g_file_test (table, G_FILE_TEST_IS_REGULAR))
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
                       "task %s: [scenes] nouns: expected a table of nouns, got no file %s",
                       task->name, table);
          return NULL;
        }
    }
  found = pmod_scene_art_new (recipes, task->nouns, art, role, &why);
  if (found == NULL && g_error_matches (why, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_IO))
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
                 "task %s: expected drawings in %s, got none (%s); \"%s/fetch-art %s\" fetches "
                 "them, --art names another directory",
                 task->name, art, why->message, recipes, art);
  else if (found == NULL)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "task %s: %s", task->name, why->message);
  return found;
}

PmodEvalScenes *
pmod_eval_scenes_new (const PmodEvalTask *task, const char *art, GError **error)
{
  g_autoptr (PmodEvalScenes) self = g_new0 (PmodEvalScenes, 1);

  self->task = task;
  self->art = open_art (task, art, error);
  return self->art != NULL ? g_steal_pointer (&self) : NULL;
}

void
pmod_eval_scenes_free (PmodEvalScenes *self)
{
  pmod_scene_art_free (self->art);
  g_free (self);
}

gboolean
pmod_eval_scenes_check_size (const PmodConfig *config, GError **error)
{
  int size = config->vision.image_size;

  if (config->has_vision && pmod_scene_is_size (size))
    return TRUE;
  g_set_error (
      error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
      "scenes are made for models that read pictures of %d to %d pixels a side, a multiple "
      "of %d; this one reads %d",
      PMOD_SCENE_MIN_SIZE, PMOD_SCENE_MAX_SIZE, PMOD_SCENE_PATCH, config->has_vision ? size : 0);
  return FALSE;
}

/* --- Answers ---------------------------------------------------------------------------------- */

/* The other way to say it that is as right, where words are compared softly: a thing's name
 * without its color, a place without its preposition, the other spelling. */
static char *
find_variant (const PmodEvalScenes *self, const PmodScene *scene, const PmodSceneQuestion *question)
{
  int n_objects;
  const PmodSceneObject *objects = pmod_scene_get_objects (scene, &n_objects);

  switch (question->kind)
    {
    case PMOD_SCENE_WHAT:
      if (objects[question->subject].class_idx < 0)
        return NULL;
      return g_strdup (
          pmod_scene_art_get_class_name (self->art, objects[question->subject].class_idx));
    case PMOD_SCENE_WHERE:
      return g_strdup (pmod_scene_cell_name (objects[question->subject].cell_idx));
    case PMOD_SCENE_COLOUR:
    case PMOD_SCENE_BACKGROUND:
      return strcmp (question->answer, "Gray.") == 0 ? g_strdup ("Grey.") : NULL;
    default:
      return NULL;
    }
}

/* Where there are two ways to say it, half of ten people say it one way and half the other: each
 * way then gets the whole point. */
static char **
make_expected (const PmodEvalScenes *self,
               const PmodScene *scene,
               const PmodSceneQuestion *question)
{
  g_autoptr (GStrvBuilder) expected = g_strv_builder_new ();
  g_autofree char *variant = NULL;

  if (self->task->metric == PMOD_EVAL_METRIC_VQA_SOFT)
    variant = find_variant (self, scene, question);
  for (int i = 0; i < (variant != NULL ? HALF_A_CROWD : 1); i++)
    g_strv_builder_add (expected, question->answer);
  for (int i = 0; i < (variant != NULL ? HALF_A_CROWD : 0); i++)
    g_strv_builder_add (expected, variant);
  return g_strv_builder_end (expected);
}

static void
add_questions (const PmodEvalScenes *self,
               const PmodScene *scene,
               PmodEvalPicture *picture,
               int index)
{
  g_autofree char *id = g_strdup_printf ("%d", index);
  int n;
  const PmodSceneQuestion *questions = pmod_scene_get_questions (scene, &n);

  for (int i = 0; i < n; i++)
    if (self->task->kinds & 1u << questions[i].kind)
      g_ptr_array_add (picture->questions,
                       pmod_eval_question_new (id, pmod_scene_kind_name (questions[i].kind),
                                               questions[i].question,
                                               make_expected (self, scene, &questions[i])));
}

PmodEvalPicture *
pmod_eval_scenes_get (const PmodEvalScenes *self, int size, int index)
{
  const PmodEvalTask *task = self->task;
  const PmodSceneOptions options = {
    .size = size,
    .split = (PmodSceneSplit)task->split,
    .unsure = task->unsure,
    .lifelike = task->lifelike,
    .max_questions = task->max_questions,
  };
  g_autoptr (PmodScene) scene = pmod_scene_new (self->art, task->seed, (guint64)index, &options);
  PmodEvalPicture *picture = pmod_eval_picture_new ();
  int side;
  const PmodScenePatch *patches = pmod_scene_get_patches (scene, &side);

  g_ptr_array_add (picture->images,
                   pmod_image_new (size, size, 3 * (gsize)size, pmod_scene_get_pixels (scene)));
  picture->n_patches = side * side;
  picture->is_object = g_new (guint8, picture->n_patches);
  for (int i = 0; i < picture->n_patches; i++)
    picture->is_object[i] = patches[i].cover >= PMOD_SCENE_OBJECT_COVER;
  add_questions (self, scene, picture, index);
  return picture;
}
