/* Patterns over a picture, so that a mark is read by shape as well as by colour. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

typedef enum
{
  PMOD_HATCH_FIRST,  /* lines that rise to the right */
  PMOD_HATCH_SECOND, /* lines that fall to the right, in dashes */
} PmodHatch;

/* Fills the path of cr, which is forgotten, with or without a line around it. Lines of all that is
 * filled inside of bounds join. */
void
pmod_hatch_fill (cairo_t *cr, PmodHatch hatch, const graphene_rect_t *bounds, gboolean outlined);

G_END_DECLS
