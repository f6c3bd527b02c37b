/* How things are called. Not here: what is asked. */
#include "pmod-scene-private.h"

#include <string.h>

static const char *const cell_names[PMOD_SCENE_N_CELLS] = {
  "top left", "top",         "top right", "left",         "center",
  "right",    "bottom left", "bottom",    "bottom right",
};

const char *
pmod_scene_cell_name (int cell_idx)
{
  g_return_val_if_fail (cell_idx >= 0 && cell_idx < PMOD_SCENE_N_CELLS, NULL);
  return cell_names[cell_idx];
}

const char *
scene_words_place (int cell_idx)
{
  static const char *const places[PMOD_SCENE_N_CELLS] = {
    "at the top left",    "at the top",    "at the top right",
    "on the left",        "in the center", "on the right",
    "at the bottom left", "at the bottom", "at the bottom right",
  };

  return places[cell_idx];
}

const char *
scene_words_number (int n)
{
  static const char *const numbers[] = { "zero", "one", "two", "three", "four", "five" };

  g_assert (n >= 0 && n < (int)G_N_ELEMENTS (numbers));
  return numbers[n];
}

const char *
scene_words_name (const PmodSceneArt *art, const PmodSceneObject *object)
{
  return object->class_idx < 0 ? "text" : pmod_scene_art_get_class_name (art, object->class_idx);
}

char *
scene_words_class (const PmodSceneArt *art, int class_idx)
{
  const Noun *noun = scene_art_noun (art, class_idx);

  /* No shape begins with a vowel. */
  return noun != NULL ? g_strdup (noun->one)
                      : g_strconcat ("a ", pmod_scene_art_get_class_name (art, class_idx), NULL);
}

char *
scene_words_plural (const PmodSceneArt *art, int class_idx)
{
  const Noun *noun = scene_art_noun (art, class_idx);
  const char *name = pmod_scene_art_get_class_name (art, class_idx);

  if (noun != NULL)
    return g_strdup (noun->many);
  return g_strconcat (name, g_str_has_suffix (name, "s") ? "es" : "s", NULL);
}

gboolean
scene_words_is_plural (const PmodSceneArt *art, int class_idx)
{
  const Noun *noun = class_idx < 0 ? NULL : scene_art_noun (art, class_idx);

  return noun != NULL && strcmp (noun->one, noun->name) == 0 && g_str_has_suffix (noun->name, "s");
}

char *
scene_words_one (const PmodSceneArt *art, const PmodSceneObject *object)
{
  if (object->class_idx < 0)
    return g_strconcat ("the text ", object->text, NULL);
  if (object->colour_idx < 0)
    return scene_words_class (art, object->class_idx);
  return g_strdup_printf ("a %s %s", pmod_scene_colour_name (object->colour_idx),
                          pmod_scene_art_get_class_name (art, object->class_idx));
}

char *
scene_words_many (const PmodSceneArt *art, const PmodSceneObject *object, int n)
{
  g_autofree char *plural = NULL;

  if (n == 1)
    return scene_words_one (art, object);
  plural = scene_words_plural (art, object->class_idx);
  return g_strdup_printf ("%s %s%s%s", scene_words_number (n),
                          object->colour_idx < 0 ? "" : pmod_scene_colour_name (object->colour_idx),
                          object->colour_idx < 0 ? "" : " ", plural);
}
