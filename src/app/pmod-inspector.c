/* PmodInspector: see pmod-inspector.h. Lays the views out, keeps the lines of text, and has the
 * actions on what is looked at: they only change the selection. */
#include "config.h"

#include "pmod-inspector.h"

#include <glib/gi18n.h>

#include "pmod-cell-text.h"
#include "pmod-column-layout.h"
#include "pmod-compare-stage.h"
#include "pmod-drop-down.h"
#include "pmod-format.h"
#include "pmod-layer-strip.h"
#include "pmod-map-legend.h"
#include "pmod-map-name.h"
#include "pmod-meter-panel.h"
#include "pmod-run-origin.h"

struct _PmodInspector
{
  AdwBin parent_instance;

  PmodChat *chat;
  PmodSelection *selection;
  GSignalGroup *signals;

  GtkLabel *title;
  GtkLabel *detail;
  GtkLabel *dependence;
  GtkWidget *planes;
  GtkWidget *pictures;
  GtkButton *play;
  GtkButton *zoom;
  gboolean updating; /* the list of pictures */
};

enum
{
  PROP_CHAT = 1,
  PROP_SELECTION,
  PROP_VIEW,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodInspector, pmod_inspector, ADW_TYPE_BIN)

/* --- The two lines --------------------------------------------------------------------------- */

static char *
make_title (PmodView view, int layer, const PmodRunLayer *info)
{
  if (view == PMOD_VIEW_DEPTH)
    return g_strdup (_ ("How deep each part goes"));
  if (!info->ready)
    return g_strdup_printf (_ ("Layer %d"), layer);
  if (!info->routed)
    return g_strdup_printf (_ ("Layer %d is plain: it keeps all %d parts"), layer, info->n_vision);
  return g_strdup_printf (_ ("Layer %d keeps %d of %d parts"), layer, info->n_kept, info->n_vision);
}

static char *
describe_layer (const PmodRunLayer *info)
{
  g_autofree char *margin = NULL;

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
  margin = pmod_format_small (info->margin);
  return g_strdup_printf (_ ("Ratio %.2f \302\267 margin at the cut %s"), info->ratio, margin);
}

static char *
describe_depth (PmodRun *run)
{
  int n_routed = 0;
  double depth = 0;

  for (int l = 0; l < pmod_run_get_n_layers (run); l++)
    {
      PmodRunLayer info;

      if (!pmod_run_get_layer (run, l, &info) || !info.routed || !info.ready)
        continue;
      n_routed++;
      depth += (double)info.n_kept / info.n_vision;
    }
  return n_routed > 0
             ? g_strdup_printf (_ ("On average through %.1f of %d routed layers"), depth, n_routed)
             : g_strdup (_ ("Not computed yet"));
}

static char *
make_detail (PmodInspector *self, PmodRun *run, const PmodRunLayer *info)
{
  char *text;

  if (pmod_run_get_phase (run) == PMOD_RUN_FAILED)
    return g_strdup (pmod_run_get_error (run));
  text = pmod_cell_text_new (self->selection, pmod_selection_get_cell (self->selection));
  if (text)
    return text;
  if (pmod_selection_get_view (self->selection) == PMOD_VIEW_DEPTH)
    return describe_depth (run);
  return describe_layer (info);
}

/* Which model made the run, where it is not the one that the window's head names. NULL: that one,
 * or nobody knows. */
static const char *
find_other_model (PmodInspector *self, PmodRun *run)
{
  PmodModelCard *made_by = run ? pmod_run_get_model (run) : NULL;
  PmodModelCard *loaded =
      self->chat ? pmod_session_get_model (pmod_chat_get_session (self->chat)) : NULL;

  if (!made_by || !made_by->name || (loaded && g_strcmp0 (loaded->name, made_by->name) == 0))
    return NULL;
  return made_by->name;
}

static const char *
describe_dependence (PmodRun *run)
{
  if (!run || !pmod_run_has_maps (run))
    return "";
  if (pmod_run_get_n_pictures (run) > 1)
    return pmod_run_is_by_question (run) ? _ ("The pictures share each layer\342\200\231s choice, "
                                              "and words come before the last one: "
                                              "other words may give other maps.")
                                         : _ ("The pictures share each layer\342\200\231s choice "
                                              "and come before the question: "
                                              "their maps are the same for every question.");
  if (pmod_run_get_question_first (run))
    return _ ("The question comes before the picture: another question may give another map.");
  if (pmod_run_is_by_question (run))
    return _ (
        "The question\342\200\231s last token chooses: another question may give another map.");
  return _ ("The picture comes before the question: this map is the same for every question.");
}

static void
update_dependence (PmodInspector *self, PmodRun *run)
{
  const char *model = find_other_model (self, run);
  const char *dependence = describe_dependence (run);
  g_autofree char *text =
      model ? g_strdup_printf (_ ("This run is the model %s\342\200\231s. %s"), model, dependence)
            : NULL;

  gtk_label_set_label (self->dependence, text ? text : dependence);
}

static void
update_pictures (PmodInspector *self, PmodRun *run)
{
  int n_pictures = run ? pmod_run_get_n_pictures (run) : 0;
  GtkStringList *list = GTK_STRING_LIST (gtk_drop_down_get_model (GTK_DROP_DOWN (self->pictures)));
  int n_shown = (int)g_list_model_get_n_items (G_LIST_MODEL (list));

  /* What the list is made to choose is not what the user chose. */
  self->updating = TRUE;
  gtk_widget_set_visible (self->pictures, n_pictures > 1);
  while (n_shown < n_pictures)
    {
      g_autofree char *name = g_strdup_printf (_ ("Picture %d"), ++n_shown);

      gtk_string_list_append (list, name);
    }
  if (n_pictures > 0 && n_shown > n_pictures)
    gtk_string_list_splice (list, n_pictures, n_shown - n_pictures, NULL);
  if (n_pictures > 1)
    gtk_drop_down_set_selected (GTK_DROP_DOWN (self->pictures),
                                (guint)pmod_selection_get_picture (self->selection));
  self->updating = FALSE;
}

static void
update (PmodInspector *self)
{
  PmodRun *run = self->selection ? pmod_selection_get_run (self->selection) : NULL;
  int layer = self->selection ? pmod_selection_get_layer (self->selection) : 0;
  int picture = self->selection ? pmod_selection_get_picture (self->selection) : 0;
  g_autofree char *title = NULL;
  g_autofree char *detail = NULL;
  PmodRunLayer info = { 0 };

  gtk_widget_set_visible (self->planes, run && pmod_run_get_n_planes (run, picture) > 1);
  update_pictures (self, run);
  if (run && pmod_run_get_layer (run, layer, &info))
    title = make_title (pmod_selection_get_view (self->selection), layer, &info);
  else if (run && pmod_run_get_phase (run) == PMOD_RUN_FAILED)
    title = g_strdup (_ ("The picture could not be read"));
  else
    title = g_strdup (_ ("Reading the picture\342\200\246"));
  detail = run ? make_detail (self, run, &info) : g_strdup ("");
  gtk_label_set_label (self->title, title);
  gtk_label_set_label (self->detail, detail);
  update_dependence (self, run);
}

static void
picture_chosen_cb (PmodInspector *self)
{
  guint picture = gtk_drop_down_get_selected (GTK_DROP_DOWN (self->pictures));

  if (!self->updating && self->selection && picture != GTK_INVALID_LIST_POSITION)
    pmod_selection_set_picture (self->selection, (int)picture);
}

static void
plane_chosen_cb (PmodInspector *self)
{
  if (self->selection)
    pmod_selection_set_plane (
        self->selection, gtk_drop_down_get_selected (GTK_DROP_DOWN (self->planes)) == 1 ? 0 : -1);
}

/* --- View, zoom, play --------------------------------------------------------------------------
 */

static const char *const view_names[] = { "mask", "weights", "depth", "picture" };

static void
set_view (PmodInspector *self, const char *name)
{
  for (int view = 0; view < (int)G_N_ELEMENTS (view_names); view++)
    if (self->selection && g_strcmp0 (name, view_names[view]) == 0)
      pmod_selection_set_view (self->selection, (PmodView)view);
}

static void
view_changed_cb (PmodInspector *self)
{
  update (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_VIEW]);
}

static void
zoom_changed_cb (PmodInspector *self)
{
  double zoom = pmod_selection_get_zoom (self->selection);
  g_autofree char *label = g_strdup_printf (_ ("%.0f %%"), 100 * zoom);

  gtk_button_set_label (self->zoom, label);
  gtk_widget_set_visible (GTK_WIDGET (self->zoom), zoom > 1);
}

static void
zoom_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodInspector *self = PMOD_INSPECTOR (widget);
  double zoom = pmod_selection_get_zoom (self->selection);

  if (g_str_equal (name, "map.zoom-in"))
    zoom *= PMOD_ZOOM_STEP;
  else if (g_str_equal (name, "map.zoom-out"))
    zoom /= PMOD_ZOOM_STEP;
  else
    zoom = 1;
  pmod_selection_zoom_at (self->selection, zoom, 0.5, 0.5);
}

/* Whether things may move by themselves. */
static gboolean
may_move (PmodInspector *self)
{
  gboolean enabled = TRUE;

  g_object_get (gtk_widget_get_settings (GTK_WIDGET (self)), "gtk-enable-animations", &enabled,
                NULL);
  return enabled;
}

static void
play_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodInspector *self = PMOD_INSPECTOR (widget);

  if (!may_move (self))
    pmod_selection_step (self->selection);
  else
    pmod_selection_set_playing (self->selection, !pmod_selection_get_playing (self->selection));
}

static void
update_play (PmodInspector *self)
{
  const char *text = _ ("Play through the layers");
  const char *icon = "media-playback-start-symbolic";

  if (!may_move (self))
    {
      text = _ ("Next layer");
      icon = "media-skip-forward-symbolic";
    }
  else if (self->selection && pmod_selection_get_playing (self->selection))
    {
      text = _ ("Pause");
      icon = "media-playback-pause-symbolic";
    }
  gtk_button_set_icon_name (self->play, icon);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->play), text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->play), GTK_ACCESSIBLE_PROPERTY_LABEL, text,
                                  -1);
}

/* What moves when motion is switched off stands still. */
static void
motion_cb (PmodInspector *self)
{
  if (self->selection && !may_move (self))
    pmod_selection_set_playing (self->selection, FALSE);
  update_play (self);
}

static void
copy_words_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  g_autofree char *text = pmod_map_name_describe (PMOD_INSPECTOR (widget)->selection, widget);

  gdk_clipboard_set_text (gtk_widget_get_clipboard (widget), text);
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
    case PROP_VIEW:
      g_value_set_string (
          value, view_names[self->selection ? (int)pmod_selection_get_view (self->selection) : 0]);
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
    case PROP_VIEW:
      set_view (self, g_value_get_string (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
bind_children (GtkWidgetClass *klass)
{
  g_type_ensure (PMOD_TYPE_COLUMN_LAYOUT);
  g_type_ensure (PMOD_TYPE_COMPARE_STAGE);
  g_type_ensure (PMOD_TYPE_MAP_LEGEND);
  g_type_ensure (PMOD_TYPE_LAYER_STRIP);
  g_type_ensure (PMOD_TYPE_METER_PANEL);
  gtk_widget_class_set_template_from_resource (klass, "/io/github/strata/Strata/pmod-inspector.ui");
  gtk_widget_class_bind_template_child (klass, PmodInspector, title);
  gtk_widget_class_bind_template_child (klass, PmodInspector, detail);
  gtk_widget_class_bind_template_child (klass, PmodInspector, dependence);
  gtk_widget_class_bind_template_child (klass, PmodInspector, planes);
  gtk_widget_class_bind_template_child (klass, PmodInspector, pictures);
  gtk_widget_class_bind_template_child (klass, PmodInspector, play);
  gtk_widget_class_bind_template_child (klass, PmodInspector, zoom);
  gtk_widget_class_bind_template_callback (klass, plane_chosen_cb);
  gtk_widget_class_bind_template_callback (klass, picture_chosen_cb);
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
  /* "mask", "weights", "depth", "picture": the selection's, for the action. */
  props[PROP_VIEW] = g_param_spec_string ("view", NULL, NULL, "mask", flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_install_property_action (widget_class, "map.view", "view");
  gtk_widget_class_install_action (widget_class, "map.play", NULL, play_action);
  gtk_widget_class_install_action (widget_class, "map.copy-words", NULL, copy_words_action);
  gtk_widget_class_install_action (widget_class, "map.zoom-in", NULL, zoom_action);
  gtk_widget_class_install_action (widget_class, "map.zoom-out", NULL, zoom_action);
  gtk_widget_class_install_action (widget_class, "map.zoom-reset", NULL, zoom_action);
  bind_children (widget_class);
  gtk_widget_class_set_css_name (widget_class, "inspector");
}

static void
pmod_inspector_init (PmodInspector *self)
{
  static const char *const told[] = { "run-changed",   "notify::layer", "notify::picture",
                                      "notify::plane", "notify::hover", "notify::held" };

  self->signals = g_signal_group_new (PMOD_TYPE_SELECTION);
  gtk_widget_init_template (GTK_WIDGET (self));
  pmod_drop_down_set_name (self->planes, _ ("Which reading of the picture"));
  pmod_drop_down_set_name (self->pictures, _ ("Which picture"));
  for (gsize i = 0; i < G_N_ELEMENTS (told); i++)
    g_signal_group_connect_swapped (self->signals, told[i], G_CALLBACK (update), self);
  g_signal_group_connect_swapped (self->signals, "notify::view", G_CALLBACK (view_changed_cb),
                                  self);
  g_signal_group_connect_swapped (self->signals, "notify::zoom", G_CALLBACK (zoom_changed_cb),
                                  self);
  g_signal_group_connect_swapped (self->signals, "notify::playing", G_CALLBACK (update_play), self);
  g_signal_connect_object (gtk_widget_get_settings (GTK_WIDGET (self)),
                           "notify::gtk-enable-animations", G_CALLBACK (motion_cb), self,
                           G_CONNECT_SWAPPED);
  update_play (self);
}
