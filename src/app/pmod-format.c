/* How numbers are written. See pmod-format.h. */
#include "config.h"

#include "pmod-format.h"

#include <glib/gi18n.h>
#include <math.h>

#define MAX_DECIMALS 8 /* of a small number; finer than two fp32 beside 1 */

char *
pmod_format_time (guint64 ns)
{
  double ms = (double)ns / 1e6;

  if (ms >= 999.5)
    return g_strdup_printf (_ ("%.1f s"), ms / 1e3);
  return g_strdup_printf (ms >= 9.95  ? _ ("%.0f ms")
                          : ms >= 0.1 ? _ ("%.1f ms")
                                      : _ ("%.3f ms"),
                          ms);
}

char *
pmod_format_time_or_none (guint64 ns)
{
  return ns > 0 ? pmod_format_time (ns) : g_strdup (PMOD_FORMAT_NONE);
}

char *
pmod_format_flops (double flops, double scale)
{
  static const char *const units[] = { N_ ("MFLOPs"), N_ ("GFLOPs"), N_ ("TFLOPs") };
  double one = 1e6;
  guint unit = 0;

  while (unit + 1 < G_N_ELEMENTS (units) && scale >= 1000 * one)
    {
      unit++;
      one *= 1000;
    }
  return g_strdup_printf (_ ("%.2f %s"), flops / one, _ (units[unit]));
}

char *
pmod_format_bytes (double bytes, double scale)
{
  static const char *const units[] = { N_ ("KiB"), N_ ("MiB"), N_ ("GiB") };
  double one = 1024;
  guint unit = 0;

  while (unit + 1 < G_N_ELEMENTS (units) && scale >= 1024 * one)
    {
      unit++;
      one *= 1024;
    }
  return g_strdup_printf (_ ("%.1f %s"), bytes / one, _ (units[unit]));
}

char *
pmod_format_share (double part, double whole)
{
  if (whole <= 0)
    return g_strdup (PMOD_FORMAT_NONE);
  return g_strdup_printf (_ ("%d %%"), (int)(100 * part / whole + 0.5));
}

char *
pmod_format_small (double value)
{
  int decimals = value > 0 ? 1 - (int)floor (log10 (value)) : 0;

  return g_strdup_printf ("%.*f", CLAMP (decimals, 0, MAX_DECIMALS), value);
}

char *
pmod_format_speed (double tokens_per_second)
{
  if (tokens_per_second <= 0)
    return g_strdup (PMOD_FORMAT_NONE);
  return g_strdup_printf (tokens_per_second >= 99.5 ? _ ("%.0f tokens/s") : _ ("%.1f tokens/s"),
                          tokens_per_second);
}
