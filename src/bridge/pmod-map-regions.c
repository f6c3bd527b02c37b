/* PmodMapRegions: see pmod-map-regions.h. */
#include "config.h"

#include "pmod-map-regions.h"

#include <math.h>
#include <string.h>

#define N_SIDE 3

/* Of a part's middle, or -1 in the padding. */
static int
find_region (const PmodRunPlane *plane, int row, int col)
{
  double x = plane->x0 + (plane->x1 - plane->x0) * (col + 0.5) / plane->cols;
  double y = plane->y0 + (plane->y1 - plane->y0) * (row + 0.5) / plane->rows;

  if (x < 0 || x >= 1 || y < 0 || y >= 1)
    return -1;
  return (int)(y * N_SIDE) * N_SIDE + (int)(x * N_SIDE);
}

static gboolean
has_choice (PmodRun *run, int layer, PmodRunLayer *info)
{
  return pmod_run_get_layer (run, layer, info) && info->routed;
}

gboolean
pmod_map_regions_count (
    PmodRun *run, int picture, int plane_idx, int layer, PmodMapRegions *regions)
{
  PmodRunLayer info;
  PmodRunPlane plane;

  memset (regions, 0, sizeof *regions);
  if (!has_choice (run, layer, &info) || !info.ready ||
      !pmod_run_get_plane (run, picture, plane_idx, &plane) || plane.first < 0)
    return FALSE;
  regions->n_parts = plane.rows * plane.cols;
  for (int i = 0; i < regions->n_parts; i++)
    {
      int row = i / plane.cols, col = i % plane.cols;
      int region = find_region (&plane, row, col);
      int token = pmod_run_plane_get_token (&plane, row, col);
      gboolean kept = pmod_run_is_kept (run, layer, token);
      double weight = pmod_run_get_weight (run, layer, token);

      regions->n_kept += kept;
      if (region < 0)
        {
          regions->n_kept_padding += kept;
          continue;
        }
      regions->parts[region]++;
      regions->kept[region] += kept;
      regions->weights[region] += isfinite (weight) ? weight : 0;
    }
  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    regions->weights[i] /= MAX (regions->parts[i], 1);
  return TRUE;
}

/* --- Over the layers ------------------------------------------------------------------------- */

static void
count_part (PmodRun *run, int token, int region, PmodMapDepths *depths)
{
  int n_routed;
  int n_kept = pmod_run_count_kept (run, token, &n_routed);
  gboolean by_accident = depths->unread >= 0 && pmod_run_is_kept (run, depths->unread, token);

  depths->parts[region]++;
  depths->depths[region] += n_kept;
  depths->always[region] += n_kept - by_accident == n_routed - (depths->unread >= 0);
  depths->never[region] += n_kept == 0;
}

static void
average (PmodMapDepths *depths)
{
  int n_parts = 0;

  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    {
      n_parts += depths->parts[i];
      depths->depth += depths->depths[i];
      depths->depths[i] /= MAX (depths->parts[i], 1);
    }
  depths->depth /= MAX (n_parts, 1);
}

/* Backwards through the layers, for as long as a region keeps nothing. */
static void
find_ends (PmodRun *run, int picture, int plane_idx, PmodMapDepths *depths)
{
  int n_empty[PMOD_MAP_N_REGIONS] = { 0 };
  gboolean open[PMOD_MAP_N_REGIONS];
  PmodMapRegions unread = { 0 };

  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    open[i] = depths->parts[i] > 0;
  for (int l = pmod_run_get_n_layers (run) - 1; l >= 0; l--)
    {
      PmodRunLayer info;
      PmodMapRegions regions;

      if (!has_choice (run, l, &info) ||
          !pmod_map_regions_count (run, picture, plane_idx, l, &regions))
        continue;
      if (info.never_read)
        {
          unread = regions;
          continue;
        }
      for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
        {
          open[i] = open[i] && regions.kept[i] == 0;
          n_empty[i] += open[i];
          depths->ends[i] = open[i] ? l : depths->ends[i];
        }
    }
  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    if (n_empty[i] < 2)
      depths->ends[i] = -1;
    else if (unread.kept[i] > 0)
      depths->unread_differs = TRUE;
}

gboolean
pmod_map_depths_count (PmodRun *run, int picture, int plane_idx, PmodMapDepths *depths)
{
  PmodRunPlane plane;
  PmodRunLayer info;

  memset (depths, 0, sizeof *depths);
  memset (depths->ends, -1, sizeof depths->ends);
  depths->unread = -1;
  for (int l = 0; l < pmod_run_get_n_layers (run); l++)
    {
      if (!has_choice (run, l, &info))
        continue;
      if (!info.ready)
        return FALSE;
      depths->n_routed++;
      depths->unread = info.never_read ? l : depths->unread;
    }
  if (depths->n_routed == 0 || !pmod_run_get_plane (run, picture, plane_idx, &plane) ||
      plane.first < 0)
    return FALSE;
  for (int i = 0; i < plane.rows * plane.cols; i++)
    {
      int row = i / plane.cols, col = i % plane.cols;
      int region = find_region (&plane, row, col);

      if (region >= 0)
        count_part (run, pmod_run_plane_get_token (&plane, row, col), region, depths);
    }
  average (depths);
  find_ends (run, picture, plane_idx, depths);
  return TRUE;
}
