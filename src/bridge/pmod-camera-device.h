/* One place that moving pictures come from: a camera, the desktop's camera portal, a film, or the
 * test picture. Immutable; main thread. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  PMOD_CAMERA_KIND_CAMERA, /* a device that GStreamer sees */
  PMOD_CAMERA_KIND_PORTAL, /* the desktop is asked, and says which */
  PMOD_CAMERA_KIND_FILE,   /* a film, again and again */
  PMOD_CAMERA_KIND_TEST,   /* a ball that jumps about */
} PmodCameraKind;

#define PMOD_TYPE_CAMERA_DEVICE (pmod_camera_device_get_type ())
G_DECLARE_FINAL_TYPE (PmodCameraDevice, pmod_camera_device, PMOD, CAMERA_DEVICE, GObject)

/* What it is asked for by: "test", "portal", "file:PATH", or a device's own, as "/dev/video0". */
const char *pmod_camera_device_get_id (PmodCameraDevice *self);
const char *pmod_camera_device_get_name (PmodCameraDevice *self);
PmodCameraKind pmod_camera_device_get_kind (PmodCameraDevice *self);

G_END_DECLS
