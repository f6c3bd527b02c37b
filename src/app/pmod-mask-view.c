/* PmodMaskView: see pmod-mask-view.h.
 *
 * The picture is one texture and the mask one render node, made again only when the layer, its
 * map, the plane, the size or the style changes; the hovered part is drawn over both. Padding
 * around the picture belongs to the model's input, not to the picture: it is not shown here. */
#include "config.h"

#include "pmod-mask-view.h"

#include <glib/gi18n.h>
#include <math.h>

#include "pmod-palette.h"

#define CORNER_RADIUS 12
#define MIN_SIDE 220

struct _PmodMaskView
{
  GtkWidget parent_instance;

  PmodPicture *picture;
  PmodSelection *selection;
  GSignalGroup *signals;
  GdkTexture *texture;

  GskRenderNode *mask;
  PmodRun *mask_run; /* whose map the mask is */
  int mask_layer;
  int mask_plane;
  graphene_rect_t mask_area;
};

enum
{
  PROP_PICTURE = 1,
  PROP_SELECTION,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodMaskView, pmod_mask_view, GTK_TYPE_WIDGET)

/* --- Geometry -------------------------------------------------------------------------------- */

static gboolean
get_picture_size (PmodMaskView *self, int *width, int *height)
{
  PmodRun *run = self->selection ? pmod_selection_get_run (self->selection) : NULL;

  if (self->picture)
    {
      *width = pmod_picture_get_width (self->picture);
      *height = pmod_picture_get_height (self->picture);
      return TRUE;
    }
  return run && pmod_run_get_picture_size (run, width, height);
}

/* Where the picture lies: as large as fits, centred, on whole pixels. */
static gboolean
get_area (PmodMaskView *self, graphene_rect_t *area)
{
  int picture_width, picture_height;
  int width = gtk_widget_get_width (GTK_WIDGET (self));
  int height = gtk_widget_get_height (GTK_WIDGET (self));
  double scale;
  float w, h;

  if (!get_picture_size (self, &picture_width, &picture_height))
    return FALSE;
  scale = MIN ((double)width / picture_width, (double)height / picture_height);
  w = (float)MAX (round (picture_width * scale), 1);
  h = (float)MAX (round (picture_height * scale), 1);
  graphene_rect_init (area, floorf ((width - w) / 2), floorf ((height - h) / 2), w, h);
  return TRUE;
}

static float
place (double from, double to, int i, int n, float start, float length)
{
  return roundf (start + (float)((from + (to - from) * i / n) * length));
}

static void
get_cell (
    const PmodRunPlane *plane, const graphene_rect_t *area, int row, int col, graphene_rect_t *cell)
{
  float left = place (plane->x0, plane->x1, col, plane->cols, area->origin.x, area->size.width);
  float right =
      place (plane->x0, plane->x1, col + 1, plane->cols, area->origin.x, area->size.width);
  float top = place (plane->y0, plane->y1, row, plane->rows, area->origin.y, area->size.height);
  float bottom =
      place (plane->y0, plane->y1, row + 1, plane->rows, area->origin.y, area->size.height);

  graphene_rect_init (cell, left, top, right - left, bottom - top);
}

/* --- The mask -------------------------------------------------------------------------------- */

typedef struct
{
  PmodRun *run;
  int layer;
  PmodRunPlane plane;
  const graphene_rect_t *area;
} Map;

static gboolean
is_kept (const Map *map, int row, int col)
{
  return pmod_run_is_kept (map->run, map->layer, map->plane.first + row * map->plane.stride + col);
}

static void
draw_skipped (cairo_t *cr, const Map *map)
{
  for (int row = 0; row < map->plane.rows; row++)
    for (int col = 0; col < map->plane.cols; col++)
      if (!is_kept (map, row, col))
        {
          graphene_rect_t cell;

          get_cell (&map->plane, map->area, row, col, &cell);
          cairo_rectangle (cr, cell.origin.x, cell.origin.y, cell.size.width, cell.size.height);
        }
  gdk_cairo_set_source_rgba (cr, &pmod_palette_get ()->dim);
  cairo_fill (cr);
}

/* A thin line where kept meets skipped, on the skipped side: the map is read by shape too. */
static void
draw_edges (cairo_t *cr, const Map *map)
{
  for (int row = 0; row < map->plane.rows; row++)
    for (int col = 0; col < map->plane.cols; col++)
      {
        graphene_rect_t cell;
        gboolean kept = is_kept (map, row, col);

        get_cell (&map->plane, map->area, row, col, &cell);
        if (col + 1 < map->plane.cols && kept != is_kept (map, row, col + 1))
          cairo_rectangle (cr, cell.origin.x + cell.size.width - (kept ? 0 : 1), cell.origin.y, 1,
                           cell.size.height);
        if (row + 1 < map->plane.rows && kept != is_kept (map, row + 1, col))
          cairo_rectangle (cr, cell.origin.x, cell.origin.y + cell.size.height - (kept ? 0 : 1),
                           cell.size.width, 1);
      }
  gdk_cairo_set_source_rgba (cr, &pmod_palette_get ()->edge);
  cairo_fill (cr);
}

static GskRenderNode *
build_mask (const Map *map)
{
  GskRenderNode *node = gsk_cairo_node_new (map->area);
  cairo_t *cr = gsk_cairo_node_get_draw_context (node);

  /* Cells lie on whole pixels; smoothing would only draw seams between them. */
  cairo_set_antialias (cr, CAIRO_ANTIALIAS_NONE);
  draw_skipped (cr, map);
  draw_edges (cr, map);
  cairo_destroy (cr);
  return node;
}

static void
drop_mask (PmodMaskView *self)
{
  g_clear_pointer (&self->mask, gsk_render_node_unref);
  g_clear_object (&self->mask_run);
}

/* The map of the same picture stays while the next run has not come to this layer yet, so that a
 * question does not make it flicker. */
static void
ensure_mask (PmodMaskView *self, const graphene_rect_t *area)
{
  PmodRun *run = pmod_selection_get_run (self->selection);
  int layer = pmod_selection_get_layer (self->selection);
  int plane_idx = pmod_selection_get_plane (self->selection);
  gboolean same_place = self->mask && self->mask_layer == layer && self->mask_plane == plane_idx &&
                        graphene_rect_equal (&self->mask_area, area);
  PmodRunLayer info;
  Map map = { run, layer, { 0 }, area };

  if (same_place && self->mask_run == run)
    return;
  if (run && pmod_run_get_layer (run, layer, &info) && info.routed && info.ready &&
      pmod_run_get_plane (run, plane_idx, &map.plane) && map.plane.first >= 0)
    {
      drop_mask (self);
      self->mask = build_mask (&map);
      self->mask_run = g_object_ref (run);
      self->mask_layer = layer;
      self->mask_plane = plane_idx;
      self->mask_area = *area;
    }
  else if (!run || !same_place || info.ready)
    drop_mask (self);
}

/* --- Drawing --------------------------------------------------------------------------------- */

static void
snapshot_hover (PmodMaskView *self, GtkSnapshot *snapshot, const graphene_rect_t *area)
{
  PmodRun *run = pmod_selection_get_run (self->selection);
  int hover = pmod_selection_get_hover (self->selection);
  PmodRunPlane plane;
  graphene_rect_t cell;
  GskRoundedRect outline;
  const GdkRGBA *color = &pmod_palette_get ()->hover;

  if (!run || hover < 0 ||
      !pmod_run_get_plane (run, pmod_selection_get_plane (self->selection), &plane) ||
      hover >= plane.rows * plane.cols)
    return;
  get_cell (&plane, area, hover / plane.cols, hover % plane.cols, &cell);
  gsk_rounded_rect_init_from_rect (&outline, &cell, 0);
  gtk_snapshot_append_border (snapshot, &outline, (float[4]){ 2, 2, 2, 2 },
                              (GdkRGBA[4]){ *color, *color, *color, *color });
}

static void
pmod_mask_view_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodMaskView *self = PMOD_MASK_VIEW (widget);
  graphene_rect_t area;
  GskRoundedRect clip;

  if (!self->selection || !get_area (self, &area))
    return;
  gsk_rounded_rect_init_from_rect (&clip, &area, CORNER_RADIUS);
  gtk_snapshot_push_rounded_clip (snapshot, &clip);
  if (self->texture)
    gtk_snapshot_append_texture (snapshot, self->texture, &area);
  else
    gtk_snapshot_append_color (snapshot, &pmod_palette_get ()->paper, &area);
  ensure_mask (self, &area);
  if (self->mask)
    gtk_snapshot_append_node (snapshot, self->mask);
  snapshot_hover (self, snapshot, &area);
  gtk_snapshot_pop (snapshot);
}

static void
pmod_mask_view_measure (GtkWidget *widget,
                        GtkOrientation orientation,
                        int for_size,
                        int *minimum,
                        int *natural,
                        int *minimum_baseline,
                        int *natural_baseline)
{
  *minimum = MIN_SIDE;
  *natural = 2 * MIN_SIDE;
}

/* --- What it says ---------------------------------------------------------------------------- */

static void
update_label (PmodMaskView *self)
{
  PmodRun *run = pmod_selection_get_run (self->selection);
  int layer = pmod_selection_get_layer (self->selection);
  const char *name = self->picture ? pmod_picture_get_name (self->picture) : _ ("Recorded picture");
  g_autofree char *label = NULL;
  PmodRunLayer info;

  if (!run || !pmod_run_get_layer (run, layer, &info) || !info.ready)
    label = g_strdup (name);
  else if (!info.routed)
    label = g_strdup_printf (_ ("%s, layer %d keeps every part"), name, layer);
  else
    label = g_strdup_printf (_ ("%s, layer %d keeps %d of %d parts"), name, layer, info.n_kept,
                             info.n_vision);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

static void
changed_cb (PmodMaskView *self)
{
  update_label (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
style_changed_cb (GtkWidget *widget)
{
  drop_mask (PMOD_MASK_VIEW (widget));
  gtk_widget_queue_draw (widget);
}

/* --- Pointer --------------------------------------------------------------------------------- */

static void
motion_cb (GtkEventControllerMotion *controller, double x, double y, gpointer user_data)
{
  PmodMaskView *self = user_data;

  if (self->selection)
    pmod_selection_set_hover (self->selection, pmod_mask_view_get_cell_at (self, x, y));
}

static void
leave_cb (GtkEventControllerMotion *controller, gpointer user_data)
{
  PmodMaskView *self = user_data;

  if (self->selection)
    pmod_selection_set_hover (self->selection, -1);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
set_picture (PmodMaskView *self, PmodPicture *picture)
{
  if (!g_set_object (&self->picture, picture))
    return;
  g_clear_object (&self->texture);
  drop_mask (self);
  if (picture)
    {
      int width, height;
      GBytes *pixels = pmod_picture_get_pixels (picture, &width, &height);

      self->texture =
          gdk_memory_texture_new (width, height, GDK_MEMORY_R8G8B8, pixels, (gsize)width * 3);
    }
  if (self->selection)
    changed_cb (self);
  gtk_widget_queue_resize (GTK_WIDGET (self));
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PICTURE]);
}

static void
set_selection (PmodMaskView *self, PmodSelection *selection)
{
  if (!g_set_object (&self->selection, selection))
    return;
  g_signal_group_set_target (self->signals, selection);
  if (selection)
    changed_cb (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SELECTION]);
}

static void
pmod_mask_view_dispose (GObject *object)
{
  PmodMaskView *self = PMOD_MASK_VIEW (object);

  drop_mask (self);
  g_clear_object (&self->signals);
  g_clear_object (&self->selection);
  g_clear_object (&self->picture);
  g_clear_object (&self->texture);

  G_OBJECT_CLASS (pmod_mask_view_parent_class)->dispose (object);
}

static void
pmod_mask_view_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodMaskView *self = PMOD_MASK_VIEW (object);

  switch (id)
    {
    case PROP_PICTURE:
      g_value_set_object (value, self->picture);
      break;
    case PROP_SELECTION:
      g_value_set_object (value, self->selection);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_mask_view_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodMaskView *self = PMOD_MASK_VIEW (object);

  switch (id)
    {
    case PROP_PICTURE:
      set_picture (self, g_value_get_object (value));
      break;
    case PROP_SELECTION:
      set_selection (self, g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_mask_view_class_init (PmodMaskViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_mask_view_dispose;
  object_class->get_property = pmod_mask_view_get_property;
  object_class->set_property = pmod_mask_view_set_property;
  widget_class->snapshot = pmod_mask_view_snapshot;
  widget_class->measure = pmod_mask_view_measure;

  props[PROP_PICTURE] = g_param_spec_object ("picture", NULL, NULL, PMOD_TYPE_PICTURE, flags);
  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-mask-view.ui");
  gtk_widget_class_bind_template_callback (widget_class, motion_cb);
  gtk_widget_class_bind_template_callback (widget_class, leave_cb);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  gtk_widget_class_set_css_name (widget_class, "maskview");
}

static void
pmod_mask_view_init (PmodMaskView *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  g_signal_group_connect_swapped (self->signals, "run-changed", G_CALLBACK (changed_cb), self);
  g_signal_group_connect_swapped (self->signals, "notify::layer", G_CALLBACK (changed_cb), self);
  g_signal_group_connect_swapped (self->signals, "notify::plane", G_CALLBACK (changed_cb), self);
  g_signal_group_connect_swapped (self->signals, "notify::hover",
                                  G_CALLBACK (gtk_widget_queue_draw), self);
  pmod_palette_follow (GTK_WIDGET (self), style_changed_cb);
}

/* --- Public ---------------------------------------------------------------------------------- */

int
pmod_mask_view_get_cell_at (PmodMaskView *self, double x, double y)
{
  PmodRun *run = self->selection ? pmod_selection_get_run (self->selection) : NULL;
  graphene_rect_t area;
  PmodRunPlane plane;
  double u, v;

  if (!run || !get_area (self, &area) ||
      !pmod_run_get_plane (run, pmod_selection_get_plane (self->selection), &plane))
    return -1;
  u = (x - area.origin.x) / area.size.width;
  v = (y - area.origin.y) / area.size.height;
  if (u < 0 || u >= 1 || v < 0 || v >= 1)
    return -1;
  u = CLAMP ((u - plane.x0) / (plane.x1 - plane.x0), 0, 1);
  v = CLAMP ((v - plane.y0) / (plane.y1 - plane.y0), 0, 1);
  return MIN ((int)(v * plane.rows), plane.rows - 1) * plane.cols +
         MIN ((int)(u * plane.cols), plane.cols - 1);
}

gboolean
pmod_mask_view_get_cell_area (PmodMaskView *self, int cell, graphene_rect_t *bounds)
{
  PmodRun *run = self->selection ? pmod_selection_get_run (self->selection) : NULL;
  graphene_rect_t area;
  PmodRunPlane plane;

  if (!run || !get_area (self, &area) ||
      !pmod_run_get_plane (run, pmod_selection_get_plane (self->selection), &plane) || cell < 0 ||
      cell >= plane.rows * plane.cols)
    return FALSE;
  get_cell (&plane, &area, cell / plane.cols, cell % plane.cols, bounds);
  return graphene_rect_intersection (bounds, &area, bounds);
}
