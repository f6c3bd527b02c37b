/* See camera-check.h. */
#include "config.h"

#include "camera-check.h"

/* --- Waiting --------------------------------------------------------------------------------- */

static gboolean
timeout_cb (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

void
camera_wait_until (gboolean (*condition) (gpointer), gpointer object)
{
  gboolean late = FALSE;
  guint id = g_timeout_add_seconds (240, timeout_cb, &late);

  while (!condition (object) && !late)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (late);
  g_source_remove (id);
}

gboolean
camera_need (const char *factories)
{
  g_auto (GStrv) names = g_strsplit (
      factories ? factories : "videotestsrc videoconvert videoscale decodebin appsink", " ", -1);

  for (int i = 0; names[i]; i++)
    {
      GstElementFactory *factory = gst_element_factory_find (names[i]);

      if (!factory)
        {
          g_autofree char *reason = g_strdup_printf ("GStreamer has no %s here", names[i]);

          g_test_skip (reason);
          return FALSE;
        }
      gst_object_unref (factory);
    }
  return TRUE;
}

/* --- A camera that can be plugged in and out ------------------------------------------------- */

typedef struct
{
  GstDevice parent_instance;
  char *pipeline;
  int code; /* of the error that it posts, or 0 */
} CheckDevice;

typedef GstDeviceClass CheckDeviceClass;
typedef GstDeviceProvider CheckProvider;
typedef GstDeviceProviderClass CheckProviderClass;

GType check_device_get_type (void);
GType check_provider_get_type (void);
G_DEFINE_TYPE (CheckDevice, check_device, GST_TYPE_DEVICE)
G_DEFINE_TYPE (CheckProvider, check_provider, GST_TYPE_DEVICE_PROVIDER)

static GstPadProbeReturn
fail_cb (GstPad *pad, GstPadProbeInfo *info, gpointer code)
{
  GstObject *bin = gst_object_get_parent (GST_OBJECT (pad));
  GError *error =
      g_error_new_literal (GST_RESOURCE_ERROR, GPOINTER_TO_INT (code), "as the test wants it");

  gst_element_post_message (GST_ELEMENT (bin), gst_message_new_error (bin, error, NULL));
  g_error_free (error);
  gst_object_unref (bin);
  return GST_PAD_PROBE_DROP;
}

static GstElement *
check_device_create_element (GstDevice *device, const char *name)
{
  CheckDevice *self = (CheckDevice *)device;
  GstElement *bin = gst_parse_bin_from_description (self->pipeline, TRUE, NULL);
  GstPad *pad = gst_element_get_static_pad (bin, "src");

  if (self->code)
    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, fail_cb, GINT_TO_POINTER (self->code), NULL);
  gst_object_unref (pad);
  return bin;
}

static void
check_device_finalize (GObject *object)
{
  g_free (((CheckDevice *)object)->pipeline);
  G_OBJECT_CLASS (check_device_parent_class)->finalize (object);
}

static void
check_device_class_init (CheckDeviceClass *klass)
{
  klass->create_element = check_device_create_element;
  G_OBJECT_CLASS (klass)->finalize = check_device_finalize;
}

static void
check_device_init (CheckDevice *self)
{
}

static gboolean
check_provider_start (GstDeviceProvider *provider)
{
  return TRUE;
}

static void
check_provider_stop (GstDeviceProvider *provider)
{
}

static GList *
check_provider_probe (GstDeviceProvider *provider)
{
  return NULL;
}

static void
check_provider_class_init (CheckProviderClass *klass)
{
  klass->start = check_provider_start;
  klass->stop = check_provider_stop;
  klass->probe = check_provider_probe;
  gst_device_provider_class_set_static_metadata (klass, "Check", "Source/Video", "For tests",
                                                 "Strata");
}

static void
check_provider_init (CheckProvider *self)
{
}

static GstDeviceProvider *
get_provider (void)
{
  GstDeviceProviderFactory *factory = gst_device_provider_factory_find ("checkprovider");
  GstDeviceProvider *provider;

  g_assert_nonnull (factory);
  provider = gst_device_provider_factory_get (factory);
  gst_object_unref (factory);
  return provider;
}

void
camera_register_provider (void)
{
  g_assert_true (gst_device_provider_register (NULL, "checkprovider", GST_RANK_PRIMARY,
                                               check_provider_get_type ()));
}

static GstDevice *
plug_in (const char *name, const char *pipeline, int code)
{
  GstDeviceProvider *provider = get_provider ();
  GstCaps *caps = gst_caps_new_empty_simple ("video/x-raw");
  CheckDevice *device = g_object_new (check_device_get_type (), "display-name", name, "caps", caps,
                                      "device-class", "Video/Source", NULL);

  device->pipeline = g_strdup (pipeline);
  device->code = code;
  gst_object_ref_sink (device);
  gst_device_provider_device_add (provider, GST_DEVICE (device));
  gst_caps_unref (caps);
  gst_object_unref (provider);
  return GST_DEVICE (device);
}

GstDevice *
camera_plug_in (const char *name, const char *pipeline)
{
  return plug_in (name, pipeline, 0);
}

GstDevice *
camera_plug_in_failing (const char *name, int code)
{
  return plug_in (name, "videotestsrc is-live=true", code);
}

/* Takes device. */
void
camera_unplug (GstDevice *device)
{
  GstDeviceProvider *provider = get_provider ();

  gst_device_provider_device_remove (provider, device);
  gst_object_unref (device);
  gst_object_unref (provider);
}
