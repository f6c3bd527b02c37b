/* Moving pictures: which sources there are, one of them running, its newest frame.
 *
 * A frame is a PmodPicture. Only the newest waits for the main thread; one that it comes too late
 * for is dropped and counted. Nothing here blocks: GStreamer is started, devices are opened and
 * closed by other threads. What goes wrong is a state with a message, never silence: a source that
 * stops delivering is noticed, too. Main thread. */
#pragma once

#include "pmod-camera-device.h"
#include "pmod-picture.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CAMERA (pmod_camera_get_type ())
G_DECLARE_FINAL_TYPE (PmodCamera, pmod_camera, PMOD, CAMERA, GObject)

typedef enum
{
  PMOD_CAMERA_STOPPED,
  PMOD_CAMERA_STARTING, /* asked for, no frame yet */
  PMOD_CAMERA_PLAYING,
  PMOD_CAMERA_ENDED,   /* a film, and it is not to begin again */
  PMOD_CAMERA_REFUSED, /* permission is missing */
  PMOD_CAMERA_GONE,    /* unplugged, or it stopped delivering */
  PMOD_CAMERA_ERROR,
} PmodCameraState;

PmodCamera *pmod_camera_new (void);

/* Begins to follow what is plugged in; the list stays empty until then. */
void pmod_camera_look (PmodCamera *self);
GListModel *pmod_camera_get_devices (PmodCamera *self); /* PmodCameraDevice */
/* Whether those that are there now are in the list. */
gboolean pmod_camera_is_listed (PmodCamera *self);

/* "test", "portal", "file:ABSOLUTE-PATH", a device's id or name, or "": the first in the list. */
void pmod_camera_start (PmodCamera *self, const char *id_or_name);
void pmod_camera_stop (PmodCamera *self);

/* Of the source that was asked for last. (nullable) */
PmodCameraDevice *pmod_camera_get_device (PmodCamera *self);
PmodCameraState pmod_camera_get_state (PmodCamera *self);
/* What happened and how to mend it; NULL while all is well. */
const char *pmod_camera_get_message (PmodCamera *self);

/* A paused source delivers nothing and is not missed. */
void pmod_camera_set_paused (PmodCamera *self, gboolean paused);

/* The frames themselves are mirrored: what is shown, what a model sees and what is kept are one
 * picture. */
gboolean pmod_camera_get_mirrored (PmodCamera *self);
void pmod_camera_set_mirrored (PmodCamera *self, gboolean mirrored);

/* Of the next start: the test picture has this size, any other at most this. */
void pmod_camera_set_size (PmodCamera *self, int width, int height);
/* Whether a film begins again at its end; it does unless told otherwise. */
void pmod_camera_set_loop (PmodCamera *self, gboolean loop);
/* How long a source may be silent before it counts as gone; a starting one twice as long. */
void pmod_camera_set_patience (PmodCamera *self, guint milliseconds);

/* Since the start: frames that came, and those of them that were never handed on. */
guint64 pmod_camera_get_n_frames (PmodCamera *self);
guint64 pmod_camera_get_n_dropped (PmodCamera *self);

G_END_DECLS
