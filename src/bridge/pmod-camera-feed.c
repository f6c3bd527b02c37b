/* PmodCameraFeed: see pmod-camera-feed.h.
 *
 * Owners: the main thread owns the struct's first part and takes the newest picture out;
 * GStreamer's streaming thread puts it in; `lock` guards what both touch. The pool's one thread
 * runs commands in the order in which they came; the last of them is always COMMAND_END, which lets
 * go of the pool's reference when the pipeline is still. A pthread mutex: the thread sanitizer
 * follows it. */
#include "config.h"

#include "pmod-camera-feed.h"

#include <glib/gi18n.h>
#include <gst/app/gstappsink.h>
#include <gst/video/video.h>
#include <pthread.h>
#include <unistd.h>

#include "pmod-camera-device-private.h"
#include "pmod-picture-private.h"

/* More would only be thrown away: nobody runs a model oftener. */
#define TEST_RATE 30

/* A yellow ball on blue. */
#define TEST_BALL 0xffffd23fu
#define TEST_GROUND 0xff2b5fa8u

struct _PmodCameraFeed
{
  gatomicrefcount refs; /* the main thread's and the pool's */

  const PmodCameraFeedFuncs *funcs;
  gpointer owner;
  GSource *source; /* made ready by the streaming thread, under the lock */
  GThreadPool *pool;

  PmodCameraDevice *device;
  int pipewire_fd;
  int width;
  int height;
  GstElement *pipeline;
  int mirrored; /* atomic */

  pthread_mutex_t lock;
  gboolean ended;
  PmodPicture *newest;
  guint64 n_frames;
  guint64 n_dropped;
  gint64 last_us;
};

enum
{
  COMMAND_START = 1, /* the pool takes no NULL */
  COMMAND_PAUSE,
  COMMAND_PLAY,
  COMMAND_REWIND,
  COMMAND_END,
};

static void
feed_unref (PmodCameraFeed *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  gst_object_unref (self->pipeline);
  g_object_unref (self->device);
  g_source_unref (self->source);
  g_clear_object (&self->newest);
  if (self->pipewire_fd >= 0)
    close (self->pipewire_fd);
  pthread_mutex_destroy (&self->lock);
  g_free (self);
}

/* --- Frames: the streaming thread ------------------------------------------------------------ */

static void
mirror_rows (guint8 *to, const guint8 *from, int width, int height, gsize stride)
{
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      memcpy (to + ((gsize)y * width + x) * 3, from + y * stride + (gsize)(width - 1 - x) * 3, 3);
}

/* What is shown, what the model sees and what is kept as a still are this one picture: a mirrored
 * one is mirrored for all three. */
static PmodPicture *
make_picture (PmodCameraFeed *self, const GstVideoFrame *frame)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  /* Translators: the name of a picture that a camera took at this time of day */
  g_autofree char *name = g_date_time_format (now, _ ("Camera, %H:%M"));
  int width = GST_VIDEO_FRAME_WIDTH (frame);
  int height = GST_VIDEO_FRAME_HEIGHT (frame);
  gsize stride = GST_VIDEO_FRAME_PLANE_STRIDE (frame, 0);
  const guint8 *rgb = GST_VIDEO_FRAME_PLANE_DATA (frame, 0);
  g_autofree guint8 *mirrored = NULL;

  if (!g_atomic_int_get (&self->mirrored))
    return pmod_picture_new_rgb (name, width, height, stride, rgb);
  mirrored = g_malloc ((gsize)width * height * 3);
  mirror_rows (mirrored, rgb, width, height, stride);
  return pmod_picture_new_rgb (name, width, height, (gsize)width * 3, mirrored);
}

static PmodPicture *
read_sample (PmodCameraFeed *self, GstSample *sample)
{
  GstCaps *caps = gst_sample_get_caps (sample);
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  PmodPicture *picture = NULL;
  GstVideoFrame frame;
  GstVideoInfo info;

  if (!caps || !buffer || !gst_video_info_from_caps (&info, caps) ||
      !gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ))
    return NULL;
  picture = make_picture (self, &frame);
  gst_video_frame_unmap (&frame);
  return picture;
}

/* Takes picture. Only the newest waits. */
static void
put_newest (PmodCameraFeed *self, PmodPicture *picture)
{
  g_autoptr (PmodPicture) late = picture;

  pthread_mutex_lock (&self->lock);
  if (!self->ended)
    {
      late = self->newest;
      self->n_frames++;
      self->n_dropped += late != NULL;
      self->last_us = g_get_monotonic_time ();
      self->newest = picture;
      g_source_set_ready_time (self->source, 0);
    }
  pthread_mutex_unlock (&self->lock);
}

static GstFlowReturn
sample_cb (GstAppSink *sink, gpointer user_data)
{
  GstSample *sample = gst_app_sink_pull_sample (sink);
  PmodPicture *picture;

  if (!sample)
    return GST_FLOW_EOS;
  picture = read_sample (user_data, sample);
  gst_sample_unref (sample);
  if (picture)
    put_newest (user_data, picture);
  return GST_FLOW_OK;
}

/* --- The pipeline: the pool's thread --------------------------------------------------------- */

/* Takes error. Whatever goes wrong while the pipeline is made is told as GStreamer tells the rest.
 */
static void
post_error (PmodCameraFeed *self, GError *error)
{
  gst_element_post_message (self->pipeline,
                            gst_message_new_error (GST_OBJECT (self->pipeline), error, NULL));
  g_error_free (error);
}

static GstElement *
add_element (PmodCameraFeed *self, const char *factory)
{
  GstElement *element = gst_element_factory_make (factory, NULL);

  if (!element)
    {
      post_error (self, g_error_new (GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN, "%s", factory));
      return NULL;
    }
  gst_bin_add (GST_BIN (self->pipeline), element);
  return element;
}

static GstElement *
add_filter (PmodCameraFeed *self, const char *text)
{
  GstElement *filter = add_element (self, "capsfilter");
  GstCaps *caps = gst_caps_from_string (text);

  if (filter)
    g_object_set (filter, "caps", caps, NULL);
  gst_caps_unref (caps);
  return filter;
}

static GstElement *
add_sink (PmodCameraFeed *self)
{
  GstAppSinkCallbacks callbacks = { .new_sample = sample_cb };
  GstElement *sink = add_element (self, "appsink");

  if (!sink)
    return NULL;
  /* A film is shown at its own pace; what is live has none to wait for. */
  g_object_set (sink, "max-buffers", 1, "drop", TRUE, "sync",
                pmod_camera_device_get_kind (self->device) == PMOD_CAMERA_KIND_FILE, NULL);
  gst_app_sink_set_callbacks (GST_APP_SINK (sink), &callbacks, self, NULL);
  return sink;
}

/* From whatever a source delivers to RGB8. Returns its first element. */
static GstElement *
add_tail (PmodCameraFeed *self)
{
  gboolean exact = pmod_camera_device_get_kind (self->device) == PMOD_CAMERA_KIND_TEST;
  g_autofree char *caps = g_strdup_printf (
      exact ? "video/x-raw,format=RGB,pixel-aspect-ratio=1/1,width=%d,height=%d"
            : "video/x-raw,format=RGB,pixel-aspect-ratio=1/1,width=[1,%d],height=[1,%d]",
      self->width, self->height);
  GstElement *convert = add_element (self, "videoconvert");
  GstElement *scale = convert ? add_element (self, "videoscale") : NULL;
  GstElement *filter = scale ? add_filter (self, caps) : NULL;
  GstElement *sink = filter ? add_sink (self) : NULL;

  if (!sink || !gst_element_link_many (convert, scale, filter, sink, NULL))
    return NULL;
  return convert;
}

static GstElement *
add_test (PmodCameraFeed *self)
{
  GstElement *source = add_element (self, "videotestsrc");
  g_autofree char *caps = g_strdup_printf ("video/x-raw,framerate=%d/1", TEST_RATE);
  GstElement *filter = source ? add_filter (self, caps) : NULL;

  if (!filter)
    return NULL;
  gst_util_set_object_arg (G_OBJECT (source), "pattern", "ball");
  g_object_set (source, "is-live", TRUE, "foreground-color", TEST_BALL, "background-color",
                TEST_GROUND, NULL);
  return gst_element_link (source, filter) ? filter : NULL;
}

/* Cameras offer more pixels than any model reads, and fewer frames with them. */
static GstElement *
add_size (PmodCameraFeed *self, GstElement *source)
{
  g_autofree char *caps = g_strdup_printf (
      "video/x-raw,width=[1,%d],height=[1,%d],framerate=[10/1,120/1];"
      "image/jpeg,width=[1,%d],height=[1,%d],framerate=[10/1,120/1];video/x-raw;image/jpeg",
      self->width, self->height, self->width, self->height);
  GstElement *filter = add_filter (self, caps);

  return filter && gst_element_link (source, filter) ? filter : NULL;
}

static GstElement *
add_camera (PmodCameraFeed *self)
{
  GstElement *source = gst_device_create_element (pmod_camera_device_get_gst (self->device), NULL);

  if (!source)
    {
      post_error (self, g_error_new_literal (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
                                             _ ("the device has no source")));
      return NULL;
    }
  gst_bin_add (GST_BIN (self->pipeline), source);
  return add_size (self, source);
}

static GstElement *
add_portal (PmodCameraFeed *self)
{
  GstElement *source = add_element (self, "pipewiresrc");

  if (!source)
    return NULL;
  g_object_set (source, "fd", self->pipewire_fd, NULL);
  return add_size (self, source);
}

static GstElement *
add_file (PmodCameraFeed *self)
{
  GstElement *source = add_element (self, "filesrc");

  if (source)
    g_object_set (source, "location", pmod_camera_device_get_path (self->device), NULL);
  return source;
}

static GstElement *
add_source (PmodCameraFeed *self)
{
  switch (pmod_camera_device_get_kind (self->device))
    {
    case PMOD_CAMERA_KIND_CAMERA:
      return add_camera (self);
    case PMOD_CAMERA_KIND_PORTAL:
      return add_portal (self);
    case PMOD_CAMERA_KIND_FILE:
      return add_file (self);
    case PMOD_CAMERA_KIND_TEST:
    default:
      return add_test (self);
    }
}

/* The first picture among what a source delivers; sound is left alone. */
static void
pad_cb (GstElement *decoder, GstPad *pad, gpointer tail)
{
  GstPad *sink = gst_element_get_static_pad (tail, "sink");
  GstCaps *caps = gst_pad_get_current_caps (pad);

  if (!caps)
    caps = gst_pad_query_caps (pad, NULL);
  if (!gst_pad_is_linked (sink) && !gst_caps_is_empty (caps) && !gst_caps_is_any (caps) &&
      g_str_has_prefix (gst_structure_get_name (gst_caps_get_structure (caps, 0)), "video/"))
    gst_pad_link (pad, sink);
  gst_caps_unref (caps);
  gst_object_unref (sink);
}

static void
no_more_pads_cb (GstElement *decoder, gpointer user_data)
{
  PmodCameraFeed *self = user_data;
  GstElement *tail = g_object_get_data (G_OBJECT (decoder), "tail");
  GstPad *sink = gst_element_get_static_pad (tail, "sink");

  if (!gst_pad_is_linked (sink))
    post_error (self, g_error_new_literal (GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE,
                                           _ ("there is no picture in it")));
  gst_object_unref (sink);
}

/* FALSE: an error was posted. */
static gboolean
build (PmodCameraFeed *self)
{
  GstElement *tail = add_tail (self);
  GstElement *source = tail ? add_source (self) : NULL;
  GstElement *decoder;

  if (!source)
    return FALSE;
  if (pmod_camera_device_get_kind (self->device) == PMOD_CAMERA_KIND_TEST)
    return gst_element_link (source, tail);
  decoder = add_element (self, "decodebin");
  if (!decoder || !gst_element_link (source, decoder))
    return FALSE;
  g_object_set_data (G_OBJECT (decoder), "tail", tail);
  g_signal_connect (decoder, "pad-added", G_CALLBACK (pad_cb), tail);
  g_signal_connect (decoder, "no-more-pads", G_CALLBACK (no_more_pads_cb), self);
  return TRUE;
}

static void
rewind_film (PmodCameraFeed *self)
{
  if (!gst_element_seek_simple (self->pipeline, GST_FORMAT_TIME,
                                GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT, 0))
    gst_element_post_message (self->pipeline,
                              gst_message_new_application (GST_OBJECT (self->pipeline),
                                                           gst_structure_new_empty ("no-rewind")));
}

static void
work (gpointer command, gpointer user_data)
{
  PmodCameraFeed *self = user_data;

  switch (GPOINTER_TO_INT (command))
    {
    case COMMAND_START:
      if (build (self))
        gst_element_set_state (self->pipeline, GST_STATE_PLAYING);
      break;
    case COMMAND_PAUSE:
      gst_element_set_state (self->pipeline, GST_STATE_PAUSED);
      break;
    case COMMAND_PLAY:
      gst_element_set_state (self->pipeline, GST_STATE_PLAYING);
      break;
    case COMMAND_REWIND:
      rewind_film (self);
      break;
    case COMMAND_END:
      gst_element_set_state (self->pipeline, GST_STATE_NULL);
      feed_unref (self);
      break;
    default:
      break;
    }
}

static void
command (PmodCameraFeed *self, int what)
{
  g_thread_pool_push (self->pool, GINT_TO_POINTER (what), NULL);
}

/* --- The main thread ------------------------------------------------------------------------- */

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  PmodCameraFeed *self = user_data;
  g_autoptr (PmodPicture) picture = NULL;

  pthread_mutex_lock (&self->lock);
  g_source_set_ready_time (source, -1);
  picture = g_steal_pointer (&self->newest);
  pthread_mutex_unlock (&self->lock);
  if (picture)
    self->funcs->frame (picture, self->owner);
  return G_SOURCE_CONTINUE;
}

static gboolean
never_called (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static gboolean
message_cb (GstBus *bus, GstMessage *message, gpointer user_data)
{
  PmodCameraFeed *self = user_data;
  g_autoptr (GError) error = NULL;

  switch (GST_MESSAGE_TYPE (message))
    {
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, &error, NULL);
      self->funcs->failed (error, self->owner);
      break;
    case GST_MESSAGE_EOS:
      self->funcs->ended (FALSE, self->owner);
      break;
    case GST_MESSAGE_APPLICATION:
      self->funcs->ended (TRUE, self->owner);
      break;
    default:
      break;
    }
  return G_SOURCE_CONTINUE;
}

static void
add_sources (PmodCameraFeed *self)
{
  static GSourceFuncs funcs = { .dispatch = dispatch };
  GstBus *bus = gst_element_get_bus (self->pipeline);

  /* Below drawing and input, as the engine's: a fast camera cannot starve them. */
  self->source = g_source_new (&funcs, sizeof (GSource));
  g_source_set_priority (self->source, G_PRIORITY_DEFAULT_IDLE);
  g_source_set_callback (self->source, never_called, self, NULL);
  g_source_set_static_name (self->source, "camera");
  g_source_attach (self->source, NULL);
  gst_bus_add_watch (bus, message_cb, self);
  gst_object_unref (bus);
}

PmodCameraFeed *
pmod_camera_feed_new (PmodCameraDevice *device,
                      int pipewire_fd,
                      int width,
                      int height,
                      const PmodCameraFeedFuncs *funcs,
                      gpointer owner)
{
  PmodCameraFeed *self = g_new0 (PmodCameraFeed, 1);

  g_atomic_ref_count_init (&self->refs);
  g_atomic_ref_count_inc (&self->refs);
  self->funcs = funcs;
  self->owner = owner;
  self->device = g_object_ref (device);
  self->pipewire_fd = pipewire_fd;
  self->width = width;
  self->height = height;
  self->pipeline = gst_object_ref_sink (gst_pipeline_new (NULL));
  pthread_mutex_init (&self->lock, NULL);
  add_sources (self);
  self->pool = g_thread_pool_new (work, self, 1, FALSE, NULL);
  command (self, COMMAND_START);
  return self;
}

void
pmod_camera_feed_end (PmodCameraFeed *self)
{
  GstBus *bus = gst_element_get_bus (self->pipeline);

  gst_bus_remove_watch (bus);
  gst_object_unref (bus);
  pthread_mutex_lock (&self->lock);
  self->ended = TRUE;
  pthread_mutex_unlock (&self->lock);
  g_source_destroy (self->source);
  command (self, COMMAND_END);
  /* What was asked for is still done, by its own thread. */
  g_thread_pool_free (self->pool, FALSE, FALSE);
  feed_unref (self);
}

void
pmod_camera_feed_set_paused (PmodCameraFeed *self, gboolean paused)
{
  command (self, paused ? COMMAND_PAUSE : COMMAND_PLAY);
}

void
pmod_camera_feed_rewind (PmodCameraFeed *self)
{
  command (self, COMMAND_REWIND);
}

void
pmod_camera_feed_set_mirrored (PmodCameraFeed *self, gboolean mirrored)
{
  g_atomic_int_set (&self->mirrored, mirrored);
}

void
pmod_camera_feed_get_counts (PmodCameraFeed *self,
                             guint64 *n_frames,
                             guint64 *n_dropped,
                             gint64 *last_us)
{
  pthread_mutex_lock (&self->lock);
  *n_frames = self->n_frames;
  *n_dropped = self->n_dropped;
  *last_us = self->last_us;
  pthread_mutex_unlock (&self->lock);
}
