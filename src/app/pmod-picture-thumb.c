/* PmodPictureThumb: see pmod-picture-thumb.h. */
#include "config.h"

#include "pmod-picture-thumb.h"

#include <math.h>

#include "pmod-picture-texture.h"

#define SIDE 52
#define CORNER_RADIUS 8

struct _PmodPictureThumb
{
  GtkWidget parent_instance;

  PmodPicture *picture;
  PmodPictureTexture texture;
};

G_DEFINE_FINAL_TYPE (PmodPictureThumb, pmod_picture_thumb, GTK_TYPE_WIDGET)

/* The whole picture's place, of which the square shows the middle. */
static void
get_area (PmodPictureThumb *self, const graphene_rect_t *frame, graphene_rect_t *area)
{
  float width = (float)pmod_picture_get_width (self->picture);
  float height = (float)pmod_picture_get_height (self->picture);
  float scale = MAX (frame->size.width / width, frame->size.height / height);

  width = roundf (width * scale);
  height = roundf (height * scale);
  graphene_rect_init (area, frame->origin.x + floorf ((frame->size.width - width) / 2),
                      frame->origin.y + floorf ((frame->size.height - height) / 2), width, height);
}

static void
pmod_picture_thumb_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodPictureThumb *self = PMOD_PICTURE_THUMB (widget);
  graphene_rect_t frame, area;
  GskRoundedRect clip;

  /* Made when it is first seen. */
  if (!self->texture.picture)
    pmod_picture_texture_set (&self->texture, self->picture);
  graphene_rect_init (&frame, floorf ((float)(gtk_widget_get_width (widget) - SIDE) / 2),
                      floorf ((float)(gtk_widget_get_height (widget) - SIDE) / 2), SIDE, SIDE);
  get_area (self, &frame, &area);
  gsk_rounded_rect_init_from_rect (&clip, &frame, CORNER_RADIUS);
  gtk_snapshot_push_rounded_clip (snapshot, &clip);
  pmod_picture_texture_snapshot (&self->texture, snapshot, &area, &frame,
                                 gtk_widget_get_scale_factor (widget));
  gtk_snapshot_pop (snapshot);
}

static void
pmod_picture_thumb_measure (GtkWidget *widget,
                            GtkOrientation orientation,
                            int for_size,
                            int *minimum,
                            int *natural,
                            int *minimum_baseline,
                            int *natural_baseline)
{
  *minimum = *natural = SIDE;
}

static void
pmod_picture_thumb_dispose (GObject *object)
{
  PmodPictureThumb *self = PMOD_PICTURE_THUMB (object);

  g_clear_object (&self->picture);
  pmod_picture_texture_set (&self->texture, NULL);

  G_OBJECT_CLASS (pmod_picture_thumb_parent_class)->dispose (object);
}

static void
pmod_picture_thumb_class_init (PmodPictureThumbClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_picture_thumb_dispose;
  widget_class->snapshot = pmod_picture_thumb_snapshot;
  widget_class->measure = pmod_picture_thumb_measure;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-picture-thumb.ui");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  gtk_widget_class_set_css_name (widget_class, "picturethumb");
}

static void
pmod_picture_thumb_init (PmodPictureThumb *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pmod_picture_thumb_new (PmodPicture *picture)
{
  PmodPictureThumb *self = g_object_new (PMOD_TYPE_PICTURE_THUMB, NULL);
  const char *name = pmod_picture_get_name (picture);

  self->picture = g_object_ref (picture);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self), name);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  return GTK_WIDGET (self);
}
