/* What the tests of cameras share: waiting, and a camera that can be plugged in and out. */
#pragma once

#include <gst/gst.h>

#include "pmod-camera.h"

/* Until condition (object) holds; fails the test after four minutes. */
void camera_wait_until (gboolean (*condition) (gpointer), gpointer object);

/* Skips the running test, with the reason, where GStreamer lacks one of these elements (names
 * separated by spaces), or NULL for what every test needs. FALSE: skipped. */
gboolean camera_need (const char *factories);

/* A provider of devices whose cameras are pipelines: for example a picture of one colour. */
void camera_register_provider (void);
GstDevice *camera_plug_in (const char *name, const char *pipeline);
/* Its first frame is this error of GST_RESOURCE_ERROR instead. */
GstDevice *camera_plug_in_failing (const char *name, int code);
void camera_unplug (GstDevice *device);
