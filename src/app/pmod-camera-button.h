/* The cameras there are, in a popover that follows plugging; the window's actions start them. */
#pragma once

#include <adwaita.h>

#include "pmod-live.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CAMERA_BUTTON (pmod_camera_button_get_type ())
G_DECLARE_FINAL_TYPE (PmodCameraButton, pmod_camera_button, PMOD, CAMERA_BUTTON, AdwBin)

G_END_DECLS
