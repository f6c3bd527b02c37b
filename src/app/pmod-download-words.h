/* What a download does, in words. Pure functions. */
#pragma once

#include "pmod-download.h"

G_BEGIN_DECLS

/* One or two sentences about what goes on or how it ended; "" while nothing does. (transfer full)
 */
char *pmod_download_describe (PmodDownload *download);

/* "Downloading NAME, 34 %", for where there is little room. (transfer full) */
char *pmod_download_describe_short (PmodDownload *download);

/* 0 .. 1; < 0 where it is not known. */
double pmod_download_get_fraction (PmodDownload *download);

G_END_DECLS
