/* What stands in the picture's place while a camera starts, and where it cannot. */
#pragma once

#include <adwaita.h>

#include "pmod-live.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CAMERA_PAGE (pmod_camera_page_get_type ())
G_DECLARE_FINAL_TYPE (PmodCameraPage, pmod_camera_page, PMOD, CAMERA_PAGE, AdwBin)

/* What a state that is not playing is called. */
const char *pmod_camera_page_title (PmodCamera *camera);

G_END_DECLS
