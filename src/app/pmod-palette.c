/* PmodPalette: the colours, and which of them hold now. See pmod-palette.h. */
#include "config.h"

#include "pmod-palette.h"

#include <adwaita.h>

#define RGB(hex) RGBA (hex, 1)
#define RGBA(hex, a)                                                                               \
  {                                                                                                \
    (((hex) >> 16) & 255) / 255.f, (((hex) >> 8) & 255) / 255.f, ((hex)&255) / 255.f, a            \
  }

static const PmodPalette light = {
  .kept_low = RGB (0x8ecbc3),
  .kept_high = RGB (0x0b5f5d),
  .skipped = RGB (0xe6e4e1),
  .plain = RGB (0xb9d9d4),
  .pending = RGB (0xf1f0ee),
  .mark = RGBA (0x5b5750, 0.8f),
  .dim = RGBA (0x14161c, 0.68f),
  .edge = RGBA (0xffffff, 0.85f),
  .hover = RGB (0xffd166),
  .hatch_first = RGB (0x8ad4ff),
  .hatch_second = RGB (0xffc04d),
  .hatch_under = RGBA (0x0b0d12, 0.75f),
  .paper = RGB (0xd9d6d2),
  .used = RGB (0x12807a),
  .dense = RGBA (0x000000, 0.16f),
  .track = RGBA (0x000000, 0.06f),
};

static const PmodPalette dark = {
  .kept_low = RGB (0x2c6763),
  .kept_high = RGB (0x9cefe3),
  .skipped = RGB (0x3b3b3e),
  .plain = RGB (0x3f6562),
  .pending = RGB (0x303033),
  .mark = RGBA (0xc9c5bf, 0.8f),
  .dim = RGBA (0x0c0d11, 0.72f),
  .edge = RGBA (0xffffff, 0.8f),
  .hover = RGB (0xffd166),
  .hatch_first = RGB (0x8ad4ff),
  .hatch_second = RGB (0xffc04d),
  .hatch_under = RGBA (0x0b0d12, 0.75f),
  .paper = RGB (0x48484c),
  .used = RGB (0x4fc4b8),
  .dense = RGBA (0xffffff, 0.22f),
  .track = RGBA (0xffffff, 0.08f),
};

static const PmodPalette high_contrast = {
  .kept_low = RGB (0x00504c),
  .kept_high = RGB (0x002422),
  .skipped = RGB (0xffffff),
  .plain = RGB (0x00504c),
  .pending = RGB (0xe0e0e0),
  .mark = RGB (0xd00000),
  .dim = RGBA (0x000000, 0.85f),
  .edge = RGB (0xffffff),
  .hover = RGB (0xffe600),
  .hatch_first = RGB (0x8ad4ff),
  .hatch_second = RGB (0xffc04d),
  .hatch_under = RGBA (0x0b0d12, 1),
  .paper = RGB (0xc0c0c0),
  .used = RGB (0x00504c),
  .dense = RGBA (0x000000, 0.5f),
  .track = RGBA (0x000000, 0.15f),
};

static const PmodPalette high_contrast_dark = {
  .kept_low = RGB (0xa8f5ea),
  .kept_high = RGB (0xffffff),
  .skipped = RGB (0x000000),
  .plain = RGB (0xa8f5ea),
  .pending = RGB (0x303030),
  .mark = RGB (0xff6060),
  .dim = RGBA (0x000000, 0.85f),
  .edge = RGB (0xffffff),
  .hover = RGB (0xffe600),
  .hatch_first = RGB (0x8ad4ff),
  .hatch_second = RGB (0xffc04d),
  .hatch_under = RGBA (0x0b0d12, 1),
  .paper = RGB (0x606060),
  .used = RGB (0xa8f5ea),
  .dense = RGBA (0xffffff, 0.6f),
  .track = RGBA (0xffffff, 0.2f),
};

const PmodPalette *
pmod_palette_get (void)
{
  AdwStyleManager *style = adw_style_manager_get_default ();

  if (adw_style_manager_get_high_contrast (style))
    return adw_style_manager_get_dark (style) ? &high_contrast_dark : &high_contrast;
  return adw_style_manager_get_dark (style) ? &dark : &light;
}

GdkRGBA
pmod_palette_mix (const GdkRGBA *low, const GdkRGBA *high, double share)
{
  float s = (float)CLAMP (share, 0, 1);

  return (GdkRGBA){ low->red + (high->red - low->red) * s,
                    low->green + (high->green - low->green) * s,
                    low->blue + (high->blue - low->blue) * s,
                    low->alpha + (high->alpha - low->alpha) * s };
}

char *
pmod_palette_to_css (void)
{
  gboolean is_dark = adw_style_manager_get_dark (adw_style_manager_get_default ());

  return g_strdup_printf ("@define-color accent_bg_color %s;\n"
                          "@define-color accent_fg_color %s;\n"
                          "@define-color accent_color %s;\n",
                          is_dark ? "#177a74" : "#0f746e", "#ffffff",
                          is_dark ? "#74d9cd" : "#0b5f5a");
}

void
pmod_palette_follow (GtkWidget *widget, void (*func) (GtkWidget *))
{
  AdwStyleManager *style = adw_style_manager_get_default ();

  g_signal_connect_object (style, "notify::dark", G_CALLBACK (func), widget, G_CONNECT_SWAPPED);
  g_signal_connect_object (style, "notify::high-contrast", G_CALLBACK (func), widget,
                           G_CONNECT_SWAPPED);
}
