/* A picture as a texture of about the size it is seen at.
 *
 * Not a widget. A photograph has many times as many pixels as it is shown with, and a renderer
 * without a graphics card would convert and shrink all of them in every frame. Called by
 * PmodMaskView. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-picture.h"

G_BEGIN_DECLS

typedef struct
{
  PmodPicture *picture;
  GdkTexture *whole; /* the picture's own pixels */
  GdkTexture *small; /* those of the frame, or NULL: not needed yet */
  graphene_rect_t area;
  graphene_rect_t frame;
  int scale;
} PmodPictureTexture;

void pmod_picture_texture_set (PmodPictureTexture *self, PmodPicture *picture); /* (nullable) */

/* Draws the part of area that is inside frame, where area is the whole picture's place. scale:
 * pixels of the screen for one of the widget's. */
void pmod_picture_texture_snapshot (PmodPictureTexture *self,
                                    GtkSnapshot *snapshot,
                                    const graphene_rect_t *area,
                                    const graphene_rect_t *frame,
                                    int scale);

G_END_DECLS
