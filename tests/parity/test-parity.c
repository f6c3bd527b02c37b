/* Parity with the paper's own code: every golden case, stage by stage, in F32.
 *
 * Embeddings, tower, projector, each layer's states, the KV cache, logits, routing and greedy
 * tokens are compared with what the reference computed; the distances are printed. In bf16, and on
 * a device in f16, only the logits are, against a bound with its reason.
 *
 * Called as: test-parity [--device cuda], by default on the CPU. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "golden.h"

typedef struct
{
  char *dir;         /* of the golden files, below tests/fixtures */
  char *images_file; /* safetensors with the pictures' features, or NULL */
  char *checkpoint;  /* below tests/fixtures */
  JsonObject *json;  /* the manifest's entry; borrowed from the document */
  PmodModelOptions options;
} Case;

static GPtrArray *documents; /* JsonNode, alive as long as the cases are */
static PmodModel *model;     /* of the case that ran last: most share it */
static char *model_key;
static PmodDevice device = PMOD_DEVICE_CPU;

/* --- Setting a case up ---------------------------------------------------------------------- */

static JsonArray *
member_array (JsonObject *object, const char *name)
{
  return json_object_has_member (object, name) ? json_object_get_array_member (object, name) : NULL;
}

/* A copy of the checkpoint's directory in which config.json has the case's changes; the weights
 * are links. */
static char *
make_variant (const char *checkpoint, JsonObject *changes)
{
  g_autofree char *source = golden_path (checkpoint);
  g_autofree char *config = g_build_filename (source, "config.json", NULL);
  g_autofree char *dir = g_dir_make_tmp ("pmod-parity-XXXXXX", NULL);
  g_autofree char *changed = g_build_filename (dir, "config.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (GDir) listing = g_dir_open (source, 0, NULL);
  g_autoptr (GList) names = json_object_get_members (changes);
  const char *name;

  g_assert_true (json_parser_load_from_file (parser, config, NULL));
  for (GList *l = names; l != NULL; l = l->next)
    json_object_set_member (json_node_get_object (json_parser_get_root (parser)), l->data,
                            json_node_copy (json_object_get_member (changes, l->data)));
  json_generator_set_root (generator, json_parser_get_root (parser));
  g_assert_true (json_generator_to_file (generator, changed, NULL));
  while ((name = g_dir_read_name (listing)) != NULL)
    {
      g_autoptr (GFile) link = g_file_new_build_filename (dir, name, NULL);
      g_autofree char *target = g_build_filename (source, name, NULL);

      if (strcmp (name, "config.json") != 0)
        g_assert_true (g_file_make_symbolic_link (link, target, NULL, NULL));
    }
  return g_steal_pointer (&dir);
}

static void
remove_variant (const char *dir)
{
  g_autoptr (GDir) listing = g_dir_open (dir, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (listing)) != NULL)
    {
      g_autofree char *path = g_build_filename (dir, name, NULL);

      g_unlink (path);
    }
  g_rmdir (dir);
}

static PmodModel *
open_model (const Case *test)
{
  JsonObject *changes = json_object_has_member (test->json, "config_override")
                            ? json_object_get_object_member (test->json, "config_override")
                            : NULL;
  g_autofree char *changed = changes != NULL ? make_variant (test->checkpoint, changes) : NULL;
  g_autofree char *tower = golden_path ("tiny-clip-336");
  g_autofree char *path = changed != NULL ? g_strdup (changed) : golden_path (test->checkpoint);
  g_autofree char *key = g_strdup_printf ("%s %d %d", path, (int)test->options.precision,
                                          (int)test->options.cpu_level);
  g_autoptr (GError) error = NULL;
  PmodModelOptions options = test->options;

  if (g_strcmp0 (key, model_key) == 0)
    return model;
  g_clear_pointer (&model, pmod_model_unref);
  g_free (model_key);
  model_key = g_steal_pointer (&key);
  if (changed != NULL)
    options.vision_tower = tower;
  model = pmod_model_open (path, &options, NULL, NULL, &error);
  g_assert_no_error (error);
  if (changed != NULL)
    remove_variant (changed);
  return model;
}

static GPtrArray *
load_images (const Case *test)
{
  GPtrArray *images = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_image_unref);
  JsonArray *names = member_array (test->json, "images");

  for (guint i = 0; names != NULL && i < json_array_get_length (names); i++)
    {
      g_autofree char *name =
          g_build_filename ("images", json_array_get_string_element (names, i), NULL);
      g_autofree char *path = golden_path (name);
      g_autoptr (GError) error = NULL;

      g_ptr_array_add (images, pmod_image_load (path, PMOD_IMAGE_IGNORE_EXIF, &error));
      g_assert_no_error (error);
    }
  return images;
}

static PmodPrompt *
make_prompt (const Case *test, PmodTokenizer *tokenizer, GPtrArray *images)
{
  g_autoptr (GError) error = NULL;
  JsonArray *ids = member_array (test->json, "input_ids");
  PmodPrompt *prompt =
      pmod_prompt_new_raw (tokenizer, json_object_get_string_member (test->json, "prompt"),
                           (PmodImage **)images->pdata, (int)images->len, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (prompt->ids->len, ==, json_array_get_length (ids));
  for (guint i = 0; i < prompt->ids->len; i++)
    g_assert_cmpint (g_array_index (prompt->ids, gint32, i), ==,
                     json_array_get_int_element (ids, i));
  return prompt;
}

/* --- Comparing ------------------------------------------------------------------------------ */

static void
compare_features (const Case *test, const GoldenCapture *capture)
{
  g_autoptr (PmodSafetensors) file = NULL;
  JsonArray *names = member_array (test->json, "images");
  GoldenDistance tower = { 0 };
  GoldenDistance projector = { 0 };

  if (test->images_file == NULL || capture->vision->len == 0)
    return;
  file = golden_load (test->images_file);
  for (guint i = 0; i < capture->vision->len; i++)
    {
      g_auto (GStrv) parts = g_strsplit (json_array_get_string_element (names, i), ".", 2);
      g_autofree char *tower_name = g_strconcat (parts[0], ".tower", NULL);
      g_autofree char *projector_name = g_strconcat (parts[0], ".projector", NULL);
      const GArray *vision = capture->vision->pdata[i];
      const GArray *projected = capture->projector->pdata[i];
      GoldenDistance part;
      const float *expected;
      gsize n;

      expected = golden_floats (file, tower_name, &n);
      g_assert_cmpuint (vision->len, ==, n);
      part = golden_compare ((const float *)(gpointer)vision->data, expected, n);
      golden_add (&tower, &part);
      expected = golden_floats (file, projector_name, &n);
      if (expected == NULL)
        continue;
      g_assert_cmpuint (projected->len, ==, n);
      part = golden_compare ((const float *)(gpointer)projected->data, expected, n);
      golden_add (&projector, &part);
    }
  golden_assert ("tower", &tower, TOLERANCE_FEATURE);
  if (projector.n > 0)
    golden_assert ("projector", &projector, TOLERANCE_FEATURE);
}

/* Without a function that bounds it the weight is the logit itself, up to scale and bias, and is
 * known no better than that: a token whose weight comes out near 0 keeps hardly a digit of its
 * state, and the next layer's norm makes the rest large again. */
static double
weight_tolerance (const Case *test)
{
  JsonObject *changes = json_object_has_member (test->json, "config_override")
                            ? json_object_get_object_member (test->json, "config_override")
                            : NULL;
  const char *norm =
      changes != NULL ? json_object_get_string_member_with_default (changes, "mod_weight_norm", "")
                      : "";

  return g_str_has_prefix (norm, "none") ? TOLERANCE_ROUTER_LOGIT : TOLERANCE_ROUTER_WEIGHT;
}

/* Whether the kept sets are equal in every layer; differences at a tie are named, others fail. */
static gboolean
compare_routing (const Case *test, PmodSafetensors *file, const GoldenCapture *capture)
{
  JsonArray *routing = member_array (test->json, "routing");
  GoldenDistance logits = { 0 };
  GoldenDistance weights = { 0 };
  const gint32 *targets = golden_ints (file, "target_pos", NULL);

  for (guint i = 0; routing != NULL && i < json_array_get_length (routing); i++)
    {
      JsonObject *entry = json_array_get_object_element (routing, i);
      int layer = (int)json_object_get_int_member (entry, "layer");
      const PmodRecordRoute *route = capture->routes->pdata[layer];
      g_autofree char *kept_name = g_strdup_printf ("layer.%02d.kept", layer);
      g_autofree char *logit_name = g_strdup_printf ("layer.%02d.router_logits", layer);
      g_autofree char *weight_name = g_strdup_printf ("layer.%02d.router_weights", layer);
      gsize n_kept, n, at = 0;
      const gint32 *kept = golden_ints (file, kept_name, &n_kept);
      const float *expected;
      GoldenDistance part;

      g_assert_nonnull (route);
      g_assert_cmpint (route->n_vision, ==, json_object_get_int_member (entry, "n_target"));
      g_assert_cmpint (route->n_kept, ==, (int)n_kept);
      g_assert_cmpfloat (route->ratio, ==, json_object_get_double_member (entry, "ratio"));
      expected = golden_floats (file, logit_name, &n);
      if (expected != NULL)
        {
          part = golden_compare (pmod_record_route_logits (route), expected, n);
          golden_add (&logits, &part);
        }
      expected = golden_floats (file, weight_name, &n);
      if (expected != NULL)
        {
          part = golden_compare (pmod_record_route_weights (route), expected, n);
          golden_add (&weights, &part);
        }
      for (int j = 0; j < route->n_vision; j++)
        {
          gboolean expected_kept = at < n_kept && kept[at] == targets[j];

          at += expected_kept;
          if (expected_kept != pmod_record_route_kept (route, j))
            {
              double gap = json_object_get_double_member (entry, "cut_gap_weight");

              g_test_message ("layer %d: another token at a cut of gap %.1e", layer, gap);
              g_assert_cmpfloat (gap, <, TIE_GAP);
              return FALSE;
            }
        }
    }
  if (logits.n > 0)
    golden_assert ("router logits", &logits, TOLERANCE_ROUTER_LOGIT);
  if (weights.n > 0)
    golden_assert ("router weights", &weights, weight_tolerance (test));
  return TRUE;
}

/* Row layer of a stack that may or may not begin with the embeddings. */
static const float *
captured_layer (const GoldenCapture *capture, int layer)
{
  const GArray *array = layer < 0 ? capture->embeds : capture->layers->pdata[layer];

  return (const float *)(gpointer)array->data;
}

static void
compare_hidden (PmodSafetensors *file, const GoldenCapture *capture)
{
  gsize d = (gsize)capture->hidden;
  gsize n_rows, n;
  const gint32 *rows = golden_ints (file, "hidden.rows", &n_rows);
  const float *sampled = golden_floats (file, "hidden.sampled", &n);
  int n_stacked = (int)(n / (n_rows * d));
  int first = capture->n_layers - n_stacked;
  GoldenDistance distance = { 0 };

  g_assert_true (first == 0 || first == -1);
  for (int layer = first; layer < capture->n_layers; layer++)
    {
      g_autofree float *got = g_new (float, n_rows *d);
      GoldenDistance part;

      for (gsize i = 0; i < n_rows; i++)
        memcpy (got + i * d, captured_layer (capture, layer) + (gsize)rows[i] * d,
                d * sizeof (float));
      part = golden_compare (got, sampled + (gsize)(layer - first) * n_rows * d, n_rows * d);
      golden_add (&distance, &part);
    }
  golden_assert ("hidden, sampled", &distance, TOLERANCE_HIDDEN);
}

static void
compare_norms (PmodSafetensors *file, const GoldenCapture *capture)
{
  gsize d = (gsize)capture->hidden;
  gsize n_tokens = (gsize)capture->n_tokens;
  gsize n;
  const float *expected = golden_floats (file, "hidden.l2", &n);
  GoldenDistance distance = { 0 };

  if (expected == NULL)
    return;
  g_assert_cmpuint (n, ==, (gsize)(capture->n_layers + 1) * n_tokens);
  for (int layer = -1; layer < capture->n_layers; layer++)
    {
      const float *x = captured_layer (capture, layer);
      g_autofree float *norms = g_new (float, n_tokens);
      GoldenDistance part;

      for (gsize i = 0; i < n_tokens; i++)
        {
          double sum = 0;

          for (gsize j = 0; j < d; j++)
            sum += (double)x[i * d + j] * (double)x[i * d + j];
          norms[i] = (float)sqrt (sum);
        }
      part = golden_compare (norms, expected + (gsize)(layer + 1) * n_tokens, n_tokens);
      golden_add (&distance, &part);
    }
  golden_assert ("hidden, norms", &distance, TOLERANCE_HIDDEN);
}

static void
compare_array (
    PmodSafetensors *file, const char *name, const char *what, const GArray *got, double tolerance)
{
  gsize n;
  const float *expected = golden_floats (file, name, &n);
  GoldenDistance distance;

  if (expected == NULL)
    return;
  g_assert_nonnull (got);
  g_assert_cmpuint (got->len, ==, n);
  distance = golden_compare ((const float *)(gpointer)got->data, expected, n);
  golden_assert (what, &distance, tolerance);
}

static void
compare_whole_layers (PmodSafetensors *file, const GoldenCapture *capture)
{
  for (int layer = 0; layer < capture->n_layers; layer++)
    {
      g_autofree char *full = g_strdup_printf ("hidden.full.%02d", layer);
      g_autofree char *k = g_strdup_printf ("kv.%02d.k", layer);
      g_autofree char *v = g_strdup_printf ("kv.%02d.v", layer);

      compare_array (file, full, full, capture->layers->pdata[layer], TOLERANCE_HIDDEN);
      compare_array (file, k, k, capture->keys->pdata[layer], TOLERANCE_HIDDEN);
      compare_array (file, v, v, capture->values->pdata[layer], TOLERANCE_HIDDEN);
    }
}

static void
compare_decode (PmodSafetensors *file, const GoldenCapture *capture, guint n_tokens)
{
  gsize n;
  const float *logits = golden_floats (file, "logits", &n);
  const float *steps = golden_floats (file, "decode.hidden_last", NULL);
  gsize stack = (gsize)capture->n_layers * (gsize)capture->hidden;
  gsize vocab = n / n_tokens;
  GoldenDistance distance = { 0 };

  for (guint i = 0; i < n_tokens; i++)
    {
      const GArray *got = capture->logits->pdata[i];
      GoldenDistance part;

      g_assert_cmpuint (got->len, ==, vocab);
      part = golden_compare ((const float *)(gpointer)got->data, logits + i * vocab, vocab);
      golden_add (&distance, &part);
    }
  golden_assert ("logits", &distance, TOLERANCE_LOGIT);

  if (steps == NULL || capture->steps->len + 1 < n_tokens || n_tokens < 2)
    return;
  memset (&distance, 0, sizeof distance);
  for (guint i = 0; i < 2; i++)
    {
      const GArray *got = capture->steps->pdata[i == 0 ? 0 : n_tokens - 2];
      GoldenDistance part;

      g_assert_cmpuint (got->len, ==, stack);
      part = golden_compare ((const float *)(gpointer)got->data, steps + i * stack, stack);
      golden_add (&distance, &part);
    }
  golden_assert ("decode, hidden", &distance, TOLERANCE_HIDDEN);
}

static void
compare_lengths (const Case *test, const char *name, const int *got)
{
  JsonArray *expected = member_array (test->json, name);

  for (guint i = 0; expected != NULL && i < json_array_get_length (expected); i++)
    g_assert_cmpint (got[i], ==, json_array_get_int_element (expected, i));
}

/* Greedy tokens, as far as the reference's choice was clear. */
static gboolean
compare_tokens (const Case *test, const PmodAnswer *answer)
{
  JsonArray *tokens = member_array (test->json, "tokens");
  JsonArray *margins = member_array (test->json, "margins");

  for (guint i = 0; i < json_array_get_length (tokens); i++)
    {
      g_assert_cmpuint (i, <, answer->ids->len);
      if (g_array_index (answer->ids, gint32, i) != json_array_get_int_element (tokens, i))
        {
          g_test_message ("token %u differs at a margin of %g", i,
                          json_array_get_double_element (margins, i));
          g_assert_cmpfloat (json_array_get_double_element (margins, i), <, TOKEN_MARGIN);
          return FALSE;
        }
    }
  g_assert_cmpuint (answer->ids->len, ==, json_array_get_length (tokens));
  return TRUE;
}

/* --- Cases ---------------------------------------------------------------------------------- */

static PmodAnswer *
run_case (const Case *test, PmodContext *context, GoldenCapture *capture, GError **error)
{
  PmodModel *opened = pmod_context_get_model (context);
  g_autoptr (GPtrArray) images = load_images (test);
  g_autoptr (PmodPrompt) prompt = make_prompt (test, pmod_model_get_tokenizer (opened), images);
  g_autoptr (PmodTrace) trace = pmod_trace_new (~0u, golden_capture_record, capture);
  JsonArray *tokens = member_array (test->json, "tokens");
  PmodParams params;

  pmod_params_init (&params, pmod_model_get_config (opened));
  params.sampling.max_new_tokens = tokens != NULL ? (int)json_array_get_length (tokens) : 1;
  return pmod_context_answer (context, prompt, &params, trace, NULL, NULL, error);
}

static void
test_case (gconstpointer data)
{
  const Case *test = data;
  PmodModel *opened = open_model (test);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodContext) context = pmod_context_new (opened, &error);
  g_autoptr (GoldenCapture) capture = golden_capture_new (pmod_model_get_config (opened));
  g_autofree char *name =
      g_build_filename (test->dir, json_object_get_string_member (test->json, "tensors"), NULL);
  g_autoptr (PmodSafetensors) file = golden_load (name);
  g_autoptr (PmodAnswer) answer = run_case (test, context, capture, &error);
  g_autofree int *lengths = g_new (int, capture->n_layers);

  g_assert_no_error (error);
  g_assert_cmpint (capture->n_tokens, ==, json_object_get_int_member (test->json, "seq_len"));
  compare_features (test, capture);
  compare_array (file, "inputs_embeds", "embeddings", capture->embeds, TOLERANCE_FEATURE);
  compare_lengths (test, "kv_len_prefill", (const int *)(gpointer)capture->kv_prefill->data);
  if (!compare_routing (test, file, capture))
    return;
  compare_hidden (file, capture);
  compare_norms (file, capture);
  compare_whole_layers (file, capture);
  compare_array (file, "final_norm.last", "final norm", capture->norm, TOLERANCE_HIDDEN);
  if (!compare_tokens (test, answer))
    return;
  compare_decode (file, capture, answer->ids->len);
  for (int i = 0; i < capture->n_layers; i++)
    lengths[i] = pmod_context_get_kv_length (context, i);
  compare_lengths (test, "kv_len_last_step", lengths);
}

/* A case that the reference itself gives up on. */
static void
test_refused (gconstpointer data)
{
  const Case *test = data;
  PmodModel *opened = open_model (test);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodContext) context = pmod_context_new (opened, NULL);
  g_autoptr (GoldenCapture) capture = golden_capture_new (pmod_model_get_config (opened));
  g_autoptr (GPtrArray) images = load_images (test);
  g_autoptr (PmodPrompt) prompt = pmod_prompt_new_raw (
      pmod_model_get_tokenizer (opened), json_object_get_string_member (test->json, "prompt"),
      (PmodImage **)images->pdata, (int)images->len, &error);
  g_autoptr (PmodAnswer) answer = NULL;
  PmodParams params;

  g_assert_no_error (error);
  pmod_params_init (&params, pmod_model_get_config (opened));
  answer = pmod_context_answer (context, prompt, &params, NULL, NULL, NULL, &error);
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_NUMBER);
  g_test_message ("%s", error->message);
  g_assert_null (answer);
}

static GoldenDistance
measure_logits (const Case *test, PmodPrecision precision)
{
  Case other = *test;
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodContext) context = NULL;
  g_autoptr (GoldenCapture) capture = NULL;
  g_autofree char *name =
      g_build_filename (test->dir, json_object_get_string_member (test->json, "tensors"), NULL);
  g_autoptr (PmodSafetensors) file = golden_load (name);
  g_autoptr (PmodAnswer) answer = NULL;
  const GArray *logits;

  other.options.precision = precision;
  context = pmod_context_new (open_model (&other), &error);
  g_assert_no_error (error);
  capture = golden_capture_new (pmod_model_get_config (pmod_context_get_model (context)));
  answer = run_case (&other, context, capture, &error);
  g_assert_no_error (error);
  logits = capture->logits->pdata[0];
  return golden_compare ((const float *)(gpointer)logits->data,
                         golden_floats (file, "logits", NULL), logits->len);
}

/* How far rounding drives the logits is a property of the network and the prompt, and the F32 run
 * measures it: its distance from the reference is what errors of 2^-24 grow to. BF16 rounds the
 * inputs of every product at 2^-9 and F16 at 2^-12, so their distances are some 2^15 and 2^12 times
 * that one; a token near a cut that is routed differently adds to it. The estimate is good to a
 * small factor only (measured in BF16: 1.2 to 2.1), so four times is allowed; a block of memory
 * written by two threads gave 8.8. */
static void
test_half (gconstpointer data)
{
  const Case *test = data;
  PmodPrecision precision = test->options.precision;
  GoldenDistance f32 = measure_logits (test, PMOD_PRECISION_F32);
  GoldenDistance half = measure_logits (test, precision);
  double bound = 4 * ldexp (f32.rel_l2, 24 - (precision == PMOD_PRECISION_F16 ? 12 : 9));

  g_test_message ("logits in %s: rel-L2 %.2e (<= %.2e), max-abs %.2e; in f32: rel-L2 %.2e",
                  precision == PMOD_PRECISION_F16 ? "f16" : "bf16", half.rel_l2, bound,
                  half.max_abs, f32.rel_l2);
  g_assert_cmpuint (half.n_bad, ==, 0);
  g_assert_cmpfloat (half.rel_l2, <=, bound);
  g_assert_cmpfloat (half.rel_l2, >, f32.rel_l2);
}

/* --- The list ------------------------------------------------------------------------------- */

static void
free_case (gpointer data)
{
  Case *test = data;

  g_free (test->dir);
  g_free (test->images_file);
  g_free (test->checkpoint);
  g_free (test);
}

static void
add (const char *group,
     const char *dir,
     const char *images_file,
     const char *checkpoint,
     JsonObject *json,
     const PmodModelOptions *options,
     GTestDataFunc func)
{
  Case *test = g_new0 (Case, 1);
  g_autofree char *path =
      g_strdup_printf ("/parity/%s/%s", group, json_object_get_string_member (json, "name"));

  test->dir = g_strdup (dir);
  test->images_file = g_strdup (images_file);
  test->checkpoint = g_strdup (checkpoint);
  test->json = json;
  test->options = *options;
  test->options.device = device;
  g_test_add_data_func_full (path, test, func, free_case);
}

static JsonNode *
document (const char *path)
{
  JsonNode *node = golden_load_json (path);

  g_ptr_array_add (documents, node);
  return node;
}

static void
add_cases (const char *kind)
{
  static const PmodModelOptions f32 = { .precision = PMOD_PRECISION_F32 };
  static const PmodModelOptions bf16 = { .precision = PMOD_PRECISION_BF16 };
  static const PmodModelOptions f16 = { .precision = PMOD_PRECISION_F16 };
  g_autofree char *dir = g_strconcat ("golden/", kind, NULL);
  g_autofree char *manifest = g_strconcat (dir, "/manifest.json", NULL);
  g_autofree char *images = g_strconcat (dir, "/images.safetensors", NULL);
  JsonObject *root = json_node_get_object (document (manifest));
  const char *checkpoint = json_object_get_string_member (root, "checkpoint");
  JsonArray *cases = json_object_get_array_member (root, "cases");
  g_autofree char *bf16_group = g_strconcat (kind, "-bf16", NULL);
  g_autofree char *f16_group = g_strconcat (kind, "-f16", NULL);

  for (guint i = 0; i < json_array_get_length (cases); i++)
    add (kind, dir, images, checkpoint, json_array_get_object_element (cases, i), &f32, test_case);
  /* The second question about a picture has the same routing as the first. */
  for (guint i = 0; i < json_array_get_length (cases); i += i < 6 ? 2 : 1)
    {
      JsonObject *json = json_array_get_object_element (cases, i);

      add (bf16_group, dir, images, checkpoint, json, &bf16, test_half);
      if (device == PMOD_DEVICE_CUDA)
        add (f16_group, dir, images, checkpoint, json, &f16, test_half);
    }
}

/* The same numbers in two BF16 shards, and the same case on every level of the CPU backend. */
static void
add_other_ways (void)
{
  static const struct
  {
    const char *name;
    PmodCpuLevelOption level;
  } levels[] = {
    { "portable", PMOD_CPU_LEVEL_PORTABLE },
    { "avx2", PMOD_CPU_LEVEL_AVX2 },
    { "avx512", PMOD_CPU_LEVEL_AVX512 },
  };
  JsonObject *root = json_node_get_object (document ("golden/v1.5/manifest.json"));
  JsonArray *cases = json_object_get_array_member (root, "cases");
  JsonObject *first = json_array_get_object_element (cases, 0);
  PmodModelOptions options = { .precision = PMOD_PRECISION_F32 };

  add ("sharded", "golden/v1.5", "golden/v1.5/images.safetensors",
       "tiny-pmod-llava-v1.5-bf16-sharded", first, &options, test_case);
  for (guint i = 0; device == PMOD_DEVICE_CPU && i < G_N_ELEMENTS (levels); i++)
    {
      options.cpu_level = levels[i].level;
      add (levels[i].name, "golden/v1.5", "golden/v1.5/images.safetensors", "tiny-pmod-llava-v1.5",
           first, &options, test_case);
    }
}

static void
add_list (const char *kind)
{
  static const PmodModelOptions f32 = { .precision = PMOD_PRECISION_F32 };
  g_autofree char *dir = g_strconcat ("golden/", kind, NULL);
  g_autofree char *manifest = g_strconcat (dir, "/manifest.json", NULL);
  JsonArray *cases = json_node_get_array (document (manifest));

  for (guint i = 0; i < json_array_get_length (cases); i++)
    {
      JsonObject *json = json_array_get_object_element (cases, i);

      add (kind, dir, NULL, json_object_get_string_member (json, "checkpoint"), json, &f32,
           json_object_has_member (json, "error") ? test_refused : test_case);
    }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  if (argc == 3 && strcmp (argv[1], "--device") == 0 && strcmp (argv[2], "cuda") == 0)
    device = PMOD_DEVICE_CUDA;
  else
    g_assert_cmpint (argc, ==, 1);
  documents = g_ptr_array_new_with_free_func ((GDestroyNotify)json_node_unref);
  add_cases ("v1.5");
  add_cases ("next");
  add_other_ways ();
  add_list ("12layer");
  add_list ("variants");
  result = g_test_run ();
  g_clear_pointer (&model, pmod_model_unref);
  g_clear_pointer (&model_key, g_free);
  g_ptr_array_unref (documents);
  return result;
}
