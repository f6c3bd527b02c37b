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
#include <time.h>

#include "pmod-engine.h"
#include "pmod-layer-strip.h"
#include "pmod-mask-view.h"

#define N_LAYERS 32
#define COARSE 24
#define FINE 48
#define N_VISION (COARSE * COARSE + FINE * FINE)
#define N_FRAMES 41
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
  PmodPicture *picture;
  Span before; /* the last frame */
  Span frame;  /* how long it was */
} Bench;

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
before_paint_cb (Bench *bench)
{
  bench->before = now ();
}

static void
after_paint_cb (Bench *bench)
{
  bench->frame = since (bench->before);
  g_main_loop_quit (bench->loop);
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
measure (Bench *bench, PmodSelection *selection, void (*change) (PmodSelection *, int))
{
  double work[N_FRAMES], took[N_FRAMES];

  for (int i = 0; i < N_FRAMES; i++)
    {
      Span start = now ();
      Span changed;

      change (selection, i);
      changed = since (start);
      g_main_loop_run (bench->loop);
      work[i] = changed.work_ms + bench->frame.work_ms;
      took[i] = changed.time_ms + bench->frame.time_ms;
    }
  return (Span){ find_median (work), find_median (took) };
}

static PmodRun *runs[2];

static void
change_run (PmodSelection *selection, int i)
{
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

/* --- The window ------------------------------------------------------------------------------ */

static void
loaded_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Bench *bench = user_data;
  g_autoptr (GError) error = NULL;

  bench->picture = pmod_picture_load_finish (result, &error);
  g_assert_no_error (error);
  g_main_loop_quit (bench->loop);
}

static GtkWidget *
open_window (Bench *bench, PmodSelection *selection)
{
  GtkWidget *window = gtk_window_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *view = g_object_new (PMOD_TYPE_MASK_VIEW, "picture", bench->picture, "selection",
                                  selection, "vexpand", TRUE, NULL);
  GtkWidget *strip = g_object_new (PMOD_TYPE_LAYER_STRIP, "selection", selection, NULL);
  GdkFrameClock *clock;

  gtk_window_set_default_size (GTK_WINDOW (window), WIDTH, HEIGHT);
  gtk_box_append (GTK_BOX (box), view);
  gtk_box_append (GTK_BOX (box), strip);
  gtk_window_set_child (GTK_WINDOW (window), box);
  gtk_window_present (GTK_WINDOW (window));
  clock = gtk_widget_get_frame_clock (window);
  g_signal_connect_swapped (clock, "before-paint", G_CALLBACK (before_paint_cb), bench);
  g_signal_connect_swapped (clock, "after-paint", G_CALLBACK (after_paint_cb), bench);
  for (int i = 0; i < 5; i++)
    {
      gtk_widget_queue_draw (window);
      g_main_loop_run (bench->loop);
    }
  return window;
}

static gboolean
report (const char *what, Span span, double limit)
{
  g_print ("%-34s worked %6.2f ms, took %6.2f ms\n", what, span.work_ms, span.time_ms);
  return span.work_ms <= limit;
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    PmodView view;
    const char *name;
  } views[] = { { PMOD_VIEW_MASK, "mask and strip of a new run" },
                { PMOD_VIEW_WEIGHTS, "weights and strip of a new run" },
                { PMOD_VIEW_DEPTH, "depth and strip of a new run" } };
  Bench bench = { g_main_loop_new (NULL, FALSE), NULL, { 0 }, { 0 } };
  g_autoptr (PmodSelection) selection = pmod_selection_new ();
  g_autoptr (GFile) file = g_file_new_for_commandline_arg (argc > 1 ? argv[1] : "");
  double limit = argc > 2 ? g_ascii_strtod (argv[2], NULL) : 0;
  gboolean fine = TRUE;
  GtkWidget *window;

  adw_init ();
  pmod_picture_load_file_async (file, NULL, loaded_cb, &bench);
  g_main_loop_run (bench.loop);
  runs[0] = make_run (1);
  runs[1] = make_run (2);
  pmod_selection_set_run (selection, runs[1]);
  window = open_window (&bench, selection);
  for (gsize i = 0; i < G_N_ELEMENTS (views); i++)
    {
      pmod_selection_set_view (selection, views[i].view);
      fine &= report (views[i].name, measure (&bench, selection, change_run), limit);
    }
  pmod_selection_set_view (selection, PMOD_VIEW_WEIGHTS);
  fine &= report ("another layer", measure (&bench, selection, change_layer), limit);
  fine &=
      report ("another part under the pointer", measure (&bench, selection, change_hover), limit);
  gtk_window_destroy (GTK_WINDOW (window));
  g_object_unref (runs[0]);
  g_object_unref (runs[1]);
  g_object_unref (bench.picture);
  g_main_loop_unref (bench.loop);
  return fine ? 0 : 1;
}
