/* Schedules and keep counts against the reference's own tables, golden/schedule.json. */
#include "pmod-error.h"
#include "pmod-schedule.h"

#include <json-glib/json-glib.h>
#include <math.h>

static JsonObject *
load_golden (JsonParser **parser)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "golden", "schedule.json", NULL);
  GError *error = NULL;

  *parser = json_parser_new ();
  json_parser_load_from_file (*parser, path, &error);
  g_assert_no_error (error);
  return json_node_get_object (json_parser_get_root (*parser));
}

static PmodSchedule
make_schedule (const char *text, double factor)
{
  PmodSchedule schedule = { .factor = factor, .span = 31 };
  GError *error = NULL;

  pmod_schedule_parse (&schedule, text, &error);
  g_assert_no_error (error);
  return schedule;
}

/* Returns the number of layers compared. */
static guint
check_schedule (JsonObject *entry)
{
  const char *text = json_object_get_string_member (entry, "mod_target_layers");
  double factor = json_object_get_double_member (entry, "mod_router_factor");
  int n_layers = (int)json_object_get_int_member (entry, "num_hidden_layers");
  PmodSchedule schedule = { 0 };
  JsonArray *expected;
  double ratios[PMOD_MAX_LAYERS];

  if (json_object_has_member (entry, "error"))
    {
      GError *error = NULL;

      g_assert_false (pmod_schedule_parse (&schedule, text, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED);
      g_assert_nonnull (strstr (error->message, text));
      g_clear_error (&error);
      return 0;
    }
  schedule = make_schedule (text, factor);
  pmod_schedule_ratios (&schedule, n_layers, ratios);
  expected = json_object_get_array_member (entry, "ratio_by_layer");
  g_assert_cmpint (json_array_get_length (expected), ==, n_layers);
  for (int i = 0; i < n_layers; i++)
    if (json_array_get_null_element (expected, i))
      g_assert_cmpfloat (ratios[i], ==, PMOD_RATIO_PLAIN);
    else
      /* The last bit of cos() may differ between the two mathematics libraries. */
      g_assert_cmpfloat_with_epsilon (ratios[i], json_array_get_double_element (expected, i),
                                      1e-15);
  return n_layers;
}

static void
test_ratios (void)
{
  g_autoptr (JsonParser) parser = NULL;
  JsonArray *entries = json_object_get_array_member (load_golden (&parser), "schedules");
  guint n_compared = 0;

  for (guint i = 0; i < json_array_get_length (entries); i++)
    n_compared += check_schedule (json_array_get_object_element (entries, i));
  g_test_message ("%u schedules, %u layers", json_array_get_length (entries), n_compared);
  g_assert_cmpuint (json_array_get_length (entries), ==, 87);
}

static void
test_decay_functions (void)
{
  g_autoptr (JsonParser) parser = NULL;
  JsonObject *functions = json_object_get_object_member (load_golden (&parser), "decay_functions");
  g_autoptr (GList) kinds = json_object_get_members (functions);

  for (GList *k = kinds; k != NULL; k = k->next)
    {
      JsonObject *by_factor = json_object_get_object_member (functions, k->data);
      g_autoptr (GList) factors = json_object_get_members (by_factor);

      for (GList *f = factors; f != NULL; f = f->next)
        {
          g_autofree char *text = g_strdup_printf ("%s_decay_9.0_0.0", (char *)k->data);
          PmodSchedule schedule = make_schedule (text, g_ascii_strtod (f->data, NULL));
          JsonArray *expected = json_object_get_array_member (by_factor, f->data);
          double ratios[PMOD_MAX_LAYERS];

          pmod_schedule_ratios (&schedule, json_array_get_length (expected), ratios);
          for (guint i = 0; i < json_array_get_length (expected); i++)
            {
              double raw = json_array_get_double_element (expected, i);
              g_assert_cmpfloat_with_epsilon (ratios[i], CLAMP (raw, 0, 1), 1e-15);
            }
        }
    }
}

static void
test_keep_counts (void)
{
  g_autoptr (JsonParser) parser = NULL;
  JsonObject *golden = load_golden (&parser);
  JsonObject *table = json_object_get_object_member (golden, "keep_count");
  JsonArray *n = json_object_get_array_member (table, "n");
  JsonArray *by_ratio = json_object_get_array_member (table, "by_ratio");
  JsonArray *rows = json_object_get_array_member (
      json_object_get_object_member (golden, "keep_count_where_float32_differs_from_float64_floor"),
      "rows");

  for (guint i = 0; i < json_array_get_length (by_ratio); i++)
    {
      JsonObject *entry = json_array_get_object_element (by_ratio, i);
      JsonArray *k = json_object_get_array_member (entry, "k");

      for (guint j = 0; j < json_array_get_length (n); j++)
        g_assert_cmpint (pmod_schedule_keep_count (json_array_get_int_element (n, j),
                                                   json_object_get_double_member (entry, "ratio")),
                         ==, json_array_get_int_element (k, j));
    }
  for (guint i = 0; i < json_array_get_length (rows); i++)
    {
      JsonArray *row = json_array_get_array_element (rows, i);
      g_assert_cmpint (pmod_schedule_keep_count (json_array_get_int_element (row, 0),
                                                 json_array_get_double_element (row, 1)),
                       ==, json_array_get_int_element (row, 2));
    }
  g_assert_cmpuint (json_array_get_length (rows), ==, 71);
  g_assert_cmpint (pmod_schedule_keep_count (576, 1), ==, 576);
  g_assert_cmpint (pmod_schedule_keep_count (0, 0.5), ==, 0);
}

static void
test_names (void)
{
  static const char *const good[] = {
    "dense",    "shiftedcos_decay_0.85_0.15",  "shiftedlinear_decay_1.0_0.0", "interleave",
    "deep_all", "shiftedcos_decay_0.123_0.04", "deep_all_include_last",       "constant",
  };
  static const char *const bad[] = { "",
                                     "shiftedcos",
                                     "shiftedcos_decay",
                                     "shiftedcos_decay_",
                                     "shiftedcos_decay_0.85",
                                     "shiftedcos_decay_0.85_0.15_0.1",
                                     "shiftedcos_decay_0.85_-0.15",
                                     "shiftedcos_decay_nan_0.15",
                                     "shiftedcos_decay_0.85_inf",
                                     "shiftedcos_decay_0x1.8_0.15",
                                     "shiftedcos_decay_0.8.5_0.15",
                                     "shiftedcos_decay_.85_0.15",
                                     "shiftedcos_decay_0.85_0.15 ",
                                     "interleave_decay_0.85_0.15",
                                     "Interleave",
                                     "deep_all_" };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      PmodSchedule schedule = make_schedule (good[i], 0.5);
      g_autofree char *text = pmod_schedule_to_string (&schedule);
      PmodScheduleKind kind;

      g_assert_cmpstr (text, ==, good[i]);
      g_assert_true (pmod_schedule_kind_from_name (pmod_schedule_kind_name (schedule.kind), &kind));
      g_assert_cmpint (kind, ==, schedule.kind);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      PmodSchedule schedule = { .kind = PMOD_SCHEDULE_CONSTANT, .span = 7 };
      GError *error = NULL;

      g_assert_false (pmod_schedule_parse (&schedule, bad[i], &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED);
      g_assert_cmpint (schedule.kind, ==, PMOD_SCHEDULE_CONSTANT);
      g_clear_error (&error);
    }
}

static void
test_span_and_limits (void)
{
  PmodSchedule schedule = make_schedule ("shiftedcos_decay_0.85_0.15", 0.5);
  double ratios[32];

  /* Six layers with a span of their own reach the floor, as the published 32 do. */
  schedule.span = 5;
  pmod_schedule_ratios (&schedule, 6, ratios);
  g_assert_cmpfloat (ratios[1], ==, PMOD_RATIO_PLAIN);
  g_assert_cmpfloat_with_epsilon (ratios[2], cos (2 * G_PI / 5) / 2 + 0.5, 1e-15);
  g_assert_cmpfloat (ratios[5], ==, 0.15);

  /* A factor over 1 keeps everything, yet the layer stays routed. */
  schedule = make_schedule ("interleave", 1.5);
  pmod_schedule_ratios (&schedule, 4, ratios);
  g_assert_cmpfloat (ratios[0], ==, PMOD_RATIO_PLAIN);
  g_assert_cmpfloat (ratios[1], ==, 1);

  schedule = make_schedule ("constant", 0.25);
  pmod_schedule_ratios (&schedule, 2, ratios);
  g_assert_cmpfloat (ratios[0], ==, 0.25);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/schedule/ratios", test_ratios);
  g_test_add_func ("/schedule/decay-functions", test_decay_functions);
  g_test_add_func ("/schedule/keep-counts", test_keep_counts);
  g_test_add_func ("/schedule/names", test_names);
  g_test_add_func ("/schedule/span-and-limits", test_span_and_limits);
  return g_test_run ();
}
