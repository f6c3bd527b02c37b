/* Contrast of every colour that says something: text 4.5 to 1, what is drawn 3 to 1 (WCAG 2.1),
 * in light, dark and both of high contrast.
 *
 * The surfaces are libadwaita 1.2's. Tracks, grid lines and the rest of a bar are decoration: what
 * they show stands beside them in words. What lies over a picture has any colour under it, and is
 * therefore drawn as pairs, which must differ. */
#include "config.h"

#include <math.h>

#include "pmod-palette.h"
#include "pmod-plot-text.h"

#define TEXT 4.5
#define GRAPHICS 3.0

typedef struct
{
  const char *name;
  gboolean is_dark;
  gboolean is_high_contrast;
  GdkRGBA window, view; /* what texts and charts stand on */
  GdkRGBA text;
} Style;

#define GREY(hex)                                                                                  \
  {                                                                                                \
    (hex) / 255.f, (hex) / 255.f, (hex) / 255.f, 1                                                 \
  }

static const Style styles[] = {
  { "light", FALSE, FALSE, GREY (0xfa), GREY (0xff), { 0, 0, 0, 0.8f } },
  { "dark", TRUE, FALSE, GREY (0x24), GREY (0x1e), { 1, 1, 1, 1 } },
  { "high contrast", FALSE, TRUE, GREY (0xfa), GREY (0xff), { 0, 0, 0, 1 } },
  { "high contrast, dark", TRUE, TRUE, GREY (0x24), GREY (0x1e), { 1, 1, 1, 1 } },
};

static GdkRGBA
put_on (const GdkRGBA *color, const GdkRGBA *under)
{
  GdkRGBA result = pmod_palette_mix (under, color, color->alpha);

  result.alpha = 1;
  return result;
}

static double
linear (double value)
{
  return value <= 0.04045 ? value / 12.92 : pow ((value + 0.055) / 1.055, 2.4);
}

static double
luminance (const GdkRGBA *color)
{
  return 0.2126 * linear (color->red) + 0.7152 * linear (color->green) +
         0.0722 * linear (color->blue);
}

/* color may be see-through; under is not. */
static void
check (
    const Style *style, const char *what, const GdkRGBA *color, const GdkRGBA *under, double least)
{
  GdkRGBA seen = put_on (color, under);
  double a = luminance (&seen), b = luminance (under);
  double contrast = (MAX (a, b) + 0.05) / (MIN (a, b) + 0.05);

  g_test_message ("%s, %s: %.2f to 1", style->name, what, contrast);
  if (contrast < least)
    g_error ("%s, %s: expected a contrast of %.1f to 1, got %.2f", style->name, what, least,
             contrast);
}

static void
check_on_surfaces (const Style *style, const char *what, const GdkRGBA *color, double least)
{
  check (style, what, color, &style->window, least);
  check (style, what, color, &style->view, least);
}

static GdkRGBA
from_hex (guint32 hex)
{
  return (GdkRGBA){ (float)(hex >> 16 & 255) / 255, (float)(hex >> 8 & 255) / 255,
                    (float)(hex & 255) / 255, 1 };
}

static GdkRGBA
weaken (GdkRGBA color, double share)
{
  color.alpha *= (float)share;
  return color;
}

/* How strong the style sheet leaves text that matters less. */
static double
read_dim_opacity (void)
{
  g_autofree char *css = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GRegex) regex = g_regex_new ("\\.dim-label \\{\\s*opacity: ([0-9.]+);", 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  g_autofree char *number = NULL;

  g_file_get_contents (STYLE_SHEET, &css, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_regex_match (regex, css, 0, &match));
  number = g_match_info_fetch (match, 1);
  return g_ascii_strtod (number, NULL);
}

static void
test_texts (void)
{
  double dim = read_dim_opacity ();

  for (gsize i = 0; i < G_N_ELEMENTS (styles); i++)
    {
      const Style *style = &styles[i];
      const PmodAccent *accent = pmod_palette_get_accent (style->is_dark);
      GdkRGBA text = from_hex (accent->text), background = from_hex (accent->background);
      GdkRGBA foreground = from_hex (accent->foreground);
      GdkRGBA faint = weaken (style->text, dim);
      GdkRGBA ticks = weaken (style->text, PMOD_PLOT_TEXT_STRENGTH);
      GdkRGBA tinted = weaken (background, 0.18); /* a selected row, a question, a badge */

      check_on_surfaces (style, "accent text", &text, TEXT);
      check (style, "text on the accent", &foreground, &background, TEXT);
      check_on_surfaces (style, "text that matters less", &faint, TEXT);
      check_on_surfaces (style, "ticks of charts", &ticks, TEXT);
      tinted = put_on (&tinted, &style->view);
      check (style, "text on a tint", &style->text, &tinted, TEXT);
    }
}

static void
test_graphics (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (styles); i++)
    {
      const Style *style = &styles[i];
      const PmodPalette *palette = pmod_palette_get_for (style->is_dark, style->is_high_contrast);
      GdkRGBA track = put_on (&palette->track, &style->view);
      GdkRGBA dense = put_on (&palette->dense, &track);

      check_on_surfaces (style, "what was used", &palette->used, GRAPHICS);
      check (style, "used and the rest of its bar", &palette->used, &track, GRAPHICS);
      check (style, "used and dense", &palette->used, &dense, GRAPHICS);
      check_on_surfaces (style, "a bar of what was not kept", &palette->unused, GRAPHICS);
      check_on_surfaces (style, "fine lines", &palette->ink, GRAPHICS);
      check_on_surfaces (style, "a plain layer's map", &palette->plain, GRAPHICS);
      check (style, "kept least and skipped", &palette->kept_low, &palette->skipped, GRAPHICS);
      check (style, "kept most and skipped", &palette->kept_high, &palette->skipped, GRAPHICS);
      check (style, "marks over what is skipped", &palette->mark, &palette->skipped, GRAPHICS);
      check (style, "curve as trained", &palette->mark, &style->view, GRAPHICS);
    }
}

static void
test_pairs (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (styles); i++)
    {
      const Style *style = &styles[i];
      const PmodPalette *palette = pmod_palette_get_for (style->is_dark, style->is_high_contrast);
      GdkRGBA under = put_on (&palette->hatch_under, &palette->outline_light);

      check (style, "outlines", &palette->outline_light, &palette->outline_dark, GRAPHICS);
      check (style, "hovered", &palette->hover, &palette->outline_dark, GRAPHICS);
      check (style, "legend", &palette->legend_kept, &palette->legend_skipped, GRAPHICS);
      check (style, "first pattern", &palette->hatch_first, &under, GRAPHICS);
      check (style, "second pattern", &palette->hatch_second, &under, GRAPHICS);
    }
}

static void
test_print (void)
{
  static const Style paper = { .name = "printed", .window = GREY (0xff), .view = GREY (0xff) };
  const PmodPrintInks *inks = pmod_palette_get_inks ();

  check (&paper, "ink", &inks->ink, &inks->page, TEXT);
  check (&paper, "faint ink", &inks->faint, &inks->page, TEXT);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/palette/texts", test_texts);
  g_test_add_func ("/palette/graphics", test_graphics);
  g_test_add_func ("/palette/pairs", test_pairs);
  g_test_add_func ("/palette/print", test_print);
  return g_test_run ();
}
