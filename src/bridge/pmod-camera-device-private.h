/* GStreamer's side of a source: for PmodCamera and its parts only. */
#pragma once

#include <gst/gst.h>

#include "pmod-camera-device.h"

G_BEGIN_DECLS

/* path: of a film, absolute. */
PmodCameraDevice *pmod_camera_device_new_file (const char *path);
PmodCameraDevice *pmod_camera_device_new_test (void);
PmodCameraDevice *pmod_camera_device_new_portal (void);
PmodCameraDevice *pmod_camera_device_new_gst (GstDevice *device);

/* (nullable): only a device that GStreamer sees has one. */
GstDevice *pmod_camera_device_get_gst (PmodCameraDevice *self);
const char *pmod_camera_device_get_path (PmodCameraDevice *self); /* of a film (nullable) */

G_END_DECLS
