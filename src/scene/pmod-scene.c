/* A scene: what is in it and where, from random numbers alone. Not here: how things are drawn, what
 * is asked about them. */
#include "pmod-scene-private.h"

#include <math.h>
#include <string.h>

#define N_SPLITS 3
#define MAX_THINGS 5
#define ATTEMPTS 40

/* Sizes of objects, as shares of the side, where a scene has so many. */
static const double sizes[MAX_THINGS + 1][2] = { { 0 },          { 0.38, 0.85 }, { 0.3, 0.5 },
                                                 { 0.25, 0.42 }, { 0.22, 0.36 }, { 0.2, 0.32 } };

/* Centres closer than this to a border between cells could be called either: they are not used. */
#define UNCLEAR 0.03
#define FIRST_BORDER 0.36

static int
third_of (double centre)
{
  if (fabs (centre - FIRST_BORDER) < UNCLEAR || fabs (centre - 1 + FIRST_BORDER) < UNCLEAR)
    return -1;
  return centre < FIRST_BORDER ? 0 : centre < 1 - FIRST_BORDER ? 1 : 2;
}

int
scene_cell (const PmodScene *self, const PmodSceneObject *object)
{
  int column = third_of ((object->x + object->w / 2.0) / self->canvas.size);
  int row = third_of ((object->y + object->h / 2.0) / self->canvas.size);

  return column < 0 || row < 0 ? -1 : 3 * row + column;
}

static gboolean
is_free (const PmodScene *self, const PmodSceneObject *object)
{
  for (int i = 0; i < self->n_objects; i++)
    {
      const PmodSceneObject *other = &self->objects[i];

      if (object->x < other->x + other->w && other->x < object->x + object->w &&
          object->y < other->y + other->h && other->y < object->y + object->h)
        return FALSE;
    }
  return TRUE;
}

/* A coordinate that puts a centre into a third of the side; the thing lies wholly inside. */
static int
draw_start (PmodScene *self, int third, int length)
{
  static const double bounds[3][2] = { { 0, FIRST_BORDER - UNCLEAR },
                                       { FIRST_BORDER + UNCLEAR, 1 - FIRST_BORDER - UNCLEAR },
                                       { 1 - FIRST_BORDER + UNCLEAR, 1 } };
  int size = self->canvas.size;
  double centre = random_range (&self->random, bounds[third][0], bounds[third][1]);

  return CLAMP ((int)(centre * size - length / 2.0), 1, size - length - 1);
}

/* Cells are equally likely, so that none is the answer to guess. */
static gboolean
find_place (PmodScene *self, PmodSceneObject *object)
{
  int cell = random_int (&self->random, PMOD_SCENE_N_CELLS);

  object->x = draw_start (self, cell % 3, object->w);
  object->y = draw_start (self, cell / 3, object->h);
  object->cell_idx = scene_cell (self, object);
  return object->cell_idx >= 0 && is_free (self, object);
}

static gboolean
add_thing (PmodScene *self, int class_idx, double low, double high)
{
  PmodSceneObject object = { class_idx, -1, scene_pick_style (self, class_idx), -1 };

  for (int i = 0; i < ATTEMPTS; i++)
    {
      /* Crowded scenes are tried again with smaller things. */
      double reach = i < ATTEMPTS / 2 ? high : low + (high - low) / 3;

      object.w = object.h = (int)(random_range (&self->random, low, reach) * self->canvas.size);
      if (!find_place (self, &object))
        continue;
      scene_place (self, &object);
      self->objects[self->n_objects++] = object;
      return TRUE;
    }
  return FALSE;
}

static void
add_text (PmodScene *self)
{
  Random *random = &self->random;
  static const int lengths[] = { 1, 2, 2, 3 };
  PmodSceneObject object = { -1, -1, -1, -1 };
  Lettering text = { random_int (random, self->art->n_fonts),
                     lengths[random_int (random, G_N_ELEMENTS (lengths))] };

  for (int i = 0; i < text.n; i++)
    text.characters[i] = random_int (random, PMOD_SCENE_N_CHARACTERS);
  for (int i = 0; i < ATTEMPTS; i++)
    {
      text.height = (int)(random_range (random, 0.18, 0.34) * self->canvas.size);
      object.w = lettering_width (self->art, &text);
      object.h = text.height;
      if (object.w > self->canvas.size - 4 || !find_place (self, &object))
        continue;
      scene_place_text (self, &text, &object);
      self->objects[self->n_objects++] = object;
      return;
    }
}

/* Nothing that is there already or could be taken for it. */
static int
pick_new_class (PmodScene *self)
{
  for (;;)
    {
      int class_idx = scene_pick_class (self);
      gboolean clash = FALSE;

      for (int i = 0; i < self->n_objects; i++)
        clash |= self->objects[i].class_idx == class_idx ||
                 scene_similar (self->art, self->objects[i].class_idx, class_idx);
      if (!clash)
        return class_idx;
    }
}

/* Several of the same kind, for counting, or one of each. */
static void
add_things (PmodScene *self, gboolean with_text)
{
  Random *random = &self->random;
  int n = 1, same = 1, class_idx = pick_new_class (self);
  double kind = random_unit (random);
  double low, high;

  if (kind < 0.32)
    {
      same = 2 + random_int (random, with_text ? 2 : 4);
      n = same + (same < MAX_THINGS ? random_int (random, 2) : 0);
    }
  else if (kind < 0.75)
    n = 2 + random_int (random, with_text ? 1 : 3);
  low = sizes[n][0];
  high = with_text ? MIN (sizes[n][1], 0.45) : sizes[n][1];
  low = MIN (low, high - 0.1);
  for (int i = 0; i < n; i++)
    add_thing (self, i < same ? class_idx : pick_new_class (self), low, high);
}

static void
fill (PmodScene *self, const PmodSceneOptions *options)
{
  Random *random = &self->random;
  double kind = random_unit (random);
  gboolean with_text;

  self->background = -1;
  if (kind < options->unsure)
    {
      self->unsure = TRUE;
      if (options->lifelike > 0 && random_chance (random, options->lifelike))
        lifelike_paint (&self->canvas, random);
      else
        texture_paint (&self->canvas, random);
      return;
    }
  self->background = background_paint (&self->canvas, random).colour_idx;
  if (kind < options->unsure + options->mosaic)
    {
      scene_fill_mosaic (self);
      self->background = -1;
      return;
    }
  with_text = random_chance (random, 0.22);
  if (with_text)
    add_text (self);
  if (!with_text || random_chance (random, 0.75))
    add_things (self, with_text);
  scene_ask (self, options->max_questions);
}

static void
clear_question (PmodSceneQuestion *question)
{
  g_free (question->question);
  g_free (question->answer);
}

gboolean
pmod_scene_is_size (int size)
{
  return size >= PMOD_SCENE_MIN_SIZE && size <= PMOD_SCENE_MAX_SIZE && size % PMOD_SCENE_PATCH == 0;
}

PmodScene *
pmod_scene_new (const PmodSceneArt *art,
                guint64 seed,
                guint64 index,
                const PmodSceneOptions *options)
{
  PmodScene *self;
  int size = options->size, side = size / PMOD_SCENE_PATCH;

  g_return_val_if_fail (art != NULL, NULL);
  g_return_val_if_fail (pmod_scene_is_size (size), NULL);
  self = g_new0 (PmodScene, 1);
  self->art = art;
  random_init (&self->random, seed, index * N_SPLITS + options->split);
  self->canvas.size = size;
  self->canvas.rgb = g_malloc (3 * (gsize)size * size);
  self->canvas.ink = g_malloc0 ((gsize)size * size);
  self->patches = g_new (PmodScenePatch, side * side);
  self->questions = g_array_new (FALSE, FALSE, sizeof (PmodSceneQuestion));
  g_array_set_clear_func (self->questions, (GDestroyNotify)clear_question);
  fill (self, options);
  if (self->unsure)
    scene_ask (self, options->max_questions);
  if (random_chance (&self->random, 0.12))
    canvas_blur (&self->canvas);
  canvas_patches (&self->canvas, self->patches);
  self->art = NULL;
  return self;
}

void
pmod_scene_free (PmodScene *self)
{
  if (self == NULL)
    return;
  g_free (self->canvas.rgb);
  g_free (self->canvas.ink);
  g_free (self->patches);
  g_array_unref (self->questions);
  g_free (self);
}

int
pmod_scene_get_size (const PmodScene *self)
{
  return self->canvas.size;
}

const guint8 *
pmod_scene_get_pixels (const PmodScene *self)
{
  return self->canvas.rgb;
}

const PmodSceneObject *
pmod_scene_get_objects (const PmodScene *self, int *n_objects)
{
  *n_objects = self->n_objects;
  return self->objects;
}

const PmodScenePatch *
pmod_scene_get_patches (const PmodScene *self, int *side)
{
  *side = self->canvas.size / PMOD_SCENE_PATCH;
  return self->patches;
}

const PmodSceneQuestion *
pmod_scene_get_questions (const PmodScene *self, int *n_questions)
{
  *n_questions = (int)self->questions->len;
  return (const PmodSceneQuestion *)(gpointer)self->questions->data;
}

int
pmod_scene_get_background (const PmodScene *self)
{
  return self->background;
}

gboolean
pmod_scene_is_unsure (const PmodScene *self)
{
  return self->unsure;
}
