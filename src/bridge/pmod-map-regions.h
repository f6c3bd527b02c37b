/* Where in a picture parts are kept: counted in nine regions, three by three, and over the layers.
 *
 * Numbers without words; PmodMapSummary says them. Pure functions of a PmodRun. Main thread. */
#pragma once

#include "pmod-run.h"

G_BEGIN_DECLS

#define PMOD_MAP_N_REGIONS 9 /* row * 3 + col, of the picture as it is seen */

/* What one layer does. Parts whose middle lies beside the picture are padding, in no region. */
typedef struct
{
  int n_parts; /* of the plane, padding with them */
  int n_kept;
  int n_kept_padding;
  int parts[PMOD_MAP_N_REGIONS];
  int kept[PMOD_MAP_N_REGIONS];
  double weights[PMOD_MAP_N_REGIONS]; /* their mean; 0 where no part is */
} PmodMapRegions;

/* FALSE: no router chose among these parts, or has not yet. */
gboolean
pmod_map_regions_count (PmodRun *run, int picture, int plane, int layer, PmodMapRegions *regions);

/* What all routed layers together do. */
typedef struct
{
  int n_routed; /* layers */
  int unread;   /* the one that nothing reads: its choice was never learned; -1: none */
  double depth; /* layers that a part is kept in, on average; padding left out, as below */
  double depths[PMOD_MAP_N_REGIONS];
  int parts[PMOD_MAP_N_REGIONS];
  int always[PMOD_MAP_N_REGIONS]; /* parts that every routed layer keeps, the unread left out */
  int never[PMOD_MAP_N_REGIONS];  /* that none keeps */
  /* The first of the layers, two at least, that keep nothing there; or -1. The unread is left out.
   */
  int ends[PMOD_MAP_N_REGIONS];
  gboolean unread_differs; /* it keeps something where the others have ended */
} PmodMapDepths;

/* FALSE: as above, or a layer is still to come. */
gboolean pmod_map_depths_count (PmodRun *run, int picture, int plane, PmodMapDepths *depths);

G_END_DECLS
