/* PmodMaskView: see pmod-mask-view.h.
 *
 * The picture is one texture and the map another, made again only when what it shows changes; the
 * parts pointed at and held are drawn over both. The picture keeps its frame when it is zoomed:
 * nothing around it moves. Padding around the picture belongs to the model's input, not to the
 * picture: it is not shown here. */
#include "config.h"

#include "pmod-mask-view.h"

#include <math.h>

#include "pmod-map-keys.h"
#include "pmod-map-name.h"
#include "pmod-map-texture.h"
#include "pmod-palette.h"
#include "pmod-picture-texture.h"
#include "pmod-run-origin.h"

#define CORNER_RADIUS PMOD_MASK_VIEW_RADIUS
#define MIN_SIDE 220

/* What the map that is there was made of. */
typedef struct
{
  PmodRun *run;
  PmodView view;
  int layer;
  int picture;
  int plane;
  int n_ready; /* layers: the depth grows with them */
  int scale;
  graphene_rect_t area;
  graphene_rect_t frame;
} MapKey;

struct _PmodMaskView
{
  GtkWidget parent_instance;

  PmodPicture *picture;
  PmodSelection *selection;
  GSignalGroup *signals;
  PmodPictureTexture texture;

  GdkTexture *map;
  MapKey key;

  gboolean inside; /* the pointer, and where */
  double pointer_x, pointer_y;
  double drag_x, drag_y;
  double pinch_zoom;
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

/* The conversation's own, or another one of the run's. NULL: not known. */
static PmodPicture *
get_drawn (PmodMaskView *self)
{
  PmodRun *run = self->selection ? pmod_selection_get_run (self->selection) : NULL;
  int picture = self->selection ? pmod_selection_get_picture (self->selection) : 0;

  if (self->picture && picture == 0)
    return self->picture;
  return run ? pmod_run_get_shown (run, picture) : NULL;
}

static gboolean
get_picture_size (PmodMaskView *self, int *width, int *height)
{
  PmodRun *run = self->selection ? pmod_selection_get_run (self->selection) : NULL;
  int picture = self->selection ? pmod_selection_get_picture (self->selection) : 0;
  PmodPicture *drawn = get_drawn (self);

  if (drawn)
    {
      *width = pmod_picture_get_width (drawn);
      *height = pmod_picture_get_height (drawn);
      return TRUE;
    }
  return run && pmod_run_get_picture_size (run, picture, width, height);
}

/* Where the picture is seen: as large as fits, centred, on whole pixels. */
static gboolean
get_frame (PmodMaskView *self, graphene_rect_t *frame)
{
  int picture_width, picture_height;
  int width = gtk_widget_get_width (GTK_WIDGET (self));
  int height = gtk_widget_get_height (GTK_WIDGET (self));
  double scale;
  float w, h;

  if (!self->selection || !get_picture_size (self, &picture_width, &picture_height))
    return FALSE;
  scale = MIN ((double)width / picture_width, (double)height / picture_height);
  w = (float)MAX (round (picture_width * scale), 1);
  h = (float)MAX (round (picture_height * scale), 1);
  graphene_rect_init (frame, floorf (((float)width - w) / 2), floorf (((float)height - h) / 2), w,
                      h);
  return TRUE;
}

/* Where the whole picture would lie if the frame did not end. */
static void
get_area (PmodMaskView *self, const graphene_rect_t *frame, graphene_rect_t *area)
{
  double zoom = pmod_selection_get_zoom (self->selection);
  double x, y;

  pmod_selection_get_center (self->selection, &x, &y);
  graphene_rect_init (area, frame->origin.x + (float)((0.5 - x * zoom) * frame->size.width),
                      frame->origin.y + (float)((0.5 - y * zoom) * frame->size.height),
                      (float)(frame->size.width * zoom), (float)(frame->size.height * zoom));
}

/* From the widget to the frame, 0..1. FALSE outside. */
static gboolean
get_frame_place (PmodMaskView *self, double x, double y, double *frame_x, double *frame_y)
{
  graphene_rect_t frame;

  if (!get_frame (self, &frame))
    return FALSE;
  *frame_x = (x - frame.origin.x) / frame.size.width;
  *frame_y = (y - frame.origin.y) / frame.size.height;
  return *frame_x >= 0 && *frame_x < 1 && *frame_y >= 0 && *frame_y < 1;
}

/* The part under a place of the widget, or -1. Where padding hides a part's outer half, the rest of
 * it reaches to the picture's edge. */
static int
find_cell (PmodMaskView *self, double x, double y)
{
  PmodRunPlane grid;
  double u, v;

  if (!get_frame_place (self, x, y, &u, &v) || !pmod_selection_get_grid (self->selection, &grid))
    return -1;
  pmod_selection_unproject (self->selection, u, v, &u, &v);
  u = CLAMP ((u - grid.x0) / (grid.x1 - grid.x0), 0, 1);
  v = CLAMP ((v - grid.y0) / (grid.y1 - grid.y0), 0, 1);
  return MIN ((int)(v * grid.rows), grid.rows - 1) * grid.cols +
         MIN ((int)(u * grid.cols), grid.cols - 1);
}

/* --- The map --------------------------------------------------------------------------------- */

static void
drop_map (PmodMaskView *self)
{
  g_clear_object (&self->map);
  g_clear_object (&self->key.run);
}

static gboolean
is_same_place (const MapKey *a, const MapKey *b)
{
  return a->view == b->view && (a->layer == b->layer || a->view == PMOD_VIEW_DEPTH) &&
         a->picture == b->picture && a->plane == b->plane && a->scale == b->scale &&
         graphene_rect_equal (&a->area, &b->area) && graphene_rect_equal (&a->frame, &b->frame);
}

/* Whether the run has come far enough for the map that is asked for, and will ever have one. */
static gboolean
find_map (const MapKey *key, PmodMap *map, gboolean *pending)
{
  PmodRunLayer info;

  *pending = FALSE;
  if (!key->run || !pmod_run_get_layer (key->run, key->layer, &info))
    {
      *pending = key->run != NULL && !pmod_run_is_finished (key->run);
      return FALSE;
    }
  if (map->grid.first < 0 || key->view == PMOD_VIEW_PICTURE)
    return FALSE;
  *pending = !pmod_run_is_finished (key->run);
  if (key->view == PMOD_VIEW_DEPTH)
    return pmod_run_has_maps (key->run);
  *pending = *pending && !info.ready;
  return info.routed && info.ready;
}

/* The map of the same picture stays while the next run has not come to this layer yet, so that a
 * question does not make it flicker. */
static void
ensure_map (PmodMaskView *self, const graphene_rect_t *area, const graphene_rect_t *frame)
{
  PmodSelection *selection = self->selection;
  PmodRun *run = pmod_selection_get_run (selection);
  MapKey key = { run,
                 pmod_selection_get_view (selection),
                 pmod_selection_get_layer (selection),
                 pmod_selection_get_picture (selection),
                 pmod_selection_get_plane (selection),
                 run ? pmod_run_get_n_layers_ready (run) : 0,
                 gtk_widget_get_scale_factor (GTK_WIDGET (self)),
                 *area,
                 *frame };
  PmodMap map = { run, key.layer, key.view, { .first = -1 } };
  gboolean same_place = self->map && is_same_place (&self->key, &key);
  gboolean pending;

  if (same_place && self->key.run == run &&
      (key.view != PMOD_VIEW_DEPTH || self->key.n_ready == key.n_ready))
    return;
  if (!pmod_selection_get_grid (selection, &map.grid))
    map.grid.first = -1;
  if (find_map (&key, &map, &pending))
    {
      drop_map (self);
      self->map = pmod_map_texture_new (&map, area, frame, key.scale);
      self->key = key;
      g_object_ref (self->key.run);
    }
  else if (!same_place || !pending)
    drop_map (self);
}

/* --- Drawing --------------------------------------------------------------------------------- */

static void
append_outline (GtkSnapshot *snapshot,
                const graphene_rect_t *cell,
                float inset,
                float width,
                const GdkRGBA *color)
{
  GskRoundedRect outline;

  gsk_rounded_rect_init_from_rect (&outline, cell, 0);
  gsk_rounded_rect_shrink (&outline, inset, inset, inset, inset);
  gtk_snapshot_append_border (snapshot, &outline, (float[4]){ width, width, width, width },
                              (GdkRGBA[4]){ *color, *color, *color, *color });
}

/* The held part is marked by a dark line inside the light one, so that it differs from the hovered
 * one by shape and is seen on any colour. */
static void
snapshot_cell (
    PmodMaskView *self, GtkSnapshot *snapshot, const graphene_rect_t *area, int cell, gboolean held)
{
  const PmodPalette *palette = pmod_palette_get ();
  PmodRunPlane grid;
  graphene_rect_t bounds;

  if (cell < 0 || !pmod_selection_get_grid (self->selection, &grid) ||
      cell >= grid.rows * grid.cols)
    return;
  pmod_map_get_cell (&grid, area, gtk_widget_get_scale_factor (GTK_WIDGET (self)), cell, &bounds);
  append_outline (snapshot, &bounds, -1, 1, &palette->outline_dark);
  append_outline (snapshot, &bounds, 0, 2, &palette->hover);
  if (held)
    append_outline (snapshot, &bounds, 2, 2, &palette->outline_dark);
}

static void
snapshot_picture (PmodMaskView *self,
                  GtkSnapshot *snapshot,
                  const graphene_rect_t *area,
                  const graphene_rect_t *frame)
{
  PmodPicture *drawn = get_drawn (self);

  if (drawn && self->texture.picture != drawn)
    pmod_picture_texture_set (&self->texture, drawn);
  if (drawn)
    pmod_picture_texture_snapshot (&self->texture, snapshot, area, frame,
                                   gtk_widget_get_scale_factor (GTK_WIDGET (self)));
  else
    gtk_snapshot_append_color (snapshot, &pmod_palette_get ()->paper, area);
}

/* Around the picture, not around the room that it leaves. */
static void
snapshot_focus (PmodMaskView *self, GtkSnapshot *snapshot, const graphene_rect_t *frame)
{
  const GdkRGBA *color = &pmod_palette_get ()->used;
  GskRoundedRect ring;

  if (!gtk_widget_has_visible_focus (GTK_WIDGET (self)))
    return;
  gsk_rounded_rect_init_from_rect (&ring, frame, CORNER_RADIUS);
  gsk_rounded_rect_shrink (&ring, -4, -4, -4, -4);
  gtk_snapshot_append_border (snapshot, &ring, (float[4]){ 2, 2, 2, 2 },
                              (GdkRGBA[4]){ *color, *color, *color, *color });
}

static void
pmod_mask_view_state_flags_changed (GtkWidget *widget, GtkStateFlags before)
{
  GTK_WIDGET_CLASS (pmod_mask_view_parent_class)->state_flags_changed (widget, before);
  if ((gtk_widget_get_state_flags (widget) ^ before) & GTK_STATE_FLAG_FOCUS_VISIBLE)
    gtk_widget_queue_draw (widget);
}

static void
pmod_mask_view_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodMaskView *self = PMOD_MASK_VIEW (widget);
  graphene_rect_t frame, area;
  GskRoundedRect clip;

  if (!get_frame (self, &frame))
    return;
  get_area (self, &frame, &area);
  gsk_rounded_rect_init_from_rect (&clip, &frame, CORNER_RADIUS);
  gtk_snapshot_push_rounded_clip (snapshot, &clip);
  snapshot_picture (self, snapshot, &area, &frame);
  if (!pmod_selection_get_bare (self->selection))
    {
      ensure_map (self, &area, &frame);
      if (self->map)
        gtk_snapshot_append_texture (snapshot, self->map, &frame);
    }
  snapshot_cell (self, snapshot, &area, pmod_selection_get_held (self->selection), TRUE);
  snapshot_cell (self, snapshot, &area, pmod_selection_get_hover (self->selection), FALSE);
  gtk_snapshot_pop (snapshot);
  snapshot_focus (self, snapshot, &frame);
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
changed_cb (PmodMaskView *self)
{
  pmod_map_name_update (GTK_WIDGET (self), self->selection, get_drawn (self));
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
picture_chosen_cb (PmodMaskView *self)
{
  changed_cb (self);
  gtk_widget_queue_resize (GTK_WIDGET (self));
}

static void
style_changed_cb (GtkWidget *widget)
{
  drop_map (PMOD_MASK_VIEW (widget));
  gtk_widget_queue_draw (widget);
}

/* --- Pointer --------------------------------------------------------------------------------- */

static void
update_hover (PmodMaskView *self)
{
  if (self->selection)
    pmod_selection_set_hover (
        self->selection, self->inside ? find_cell (self, self->pointer_x, self->pointer_y) : -1);
}

static void
motion_cb (GtkEventControllerMotion *controller, double x, double y, gpointer user_data)
{
  PmodMaskView *self = user_data;

  self->inside = TRUE;
  self->pointer_x = x;
  self->pointer_y = y;
  update_hover (self);
}

static void
leave_cb (GtkEventControllerMotion *controller, gpointer user_data)
{
  PmodMaskView *self = user_data;

  self->inside = FALSE;
  update_hover (self);
}

static void
released_cb (GtkGestureClick *gesture, int n_press, double x, double y, gpointer user_data)
{
  PmodMaskView *self = user_data;
  int cell = find_cell (self, x, y);

  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (self->selection && n_press == 1)
    pmod_selection_set_held (self->selection,
                             cell == pmod_selection_get_held (self->selection) ? -1 : cell);
}

static void
drag_begin_cb (GtkGestureDrag *gesture, double x, double y, gpointer user_data)
{
  PmodMaskView *self = user_data;

  self->drag_x = self->drag_y = 0;
  if (!self->selection || pmod_selection_get_zoom (self->selection) <= 1)
    gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_DENIED);
}

static void
drag_update_cb (GtkGestureDrag *gesture, double dx, double dy, gpointer user_data)
{
  PmodMaskView *self = user_data;
  graphene_rect_t frame;

  if (!get_frame (self, &frame) ||
      (self->drag_x == 0 && self->drag_y == 0 &&
       !gtk_drag_check_threshold (GTK_WIDGET (self), 0, 0, (int)dx, (int)dy)))
    return;
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  pmod_selection_pan (self->selection, (dx - self->drag_x) / frame.size.width,
                      (dy - self->drag_y) / frame.size.height);
  self->drag_x = dx;
  self->drag_y = dy;
}

static void
pinch_begin_cb (GtkGesture *gesture, GdkEventSequence *sequence, gpointer user_data)
{
  PmodMaskView *self = user_data;

  self->pinch_zoom = self->selection ? pmod_selection_get_zoom (self->selection) : 1;
}

static void
pinch_cb (GtkGestureZoom *gesture, double scale, gpointer user_data)
{
  PmodMaskView *self = user_data;
  double x, y;

  if (self->selection && gtk_gesture_get_bounding_box_center (GTK_GESTURE (gesture), &x, &y) &&
      get_frame_place (self, x, y, &x, &y))
    pmod_selection_zoom_at (self->selection, self->pinch_zoom * scale, x, y);
}

static gboolean
scroll_cb (GtkEventControllerScroll *controller, double dx, double dy, gpointer user_data)
{
  PmodMaskView *self = user_data;
  GdkModifierType state =
      gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (controller));
  double x, y;

  if (!(state & GDK_CONTROL_MASK))
    return GDK_EVENT_PROPAGATE;
  if (get_frame_place (self, self->pointer_x, self->pointer_y, &x, &y))
    pmod_selection_zoom_at (self->selection,
                            pmod_selection_get_zoom (self->selection) * pow (PMOD_ZOOM_STEP, -dy),
                            x, y);
  return GDK_EVENT_STOP;
}

static void
zoomed_cb (PmodMaskView *self)
{
  update_hover (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* --- Keys ------------------------------------------------------------------------------------ */

static gboolean
key_pressed_cb (GtkEventControllerKey *controller,
                guint keyval,
                guint keycode,
                GdkModifierType state,
                gpointer user_data)
{
  PmodMaskView *self = user_data;

  return self->selection && pmod_map_keys_press (self->selection, keyval, state);
}

static void
key_released_cb (GtkEventControllerKey *controller,
                 guint keyval,
                 guint keycode,
                 GdkModifierType state,
                 gpointer user_data)
{
  PmodMaskView *self = user_data;

  if (self->selection)
    pmod_map_keys_release (self->selection, keyval);
}

static void
focus_left_cb (PmodMaskView *self)
{
  if (self->selection)
    pmod_selection_set_bare (self->selection, FALSE);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

/* Frames of a camera follow each other under one name: the map and the zoom stay until the frame's
 * own map comes. */
static gboolean
follows (PmodPicture *before, PmodPicture *after)
{
  return before && after && pmod_picture_get_width (before) == pmod_picture_get_width (after) &&
         pmod_picture_get_height (before) == pmod_picture_get_height (after) &&
         g_str_equal (pmod_picture_get_name (before), pmod_picture_get_name (after));
}

static void
set_picture (PmodMaskView *self, PmodPicture *picture)
{
  gboolean same;

  if (self->picture == picture)
    return;
  same = follows (self->picture, picture);
  g_set_object (&self->picture, picture);
  pmod_picture_texture_set (&self->texture, picture);
  if (!same)
    {
      drop_map (self);
      if (self->selection)
        pmod_selection_reset_places (self->selection);
    }
  if (self->selection)
    changed_cb (self);
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

  drop_map (self);
  g_clear_object (&self->signals);
  g_clear_object (&self->selection);
  g_clear_object (&self->picture);
  pmod_picture_texture_set (&self->texture, NULL);

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
bind_callbacks (GtkWidgetClass *klass)
{
  gtk_widget_class_bind_template_callback (klass, motion_cb);
  gtk_widget_class_bind_template_callback (klass, leave_cb);
  gtk_widget_class_bind_template_callback (klass, released_cb);
  gtk_widget_class_bind_template_callback (klass, drag_begin_cb);
  gtk_widget_class_bind_template_callback (klass, drag_update_cb);
  gtk_widget_class_bind_template_callback (klass, pinch_begin_cb);
  gtk_widget_class_bind_template_callback (klass, pinch_cb);
  gtk_widget_class_bind_template_callback (klass, scroll_cb);
  gtk_widget_class_bind_template_callback (klass, key_pressed_cb);
  gtk_widget_class_bind_template_callback (klass, key_released_cb);
  gtk_widget_class_bind_template_callback (klass, focus_left_cb);
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
  widget_class->state_flags_changed = pmod_mask_view_state_flags_changed;

  props[PROP_PICTURE] = g_param_spec_object ("picture", NULL, NULL, PMOD_TYPE_PICTURE, flags);
  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-mask-view.ui");
  bind_callbacks (widget_class);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  gtk_widget_class_set_css_name (widget_class, "maskview");
}

static void
pmod_mask_view_init (PmodMaskView *self)
{
  static const char *const redrawn[] = { "notify::hover", "notify::bare" };
  static const char *const changed[] = { "run-changed", "notify::layer", "notify::plane",
                                         "notify::view", "notify::held" };

  gtk_widget_init_template (GTK_WIDGET (self));
  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  for (gsize i = 0; i < G_N_ELEMENTS (changed); i++)
    g_signal_group_connect_swapped (self->signals, changed[i], G_CALLBACK (changed_cb), self);
  for (gsize i = 0; i < G_N_ELEMENTS (redrawn); i++)
    g_signal_group_connect_swapped (self->signals, redrawn[i], G_CALLBACK (gtk_widget_queue_draw),
                                    self);
  g_signal_group_connect_swapped (self->signals, "notify::picture", G_CALLBACK (picture_chosen_cb),
                                  self);
  g_signal_group_connect_swapped (self->signals, "notify::zoom", G_CALLBACK (zoomed_cb), self);
  pmod_palette_follow (GTK_WIDGET (self), style_changed_cb);
}

/* --- Public ---------------------------------------------------------------------------------- */

gboolean
pmod_mask_view_get_frame (PmodMaskView *self, graphene_rect_t *frame, graphene_rect_t *area)
{
  if (!get_frame (self, frame))
    return FALSE;
  get_area (self, frame, area);
  return TRUE;
}
