/* The published FLOP and KV figures from shapes alone, and the counter's own laws. */
#include "pmod-meter.h"

#include <math.h>

#define N_TEXT 58

static void
ratios_of (const PmodConfig *config, double *ratios)
{
  pmod_schedule_ratios (&config->schedule, config->n_layers, ratios);
}

typedef struct
{
  const char *preset;
  gint64 n_vision;
  int n_tiles;
  double paper_dense; /* TFLOPs, as published */
  double paper;
  double all_dense; /* TFLOPs by hand from the shapes: causal pairs, one lm_head row, 23 blocks */
  double all;
} Figures;

static const Figures figures[] = {
  { "llava-1.5-7b", 576, 1, 8.378, 4.923, 8.708, 5.193 },
  { "llava-next-7b", 2928, 5, 39.457, 21.914, 42.964, 24.041 },
};

static void
test_published (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (figures); i++)
    {
      const Figures *f = &figures[i];
      GError *error = NULL;
      g_autoptr (PmodConfig) config = pmod_config_new_preset (f->preset, &error);
      double ratios[PMOD_MAX_LAYERS];
      PmodFlops flops, words_only;

      g_assert_no_error (error);
      ratios_of (config, ratios);
      flops = pmod_meter_prefill (config, ratios, f->n_vision, N_TEXT, f->n_tiles, NULL);
      words_only = pmod_meter_prefill (config, ratios, f->n_vision, N_TEXT, 0, NULL);
      g_test_message ("%s: paper %.3f / %.3f TFLOPs, %.1f %%; all work %.3f / %.3f, %.1f %%; "
                      "without the tower %.1f %%",
                      f->preset, flops.paper / 1e12, flops.paper_dense / 1e12,
                      100 * flops.paper / flops.paper_dense, flops.all / 1e12,
                      flops.all_dense / 1e12, 100 * flops.all / flops.all_dense,
                      100 * words_only.all / words_only.all_dense);
      g_assert_cmpfloat_with_epsilon (flops.paper / 1e12, f->paper, 5e-4);
      g_assert_cmpfloat_with_epsilon (flops.paper_dense / 1e12, f->paper_dense, 5e-4);
      g_assert_cmpfloat_with_epsilon (flops.all / 1e12, f->all, 1e-3);
      g_assert_cmpfloat_with_epsilon (flops.all_dense / 1e12, f->all_dense, 1e-3);
      /* The tower does not count in the paper's rule. */
      g_assert_cmpfloat (words_only.paper, ==, flops.paper);
    }
}

static void
test_kv (void)
{
  GError *error = NULL;
  g_autoptr (PmodConfig) config = pmod_config_new_preset ("llava-1.5-7b", &error);
  double ratios[PMOD_MAX_LAYERS], by_ratio, v1, v2;

  g_assert_no_error (error);
  ratios_of (config, ratios);
  pmod_meter_retention (ratios, config->n_layers, 576, &by_ratio, &v1);
  pmod_meter_retention (ratios, config->n_layers, 2928, &by_ratio, &v2);
  g_test_message ("KV by ratio %.4f, of 576 %.4f, of 2928 %.4f", by_ratio, v1, v2);
  /* 53.8 % is 53.75 rounded: the mean ratio. Whole tokens give 9896 of 18432, 50352 of 93696. */
  g_assert_cmpfloat_with_epsilon (by_ratio, 0.5375, 1e-9);
  g_assert_cmpfloat_with_epsilon (v1, 9896.0 / 18432, 1e-12);
  g_assert_cmpfloat_with_epsilon (v2, 50352.0 / 93696, 1e-12);
  g_assert_cmpuint (pmod_meter_kv_token_bytes (config, 2), ==, 2 * 4096 * 2);
  config->n_kv_heads = 8;
  g_assert_cmpuint (pmod_meter_kv_token_bytes (config, 2), ==, 2 * 8 * 128 * 2);
}

static void
test_kept (void)
{
  static const gint64 expected[] = { 486, 464, 440, 414, 388, 360, 331, 302,
                                     273, 244, 215, 187, 161, 135, 111, 89 };
  GError *error = NULL;
  g_autoptr (PmodConfig) config = pmod_config_new_preset ("llava-1.5-7b", &error);
  double ratios[PMOD_MAX_LAYERS];
  gint64 kept[PMOD_MAX_LAYERS];
  PmodFlops flops;

  g_assert_no_error (error);
  ratios_of (config, ratios);
  pmod_meter_prefill (config, ratios, 576, N_TEXT, 1, kept);
  for (int i = 0; i < 32; i++)
    g_assert_cmpint (kept[i], ==, i < 8 ? 576 : (i < 24 ? expected[i - 8] : 86));

  /* Without a picture nothing is routed. */
  flops = pmod_meter_prefill (config, ratios, 0, N_TEXT, 0, kept);
  g_assert_cmpfloat (flops.all, ==, flops.all_dense);
  g_assert_cmpfloat (flops.paper, ==, flops.paper_dense);
}

/* A prefill in pieces costs what it costs whole: attention's pairs add up. */
static void
test_additive (void)
{
  GError *error = NULL;
  g_autoptr (PmodConfig) config = pmod_config_new_preset ("llava-1.5-7b", &error);
  PmodFlops whole, sum = { 0 };

  g_assert_no_error (error);
  whole = pmod_meter_layer (config, 100, 300, 0, 0, 0);
  for (int i = 0; i < 100; i++)
    {
      PmodFlops one = pmod_meter_layer (config, 1, 3, i, 3 * i, 0);
      pmod_flops_add (&sum, &one);
    }
  g_assert_cmpfloat_with_epsilon (sum.all / whole.all, 1, 1e-12);
  g_assert_cmpfloat_with_epsilon (sum.all_dense / whole.all_dense, 1, 1e-12);
  g_assert_cmpfloat_with_epsilon (sum.paper / whole.paper, 1, 1e-12);

  /* The router reads each token once. */
  sum = pmod_meter_layer (config, 100, 300, 0, 0, 50);
  g_assert_cmpfloat (sum.all - whole.all, ==, 2.0 * 4096 * 50);
  g_assert_cmpfloat (sum.all_dense, ==, whole.all_dense);
}

static void
test_head_and_tower (void)
{
  GError *error = NULL;
  g_autoptr (PmodConfig) config = pmod_config_new_preset ("llava-1.5-7b", &error);
  PmodFlops head, all_blocks, selected;
  double block = 2.0 * 577 * (4.0 * 1024 * 1024 + 2.0 * 1024 * 4096) + 4.0 * 577 * 577 * 1024;

  g_assert_no_error (error);
  head = pmod_meter_head (config, 10);
  g_assert_cmpfloat (head.paper, ==, 10 * 2.0 * 4096 * 32000);
  g_assert_cmpfloat (head.all, ==, 2.0 * 4096 * 32000);
  selected = pmod_meter_vision (config, 1);
  config->vision_select_layer = -1;
  all_blocks = pmod_meter_vision (config, 1);
  g_assert_cmpfloat_with_epsilon (all_blocks.all - selected.all, block, 1);
  config->has_vision = FALSE;
  g_assert_cmpfloat (pmod_meter_vision (config, 1).all, ==, 0);
  g_assert_cmpfloat (pmod_meter_projector (config, 1).all, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/meter/published", test_published);
  g_test_add_func ("/meter/kv", test_kv);
  g_test_add_func ("/meter/kept", test_kept);
  g_test_add_func ("/meter/additive", test_additive);
  g_test_add_func ("/meter/head-and-tower", test_head_and_tower);
  return g_test_run ();
}
