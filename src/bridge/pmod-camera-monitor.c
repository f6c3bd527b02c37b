/* PmodCameraMonitor: see pmod-camera-monitor.h. */
#include "config.h"

#include "pmod-camera-monitor.h"

#include "pmod-camera-device-private.h"
#include "pmod-portal.h"

#define NOT_FOUND G_MAXUINT
#define PORTAL_CAMERA "org.freedesktop.portal.Camera"
#define PORTAL_TIMEOUT_MS 5000

struct _PmodCameraMonitor
{
  GObject parent_instance;

  GListStore *devices;
  GCancellable *cancellable; /* of whatever is on its way: it is not to touch this any more */
  GstDeviceMonitor *gst;
  GstBus *bus;
  guint watch;
  gboolean started;
  gboolean listed;
  gboolean answered; /* by the portal, or there is none */
};

enum
{
  LISTED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodCameraMonitor, pmod_camera_monitor, G_TYPE_OBJECT)

/* --- The list -------------------------------------------------------------------------------- */

static PmodCameraDevice *
get_device (PmodCameraMonitor *self, guint i)
{
  g_autoptr (PmodCameraDevice) device = g_list_model_get_item (G_LIST_MODEL (self->devices), i);

  return device; /* the list holds it */
}

static guint
find_gst (PmodCameraMonitor *self, GstDevice *gst)
{
  guint n_devices = g_list_model_get_n_items (G_LIST_MODEL (self->devices));

  for (guint i = 0; i < n_devices; i++)
    if (pmod_camera_device_get_gst (get_device (self, i)) == gst)
      return i;
  return NOT_FOUND;
}

static void
add_gst (PmodCameraMonitor *self, GstDevice *gst)
{
  g_autoptr (PmodCameraDevice) device = NULL;

  if (find_gst (self, gst) != NOT_FOUND)
    return;
  device = pmod_camera_device_new_gst (gst);
  g_list_store_append (self->devices, device);
}

static void
remove_gst (PmodCameraMonitor *self, GstDevice *gst)
{
  guint i = find_gst (self, gst);

  if (i != NOT_FOUND)
    g_list_store_remove (self->devices, i);
}

static gboolean
message_cb (GstBus *bus, GstMessage *message, gpointer user_data)
{
  PmodCameraMonitor *self = user_data;
  g_autoptr (GstDevice) device = NULL;

  switch (GST_MESSAGE_TYPE (message))
    {
    case GST_MESSAGE_DEVICE_ADDED:
      gst_message_parse_device_added (message, &device);
      add_gst (self, device);
      break;
    case GST_MESSAGE_DEVICE_REMOVED:
      gst_message_parse_device_removed (message, &device);
      remove_gst (self, device);
      break;
    default:
      break;
    }
  return G_SOURCE_CONTINUE;
}

/* --- The monitor ----------------------------------------------------------------------------- */

static void start_in_thread (GTask *task);

/* data: a GstDeviceMonitor to stop, or a GTask that wants one that runs. */
static void
work (gpointer data, gpointer user_data)
{
  if (G_IS_TASK (data))
    start_in_thread (data);
  else
    gst_device_monitor_stop (data);
  g_object_unref (data);
}

/* Takes data. Starting and stopping wait for other threads, so not here; and they are done in
 * order, one at a time: GStreamer 1.22 leaves a monitor deaf that was started before an older one
 * stopped. */
static void
push (gpointer data)
{
  static GThreadPool *pool;

  if (g_once_init_enter (&pool))
    g_once_init_leave (&pool, g_thread_pool_new (work, NULL, 1, FALSE, NULL));
  g_thread_pool_push (pool, data, NULL);
}

static void
stop_monitor (GstDeviceMonitor *gst)
{
  push (gst);
}

static void
start_in_thread (GTask *task)
{
  GError *error = NULL;
  GstDeviceMonitor *gst;

  if (g_task_return_error_if_cancelled (task))
    return;
  if (!gst_init_check (NULL, NULL, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  gst = gst_device_monitor_new ();
  gst_device_monitor_add_filter (gst, "Video/Source", NULL);
  /* FALSE where nothing can look for devices: an empty list then. */
  if (gst_device_monitor_start (gst))
    g_task_return_pointer (task, gst, (GDestroyNotify)stop_monitor);
  else
    g_task_return_pointer (task, gst, gst_object_unref);
}

/* A cancelled start may outlive the object: only then is it not touched. */
static void
started_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  GstDeviceMonitor *gst = g_task_propagate_pointer (G_TASK (result), &error);
  PmodCameraMonitor *self = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (gst)
    {
      GList *found;

      self->gst = gst;
      self->bus = gst_device_monitor_get_bus (gst);
      self->watch = gst_bus_add_watch (self->bus, message_cb, self);
      found = gst_device_monitor_get_devices (gst);
      for (GList *l = found; l; l = l->next)
        add_gst (self, l->data);
      g_list_free_full (found, gst_object_unref);
    }
  self->listed = TRUE;
  g_signal_emit (self, signals[LISTED], 0);
}

/* --- The portal ------------------------------------------------------------------------------ */

static void
set_answered (PmodCameraMonitor *self)
{
  self->answered = TRUE;
  if (self->listed)
    g_signal_emit (self, signals[LISTED], 0);
}

static void
present_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_autoptr (GVariant) present = NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (reply)
    g_variant_get (reply, "(v)", &present);
  if (present && g_variant_is_of_type (present, G_VARIANT_TYPE_BOOLEAN) &&
      g_variant_get_boolean (present))
    pmod_camera_monitor_add (user_data, pmod_camera_device_new_portal ());
  set_answered (user_data);
}

static void
bus_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = g_bus_get_finish (result, &error);
  PmodCameraMonitor *self = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (!bus)
    {
      set_answered (self);
      return;
    }
  g_dbus_connection_call (
      bus, PMOD_PORTAL_NAME, PMOD_PORTAL_PATH, "org.freedesktop.DBus.Properties", "Get",
      g_variant_new ("(ss)", PORTAL_CAMERA, "IsCameraPresent"), G_VARIANT_TYPE ("(v)"),
      G_DBUS_CALL_FLAGS_NONE, PORTAL_TIMEOUT_MS, self->cancellable, present_cb, self);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_camera_monitor_dispose (GObject *object)
{
  PmodCameraMonitor *self = PMOD_CAMERA_MONITOR (object);

  g_cancellable_cancel (self->cancellable);
  if (self->watch)
    gst_bus_remove_watch (self->bus);
  self->watch = 0;
  g_clear_object (&self->bus);
  g_clear_pointer (&self->gst, stop_monitor);

  G_OBJECT_CLASS (pmod_camera_monitor_parent_class)->dispose (object);
}

static void
pmod_camera_monitor_finalize (GObject *object)
{
  PmodCameraMonitor *self = PMOD_CAMERA_MONITOR (object);

  g_clear_object (&self->cancellable);
  g_clear_object (&self->devices);

  G_OBJECT_CLASS (pmod_camera_monitor_parent_class)->finalize (object);
}

static void
pmod_camera_monitor_class_init (PmodCameraMonitorClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = pmod_camera_monitor_dispose;
  object_class->finalize = pmod_camera_monitor_finalize;

  signals[LISTED] = g_signal_new ("listed", PMOD_TYPE_CAMERA_MONITOR, G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 0);
}

static void
pmod_camera_monitor_init (PmodCameraMonitor *self)
{
  self->devices = g_list_store_new (PMOD_TYPE_CAMERA_DEVICE);
  self->cancellable = g_cancellable_new ();
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodCameraMonitor *
pmod_camera_monitor_new (void)
{
  return g_object_new (PMOD_TYPE_CAMERA_MONITOR, NULL);
}

GListModel *
pmod_camera_monitor_get_devices (PmodCameraMonitor *self)
{
  return G_LIST_MODEL (self->devices);
}

gboolean
pmod_camera_monitor_is_listed (PmodCameraMonitor *self)
{
  return self->listed;
}

gboolean
pmod_camera_monitor_is_complete (PmodCameraMonitor *self)
{
  return self->listed && self->answered;
}

void
pmod_camera_monitor_start (PmodCameraMonitor *self)
{
  if (self->started)
    return;
  self->started = TRUE;
  push (g_task_new (NULL, self->cancellable, started_cb, self));
  g_bus_get (G_BUS_TYPE_SESSION, self->cancellable, bus_cb, self);
}

static guint
find_id (PmodCameraMonitor *self, const char *id)
{
  guint n_devices = g_list_model_get_n_items (G_LIST_MODEL (self->devices));

  for (guint i = 0; i < n_devices; i++)
    if (g_str_equal (pmod_camera_device_get_id (get_device (self, i)), id))
      return i;
  for (guint i = 0; i < n_devices; i++)
    if (g_str_equal (pmod_camera_device_get_name (get_device (self, i)), id))
      return i;
  return NOT_FOUND;
}

PmodCameraDevice *
pmod_camera_monitor_add (PmodCameraMonitor *self, PmodCameraDevice *device)
{
  g_autoptr (PmodCameraDevice) owned = device;
  guint i = find_id (self, pmod_camera_device_get_id (owned));

  if (i != NOT_FOUND)
    return get_device (self, i);
  g_list_store_append (self->devices, owned);
  return device;
}

PmodCameraDevice *
pmod_camera_monitor_find (PmodCameraMonitor *self, const char *id_or_name)
{
  guint i = find_id (self, id_or_name);

  return i == NOT_FOUND ? NULL : g_object_ref (get_device (self, i));
}
