/* PmodDifferenceOverlay: see pmod-difference-overlay.h. */
#include "config.h"

#include "pmod-difference-overlay.h"

#include "pmod-brush.h"
#include "pmod-hatch.h"
#include "pmod-map-places.h"
#include "pmod-palette.h"

struct _PmodDifferenceOverlay
{
  GtkWidget parent_instance;

  PmodMaskView *view; /* below it; not owned */
  PmodSelection *selection;
  PmodComparison *comparison; /* not owned: the chat's, which the parent holds */
  GskRenderNode *node;        /* of what is drawn; NULL: to be made */
};

G_DEFINE_FINAL_TYPE (PmodDifferenceOverlay, pmod_difference_overlay, GTK_TYPE_WIDGET)

static void
changed_cb (PmodDifferenceOverlay *self)
{
  g_clear_pointer (&self->node, gsk_render_node_unref);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
style_changed_cb (GtkWidget *widget)
{
  changed_cb (PMOD_DIFFERENCE_OVERLAY (widget));
}

static void
draw (PmodDifferenceOverlay *self,
      cairo_t *cr,
      PmodHatch hatch,
      const PmodRunPlane *grid,
      const graphene_rect_t *bounds)
{
  PmodRun *a = pmod_comparison_get_partner (self->comparison);
  PmodRun *b = pmod_comparison_get_run (self->comparison);
  int layer = pmod_selection_get_layer (self->selection);

  for (int i = 0; i < grid->rows * grid->cols; i++)
    {
      int token = pmod_run_plane_get_token (grid, i / grid->cols, i % grid->cols);
      gboolean in_a = pmod_run_is_kept (a, layer, token);
      gboolean in_b = pmod_run_is_kept (b, layer, token);
      graphene_rect_t cell;

      if (in_a == in_b || in_a != (hatch == PMOD_HATCH_FIRST) ||
          !pmod_map_places_get_cell (self->view, self->selection, i, &cell))
        continue;
      cairo_rectangle (cr, cell.origin.x, cell.origin.y, cell.size.width, cell.size.height);
    }
  pmod_hatch_fill (cr, hatch, bounds, FALSE);
}

static GskRenderNode *
make_node (PmodDifferenceOverlay *self)
{
  int layer = pmod_selection_get_layer (self->selection);
  PmodComparisonCounts counts;
  graphene_rect_t bounds;
  GskRenderNode *node;
  PmodRunPlane grid;
  cairo_t *cr;

  if (!pmod_brush_get_grid (self->selection, &grid) ||
      !pmod_comparison_count (self->comparison, layer, &counts))
    return NULL;
  graphene_rect_init (&bounds, 0, 0, (float)gtk_widget_get_width (GTK_WIDGET (self)),
                      (float)gtk_widget_get_height (GTK_WIDGET (self)));
  node = gsk_cairo_node_new (&bounds);
  cr = gsk_cairo_node_get_draw_context (node);
  draw (self, cr, PMOD_HATCH_FIRST, &grid, &bounds);
  draw (self, cr, PMOD_HATCH_SECOND, &grid, &bounds);
  cairo_destroy (cr);
  return node;
}

static void
pmod_difference_overlay_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodDifferenceOverlay *self = PMOD_DIFFERENCE_OVERLAY (widget);
  GskRoundedRect outline;

  if (!self->comparison || !self->selection)
    return;
  if (!self->node)
    self->node = make_node (self);
  if (self->node && pmod_map_places_get_outline (self->view, &outline))
    {
      gtk_snapshot_push_rounded_clip (snapshot, &outline);
      gtk_snapshot_append_node (snapshot, self->node);
      gtk_snapshot_pop (snapshot);
    }
}

static void
pmod_difference_overlay_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  changed_cb (PMOD_DIFFERENCE_OVERLAY (widget));
}

static void
pmod_difference_overlay_dispose (GObject *object)
{
  PmodDifferenceOverlay *self = PMOD_DIFFERENCE_OVERLAY (object);

  g_clear_pointer (&self->node, gsk_render_node_unref);
  self->comparison = NULL;
  g_clear_object (&self->selection);
  G_OBJECT_CLASS (pmod_difference_overlay_parent_class)->dispose (object);
}

static void
pmod_difference_overlay_class_init (PmodDifferenceOverlayClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_difference_overlay_dispose;
  widget_class->snapshot = pmod_difference_overlay_snapshot;
  widget_class->size_allocate = pmod_difference_overlay_size_allocate;
  gtk_widget_class_set_template_from_resource (
      widget_class, "/io/github/strata/Strata/pmod-difference-overlay.ui");
  gtk_widget_class_set_css_name (widget_class, "differenceoverlay");
}

static void
pmod_difference_overlay_init (PmodDifferenceOverlay *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  pmod_palette_follow (GTK_WIDGET (self), style_changed_cb);
}

void
pmod_difference_overlay_set_up (PmodDifferenceOverlay *self,
                                PmodMaskView *view,
                                PmodSelection *selection,
                                PmodComparison *comparison)
{
  static const char *const told[] = { "run-changed", "notify::layer", "notify::picture",
                                      "notify::plane", "notify::zoom" };

  g_return_if_fail (PMOD_IS_DIFFERENCE_OVERLAY (self));
  g_return_if_fail (self->view == NULL);

  self->view = view;
  self->selection = g_object_ref (selection);
  self->comparison = comparison;
  for (gsize i = 0; i < G_N_ELEMENTS (told); i++)
    g_signal_connect_object (selection, told[i], G_CALLBACK (changed_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (comparison, "changed", G_CALLBACK (changed_cb), self, G_CONNECT_SWAPPED);
}
