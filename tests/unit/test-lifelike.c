/* Pictures that look like photographs and show nothing that has a name. */
#include <string.h>

#include "pmod-scene.h"

/* How many of a picture's bytes differ from the one beside it. */
static double
share_of_grain (const PmodScene *scene)
{
  const guint8 *pixels = pmod_scene_get_pixels (scene);
  int size = pmod_scene_get_size (scene), n = 0;

  for (int i = 3; i < 3 * size * size; i++)
    n += pixels[i] != pixels[i - 3];
  return (double)n / (3.0 * size * size);
}

/* Nothing in them has a name; what is lifelike is another picture than without the option, the same
 * again with the same seed, and nowhere plain. */
static void
test_lifelike (void)
{
  g_autoptr (PmodSceneArt) art = pmod_scene_art_new (NULL, NULL, NULL, PMOD_SCENE_ROLE_TRAIN, NULL);
  PmodSceneOptions options = PMOD_SCENE_OPTIONS_INIT;

  options.unsure = 1;
  for (guint64 i = 0; i < 20; i++)
    {
      g_autoptr (PmodScene) texture = NULL, scene = NULL, again = NULL;
      gsize n_bytes = 3 * (gsize)options.size * (gsize)options.size;
      int n_objects, n_questions;

      options.lifelike = 0;
      texture = pmod_scene_new (art, 5, i, &options);
      options.lifelike = 1;
      scene = pmod_scene_new (art, 5, i, &options);
      again = pmod_scene_new (art, 5, i, &options);
      pmod_scene_get_objects (scene, &n_objects);
      pmod_scene_get_questions (scene, &n_questions);
      g_assert_true (pmod_scene_is_unsure (scene));
      g_assert_cmpint (n_objects, ==, 0);
      g_assert_cmpint (n_questions, ==, 4);
      g_assert_cmpint (pmod_scene_get_background (scene), ==, -1);
      g_assert_cmpmem (pmod_scene_get_pixels (scene), n_bytes, pmod_scene_get_pixels (again),
                       n_bytes);
      g_assert_cmpint (
          memcmp (pmod_scene_get_pixels (scene), pmod_scene_get_pixels (texture), n_bytes), !=, 0);
      g_assert_cmpfloat (share_of_grain (scene), >, 0.1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lifelike/pictures", test_lifelike);
  return g_test_run ();
}
