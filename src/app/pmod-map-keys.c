/* PmodMapKeys: see pmod-map-keys.h. */
#include "config.h"

#include "pmod-map-keys.h"

#define PAN_STEP 0.1 /* of the frame */

/* A part that was walked to is inside the frame. */
static void
reveal_held (PmodSelection *selection)
{
  int cell = pmod_selection_get_held (selection);
  double half = 0.5 / pmod_selection_get_zoom (selection);
  double x, y, left, right, top, bottom, dx = 0, dy = 0;
  PmodRunPlane grid;

  if (cell < 0 || !pmod_selection_get_grid (selection, &grid))
    return;
  pmod_selection_get_center (selection, &x, &y);
  left = grid.x0 + (double)(grid.x1 - grid.x0) * (cell % grid.cols) / grid.cols;
  right = left + (double)(grid.x1 - grid.x0) / grid.cols;
  top = grid.y0 + (double)(grid.y1 - grid.y0) * (cell / grid.cols) / grid.rows;
  bottom = top + (double)(grid.y1 - grid.y0) / grid.rows;
  if (left < x - half)
    dx = x - half - left;
  else if (right > x + half)
    dx = x + half - right;
  if (top < y - half)
    dy = y - half - top;
  else if (bottom > y + half)
    dy = y + half - bottom;
  pmod_selection_pan (selection, dx / (2 * half), dy / (2 * half));
}

/* Rows and columns of the picture, which no language turns round. */
static gboolean
get_direction (guint keyval, int *rows, int *cols)
{
  *rows = *cols = 0;
  switch (keyval)
    {
    case GDK_KEY_Left:
    case GDK_KEY_KP_Left:
      *cols = -1;
      return TRUE;
    case GDK_KEY_Right:
    case GDK_KEY_KP_Right:
      *cols = 1;
      return TRUE;
    case GDK_KEY_Up:
    case GDK_KEY_KP_Up:
      *rows = -1;
      return TRUE;
    case GDK_KEY_Down:
    case GDK_KEY_KP_Down:
      *rows = 1;
      return TRUE;
    default:
      return FALSE;
    }
}

static void
move (PmodSelection *selection, int rows, int cols, gboolean pan)
{
  if (pan)
    pmod_selection_pan (selection, -cols * PAN_STEP, -rows * PAN_STEP);
  else
    {
      pmod_selection_move_held (selection, rows, cols);
      reveal_held (selection);
    }
}

static void
toggle_held (PmodSelection *selection)
{
  if (pmod_selection_get_held (selection) >= 0)
    pmod_selection_set_held (selection, -1);
  else
    pmod_selection_move_held (selection, 0, 0);
}

/* Of several pictures the one before or after. */
static gboolean
show_other (PmodSelection *selection, int step)
{
  PmodRun *run = pmod_selection_get_run (selection);
  int n = run ? pmod_run_get_n_pictures (run) : 0;
  int picture = pmod_selection_get_picture (selection) + step;

  if (n < 2)
    return FALSE;
  pmod_selection_set_picture (selection, CLAMP (picture, 0, n - 1));
  return TRUE;
}

gboolean
pmod_map_keys_press (PmodSelection *selection, guint keyval, GdkModifierType state)
{
  int rows, cols;

  if (state & GDK_ALT_MASK)
    return FALSE;
  if (get_direction (keyval, &rows, &cols))
    {
      move (selection, rows, cols, (state & GDK_CONTROL_MASK) != 0);
      return TRUE;
    }
  if (state & GDK_CONTROL_MASK)
    return FALSE;
  switch (keyval)
    {
    case GDK_KEY_Return:
    case GDK_KEY_KP_Enter:
    case GDK_KEY_space:
      toggle_held (selection);
      return TRUE;
    case GDK_KEY_Escape:
      if (pmod_selection_get_held (selection) < 0)
        return FALSE;
      pmod_selection_set_held (selection, -1);
      return TRUE;
    case GDK_KEY_p:
    case GDK_KEY_P:
      pmod_selection_set_bare (selection, TRUE);
      return TRUE;
    case GDK_KEY_Page_Up:
    case GDK_KEY_KP_Page_Up:
      return show_other (selection, -1);
    case GDK_KEY_Page_Down:
    case GDK_KEY_KP_Page_Down:
      return show_other (selection, 1);
    default:
      return FALSE;
    }
}

void
pmod_map_keys_release (PmodSelection *selection, guint keyval)
{
  if (keyval == GDK_KEY_p || keyval == GDK_KEY_P)
    pmod_selection_set_bare (selection, FALSE);
}
