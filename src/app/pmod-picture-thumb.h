/* A picture as small as a finger: its middle, in a square of round corners. It only draws. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-picture.h"

G_BEGIN_DECLS

#define PMOD_TYPE_PICTURE_THUMB (pmod_picture_thumb_get_type ())
G_DECLARE_FINAL_TYPE (PmodPictureThumb, pmod_picture_thumb, PMOD, PICTURE_THUMB, GtkWidget)

GtkWidget *pmod_picture_thumb_new (PmodPicture *picture);

G_END_DECLS
