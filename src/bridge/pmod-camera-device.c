/* PmodCameraDevice: see pmod-camera-device.h. */
#include "config.h"

#include "pmod-camera-device-private.h"

#include <glib/gi18n.h>

struct _PmodCameraDevice
{
  GObject parent_instance;

  PmodCameraKind kind;
  char *id;
  char *name;
  char *path;     /* of a film */
  GstDevice *gst; /* of a camera */
};

enum
{
  PROP_NAME = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodCameraDevice, pmod_camera_device, G_TYPE_OBJECT)

static void
pmod_camera_device_finalize (GObject *object)
{
  PmodCameraDevice *self = PMOD_CAMERA_DEVICE (object);

  g_free (self->id);
  g_free (self->name);
  g_free (self->path);
  g_clear_object (&self->gst);

  G_OBJECT_CLASS (pmod_camera_device_parent_class)->finalize (object);
}

static void
pmod_camera_device_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_NAME:
      g_value_set_string (value, PMOD_CAMERA_DEVICE (object)->name);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_camera_device_class_init (PmodCameraDeviceClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = pmod_camera_device_finalize;
  object_class->get_property = pmod_camera_device_get_property;

  props[PROP_NAME] =
      g_param_spec_string ("name", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
pmod_camera_device_init (PmodCameraDevice *self)
{
}

static PmodCameraDevice *
device_new (PmodCameraKind kind, const char *id, const char *name)
{
  PmodCameraDevice *self = g_object_new (PMOD_TYPE_CAMERA_DEVICE, NULL);

  self->kind = kind;
  self->id = g_strdup (id);
  self->name = g_strdup (name);
  return self;
}

PmodCameraDevice *
pmod_camera_device_new_file (const char *path)
{
  g_autofree char *id = g_strconcat ("file:", path, NULL);
  g_autofree char *name = g_filename_display_basename (path);
  PmodCameraDevice *self = device_new (PMOD_CAMERA_KIND_FILE, id, name);

  self->path = g_strdup (path);
  return self;
}

PmodCameraDevice *
pmod_camera_device_new_test (void)
{
  return device_new (PMOD_CAMERA_KIND_TEST, "test", _ ("Test picture"));
}

PmodCameraDevice *
pmod_camera_device_new_portal (void)
{
  return device_new (PMOD_CAMERA_KIND_PORTAL, "portal", _ ("Camera that the desktop offers"));
}

/* PipeWire and v4l2 each have a name of their own for the node in /dev. */
static char *
find_id (GstDevice *device, const char *name)
{
  static const char *const fields[] = { "api.v4l2.path", "device.path", "node.name" };
  g_autoptr (GstStructure) properties = gst_device_get_properties (device);

  for (guint i = 0; properties && i < G_N_ELEMENTS (fields); i++)
    {
      const char *id = gst_structure_get_string (properties, fields[i]);

      if (id && *id)
        return g_strdup (id);
    }
  return g_strdup (name);
}

PmodCameraDevice *
pmod_camera_device_new_gst (GstDevice *device)
{
  g_autofree char *name = gst_device_get_display_name (device);
  g_autofree char *id = find_id (device, name);
  PmodCameraDevice *self = device_new (PMOD_CAMERA_KIND_CAMERA, id, name);

  self->gst = g_object_ref (device);
  return self;
}

GstDevice *
pmod_camera_device_get_gst (PmodCameraDevice *self)
{
  return self->gst;
}

const char *
pmod_camera_device_get_path (PmodCameraDevice *self)
{
  return self->path;
}

const char *
pmod_camera_device_get_id (PmodCameraDevice *self)
{
  g_return_val_if_fail (PMOD_IS_CAMERA_DEVICE (self), NULL);
  return self->id;
}

const char *
pmod_camera_device_get_name (PmodCameraDevice *self)
{
  g_return_val_if_fail (PMOD_IS_CAMERA_DEVICE (self), NULL);
  return self->name;
}

PmodCameraKind
pmod_camera_device_get_kind (PmodCameraDevice *self)
{
  g_return_val_if_fail (PMOD_IS_CAMERA_DEVICE (self), PMOD_CAMERA_KIND_CAMERA);
  return self->kind;
}
