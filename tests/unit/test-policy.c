/* Policies: how many are kept, which, and that nothing else changes. The router's own choice is
 * test-context's and the parity tests' subject. */
#include "pmod-engine.h"
#include "pmod-policy.h"

#include <math.h>
#include <string.h>

/* --- Scores ----------------------------------------------------------------------------------- */

static PmodConfig *
open_config (const char *preset)
{
  g_autoptr (GError) error = NULL;
  PmodConfig *config = pmod_config_new_preset (preset, &error);

  g_assert_no_error (error);
  return config;
}

/* A picture's tokens between five of text. */
static PmodSequence *
make_sequence (const PmodConfig *config, int width, int height, guint8 grey)
{
  g_autofree guint8 *rgb = g_malloc (3 * (gsize)width * (gsize)height);
  const gint32 ids[] = { 1, 7, PMOD_IMAGE_TOKEN, 8, 9, 10 };
  g_autoptr (PmodImage) image = NULL;
  g_autoptr (GError) error = NULL;
  PmodPrompt prompt = { .ids = g_array_new (FALSE, FALSE, sizeof (gint32)),
                        .images = g_ptr_array_new () };
  PmodSequence *sequence;

  memset (rgb, grey, 3 * (gsize)width * (gsize)height);
  image = pmod_image_new (width, height, 3 * (gsize)width, rgb);
  g_array_append_vals (prompt.ids, ids, G_N_ELEMENTS (ids));
  g_ptr_array_add (prompt.images, image);
  sequence = pmod_sequence_new (config, &prompt, &error);
  g_assert_no_error (error);
  g_array_unref (prompt.ids);
  g_ptr_array_unref (prompt.images);
  return sequence;
}

static int
count_ones (const float *score, int n)
{
  int ones = 0;

  for (int i = 0; i < n; i++)
    {
      g_assert_true (score[i] == 0 || score[i] == 1);
      ones += score[i] == 1;
    }
  return ones;
}

/* Any k of one square grid: exactly k, in the halves of the picture as many but for the middle row,
 * at most 24 tokens and one for rounding, or the middle token of each of at most 24 rows. */
static void
test_grid (void)
{
  g_autoptr (PmodConfig) config = open_config ("llava-1.5-7b");
  g_autoptr (PmodSequence) sequence = make_sequence (config, 336, 336, 0);
  float score[576];
  int worst = 0;

  g_assert_cmpint (sequence->n_targets, ==, 576);
  for (int k = 0; k <= 576; k++)
    {
      int halves[4] = { 0 };

      pmod_policy_scores (PMOD_POLICY_GRID, 0, 3, sequence, k, score);
      g_assert_cmpint (count_ones (score, 576), ==, k);
      for (int i = 0; i < 576; i++)
        if (score[i] == 1)
          {
            halves[i / 24 >= 12]++;
            halves[2 + (i % 24 >= 12)]++;
          }
      worst = MAX (worst, ABS (halves[0] - halves[1]));
      worst = MAX (worst, ABS (halves[2] - halves[3]));
    }
  g_test_message ("halves of the picture differ by at most %d tokens", worst);
  g_assert_cmpint (worst, <=, 25);
  pmod_policy_scores (PMOD_POLICY_GRID, 0, 3, sequence, 9, score);
  for (int i = 0; i < 576; i++)
    g_assert_true ((score[i] == 1) == (i / 24 % 8 == 4 && i % 24 % 8 == 4));
}

/* Tiles and newlines: the whole picture's grid and the fine one get their shares. */
static void
test_grid_anyres (void)
{
  g_autoptr (PmodConfig) config = open_config ("llava-next-7b");
  g_autoptr (PmodSequence) sequence = make_sequence (config, 672, 672, 0);
  int n = sequence->n_targets;
  g_autofree float *score = g_new (float, n);

  g_assert_cmpint (n, ==, 576 + 48 * 49);
  for (int k = 0; k <= n; k += 61)
    {
      pmod_policy_scores (PMOD_POLICY_GRID, 0, 3, sequence, k, score);
      g_assert_cmpint (count_ones (score, n), ==, k);
      g_assert_cmpint (count_ones (score, 576), ==, 576 * k / n);
    }
}

static void
test_first (void)
{
  g_autoptr (PmodConfig) config = open_config ("llava-1.5-7b");
  g_autoptr (PmodSequence) sequence = make_sequence (config, 336, 336, 0);
  float score[576];

  pmod_policy_scores (PMOD_POLICY_FIRST, 0, 3, sequence, 100, score);
  g_assert_cmpint (count_ones (score, 576), ==, 0);
}

static void
assert_uniform (const float *score, int n)
{
  double sum = 0, squares = 0;

  for (int i = 0; i < n; i++)
    {
      g_assert_true (score[i] >= 0 && score[i] < 1);
      sum += (double)score[i];
      squares += (double)score[i] * (double)score[i];
    }
  /* Mean 1/2, mean square 1/3: five standard errors. */
  g_assert_cmpfloat (ABS (sum / n - 1 / 2.0), <, 5 * 0.2887 / sqrt (n));
  g_assert_cmpfloat (ABS (squares / n - 1 / 3.0), <, 5 * 0.2981 / sqrt (n));
}

/* How often each token is among the k highest, over many seeds; and what a draw depends on. */
static void
test_random (void)
{
  g_autoptr (PmodConfig) config = open_config ("llava-1.5-7b");
  g_autoptr (PmodSequence) sequence = make_sequence (config, 336, 336, 0);
  g_autoptr (PmodSequence) other = make_sequence (config, 336, 336, 1);
  g_autofree float *all = g_new (float, 200 * 576);
  float first[576], again[576];
  double chi = 0;

  for (int seed = 0; seed < 200; seed++)
    pmod_policy_scores (PMOD_POLICY_RANDOM, (guint64)seed, 9, sequence, 86, all + 576 * seed);
  assert_uniform (all, 200 * 576);
  for (int i = 0; i < 576; i++)
    {
      int n_high = 0;

      for (int seed = 0; seed < 200; seed++)
        n_high += all[576 * seed + i] >= 0.85f;
      chi += (n_high - 30) * (n_high - 30) / (30 * 0.85);
    }
  /* 576 times a binomial variable of mean 30: mean 576, standard deviation 34. */
  g_test_message ("chi square %.0f of 576", chi);
  g_assert_cmpfloat (ABS (chi - 576), <, 5 * 34);

  pmod_policy_scores (PMOD_POLICY_RANDOM, 5, 9, sequence, 86, first);
  g_assert_cmpmem (first, sizeof first, all + 576 * 5, sizeof first);
  pmod_policy_scores (PMOD_POLICY_RANDOM, 5, 10, sequence, 86, again);
  g_assert_cmpint (memcmp (first, again, sizeof first), !=, 0);
  pmod_policy_scores (PMOD_POLICY_RANDOM, 5, 9, other, 86, again);
  g_assert_cmpint (memcmp (first, again, sizeof first), !=, 0);
}

/* --- Runs ------------------------------------------------------------------------------------- */

typedef struct
{
  int n_records;
  int n_vision;
  int n_kept;
  gboolean kept[576];
  float weight[576];
  float margin;
  int n_ties;
  int policy;
} Layer;

typedef struct
{
  Layer layers[PMOD_MAX_LAYERS];
  int policy;
} Routes;

static void
record_route (const PmodRecord *record, gpointer data)
{
  const PmodRecordRoute *route = (const PmodRecordRoute *)record;
  Routes *routes = data;
  Layer *layer;

  if (record->type == PMOD_RECORD_RUN_BEGIN)
    routes->policy = ((const PmodRecordRunBegin *)record)->policy;
  if (record->type != PMOD_RECORD_ROUTE)
    return;
  layer = &routes->layers[record->layer];
  layer->n_records++;
  layer->n_vision = route->n_vision;
  layer->n_kept = route->n_kept;
  layer->margin = route->margin;
  layer->n_ties = route->n_ties;
  for (int i = 0; i < route->n_vision; i++)
    {
      layer->kept[i] = pmod_record_route_kept (route, i);
      layer->weight[i] = pmod_record_route_weights (route)[i];
    }
}

/* Six layers, of which 2 to 5 keep 41, 22, 9 and 9 of 64 tokens. */
static PmodContext *
open_context (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", "demo-v0", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModel) model = pmod_model_open (path, NULL, NULL, NULL, &error);
  PmodContext *context;

  g_assert_no_error (error);
  context = pmod_context_new (model, &error);
  g_assert_no_error (error);
  return context;
}

static void
run (PmodContext *context, PmodImage *image, PmodPolicy policy, guint64 seed, Routes *routes)
{
  PmodModel *model = pmod_context_get_model (context);
  const PmodConfig *config = pmod_model_get_config (model);
  const PmodTurn turn = { PMOD_ROLE_USER, "What is this?" };
  g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, record_route, routes);
  g_autoptr (PmodPrompt) prompt = NULL;
  g_autoptr (GError) error = NULL;
  PmodParams params;

  memset (routes, 0, sizeof *routes);
  pmod_params_init (&params, config);
  params.routing.policy = policy;
  params.routing.seed = seed;
  prompt = pmod_prompt_new_chat (pmod_model_get_tokenizer (model), config->conversation, &turn, 1,
                                 &image, 1, &error);
  g_assert_no_error (error);
  g_assert_true (pmod_context_prefill (context, prompt, &params, trace, &error));
  g_assert_no_error (error);
  g_assert_cmpint (routes->policy, ==, policy);
}

/* A picture in which every token differs. */
static PmodImage *
make_picture (void)
{
  g_autofree guint8 *rgb = g_malloc (3 * 112 * 112);

  for (int i = 0; i < 3 * 112 * 112; i++)
    rgb[i] = (guint8)((i / 3 % 112) * 2 + (i / 336) * (1 + i % 3));
  return pmod_image_new (112, 112, 336, rgb);
}

/* The kept tokens are the ones that the policy says, of the layer's own weights. */
static void
assert_chosen (const Layer *layer, PmodPolicy policy)
{
  float lowest = INFINITY, highest = -INFINITY;
  int n_kept = 0;

  for (int i = 0; i < layer->n_vision; i++)
    {
      n_kept += layer->kept[i];
      lowest = layer->kept[i] ? MIN (lowest, layer->weight[i]) : lowest;
      highest = layer->kept[i] ? highest : MAX (highest, layer->weight[i]);
      if (policy == PMOD_POLICY_FIRST)
        g_assert_cmpint (layer->kept[i], ==, i < layer->n_kept);
    }
  g_assert_cmpint (n_kept, ==, layer->n_kept);
  if (policy == PMOD_POLICY_ROUTER)
    {
      g_assert_cmpfloat (lowest, >=, highest);
      g_assert_cmpfloat (layer->margin, ==, lowest - highest);
      return;
    }
  g_assert_cmpfloat (layer->margin, ==, 0);
  g_assert_cmpint (layer->n_ties, ==, 0);
  if (policy != PMOD_POLICY_INVERSE)
    return;
  for (int i = 0; i < layer->n_vision; i++)
    for (int j = 0; j < layer->n_vision; j++)
      if (layer->kept[i] && !layer->kept[j])
        g_assert_cmpfloat (layer->weight[i], <=, layer->weight[j]);
}

static gboolean
is_same_choice (const Routes *a, const Routes *b, int layer)
{
  return memcmp (a->layers[layer].kept, b->layers[layer].kept, sizeof a->layers[layer].kept) == 0;
}

/* In one context, one after the other, so that a choice left over from another policy shows. */
static void
test_runs (void)
{
  static const PmodPolicy policies[] = { PMOD_POLICY_ROUTER,  PMOD_POLICY_RANDOM,
                                         PMOD_POLICY_INVERSE, PMOD_POLICY_GRID,
                                         PMOD_POLICY_FIRST,   PMOD_POLICY_ROUTER };
  g_autoptr (PmodContext) context = open_context ();
  g_autoptr (PmodImage) picture = make_picture ();
  g_autofree Routes *router = g_new0 (Routes, 1), *routes = g_new0 (Routes, 1);
  g_autofree float *logits = NULL;
  gsize n_bytes;

  n_bytes = sizeof (float) * (gsize)pmod_model_get_config (pmod_context_get_model (context))->vocab;
  for (guint p = 0; p < G_N_ELEMENTS (policies); p++)
    {
      run (context, picture, policies[p], 3, routes);
      for (int layer = 2; layer < 6; layer++)
        {
          g_assert_cmpint (routes->layers[layer].n_records, ==, 1);
          assert_chosen (&routes->layers[layer], policies[p]);
        }
      if (p == 0)
        {
          *router = *routes;
          logits = g_memdup2 (pmod_context_get_logits (context), n_bytes);
          continue;
        }
      /* Layer 2's weights do not depend on any choice; how many it keeps never does. */
      g_assert_cmpmem (routes->layers[2].weight, sizeof routes->layers[2].weight,
                       router->layers[2].weight, sizeof router->layers[2].weight);
      for (int layer = 2; layer < 6; layer++)
        g_assert_cmpint (routes->layers[layer].n_kept, ==, router->layers[layer].n_kept);
      g_assert_true (is_same_choice (routes, router, 2) == (policies[p] == PMOD_POLICY_ROUTER));
    }
  g_assert_cmpmem (pmod_context_get_logits (context), n_bytes, logits, n_bytes);
}

/* A seed matters to the one policy that draws, and a cached prefix knows it. */
static void
test_seed (void)
{
  g_autoptr (PmodContext) context = open_context ();
  g_autoptr (PmodImage) picture = make_picture ();
  g_autofree Routes *a = g_new0 (Routes, 1), *b = g_new0 (Routes, 1);

  run (context, picture, PMOD_POLICY_RANDOM, 1, a);
  /* Both keep nine tokens. */
  g_assert_cmpint (memcmp (a->layers[4].kept, a->layers[5].kept, 64 * sizeof (gboolean)), !=, 0);
  run (context, picture, PMOD_POLICY_RANDOM, 2, b);
  for (int layer = 2; layer < 6; layer++)
    g_assert_false (is_same_choice (a, b, layer));
  run (context, picture, PMOD_POLICY_RANDOM, 1, b);
  for (int layer = 2; layer < 6; layer++)
    g_assert_true (is_same_choice (a, b, layer));
  run (context, picture, PMOD_POLICY_GRID, 1, a);
  run (context, picture, PMOD_POLICY_GRID, 2, b);
  for (int layer = 2; layer < 6; layer++)
    g_assert_true (is_same_choice (a, b, layer));
}

static void
test_names (void)
{
  PmodPolicy policy;

  for (int i = 0; i < PMOD_N_POLICIES; i++)
    {
      g_assert_true (pmod_policy_from_name (pmod_policy_name ((PmodPolicy)i), &policy));
      g_assert_cmpint (policy, ==, i);
    }
  g_assert_false (pmod_policy_from_name ("dense", &policy));
}

static void
test_equal (void)
{
  g_autoptr (PmodConfig) config = open_config ("llava-1.5-7b");
  PmodParams a, b;
  double ratios[PMOD_MAX_LAYERS];
  const guint8 keep[2] = { PMOD_PAINT_KEEP, 0 }, skip[2] = { PMOD_PAINT_SKIP, 0 };
  g_autoptr (PmodPaint) none = pmod_paint_new (2);
  g_autoptr (PmodPaint) one = pmod_paint_with (none, 9, keep);
  g_autoptr (PmodPaint) same = pmod_paint_with (none, 9, keep);
  g_autoptr (PmodPaint) other = pmod_paint_with (none, 9, skip);
  g_autoptr (GError) error = NULL;

  pmod_params_init (&a, config);
  g_assert_cmpint (a.routing.policy, ==, PMOD_POLICY_ROUTER);
  b = a;
  b.routing.seed = 1;
  g_assert_true (pmod_routing_equal (&a.routing, &b.routing, config));
  a.routing.policy = PMOD_POLICY_RANDOM;
  g_assert_false (pmod_routing_equal (&a.routing, &b.routing, config));
  b.routing.policy = PMOD_POLICY_RANDOM;
  g_assert_false (pmod_routing_equal (&a.routing, &b.routing, config));
  b.routing.seed = 0;
  g_assert_true (pmod_routing_equal (&a.routing, &b.routing, config));
  /* What is painted counts by what it is, and for the one policy that looks at it. */
  a.routing.policy = b.routing.policy = PMOD_POLICY_PAINTED;
  g_assert_true (pmod_routing_equal (&a.routing, &b.routing, config));
  a.routing.paint = one;
  g_assert_false (pmod_routing_equal (&a.routing, &b.routing, config));
  b.routing.paint = same;
  g_assert_true (pmod_routing_equal (&a.routing, &b.routing, config));
  b.routing.paint = other;
  g_assert_false (pmod_routing_equal (&a.routing, &b.routing, config));
  a.routing.policy = b.routing.policy = PMOD_POLICY_NORM;
  g_assert_true (pmod_routing_equal (&a.routing, &b.routing, config));
  a.routing.policy = (PmodPolicy)PMOD_N_POLICIES;
  g_assert_false (pmod_routing_ratios (&a.routing, config, ratios, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy/grid", test_grid);
  g_test_add_func ("/policy/grid-anyres", test_grid_anyres);
  g_test_add_func ("/policy/first", test_first);
  g_test_add_func ("/policy/random", test_random);
  g_test_add_func ("/policy/runs", test_runs);
  g_test_add_func ("/policy/seed", test_seed);
  g_test_add_func ("/policy/names", test_names);
  g_test_add_func ("/policy/equal", test_equal);
  return g_test_run ();
}
