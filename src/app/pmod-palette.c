/* PmodPalette: the colours, and which of them hold now. See pmod-palette.h. */
#include "config.h"

#include "pmod-palette.h"

#include <adwaita.h>
#include <math.h>
#include <string.h>

#define RGB(hex) RGBA (hex, 1)
#define RGBA(hex, a)                                                                               \
  {                                                                                                \
    (((hex) >> 16) & 255) / 255.f, (((hex) >> 8) & 255) / 255.f, ((hex)&255) / 255.f, a            \
  }

static const PmodPalette light = {
  .kept_low = RGB (0x3c8d86),
  .kept_high = RGB (0x064645),
  .skipped = RGB (0xe6e4e1),
  .plain = RGB (0x579d96),
  .pending = RGB (0xf1f0ee),
  .mark = RGBA (0x5b5750, 0.8f),
  .dim = RGBA (0x14161c, 0.68f),
  .edge = RGBA (0xffffff, 0.85f),
  .hover = RGB (0xffd166),
  .outline_light = RGB (0xffffff),
  .outline_dark = RGB (0x14161c),
  .legend_skipped = RGB (0x3a3d45),
  .legend_kept = RGB (0xe6e3df),
  .hatch_first = RGB (0x8ad4ff),
  .hatch_second = RGB (0xffc04d),
  .hatch_under = RGBA (0x0b0d12, 0.75f),
  .paper = RGB (0xd9d6d2),
  .used = RGB (0x12807a),
  .dense = RGBA (0x000000, 0.14f),
  .unused = RGB (0x8f8d8a),
  .track = RGBA (0x000000, 0.06f),
  .ink = RGB (0x33302b),
  .margin = RGBA (0xd98c00, 0.45f),
};

static const PmodPalette dark = {
  .kept_low = RGB (0x4a9d94),
  .kept_high = RGB (0x9cefe3),
  .skipped = RGB (0x3b3b3e),
  .plain = RGB (0x4f8984),
  .pending = RGB (0x303033),
  .mark = RGBA (0xc9c5bf, 0.8f),
  .dim = RGBA (0x0c0d11, 0.72f),
  .edge = RGBA (0xffffff, 0.8f),
  .hover = RGB (0xffd166),
  .outline_light = RGB (0xffffff),
  .outline_dark = RGB (0x14161c),
  .legend_skipped = RGB (0x3a3d45),
  .legend_kept = RGB (0xe6e3df),
  .hatch_first = RGB (0x8ad4ff),
  .hatch_second = RGB (0xffc04d),
  .hatch_under = RGBA (0x0b0d12, 0.75f),
  .paper = RGB (0x48484c),
  .used = RGB (0x4fc4b8),
  .dense = RGBA (0xffffff, 0.22f),
  .unused = RGB (0x7a7875),
  .track = RGBA (0xffffff, 0.08f),
  .ink = RGB (0xf2efe9),
  .margin = RGBA (0xffc24d, 0.5f),
};

static const PmodPalette high_contrast = {
  .kept_low = RGB (0x00504c),
  .kept_high = RGB (0x002422),
  .skipped = RGB (0xdcdcdc),
  .plain = RGB (0x00504c),
  .pending = RGB (0xe0e0e0),
  .mark = RGB (0xd00000),
  .dim = RGBA (0x000000, 0.85f),
  .edge = RGB (0xffffff),
  .hover = RGB (0xffe600),
  .outline_light = RGB (0xffffff),
  .outline_dark = RGB (0x000000),
  .legend_skipped = RGB (0x3a3d45),
  .legend_kept = RGB (0xe6e3df),
  .hatch_first = RGB (0x8ad4ff),
  .hatch_second = RGB (0xffc04d),
  .hatch_under = RGBA (0x0b0d12, 1),
  .paper = RGB (0xc0c0c0),
  .used = RGB (0x00504c),
  .dense = RGBA (0x000000, 0.3f),
  .unused = RGB (0x5a5a5a),
  .track = RGBA (0x000000, 0.15f),
  .ink = RGB (0x000000),
  .margin = RGBA (0xd00000, 0.5f),
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
  .outline_light = RGB (0xffffff),
  .outline_dark = RGB (0x000000),
  .legend_skipped = RGB (0x3a3d45),
  .legend_kept = RGB (0xe6e3df),
  .hatch_first = RGB (0x8ad4ff),
  .hatch_second = RGB (0xffc04d),
  .hatch_under = RGBA (0x0b0d12, 1),
  .paper = RGB (0x606060),
  .used = RGB (0xa8f5ea),
  .dense = RGBA (0xffffff, 0.3f),
  .unused = RGB (0x9a9a9a),
  .track = RGBA (0xffffff, 0.2f),
  .ink = RGB (0xffffff),
  .margin = RGBA (0xffe600, 0.6f),
};

const PmodPalette *
pmod_palette_get_for (gboolean is_dark, gboolean is_high_contrast)
{
  if (is_high_contrast)
    return is_dark ? &high_contrast_dark : &high_contrast;
  return is_dark ? &dark : &light;
}

const PmodPalette *
pmod_palette_get (void)
{
  AdwStyleManager *style = adw_style_manager_get_default ();

  return pmod_palette_get_for (adw_style_manager_get_dark (style),
                               adw_style_manager_get_high_contrast (style));
}

const PmodPalette *
pmod_palette_get_print (void)
{
  return &light;
}

const PmodPrintInks *
pmod_palette_get_inks (void)
{
  static const PmodPrintInks inks = {
    .page = RGB (0xffffff),
    .ink = RGB (0x241f31),
    .faint = RGB (0x5e5c64),
  };

  return &inks;
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

static float
decode (double linear)
{
  double value = CLAMP (linear, 0, 1);

  return (float)(value <= 0.0031308 ? 12.92 * value : 1.055 * pow (value, 1 / 2.4) - 0.055);
}

/* Between two colours of Oklab (Ottosson 2020), whose first number is lightness. */
GdkRGBA
pmod_palette_get_ramp (double share)
{
  double s = CLAMP (share, 0, 1);
  double lightness = 0.26 + (0.92 - 0.26) * s;
  double a = -0.005 + (-0.015 + 0.005) * s;
  double b = -0.105 + (0.135 + 0.105) * s;
  double l = pow (lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
  double m = pow (lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
  double n = pow (lightness - 0.0894841775 * a - 1.2914855480 * b, 3);

  return (GdkRGBA){ decode (4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * n),
                    decode (-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * n),
                    decode (-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * n), 1 };
}

guint32
pmod_palette_to_pixel (const GdkRGBA *color)
{
  const guint8 bytes[4] = { (guint8)(color->red * 255 + 0.5f), (guint8)(color->green * 255 + 0.5f),
                            (guint8)(color->blue * 255 + 0.5f),
                            (guint8)(color->alpha * 255 + 0.5f) };
  guint32 pixel;

  memcpy (&pixel, bytes, sizeof pixel);
  return pixel;
}

const PmodAccent *
pmod_palette_get_accent (gboolean is_dark)
{
  static const PmodAccent accents[] = { { 0x0f746e, 0xffffff, 0x0b5f5a },
                                        { 0x177a74, 0xffffff, 0x74d9cd } };

  return &accents[is_dark ? 1 : 0];
}

char *
pmod_palette_to_css (void)
{
  const PmodAccent *accent =
      pmod_palette_get_accent (adw_style_manager_get_dark (adw_style_manager_get_default ()));

  return g_strdup_printf ("@define-color accent_bg_color #%06x;\n"
                          "@define-color accent_fg_color #%06x;\n"
                          "@define-color accent_color #%06x;\n",
                          accent->background, accent->foreground, accent->text);
}

void
pmod_palette_follow (GtkWidget *widget, void (*func) (GtkWidget *))
{
  AdwStyleManager *style = adw_style_manager_get_default ();

  g_signal_connect_object (style, "notify::dark", G_CALLBACK (func), widget, G_CONNECT_SWAPPED);
  g_signal_connect_object (style, "notify::high-contrast", G_CALLBACK (func), widget,
                           G_CONNECT_SWAPPED);
}
