/* Every colour of the window: of the drawn views, and of the style sheet's accent.
 *
 * Kept and skipped differ in lightness, not in hue alone, so that the maps can be read without
 * colours. Values for light, dark and high contrast; nothing else in the app names a colour. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

typedef struct
{
  GdkRGBA kept_low;  /* kept, the smallest weight of its layer */
  GdkRGBA kept_high; /* kept, the largest */
  GdkRGBA skipped;
  GdkRGBA plain;   /* a layer without a router: all kept */
  GdkRGBA pending; /* not computed yet */
  GdkRGBA mark;    /* lines over a map that is no choice */

  GdkRGBA dim;           /* over skipped parts of the picture */
  GdkRGBA edge;          /* between kept and skipped, over the picture */
  GdkRGBA hover;         /* around the part under the pointer */
  GdkRGBA outline_light; /* a pair of lines that stand out from any colour */
  GdkRGBA outline_dark;
  GdkRGBA legend_skipped; /* what dim and clear look like over a picture of middle grey */
  GdkRGBA legend_kept;
  GdkRGBA hatch_first;  /* patterns over the picture: of the first kind, of the second, */
  GdkRGBA hatch_second; /* and what lies under both */
  GdkRGBA hatch_under;
  GdkRGBA paper; /* where a recorded run has no picture */

  GdkRGBA used; /* bars: what was used, what a dense model would have used, what is to come */
  GdkRGBA dense;
  GdkRGBA unused; /* of what was not kept */
  GdkRGBA track;
  GdkRGBA ink;    /* fine lines of charts, such as a cut */
  GdkRGBA margin; /* beside a cut: what is not quite sure */
} PmodPalette;

/* For the style that is in use now. */
const PmodPalette *pmod_palette_get (void);

/* For any, in use or not. */
const PmodPalette *pmod_palette_get_for (gboolean is_dark, gboolean is_high_contrast);

/* For what leaves the window: the same whatever its style is. Any thread. */
const PmodPalette *pmod_palette_get_print (void);

/* The page that is printed on, its text, and text that matters less. */
typedef struct
{
  GdkRGBA page;
  GdkRGBA ink;
  GdkRGBA faint;
} PmodPrintInks;

const PmodPrintInks *pmod_palette_get_inks (void);

/* A colour between two. */
GdkRGBA pmod_palette_mix (const GdkRGBA *low, const GdkRGBA *high, double share);

/* From low (0, dark blue) to high (1, light yellow): lightness grows evenly, and blue to yellow is
 * the direction that most eyes without full colour vision see. The same in every style, so that a
 * map's colours mean the same everywhere. */
GdkRGBA pmod_palette_get_ramp (double share);

/* For textures made of pixels: one that GTK's Cairo renderer draws without a detour through
 * floating point, as it takes for premultiplied ones (4.8: three times as long). */
#define PMOD_PALETTE_PIXELS GDK_MEMORY_R8G8B8A8
guint32 pmod_palette_to_pixel (const GdkRGBA *color);

/* The accent, as 0xrrggbb: what is filled with it, what is written on that, and text in it. */
typedef struct
{
  guint32 background;
  guint32 foreground;
  guint32 text;
} PmodAccent;

const PmodAccent *pmod_palette_get_accent (gboolean is_dark);

/* The accent as a style sheet. (transfer full) */
char *pmod_palette_to_css (void);

/* Calls func (widget) whenever the style changes, as long as widget lives. */
void pmod_palette_follow (GtkWidget *widget, void (*func) (GtkWidget *));

G_END_DECLS
