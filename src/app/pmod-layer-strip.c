/* PmodLayerStrip: see pmod-layer-strip.h.
 *
 * Few layers stand in one row, many in two; the place of a layer never depends on the width. */
#include "config.h"

#include "pmod-layer-strip.h"

#include "pmod-layer-cell.h"

#define ONE_ROW_LAYERS 14 /* more than these stand in two rows of smaller maps */
#define LARGE_SIDE 56
#define SMALL_SIDE 40
#define SPACING 4

struct _PmodLayerStrip
{
  GtkWidget parent_instance;

  PmodSelection *selection;
  GSignalGroup *signals;
  GPtrArray *cells; /* children, in the order of the layers */
  int n_cols;
  GtkAdjustment *adjustment; /* of the scroller around; NULL: none */
  guint reveal_id;
};

enum
{
  PROP_SELECTION = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodLayerStrip, pmod_layer_strip, GTK_TYPE_WIDGET)

/* --- Cells ----------------------------------------------------------------------------------- */

static void
remove_cells (PmodLayerStrip *self)
{
  for (guint i = 0; i < self->cells->len; i++)
    gtk_widget_unparent (g_ptr_array_index (self->cells, i));
  g_ptr_array_set_size (self->cells, 0);
}

static void
run_changed_cb (PmodLayerStrip *self)
{
  PmodRun *run = pmod_selection_get_run (self->selection);
  int n_layers = run ? pmod_run_get_n_layers (run) : 0;

  /* Between two runs the strip keeps its place. */
  if (n_layers == 0 || n_layers == (int)self->cells->len)
    return;
  remove_cells (self);
  self->n_cols = n_layers <= ONE_ROW_LAYERS ? n_layers : (n_layers + 1) / 2;
  for (int l = 0; l < n_layers; l++)
    {
      GtkWidget *cell = pmod_layer_cell_new (self->selection, l,
                                             n_layers <= ONE_ROW_LAYERS ? LARGE_SIDE : SMALL_SIDE);

      if (n_layers > ONE_ROW_LAYERS)
        gtk_widget_add_css_class (cell, "small");
      gtk_widget_set_parent (cell, GTK_WIDGET (self));
      g_ptr_array_add (self->cells, cell);
    }
  gtk_widget_queue_resize (GTK_WIDGET (self));
}

static GtkWidget *
get_selected_cell (PmodLayerStrip *self)
{
  int layer = self->selection ? pmod_selection_get_layer (self->selection) : 0;

  return layer < (int)self->cells->len ? g_ptr_array_index (self->cells, layer) : NULL;
}

/* --- Scrolling ------------------------------------------------------------------------------- */

/* A window too narrow for all layers shows the selected one whole. */
static gboolean
reveal_cb (gpointer user_data)
{
  PmodLayerStrip *self = user_data;
  GtkWidget *cell = get_selected_cell (self);
  graphene_rect_t bounds;

  self->reveal_id = 0;
  if (cell && self->adjustment && gtk_widget_get_width (cell) > 0 &&
      gtk_widget_compute_bounds (cell, GTK_WIDGET (self), &bounds))
    gtk_adjustment_clamp_page (self->adjustment, bounds.origin.x - SPACING,
                               bounds.origin.x + bounds.size.width + SPACING);
  return G_SOURCE_REMOVE;
}

/* When the cells have their places. */
static void
queue_reveal (PmodLayerStrip *self)
{
  if (!self->reveal_id)
    self->reveal_id = g_idle_add (reveal_cb, self);
}

static void
pmod_layer_strip_root (GtkWidget *widget)
{
  PmodLayerStrip *self = PMOD_LAYER_STRIP (widget);
  GtkWidget *viewport = gtk_widget_get_parent (widget);

  GTK_WIDGET_CLASS (pmod_layer_strip_parent_class)->root (widget);
  if (!GTK_IS_SCROLLABLE (viewport))
    return;
  self->adjustment = g_object_ref (gtk_scrollable_get_hadjustment (GTK_SCROLLABLE (viewport)));
  g_signal_connect_object (self->adjustment, "changed", G_CALLBACK (queue_reveal), self,
                           G_CONNECT_SWAPPED);
}

static void
pmod_layer_strip_unroot (GtkWidget *widget)
{
  PmodLayerStrip *self = PMOD_LAYER_STRIP (widget);

  if (self->adjustment)
    g_signal_handlers_disconnect_by_data (self->adjustment, self);
  g_clear_object (&self->adjustment);
  g_clear_handle_id (&self->reveal_id, g_source_remove);
  GTK_WIDGET_CLASS (pmod_layer_strip_parent_class)->unroot (widget);
}

/* --- Keys ------------------------------------------------------------------------------------ */

static gboolean
key_pressed_cb (GtkEventControllerKey *controller,
                guint keyval,
                guint keycode,
                GdkModifierType state,
                gpointer user_data)
{
  PmodLayerStrip *self = user_data;
  int layer = pmod_selection_get_layer (self->selection);
  int last = (int)self->cells->len - 1;
  gboolean rtl = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL;

  if (last < 0 || (state & (GDK_CONTROL_MASK | GDK_ALT_MASK)))
    return GDK_EVENT_PROPAGATE;
  switch (keyval)
    {
    case GDK_KEY_Left:
    case GDK_KEY_KP_Left:
      layer += rtl ? 1 : -1;
      break;
    case GDK_KEY_Right:
    case GDK_KEY_KP_Right:
      layer += rtl ? -1 : 1;
      break;
    case GDK_KEY_Up:
    case GDK_KEY_KP_Up:
      layer -= self->n_cols <= last ? self->n_cols : 1;
      break;
    case GDK_KEY_Down:
    case GDK_KEY_KP_Down:
      layer += self->n_cols <= last ? self->n_cols : 1;
      break;
    case GDK_KEY_Home:
    case GDK_KEY_KP_Home:
      layer = 0;
      break;
    case GDK_KEY_End:
    case GDK_KEY_KP_End:
      layer = last;
      break;
    case GDK_KEY_space:
    case GDK_KEY_KP_Space:
      gtk_widget_activate_action (GTK_WIDGET (self), "map.play", NULL);
      return GDK_EVENT_STOP;
    default:
      return GDK_EVENT_PROPAGATE;
    }
  if (layer >= 0 && layer <= last)
    {
      pmod_selection_set_layer (self->selection, layer);
      gtk_widget_grab_focus (get_selected_cell (self));
    }
  return GDK_EVENT_STOP;
}

/* Tab goes in to the selected layer and out again; arrows walk inside. */
static gboolean
pmod_layer_strip_focus (GtkWidget *widget, GtkDirectionType direction)
{
  PmodLayerStrip *self = PMOD_LAYER_STRIP (widget);
  GtkWidget *cell = get_selected_cell (self);

  if (!cell || gtk_widget_get_focus_child (widget))
    return FALSE;
  return gtk_widget_grab_focus (cell);
}

/* --- Layout ---------------------------------------------------------------------------------- */

static void
get_cell_size (PmodLayerStrip *self, int *width, int *height)
{
  *width = *height = 0;
  for (guint i = 0; i < self->cells->len; i++)
    {
      GtkRequisition size;

      gtk_widget_get_preferred_size (g_ptr_array_index (self->cells, i), &size, NULL);
      *width = MAX (*width, size.width);
      *height = MAX (*height, size.height);
    }
}

static void
pmod_layer_strip_measure (GtkWidget *widget,
                          GtkOrientation orientation,
                          int for_size,
                          int *minimum,
                          int *natural,
                          int *minimum_baseline,
                          int *natural_baseline)
{
  PmodLayerStrip *self = PMOD_LAYER_STRIP (widget);
  int width, height;
  int n_rows;

  *minimum = *natural = 0;
  if (self->cells->len == 0)
    return;
  get_cell_size (self, &width, &height);
  n_rows = ((int)self->cells->len + self->n_cols - 1) / self->n_cols;
  *minimum = orientation == GTK_ORIENTATION_HORIZONTAL ? self->n_cols * (width + SPACING) - SPACING
                                                       : n_rows * (height + SPACING) - SPACING;
  *natural = *minimum;
}

static void
pmod_layer_strip_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  PmodLayerStrip *self = PMOD_LAYER_STRIP (widget);
  gboolean rtl = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  int cell_width, cell_height;
  int left;

  if (self->cells->len == 0)
    return;
  get_cell_size (self, &cell_width, &cell_height);
  left = MAX ((width - (self->n_cols * (cell_width + SPACING) - SPACING)) / 2, 0);
  for (int i = 0; i < (int)self->cells->len; i++)
    {
      int col = i % self->n_cols;
      GtkAllocation place = { left + (rtl ? self->n_cols - 1 - col : col) * (cell_width + SPACING),
                              i / self->n_cols * (cell_height + SPACING), cell_width, cell_height };

      gtk_widget_size_allocate (g_ptr_array_index (self->cells, i), &place, -1);
    }
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_layer_strip_dispose (GObject *object)
{
  PmodLayerStrip *self = PMOD_LAYER_STRIP (object);

  if (self->cells)
    remove_cells (self);
  g_clear_pointer (&self->cells, g_ptr_array_unref);
  g_clear_object (&self->signals);
  g_clear_object (&self->selection);
  g_clear_handle_id (&self->reveal_id, g_source_remove);

  G_OBJECT_CLASS (pmod_layer_strip_parent_class)->dispose (object);
}

static void
pmod_layer_strip_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodLayerStrip *self = PMOD_LAYER_STRIP (object);

  switch (id)
    {
    case PROP_SELECTION:
      g_value_set_object (value, self->selection);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_layer_strip_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodLayerStrip *self = PMOD_LAYER_STRIP (object);

  switch (id)
    {
    case PROP_SELECTION:
      if (!g_set_object (&self->selection, g_value_get_object (value)))
        return;
      remove_cells (self);
      g_signal_group_set_target (self->signals, self->selection);
      if (self->selection)
        run_changed_cb (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_layer_strip_class_init (PmodLayerStripClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_layer_strip_dispose;
  object_class->get_property = pmod_layer_strip_get_property;
  object_class->set_property = pmod_layer_strip_set_property;
  widget_class->measure = pmod_layer_strip_measure;
  widget_class->size_allocate = pmod_layer_strip_size_allocate;
  widget_class->focus = pmod_layer_strip_focus;
  widget_class->root = pmod_layer_strip_root;
  widget_class->unroot = pmod_layer_strip_unroot;

  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-layer-strip.ui");
  gtk_widget_class_bind_template_callback (widget_class, key_pressed_cb);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_LIST_BOX);
  gtk_widget_class_set_css_name (widget_class, "layerstrip");
}

static void
pmod_layer_strip_init (PmodLayerStrip *self)
{
  self->cells = g_ptr_array_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  g_signal_group_connect_swapped (self->signals, "run-changed", G_CALLBACK (run_changed_cb), self);
  g_signal_group_connect_swapped (self->signals, "notify::layer", G_CALLBACK (queue_reveal), self);
}
