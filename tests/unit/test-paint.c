/* Painted masks: what is painted where, versions that share, and the file. */
#include "pmod-paint.h"

#include "pmod-error.h"
#include "pmod-params.h"

#include <glib/gstdio.h>
#include <string.h>

static PmodPaint *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  PmodPaint *paint = pmod_paint_parse (text, -1, "mask.json", &error);

  g_assert_no_error (error);
  return paint;
}

static void
test_states (void)
{
  const guint8 all[4] = { PMOD_PAINT_KEEP, PMOD_PAINT_SKIP, PMOD_PAINT_NONE, PMOD_PAINT_KEEP };
  const guint8 own[4] = { PMOD_PAINT_SKIP, PMOD_PAINT_NONE, PMOD_PAINT_KEEP, PMOD_PAINT_NONE };
  const guint8 nothing[4] = { 0 };
  const PmodPaintState expected[4] = { PMOD_PAINT_SKIP, PMOD_PAINT_SKIP, PMOD_PAINT_KEEP,
                                       PMOD_PAINT_KEEP };
  g_autoptr (PmodPaint) empty = pmod_paint_new (4);
  g_autoptr (PmodPaint) a = pmod_paint_with (empty, PMOD_PAINT_ALL_LAYERS, all);
  g_autoptr (PmodPaint) b = pmod_paint_with (a, 3, own);
  g_autoptr (PmodPaint) last = pmod_paint_with (a, PMOD_MAX_LAYERS - 1, own);
  g_autoptr (PmodPaint) back = pmod_paint_with (b, 3, NULL);
  g_autoptr (PmodPaint) cleared = pmod_paint_with (a, PMOD_PAINT_ALL_LAYERS, nothing);

  g_assert_true (pmod_paint_is_empty (empty));
  g_assert_false (pmod_paint_is_empty (a));
  g_assert_cmpint (pmod_paint_get_n_vision (b), ==, 4);
  for (int i = 0; i < 4; i++)
    {
      g_assert_cmpint (pmod_paint_get (empty, 3, i), ==, PMOD_PAINT_NONE);
      g_assert_cmpint (pmod_paint_get (a, 3, i), ==, all[i]);
      g_assert_cmpint (pmod_paint_get (b, 3, i), ==, expected[i]);
      g_assert_cmpint (pmod_paint_get (b, 2, i), ==, all[i]);
      g_assert_cmpint (pmod_paint_get (last, PMOD_MAX_LAYERS - 1, i), ==, expected[i]);
    }
  g_assert_null (pmod_paint_get_states (b, 2));
  g_assert_cmpmem (pmod_paint_get_states (b, 3), 4, own, 4);
  /* The row that did not change is the same memory. */
  g_assert_true (pmod_paint_get_states (b, PMOD_PAINT_ALL_LAYERS) ==
                 pmod_paint_get_states (a, PMOD_PAINT_ALL_LAYERS));
  g_assert_true (pmod_paint_equal (back, a));
  g_assert_true (pmod_paint_is_empty (cleared));
  g_assert_true (pmod_paint_equal (cleared, empty));
}

static void
test_equal (void)
{
  g_autoptr (PmodPaint) a = parse ("{\"schema\":1,\"n_vision\":9,\"all\":{\"keep\":[2,3]}}");
  g_autoptr (PmodPaint) b = parse ("{\"schema\":1,\"n_vision\":9,\"all\":{\"keep\":[3,2]}}");
  g_autoptr (PmodPaint) c = parse ("{\"schema\":1,\"n_vision\":9,\"all\":{\"skip\":[2,3]}}");
  g_autoptr (PmodPaint) d =
      parse ("{\"schema\":1,\"n_vision\":9,\"layers\":[{\"layer\":0,\"keep\":[2,3]}]}");
  g_autoptr (PmodPaint) larger = parse ("{\"schema\":1,\"n_vision\":10,\"all\":{\"keep\":[2,3]}}");
  g_autoptr (PmodPaint) empty = parse ("{\"schema\":1,\"n_vision\":9}");

  g_assert_true (pmod_paint_equal (a, b));
  g_assert_false (pmod_paint_equal (a, c));
  g_assert_false (pmod_paint_equal (a, d));
  g_assert_false (pmod_paint_equal (a, larger));
  g_assert_false (pmod_paint_equal (a, NULL));
  g_assert_true (pmod_paint_equal (empty, NULL));
  g_assert_true (pmod_paint_equal (NULL, NULL));
}

static void
test_file (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("paint-XXXXXX", &error);
  g_autofree char *path = g_build_filename (dir, "mask.json", NULL);
  g_autofree char *nowhere = g_build_filename (dir, "no", "mask.json", NULL);
  g_autoptr (PmodPaint) paint = parse (
      "{ \"schema\": 1, \"n_vision\": 64, \"all\": { \"keep\": [0, 63], \"skip\": [7] },"
      "  \"layers\": [ { \"layer\": 255, \"skip\": [9] }, { \"layer\": 4, \"keep\": [7], \"skip\": "
      "[0] } ] }");
  g_autoptr (PmodPaint) again = NULL, none = NULL;

  g_assert_cmpint (pmod_paint_get (paint, 4, 0), ==, PMOD_PAINT_SKIP);
  g_assert_cmpint (pmod_paint_get (paint, 4, 7), ==, PMOD_PAINT_KEEP);
  g_assert_cmpint (pmod_paint_get (paint, 5, 7), ==, PMOD_PAINT_SKIP);
  g_assert_cmpint (pmod_paint_get (paint, 255, 9), ==, PMOD_PAINT_SKIP);
  g_assert_true (pmod_paint_save (paint, path, &error));
  g_assert_no_error (error);
  again = pmod_paint_load (path, &error);
  g_assert_no_error (error);
  g_assert_true (pmod_paint_equal (again, paint));
  none = pmod_paint_load (nowhere, &error);
  g_assert_null (none);
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_clear_error (&error);
  g_assert_false (pmod_paint_save (paint, nowhere, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_unlink (path);
  g_rmdir (dir);
}

static void
test_refused (void)
{
  static const struct
  {
    const char *text;
    const char *part;
  } cases[] = {
    { "[]", "mask.json: the file: expected an object" },
    { "{}", "mask.json: schema: expected a whole number from 1 to 1, got nothing" },
    { "{\"schema\":2,\"n_vision\":4}", "schema: expected a whole number from 1 to 1, got 2" },
    { "{\"schema\":1}", "n_vision: expected a whole number from 1 to 16777216, got nothing" },
    { "{\"schema\":1,\"n_vision\":0}", "n_vision: expected a whole number from 1" },
    { "{\"schema\":1,\"n_vision\":4.5}", "n_vision: expected a whole number" },
    { "{\"schema\":1,\"n_vision\":1e99}", "n_vision: expected a whole number" },
    { "{\"schema\":1,\"n_vision\":4,\"al\":{}}",
      "the file: expected only schema, n_vision, all, layers, got \"al\"" },
    { "{\"schema\":1,\"n_vision\":4,\"all\":[]}", "all: expected an object" },
    { "{\"schema\":1,\"n_vision\":4,\"all\":{\"keep\":3}}",
      "all, keep: expected a list of tokens" },
    { "{\"schema\":1,\"n_vision\":4,\"all\":{\"keep\":[4]}}",
      "all, keep: expected a whole number from 0 to 3, got 4" },
    { "{\"schema\":1,\"n_vision\":4,\"all\":{\"skip\":[-1]}}", "from 0 to 3, got -1" },
    { "{\"schema\":1,\"n_vision\":4,\"all\":{\"keep\":[1],\"skip\":[1]}}",
      "all: expected each token once, got 1 twice" },
    { "{\"schema\":1,\"n_vision\":4,\"layers\":{}}", "layers: expected a list of objects" },
    { "{\"schema\":1,\"n_vision\":4,\"layers\":[3]}", "layers, entry 0: expected an object" },
    { "{\"schema\":1,\"n_vision\":4,\"layers\":[{\"keep\":[1]}]}",
      "layers, entry 0: expected a whole number from 0 to 255, got nothing" },
    { "{\"schema\":1,\"n_vision\":4,\"layers\":[{\"layer\":256}]}", "from 0 to 255, got 256" },
    { "{\"schema\":1,\"n_vision\":4,\"layers\":[{\"layer\":1},{\"layer\":1}]}",
      "layers: expected each layer once, got 1 twice" },
    { "{\"schema\":1,\"n_vision\":4,\"layers\":[{\"layer\":1,\"keeps\":[]}]}",
      "layers, entry 0: expected only layer, keep, skip, got \"keeps\"" },
    { "{\"schema\":1,\"n_vision\":4", "mask.json" },
    { "", "mask.json" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (pmod_paint_parse (cases[i].text, -1, "mask.json", &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i].part));
    }
}

/* Copies own what they hold: the paint lives as long as one of them does. */
static void
test_params (void)
{
  g_autoptr (PmodPaint) paint = pmod_paint_new (4);
  PmodParams a = { 0 }, b, c;

  pmod_params_set_paint (&a, paint);
  pmod_params_copy (&b, &a);
  g_clear_pointer (&paint, pmod_paint_unref);
  pmod_params_clear (&a);
  g_assert_null (a.routing.paint);
  g_assert_cmpint (pmod_paint_get_n_vision (b.routing.paint), ==, 4);
  pmod_params_copy (&c, &b);
  pmod_params_set_paint (&b, b.routing.paint);
  pmod_params_set_paint (&b, NULL);
  g_assert_cmpint (pmod_paint_get_n_vision (c.routing.paint), ==, 4);
  pmod_params_clear (&c);
  pmod_params_clear (&b);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/paint/states", test_states);
  g_test_add_func ("/paint/equal", test_equal);
  g_test_add_func ("/paint/file", test_file);
  g_test_add_func ("/paint/refused", test_refused);
  g_test_add_func ("/paint/params", test_params);
  return g_test_run ();
}
