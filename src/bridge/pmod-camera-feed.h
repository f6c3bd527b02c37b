/* One GStreamer pipeline from a source to pictures, from start to end. For PmodCamera only.
 *
 * Main thread; no function here waits. What opens, pauses and closes the device happens in order
 * on a thread of the feed's own, which may hang for as long as the device does. */
#pragma once

#include "pmod-camera-device.h"
#include "pmod-picture.h"

G_BEGIN_DECLS

typedef struct _PmodCameraFeed PmodCameraFeed;

/* All on the main thread, and none after pmod_camera_feed_end(). */
typedef struct
{
  void (*frame) (PmodPicture *picture, gpointer owner);
  void (*failed) (const GError *error, gpointer owner);
  void (*ended) (gboolean for_good, gpointer owner); /* a film; for good: it cannot be rewound */
} PmodCameraFeedFuncs;

/* Starts at once. pipewire_fd: of the portal, taken, else -1. The test picture has width x height,
 * any other at most that, in its own proportions. */
PmodCameraFeed *pmod_camera_feed_new (PmodCameraDevice *device,
                                      int pipewire_fd,
                                      int width,
                                      int height,
                                      const PmodCameraFeedFuncs *funcs,
                                      gpointer owner);
void pmod_camera_feed_end (PmodCameraFeed *self);

void pmod_camera_feed_set_paused (PmodCameraFeed *self, gboolean paused);
void pmod_camera_feed_rewind (PmodCameraFeed *self);
void pmod_camera_feed_set_mirrored (PmodCameraFeed *self, gboolean mirrored);

/* Frames that came, those of them that a newer one replaced before they were handed on, and when
 * the last one came (0: none yet). */
void pmod_camera_feed_get_counts (PmodCameraFeed *self,
                                  guint64 *n_frames,
                                  guint64 *n_dropped,
                                  gint64 *last_us);

G_END_DECLS
