/* PmodRun: typed answers from records written by hand, no model anywhere. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "pmod-engine.h"
#include "pmod-run-weights.h"
#include "pmod-run.h"
#include "pmod-selection.h"

#define N_LAYERS 4
#define ROWS 2
#define COLS 3

static void
collect_cb (const PmodRecord *record, gpointer data)
{
  g_byte_array_append (data, (const guint8 *)record, record->size);
}

static void
write_begin (PmodTrace *trace, int n_vision)
{
  PmodRecordRunBegin *begin = pmod_trace_append (trace, PMOD_RECORD_RUN_BEGIN, -1,
                                                 sizeof *begin + N_LAYERS * sizeof (double));

  begin->n_layers = N_LAYERS;
  begin->n_tokens = n_vision > 60 ? n_vision + 12 : 60;
  begin->n_vision = n_vision;
  begin->n_images = 1;
  begin->context_length = 100;
  begin->n_reused = 5;
  begin->hidden = 8;
  begin->n_kv_heads = begin->head_dim = begin->kv_element_bytes = 2;
  begin->ratio[0] = PMOD_RATIO_PLAIN;
  begin->ratio[1] = 0.7;
  begin->ratio[2] = 0.5;
  begin->ratio[3] = 0.2;
  pmod_trace_commit (trace, begin);
}

/* A coarse plane of 2 x 3, then a fine one of 4 x 6 with a newline after each row: 34 tokens. */
static void
write_image (PmodTrace *trace, int n_planes)
{
  PmodRecordImage *image = pmod_trace_append (trace, PMOD_RECORD_IMAGE, -1, sizeof *image);

  image->width = 300;
  image->height = 200;
  image->n_tiles = image->grid_rows = image->grid_cols = 1;
  image->first_token = 4;
  image->n_tokens = ROWS * COLS + (n_planes > 1 ? 4 * 7 : 0);
  image->n_planes = n_planes;
  image->planes[0] = (PmodPlane){ 4, ROWS, COLS, 0, 0, -0.25f, 1, 1.25f };
  image->planes[1] = (PmodPlane){ 4 + ROWS * COLS, 4, 6, 1, 0, 0, 1, 1 };
  pmod_trace_commit (trace, image);
}

static void
write_layer (PmodTrace *trace, int layer, double used)
{
  PmodRecordStage *stage = pmod_trace_append (trace, PMOD_RECORD_STAGE, layer, sizeof *stage);
  PmodRecordKv *kv;

  stage->stage = PMOD_STAGE_LAYER;
  stage->paper = used;
  stage->paper_dense = 10;
  stage->all = used * 2;
  stage->all_dense = 20;
  pmod_trace_commit (trace, stage);
  kv = pmod_trace_append (trace, PMOD_RECORD_KV, layer, sizeof *kv);
  kv->length = (int)(2 * used);
  kv->length_dense = 20;
  kv->bytes = (guint64)(16 * used);
  kv->bytes_dense = 160;
  pmod_trace_commit (trace, kv);
}

static void
write_timed_layer (PmodTrace *trace, int layer, guint64 duration_ns, gboolean reused)
{
  PmodRecordStage *stage = pmod_trace_append (trace, PMOD_RECORD_STAGE, layer, sizeof *stage);
  PmodRecordKv *kv;

  stage->stage = PMOD_STAGE_LAYER;
  stage->duration_ns = duration_ns;
  stage->paper = 7;
  stage->all_dense = 20;
  stage->header.flags |= reused ? PMOD_RECORD_FLAG_REUSED : 0;
  pmod_trace_commit (trace, stage);
  if (layer != 0 || reused)
    return;
  kv = pmod_trace_append (trace, PMOD_RECORD_KV, layer, sizeof *kv);
  kv->bytes = 112;
  pmod_trace_commit (trace, kv);
}

static void
write_stage (PmodTrace *trace, PmodStage kind, guint64 duration_ns, guint64 bytes, gboolean reused)
{
  PmodRecordStage *stage = pmod_trace_append (trace, PMOD_RECORD_STAGE, -1, sizeof *stage);

  stage->stage = (gint32)kind;
  stage->n_tokens = 6;
  stage->duration_ns = duration_ns;
  stage->bytes = bytes;
  stage->header.flags |= reused ? PMOD_RECORD_FLAG_REUSED : 0;
  pmod_trace_commit (trace, stage);
}

/* A second one of the same shape, five words of text after it. */
static void
write_second_image (PmodTrace *trace, int n_planes)
{
  int n_tokens = ROWS * COLS + (n_planes > 1 ? 4 * 7 : 0);
  int first = 4 + n_tokens + 5;
  PmodRecordImage *image = pmod_trace_append (trace, PMOD_RECORD_IMAGE, -1, sizeof *image);

  image->index = 1;
  image->width = 90;
  image->height = 60;
  image->n_tiles = image->grid_rows = image->grid_cols = 1;
  image->first_token = first;
  image->n_tokens = n_tokens;
  image->n_planes = n_planes;
  image->planes[0] = (PmodPlane){ first, ROWS, COLS, 0, 0, 0, 1, 1 };
  image->planes[1] = (PmodPlane){ first + ROWS * COLS, 4, 6, 1, 0, 0, 1, 1 };
  pmod_trace_commit (trace, image);
}

/* Keeps the first n_kept tokens, whose weights fall with the index. */
static void
write_route (PmodTrace *trace, int layer, int n_vision, int n_kept)
{
  gsize n_words = (gsize)(n_vision + 31) / 32;
  PmodRecordRoute *route =
      pmod_trace_append (trace, PMOD_RECORD_ROUTE, layer,
                         sizeof *route + (gsize)n_vision * 8 + n_words * sizeof (guint32));
  float *weight = (float *)route->data + n_vision;
  guint32 *kept = (guint32 *)(weight + n_vision);

  route->ratio = 0.5;
  route->n_vision = n_vision;
  route->n_kept = n_kept;
  route->never_read = layer == N_LAYERS - 1;
  for (int i = 0; i < n_vision; i++)
    {
      weight[i] = 1.2f - 0.01f * (float)i;
      if (i < n_kept)
        kept[i / 32] |= 1u << (i % 32);
    }
  pmod_trace_commit (trace, route);
}

static void
write_token (PmodTrace *trace, int token, const char *text)
{
  PmodRecordToken *record =
      pmod_trace_append (trace, PMOD_RECORD_TOKEN, -1, sizeof *record + strlen (text));

  record->index = token;
  record->text_bytes = (gint32)strlen (text);
  memcpy (record->alternatives, text, strlen (text));
  pmod_trace_commit (trace, record);
}

static GBytes *
write_run (int n_planes, int n_vision, gboolean whole)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, collect_cb, bytes);

  pmod_trace_begin_run (trace);
  write_begin (trace, n_vision);
  write_image (trace, n_planes);
  write_layer (trace, 0, 10);
  write_route (trace, 1, n_vision, n_vision - 2);
  write_layer (trace, 1, 7);
  if (whole)
    {
      write_route (trace, 2, n_vision, n_vision / 2);
      write_layer (trace, 2, 5);
      write_route (trace, 3, n_vision, 1);
      write_layer (trace, 3, 2);
      write_token (trace, 0, "A ");
      write_token (trace, 1, "b\303\244r.");
    }
  return g_bytes_new (bytes->data, bytes->len);
}

static PmodRun *
open_run (int n_planes, int n_vision, gboolean whole)
{
  g_autoptr (GBytes) bytes = write_run (n_planes, n_vision, whole);
  g_autoptr (GError) error = NULL;
  PmodRun *run = pmod_run_new_from_records (bytes, &error);

  g_assert_no_error (error);
  g_assert_nonnull (run);
  return run;
}

static void
test_layers (void)
{
  g_autoptr (PmodRun) run = open_run (1, 6, TRUE);
  PmodRunLayer info;
  float low, high;
  int n_routed;

  g_assert_cmpint (pmod_run_get_n_layers (run), ==, N_LAYERS);
  g_assert_true (pmod_run_get_layer (run, 0, &info));
  g_assert_true (info.ready && !info.routed);
  g_assert_cmpint (info.n_kept, ==, 6);
  g_assert_true (pmod_run_get_layer (run, 2, &info));
  g_assert_true (info.ready && info.routed && !info.never_read);
  g_assert_cmpint (info.n_kept, ==, 3);
  g_assert_cmpint (info.kv_length, ==, 10);
  g_assert_true (pmod_run_get_layer (run, 3, &info));
  g_assert_true (info.never_read);
  g_assert_false (pmod_run_get_layer (run, 4, &info));
  g_assert_false (pmod_run_get_layer (run, -1, &info));

  g_assert_true (pmod_run_is_kept (run, 2, 2));
  g_assert_false (pmod_run_is_kept (run, 2, 3));
  g_assert_true (pmod_run_is_kept (run, 0, 3));
  pmod_run_get_weight_range (run, 2, &low, &high);
  g_assert_cmpfloat_with_epsilon (low, 1.15, 1e-6);
  g_assert_cmpfloat_with_epsilon (high, 1.2, 1e-6);
  g_assert_cmpint (pmod_run_count_kept (run, 2, &n_routed), ==, 2);
  g_assert_cmpint (n_routed, ==, 3);
  g_assert_cmpstr (pmod_run_get_text (run), ==, "A b\303\244r.");
  g_assert_cmpint (pmod_run_get_n_tokens (run), ==, 62);
}

static void
test_costs (void)
{
  g_autoptr (PmodRun) whole = open_run (1, 6, TRUE);
  g_autoptr (PmodRun) half = open_run (1, 6, FALSE);
  PmodRunCost cost = pmod_run_get_flops (whole, PMOD_FLOPS_PAPER);

  g_assert_cmpfloat (cost.used, ==, 24);
  g_assert_cmpfloat (cost.dense, ==, 40);
  g_assert_cmpfloat (cost.total, ==, 40);
  cost = pmod_run_get_flops (whole, PMOD_FLOPS_ALL);
  g_assert_cmpfloat (cost.used, ==, 48);
  cost = pmod_run_get_kv (whole);
  g_assert_cmpfloat (cost.used, ==, 16 * 24);
  g_assert_cmpfloat (cost.dense, ==, 640);

  /* Two of four layers: the bar is half way. */
  cost = pmod_run_get_flops (half, PMOD_FLOPS_PAPER);
  g_assert_cmpfloat (cost.used, ==, 17);
  g_assert_cmpfloat (cost.dense, ==, 20);
  g_assert_cmpfloat (cost.total, ==, 40);
}

/* The clock of the trace is replaced: what was measured is then known. */
static void
set_times (GByteArray *bytes, const guint64 *times_ns, guint n_times)
{
  gsize offset = 0;
  const PmodRecord *record;

  for (guint i = 0; i < n_times; i++)
    {
      record = pmod_trace_next (bytes->data, bytes->len, &offset, NULL);
      g_assert_nonnull (record);
      ((PmodRecord *)record)->time_ns = times_ns[i];
    }
  g_assert_null (pmod_trace_next (bytes->data, bytes->len, &offset, NULL));
}

/* Begin, load, picture, tower, a layer that was half known, one told of late, head, two tokens. */
static PmodRun *
open_timed (void)
{
  static const guint64 times_ns[] = { 1000, 1000, 1200, 1500, 1500, 1700, 1700, 1750,
                                      1800, 1800, 2000, 2100, 2600, 2700, 3300 };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, collect_cb, bytes);
  g_autoptr (GBytes) copy = NULL;

  pmod_trace_begin_run (trace);
  write_begin (trace, 6);
  write_stage (trace, PMOD_STAGE_LOAD, 99999, 4096, FALSE);
  write_stage (trace, PMOD_STAGE_PREPROCESS, 200, 0, FALSE);
  write_stage (trace, PMOD_STAGE_VISION, 250, 0, FALSE);
  write_timed_layer (trace, 0, 0, TRUE);
  write_timed_layer (trace, 0, 80, FALSE);
  write_timed_layer (trace, 1, 60, FALSE);
  write_stage (trace, PMOD_STAGE_HEAD, 40, 0, FALSE);
  write_stage (trace, PMOD_STAGE_PREFILL, 200, 0, FALSE);
  write_token (trace, 0, "A ");
  write_stage (trace, PMOD_STAGE_DECODE, 100, 0, FALSE);
  write_token (trace, 1, "dog");
  write_stage (trace, PMOD_STAGE_DECODE, 300, 0, FALSE);
  write_stage (trace, PMOD_STAGE_TOTAL, 2300, 0, FALSE);
  set_times (bytes, times_ns, G_N_ELEMENTS (times_ns));
  copy = g_bytes_new (bytes->data, bytes->len);
  return pmod_run_new_from_records (copy, NULL);
}

static void
test_times (void)
{
  static const PmodRunSpan expected[] = {
    { .kind = PMOD_SPAN_PREPROCESS, .layer = -1, .start_ns = 0, .duration_ns = 200 },
    { .kind = PMOD_SPAN_VISION, .layer = -1, .start_ns = 250, .duration_ns = 250 },
    { .kind = PMOD_SPAN_LAYER, .layer = 0, .reused = TRUE, .start_ns = 620 },
    { .kind = PMOD_SPAN_LAYER, .layer = 0, .start_ns = 620, .duration_ns = 80 },
    { .kind = PMOD_SPAN_LAYER, .layer = 1, .start_ns = 700, .duration_ns = 60 },
    { .kind = PMOD_SPAN_HEAD, .layer = -1, .start_ns = 760, .duration_ns = 40 },
    { .kind = PMOD_SPAN_TOKEN, .layer = -1, .start_ns = 1000, .duration_ns = 100 },
    { .kind = PMOD_SPAN_TOKEN, .layer = -1, .start_ns = 1400, .duration_ns = 300 },
  };
  g_autoptr (PmodRun) run = open_timed ();
  PmodRunLayerCost cost;
  int n_spans, n_ran;
  const PmodRunSpan *spans = pmod_run_get_spans (run, &n_spans);

  g_assert_cmpint (n_spans, ==, G_N_ELEMENTS (expected));
  for (int i = 0; i < n_spans; i++)
    {
      g_assert_cmpint (spans[i].kind, ==, expected[i].kind);
      g_assert_cmpint (spans[i].layer, ==, expected[i].layer);
      g_assert_cmpint (spans[i].reused, ==, expected[i].reused);
      g_assert_cmpuint (spans[i].start_ns, ==, expected[i].start_ns);
      g_assert_cmpuint (spans[i].duration_ns, ==, expected[i].duration_ns);
    }
  g_assert_cmpint (spans[7].n_tokens, ==, 1);
  g_assert_cmpuint (pmod_run_get_weight_bytes (run), ==, 4096);
  g_assert_cmpuint (pmod_run_get_first_token_ns (run), ==, 1000);
  /* Two tokens in 400 ns. */
  g_assert_cmpfloat_with_epsilon (pmod_run_get_tokens_per_second (run), 5e6, 1e-3);
  g_assert_cmpuint (pmod_run_get_span_ns (run, PMOD_SPAN_LAYER, &n_ran), ==, 140);
  g_assert_cmpint (n_ran, ==, 2);

  /* The half that was known costs, but takes no time. */
  g_assert_true (pmod_run_get_layer_cost (run, 0, &cost));
  g_assert_true (cost.ready && cost.reused);
  g_assert_cmpuint (cost.duration_ns, ==, 80);
  g_assert_cmpfloat (cost.flops[PMOD_FLOPS_PAPER], ==, 14);
  g_assert_cmpfloat (cost.flops_dense[PMOD_FLOPS_ALL], ==, 40);
  g_assert_cmpuint (cost.kv_bytes, ==, 112);
  g_assert_true (pmod_run_get_layer_cost (run, 2, &cost));
  g_assert_false (cost.ready);
  g_assert_false (pmod_run_get_layer_cost (run, N_LAYERS, &cost));
}

static void
test_dense (void)
{
  g_autoptr (PmodRun) run = open_run (1, 6, TRUE);
  g_autoptr (GBytes) bytes = write_run (1, 6, TRUE);
  g_autofree guint8 *copy = g_memdup2 (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  PmodRecordRunBegin *begin = (PmodRecordRunBegin *)(gpointer)copy;
  g_autoptr (GBytes) changed = NULL;
  g_autoptr (PmodRun) dense = NULL;

  g_assert_false (pmod_run_is_dense (run));
  for (int l = 0; l < N_LAYERS; l++)
    begin->ratio[l] = l % 2 ? 1 : PMOD_RATIO_PLAIN;
  changed = g_bytes_new (copy, g_bytes_get_size (bytes));
  dense = pmod_run_new_from_records (changed, NULL);
  g_assert_true (pmod_run_is_dense (dense));
}

/* All of the pictures, all but the first tiles, and text too: what a router's index stands for. */
static void
test_planes (void)
{
  g_autoptr (PmodRun) one = open_run (1, 6, TRUE);
  g_autoptr (PmodRun) two = open_run (2, 34, TRUE);
  g_autoptr (PmodRun) fine = open_run (2, 28, TRUE);
  g_autoptr (PmodRun) all = open_run (2, 60, TRUE);
  PmodRunPlane plane;

  g_assert_cmpint (pmod_run_get_n_planes (one, 0), ==, 1);
  g_assert_true (pmod_run_get_plane (one, 0, 0, &plane));
  g_assert_cmpint (plane.first, ==, 0);
  g_assert_cmpint (plane.stride, ==, COLS);
  g_assert_cmpfloat (plane.y0, ==, -0.25);
  g_assert_false (pmod_run_get_plane (one, 0, 1, &plane));

  g_assert_true (pmod_run_get_plane (two, 0, 1, &plane));
  g_assert_cmpint (plane.first, ==, 6);
  g_assert_cmpint (plane.stride, ==, 7);
  g_assert_true (pmod_run_get_plane (fine, 0, 0, &plane));
  g_assert_cmpint (plane.first, ==, -1);
  g_assert_true (pmod_run_get_plane (fine, 0, 1, &plane));
  g_assert_cmpint (plane.first, ==, 0);
  g_assert_true (pmod_run_get_plane (all, 0, 0, &plane));
  g_assert_cmpint (plane.first, ==, 4);
}

static PmodRun *
open_two_pictures (int n_planes, int n_vision)
{
  g_autoptr (GByteArray) array = g_byte_array_new ();
  g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, collect_cb, array);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  PmodRun *run;

  pmod_trace_begin_run (trace);
  write_begin (trace, n_vision);
  write_image (trace, n_planes);
  write_second_image (trace, n_planes);
  write_route (trace, 1, n_vision, n_vision - 2);
  bytes = g_bytes_new (array->data, array->len);
  run = pmod_run_new_from_records (bytes, &error);
  g_assert_no_error (error);
  return run;
}

/* The routers' places of the second picture: after the first one's where pictures are routed, in
 * the sequence where all tokens are. */
static void
test_pictures (void)
{
  g_autoptr (PmodRun) plain = open_two_pictures (1, 12);
  g_autoptr (PmodRun) tiled = open_two_pictures (2, 68);
  g_autoptr (PmodRun) fine = open_two_pictures (2, 56);
  g_autoptr (PmodRun) all = open_two_pictures (1, 60);
  PmodRunPlane plane;
  int width, height;

  g_assert_cmpint (pmod_run_get_n_pictures (plain), ==, 2);
  g_assert_cmpint (pmod_run_get_n_planes (plain, 1), ==, 1);
  g_assert_cmpint (pmod_run_get_n_planes (plain, 2), ==, 0);
  g_assert_true (pmod_run_get_picture_size (plain, 1, &width, &height));
  g_assert_cmpint (width, ==, 90);
  g_assert_false (pmod_run_get_picture_size (plain, 2, &width, &height));

  g_assert_true (pmod_run_get_plane (plain, 0, 0, &plane));
  g_assert_cmpint (plane.first, ==, 0);
  g_assert_true (pmod_run_get_plane (plain, 1, 0, &plane));
  g_assert_cmpint (plane.first, ==, 6);
  g_assert_false (pmod_run_get_plane (plain, 2, 0, &plane));
  g_assert_true (pmod_run_get_plane (tiled, 1, 0, &plane));
  g_assert_cmpint (plane.first, ==, 34);
  g_assert_true (pmod_run_get_plane (tiled, 1, 1, &plane));
  g_assert_cmpint (plane.first, ==, 40);
  g_assert_true (pmod_run_get_plane (fine, 1, 0, &plane));
  g_assert_cmpint (plane.first, ==, -1);
  g_assert_true (pmod_run_get_plane (fine, 1, 1, &plane));
  g_assert_cmpint (plane.first, ==, 28);
  g_assert_true (pmod_run_get_plane (all, 1, 0, &plane));
  g_assert_cmpint (plane.first, ==, 4 + 6 + 5);
}

static void
test_weights (void)
{
  g_autoptr (PmodRun) run = open_run (1, 6, TRUE);
  PmodRunWeights weights;
  int n_kept = 0, n_skipped = 0;

  g_assert_false (pmod_run_count_weights (run, 0, &weights));
  g_assert_false (pmod_run_count_weights (run, N_LAYERS, &weights));
  g_assert_true (pmod_run_count_weights (run, 2, &weights));
  for (int i = 0; i < PMOD_WEIGHT_BINS; i++)
    {
      n_kept += weights.kept[i];
      n_skipped += weights.skipped[i];
    }
  g_assert_cmpint (n_kept, ==, 3);
  g_assert_cmpint (n_skipped, ==, 3);
  g_assert_cmpint (weights.skipped[0], ==, 1); /* 1.15, the lowest */
  g_assert_cmpint (weights.kept[PMOD_WEIGHT_BINS - 1], ==, 1);
  g_assert_cmpint (weights.n_most, ==, 1);
  g_assert_true (weights.has_cut);
  g_assert_cmpfloat_with_epsilon (weights.cut, 1.18, 1e-6);
  g_assert_cmpfloat_with_epsilon (weights.below, 1.17, 1e-6);
  g_assert_cmpfloat_with_epsilon (pmod_run_get_weight_share (run, 2, 0), 1, 1e-6);
  g_assert_cmpfloat_with_epsilon (pmod_run_get_weight_share (run, 2, 4), 0.2, 1e-5);
  /* A plain layer has none. */
  g_assert_cmpfloat (pmod_run_get_weight_share (run, 0, 1), ==, 0.5);
  g_assert_false (pmod_run_get_question_first (run));
}

static void
test_selection (void)
{
  g_autoptr (PmodSelection) selection = pmod_selection_new ();
  g_autoptr (PmodRun) one = open_run (1, 6, TRUE);
  g_autoptr (PmodRun) two = open_run (2, 34, TRUE);

  pmod_selection_set_run (selection, one);
  g_assert_cmpint (pmod_selection_get_layer (selection), ==, 2);
  g_assert_cmpint (pmod_selection_get_plane (selection), ==, 0);
  pmod_selection_set_layer (selection, 99);
  g_assert_cmpint (pmod_selection_get_layer (selection), ==, 3);
  /* Another run of the same model stays at the layer; the finest plane is shown. */
  pmod_selection_set_run (selection, two);
  g_assert_cmpint (pmod_selection_get_layer (selection), ==, 3);
  g_assert_cmpint (pmod_selection_get_plane (selection), ==, 1);
  pmod_selection_set_plane (selection, 0);
  g_assert_cmpint (pmod_selection_get_plane (selection), ==, 0);
}

static void
test_places (void)
{
  g_autoptr (PmodSelection) selection = pmod_selection_new ();
  g_autoptr (PmodRun) small = open_run (1, 6, TRUE);
  g_autoptr (PmodRun) large = open_run (2, 34, TRUE);
  g_autoptr (PmodRun) two = open_two_pictures (1, 12);

  pmod_selection_move_held (selection, 0, 0);
  g_assert_cmpint (pmod_selection_get_held (selection), ==, -1);
  pmod_selection_set_run (selection, large);
  pmod_selection_move_held (selection, 0, 0);
  g_assert_cmpint (pmod_selection_get_held (selection), ==, 2 * 6 + 3);
  pmod_selection_move_held (selection, 9, 1);
  g_assert_cmpint (pmod_selection_get_held (selection), ==, 3 * 6 + 4);
  /* Tokens count the newline after each row, places do not. */
  g_assert_cmpint (pmod_selection_get_token (selection, 3 * 6 + 4), ==, 6 + 3 * 7 + 4);
  g_assert_cmpint (pmod_selection_get_token (selection, 24), ==, -1);
  g_assert_cmpint (pmod_selection_get_token (selection, -1), ==, -1);
  g_assert_cmpint (pmod_selection_get_cell (selection), ==, 3 * 6 + 4);
  pmod_selection_set_hover (selection, 1);
  g_assert_cmpint (pmod_selection_get_cell (selection), ==, 1);
  /* What the next run's grid does not have is let go; what it has stays. */
  pmod_selection_set_run (selection, small);
  g_assert_cmpint (pmod_selection_get_held (selection), ==, -1);
  g_assert_cmpint (pmod_selection_get_hover (selection), ==, 1);

  pmod_selection_set_run (selection, two);
  pmod_selection_set_picture (selection, 1);
  g_assert_cmpint (pmod_selection_get_hover (selection), ==, -1);
  g_assert_cmpint (pmod_selection_get_token (selection, 0), ==, 6);
  pmod_selection_set_run (selection, small);
  g_assert_cmpint (pmod_selection_get_picture (selection), ==, 0);
}

static void
check_place (PmodSelection *selection, double frame_x, double frame_y, double x, double y)
{
  double got_x, got_y;

  pmod_selection_unproject (selection, frame_x, frame_y, &got_x, &got_y);
  g_assert_cmpfloat_with_epsilon (got_x, x, 1e-9);
  g_assert_cmpfloat_with_epsilon (got_y, y, 1e-9);
}

static void
test_zoom (void)
{
  g_autoptr (PmodSelection) selection = pmod_selection_new ();

  check_place (selection, 0.3, 0.8, 0.3, 0.8);
  pmod_selection_zoom_at (selection, 4, 0.25, 0.5);
  check_place (selection, 0.25, 0.5, 0.25, 0.5);
  check_place (selection, 0.75, 0.5, 0.375, 0.5);
  /* Nothing beyond the picture is ever in the frame. */
  pmod_selection_pan (selection, 9, -9);
  check_place (selection, 0, 1, 0, 1);
  pmod_selection_pan (selection, -0.5, 0);
  check_place (selection, 0, 0, 0.125, 0.75);
  pmod_selection_zoom_at (selection, 99, 0.5, 0.5);
  g_assert_cmpfloat (pmod_selection_get_zoom (selection), ==, PMOD_ZOOM_MAX);
  pmod_selection_reset_places (selection);
  g_assert_cmpfloat (pmod_selection_get_zoom (selection), ==, 1);
  check_place (selection, 0.3, 0.8, 0.3, 0.8);
}

static void
stopped_cb (PmodSelection *selection, GParamSpec *pspec, gpointer loop)
{
  if (!pmod_selection_get_playing (selection))
    g_main_loop_quit (loop);
}

static void
test_playing (void)
{
  g_autoptr (PmodSelection) selection = pmod_selection_new ();
  g_autoptr (PmodRun) run = open_run (1, 6, TRUE);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  pmod_selection_set_playing (selection, TRUE);
  g_assert_false (pmod_selection_get_playing (selection));
  pmod_selection_set_run (selection, run);
  pmod_selection_set_layer (selection, 3);
  g_signal_connect (selection, "notify::playing", G_CALLBACK (stopped_cb), loop);
  pmod_selection_set_playing (selection, TRUE);
  g_assert_cmpint (pmod_selection_get_layer (selection), ==, 0);
  g_main_loop_run (loop);
  g_assert_cmpint (pmod_selection_get_layer (selection), ==, 3);
  pmod_selection_step (selection);
  g_assert_cmpint (pmod_selection_get_layer (selection), ==, 0);
  pmod_selection_set_playing (selection, TRUE);
  pmod_selection_set_layer (selection, 2);
  g_assert_false (pmod_selection_get_playing (selection));
}

static void
test_damaged (void)
{
  g_autoptr (GBytes) bytes = write_run (1, 6, TRUE);
  gsize size = g_bytes_get_size (bytes);

  for (gsize cut = 8; cut < size; cut += 8)
    {
      g_autoptr (GBytes) part = g_bytes_new_from_bytes (bytes, 0, cut);
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodRun) run = pmod_run_new_from_records (part, &error);

      g_assert_true ((run != NULL) == (error == NULL));
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/run/layers", test_layers);
  g_test_add_func ("/run/costs", test_costs);
  g_test_add_func ("/run/times", test_times);
  g_test_add_func ("/run/dense", test_dense);
  g_test_add_func ("/run/planes", test_planes);
  g_test_add_func ("/run/pictures", test_pictures);
  g_test_add_func ("/run/weights", test_weights);
  g_test_add_func ("/run/selection", test_selection);
  g_test_add_func ("/run/places", test_places);
  g_test_add_func ("/run/zoom", test_zoom);
  g_test_add_func ("/run/playing", test_playing);
  g_test_add_func ("/run/damaged", test_damaged);
  return g_test_run ();
}
