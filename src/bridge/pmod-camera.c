/* PmodCamera: see pmod-camera.h. What is running is a PmodCameraFeed, the list a
 * PmodCameraMonitor; this is their state and its words. */
#include "config.h"

#include "pmod-camera.h"

#include <glib/gi18n.h>
#include <gst/gst.h>

#include "pmod-camera-device-private.h"
#include "pmod-camera-feed.h"
#include "pmod-camera-monitor.h"
#include "pmod-camera-portal.h"

#define DEFAULT_WIDTH 640
#define DEFAULT_HEIGHT 480

/* Its ball has a radius of 20, whatever its size. */
#define TEST_WIDTH 192
#define TEST_HEIGHT 144

#define DEFAULT_PATIENCE_MS 5000

struct _PmodCamera
{
  GObject parent_instance;

  PmodCameraMonitor *monitor;
  char *wanted; /* what to start when the list is there */
  PmodCameraDevice *device;
  GCancellable *asking; /* the portal, for access */
  PmodCameraFeed *feed;
  guint64 n_frames; /* of the feed before, until the next start */
  guint64 n_dropped;

  PmodCameraState state;
  char *message;
  gboolean paused;
  gboolean mirrored;
  gboolean loop;
  int width; /* 0: whatever suits the source */
  int height;
  guint patience_ms;
  guint watchdog;
  gint64 since_us; /* from when on silence counts */
};

enum
{
  PROP_STATE = 1,
  PROP_MESSAGE,
  PROP_DEVICE,
  PROP_PAUSED,
  PROP_MIRRORED,
  PROP_LISTED,
  N_PROPS
};

enum
{
  FRAME,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodCamera, pmod_camera, G_TYPE_OBJECT)

/* --- State ----------------------------------------------------------------------------------- */

/* Takes message. */
static void
set_state (PmodCamera *self, PmodCameraState state, char *message)
{
  g_autofree char *old = g_steal_pointer (&self->message);

  self->message = message;
  g_object_freeze_notify (G_OBJECT (self));
  if (self->state != state)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE]);
  if (g_strcmp0 (old, message) != 0)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_MESSAGE]);
  self->state = state;
  g_object_thaw_notify (G_OBJECT (self));
}

static void
end_feed (PmodCamera *self)
{
  gint64 last_us;

  if (self->asking)
    g_cancellable_cancel (self->asking);
  g_clear_object (&self->asking);
  g_clear_handle_id (&self->watchdog, g_source_remove);
  g_clear_pointer (&self->wanted, g_free);
  if (self->feed)
    pmod_camera_feed_get_counts (self->feed, &self->n_frames, &self->n_dropped, &last_us);
  g_clear_pointer (&self->feed, pmod_camera_feed_end);
}

/* Takes message. */
static void
give_up (PmodCamera *self, PmodCameraState state, char *message)
{
  end_feed (self);
  set_state (self, state, message);
}

/* --- What went wrong, in words --------------------------------------------------------------- */

static char *
explain_refusal (void)
{
  return g_strdup_printf (
      _ ("The desktop does not let Strata use the camera, and it remembers that. To allow it, "
         "switch Strata on under Privacy \342\200\272 Camera in the desktop\342\200\231s Settings, "
         "or forget the answer with \342\200\234flatpak permission-reset %s\342\200\235; then try "
         "again."),
      STRATA_APP_ID);
}

static char *
explain_missing (const char *what)
{
  return g_strdup_printf (
      _ ("GStreamer lacks a plugin for this: %s. On Debian most are in the packages "
         "gstreamer1.0-plugins-good, gstreamer1.0-pipewire and gstreamer1.0-libav."),
      what);
}

static void
explain_resource (PmodCamera *self, const GError *error)
{
  gboolean film = pmod_camera_device_get_kind (self->device) == PMOD_CAMERA_KIND_FILE;
  const char *name = pmod_camera_device_get_name (self->device);

  switch (error->code)
    {
    case GST_RESOURCE_ERROR_BUSY:
      give_up (self, PMOD_CAMERA_ERROR,
               g_strdup_printf (_ ("Another program uses \342\200\234%s\342\200\235. Close it "
                                   "there, then try again."),
                                name));
      break;
    case GST_RESOURCE_ERROR_NOT_AUTHORIZED:
      give_up (self, PMOD_CAMERA_REFUSED,
               g_strdup_printf (_ ("You may not read \342\200\234%s\342\200\235 (%s). For a camera "
                                   "your user may have to be in the group \342\200\234video\342"
                                   "\200\235."),
                                name, error->message));
      break;
    case GST_RESOURCE_ERROR_NOT_FOUND:
    case GST_RESOURCE_ERROR_READ:
      if (film)
        give_up (self, PMOD_CAMERA_ERROR,
                 g_strdup_printf (_ ("\342\200\234%s\342\200\235 cannot be read: %s"),
                                  pmod_camera_device_get_path (self->device), error->message));
      else
        give_up (self, PMOD_CAMERA_GONE,
                 g_strdup_printf (_ ("\342\200\234%s\342\200\235 is not there any more (%s). Plug "
                                     "it in again, then try again."),
                                  name, error->message));
      break;
    default:
      give_up (self, PMOD_CAMERA_ERROR,
               g_strdup_printf (_ ("\342\200\234%s\342\200\235: %s"), name, error->message));
    }
}

static void
failed_cb (const GError *error, gpointer owner)
{
  PmodCamera *self = owner;

  if (g_error_matches (error, GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN) ||
      g_error_matches (error, GST_STREAM_ERROR, GST_STREAM_ERROR_CODEC_NOT_FOUND))
    give_up (self, PMOD_CAMERA_ERROR, explain_missing (error->message));
  else if (error->domain == GST_RESOURCE_ERROR)
    explain_resource (self, error);
  else
    give_up (self, PMOD_CAMERA_ERROR,
             g_strdup_printf (_ ("\342\200\234%s\342\200\235 cannot be shown: %s"),
                              pmod_camera_device_get_name (self->device), error->message));
}

/* --- A running source ------------------------------------------------------------------------ */

static void
frame_cb (PmodPicture *picture, gpointer owner)
{
  g_autoptr (PmodCamera) self = g_object_ref (PMOD_CAMERA (owner));

  if (self->paused)
    return;
  if (self->state != PMOD_CAMERA_PLAYING)
    set_state (self, PMOD_CAMERA_PLAYING, NULL);
  g_signal_emit (self, signals[FRAME], 0, picture);
}

static void
ended_cb (gboolean for_good, gpointer owner)
{
  PmodCamera *self = owner;

  if (self->loop && !for_good)
    pmod_camera_feed_rewind (self->feed);
  else
    give_up (self, PMOD_CAMERA_ENDED,
             g_strdup_printf (_ ("\342\200\234%s\342\200\235 is at its end."),
                              pmod_camera_device_get_name (self->device)));
}

static gboolean
watch_cb (gpointer data)
{
  PmodCamera *self = data;
  const char *name = pmod_camera_device_get_name (self->device);
  guint64 n_frames, n_dropped;
  gint64 last_us, silent_ms;

  if (self->paused)
    return G_SOURCE_CONTINUE;
  pmod_camera_feed_get_counts (self->feed, &n_frames, &n_dropped, &last_us);
  silent_ms = (g_get_monotonic_time () - MAX (last_us, self->since_us)) / 1000;
  if (silent_ms < (gint64)self->patience_ms * (n_frames > 0 ? 1 : 2))
    return G_SOURCE_CONTINUE;

  self->watchdog = 0;
  give_up (
      self, PMOD_CAMERA_GONE,
      n_frames > 0
          ? g_strdup_printf (_ ("\342\200\234%s\342\200\235 has stopped sending pictures. Look "
                                "whether it is still plugged in and switched on, then try "
                                "again."),
                             name)
          : g_strdup_printf (_ ("\342\200\234%s\342\200\235 was opened but sends no picture. "
                                "Another program may be using it; close it there, then try "
                                "again."),
                             name));
  return G_SOURCE_REMOVE;
}

/* pipewire_fd is taken. */
static void
start_feed (PmodCamera *self, int pipewire_fd)
{
  static const PmodCameraFeedFuncs funcs = { frame_cb, failed_cb, ended_cb };
  gboolean test = pmod_camera_device_get_kind (self->device) == PMOD_CAMERA_KIND_TEST;
  int width = self->width > 0 ? self->width : test ? TEST_WIDTH : DEFAULT_WIDTH;
  int height = self->height > 0 ? self->height : test ? TEST_HEIGHT : DEFAULT_HEIGHT;

  self->feed = pmod_camera_feed_new (self->device, pipewire_fd, width, height, &funcs, self);
  pmod_camera_feed_set_mirrored (self->feed, self->mirrored);
  self->since_us = g_get_monotonic_time ();
  self->watchdog = g_timeout_add (MAX (self->patience_ms / 5, 20), watch_cb, self);
}

/* A cancelled request may outlive the object: only then is it not touched. */
static void
access_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  int fd = pmod_camera_portal_open_finish (result, &error);
  PmodCamera *self = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&self->asking);
  if (fd >= 0)
    start_feed (self, fd);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    give_up (self, PMOD_CAMERA_REFUSED, explain_refusal ());
  else
    give_up (self, PMOD_CAMERA_ERROR,
             g_strdup_printf (_ ("The desktop offers no camera: %s. Choose one from the list, or "
                                 "install xdg-desktop-portal and PipeWire."),
                              error->message));
}

static void
start_device (PmodCamera *self)
{
  if (pmod_camera_device_get_kind (self->device) != PMOD_CAMERA_KIND_PORTAL)
    {
      start_feed (self, -1);
      return;
    }
  self->asking = g_cancellable_new ();
  pmod_camera_portal_open_async (self->asking, access_cb, self);
}

/* --- Choosing -------------------------------------------------------------------------------- */

static char *
list_names (PmodCamera *self)
{
  GListModel *devices = pmod_camera_monitor_get_devices (self->monitor);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (guint i = 0; i < g_list_model_get_n_items (devices); i++)
    {
      g_autoptr (PmodCameraDevice) device = g_list_model_get_item (devices, i);

      g_ptr_array_add (names, (gpointer)pmod_camera_device_get_name (device));
    }
  g_ptr_array_add (names, NULL);
  return g_strjoinv (", ", (char **)names->pdata);
}

static PmodCameraDevice *
find_device (PmodCamera *self, const char *id)
{
  if (g_str_equal (id, "test"))
    return g_object_ref (pmod_camera_monitor_add (self->monitor, pmod_camera_device_new_test ()));
  if (g_str_equal (id, "portal"))
    return g_object_ref (pmod_camera_monitor_add (self->monitor, pmod_camera_device_new_portal ()));
  if (g_str_has_prefix (id, "file:"))
    return g_object_ref (pmod_camera_monitor_add (
        self->monitor, pmod_camera_device_new_file (id + strlen ("file:"))));
  if (*id == '\0')
    return g_list_model_get_item (pmod_camera_monitor_get_devices (self->monitor), 0);
  return pmod_camera_monitor_find (self->monitor, id);
}

/* The first of none may still be the desktop's. */
static gboolean
must_wait (PmodCamera *self)
{
  return *self->wanted == '\0' && !pmod_camera_monitor_is_complete (self->monitor) &&
         g_list_model_get_n_items (pmod_camera_monitor_get_devices (self->monitor)) == 0;
}

static void
start_wanted (PmodCamera *self)
{
  g_autofree char *id = NULL;
  g_autoptr (PmodCameraDevice) device = NULL;
  g_autofree char *names = NULL;

  if (!self->wanted || must_wait (self))
    return;
  id = g_steal_pointer (&self->wanted);
  device = find_device (self, id);
  if (g_set_object (&self->device, device))
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_DEVICE]);
  if (device)
    {
      start_device (self);
      return;
    }
  names = list_names (self);
  if (*names == '\0')
    give_up (self, PMOD_CAMERA_ERROR,
             g_strdup (_ ("No camera was found. Plug one in: it appears in the list by itself.")));
  else
    give_up (self, PMOD_CAMERA_ERROR,
             g_strdup_printf (_ ("No camera is called \342\200\234%s\342\200\235. There are: %s."),
                              id, names));
}

static void
listed_cb (PmodCamera *self)
{
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LISTED]);
  start_wanted (self);
}

static void
items_changed_cb (PmodCamera *self)
{
  const char *id = self->device ? pmod_camera_device_get_id (self->device) : NULL;
  g_autoptr (PmodCameraDevice) found = id ? pmod_camera_monitor_find (self->monitor, id) : NULL;

  if (self->feed && !found)
    give_up (self, PMOD_CAMERA_GONE,
             g_strdup_printf (_ ("\342\200\234%s\342\200\235 was unplugged. Plug it in again, then "
                                 "try again."),
                              pmod_camera_device_get_name (self->device)));
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_camera_dispose (GObject *object)
{
  PmodCamera *self = PMOD_CAMERA (object);

  end_feed (self);
  g_clear_object (&self->device);
  g_clear_object (&self->monitor);

  G_OBJECT_CLASS (pmod_camera_parent_class)->dispose (object);
}

static void
pmod_camera_finalize (GObject *object)
{
  PmodCamera *self = PMOD_CAMERA (object);

  g_free (self->message);

  G_OBJECT_CLASS (pmod_camera_parent_class)->finalize (object);
}

static void
pmod_camera_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodCamera *self = PMOD_CAMERA (object);

  switch (id)
    {
    case PROP_STATE:
      g_value_set_int (value, (int)self->state);
      break;
    case PROP_MESSAGE:
      g_value_set_string (value, self->message);
      break;
    case PROP_DEVICE:
      g_value_set_object (value, self->device);
      break;
    case PROP_PAUSED:
      g_value_set_boolean (value, self->paused);
      break;
    case PROP_MIRRORED:
      g_value_set_boolean (value, self->mirrored);
      break;
    case PROP_LISTED:
      g_value_set_boolean (value, pmod_camera_monitor_is_listed (self->monitor));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_camera_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodCamera *self = PMOD_CAMERA (object);

  switch (id)
    {
    case PROP_PAUSED:
      pmod_camera_set_paused (self, g_value_get_boolean (value));
      break;
    case PROP_MIRRORED:
      pmod_camera_set_mirrored (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_camera_class_init (PmodCameraClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GParamFlags writable = flags | G_PARAM_WRITABLE | G_PARAM_EXPLICIT_NOTIFY;

  object_class->dispose = pmod_camera_dispose;
  object_class->finalize = pmod_camera_finalize;
  object_class->get_property = pmod_camera_get_property;
  object_class->set_property = pmod_camera_set_property;

  props[PROP_STATE] = g_param_spec_int ("state", NULL, NULL, 0, PMOD_CAMERA_ERROR, 0, flags);
  props[PROP_MESSAGE] = g_param_spec_string ("message", NULL, NULL, NULL, flags);
  props[PROP_DEVICE] = g_param_spec_object ("device", NULL, NULL, PMOD_TYPE_CAMERA_DEVICE, flags);
  props[PROP_PAUSED] = g_param_spec_boolean ("paused", NULL, NULL, FALSE, writable);
  props[PROP_MIRRORED] = g_param_spec_boolean ("mirrored", NULL, NULL, FALSE, writable);
  props[PROP_LISTED] = g_param_spec_boolean ("listed", NULL, NULL, FALSE, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  /* (picture): the newest frame. */
  signals[FRAME] = g_signal_new ("frame", PMOD_TYPE_CAMERA, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, PMOD_TYPE_PICTURE);
}

static void
pmod_camera_init (PmodCamera *self)
{
  self->loop = TRUE;
  self->patience_ms = DEFAULT_PATIENCE_MS;
  self->monitor = pmod_camera_monitor_new ();
  g_signal_connect_object (self->monitor, "listed", G_CALLBACK (listed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (pmod_camera_monitor_get_devices (self->monitor), "items-changed",
                           G_CALLBACK (items_changed_cb), self, G_CONNECT_SWAPPED);
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodCamera *
pmod_camera_new (void)
{
  return g_object_new (PMOD_TYPE_CAMERA, NULL);
}

void
pmod_camera_look (PmodCamera *self)
{
  g_return_if_fail (PMOD_IS_CAMERA (self));

  pmod_camera_monitor_start (self->monitor);
}

GListModel *
pmod_camera_get_devices (PmodCamera *self)
{
  g_return_val_if_fail (PMOD_IS_CAMERA (self), NULL);
  return pmod_camera_monitor_get_devices (self->monitor);
}

gboolean
pmod_camera_is_listed (PmodCamera *self)
{
  g_return_val_if_fail (PMOD_IS_CAMERA (self), FALSE);
  return pmod_camera_monitor_is_listed (self->monitor);
}

/* GStreamer is ready when the list is there, so nothing starts before. */
void
pmod_camera_start (PmodCamera *self, const char *id_or_name)
{
  g_autofree char *wanted = g_strdup (id_or_name);

  g_return_if_fail (PMOD_IS_CAMERA (self));
  g_return_if_fail (id_or_name != NULL);

  end_feed (self);
  self->wanted = g_steal_pointer (&wanted);
  self->n_frames = self->n_dropped = 0;
  pmod_camera_set_paused (self, FALSE);
  set_state (self, PMOD_CAMERA_STARTING, NULL);
  if (pmod_camera_monitor_is_listed (self->monitor))
    start_wanted (self);
  else
    pmod_camera_monitor_start (self->monitor);
}

void
pmod_camera_stop (PmodCamera *self)
{
  g_return_if_fail (PMOD_IS_CAMERA (self));

  give_up (self, PMOD_CAMERA_STOPPED, NULL);
}

PmodCameraDevice *
pmod_camera_get_device (PmodCamera *self)
{
  g_return_val_if_fail (PMOD_IS_CAMERA (self), NULL);
  return self->device;
}

PmodCameraState
pmod_camera_get_state (PmodCamera *self)
{
  g_return_val_if_fail (PMOD_IS_CAMERA (self), PMOD_CAMERA_STOPPED);
  return self->state;
}

const char *
pmod_camera_get_message (PmodCamera *self)
{
  g_return_val_if_fail (PMOD_IS_CAMERA (self), NULL);
  return self->message;
}

void
pmod_camera_set_paused (PmodCamera *self, gboolean paused)
{
  g_return_if_fail (PMOD_IS_CAMERA (self));

  if (self->paused == !!paused)
    return;
  self->paused = !!paused;
  self->since_us = g_get_monotonic_time ();
  if (self->feed)
    pmod_camera_feed_set_paused (self->feed, paused);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PAUSED]);
}

gboolean
pmod_camera_get_mirrored (PmodCamera *self)
{
  g_return_val_if_fail (PMOD_IS_CAMERA (self), FALSE);
  return self->mirrored;
}

void
pmod_camera_set_mirrored (PmodCamera *self, gboolean mirrored)
{
  g_return_if_fail (PMOD_IS_CAMERA (self));

  if (self->mirrored == !!mirrored)
    return;
  self->mirrored = !!mirrored;
  if (self->feed)
    pmod_camera_feed_set_mirrored (self->feed, mirrored);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_MIRRORED]);
}

void
pmod_camera_set_size (PmodCamera *self, int width, int height)
{
  g_return_if_fail (PMOD_IS_CAMERA (self));
  g_return_if_fail (width > 0 && height > 0);

  self->width = width;
  self->height = height;
}

void
pmod_camera_set_loop (PmodCamera *self, gboolean loop)
{
  g_return_if_fail (PMOD_IS_CAMERA (self));

  self->loop = loop;
}

void
pmod_camera_set_patience (PmodCamera *self, guint milliseconds)
{
  g_return_if_fail (PMOD_IS_CAMERA (self));

  self->patience_ms = milliseconds;
}

static guint64
get_counts (PmodCamera *self, guint64 *n_dropped)
{
  guint64 n_frames = self->n_frames;
  gint64 last_us;

  *n_dropped = self->n_dropped;
  if (self->feed)
    pmod_camera_feed_get_counts (self->feed, &n_frames, n_dropped, &last_us);
  return n_frames;
}

guint64
pmod_camera_get_n_frames (PmodCamera *self)
{
  guint64 n_dropped;

  g_return_val_if_fail (PMOD_IS_CAMERA (self), 0);
  return get_counts (self, &n_dropped);
}

guint64
pmod_camera_get_n_dropped (PmodCamera *self)
{
  guint64 n_dropped = 0;

  g_return_val_if_fail (PMOD_IS_CAMERA (self), 0);
  get_counts (self, &n_dropped);
  return n_dropped;
}
