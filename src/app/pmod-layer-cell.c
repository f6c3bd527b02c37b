/* PmodLayerCell: see pmod-layer-cell.h.
 *
 * The map is a texture, one block of pixels for each vision token, made when the layer's record
 * comes and when the style changes. Kept tokens are coloured by their weight within the layer. */
#include "config.h"

#include "pmod-layer-cell.h"

#include <glib/gi18n.h>
#include <string.h>

#include "pmod-format.h"
#include "pmod-late-text.h"
#include "pmod-map-summary.h"
#include "pmod-palette.h"
#include "pmod-run-weights.h"

#define RATIO_HEIGHT 3 /* the bar under the map */
#define RATIO_GAP 3
#define LABEL_HEIGHT 16
#define LABEL_GAP 3
#define N_SHADES 64     /* of what is kept, in a map of few pixels */
#define FULL_ENOUGH 0.8 /* of the cell's side */
#define MARK_STEP 6     /* between the lines over a map that is no choice */

struct _PmodLayerCell
{
  GtkWidget parent_instance;

  PmodSelection *selection;
  int layer;
  int side;
  GtkWidget *label;
  GtkWidget *count; /* how many parts it keeps */

  PmodRun *map_run; /* whose map the texture is */
  GdkTexture *map;
  int map_picture;
  int map_plane;
  int map_width; /* as shown */
  int map_height;
  PmodRunLayer info;
};

G_DEFINE_FINAL_TYPE (PmodLayerCell, pmod_layer_cell, GTK_TYPE_WIDGET)

/* --- The map --------------------------------------------------------------------------------- */

/* The colours of one map, looked up once. */
typedef struct
{
  guint32 plain;
  guint32 skipped;
  guint32 kept[N_SHADES]; /* from the lowest weight to the highest */
} Shades;

static void
get_shades (Shades *shades)
{
  const PmodPalette *palette = pmod_palette_get ();

  shades->plain = pmod_palette_to_pixel (&palette->plain);
  shades->skipped = pmod_palette_to_pixel (&palette->skipped);
  for (int i = 0; i < N_SHADES; i++)
    {
      GdkRGBA color =
          pmod_palette_mix (&palette->kept_low, &palette->kept_high, (double)i / (N_SHADES - 1));

      shades->kept[i] = pmod_palette_to_pixel (&color);
    }
}

static guint32
get_token_pixel (PmodLayerCell *self, const Shades *shades, PmodRun *run, int token)
{
  double share;

  if (!self->info.routed || token < 0)
    return shades->plain;
  if (!pmod_run_is_kept (run, self->layer, token))
    return shades->skipped;
  share = pmod_run_get_weight_share (run, self->layer, token);
  return shades->kept[(int)(share * (N_SHADES - 1) + 0.5)];
}

/* Each token is a block of whole pixels, so that no map is blurred; but where these would fill too
 * little of the cell, or more than it, they are drawn smaller. */
static void
build_map (PmodLayerCell *self, PmodRun *run, const PmodRunPlane *plane)
{
  int scale = gtk_widget_get_scale_factor (GTK_WIDGET (self));
  int longest = MAX (plane->rows, plane->cols);
  int whole = self->side * scale / longest;
  int block = whole * longest >= FULL_ENOUGH * self->side * scale ? whole : whole + 1;
  double shrink = MIN ((double)self->side * scale / (block * longest), 1);
  int width = plane->cols * block;
  int height = plane->rows * block;
  gsize stride = (gsize)width * sizeof (guint32);
  guint32 *pixels = g_malloc (stride * height);
  g_autoptr (GBytes) bytes = NULL;
  Shades shades;

  get_shades (&shades);
  for (int row = 0; row < plane->rows; row++)
    {
      guint32 *line = pixels + (gsize)row * block * width;

      for (int col = 0; col < plane->cols; col++)
        {
          int token = plane->first < 0 ? -1 : pmod_run_plane_get_token (plane, row, col);
          guint32 pixel = get_token_pixel (self, &shades, run, token);

          for (int x = 0; x < block; x++)
            line[col * block + x] = pixel;
        }
      for (int y = 1; y < block; y++)
        memcpy (line + (gsize)y * width, line, stride);
    }
  bytes = g_bytes_new_take (pixels, stride * height);
  g_set_object (&self->map_run, run);
  g_clear_object (&self->map);
  self->map = gdk_memory_texture_new (width, height, PMOD_PALETTE_PIXELS, bytes, stride);
  self->map_width = MAX ((int)(width * shrink / scale + 0.5), 1);
  self->map_height = MAX ((int)(height * shrink / scale + 0.5), 1);
}

static void
drop_map (PmodLayerCell *self)
{
  g_clear_object (&self->map);
  g_clear_object (&self->map_run);
}

/* --- What it says ---------------------------------------------------------------------------- */

static char *
describe (PmodLayerCell *self)
{
  if (!self->info.ready)
    return g_strdup_printf (_ ("Layer %d, not computed yet"), self->layer);
  if (!self->info.routed)
    return g_strdup_printf (_ ("Layer %d, plain, all kept"), self->layer);
  if (self->info.never_read)
    return g_strdup_printf (_ ("Layer %d, routed, keeps %d of %d, not a learned choice"),
                            self->layer, self->info.n_kept, self->info.n_vision);
  return g_strdup_printf (_ ("Layer %d, routed, keeps %d of %d"), self->layer, self->info.n_kept,
                          self->info.n_vision);
}

/* Where in the picture it keeps parts, and how sure it was. */
static char *
describe_places (PmodLayerCell *self, const char *more)
{
  PmodMapSubject subject = pmod_map_subject_from_selection (
      self->selection, gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL);
  g_autofree char *places = NULL;

  subject.layer = self->layer;
  places = pmod_map_summary_new_short (&subject);
  return places ? g_strdup_printf ("%s %s", places, more) : g_strdup (more);
}

static char *
describe_more (PmodLayerCell *self)
{
  g_autofree char *margin = NULL;

  if (!self->info.ready)
    return g_strdup ("");
  if (!self->info.routed)
    return g_strdup (_ ("This layer has no router: every token goes through it."));
  if (self->info.never_read)
    return g_strdup (_ ("Nothing reads what the last layer makes of the picture, so its router "
                        "never learned. Which parts it keeps is an accident."));
  margin = pmod_format_small (self->info.margin);
  return g_strdup_printf (_ ("Ratio %.2f. Margin at the cut %s. Tokens tied at the cut: %d."),
                          self->info.ratio, margin, self->info.n_ties);
}

static void
describe_late (GtkWidget *widget)
{
  PmodLayerCell *self = PMOD_LAYER_CELL (widget);
  g_autofree char *more = describe_more (self);
  g_autofree char *text = describe_places (self, more);

  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text,
                                  -1);
}

static void
update_texts (PmodLayerCell *self)
{
  g_autofree char *name = describe (self);
  g_autofree char *more = describe_more (self);
  g_autofree char *number =
      g_strdup_printf (self->info.never_read ? "%d\342\200\240" : "%d", self->layer);
  g_autofree char *count =
      self->info.ready ? g_strdup_printf ("%d", self->info.n_kept) : g_strdup ("");

  gtk_label_set_label (GTK_LABEL (self->label), number);
  gtk_label_set_label (GTK_LABEL (self->count), count);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name,
                                  GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, more, -1);
  if (self->info.ready && self->info.routed)
    pmod_late_text_queue (GTK_WIDGET (self), describe_late);
}

/* Made when it is asked for: to set one asks the display where the pointer is, of each cell at each
 * run. */
static gboolean
query_tooltip_cb (
    PmodLayerCell *self, int x, int y, gboolean keyboard_mode, GtkTooltip *tooltip, gpointer data)
{
  g_autofree char *name = describe (self);
  g_autofree char *margin = describe_more (self);
  g_autofree char *more = describe_places (self, margin);
  g_autofree char *text = *more ? g_strdup_printf ("%s\n%s", name, more) : g_strdup (name);

  gtk_tooltip_set_text (tooltip, text);
  return TRUE;
}

/* As in the large view, the map of a run before stays until this one has its own. */
static void
update_map (PmodLayerCell *self)
{
  PmodRun *run = pmod_selection_get_run (self->selection);
  int picture = pmod_selection_get_picture (self->selection);
  int plane_idx = pmod_selection_get_plane (self->selection);
  gboolean same_place = self->map_picture == picture && self->map_plane == plane_idx;
  PmodRunLayer info;
  PmodRunPlane plane;

  if (run && self->map_run == run && same_place)
    return;
  if (!run || !pmod_run_get_layer (run, self->layer, &info))
    {
      drop_map (self);
      self->info = (PmodRunLayer){ 0 };
    }
  else if (!info.ready && self->map && same_place)
    return;
  else
    {
      self->info = info;
      drop_map (self);
      self->map_picture = picture;
      self->map_plane = plane_idx;
      if (info.ready && pmod_selection_get_grid (self->selection, &plane))
        build_map (self, run, &plane);
    }
  update_texts (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
update_selected (PmodLayerCell *self)
{
  gboolean selected = pmod_selection_get_layer (self->selection) == self->layer;

  if (selected)
    gtk_widget_set_state_flags (GTK_WIDGET (self), GTK_STATE_FLAG_SELECTED, FALSE);
  else
    gtk_widget_unset_state_flags (GTK_WIDGET (self), GTK_STATE_FLAG_SELECTED);
  gtk_accessible_update_state (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_STATE_SELECTED, selected, -1);
}

static void
style_changed_cb (GtkWidget *widget)
{
  drop_map (PMOD_LAYER_CELL (widget));
  update_map (PMOD_LAYER_CELL (widget));
}

/* --- Drawing --------------------------------------------------------------------------------- */

static void
snapshot_marks (PmodLayerCell *self, GtkSnapshot *snapshot, const graphene_rect_t *rect)
{
  cairo_t *cr = gtk_snapshot_append_cairo (snapshot, rect);
  float length = rect->size.width + rect->size.height;

  for (float at = MARK_STEP; at < length; at += MARK_STEP)
    {
      cairo_move_to (cr, rect->origin.x + at, rect->origin.y);
      cairo_line_to (cr, rect->origin.x + at - rect->size.height,
                     rect->origin.y + rect->size.height);
    }
  gdk_cairo_set_source_rgba (cr, &pmod_palette_get ()->mark);
  cairo_set_line_width (cr, 1);
  cairo_stroke (cr);
  cairo_destroy (cr);
}

static void
pmod_layer_cell_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodLayerCell *self = PMOD_LAYER_CELL (widget);
  const PmodPalette *palette = pmod_palette_get ();
  int width = self->map ? self->map_width : self->side;
  int height = self->map ? self->map_height : self->side;
  graphene_rect_t rect;
  graphene_rect_t bar;
  GskRoundedRect clip;

  graphene_rect_init (&rect, (float)((self->side - width) / 2), (float)((self->side - height) / 2),
                      (float)width, (float)height);
  gsk_rounded_rect_init_from_rect (&clip, &rect, 3);
  gtk_snapshot_push_rounded_clip (snapshot, &clip);
  if (self->map)
    gtk_snapshot_append_texture (snapshot, self->map, &rect);
  else
    gtk_snapshot_append_color (snapshot, &palette->pending, &rect);
  if (self->map && self->info.never_read)
    snapshot_marks (self, snapshot, &rect);
  gtk_snapshot_pop (snapshot);

  graphene_rect_init (&bar, 0, (float)(self->side + RATIO_GAP), (float)self->side, RATIO_HEIGHT);
  gtk_snapshot_append_color (snapshot, &palette->track, &bar);
  if (self->info.ready && self->info.n_vision > 0)
    {
      bar.size.width = (float)self->side * (float)self->info.n_kept / (float)self->info.n_vision;
      if (gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL)
        bar.origin.x = (float)self->side - bar.size.width;
      gtk_snapshot_append_color (snapshot, &palette->used, &bar);
    }
  gtk_widget_snapshot_child (widget, self->label, snapshot);
  gtk_widget_snapshot_child (widget, self->count, snapshot);
}

static void
pmod_layer_cell_measure (GtkWidget *widget,
                         GtkOrientation orientation,
                         int for_size,
                         int *minimum,
                         int *natural,
                         int *minimum_baseline,
                         int *natural_baseline)
{
  PmodLayerCell *self = PMOD_LAYER_CELL (widget);
  int label, count;

  gtk_widget_measure (self->label, orientation, -1, &label, NULL, NULL, NULL);
  gtk_widget_measure (self->count, orientation, -1, &count, NULL, NULL, NULL);
  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    *minimum = MAX (self->side, label + count + LABEL_GAP);
  else
    *minimum = self->side + RATIO_GAP + RATIO_HEIGHT + MAX (LABEL_HEIGHT, MAX (label, count));
  *natural = *minimum;
}

static void
pmod_layer_cell_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  PmodLayerCell *self = PMOD_LAYER_CELL (widget);
  gboolean rtl = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  int top = self->side + RATIO_GAP + RATIO_HEIGHT;
  int label, count;

  gtk_widget_measure (self->label, GTK_ORIENTATION_HORIZONTAL, -1, &label, NULL, NULL, NULL);
  gtk_widget_measure (self->count, GTK_ORIENTATION_HORIZONTAL, -1, &count, NULL, NULL, NULL);
  height = MAX (height - top, 1);
  gtk_widget_size_allocate (self->label,
                            &(GtkAllocation){ rtl ? width - label : 0, top, label, height }, -1);
  gtk_widget_size_allocate (self->count,
                            &(GtkAllocation){ rtl ? 0 : width - count, top, count, height }, -1);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pressed_cb (GtkGestureClick *gesture, int n_press, double x, double y, gpointer user_data)
{
  PmodLayerCell *self = user_data;

  gtk_widget_grab_focus (GTK_WIDGET (self));
  pmod_selection_set_layer (self->selection, self->layer);
}

static void
pmod_layer_cell_dispose (GObject *object)
{
  PmodLayerCell *self = PMOD_LAYER_CELL (object);

  drop_map (self);
  g_clear_pointer (&self->label, gtk_widget_unparent);
  g_clear_pointer (&self->count, gtk_widget_unparent);
  g_clear_object (&self->selection);

  G_OBJECT_CLASS (pmod_layer_cell_parent_class)->dispose (object);
}

static void
pmod_layer_cell_class_init (PmodLayerCellClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_layer_cell_dispose;
  widget_class->snapshot = pmod_layer_cell_snapshot;
  widget_class->measure = pmod_layer_cell_measure;
  widget_class->size_allocate = pmod_layer_cell_size_allocate;

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-layer-cell.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodLayerCell, label);
  gtk_widget_class_bind_template_child (widget_class, PmodLayerCell, count);
  gtk_widget_class_bind_template_callback (widget_class, pressed_cb);
  gtk_widget_class_bind_template_callback (widget_class, query_tooltip_cb);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_OPTION);
  gtk_widget_class_set_css_name (widget_class, "layercell");
}

static void
pmod_layer_cell_init (PmodLayerCell *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pmod_layer_cell_new (PmodSelection *selection, int layer, int side)
{
  PmodLayerCell *self = g_object_new (PMOD_TYPE_LAYER_CELL, NULL);

  self->selection = g_object_ref (selection);
  self->layer = layer;
  self->side = side;
  g_signal_connect_object (selection, "run-changed", G_CALLBACK (update_map), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (selection, "notify::plane", G_CALLBACK (update_map), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (selection, "notify::picture", G_CALLBACK (update_map), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (selection, "notify::layer", G_CALLBACK (update_selected), self,
                           G_CONNECT_SWAPPED);
  pmod_palette_follow (GTK_WIDGET (self), style_changed_cb);
  update_map (self);
  update_texts (self);
  update_selected (self);
  return GTK_WIDGET (self);
}
