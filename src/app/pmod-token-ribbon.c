/* PmodTokenRibbon: see pmod-token-ribbon.h. */
#include "config.h"

#include "pmod-token-ribbon.h"

#include <glib/gi18n.h>
#include <math.h>

#include "pmod-palette.h"
#include "pmod-run-weights.h"

#define FATE_SIDE 6 /* of the square below a bar */
#define FATE_GAP 4
#define LABEL_HEIGHT 14
#define CELL_GAP 2   /* between two layers */
#define BAR_WIDTH 16 /* at most: few layers make thin bars, not blocks */
#define NUMBER_WIDTH 18

struct _PmodTokenRibbon
{
  GtkWidget parent_instance;

  PmodSelection *selection;
  GSignalGroup *signals;

  GtkWidget *chart; /* an empty place */
  GtkLabel *text;

  GArray *cuts;     /* double, for each layer: its share, or -1 */
  PmodRun *cut_run; /* whose cuts these are, and when it had how many layers */
  int n_ready;
};

enum
{
  PROP_SELECTION = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodTokenRibbon, pmod_token_ribbon, GTK_TYPE_WIDGET)

/* --- What it says ---------------------------------------------------------------------------- */

static gboolean
has_choice (PmodRun *run, int layer)
{
  PmodRunLayer info;

  return pmod_run_get_layer (run, layer, &info) && info.routed && info.ready;
}

/* "2-4, 7": the routed layers that kept it. Plain layers do not break a range. */
static char *
list_layers (PmodRun *run, int token)
{
  GString *list = g_string_new (NULL);
  int n_layers = pmod_run_get_n_layers (run);
  int first = -1, last = -1;

  for (int l = 0; l <= n_layers; l++)
    {
      if (l < n_layers && !has_choice (run, l))
        continue;
      if (l < n_layers && pmod_run_is_kept (run, l, token))
        {
          first = first < 0 ? l : first;
          last = l;
          continue;
        }
      if (first < 0)
        continue;
      g_string_append (list, list->len > 0 ? ", " : "");
      if (first == last)
        g_string_append_printf (list, "%d", first);
      else
        g_string_append_printf (list, "%d\342\200\223%d", first, last);
      first = -1;
    }
  return g_string_free (list, FALSE);
}

/* The first routed layer from which on a part is skipped in all, if it was kept in all before. */
static int
find_end (PmodRun *run, int token)
{
  int end = -1;

  for (int l = 0; l < pmod_run_get_n_layers (run); l++)
    {
      if (!has_choice (run, l))
        continue;
      if (pmod_run_is_kept (run, l, token) && end >= 0)
        return -1;
      if (!pmod_run_is_kept (run, l, token) && end < 0)
        end = l;
    }
  return end;
}

static char *
describe_fate (PmodRun *run, int token)
{
  int n_routed;
  int n_kept = pmod_run_count_kept (run, token, &n_routed);
  g_autofree char *kept = NULL;

  if (n_routed == 0)
    return g_strdup (_ ("no layer has chosen yet"));
  if (n_kept == n_routed)
    return g_strdup (_ ("kept in all routed layers"));
  if (n_kept == 0)
    return g_strdup (_ ("skipped in all routed layers"));
  kept = list_layers (run, token);
  if (find_end (run, token) >= 0)
    return g_strdup_printf (g_dngettext (NULL, "kept in layer %s, skipped from %d on",
                                         "kept in layers %s, skipped from %d on", n_kept),
                            kept, find_end (run, token));
  return g_strdup_printf (
      g_dngettext (NULL, "kept in layer %s, skipped in the other %d with a router",
                   "kept in layers %s, skipped in the other %d with a router", n_kept),
      kept, n_routed - n_kept);
}

static char *
describe (PmodTokenRibbon *self)
{
  PmodRun *run = pmod_selection_get_run (self->selection);
  int cell = pmod_selection_get_cell (self->selection);
  int token = pmod_selection_get_token (self->selection, cell);
  g_autofree char *fate = NULL;
  PmodRunPlane grid;

  if (!run || !pmod_run_has_maps (run) || !pmod_selection_get_grid (self->selection, &grid))
    return g_strdup (_ ("No layer has chosen yet"));
  if (grid.first < 0)
    return g_strdup (_ ("No router chooses among these parts"));
  if (token < 0)
    return g_strdup (_ ("Point at a part of the picture, or go to it with the arrow keys"));
  fate = describe_fate (run, token);
  return g_strdup_printf (_ ("Row %d, column %d: %s"), cell / grid.cols + 1, cell % grid.cols + 1,
                          fate);
}

/* Cuts are the layers', not the part's: not looked for again while a pointer moves. */
static void
update_cuts (PmodTokenRibbon *self, PmodRun *run)
{
  int n_ready = pmod_run_get_n_layers_ready (run);

  if (self->cut_run == run && self->n_ready == n_ready)
    return;
  g_set_object (&self->cut_run, run);
  self->n_ready = n_ready;
  g_array_set_size (self->cuts, 0);
  for (int l = 0; l < pmod_run_get_n_layers (run); l++)
    {
      PmodRunWeights weights;
      double cut = -1;

      if (pmod_run_count_weights (run, l, &weights) && weights.has_cut &&
          weights.high > weights.low)
        cut = ((double)weights.cut - weights.low) / ((double)weights.high - weights.low);
      g_array_append_val (self->cuts, cut);
    }
}

static void
update (PmodTokenRibbon *self)
{
  PmodRun *run = pmod_selection_get_run (self->selection);
  g_autofree char *text = describe (self);

  if (run)
    update_cuts (self, run);
  gtk_label_set_label (self->text, text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* --- Geometry -------------------------------------------------------------------------------- */

/* The column of a layer, the gap after it not included. */
static void
get_column (PmodTokenRibbon *self,
            const graphene_rect_t *chart,
            int layer,
            int n_layers,
            graphene_rect_t *column)
{
  gboolean rtl = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL;
  int at = rtl ? n_layers - 1 - layer : layer;
  float left = floorf (chart->size.width * (float)at / (float)n_layers);
  float right = floorf (chart->size.width * (float)(at + 1) / (float)n_layers);

  graphene_rect_init (column, chart->origin.x + left, chart->origin.y, right - left - CELL_GAP,
                      chart->size.height - LABEL_HEIGHT - FATE_SIDE - FATE_GAP);
}

/* --- Drawing --------------------------------------------------------------------------------- */

static void
append_frame (GtkSnapshot *snapshot, const graphene_rect_t *rect, const GdkRGBA *color)
{
  GskRoundedRect outline;

  gsk_rounded_rect_init_from_rect (&outline, rect, 0);
  gtk_snapshot_append_border (snapshot, &outline, (float[4]){ 1, 1, 1, 1 },
                              (GdkRGBA[4]){ *color, *color, *color, *color });
}

static void
snapshot_bar (PmodTokenRibbon *self,
              GtkSnapshot *snapshot,
              const graphene_rect_t *column,
              int layer,
              int token)
{
  const PmodPalette *palette = pmod_palette_get ();
  PmodRun *run = pmod_selection_get_run (self->selection);
  gboolean kept = pmod_run_is_kept (run, layer, token);
  double share = pmod_run_get_weight_share (run, layer, token);
  float height = (float)MAX (round (column->size.height * share), 2);
  float side = MIN (FATE_SIDE, column->size.width);
  graphene_rect_t bar = *column;
  graphene_rect_t fate;

  bar.size.width = MIN (BAR_WIDTH, column->size.width);
  bar.origin.x += floorf ((column->size.width - bar.size.width) / 2);
  bar.origin.y += column->size.height - height;
  bar.size.height = height;
  gtk_snapshot_append_color (snapshot, kept ? &palette->used : &palette->unused, &bar);
  graphene_rect_init (&fate, floorf (column->origin.x + (column->size.width - side) / 2),
                      column->origin.y + column->size.height + FATE_GAP, side, side);
  if (kept)
    gtk_snapshot_append_color (snapshot, &palette->used, &fate);
  else
    append_frame (snapshot, &fate, &palette->ink);
}

static void
snapshot_layer (PmodTokenRibbon *self,
                GtkSnapshot *snapshot,
                const graphene_rect_t *column,
                int layer,
                int token)
{
  const PmodPalette *palette = pmod_palette_get ();
  PmodRun *run = pmod_selection_get_run (self->selection);
  double cut = layer < (int)self->cuts->len ? g_array_index (self->cuts, double, layer) : -1;
  PmodRunLayer info;

  pmod_run_get_layer (run, layer, &info);
  gtk_snapshot_append_color (
      snapshot, info.routed || !info.ready ? &palette->track : &palette->plain, column);
  if (!info.routed || !info.ready)
    return;
  if (token >= 0)
    snapshot_bar (self, snapshot, column, layer, token);
  if (cut >= 0)
    gtk_snapshot_append_color (
        snapshot, &palette->ink,
        &GRAPHENE_RECT_INIT (column->origin.x,
                             column->origin.y +
                                 (float)round ((1 - cut) * (column->size.height - 1)),
                             column->size.width, 1));
}

static void
snapshot_number (PmodTokenRibbon *self,
                 GtkSnapshot *snapshot,
                 const graphene_rect_t *column,
                 int layer,
                 gboolean selected)
{
  g_autofree char *text = g_strdup_printf (
      selected ? "<span size=\"75%%\" weight=\"bold\">%d</span>" : "<span size=\"75%%\">%d</span>",
      layer);
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), NULL);
  GdkRGBA color;
  int width, height;

  pango_layout_set_markup (layout, text, -1);
  pango_layout_get_pixel_size (layout, &width, &height);
  gtk_style_context_get_color (gtk_widget_get_style_context (GTK_WIDGET (self)), &color);
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (
      snapshot,
      &GRAPHENE_POINT_INIT (floorf (column->origin.x + (column->size.width - (float)width) / 2),
                            column->origin.y + column->size.height + FATE_GAP + FATE_SIDE + 1));
  gtk_snapshot_append_layout (snapshot, layout, &color);
  gtk_snapshot_restore (snapshot);
}

/* As many as there is room for, the selected one among them. */
static gboolean
has_number (int layer, int selected, int n_layers, float width)
{
  int step = (int)ceilf (NUMBER_WIDTH * (float)n_layers / MAX (width, 1));

  return layer == selected || (layer % step == 0 && ABS (layer - selected) >= step);
}

static void
pmod_token_ribbon_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodTokenRibbon *self = PMOD_TOKEN_RIBBON (widget);
  PmodRun *run = self->selection ? pmod_selection_get_run (self->selection) : NULL;
  int n_layers = run ? pmod_run_get_n_layers (run) : 0;
  graphene_rect_t chart, column;
  int selected, token;

  GTK_WIDGET_CLASS (pmod_token_ribbon_parent_class)->snapshot (widget, snapshot);
  if (n_layers == 0 || !gtk_widget_compute_bounds (self->chart, widget, &chart))
    return;
  selected = pmod_selection_get_layer (self->selection);
  token = pmod_selection_get_token (self->selection, pmod_selection_get_cell (self->selection));
  for (int l = 0; l < n_layers; l++)
    {
      get_column (self, &chart, l, n_layers, &column);
      snapshot_layer (self, snapshot, &column, l, token);
      if (has_number (l, selected, n_layers, chart.size.width))
        snapshot_number (self, snapshot, &column, l, l == selected);
    }
}

/* --- Pointer --------------------------------------------------------------------------------- */

static void
pressed_cb (GtkGestureClick *gesture, int n_press, double x, double y, gpointer user_data)
{
  PmodTokenRibbon *self = user_data;
  PmodRun *run = self->selection ? pmod_selection_get_run (self->selection) : NULL;
  int n_layers = run ? pmod_run_get_n_layers (run) : 0;
  graphene_rect_t chart, column;

  if (!gtk_widget_compute_bounds (self->chart, GTK_WIDGET (self), &chart))
    return;
  for (int l = 0; l < n_layers; l++)
    {
      get_column (self, &chart, l, n_layers, &column);
      if (x >= column.origin.x && x < column.origin.x + column.size.width + CELL_GAP)
        pmod_selection_set_layer (self->selection, l);
    }
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_token_ribbon_dispose (GObject *object)
{
  PmodTokenRibbon *self = PMOD_TOKEN_RIBBON (object);
  GtkWidget *child;

  g_clear_object (&self->signals);
  g_clear_object (&self->selection);
  g_clear_pointer (&self->cuts, g_array_unref);
  g_clear_object (&self->cut_run);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_token_ribbon_parent_class)->dispose (object);
}

static void
pmod_token_ribbon_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodTokenRibbon *self = PMOD_TOKEN_RIBBON (object);

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
pmod_token_ribbon_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodTokenRibbon *self = PMOD_TOKEN_RIBBON (object);

  switch (id)
    {
    case PROP_SELECTION:
      if (!g_set_object (&self->selection, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->signals, self->selection);
      if (self->selection)
        update (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_token_ribbon_class_init (PmodTokenRibbonClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_token_ribbon_dispose;
  object_class->get_property = pmod_token_ribbon_get_property;
  object_class->set_property = pmod_token_ribbon_set_property;
  widget_class->snapshot = pmod_token_ribbon_snapshot;

  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-token-ribbon.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodTokenRibbon, chart);
  gtk_widget_class_bind_template_child (widget_class, PmodTokenRibbon, text);
  gtk_widget_class_bind_template_callback (widget_class, pressed_cb);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BOX_LAYOUT);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  gtk_widget_class_set_css_name (widget_class, "tokenribbon");
}

static void
pmod_token_ribbon_init (PmodTokenRibbon *self)
{
  static const char *const told[] = { "run-changed",   "notify::layer", "notify::picture",
                                      "notify::plane", "notify::hover", "notify::held" };

  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_orientable_set_orientation (
      GTK_ORIENTABLE (gtk_widget_get_layout_manager (GTK_WIDGET (self))), GTK_ORIENTATION_VERTICAL);
  self->cuts = g_array_new (FALSE, FALSE, sizeof (double));
  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  for (gsize i = 0; i < G_N_ELEMENTS (told); i++)
    g_signal_group_connect_swapped (self->signals, told[i], G_CALLBACK (update), self);
  pmod_palette_follow (GTK_WIDGET (self), gtk_widget_queue_draw);
}
