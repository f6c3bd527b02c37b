/* PmodInspector: see pmod-inspector.h. Lays the views out and keeps the two lines of text. */
#include "config.h"

#include "pmod-inspector.h"

#include <glib/gi18n.h>

#include "pmod-layer-strip.h"
#include "pmod-compare-stage.h"
#include "pmod-meter-panel.h"

struct _PmodInspector
{
  AdwBin parent_instance;

  PmodChat *chat;
  PmodSelection *selection;
  GSignalGroup *signals;

  GtkLabel *title;
  GtkLabel *detail;
  GtkWidget *planes;
};

enum
{
  PROP_CHAT = 1,
  PROP_SELECTION,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodInspector, pmod_inspector, ADW_TYPE_BIN)

/* --- The two lines --------------------------------------------------------------------------- */

static char *
make_title (int layer, const PmodRunLayer *info)
{
  if (!info->ready)
    return g_strdup_printf (_ ("Layer %d"), layer);
  if (!info->routed)
    return g_strdup_printf (_ ("Layer %d is plain: it keeps all %d parts"), layer, info->n_vision);
  return g_strdup_printf (_ ("Layer %d keeps %d of %d parts"), layer, info->n_kept, info->n_vision);
}

/* What lies under the pointer. */
static char *
describe_hover (PmodRun *run, int layer, const PmodRunPlane *plane, int hover)
{
  int row = hover / plane->cols;
  int col = hover % plane->cols;
  int token = plane->first + row * plane->stride + col;
  int n_routed;
  int n_kept = pmod_run_count_kept (run, token, &n_routed);

  if (n_routed == 0)
    return g_strdup_printf (_ ("Row %d, column %d"), row + 1, col + 1);
  return g_strdup_printf (_ ("Row %d, column %d: %s, weight %.3f; kept by %d of %d routed layers"),
                          row + 1, col + 1,
                          pmod_run_is_kept (run, layer, token) ? _ ("kept") : _ ("skipped"),
                          pmod_run_get_weight (run, layer, token), n_kept, n_routed);
}

static char *
describe_layer (const PmodRunLayer *info)
{
  if (!info->ready)
    return g_strdup (_ ("Not computed yet"));
  if (!info->routed)
    return g_strdup (_ ("No router here: every part of the picture goes through"));
  if (info->never_read)
    return g_strdup (_ ("Not a learned choice: nothing reads the last layer\342\200\231s picture"));
  if (info->n_ties > 1)
    return g_strdup_printf (_ ("Ratio %.2f \302\267 %d parts tie at the cut"), info->ratio,
                            info->n_ties);
  /* The exact figure is in the layer's tooltip. */
  if (info->margin < 0.0001)
    return g_strdup_printf (_ ("Ratio %.2f \302\267 margin at the cut below 0.0001"), info->ratio);
  return g_strdup_printf (_ ("Ratio %.2f \302\267 margin at the cut %.2g"), info->ratio,
                          info->margin);
}

static char *
make_detail (PmodInspector *self, PmodRun *run, int layer, const PmodRunLayer *info)
{
  int hover = pmod_selection_get_hover (self->selection);
  PmodRunPlane plane;

  if (pmod_run_get_phase (run) == PMOD_RUN_FAILED)
    return g_strdup (pmod_run_get_error (run));
  if (hover >= 0 && info->ready && info->routed &&
      pmod_run_get_plane (run, pmod_selection_get_plane (self->selection), &plane) &&
      plane.first >= 0 && hover < plane.rows * plane.cols)
    return describe_hover (run, layer, &plane, hover);
  return describe_layer (info);
}

static void
update (PmodInspector *self)
{
  PmodRun *run = self->selection ? pmod_selection_get_run (self->selection) : NULL;
  int layer = self->selection ? pmod_selection_get_layer (self->selection) : 0;
  g_autofree char *title = NULL;
  g_autofree char *detail = NULL;
  PmodRunLayer info = { 0 };

  gtk_widget_set_visible (self->planes, run && pmod_run_get_n_planes (run) > 1);
  if (run && pmod_run_get_layer (run, layer, &info))
    title = make_title (layer, &info);
  else if (run && pmod_run_get_phase (run) == PMOD_RUN_FAILED)
    title = g_strdup (_ ("The picture could not be read"));
  else
    title = g_strdup (_ ("Reading the picture\342\200\246"));
  detail = run ? make_detail (self, run, layer, &info) : g_strdup ("");
  gtk_label_set_label (self->title, title);
  gtk_label_set_label (self->detail, detail);
}

static void
plane_chosen_cb (PmodInspector *self)
{
  if (self->selection)
    pmod_selection_set_plane (
        self->selection, gtk_drop_down_get_selected (GTK_DROP_DOWN (self->planes)) == 1 ? 0 : -1);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_inspector_dispose (GObject *object)
{
  PmodInspector *self = PMOD_INSPECTOR (object);

  g_clear_object (&self->signals);
  g_clear_object (&self->selection);
  g_clear_object (&self->chat);

  G_OBJECT_CLASS (pmod_inspector_parent_class)->dispose (object);
}

static void
pmod_inspector_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodInspector *self = PMOD_INSPECTOR (object);

  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_SELECTION:
      g_value_set_object (value, self->selection);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_inspector_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodInspector *self = PMOD_INSPECTOR (object);

  switch (id)
    {
    case PROP_CHAT:
      if (g_set_object (&self->chat, g_value_get_object (value)))
        g_object_notify_by_pspec (object, pspec);
      break;
    case PROP_SELECTION:
      if (!g_set_object (&self->selection, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->signals, self->selection);
      update (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_inspector_class_init (PmodInspectorClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_inspector_dispose;
  object_class->get_property = pmod_inspector_get_property;
  object_class->set_property = pmod_inspector_set_property;

  props[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT, flags);
  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  g_type_ensure (PMOD_TYPE_COMPARE_STAGE);
  g_type_ensure (PMOD_TYPE_LAYER_STRIP);
  g_type_ensure (PMOD_TYPE_METER_PANEL);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-inspector.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodInspector, title);
  gtk_widget_class_bind_template_child (widget_class, PmodInspector, detail);
  gtk_widget_class_bind_template_child (widget_class, PmodInspector, planes);
  gtk_widget_class_bind_template_callback (widget_class, plane_chosen_cb);
  gtk_widget_class_set_css_name (widget_class, "inspector");
}

static void
pmod_inspector_init (PmodInspector *self)
{
  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  gtk_widget_init_template (GTK_WIDGET (self));
  /* A drop-down's button is what takes the focus, and it has no name of its own. */
  gtk_accessible_update_property (GTK_ACCESSIBLE (gtk_widget_get_first_child (self->planes)),
                                  GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Which reading of the picture"),
                                  -1);
  g_signal_group_connect_swapped (self->signals, "run-changed", G_CALLBACK (update), self);
  g_signal_group_connect_swapped (self->signals, "notify::layer", G_CALLBACK (update), self);
  g_signal_group_connect_swapped (self->signals, "notify::plane", G_CALLBACK (update), self);
  g_signal_group_connect_swapped (self->signals, "notify::hover", G_CALLBACK (update), self);
}
