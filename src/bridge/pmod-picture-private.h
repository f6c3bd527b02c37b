/* The engine's side of a picture: for PmodSession only. */
#pragma once

#include "pmod-engine.h"
#include "pmod-picture.h"

G_BEGIN_DECLS

PmodImage *pmod_picture_get_image (PmodPicture *self);

G_END_DECLS
