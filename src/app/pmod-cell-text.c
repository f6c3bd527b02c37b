/* PmodCellText: see pmod-cell-text.h. */
#include "config.h"

#include "pmod-cell-text.h"

#include <glib/gi18n.h>

char *
pmod_cell_text_new (PmodSelection *selection, int cell)
{
  PmodRun *run = pmod_selection_get_run (selection);
  int layer = pmod_selection_get_layer (selection);
  int token = pmod_selection_get_token (selection, cell);
  gboolean depth = pmod_selection_get_view (selection) == PMOD_VIEW_DEPTH;
  PmodRunLayer info;
  PmodRunPlane grid;
  int n_kept, n_routed;

  if (token < 0 || !pmod_selection_get_grid (selection, &grid) ||
      !pmod_run_get_layer (run, layer, &info) || !info.ready)
    return NULL;
  if (!info.routed && !depth)
    return g_strdup_printf (_ ("Row %d, column %d: goes through this layer, as every part does"),
                            cell / grid.cols + 1, cell % grid.cols + 1);
  n_kept = pmod_run_count_kept (run, token, &n_routed);
  if (n_routed == 0)
    return NULL;
  if (depth)
    return g_strdup_printf (_ ("Row %d, column %d: kept by %d of %d routed layers"),
                            cell / grid.cols + 1, cell % grid.cols + 1, n_kept, n_routed);
  return g_strdup_printf (_ ("Row %d, column %d: %s, weight %.3f; kept by %d of %d routed layers"),
                          cell / grid.cols + 1, cell % grid.cols + 1,
                          pmod_run_is_kept (run, layer, token) ? _ ("kept") : _ ("skipped"),
                          pmod_run_get_weight (run, layer, token), n_kept, n_routed);
}
