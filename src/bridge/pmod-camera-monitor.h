/* Which cameras there are, followed as they are plugged in and out. For PmodCamera only.
 *
 * GStreamer is started and its devices are looked for in a thread: that may take seconds where
 * nothing is cached yet. The list itself belongs to the main thread. */
#pragma once

#include "pmod-camera-device.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CAMERA_MONITOR (pmod_camera_monitor_get_type ())
G_DECLARE_FINAL_TYPE (PmodCameraMonitor, pmod_camera_monitor, PMOD, CAMERA_MONITOR, GObject)

/* Its signal "listed" comes when those that are there now are in the list, and once more when the
 * desktop has said whether it offers one. */
PmodCameraMonitor *pmod_camera_monitor_new (void);
GListModel *pmod_camera_monitor_get_devices (PmodCameraMonitor *self); /* PmodCameraDevice */

/* Once; later calls do nothing. */
void pmod_camera_monitor_start (PmodCameraMonitor *self);
gboolean pmod_camera_monitor_is_listed (PmodCameraMonitor *self);
/* Whether the desktop has answered, too, which may take longer. */
gboolean pmod_camera_monitor_is_complete (PmodCameraMonitor *self);

/* A source that no monitor finds: of several with one id the first stays, and is returned.
 * Takes device. (transfer none) */
PmodCameraDevice *pmod_camera_monitor_add (PmodCameraMonitor *self, PmodCameraDevice *device);

/* By id, else by name; NULL: none. (transfer full) */
PmodCameraDevice *pmod_camera_monitor_find (PmodCameraMonitor *self, const char *id_or_name);

G_END_DECLS
