/* PmodRun: typed answers from records written by hand, no model anywhere. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "pmod-engine.h"
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
  begin->n_tokens = 60;
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
  g_test_add_func ("/run/planes", test_planes);
  g_test_add_func ("/run/selection", test_selection);
  g_test_add_func ("/run/damaged", test_damaged);
  return g_test_run ();
}
