/* Grids of objects and characters: pictures for training the vision tower alone, where nearly every
 * patch has a label. They carry no questions. */
#include "pmod-scene-private.h"

/* Smaller characters fill too few pixels of a patch to be learnt. */
#define MIN_CHARACTER 20

static void
place_character (PmodScene *self, PmodSceneObject *object, int x, int y, int cell)
{
  Random *random = &self->random;
  Lettering letter = { random_int (random, self->art->n_fonts), 1 };
  int width;

  letter.characters[0] = random_int (random, PMOD_SCENE_N_CHARACTERS);
  letter.height = (int)(cell * random_range (random, 0.45, 0.9));
  letter.height = MAX (MIN_CHARACTER, letter.height);
  /* M and W are wider than high. */
  width = lettering_width (self->art, &letter);
  if (width > cell)
    letter.height = MAX (MIN_CHARACTER, letter.height * cell / width);
  object->w = lettering_width (self->art, &letter);
  object->h = letter.height;
  object->x = x + random_int (random, MAX (1, cell - object->w));
  object->y = y + random_int (random, MAX (1, cell - object->h));
  object->cell_idx = scene_cell (self, object);
  scene_place_text (self, &letter, object);
  object->class_idx = PMOD_SCENE_N_SHAPES + letter.characters[0];
}

static void
place_thing (PmodScene *self, PmodSceneObject *object, int x, int y, int cell)
{
  Random *random = &self->random;
  int side = (int)(cell * random_range (random, 0.7, 1.05));

  object->class_idx = scene_pick_class (self);
  object->style_idx = scene_pick_style (self, object->class_idx);
  object->x = x + (cell - side) / 2 + (int)(cell * random_range (random, -0.12, 0.12));
  object->y = y + (cell - side) / 2 + (int)(cell * random_range (random, -0.12, 0.12));
  object->w = object->h = side;
  object->cell_idx = scene_cell (self, object);
  scene_place (self, object);
}

void
scene_fill_mosaic (PmodScene *self)
{
  static const int cells[] = { 1, 2, 2, 2, 3, 3 };
  int n = cells[random_int (&self->random, G_N_ELEMENTS (cells))];
  int cell = self->canvas.size / n;

  for (int i = 0; i < n * n; i++)
    {
      PmodSceneObject object = { -1, -1, -1, -1 };
      double kind = random_unit (&self->random);
      int x = i % n * cell, y = i / n * cell;

      if (kind < 0.06)
        continue;
      if (kind < 0.36)
        place_character (self, &object, x, y, cell);
      else
        place_thing (self, &object, x, y, cell);
      self->objects[self->n_objects++] = object;
    }
}
