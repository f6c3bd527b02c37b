/* PmodCamera: frames of a known size and colour, the newest of them first, and every way in which
 * a source can fail: each has a state and says what to do. */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "camera-check.h"

#define SOLID "videotestsrc is-live=true pattern=solid-color foreground-color=0xff2080e0"

typedef struct
{
  PmodCamera *camera;
  PmodPicture *last;
  guint n_frames;
  guint enough;
} Watch;

static void
frame_cb (Watch *watch, PmodPicture *picture)
{
  g_set_object (&watch->last, picture);
  watch->n_frames++;
}

static void
watch_begin (Watch *watch, guint enough)
{
  memset (watch, 0, sizeof *watch);
  watch->camera = pmod_camera_new ();
  watch->enough = enough;
  g_signal_connect_swapped (watch->camera, "frame", G_CALLBACK (frame_cb), watch);
}

static void
watch_end (Watch *watch)
{
  g_clear_object (&watch->last);
  g_assert_finalize_object (watch->camera);
}

static gboolean
has_enough (gpointer data)
{
  Watch *watch = data;

  return watch->n_frames >= watch->enough ||
         pmod_camera_get_state (watch->camera) > PMOD_CAMERA_PLAYING;
}

static gboolean
is_over (gpointer data)
{
  PmodCameraState state = pmod_camera_get_state (((Watch *)data)->camera);

  return state != PMOD_CAMERA_STARTING && state != PMOD_CAMERA_PLAYING;
}

static gboolean
is_listed (gpointer data)
{
  return pmod_camera_is_listed (((Watch *)data)->camera);
}

static const guint8 *
pixel_at (PmodPicture *picture, int x, int y)
{
  int width, height;
  GBytes *pixels = pmod_picture_get_pixels (picture, &width, &height);

  g_assert_cmpuint (g_bytes_get_size (pixels), ==, (gsize)width * height * 3);
  return (const guint8 *)g_bytes_get_data (pixels, NULL) + ((gsize)y * width + x) * 3;
}

static void
assert_near (const guint8 *rgb, int red, int green, int blue, int tolerance)
{
  g_test_message ("(%d, %d, %d), expected (%d, %d, %d)", rgb[0], rgb[1], rgb[2], red, green, blue);
  g_assert_cmpint (ABS (rgb[0] - red), <=, tolerance);
  g_assert_cmpint (ABS (rgb[1] - green), <=, tolerance);
  g_assert_cmpint (ABS (rgb[2] - blue), <=, tolerance);
}

static void
assert_playing (Watch *watch)
{
  g_assert_cmpstr (pmod_camera_get_message (watch->camera), ==, NULL);
  g_assert_cmpint (pmod_camera_get_state (watch->camera), ==, PMOD_CAMERA_PLAYING);
}

/* Ends in that state, with words in which part appears. */
static void
assert_state (Watch *watch, PmodCameraState state, const char *part)
{
  const char *message = pmod_camera_get_message (watch->camera);

  g_test_message ("state %d: %s", pmod_camera_get_state (watch->camera), message);
  g_assert_cmpint (pmod_camera_get_state (watch->camera), ==, state);
  g_assert_nonnull (message);
  g_assert_nonnull (strstr (message, part));
}

/* The provider's word comes through the main loop. */
static GstDevice *
plug_in_failing (Watch *watch, const char *name, const char *pipeline, int code)
{
  GListModel *devices = pmod_camera_get_devices (watch->camera);
  guint n_before = g_list_model_get_n_items (devices);
  GstDevice *device = code ? camera_plug_in_failing (name, code) : camera_plug_in (name, pipeline);

  while (g_list_model_get_n_items (devices) == n_before)
    g_main_context_iteration (NULL, TRUE);
  return device;
}

static GstDevice *
plug_in (Watch *watch, const char *name, const char *pipeline)
{
  return plug_in_failing (watch, name, pipeline, 0);
}

/* --- Frames ---------------------------------------------------------------------------------- */

static void
test_size (void)
{
  Watch watch;
  int n_ball = 0;

  if (!camera_need (NULL))
    return;
  watch_begin (&watch, 5);
  pmod_camera_set_size (watch.camera, 200, 120);
  pmod_camera_start (watch.camera, "test");
  g_assert_cmpint (pmod_camera_get_state (watch.camera), ==, PMOD_CAMERA_STARTING);
  camera_wait_until (has_enough, &watch);
  assert_playing (&watch);
  g_assert_cmpint (pmod_picture_get_width (watch.last), ==, 200);
  g_assert_cmpint (pmod_picture_get_height (watch.last), ==, 120);
  g_assert_true (g_str_has_prefix (pmod_picture_get_name (watch.last), "Camera, "));
  /* A yellow ball of radius 20, the rest is blue. */
  for (int y = 0; y < 120; y++)
    for (int x = 0; x < 200; x++)
      n_ball += pixel_at (watch.last, x, y)[0] > 200;
  g_test_message ("%d pixels of a ball", n_ball);
  g_assert_cmpint (n_ball, >, 800);
  g_assert_cmpint (n_ball, <, 1400);
  assert_near (pixel_at (watch.last, 0, 0), 0x2b, 0x5f, 0xa8, 2);
  pmod_camera_stop (watch.camera);
  g_assert_cmpint (pmod_camera_get_state (watch.camera), ==, PMOD_CAMERA_STOPPED);
  watch_end (&watch);
}

/* Known pixels through all that a camera's frames go through; YUV costs a little. */
static void
test_pixels (void)
{
  Watch watch;
  GstDevice *device;

  if (!camera_need (NULL))
    return;
  watch_begin (&watch, 2);
  pmod_camera_look (watch.camera);
  camera_wait_until (is_listed, &watch);
  device = plug_in (&watch, "Blue",
                    SOLID " ! capsfilter caps=video/x-raw,format=I420,width=96,height=64");
  pmod_camera_start (watch.camera, "Blue");
  camera_wait_until (has_enough, &watch);
  assert_playing (&watch);
  g_assert_cmpint (pmod_picture_get_width (watch.last), ==, 96);
  assert_near (pixel_at (watch.last, 0, 0), 0x20, 0x80, 0xe0, 4);
  assert_near (pixel_at (watch.last, 95, 63), 0x20, 0x80, 0xe0, 4);
  camera_unplug (device);
  watch_end (&watch);
}

/* Bars, left to right: the mirrored frame has them right to left. */
static void
test_mirrored (void)
{
  Watch watch;
  GstDevice *device;

  if (!camera_need (NULL))
    return;
  watch_begin (&watch, 3);
  pmod_camera_look (watch.camera);
  camera_wait_until (is_listed, &watch);
  device = plug_in (&watch, "Bars",
                    "videotestsrc is-live=true pattern=smpte75 ! "
                    "capsfilter caps=video/x-raw,format=RGB,width=140,height=60");
  pmod_camera_set_mirrored (watch.camera, TRUE);
  pmod_camera_start (watch.camera, "Bars");
  camera_wait_until (has_enough, &watch);
  assert_playing (&watch);
  assert_near (pixel_at (watch.last, 4, 4), 0, 0, 191, 8);       /* blue, the last bar */
  assert_near (pixel_at (watch.last, 135, 4), 191, 191, 191, 8); /* grey, the first */
  pmod_camera_set_mirrored (watch.camera, FALSE);
  watch.n_frames = 0;
  camera_wait_until (has_enough, &watch);
  assert_near (pixel_at (watch.last, 135, 4), 0, 0, 191, 8);
  camera_unplug (device);
  watch_end (&watch);
}

/* Of what comes while the main thread does not look, only the newest is handed on. */
static void
test_newest_wins (void)
{
  Watch watch;
  guint64 before, n_frames, n_dropped;

  if (!camera_need (NULL))
    return;
  watch_begin (&watch, 1);
  pmod_camera_set_size (watch.camera, 64, 64);
  pmod_camera_start (watch.camera, "test");
  camera_wait_until (has_enough, &watch);
  before = pmod_camera_get_n_dropped (watch.camera);
  for (int i = 0; i < 3; i++)
    {
      g_usleep (500 * 1000);
      while (g_main_context_iteration (NULL, FALSE))
        ;
    }
  n_frames = pmod_camera_get_n_frames (watch.camera);
  n_dropped = pmod_camera_get_n_dropped (watch.camera);
  g_test_message ("%" G_GUINT64_FORMAT " frames, %" G_GUINT64_FORMAT " dropped, %u handed on",
                  n_frames, n_dropped, watch.n_frames);
  g_assert_cmpuint (n_dropped - before, >=, 20);
  g_assert_cmpuint (watch.n_frames, <=, 10);
  /* Every frame was either handed on, or dropped, or waits. */
  g_assert_cmpuint (n_frames - n_dropped - watch.n_frames, <=, 1);
  watch_end (&watch);
}

static gboolean
later_cb (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

static gboolean
is_true (gpointer data)
{
  return *(gboolean *)data;
}

static void
test_paused (void)
{
  Watch watch;
  gboolean later = FALSE;
  guint n_frames;

  if (!camera_need (NULL))
    return;
  watch_begin (&watch, 3);
  pmod_camera_set_patience (watch.camera, 300);
  pmod_camera_start (watch.camera, "test");
  camera_wait_until (has_enough, &watch);
  pmod_camera_set_paused (watch.camera, TRUE);
  n_frames = watch.n_frames;
  g_timeout_add (1000, later_cb, &later);
  camera_wait_until (is_true, &later);
  /* Nothing came, and nobody was missed. */
  g_assert_cmpuint (watch.n_frames, ==, n_frames);
  assert_playing (&watch);
  pmod_camera_set_paused (watch.camera, FALSE);
  watch.n_frames = 0;
  camera_wait_until (has_enough, &watch);
  assert_playing (&watch);
  watch_end (&watch);
}

/* --- Films ----------------------------------------------------------------------------------- */

/* A film of n frames of one colour: encoded by encoder, or raw ("identity"). (transfer full) */
static char *
make_film (const char *folder, int n_frames, const char *encoder)
{
  char *path = g_build_filename (folder, "film.mkv", NULL);
  g_autofree char *text = g_strdup_printf (
      "videotestsrc num-buffers=%d pattern=solid-color foreground-color=0xff2080e0 ! "
      "video/x-raw,format=I420,width=80,height=48,framerate=25/1 ! %s ! matroskamux ! "
      "filesink location=%s",
      n_frames, encoder, path);
  g_autoptr (GError) error = NULL;
  GstElement *pipeline = gst_parse_launch (text, &error);
  GstBus *bus;
  GstMessage *message;

  g_assert_no_error (error);
  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, 30 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  return path;
}

static void
test_film (void)
{
  g_autofree char *folder = g_dir_make_tmp ("strata-film-XXXXXX", NULL);
  g_autofree char *path = NULL;
  g_autofree char *id = NULL;
  Watch watch;

  if (!camera_need (NULL) || !camera_need ("identity matroskamux matroskademux"))
    return;
  path = make_film (folder, 10, "identity");
  id = g_strconcat ("file:", path, NULL);

  watch_begin (&watch, 1000);
  pmod_camera_set_loop (watch.camera, FALSE);
  pmod_camera_start (watch.camera, id);
  camera_wait_until (is_over, &watch);
  assert_state (&watch, PMOD_CAMERA_ENDED, "film.mkv");
  g_test_message ("%u frames of 10 were handed on", watch.n_frames);
  g_assert_cmpuint (watch.n_frames, >=, 5);
  g_assert_cmpuint (watch.n_frames, <=, 10);
  g_assert_cmpint (pmod_picture_get_height (watch.last), ==, 48);
  assert_near (pixel_at (watch.last, 40, 24), 0x20, 0x80, 0xe0, 6);

  /* Again and again. */
  watch.n_frames = 0;
  watch.enough = 35;
  pmod_camera_set_loop (watch.camera, TRUE);
  pmod_camera_start (watch.camera, id);
  camera_wait_until (has_enough, &watch);
  assert_playing (&watch);
  watch_end (&watch);
  g_unlink (path);
  g_rmdir (folder);
}

/* A film through a pipe of which the rest never comes. */
static void
test_stops (void)
{
  g_autofree char *folder = g_dir_make_tmp ("strata-film-XXXXXX", NULL);
  g_autofree char *path = NULL;
  g_autofree char *pipe = g_build_filename (folder, "pipe", NULL);
  g_autofree char *id = g_strconcat ("file:", pipe, NULL);
  g_autofree char *bytes = NULL;
  gsize n_bytes;
  Watch watch;
  int fd;

  if (!camera_need (NULL) || !camera_need ("jpegenc jpegdec matroskamux matroskademux"))
    return;
  path = make_film (folder, 10, "jpegenc");
  g_assert_true (g_file_get_contents (path, &bytes, &n_bytes, NULL));
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  /* Read and write: neither end waits for the other. */
  fd = open (pipe, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, bytes, n_bytes), ==, n_bytes);

  watch_begin (&watch, 1000);
  pmod_camera_set_patience (watch.camera, 1000);
  pmod_camera_start (watch.camera, id);
  camera_wait_until (is_over, &watch);
  assert_state (&watch, PMOD_CAMERA_GONE, "stopped sending");
  g_assert_cmpuint (watch.n_frames, >=, 1);
  close (fd); /* else the feed's thread would read on */
  watch_end (&watch);
  g_unlink (pipe);
  g_unlink (path);
  g_rmdir (folder);
}

/* A device that hangs while it is opened, as a pipe without a writer does: nobody here hangs. */
static void
test_hangs (void)
{
  g_autofree char *folder = g_dir_make_tmp ("strata-film-XXXXXX", NULL);
  g_autofree char *pipe = g_build_filename (folder, "pipe", NULL);
  g_autofree char *id = g_strconcat ("file:", pipe, NULL);
  gint64 start_us;
  Watch watch;
  int fd;

  if (!camera_need (NULL))
    return;
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  watch_begin (&watch, 1);
  pmod_camera_set_patience (watch.camera, 200);
  pmod_camera_start (watch.camera, id);
  camera_wait_until (is_over, &watch);
  assert_state (&watch, PMOD_CAMERA_GONE, "sends no picture");
  /* Another source in the meantime, and the end of all. */
  pmod_camera_set_patience (watch.camera, 20000);
  pmod_camera_start (watch.camera, "test");
  camera_wait_until (has_enough, &watch);
  assert_playing (&watch);
  pmod_camera_start (watch.camera, id);
  g_main_context_iteration (NULL, FALSE);
  start_us = g_get_monotonic_time ();
  watch_end (&watch);
  g_test_message ("let go of in %.1f ms", (double)(g_get_monotonic_time () - start_us) / 1000);
  g_assert_cmpint (g_get_monotonic_time () - start_us, <, G_USEC_PER_SEC);
  /* The threads that hang there are let out. */
  g_usleep (200 * 1000);
  fd = open (pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  close (fd);
  g_usleep (200 * 1000);
  g_unlink (pipe);
  g_rmdir (folder);
}

/* --- What cannot be shown -------------------------------------------------------------------- */

static void
test_unknown (void)
{
  Watch watch;

  if (!camera_need (NULL))
    return;
  watch_begin (&watch, 1);
  pmod_camera_start (watch.camera, "");
  camera_wait_until (is_over, &watch);
  if (g_list_model_get_n_items (pmod_camera_get_devices (watch.camera)) == 0)
    assert_state (&watch, PMOD_CAMERA_ERROR, "No camera was found");
  pmod_camera_start (watch.camera, "test");
  camera_wait_until (has_enough, &watch);
  assert_playing (&watch);
  pmod_camera_start (watch.camera, "/dev/video77");
  camera_wait_until (is_over, &watch);
  assert_state (&watch, PMOD_CAMERA_ERROR, "Test picture");
  watch_end (&watch);
}

static void
test_bad_files (void)
{
  g_autofree char *text = g_test_build_filename (G_TEST_DIST, "fixtures", "README.md", NULL);
  g_autofree char *no_film = g_strconcat ("file:", text, NULL);
  Watch watch;

  if (!camera_need (NULL))
    return;
  watch_begin (&watch, 1);
  pmod_camera_start (watch.camera, "file:/nowhere/film.mkv");
  camera_wait_until (is_over, &watch);
  assert_state (&watch, PMOD_CAMERA_ERROR, "/nowhere/film.mkv");
  pmod_camera_start (watch.camera, no_film);
  camera_wait_until (is_over, &watch);
  assert_state (&watch, PMOD_CAMERA_ERROR, "README.md");
  g_assert_cmpuint (watch.n_frames, ==, 0);
  watch_end (&watch);
}

/* In, out while it plays, in again. */
static void
test_plugging (void)
{
  Watch watch;
  GstDevice *device;
  GListModel *devices;

  if (!camera_need (NULL))
    return;
  watch_begin (&watch, 2);
  devices = pmod_camera_get_devices (watch.camera);
  g_assert_cmpuint (g_list_model_get_n_items (devices), ==, 0);
  pmod_camera_look (watch.camera);
  camera_wait_until (is_listed, &watch);
  for (int i = 0; i < 2; i++)
    {
      guint n_before = g_list_model_get_n_items (devices);

      device = plug_in (&watch, "Lens",
                        SOLID " ! capsfilter caps=video/x-raw,format=I420,width=96,height=64");
      watch.n_frames = 0;
      pmod_camera_start (watch.camera, "Lens");
      camera_wait_until (has_enough, &watch);
      assert_playing (&watch);
      camera_unplug (device);
      camera_wait_until (is_over, &watch);
      assert_state (&watch, PMOD_CAMERA_GONE, "unplugged");
      g_assert_cmpuint (g_list_model_get_n_items (devices), ==, n_before);
    }
  watch_end (&watch);
}

/* Errors that a source has, in our words. */
static void
test_words (void)
{
  static const struct
  {
    const char *pipeline;
    PmodCameraState state;
    const char *part;
    int code;
  } table[] = {
    { "v4l2src device=/dev/video77", PMOD_CAMERA_GONE, "Plug it in again" },
    { "videotestsrc is-live=true ! identity error-after=5", PMOD_CAMERA_ERROR, "cannot be shown" },
    { "videotestsrc is-live=true ! identity eos-after=5", PMOD_CAMERA_ENDED, "at its end" },
    { NULL, PMOD_CAMERA_ERROR, "Another program uses", GST_RESOURCE_ERROR_BUSY },
    { NULL, PMOD_CAMERA_REFUSED, "in the group", GST_RESOURCE_ERROR_NOT_AUTHORIZED },
    { NULL, PMOD_CAMERA_GONE, "Plug it in again", GST_RESOURCE_ERROR_READ },
    { "videotestsrc is-live=true ! valve drop=true", PMOD_CAMERA_GONE, "sends no picture" },
  };
  Watch watch;

  if (!camera_need (NULL) || !camera_need ("v4l2src identity valve"))
    return;
  watch_begin (&watch, 100000);
  pmod_camera_set_loop (watch.camera, FALSE);
  pmod_camera_set_patience (watch.camera, 500);
  pmod_camera_look (watch.camera);
  camera_wait_until (is_listed, &watch);
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    {
      guint n_before = g_list_model_get_n_items (pmod_camera_get_devices (watch.camera));
      GstDevice *device = plug_in_failing (&watch, "Source", table[i].pipeline, table[i].code);

      pmod_camera_start (watch.camera, "Source");
      camera_wait_until (is_over, &watch);
      assert_state (&watch, table[i].state, table[i].part);
      camera_unplug (device);
      while (g_list_model_get_n_items (pmod_camera_get_devices (watch.camera)) > n_before)
        g_main_context_iteration (NULL, TRUE);
    }
  watch_end (&watch);
}

/* Let go of at every moment of a start. */
static void
test_let_go (void)
{
  if (!camera_need (NULL))
    return;
  for (int i = 0; i < 30; i++)
    {
      Watch watch;

      watch_begin (&watch, 1);
      pmod_camera_start (watch.camera, "test");
      for (int n = 0; n < i; n++)
        {
          g_usleep (500);
          g_main_context_iteration (NULL, FALSE);
        }
      watch_end (&watch);
    }
}

int
main (int argc, char *argv[])
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  camera_register_provider ();
  g_test_add_func ("/camera/size", test_size);
  g_test_add_func ("/camera/pixels", test_pixels);
  g_test_add_func ("/camera/mirrored", test_mirrored);
  g_test_add_func ("/camera/newest-wins", test_newest_wins);
  g_test_add_func ("/camera/paused", test_paused);
  g_test_add_func ("/camera/film", test_film);
  g_test_add_func ("/camera/stops", test_stops);
  g_test_add_func ("/camera/hangs", test_hangs);
  g_test_add_func ("/camera/unknown", test_unknown);
  g_test_add_func ("/camera/bad-files", test_bad_files);
  g_test_add_func ("/camera/plugging", test_plugging);
  g_test_add_func ("/camera/words", test_words);
  g_test_add_func ("/camera/let-go", test_let_go);
  return g_test_run ();
}
