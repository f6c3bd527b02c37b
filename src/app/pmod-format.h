/* Numbers as the window writes them: times, work, bytes, shares. Pure functions. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* All: (transfer full) */

/* "0.83 ms", "48 ms", "1.2 s" */
char *pmod_format_time (guint64 ns);
char *pmod_format_time_or_none (guint64 ns); /* 0: none */

/* In the unit that suits scale, so that a figure keeps its unit while it grows and two of them
 * share one. "4.92 TFLOPs" */
char *pmod_format_flops (double flops, double scale);
/* "22.6 MiB" */
char *pmod_format_bytes (double bytes, double scale);

/* "58 %" of whole; a dash where that is 0. */
char *pmod_format_share (double part, double whole);

/* Two digits that count, without powers of ten: "0.0038", "0.000071". */
char *pmod_format_small (double value);

/* "143 tokens/s"; a dash for 0. */
char *pmod_format_speed (double tokens_per_second);

/* What stands where there is no number. */
#define PMOD_FORMAT_NONE "\342\200\223"

G_END_DECLS
