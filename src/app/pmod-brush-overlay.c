/* PmodBrushOverlay: see pmod-brush-overlay.h.
 *
 * The patterns of what is painted are one render node, made again when the paint, the layer, the
 * part of the picture or the size changes; the brush's own outline is drawn over it. */
#include "config.h"

#include "pmod-brush-overlay.h"

#include <glib/gi18n.h>
#include <math.h>

#include "pmod-hatch.h"
#include "pmod-map-places.h"
#include "pmod-palette.h"

struct _PmodBrushOverlay
{
  GtkWidget parent_instance;

  PmodMaskView *view; /* below it; not owned */
  PmodSelection *selection;
  PmodBrush *brush; /* not owned: the chat's, which the parent holds */
  GskRenderNode *node;

  int cursor;       /* cell that keys paint at */
  gboolean by_keys; /* they moved it since the pointer moved */
  double pointer_x, pointer_y;
  PmodTuningPaint paint;
  double x, y; /* where the stroke is */
  gboolean painting;
};

G_DEFINE_FINAL_TYPE (PmodBrushOverlay, pmod_brush_overlay, GTK_TYPE_WIDGET)

/* --- Drawing --------------------------------------------------------------------------------- */

static void
draw_paint (PmodBrushOverlay *self,
            cairo_t *cr,
            PmodHatch hatch,
            const PmodRunPlane *grid,
            const graphene_rect_t *bounds)
{
  PmodTuningPaint wanted = hatch == PMOD_HATCH_FIRST ? PMOD_TUNING_KEEP : PMOD_TUNING_SKIP;

  for (int i = 0; i < grid->rows * grid->cols; i++)
    {
      graphene_rect_t cell;

      if (pmod_brush_get_painted (self->brush, self->selection, i) != wanted ||
          !pmod_map_places_get_cell (self->view, self->selection, i, &cell))
        continue;
      cairo_rectangle (cr, cell.origin.x + 1.5, cell.origin.y + 1.5, cell.size.width - 3,
                       cell.size.height - 3);
    }
  pmod_hatch_fill (cr, hatch, bounds, TRUE);
}

static GskRenderNode *
make_node (PmodBrushOverlay *self)
{
  graphene_rect_t bounds;
  GskRenderNode *node;
  PmodRunPlane grid;
  cairo_t *cr;

  if (!pmod_brush_get_grid (self->selection, &grid))
    return NULL;
  graphene_rect_init (&bounds, 0, 0, (float)gtk_widget_get_width (GTK_WIDGET (self)),
                      (float)gtk_widget_get_height (GTK_WIDGET (self)));
  node = gsk_cairo_node_new (&bounds);
  cr = gsk_cairo_node_get_draw_context (node);
  draw_paint (self, cr, PMOD_HATCH_FIRST, &grid, &bounds);
  draw_paint (self, cr, PMOD_HATCH_SECOND, &grid, &bounds);
  cairo_destroy (cr);
  return node;
}

/* What the brush would paint around cell. */
static void
snapshot_brush (PmodBrushOverlay *self, GtkSnapshot *snapshot, int cell)
{
  const GdkRGBA *color = &pmod_palette_get ()->hover;
  int size = pmod_brush_get_size (self->brush);
  graphene_rect_t bounds, corner;
  GskRoundedRect outline;
  PmodRunPlane grid;
  int row, col;

  if (cell < 0 || !pmod_brush_get_grid (self->selection, &grid))
    return;
  row = cell / grid.cols - (size - 1) / 2;
  col = cell % grid.cols - (size - 1) / 2;
  if (!pmod_map_places_get_cell (self->view, self->selection,
                                 MAX (row, 0) * grid.cols + MAX (col, 0), &bounds) ||
      !pmod_map_places_get_cell (self->view, self->selection,
                                 MIN (row + size, grid.rows) * grid.cols - grid.cols +
                                     MIN (col + size, grid.cols) - 1,
                                 &corner))
    return;
  graphene_rect_union (&bounds, &corner, &bounds);
  gsk_rounded_rect_init_from_rect (&outline, &bounds, 3);
  gtk_snapshot_append_border (snapshot, &outline, (float[4]){ 2, 2, 2, 2 },
                              (GdkRGBA[4]){ *color, *color, *color, *color });
}

static void
pmod_brush_overlay_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodBrushOverlay *self = PMOD_BRUSH_OVERLAY (widget);
  gboolean active, painted;
  GskRoundedRect outline;

  if (!self->brush || !self->selection)
    return;
  active = pmod_brush_get_active (self->brush);
  painted = pmod_tuning_get_policy (pmod_brush_get_tuning (self->brush)) == PMOD_TUNING_PAINTED;
  if (!active && !painted)
    return;
  if (!self->node)
    self->node = make_node (self);
  if (self->node && pmod_map_places_get_outline (self->view, &outline))
    {
      gtk_snapshot_push_rounded_clip (snapshot, &outline);
      gtk_snapshot_append_node (snapshot, self->node);
      gtk_snapshot_pop (snapshot);
    }
  if (!active)
    return;
  snapshot_brush (self, snapshot,
                  self->by_keys && gtk_widget_has_focus (widget)
                      ? self->cursor
                      : pmod_selection_get_hover (self->selection));
}

static void
pmod_brush_overlay_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  g_clear_pointer (&PMOD_BRUSH_OVERLAY (widget)->node, gsk_render_node_unref);
}

/* --- What it says ---------------------------------------------------------------------------- */

static const char *
describe_paint (PmodTuningPaint paint)
{
  if (paint == PMOD_TUNING_KEEP)
    return _ ("painted to be kept");
  return paint == PMOD_TUNING_SKIP ? _ ("painted to be skipped") : _ ("not painted");
}

static void
update_label (PmodBrushOverlay *self)
{
  g_autofree char *label = NULL;
  PmodRunPlane grid;

  if (!self->brush || !pmod_brush_get_active (self->brush) ||
      !pmod_brush_get_grid (self->selection, &grid))
    label = g_strdup (_ ("Brush"));
  else
    label = g_strdup_printf (
        _ ("Brush, row %d, column %d, %s"), self->cursor / grid.cols + 1,
        self->cursor % grid.cols + 1,
        describe_paint (pmod_brush_get_painted (self->brush, self->selection, self->cursor)));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label,
                                  GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                  _ ("Arrows move it, K keeps, S skips, Delete erases; plus and "
                                     "minus change its size"),
                                  -1);
}

static void
changed_cb (PmodBrushOverlay *self)
{
  g_clear_pointer (&self->node, gsk_render_node_unref);
  update_label (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
style_changed_cb (GtkWidget *widget)
{
  changed_cb (PMOD_BRUSH_OVERLAY (widget));
}

static void
active_cb (PmodBrushOverlay *self)
{
  gboolean active = pmod_brush_get_active (self->brush);

  gtk_widget_set_can_target (GTK_WIDGET (self), active);
  gtk_widget_set_focusable (GTK_WIDGET (self), active);
  gtk_widget_set_cursor_from_name (GTK_WIDGET (self), active ? "crosshair" : NULL);
  changed_cb (self);
}

/* --- Pointer --------------------------------------------------------------------------------- */

static void
motion_cb (GtkEventControllerMotion *controller, double x, double y, gpointer user_data)
{
  PmodBrushOverlay *self = user_data;

  /* What moves under a pointer that rests is told of as well. */
  if (x == self->pointer_x && y == self->pointer_y)
    return;
  self->pointer_x = x;
  self->pointer_y = y;
  self->by_keys = FALSE;
  pmod_selection_set_hover (self->selection,
                            pmod_map_places_find (self->view, self->selection, x, y));
}

static void
leave_cb (GtkEventControllerMotion *controller, gpointer user_data)
{
  PmodBrushOverlay *self = user_data;

  pmod_selection_set_hover (self->selection, -1);
}

/* Pointers jump; no part that lies between is left out. */
static void
paint_line (PmodBrushOverlay *self, double x, double y)
{
  double distance = hypot (x - self->x, y - self->y);
  int n_steps = MAX ((int)(distance / 4), 1);

  for (int i = 1; i <= n_steps; i++)
    pmod_brush_paint (self->brush, self->selection,
                      pmod_map_places_find (self->view, self->selection,
                                            self->x + (x - self->x) * i / n_steps,
                                            self->y + (y - self->y) * i / n_steps),
                      self->paint);
  self->x = x;
  self->y = y;
}

static void
drag_begin_cb (GtkGestureDrag *gesture, double x, double y, gpointer user_data)
{
  PmodBrushOverlay *self = user_data;
  GdkModifierType state =
      gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (gesture));
  guint button = gtk_gesture_single_get_current_button (GTK_GESTURE_SINGLE (gesture));
  int cell = pmod_map_places_find (self->view, self->selection, x, y);

  if (cell < 0 || button == GDK_BUTTON_MIDDLE)
    {
      gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_DENIED);
      return;
    }
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (state & GDK_SHIFT_MASK)
    self->paint = PMOD_TUNING_UNPAINTED;
  else if (button == GDK_BUTTON_SECONDARY || (state & GDK_CONTROL_MASK))
    self->paint = PMOD_TUNING_SKIP;
  else
    self->paint = PMOD_TUNING_KEEP;
  self->cursor = cell;
  self->painting = TRUE;
  self->x = x;
  self->y = y;
  pmod_tuning_begin_stroke (pmod_brush_get_tuning (self->brush));
  paint_line (self, x, y);
}

static void
drag_update_cb (GtkGestureDrag *gesture, double dx, double dy, gpointer user_data)
{
  PmodBrushOverlay *self = user_data;
  double x, y;

  if (!self->painting || !gtk_gesture_drag_get_start_point (gesture, &x, &y))
    return;
  paint_line (self, x + dx, y + dy);
}

static void
drag_end_cb (PmodBrushOverlay *self)
{
  if (!self->painting)
    return;
  self->painting = FALSE;
  pmod_tuning_end_stroke (pmod_brush_get_tuning (self->brush));
  update_label (self);
}

/* As without a brush. */
static gboolean
scroll_cb (GtkEventControllerScroll *controller, double dx, double dy, gpointer user_data)
{
  PmodBrushOverlay *self = user_data;
  GdkModifierType state =
      gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (controller));

  if (!(state & GDK_CONTROL_MASK))
    return GDK_EVENT_PROPAGATE;
  pmod_map_places_zoom (self->view, self->selection, self->pointer_x, self->pointer_y, -dy);
  return GDK_EVENT_STOP;
}

/* --- Keys ------------------------------------------------------------------------------------ */

static gboolean
move_cursor (PmodBrushOverlay *self, int rows, int cols)
{
  PmodRunPlane grid;
  int row, col;

  if (!pmod_brush_get_grid (self->selection, &grid))
    return GDK_EVENT_PROPAGATE;
  row = CLAMP (self->cursor / grid.cols + rows, 0, grid.rows - 1);
  col = CLAMP (self->cursor % grid.cols + cols, 0, grid.cols - 1);
  self->cursor = row * grid.cols + col;
  self->by_keys = TRUE;
  pmod_selection_set_hover (self->selection, self->cursor);
  update_label (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
  return GDK_EVENT_STOP;
}

static gboolean
paint_at_cursor (PmodBrushOverlay *self, PmodTuningPaint paint)
{
  pmod_brush_paint (self->brush, self->selection, self->cursor, paint);
  return GDK_EVENT_STOP;
}

static gboolean
change_size (PmodBrushOverlay *self, int by)
{
  pmod_brush_set_size (self->brush, pmod_brush_get_size (self->brush) + by);
  return GDK_EVENT_STOP;
}

static gboolean
key_pressed_cb (GtkEventControllerKey *controller,
                guint keyval,
                guint keycode,
                GdkModifierType state,
                gpointer user_data)
{
  PmodBrushOverlay *self = user_data;

  if (state & (GDK_CONTROL_MASK | GDK_ALT_MASK))
    return GDK_EVENT_PROPAGATE;
  switch (keyval)
    {
    /* Of the picture, which no language turns round. */
    case GDK_KEY_Left:
    case GDK_KEY_KP_Left:
      return move_cursor (self, 0, -1);
    case GDK_KEY_Right:
    case GDK_KEY_KP_Right:
      return move_cursor (self, 0, 1);
    case GDK_KEY_Up:
    case GDK_KEY_KP_Up:
      return move_cursor (self, -1, 0);
    case GDK_KEY_Down:
    case GDK_KEY_KP_Down:
      return move_cursor (self, 1, 0);
    case GDK_KEY_k:
    case GDK_KEY_K:
      return paint_at_cursor (self, PMOD_TUNING_KEEP);
    case GDK_KEY_s:
    case GDK_KEY_S:
      return paint_at_cursor (self, PMOD_TUNING_SKIP);
    case GDK_KEY_Delete:
    case GDK_KEY_BackSpace:
      return paint_at_cursor (self, PMOD_TUNING_UNPAINTED);
    case GDK_KEY_plus:
    case GDK_KEY_KP_Add:
      return change_size (self, 1);
    case GDK_KEY_minus:
    case GDK_KEY_KP_Subtract:
      return change_size (self, -1);
    default:
      return GDK_EVENT_PROPAGATE;
    }
}

static void
focus_cb (PmodBrushOverlay *self)
{
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_brush_overlay_dispose (GObject *object)
{
  PmodBrushOverlay *self = PMOD_BRUSH_OVERLAY (object);

  if (self->brush)
    drag_end_cb (self);
  g_clear_pointer (&self->node, gsk_render_node_unref);
  self->brush = NULL;
  g_clear_object (&self->selection);
  G_OBJECT_CLASS (pmod_brush_overlay_parent_class)->dispose (object);
}

static void
pmod_brush_overlay_class_init (PmodBrushOverlayClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_brush_overlay_dispose;
  widget_class->snapshot = pmod_brush_overlay_snapshot;
  widget_class->size_allocate = pmod_brush_overlay_size_allocate;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-brush-overlay.ui");
  gtk_widget_class_bind_template_callback (widget_class, motion_cb);
  gtk_widget_class_bind_template_callback (widget_class, leave_cb);
  gtk_widget_class_bind_template_callback (widget_class, drag_begin_cb);
  gtk_widget_class_bind_template_callback (widget_class, drag_update_cb);
  gtk_widget_class_bind_template_callback (widget_class, drag_end_cb);
  gtk_widget_class_bind_template_callback (widget_class, scroll_cb);
  gtk_widget_class_bind_template_callback (widget_class, key_pressed_cb);
  gtk_widget_class_bind_template_callback (widget_class, focus_cb);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  gtk_widget_class_set_css_name (widget_class, "brushoverlay");
}

static void
pmod_brush_overlay_init (PmodBrushOverlay *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  pmod_palette_follow (GTK_WIDGET (self), style_changed_cb);
}

void
pmod_brush_overlay_set_up (PmodBrushOverlay *self,
                           PmodMaskView *view,
                           PmodSelection *selection,
                           PmodBrush *brush)
{
  static const char *const told[] = { "run-changed", "notify::layer", "notify::picture",
                                      "notify::plane", "notify::zoom" };

  g_return_if_fail (PMOD_IS_BRUSH_OVERLAY (self));
  g_return_if_fail (self->view == NULL);

  self->view = view;
  self->selection = g_object_ref (selection);
  self->brush = brush;
  for (gsize i = 0; i < G_N_ELEMENTS (told); i++)
    g_signal_connect_object (selection, told[i], G_CALLBACK (changed_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (selection, "notify::hover", G_CALLBACK (gtk_widget_queue_draw), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (pmod_brush_get_tuning (brush), "changed", G_CALLBACK (changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (brush, "notify::active", G_CALLBACK (active_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (brush, "notify::size", G_CALLBACK (gtk_widget_queue_draw), self,
                           G_CONNECT_SWAPPED);
  active_cb (self);
}
