/* Where messages are, and what stays where it is when heights become known. */
#include "config.h"

#include "pmod-message-heights.h"

static PmodMessageHeights *
make (guint n)
{
  PmodMessageHeights *heights = pmod_message_heights_new ();
  g_autofree const char **texts = g_new (const char *, n);

  for (guint i = 0; i < n; i++)
    texts[i] = i % 2 ? "A line" : "Three\nlines\nof text";
  pmod_message_heights_splice (heights, 0, 0, texts, n);
  for (guint i = 0; i < n; i++)
    pmod_message_heights_set (heights, i, 100);
  return heights;
}

static void
test_places (void)
{
  g_autoptr (PmodMessageHeights) heights = make (10);

  g_assert_cmpfloat (pmod_message_heights_get_top (heights, 3), ==, 300);
  g_assert_cmpfloat (pmod_message_heights_get_end (heights), ==, 1000);
  g_assert_cmpuint (pmod_message_heights_find (heights, -5), ==, 0);
  g_assert_cmpuint (pmod_message_heights_find (heights, 299.5), ==, 2);
  g_assert_cmpuint (pmod_message_heights_find (heights, 300), ==, 3);
  g_assert_cmpuint (pmod_message_heights_find (heights, 5000), ==, 9);
}

static void
test_anchor (void)
{
  g_autoptr (PmodMessageHeights) heights = make (10);
  const char *texts[] = { "x", "y" };

  pmod_message_heights_set_anchor (heights, 5);
  pmod_message_heights_set (heights, 2, 160); /* above: what is above moves */
  g_assert_cmpfloat (pmod_message_heights_get_top (heights, 5), ==, 500);
  g_assert_cmpfloat (pmod_message_heights_get_origin (heights), ==, -60);
  pmod_message_heights_set (heights, 5, 50); /* itself: what is below */
  pmod_message_heights_set (heights, 7, 10);
  g_assert_cmpfloat (pmod_message_heights_get_top (heights, 5), ==, 500);
  g_assert_cmpfloat (pmod_message_heights_get_top (heights, 6), ==, 550);
  pmod_message_heights_splice (heights, 1, 0, texts, 2);
  g_assert_cmpuint (pmod_message_heights_get_anchor (heights), ==, 7);
  g_assert_cmpfloat (pmod_message_heights_get_top (heights, 7), ==, 500);
  pmod_message_heights_splice (heights, 0, 4, NULL, 0);
  g_assert_cmpuint (pmod_message_heights_get_anchor (heights), ==, 3);
  g_assert_cmpfloat (pmod_message_heights_get_top (heights, 3), ==, 500);
  pmod_message_heights_splice (heights, 5, 1, texts, 1);
  g_assert_cmpfloat (pmod_message_heights_get_top (heights, 3), ==, 500);
  pmod_message_heights_set_width (heights, 200);
  g_assert_cmpfloat (pmod_message_heights_get_top (heights, 3), ==, 500);
}

static void
test_gone (void)
{
  g_autoptr (PmodMessageHeights) heights = make (4);

  pmod_message_heights_set_anchor (heights, 2);
  pmod_message_heights_splice (heights, 1, 3, NULL, 0);
  g_assert_cmpuint (pmod_message_heights_get_anchor (heights), ==, 0);
  pmod_message_heights_splice (heights, 0, 1, NULL, 0);
  g_assert_cmpuint (pmod_message_heights_get_n (heights), ==, 0);
  g_assert_cmpuint (pmod_message_heights_get_anchor (heights), ==, 0);
  g_assert_cmpfloat (pmod_message_heights_get_end (heights), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/message-heights/places", test_places);
  g_test_add_func ("/message-heights/anchor", test_anchor);
  g_test_add_func ("/message-heights/gone", test_gone);
  return g_test_run ();
}
