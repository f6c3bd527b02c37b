/* All drawings, immutable. Not here: reading tables, icons and fonts; what scenes do with them. */
#include "pmod-scene-private.h"

#include <string.h>

G_DEFINE_QUARK (pmod - scene - error - quark, pmod_scene_error)

const guint8 scene_colours[PMOD_SCENE_N_COLOURS][3] = {
  { 220, 40, 40 },   { 50, 170, 60 }, { 45, 80, 220 },   { 245, 215, 45 }, { 140, 60, 180 },
  { 245, 140, 190 }, { 25, 25, 25 },  { 248, 248, 248 }, { 125, 75, 40 },  { 135, 135, 135 },
};

static const char *const colour_names[PMOD_SCENE_N_COLOURS] = {
  "red", "green", "blue", "yellow", "purple", "pink", "black", "white", "brown", "gray",
};

static const char *const shape_names[PMOD_SCENE_N_SHAPES] = {
  "circle", "square", "triangle", "star", "heart", "diamond", "cross", "ring",
};

static const char *const character_names[PMOD_SCENE_N_CHARACTERS] = {
  "A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M", "N", "P", "Q", "R",
  "S", "T", "U", "V", "W", "X", "Y", "Z", "2", "3", "4", "5", "6", "7", "8", "9",
};

char
scene_character (int character)
{
  return character_names[character][0];
}

const char *
pmod_scene_colour_name (int colour_idx)
{
  g_return_val_if_fail (colour_idx >= 0 && colour_idx < PMOD_SCENE_N_COLOURS, NULL);
  return colour_names[colour_idx];
}

/* Each noun must be drawable, or scenes would look for a drawing for ever. */
static gboolean
check_drawn (const PmodSceneArt *self, GPtrArray *icon_names, GError **error)
{
  for (guint i = 0; i < self->nouns->len; i++)
    {
      gboolean drawn = FALSE;

      for (guint style = 0; style < icon_names->len; style++)
        drawn |= strcmp (((char **)g_ptr_array_index (icon_names, style))[i], "-") != 0;
      if (!drawn)
        {
          g_set_error (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_FORMAT,
                       "%s: expected an icon in a style of this role, got none",
                       ((Noun *)g_ptr_array_index (self->nouns, i))->name);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
read_art (PmodSceneArt *self,
          const char *recipes,
          const char *table,
          const char *cache,
          PmodSceneRole role,
          GError **error)
{
  g_autoptr (GPtrArray) icon_names = g_ptr_array_new_with_free_func ((GDestroyNotify)g_strfreev);

  if (!scene_table_read (self, recipes, table, role, icon_names, error) ||
      !check_drawn (self, icon_names, error))
    return FALSE;
  for (guint style = 0; style < self->styles->len; style++)
    if (!scene_icons_read (self, cache, (int)style, g_ptr_array_index (icon_names, style), error))
      return FALSE;
  return TRUE;
}

PmodSceneArt *
pmod_scene_art_new (
    const char *recipes, const char *table, const char *cache, PmodSceneRole role, GError **error)
{
  g_autoptr (PmodSceneArt) self = g_new0 (PmodSceneArt, 1);

  g_return_val_if_fail (recipes == NULL || cache != NULL, NULL);
  self->nouns = g_ptr_array_new_with_free_func ((GDestroyNotify)noun_free);
  self->styles = g_ptr_array_new_with_free_func (g_free);
  self->sprites = g_ptr_array_new_with_free_func ((GDestroyNotify)sprite_free);
  scene_glyphs_draw (self);
  if (recipes != NULL && !read_art (self, recipes, table, cache, role, error))
    return NULL;
  return g_steal_pointer (&self);
}

char *
pmod_scene_art_get_default_cache (void)
{
  return g_build_filename (g_get_user_cache_dir (), "strata", "art", NULL);
}

void
pmod_scene_art_free (PmodSceneArt *self)
{
  if (self == NULL)
    return;
  for (int i = 0; i < PMOD_SCENE_N_SHAPES; i++)
    sprite_free (self->shapes[i]);
  for (int font = 0; font < self->n_fonts; font++)
    for (int i = 0; i < PMOD_SCENE_N_CHARACTERS; i++)
      sprite_free (self->glyphs[font][i]);
  g_ptr_array_unref (self->nouns);
  g_ptr_array_unref (self->styles);
  g_ptr_array_unref (self->sprites);
  g_free (self);
}

const Noun *
scene_art_noun (const PmodSceneArt *self, int class_idx)
{
  return class_idx < FIRST_NOUN ? NULL
                                : g_ptr_array_index (self->nouns, (guint)(class_idx - FIRST_NOUN));
}

const Sprite *
scene_art_sprite (const PmodSceneArt *self, int style_idx, int class_idx)
{
  return g_ptr_array_index (self->sprites,
                            (guint)style_idx * self->nouns->len + (guint)(class_idx - FIRST_NOUN));
}

/* A ring is a circle to some, a diamond a square that stands on its corner. */
static gboolean
is_pair (int a, int b, int one, int other)
{
  return (a == one && b == other) || (a == other && b == one);
}

static gboolean
names (const Noun *noun, int class_idx)
{
  for (int i = 0; noun != NULL && i < noun->n_similar; i++)
    if (noun->similar[i] == class_idx)
      return TRUE;
  return FALSE;
}

/* Nouns name nouns both ways, but shapes have no row to name a noun in. */
gboolean
scene_similar (const PmodSceneArt *self, int a, int b)
{
  return names (scene_art_noun (self, a), b) || names (scene_art_noun (self, b), a) ||
         is_pair (a, b, 0, 7) || is_pair (a, b, 1, 5);
}

int
pmod_scene_art_get_n_classes (const PmodSceneArt *self)
{
  return FIRST_NOUN + (int)self->nouns->len;
}

int
pmod_scene_art_get_n_nouns (const PmodSceneArt *self)
{
  return (int)self->nouns->len;
}

int
pmod_scene_art_get_n_styles (const PmodSceneArt *self)
{
  return (int)self->styles->len;
}

const char *
pmod_scene_art_get_style_name (const PmodSceneArt *self, int style_idx)
{
  g_return_val_if_fail (style_idx >= 0 && style_idx < (int)self->styles->len, NULL);
  return g_ptr_array_index (self->styles, (guint)style_idx);
}

int
pmod_scene_art_count_nouns (const PmodSceneArt *self, int style_idx)
{
  int n = 0;

  g_return_val_if_fail (style_idx >= 0 && style_idx < (int)self->styles->len, 0);
  for (int i = 0; i < (int)self->nouns->len; i++)
    n += scene_art_sprite (self, style_idx, FIRST_NOUN + i) != NULL;
  return n;
}

const char *
pmod_scene_art_get_class_name (const PmodSceneArt *self, int class_idx)
{
  g_return_val_if_fail (class_idx >= 0 && class_idx < pmod_scene_art_get_n_classes (self), NULL);
  if (class_idx < PMOD_SCENE_N_SHAPES)
    return shape_names[class_idx];
  if (class_idx < FIRST_NOUN)
    return character_names[class_idx - PMOD_SCENE_N_SHAPES];
  return scene_art_noun (self, class_idx)->name;
}

const char *
pmod_scene_art_get_class_group (const PmodSceneArt *self, int class_idx)
{
  const Noun *noun;

  g_return_val_if_fail (class_idx >= 0 && class_idx < pmod_scene_art_get_n_classes (self), NULL);
  noun = scene_art_noun (self, class_idx);
  return noun != NULL ? noun->group : NULL;
}
