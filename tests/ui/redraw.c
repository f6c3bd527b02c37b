/* How long a frame takes when the whole inspector is drawn anew: 32 layers of 2,880 tokens, every
 * one of them with a router, and the large map. A real window, whatever renderer GSK_RENDERER says.
 *
 *   redraw PICTURE LIMIT_MS
 *
 * Prints medians: what the thread worked, and how long that took. The work is held against the
 * limit, for the time is also that of whoever else uses the machine; on an idle one both are the
 * same. Ends with 1 where one is over. */
#include "config.h"

#include <adwaita.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pmod-engine.h"
#include "pmod-layer-strip.h"
#include "pmod-mask-view.h"

#define N_LAYERS 32
#define COARSE 24
#define FINE 48
#define N_VISION (COARSE * COARSE + FINE * FINE)
#define N_FRAMES 41
#define N_LIVE 300          /* frames of a camera */
#define MAX_GROWTH_KIB 2048 /* less than two maps of the window's size */
#define WIDTH 820
#define HEIGHT 640

typedef struct
{
  double work_ms; /* of this thread */
  double time_ms;
} Span;

typedef struct
{
  GMainLoop *loop;
  PmodPicture *pictures[2]; /* of one name and size, as a camera's */
  GtkWidget *view;
  Span before; /* the last frame */
  Span frame;  /* how long it was */
} Bench;

static Bench bench;
static PmodRun *runs[2];

static Span
now (void)
{
  struct timespec work;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &work);
  return (Span){ (double)work.tv_sec * 1e3 + (double)work.tv_nsec / 1e6,
                 (double)g_get_monotonic_time () / 1e3 };
}

static Span
since (Span start)
{
  Span end = now ();

  return (Span){ end.work_ms - start.work_ms, end.time_ms - start.time_ms };
}

/* --- Runs ------------------------------------------------------------------------------------ */

static void
collect_cb (const PmodRecord *record, gpointer data)
{
  g_byte_array_append (data, (const guint8 *)record, record->size);
}

static void
write_begin (PmodTrace *trace)
{
  PmodRecordRunBegin *begin = pmod_trace_append (trace, PMOD_RECORD_RUN_BEGIN, -1,
                                                 sizeof *begin + N_LAYERS * sizeof (double));
  PmodRecordImage *image;

  begin->n_layers = N_LAYERS;
  begin->n_tokens = N_VISION + 60;
  begin->n_vision = N_VISION;
  begin->n_images = 1;
  begin->context_length = 4096;
  begin->hidden = begin->n_kv_heads = begin->head_dim = begin->kv_element_bytes = 2;
  for (int l = 0; l < N_LAYERS; l++)
    begin->ratio[l] = 0.5;
  pmod_trace_commit (trace, begin);
  image = pmod_trace_append (trace, PMOD_RECORD_IMAGE, -1, sizeof *image);
  image->width = image->height = 672;
  image->n_tiles = 5;
  image->grid_rows = image->grid_cols = 2;
  image->first_token = 30;
  image->n_tokens = N_VISION;
  image->n_planes = 2;
  image->planes[0] = (PmodPlane){ 30, COARSE, COARSE, 0, 0, 0, 1, 1 };
  image->planes[1] = (PmodPlane){ 30 + COARSE * COARSE, FINE, FINE, 0, 0, 0, 1, 1 };
  pmod_trace_commit (trace, image);
}

static void
write_layer (PmodTrace *trace, int layer, GRand *random)
{
  gsize n_words = (gsize)(N_VISION + 31) / 32;
  PmodRecordRoute *route =
      pmod_trace_append (trace, PMOD_RECORD_ROUTE, layer,
                         sizeof *route + (gsize)N_VISION * 8 + n_words * sizeof (guint32));
  float *weight = (float *)route->data + N_VISION;
  guint32 *kept = (guint32 *)(weight + N_VISION);
  PmodRecordStage *stage;

  route->ratio = 0.5;
  route->n_vision = N_VISION;
  /* Every second token: as many borders as there can be, and the same count in every run. */
  route->n_kept = N_VISION / 2;
  for (int i = 0; i < N_VISION; i++)
    {
      weight[i] = (float)g_rand_double_range (random, 0.8, 1.2);
      if ((i + layer + (weight[0] > 1)) % 2)
        kept[i / 32] |= 1u << (i % 32);
    }
  pmod_trace_commit (trace, route);
  stage = pmod_trace_append (trace, PMOD_RECORD_STAGE, layer, sizeof *stage);
  stage->stage = PMOD_STAGE_LAYER;
  pmod_trace_commit (trace, stage);
}

static PmodRun *
make_run (guint32 seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  g_autoptr (GByteArray) records = g_byte_array_new ();
  g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, collect_cb, records);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  PmodRun *run;

  pmod_trace_begin_run (trace);
  write_begin (trace);
  for (int l = 0; l < N_LAYERS; l++)
    write_layer (trace, l, random);
  bytes = g_bytes_new (records->data, records->len);
  run = pmod_run_new_from_records (bytes, &error);
  g_assert_no_error (error);
  return run;
}

/* --- Frames ---------------------------------------------------------------------------------- */

static void
before_paint_cb (void)
{
  bench.before = now ();
}

static void
after_paint_cb (void)
{
  bench.frame = since (bench.before);
  g_main_loop_quit (bench.loop);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return *(const double *)a < *(const double *)b ? -1 : *(const double *)a > *(const double *)b;
}

static double
find_median (double values[N_FRAMES])
{
  qsort (values, N_FRAMES, sizeof *values, compare);
  return values[N_FRAMES / 2];
}

/* What change () does, and the frame after it. */
static Span
measure (PmodSelection *selection, void (*change) (PmodSelection *, int))
{
  double work[N_FRAMES], took[N_FRAMES];

  for (int i = 0; i < N_FRAMES; i++)
    {
      Span start = now ();
      Span changed;

      change (selection, i);
      changed = since (start);
      g_main_loop_run (bench.loop);
      work[i] = changed.work_ms + bench.frame.work_ms;
      took[i] = changed.time_ms + bench.frame.time_ms;
    }
  return (Span){ find_median (work), find_median (took) };
}

static void
change_run (PmodSelection *selection, int i)
{
  pmod_selection_set_run (selection, runs[i % 2]);
}

static void
change_frame (PmodSelection *selection, int i)
{
  g_object_set (bench.view, "picture", bench.pictures[i % 2], NULL);
  pmod_selection_set_run (selection, runs[i % 2]);
}

static void
change_layer (PmodSelection *selection, int i)
{
  pmod_selection_set_layer (selection, i % N_LAYERS);
}

static void
change_hover (PmodSelection *selection, int i)
{
  pmod_selection_set_hover (selection, i * 37 % (FINE * FINE));
}

static void
change_zoom (PmodSelection *selection, int i)
{
  pmod_selection_zoom_at (selection, 2 + i % 8, 0.4, 0.6);
}

/* --- Memory ---------------------------------------------------------------------------------- */

static long
get_resident_kib (void)
{
  g_autofree char *status = NULL;
  const char *line;

  g_assert_true (g_file_get_contents ("/proc/self/status", &status, NULL, NULL));
  line = strstr (status, "VmRSS:");
  g_assert_nonnull (line);
  return strtol (line + strlen ("VmRSS:"), NULL, 10);
}

static long
measure_growth (PmodSelection *selection)
{
  long start = 0;

  for (int i = 1; i <= N_LIVE; i++) /* the first one differs from what is there */
    {
      if (i == N_LIVE / 3) /* everything has its size by then */
        start = get_resident_kib ();
      change_frame (selection, i);
      g_main_loop_run (bench.loop);
    }
  return get_resident_kib () - start;
}

/* --- The window ------------------------------------------------------------------------------ */

static void
loaded_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  PmodPicture **picture = user_data;
  g_autoptr (GError) error = NULL;

  *picture = pmod_picture_load_finish (result, &error);
  g_assert_no_error (error);
  g_main_loop_quit (bench.loop);
}

static GtkWidget *
open_window (PmodSelection *selection)
{
  GtkWidget *window = gtk_window_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *strip = g_object_new (PMOD_TYPE_LAYER_STRIP, "selection", selection, NULL);
  GdkFrameClock *clock;

  bench.view = g_object_new (PMOD_TYPE_MASK_VIEW, "picture", bench.pictures[0], "selection",
                             selection, "vexpand", TRUE, NULL);
  gtk_window_set_default_size (GTK_WINDOW (window), WIDTH, HEIGHT);
  gtk_box_append (GTK_BOX (box), bench.view);
  gtk_box_append (GTK_BOX (box), strip);
  gtk_window_set_child (GTK_WINDOW (window), box);
  gtk_window_present (GTK_WINDOW (window));
  clock = gtk_widget_get_frame_clock (window);
  g_signal_connect (clock, "before-paint", G_CALLBACK (before_paint_cb), NULL);
  g_signal_connect (clock, "after-paint", G_CALLBACK (after_paint_cb), NULL);
  for (int i = 0; i < 5; i++)
    {
      gtk_widget_queue_draw (window);
      g_main_loop_run (bench.loop);
    }
  return window;
}

static gboolean
report (const char *what, Span span, double limit)
{
  g_print ("%-34s worked %6.2f ms, took %6.2f ms\n", what, span.work_ms, span.time_ms);
  return span.work_ms <= limit;
}

static gboolean
measure_all (PmodSelection *selection, double limit)
{
  static const struct
  {
    PmodView view;
    const char *name;
    void (*change) (PmodSelection *, int);
  } cases[] = { { PMOD_VIEW_MASK, "mask and strip of a new run", change_run },
                { PMOD_VIEW_WEIGHTS, "weights and strip of a new run", change_run },
                { PMOD_VIEW_DEPTH, "depth and strip of a new run", change_run },
                { PMOD_VIEW_MASK, "a camera's picture and run", change_frame },
                { PMOD_VIEW_WEIGHTS, "another layer", change_layer },
                { PMOD_VIEW_WEIGHTS, "another part under the pointer", change_hover },
                { PMOD_VIEW_WEIGHTS, "another zoom", change_zoom } };
  gboolean fine = TRUE;
  long growth;

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      pmod_selection_set_view (selection, cases[i].view);
      fine &= report (cases[i].name, measure (selection, cases[i].change), limit);
    }
  growth = measure_growth (selection);
  g_print ("%d frames of a camera: %ld KiB more\n", N_LIVE * 2 / 3, growth);
  return fine && growth <= MAX_GROWTH_KIB;
}

int
main (int argc, char *argv[])
{
  PmodSelection *selection = pmod_selection_new ();
  g_autoptr (GFile) file = g_file_new_for_commandline_arg (argc > 1 ? argv[1] : "");
  GtkWidget *window;
  gboolean fine;

  bench.loop = g_main_loop_new (NULL, FALSE);
  adw_init ();
  for (int i = 0; i < 2; i++)
    {
      pmod_picture_load_file_async (file, NULL, loaded_cb, &bench.pictures[i]);
      g_main_loop_run (bench.loop);
      runs[i] = make_run ((guint32)i + 1);
    }
  pmod_selection_set_run (selection, runs[1]);
  window = open_window (selection);
  fine = measure_all (selection, argc > 2 ? g_ascii_strtod (argv[2], NULL) : 0);

  /* Nothing holds what is no longer shown. */
  gtk_window_destroy (GTK_WINDOW (window));
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_finalize_object (selection);
  for (int i = 0; i < 2; i++)
    {
      g_assert_finalize_object (runs[i]);
      g_assert_finalize_object (bench.pictures[i]);
    }
  g_main_loop_unref (bench.loop);
  return fine ? 0 : 1;
}
