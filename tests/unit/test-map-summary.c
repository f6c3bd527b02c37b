/* PmodMapSummary and PmodMapRegions: words for masks that are written here, no model anywhere. */
#include "config.h"

#include <string.h>

#include "pmod-engine.h"
#include "pmod-map-regions.h"
#include "pmod-map-summary.h"

#define N_LAYERS_MOST 6
#define SIDE 6 /* parts of a plain plane: four in each region */

/* What is kept, one string a layer, row after row: '#' kept, anything else skipped. NULL: plain. */
typedef struct
{
  const char *masks[N_LAYERS_MOST];
  int n_layers;
  int never_read; /* layer, or 0 */
  int n_pictures;
  gboolean tiles; /* a whole reading of 3 x 3 before one of 6 x 6 whose rows end in a newline */
  gboolean wide;  /* a third of the plane above the picture and below is padding */
  gboolean question_first;
  int n_missing; /* routes of the last layers have not come */
} Written;

#define EMPTY                                                                                      \
  "......"                                                                                         \
  "......"                                                                                         \
  "......"                                                                                         \
  "......"                                                                                         \
  "......"                                                                                         \
  "......"
#define FULL                                                                                       \
  "######"                                                                                         \
  "######"                                                                                         \
  "######"                                                                                         \
  "######"                                                                                         \
  "######"                                                                                         \
  "######"
#define CENTRE                                                                                     \
  "......"                                                                                         \
  "......"                                                                                         \
  "..##.."                                                                                         \
  "..##.."                                                                                         \
  "......"                                                                                         \
  "......"
#define TOP_LEFT                                                                                   \
  "##...."                                                                                         \
  "##...."                                                                                         \
  "......"                                                                                         \
  "......"                                                                                         \
  "......"                                                                                         \
  "......"
#define CENTRE_AND_LOWER_LEFT                                                                      \
  "......"                                                                                         \
  "......"                                                                                         \
  "..##.."                                                                                         \
  "..##.."                                                                                         \
  "##...."                                                                                         \
  "##...."
#define UPPER_THIRD                                                                                \
  "######"                                                                                         \
  "######"                                                                                         \
  "......"                                                                                         \
  "......"                                                                                         \
  "......"                                                                                         \
  "......"
#define SPREAD                                                                                     \
  "#.#.#."                                                                                         \
  "......"                                                                                         \
  "#.#.#."                                                                                         \
  "......"                                                                                         \
  "#.#.#."                                                                                         \
  "......"
#define BUT_TOP_LEFT                                                                               \
  "..####"                                                                                         \
  "..####"                                                                                         \
  "######"                                                                                         \
  "######"                                                                                         \
  "######"                                                                                         \
  "######"
#define ONE                                                                                        \
  "......"                                                                                         \
  "......"                                                                                         \
  "..#..."                                                                                         \
  "......"                                                                                         \
  "......"                                                                                         \
  "......"

static void
collect_cb (const PmodRecord *record, gpointer data)
{
  g_byte_array_append (data, (const guint8 *)record, record->size);
}

static int
count_tokens (const Written *written)
{
  return written->tiles ? 3 * 3 + SIDE * (SIDE + 1) : SIDE * SIDE;
}

static void
write_begin (PmodTrace *trace, const Written *written)
{
  PmodRecordRunBegin *begin = pmod_trace_append (
      trace, PMOD_RECORD_RUN_BEGIN, -1, sizeof *begin + written->n_layers * sizeof (double));

  begin->n_layers = written->n_layers;
  begin->n_vision = written->n_pictures * count_tokens (written);
  begin->n_tokens = begin->n_vision + 10;
  begin->n_images = written->n_pictures;
  begin->context_length = 1000;
  begin->hidden = 8;
  begin->n_kv_heads = begin->head_dim = begin->kv_element_bytes = 2;
  begin->question_first = written->question_first;
  for (int l = 0; l < written->n_layers; l++)
    begin->ratio[l] = written->masks[l] ? 0.5 : PMOD_RATIO_PLAIN;
  pmod_trace_commit (trace, begin);
}

static void
write_image (PmodTrace *trace, const Written *written, int picture)
{
  PmodRecordImage *image = pmod_trace_append (trace, PMOD_RECORD_IMAGE, -1, sizeof *image);
  int first = 4 + picture * count_tokens (written);

  image->index = picture;
  image->width = 300;
  image->height = 300;
  image->n_tiles = image->grid_rows = image->grid_cols = 1;
  image->first_token = first;
  image->n_tokens = count_tokens (written);
  image->n_planes = written->tiles ? 2 : 1;
  if (written->tiles)
    {
      image->planes[0] = (PmodPlane){ first, 3, 3, 0, 0, 0, 1, 1 };
      image->planes[1] = (PmodPlane){ first + 9, SIDE, SIDE, 1, 0, 0, 1, 1 };
    }
  else if (written->wide)
    image->planes[0] = (PmodPlane){ first, SIDE, SIDE, 0, 0, -1, 1, 2 };
  else
    image->planes[0] = (PmodPlane){ first, SIDE, SIDE, 0, 0, 0, 1, 1 };
  pmod_trace_commit (trace, image);
}

/* The mask is the first picture's; of another, of a whole reading and of newlines nothing is kept.
 */
static gboolean
is_kept (const Written *written, const char *mask, int token)
{
  int at = token - (written->tiles ? 9 : 0);
  int stride = SIDE + (written->tiles ? 1 : 0);

  if (at < 0 || at >= SIDE * stride || at % stride >= SIDE)
    return FALSE;
  return mask[at / stride * SIDE + at % stride] == '#';
}

/* Weights are 2 where something is kept and 1 elsewhere. */
static void
write_route (PmodTrace *trace, const Written *written, int layer)
{
  int n_vision = written->n_pictures * count_tokens (written);
  gsize n_words = (gsize)(n_vision + 31) / 32;
  PmodRecordRoute *route =
      pmod_trace_append (trace, PMOD_RECORD_ROUTE, layer,
                         sizeof *route + (gsize)n_vision * 8 + n_words * sizeof (guint32));
  float *weight = (float *)route->data + n_vision;
  guint32 *kept = (guint32 *)(weight + n_vision);

  route->ratio = 0.5;
  route->n_vision = n_vision;
  route->never_read = layer == written->never_read && layer > 0;
  for (int i = 0; i < n_vision; i++)
    {
      gboolean chosen = is_kept (written, written->masks[layer], i);

      weight[i] = chosen ? 2 : 1;
      route->n_kept += chosen;
      if (chosen)
        kept[i / 32] |= 1u << (i % 32);
    }
  pmod_trace_commit (trace, route);
}

static PmodRun *
open_run (const Written *written)
{
  g_autoptr (GByteArray) array = g_byte_array_new ();
  g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, collect_cb, array);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  PmodRun *run;

  pmod_trace_begin_run (trace);
  write_begin (trace, written);
  for (int i = 0; i < written->n_pictures; i++)
    write_image (trace, written, i);
  for (int l = 0; l < written->n_layers - written->n_missing; l++)
    if (written->masks[l])
      write_route (trace, written, l);
    else
      {
        PmodRecordStage *stage = pmod_trace_append (trace, PMOD_RECORD_STAGE, l, sizeof *stage);

        stage->stage = PMOD_STAGE_LAYER;
        pmod_trace_commit (trace, stage);
      }
  bytes = g_bytes_new (array->data, array->len);
  run = pmod_run_new_from_records (bytes, &error);
  g_assert_no_error (error);
  return run;
}

static void
check (const Written *written, PmodMapSubject subject, const char *expected)
{
  g_autoptr (PmodRun) run = open_run (written);
  g_autofree char *text = NULL;

  subject.run = run;
  text = pmod_map_summary_new (&subject);
  g_test_message ("%s", text);
  g_assert_cmpstr (text, ==, expected);
}

static void
check_short (const Written *written, PmodMapSubject subject, const char *expected)
{
  g_autoptr (PmodRun) run = open_run (written);
  g_autofree char *text = NULL;

  subject.run = run;
  text = pmod_map_summary_new_short (&subject);
  g_assert_cmpstr (text, ==, expected);
}

static const Written plain = {
  .masks = { NULL, FULL, BUT_TOP_LEFT, CENTRE_AND_LOWER_LEFT, CENTRE, TOP_LEFT },
  .n_layers = 6,
  .never_read = 5,
  .n_pictures = 1,
};

#define TRENDS                                                                                     \
  "From layer 2 on nothing is kept at the top left. "                                              \
  "From layer 3 on parts are kept only in the centre and at the bottom left. "                     \
  "The last layer, which never learned to choose, is left out there. "                             \
  "4 parts are kept in every routed layer but the last, in the centre. "                           \
  "The question does not change this map."

static void
test_layers (void)
{
  check (&plain, (PmodMapSubject){ .layer = 0 },
         "Layer 0 has no router: it keeps all 36 parts. " TRENDS);
  check (&plain, (PmodMapSubject){ .layer = 1 }, "Layer 1 keeps all 36 parts. " TRENDS);
  check (
      &plain, (PmodMapSubject){ .layer = 2 },
      "Layer 2 keeps 32 of 36 parts, spread over the picture, hardly any at the top left. " TRENDS);
  check (&plain, (PmodMapSubject){ .layer = 3 },
         "Layer 3 keeps 8 of 36 parts, in the centre and at the bottom left. " TRENDS);
  check (&plain, (PmodMapSubject){ .layer = 5 },
         "Layer 5 keeps 4 of 36 parts, at the top left. "
         "That is no learned choice: nothing reads the last layer\342\200\231s picture. " TRENDS);
  check (&plain, (PmodMapSubject){ .layer = 4, .view = PMOD_VIEW_WEIGHTS },
         "Layer 4 keeps 4 of 36 parts, in the centre. "
         "Its weights go from 1.000 to 2.000; on average they are highest in the centre. " TRENDS);
  check (&plain, (PmodMapSubject){ .layer = 4, .view = PMOD_VIEW_PICTURE }, "");
  check (&plain, (PmodMapSubject){ .layer = 6 }, "");
}

/* The other way of reading changes the order, never which side is left. */
static void
test_reading_order (void)
{
  static const Written written = {
    .masks = { CENTRE, "##...."
                       "##...."
                       "....##"
                       "....##"
                       "......"
                       "......" },
    .n_layers = 2,
    .n_pictures = 1,
  };

  check_short (&written, (PmodMapSubject){ .layer = 1 }, "Kept: at the top left and at the right.");
  check_short (&plain, (PmodMapSubject){ .layer = 0 }, NULL);
  check_short (&plain, (PmodMapSubject){ .layer = 2, .right_to_left = TRUE },
               "Kept: spread over the picture, hardly any at the top left.");
  check (&plain, (PmodMapSubject){ .layer = 4, .right_to_left = TRUE },
         "Layer 4 keeps 4 of 36 parts, in the centre. "
         "From layer 2 on nothing is kept at the top left. "
         "From layer 3 on parts are kept only in the centre and at the bottom left. "
         "The last layer, which never learned to choose, is left out there. "
         "4 parts are kept in every routed layer but the last, in the centre. "
         "The question does not change this map.");
}

static void
test_where (void)
{
  static const Written written = {
    .masks = { UPPER_THIRD, SPREAD, ONE,
               "#####."
               "......"
               "..##.."
               "......"
               "......"
               ".....#",
               EMPTY },
    .n_layers = 5,
    .n_pictures = 1,
  };

  check_short (&written, (PmodMapSubject){ .layer = 0 }, "Kept: in the upper third.");
  check_short (&written, (PmodMapSubject){ .layer = 1 }, "Kept: spread over the picture.");
  check_short (&written, (PmodMapSubject){ .layer = 2 }, "Kept: in the centre.");
  check_short (&written, (PmodMapSubject){ .layer = 3 },
               "Kept: mostly at the top left, at the top and in the centre.");
  check_short (&written, (PmodMapSubject){ .layer = 4 }, "Nothing of this picture is kept.");
}

static void
test_depth (void)
{
  static const Written even = {
    .masks = { SPREAD, SPREAD },
    .n_layers = 2,
    .n_pictures = 1,
    .question_first = TRUE,
  };

  check (&plain, (PmodMapSubject){ .view = PMOD_VIEW_DEPTH },
         "On average a part is kept in 2.3 of 5 routed layers. The depth is greatest in the "
         "centre. " TRENDS);
  check (
      &even, (PmodMapSubject){ .view = PMOD_VIEW_DEPTH },
      "On average a part is kept in 0.5 of 2 routed layers. The depth is much the same everywhere. "
      "9 parts are kept in every routed layer, spread over the picture. "
      "27 parts are kept in none, spread over the picture. "
      "Another question may give another map.");
}

/* What lies beside the picture is in no region of it; rows 0 and 1 are above, 4 and 5 below. */
static void
test_padding (void)
{
  static const Written written = {
    .masks = { "#....."
               "......"
               "##...."
               "......"
               "......"
               "......" },
    .n_layers = 1,
    .n_pictures = 1,
    .wide = TRUE,
  };

  check (&written, (PmodMapSubject){ .layer = 0 },
         "Layer 0 keeps 3 of 36 parts, at the top left. "
         "1 of them is padding beside the picture. The question does not change this map.");
}

static void
test_tiles_and_pictures (void)
{
  static const Written written = {
    .masks = { CENTRE, CENTRE },
    .n_layers = 2,
    .n_pictures = 2,
    .tiles = TRUE,
  };

  check (&written, (PmodMapSubject){ .layer = 1, .plane = 1 },
         "This is picture 1 of 2. It is read in tiles here. "
         "Layer 1 keeps 4 of 102 parts. Of the 36 shown here it keeps 4, in the centre. "
         "From layer 0 on parts are kept only in the centre. "
         "4 parts are kept in every routed layer, in the centre. "
         "The question does not change this map.");
  check (&written, (PmodMapSubject){ .layer = 1, .picture = 1 },
         "This is picture 2 of 2. It is read as a whole here. "
         "Layer 1 keeps 4 of 102 parts. Of the 9 shown here it keeps 0. "
         "From layer 0 on nothing is kept here. "
         "No part is kept in every routed layer. The question does not change this map.");
  check_short (&written, (PmodMapSubject){ .layer = 1, .picture = 1 },
               "Nothing of this picture is kept.");
}

/* What comes layer by layer is not summed up before it is whole. */
static void
test_growing (void)
{
  Written written = plain;
  static const Written unrouted = { .n_layers = 2, .n_pictures = 1 };
  PmodMapSubject nothing = { .run = NULL };
  g_autofree char *empty = pmod_map_summary_new (&nothing);

  written.n_missing = 2;
  check (&written, (PmodMapSubject){ .layer = 3 },
         "Layer 3 keeps 8 of 36 parts, in the centre and at the bottom left.");
  check (&written, (PmodMapSubject){ .layer = 4 }, "Layer 4 is not computed yet.");
  check (&written, (PmodMapSubject){ .view = PMOD_VIEW_DEPTH }, "Not all layers have chosen yet.");
  check_short (&written, (PmodMapSubject){ .layer = 4 }, NULL);
  check (&unrouted, (PmodMapSubject){ .layer = 1 },
         "No layer of this run has a router: every part goes through all of them.");
  g_assert_cmpstr (empty, ==, "");
}

static void
test_regions (void)
{
  g_autoptr (PmodRun) run = open_run (&plain);
  PmodMapRegions regions;
  PmodMapDepths depths;

  g_assert_false (pmod_map_regions_count (run, 0, 0, 0, &regions));
  g_assert_false (pmod_map_regions_count (run, 0, 1, 3, &regions));
  g_assert_false (pmod_map_regions_count (run, 0, 0, 6, &regions));
  g_assert_true (pmod_map_regions_count (run, 0, 0, 3, &regions));
  g_assert_cmpint (regions.n_parts, ==, 36);
  g_assert_cmpint (regions.n_kept, ==, 8);
  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    {
      g_assert_cmpint (regions.parts[i], ==, 4);
      g_assert_cmpint (regions.kept[i], ==, i == 4 || i == 6 ? 4 : 0);
      g_assert_cmpfloat (regions.weights[i], ==, i == 4 || i == 6 ? 2 : 1);
    }

  g_assert_true (pmod_map_depths_count (run, 0, 0, &depths));
  g_assert_cmpint (depths.n_routed, ==, 5);
  g_assert_cmpint (depths.unread, ==, 5);
  /* 36 + 32 + 8 + 4 + 4 */
  g_assert_cmpfloat_with_epsilon (depths.depth, 84 / 36., 1e-9);
  g_assert_cmpfloat (depths.depths[0], ==, 2);
  g_assert_cmpfloat (depths.depths[4], ==, 4);
  g_assert_cmpint (depths.ends[0], ==, 2);
  g_assert_cmpint (depths.ends[1], ==, 3);
  g_assert_cmpint (depths.ends[4], ==, -1);
  /* One empty layer is no end. */
  g_assert_cmpint (depths.ends[6], ==, -1);
  g_assert_true (depths.unread_differs);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/map-summary/regions", test_regions);
  g_test_add_func ("/map-summary/layers", test_layers);
  g_test_add_func ("/map-summary/reading-order", test_reading_order);
  g_test_add_func ("/map-summary/where", test_where);
  g_test_add_func ("/map-summary/depth", test_depth);
  g_test_add_func ("/map-summary/padding", test_padding);
  g_test_add_func ("/map-summary/tiles-and-pictures", test_tiles_and_pictures);
  g_test_add_func ("/map-summary/growing", test_growing);
  return g_test_run ();
}
