/* Exported maps: a trace with a known mask gives the known colour in the middle of every cell, as
 * PNG, SVG and PDF alike, and the words that belong to it. */
#include "config.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "pmod-engine.h"
#include "pmod-map-export.h"
#include "pmod-picture-private.h"

#define N_LAYERS 4
#define WIDTH 300
#define HEIGHT 200

/* Of 255: blending rounds twice, and the three formats do it in different places. */
#define TOLERANCE 3

/* What is under test, in its own words: the picture's halves, and how the print palette dims. */
static const int left_half[3] = { 200, 40, 40 };
static const int right_half[3] = { 40, 90, 220 };
static const int paper[3] = { 0xd9, 0xd6, 0xd2 };
static const int dim[3] = { 0x14, 0x16, 0x1c };
static const int skipped_gray[3] = { 0xe6, 0xe4, 0xe1 };
static const int kept_high[3] = { 0x06, 0x46, 0x45 };
static const int kept_low[3] = { 0x3c, 0x8d, 0x86 };
#define DIM_ALPHA 0.68
#define WEIGHT_ALPHA 0.85

static void
collect_cb (const PmodRecord *record, gpointer data)
{
  g_byte_array_append (data, (const guint8 *)record, record->size);
}

/* A coarse plane of 2 x 3 with padding above and below, then 4 x 6 with a newline a row. */
static void
write_head (PmodTrace *trace)
{
  PmodRecordRunBegin *begin = pmod_trace_append (trace, PMOD_RECORD_RUN_BEGIN, -1,
                                                 sizeof *begin + N_LAYERS * sizeof (double));
  PmodRecordImage *image;

  begin->n_layers = N_LAYERS;
  begin->n_tokens = 60;
  begin->n_vision = 34;
  begin->n_images = 1;
  begin->ratio[0] = PMOD_RATIO_PLAIN;
  begin->ratio[1] = 0.7;
  begin->ratio[2] = 0.5;
  begin->ratio[3] = 0.2;
  pmod_trace_commit (trace, begin);
  image = pmod_trace_append (trace, PMOD_RECORD_IMAGE, -1, sizeof *image);
  image->width = WIDTH;
  image->height = HEIGHT;
  image->n_tiles = image->grid_rows = image->grid_cols = 1;
  image->first_token = 4;
  image->n_tokens = 34;
  image->n_planes = 2;
  image->planes[0] = (PmodPlane){ 4, 2, 3, 0, 0, -0.25f, 1, 1.25f };
  image->planes[1] = (PmodPlane){ 10, 4, 6, 1, 0, 0, 1, 1 };
  pmod_trace_commit (trace, image);
}

/* The known mask: no row, no column and no layer like another. */
static gboolean
keeps (int layer, int token)
{
  return (token * (layer + 2) + token / 5) % 3 == 0;
}

static void
write_route (PmodTrace *trace, int layer)
{
  PmodRecordRoute *route = pmod_trace_append (trace, PMOD_RECORD_ROUTE, layer,
                                              sizeof *route + 34 * 8 + 2 * sizeof (guint32));
  float *weight = (float *)route->data + 34;
  guint32 *kept = (guint32 *)(weight + 34);

  route->ratio = 0.5;
  route->n_vision = 34;
  for (int t = 0; t < 34; t++)
    {
      weight[t] = 1 + 0.01f * (float)t;
      if (keeps (layer, t))
        {
          kept[t / 32] |= 1u << (t % 32);
          route->n_kept++;
        }
    }
  pmod_trace_commit (trace, route);
}

/* That it was computed is all that is known of a layer without a router. */
static void
write_plain (PmodTrace *trace)
{
  PmodRecordStage *stage = pmod_trace_append (trace, PMOD_RECORD_STAGE, 0, sizeof *stage);

  stage->stage = PMOD_STAGE_LAYER;
  pmod_trace_commit (trace, stage);
}

static PmodRun *
make_run (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, collect_cb, bytes);
  g_autoptr (GBytes) records = NULL;
  g_autoptr (GError) error = NULL;
  PmodRun *run;

  pmod_trace_begin_run (trace);
  write_head (trace);
  write_plain (trace);
  for (int l = 1; l < N_LAYERS; l++)
    write_route (trace, l);
  records = g_bytes_new (bytes->data, bytes->len);
  run = pmod_run_new_from_records (records, &error);
  g_assert_no_error (error);
  return run;
}

static PmodPicture *
make_picture (void)
{
  g_autofree guint8 *rgb = g_malloc (WIDTH * HEIGHT * 3);

  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      for (int c = 0; c < 3; c++)
        rgb[(y * WIDTH + x) * 3 + c] = (guint8)(x < WIDTH / 2 ? left_half[c] : right_half[c]);
  return pmod_picture_new_rgb ("halves.png", WIDTH, HEIGHT, WIDTH * 3, rgb);
}

/* --- Pixels ----------------------------------------------------------------------------------- */

typedef struct
{
  const PmodMapPage *page;
  GdkPixbuf *pixels;
  double scale; /* pixels a unit */
  gboolean with_picture;
  PmodMapKind kind;
  int plane;
} Shown;

static void
expect_color (const Shown *shown, int layer, int token, double u, int expected[3])
{
  const int *under = !shown->with_picture ? paper : u < 0.5 ? left_half : right_half;
  double share = token / 33.0;
  double gray = 0.299 * under[0] + 0.587 * under[1] + 0.114 * under[2];

  for (int c = 0; c < 3; c++)
    {
      double weight = kept_low[c] + (kept_high[c] - kept_low[c]) * share;
      double below = shown->with_picture && shown->kind == PMOD_MAP_WEIGHTS ? gray : under[c];
      double over;

      if (layer == 0)
        over = below;
      else if (shown->kind == PMOD_MAP_WEIGHTS)
        over = (keeps (layer, token) ? weight : skipped_gray[c]) * WEIGHT_ALPHA +
               below * (1 - WEIGHT_ALPHA);
      else if (!keeps (layer, token))
        over = dim[c] * DIM_ALPHA + below * (1 - DIM_ALPHA);
      else
        over = below;
      expected[c] = (int)round (over);
    }
}

static void
check_point (const Shown *shown, double x, double y, const int expected[3], const char *where)
{
  int px = (int)(x * shown->scale), py = (int)(y * shown->scale);
  const guint8 *pixel = gdk_pixbuf_read_pixels (shown->pixels) +
                        py * gdk_pixbuf_get_rowstride (shown->pixels) +
                        px * gdk_pixbuf_get_n_channels (shown->pixels);

  g_assert_cmpint (px, <, gdk_pixbuf_get_width (shown->pixels));
  g_assert_cmpint (py, <, gdk_pixbuf_get_height (shown->pixels));
  for (int c = 0; c < 3; c++)
    if (ABS (pixel[c] - expected[c]) > TOLERANCE)
      g_error ("%s at pixel %d, %d: expected %d %d %d, got %d %d %d", where, px, py, expected[0],
               expected[1], expected[2], pixel[0], pixel[1], pixel[2]);
}

/* Every cell whose middle lies in the picture; returns how many. */
static int
check_layer (const Shown *shown, int layer)
{
  int rows = shown->plane == 0 ? 2 : 4, cols = shown->plane == 0 ? 3 : 6;
  int first = shown->plane == 0 ? 0 : 6, stride = shown->plane == 0 ? 3 : 7;
  double top = shown->plane == 0 ? -0.25 : 0, tall = shown->plane == 0 ? 1.5 : 1;
  graphene_rect_t area;
  int n = 0;

  pmod_map_page_get_area (shown->page, layer, &area);
  for (int row = 0; row < rows; row++)
    for (int col = 0; col < cols; col++)
      {
        /* Off the middle, where the picture's halves meet in a column. */
        double u = (col + 0.4) / cols, v = top + tall * (row + 0.5) / rows;
        g_autofree char *where = g_strdup_printf ("layer %d, row %d, column %d", layer, row, col);
        int expected[3];

        g_assert_true (v > 0 && v < 1);
        expect_color (shown, layer, first + row * stride + col, u, expected);
        check_point (shown, area.origin.x + u * area.size.width,
                     area.origin.y + v * area.size.height, expected, where);
        n++;
      }
  return n;
}

static GdkPixbuf *
decode (GBytes *bytes)
{
  g_autoptr (GInputStream) stream = g_memory_input_stream_new_from_bytes (bytes);
  g_autoptr (GError) error = NULL;
  GdkPixbuf *pixels = gdk_pixbuf_new_from_stream (stream, NULL, &error);

  g_assert_no_error (error);
  return pixels;
}

/* Through poppler's program; NULL where it is not there. */
static GdkPixbuf *
decode_pdf (GBytes *bytes, char **words)
{
  g_autofree char *folder = g_dir_make_tmp ("pmod-map-XXXXXX", NULL);
  g_autofree char *pdf = g_build_filename (folder, "a.pdf", NULL);
  g_autofree char *stem = g_build_filename (folder, "a", NULL);
  g_autofree char *png = g_build_filename (folder, "a.png", NULL);
  const char *draw[] = { "pdftoppm", "-png", "-singlefile", "-r", "72", pdf, stem, NULL };
  const char *read[] = { "pdftotext", pdf, "-", NULL };
  GdkPixbuf *pixels = NULL;
  g_autofree char *program = g_find_program_in_path ("pdftoppm");

  g_assert_true (g_file_set_contents (pdf, g_bytes_get_data (bytes, NULL),
                                      (gssize)g_bytes_get_size (bytes), NULL));
  if (program)
    {
      g_assert_true (g_spawn_sync (NULL, (char **)draw, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                                   NULL, NULL, NULL));
      g_assert_true (g_spawn_sync (NULL, (char **)read, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                                   words, NULL, NULL, NULL));
      pixels = gdk_pixbuf_new_from_file (png, NULL);
      g_assert_nonnull (pixels);
    }
  g_unlink (pdf);
  g_unlink (png);
  g_rmdir (folder);
  return pixels;
}

static GBytes *export(const PmodMapPage *page, PmodMapFormat format)
{
  g_autoptr (GError) error = NULL;
  GBytes *bytes = pmod_map_export (page, format, &error);

  g_assert_no_error (error);
  return bytes;
}

static int
check_all (const Shown *shown, int layer)
{
  int n = 0;

  if (layer >= 0)
    return check_layer (shown, layer);
  for (int l = 0; l < N_LAYERS; l++)
    n += check_layer (shown, l);
  return n;
}

static void
check_size (const Shown *shown)
{
  int width, height;

  pmod_map_page_get_size (shown->page, &width, &height);
  g_assert_cmpint (gdk_pixbuf_get_width (shown->pixels), ==, (int)(width * shown->scale));
  g_assert_cmpint (gdk_pixbuf_get_height (shown->pixels), ==, (int)(height * shown->scale));
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void
check_png (int layer, int plane, gboolean with_picture, PmodMapKind kind)
{
  g_autoptr (PmodRun) run = make_run ();
  g_autoptr (PmodPicture) picture = with_picture ? make_picture () : NULL;
  g_autoptr (PmodMapPage) page = pmod_map_page_new (run, picture, plane, layer, kind);
  g_autoptr (GBytes) bytes = export(page, PMOD_MAP_PNG);
  g_autoptr (GdkPixbuf) pixels = decode (bytes);
  Shown shown = { page, pixels, 2, with_picture, kind, plane };

  check_size (&shown);
  g_assert_cmpint (check_all (&shown, layer), ==,
                   (plane == 0 ? 6 : 24) * (layer < 0 ? N_LAYERS : 1));
}

static void
test_png (void)
{
  for (int layer = -1; layer < N_LAYERS; layer++)
    for (int plane = 0; plane < 2; plane++)
      for (int with_picture = 0; with_picture < 2; with_picture++)
        {
          check_png (layer, plane, with_picture, PMOD_MAP_KEPT);
          check_png (layer, plane, with_picture, PMOD_MAP_WEIGHTS);
        }
}

/* The cells' edges are where they belong: a pixel to each side of one has its own cell's colour.
 * 720 x 480 units at two pixels each: columns of 240 pixels, rows of 240. */
static void
test_edges (void)
{
  g_autoptr (PmodRun) run = make_run ();
  g_autoptr (PmodMapPage) page = pmod_map_page_new (run, NULL, 1, 2, PMOD_MAP_WEIGHTS);
  g_autoptr (GBytes) bytes = export(page, PMOD_MAP_PNG);
  g_autoptr (GdkPixbuf) pixels = decode (bytes);
  Shown shown = { page, pixels, 2, FALSE, PMOD_MAP_WEIGHTS, 1 };
  graphene_rect_t area;

  pmod_map_page_get_area (page, 2, &area);
  g_assert_cmpfloat (area.size.width, ==, 720);
  g_assert_cmpfloat (area.size.height, ==, 480);
  for (int row = 0; row < 4; row++)
    for (int col = 0; col < 6; col++)
      for (int corner = 0; corner < 4; corner++)
        {
          double x = area.origin.x + (col + corner % 2) * 120 + (corner % 2 ? -0.25 : 0.25);
          double y = area.origin.y + (row + corner / 2) * 120 + (corner / 2 ? -0.25 : 0.25);
          int expected[3];

          expect_color (&shown, 2, 6 + row * 7 + col, 0, expected);
          check_point (&shown, x, y, expected, "corner");
        }
}

/* The same where rows begin above the picture and end below it: they meet in its middle. */
static void
test_padded_edges (void)
{
  g_autoptr (PmodRun) run = make_run ();
  g_autoptr (PmodMapPage) page = pmod_map_page_new (run, NULL, 0, 2, PMOD_MAP_WEIGHTS);
  g_autoptr (GBytes) bytes = export(page, PMOD_MAP_PNG);
  g_autoptr (GdkPixbuf) pixels = decode (bytes);
  Shown shown = { page, pixels, 2, FALSE, PMOD_MAP_WEIGHTS, 0 };
  graphene_rect_t area;

  pmod_map_page_get_area (page, 2, &area);
  for (int col = 0; col < 3; col++)
    for (int row = 0; row < 2; row++)
      for (int end = 0; end < 2; end++)
        {
          double x = area.origin.x + col * 240 + 120;
          double y = area.origin.y + (row + end) * 240 + (end ? -0.25 : 0.25);
          int expected[3];

          expect_color (&shown, 2, row * 3 + col, 0, expected);
          check_point (&shown, x, y, expected, "end of a column");
        }
}

static void
test_svg (void)
{
  g_autoptr (PmodRun) run = make_run ();
  g_autoptr (PmodPicture) picture = make_picture ();

  for (int layer = -1; layer < N_LAYERS; layer++)
    {
      g_autoptr (PmodMapPage) page = pmod_map_page_new (run, picture, 1, layer, PMOD_MAP_KEPT);
      g_autoptr (GBytes) bytes = export(page, PMOD_MAP_SVG);
      g_autofree char *text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
      g_autoptr (GdkPixbuf) pixels = decode (bytes);
      Shown shown = { page, pixels, 1, TRUE, PMOD_MAP_KEPT, 1 };

      check_size (&shown);
      check_all (&shown, layer);
      g_assert_nonnull (strstr (text, layer < 0 ? "<title>halves.png \302\267 all 4 layers</title>"
                                                : "<title>halves.png \302\267 layer "));
      g_assert_nonnull (strstr (text, "policy router"));
    }
}

static void
test_pdf (void)
{
  g_autoptr (PmodRun) run = make_run ();
  g_autoptr (PmodPicture) picture = make_picture ();

  for (int layer = -1; layer < N_LAYERS; layer++)
    {
      g_autoptr (PmodMapPage) page = pmod_map_page_new (run, picture, 1, layer, PMOD_MAP_KEPT);
      g_autoptr (GBytes) bytes = export(page, PMOD_MAP_PDF);
      g_autofree char *words = NULL;
      g_autoptr (GdkPixbuf) pixels = decode_pdf (bytes, &words);
      Shown shown = { page, pixels, 1, TRUE, PMOD_MAP_KEPT, 1 };

      g_assert_cmpmem (g_bytes_get_data (bytes, NULL), 5, "%PDF-", 5);
      if (!pixels)
        {
          g_test_skip ("pdftoppm is not installed");
          return;
        }
      check_size (&shown);
      check_all (&shown, layer);
      /* Letters are letters, not shapes. */
      g_assert_nonnull (strstr (words, "halves.png"));
      g_assert_nonnull (strstr (words, layer < 0 ? "Layer 3" : "policy router"));
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/map-export/png", test_png);
  g_test_add_func ("/map-export/edges", test_edges);
  g_test_add_func ("/map-export/padded-edges", test_padded_edges);
  g_test_add_func ("/map-export/svg", test_svg);
  g_test_add_func ("/map-export/pdf", test_pdf);
  return g_test_run ();
}
