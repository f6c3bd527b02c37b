/* Routing overrides and their refusals, sampling ranges, names of router norms. */
#include "pmod-params.h"

#include <json-glib/json-glib.h>
#include <math.h>

/* 32 layers, routers in 8 .. 31, as published. */
static PmodConfig *
make_config (void)
{
  PmodConfig *config = g_new0 (PmodConfig, 1);

  config->n_layers = 32;
  config->schedule = (PmodSchedule){ PMOD_SCHEDULE_SHIFTEDCOS, 0.5, 0.85, 0.15, 31 };
  config->router_norm = (PmodRouterNorm){ PMOD_ROUTER_NORM_TANH, 0.2, 1 };
  for (int i = 8; i < 32; i++)
    config->has_router[i] = TRUE;
  return config;
}

static void
assert_refused (const PmodRouting *routing, const PmodConfig *config, const char *message)
{
  double ratios[PMOD_MAX_LAYERS];
  GError *error = NULL;

  g_assert_false (pmod_routing_ratios (routing, config, ratios, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT);
  g_assert_cmpstr (error->message, ==, message);
  g_clear_error (&error);
}

static void
test_defaults (void)
{
  g_autofree PmodConfig *config = make_config ();
  PmodParams params;
  double ratios[PMOD_MAX_LAYERS], mean = 0;
  GError *error = NULL;

  pmod_params_init (&params, config);
  g_assert_true (pmod_routing_ratios (&params.routing, config, ratios, &error));
  g_assert_no_error (error);
  for (int i = 0; i < 32; i++)
    {
      g_assert_true ((ratios[i] == PMOD_RATIO_PLAIN) == (i < 8));
      mean += (i < 8 ? 1 : ratios[i]) / 32;
    }
  g_test_message ("mean retention %.6f", mean);
  g_assert_cmpfloat_with_epsilon (mean, 0.5375, 1e-3);
  g_assert_cmpfloat (params.sampling.temperature, ==, 0);
  g_assert_cmpint (params.sampling.max_new_tokens, ==, 256);
  g_assert_cmpuint (params.sampling.seed, ==, 0);
  g_assert_true (pmod_sampling_check (&params.sampling, &error));
  g_assert_no_error (error);
}

static void
test_overrides (void)
{
  g_autofree PmodConfig *config = make_config ();
  PmodParams params, other;
  double ratios[PMOD_MAX_LAYERS];

  pmod_params_init (&params, config);
  other = params;
  params.routing.ratio[8] = PMOD_RATIO_PLAIN;
  params.routing.ratio[9] = 1;
  params.routing.ratio[10] = 0;
  g_assert_true (pmod_routing_ratios (&params.routing, config, ratios, NULL));
  g_assert_cmpfloat (ratios[8], ==, PMOD_RATIO_PLAIN);
  g_assert_cmpfloat (ratios[9], ==, 1);
  g_assert_cmpfloat (ratios[10], ==, 0);
  g_assert_false (pmod_routing_equal (&params.routing, &other.routing, config));

  /* Two ways to say the same: all layers as a list, and as a schedule. */
  other.routing.schedule.kind = PMOD_SCHEDULE_CONSTANT;
  for (int i = 0; i < 32; i++)
    other.routing.ratio[i] = ratios[i];
  g_assert_true (pmod_routing_equal (&params.routing, &other.routing, config));
  other.routing.norm.scale = 0.3;
  g_assert_false (pmod_routing_equal (&params.routing, &other.routing, config));

  /* Overrides beyond the last layer mean nothing. */
  other = params;
  other.routing.ratio[32] = 0.5;
  g_assert_true (pmod_routing_equal (&params.routing, &other.routing, config));
}

static void
test_constant (void)
{
  g_autofree PmodConfig *config = make_config ();
  PmodParams params;
  double ratios[PMOD_MAX_LAYERS];

  pmod_params_init (&params, config);
  params.routing.schedule.kind = PMOD_SCHEDULE_CONSTANT;
  params.routing.schedule.factor = 0.25;
  g_assert_true (pmod_routing_ratios (&params.routing, config, ratios, NULL));
  for (int i = 0; i < 32; i++)
    g_assert_cmpfloat (ratios[i], ==, i < 8 ? PMOD_RATIO_PLAIN : 0.25);
}

static void
test_refusals (void)
{
  g_autofree PmodConfig *config = make_config ();
  PmodParams good, params;

  pmod_params_init (&good, config);
  params = good;
  params.routing.ratio[3] = 0.5;
  assert_refused (&params.routing, config,
                  "layer 3 would be routed at 0.50, but this checkpoint has routers only in layers "
                  "8-31");
  params = good;
  params.routing.schedule.kind = PMOD_SCHEDULE_INTERLEAVE;
  assert_refused (&params.routing, config,
                  "layer 1 would be routed at 0.50, but this checkpoint has routers only in layers "
                  "8-31");
  params = good;
  params.routing.ratio[20] = 1.5;
  assert_refused (&params.routing, config, "layer 20: the ratio must be in 0 .. 1, got 1.5");
  params.routing.ratio[20] = -0.5;
  assert_refused (&params.routing, config, "layer 20: the ratio must be in 0 .. 1, got -0.5");
  params.routing.ratio[20] = INFINITY;
  assert_refused (&params.routing, config, "layer 20: the ratio must be in 0 .. 1, got inf");
  params = good;
  params.routing.schedule.factor = -1;
  assert_refused (&params.routing, config,
                  "schedule: the factor must be a number of 0 or more, got -1");
  params.routing.schedule.factor = 0.5;
  params.routing.schedule.lower = INFINITY;
  assert_refused (&params.routing, config,
                  "schedule: the lower bound must be a number of 0 or more, got inf");
  params = good;
  params.routing.schedule.span = 0;
  assert_refused (&params.routing, config, "schedule: the span must be 1 or more layers, got 0");
  params = good;
  params.routing.norm.bias = NAN;
  g_assert_false (pmod_routing_equal (&params.routing, &params.routing, config));

  memset (config->has_router, 0, sizeof config->has_router);
  assert_refused (&good.routing, config,
                  "layer 8 would be routed at 0.84, but this checkpoint has no routers");
}

static void
test_sampling (void)
{
  g_autofree PmodConfig *config = make_config ();
  PmodParams params;
  PmodSampling good, bad;

  pmod_params_init (&params, config);
  good = params.sampling;
#define ASSERT_BAD(field, value)                                                                   \
  G_STMT_START                                                                                     \
  {                                                                                                \
    GError *error = NULL;                                                                          \
    bad = good;                                                                                    \
    bad.field = value;                                                                             \
    g_assert_false (pmod_sampling_check (&bad, &error));                                           \
    g_assert_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT);                                       \
    g_clear_error (&error);                                                                        \
  }                                                                                                \
  G_STMT_END
  ASSERT_BAD (temperature, -0.1);
  ASSERT_BAD (temperature, NAN);
  ASSERT_BAD (temperature, INFINITY);
  ASSERT_BAD (top_k, -1);
  ASSERT_BAD (top_p, 0);
  ASSERT_BAD (top_p, 1.1);
  ASSERT_BAD (top_p, NAN);
  ASSERT_BAD (max_new_tokens, -1);
  ASSERT_BAD (n_alternatives, -1);
  ASSERT_BAD (n_alternatives, PMOD_MAX_ALTERNATIVES + 1);
#undef ASSERT_BAD
}

static void
test_norm_golden (void)
{
  static const char *const functions[] = { "tanh", "sigmoid", "softmax", "none" };
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "golden", "schedule.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonArray *entries;
  GError *error = NULL;

  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  entries = json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)),
                                          "weight_norm");
  for (guint i = 0; i < json_array_get_length (entries); i++)
    {
      JsonObject *entry = json_array_get_object_element (entries, i);
      const char *text = json_object_get_string_member (entry, "mod_weight_norm");
      JsonNode *y = json_object_get_member (entry, "y");
      PmodRouterNorm norm;

      if (JSON_NODE_HOLDS_ARRAY (y))
        {
          g_assert_true (pmod_router_norm_parse (&norm, text, &error));
          g_assert_no_error (error);
          g_assert_cmpstr (functions[norm.function], ==,
                           json_object_get_string_member (entry, "type"));
          g_assert_cmpfloat (norm.scale, ==, json_object_get_double_member (entry, "scale"));
          g_assert_cmpfloat (norm.bias, ==, json_object_get_double_member (entry, "bias"));
        }
      else if (strcmp (text, "tanh_-0.2_1") != 0) /* where we mean to differ: see below */
        {
          g_assert_false (pmod_router_norm_parse (&norm, text, &error));
          g_assert_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED);
          g_clear_error (&error);
        }
    }
  g_assert_cmpuint (json_array_get_length (entries), ==, 11);
}

static void
test_norm_names (void)
{
  static const char *const bad[] = { "",           "_",          "_1_1",         "tanh_",
                                     "tanh_0.2",   "tanh_0.2_",  "tanh_0.2_1_",  "tanh_0.2_1_3",
                                     "tanh_nan_1", "tanh_1_inf", "tanh_1e400_1", "tanh_0x1_1",
                                     "tanh_-_1",   "tanh_._1",   "tanh_ 1_1",    "tanh_1.2.3_1",
                                     "tanh_--1_1", "TANH_1_1" };
  PmodRouterNorm norm = { PMOD_ROUTER_NORM_NONE, 5, 6 }, again;
  g_autofree char *text = NULL, *large = NULL;
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_false (pmod_router_norm_parse (&norm, bad[i], &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED);
      g_assert_cmpfloat (norm.scale, ==, 5);
      g_clear_error (&error);
    }
  /* A negative scale turns the order of the tokens round; the reference cannot read it. */
  g_assert_true (pmod_router_norm_parse (&norm, "tanh_-0.2_1", &error));
  g_assert_cmpfloat (norm.scale, ==, -0.2);
  text = pmod_router_norm_to_string (&norm);
  g_assert_cmpstr (text, ==, "tanh_-0.2_1");

  norm = (PmodRouterNorm){ PMOD_ROUTER_NORM_SIGMOID, 1e22 / 3, -1e-7 };
  large = pmod_router_norm_to_string (&norm);
  g_test_message ("%s", large);
  g_assert_true (pmod_router_norm_parse (&again, large, &error));
  g_assert_cmpfloat (again.scale, ==, norm.scale);
  g_assert_cmpfloat (again.bias, ==, norm.bias);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/params/defaults", test_defaults);
  g_test_add_func ("/params/overrides", test_overrides);
  g_test_add_func ("/params/constant", test_constant);
  g_test_add_func ("/params/refusals", test_refusals);
  g_test_add_func ("/params/sampling", test_sampling);
  g_test_add_func ("/params/norm-golden", test_norm_golden);
  g_test_add_func ("/params/norm-names", test_norm_names);
  return g_test_run ();
}
