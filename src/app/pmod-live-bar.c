/* PmodLiveBar: see pmod-live-bar.h. Shows itself while its PmodLive is active. */
#include "config.h"

#include "pmod-live-bar.h"

#include <glib/gi18n.h>

#include "pmod-camera-page.h"
#include "pmod-drop-down.h"

static const double intervals_s[] = { 1, 2, 5, 10, 30 };

struct _PmodLiveBar
{
  AdwBin parent_instance;

  PmodLive *live;

  GtkWidget *problem;
  GtkLabel *problem_title;
  GtkLabel *problem_text;
  GtkToggleButton *freeze;
  GtkToggleButton *mirror;
  GtkLabel *figures;
  GtkEditable *question;
  GtkDropDown *interval;
  GtkLabel *answer;
};

enum
{
  PROP_LIVE = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodLiveBar, pmod_live_bar, ADW_TYPE_BIN)

/* --- What it says ---------------------------------------------------------------------------- */

static void
append_number (GString *text, const char *format, double value)
{
  g_autofree char *number = g_strdup_printf (value < 9.95 ? "%.1f" : "%.0f", value);

  g_string_append (text, " \302\267 ");
  g_string_append_printf (text, format, number);
}

static char *
describe_figures (const PmodLiveFigures *figures)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, _ ("%.0f fps"), figures->fps);
  if (figures->n_runs == 0)
    return g_string_free (text, FALSE);
  /* Translators: %s is a number, here and in the next three */
  append_number (text, _ ("%s runs/s"), figures->runs);
  append_number (text, _ ("vision %s ms"), figures->vision_ms);
  append_number (text, _ ("prefill %s ms"), figures->prefill_ms);
  if (figures->decode_ms > 0)
    append_number (text, _ ("decode %s ms"), figures->decode_ms);
  return g_string_free (text, FALSE);
}

static char *
describe_drops (const PmodLiveFigures *figures)
{
  g_autofree char *n_runs = g_strdup_printf ("%" G_GUINT64_FORMAT, figures->n_runs);
  g_autofree char *n_dropped = g_strdup_printf ("%" G_GUINT64_FORMAT, figures->n_dropped);

  /* The counts come as text: xgettext cannot see past a macro in the middle of a message. */
  return g_strdup_printf (
      _ ("Frames of the camera and runs of the model in a second; what a run "
         "spends on the picture, on all layers, and on the last answer. %s frames went through "
         "the model, %s came too fast for it and were dropped."),
      n_runs, n_dropped);
}

static void
update_figures (PmodLiveBar *self)
{
  const PmodLiveFigures *figures = pmod_live_get_figures (self->live);
  PmodCameraState state = pmod_camera_get_state (pmod_live_get_camera (self->live));
  g_autofree char *text = NULL;
  g_autofree char *tooltip = describe_drops (figures);

  if (pmod_live_get_frozen (self->live))
    text = g_strdup (_ ("Frozen: ask about this picture in the conversation"));
  else if (state == PMOD_CAMERA_PLAYING)
    text = describe_figures (figures);
  else
    text = g_strdup (pmod_camera_page_title (pmod_live_get_camera (self->live)));
  gtk_label_set_label (self->figures, text);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->figures), tooltip);
}

static void
update_freeze (PmodLiveBar *self)
{
  gboolean frozen = pmod_live_get_frozen (self->live);
  const char *label = frozen ? _ ("Go on live") : _ ("Freeze the picture");
  g_autofree char *tooltip = g_strdup_printf ("%s (Ctrl+Shift+L)", label);

  gtk_toggle_button_set_active (self->freeze, frozen);
  gtk_button_set_icon_name (GTK_BUTTON (self->freeze), frozen ? "media-playback-start-symbolic"
                                                              : "media-playback-pause-symbolic");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->freeze), tooltip);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->freeze), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  label, -1);
}

static void
update_answer (PmodLiveBar *self)
{
  const char *answer = pmod_live_get_answer (self->live);
  gboolean asked = *pmod_live_get_question (self->live) != '\0';
  g_autofree char *label = g_strdup_printf (_ ("Answer: %s"), answer);

  gtk_label_set_label (self->answer, answer);
  gtk_widget_set_visible (GTK_WIDGET (self->answer), asked);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->answer), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  label, -1);
}

/* A problem is there until a frame is: nothing jumps while it is tried again. */
static void
update (PmodLiveBar *self)
{
  PmodCamera *camera = pmod_live_get_camera (self->live);
  const char *message = pmod_camera_get_message (camera);
  PmodCameraState state = pmod_camera_get_state (camera);

  gtk_widget_set_visible (GTK_WIDGET (self), pmod_live_get_active (self->live));
  if (state != PMOD_CAMERA_STARTING)
    gtk_widget_set_visible (self->problem, message != NULL);
  gtk_label_set_label (self->problem_title, pmod_camera_page_title (camera));
  if (message)
    gtk_label_set_label (self->problem_text, message);
  gtk_widget_set_visible (GTK_WIDGET (self->freeze), message == NULL);
  gtk_widget_set_sensitive (GTK_WIDGET (self->freeze), state == PMOD_CAMERA_PLAYING);
  gtk_toggle_button_set_active (self->mirror, pmod_camera_get_mirrored (camera));
  update_freeze (self);
  update_figures (self);
  update_answer (self);
}

/* --- What it does ---------------------------------------------------------------------------- */

static void
freeze_cb (PmodLiveBar *self)
{
  if (self->live)
    pmod_live_set_frozen (self->live, gtk_toggle_button_get_active (self->freeze));
}

static void
mirror_cb (PmodLiveBar *self)
{
  if (self->live)
    pmod_camera_set_mirrored (pmod_live_get_camera (self->live),
                              gtk_toggle_button_get_active (self->mirror));
}

static void
ask_cb (PmodLiveBar *self)
{
  pmod_live_set_question (self->live, gtk_editable_get_text (self->question));
}

/* Emptied, it is asked no longer; another one waits for Enter, so that no half of it is asked. */
static void
question_changed_cb (PmodLiveBar *self)
{
  if (self->live && *gtk_editable_get_text (self->question) == '\0')
    pmod_live_set_question (self->live, "");
}

static void
interval_cb (PmodLiveBar *self)
{
  guint i = gtk_drop_down_get_selected (self->interval);

  if (self->live && i < G_N_ELEMENTS (intervals_s))
    pmod_live_set_interval (self->live, intervals_s[i]);
}

static void
show_interval (PmodLiveBar *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (intervals_s); i++)
    if (intervals_s[i] == pmod_live_get_interval (self->live))
      gtk_drop_down_set_selected (self->interval, i);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
connect (PmodLiveBar *self, gpointer object, const char *signal, GCallback callback)
{
  g_signal_connect_object (object, signal, callback, self, G_CONNECT_SWAPPED);
}

/* Before it is let go of: it may end then, and say so. */
static void
disconnect (PmodLiveBar *self)
{
  g_signal_handlers_disconnect_by_data (pmod_live_get_camera (self->live), self);
  g_signal_handlers_disconnect_by_data (self->live, self);
}

static void
set_live (PmodLiveBar *self, PmodLive *live)
{
  PmodCamera *camera;

  if (self->live == live)
    return;
  if (self->live)
    disconnect (self);
  g_set_object (&self->live, live);
  if (live)
    {
      camera = pmod_live_get_camera (live);
      connect (self, live, "notify::active", G_CALLBACK (update));
      connect (self, live, "notify::frozen", G_CALLBACK (update));
      connect (self, live, "notify::question", G_CALLBACK (update_answer));
      connect (self, live, "notify::answer", G_CALLBACK (update_answer));
      connect (self, live, "measured", G_CALLBACK (update_figures));
      connect (self, camera, "notify::state", G_CALLBACK (update));
      connect (self, camera, "notify::message", G_CALLBACK (update));
      connect (self, camera, "notify::mirrored", G_CALLBACK (update));
      show_interval (self);
      update (self);
    }
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LIVE]);
}

static void
pmod_live_bar_dispose (GObject *object)
{
  PmodLiveBar *self = PMOD_LIVE_BAR (object);

  set_live (self, NULL);

  G_OBJECT_CLASS (pmod_live_bar_parent_class)->dispose (object);
}

static void
pmod_live_bar_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodLiveBar *self = PMOD_LIVE_BAR (object);

  switch (id)
    {
    case PROP_LIVE:
      g_value_set_object (value, self->live);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_live_bar_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodLiveBar *self = PMOD_LIVE_BAR (object);

  switch (id)
    {
    case PROP_LIVE:
      set_live (self, g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_live_bar_class_init (PmodLiveBarClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_live_bar_dispose;
  object_class->get_property = pmod_live_bar_get_property;
  object_class->set_property = pmod_live_bar_set_property;

  props[PROP_LIVE] =
      g_param_spec_object ("live", NULL, NULL, PMOD_TYPE_LIVE,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-live-bar.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodLiveBar, problem);
  gtk_widget_class_bind_template_child (widget_class, PmodLiveBar, problem_title);
  gtk_widget_class_bind_template_child (widget_class, PmodLiveBar, problem_text);
  gtk_widget_class_bind_template_child (widget_class, PmodLiveBar, freeze);
  gtk_widget_class_bind_template_child (widget_class, PmodLiveBar, mirror);
  gtk_widget_class_bind_template_child (widget_class, PmodLiveBar, figures);
  gtk_widget_class_bind_template_child (widget_class, PmodLiveBar, question);
  gtk_widget_class_bind_template_child (widget_class, PmodLiveBar, interval);
  gtk_widget_class_bind_template_child (widget_class, PmodLiveBar, answer);
  gtk_widget_class_bind_template_callback (widget_class, freeze_cb);
  gtk_widget_class_bind_template_callback (widget_class, mirror_cb);
  gtk_widget_class_bind_template_callback (widget_class, ask_cb);
  gtk_widget_class_bind_template_callback (widget_class, question_changed_cb);
  gtk_widget_class_bind_template_callback (widget_class, interval_cb);
  gtk_widget_class_set_css_name (widget_class, "livebar");
}

static void
pmod_live_bar_init (PmodLiveBar *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  pmod_drop_down_set_name (GTK_WIDGET (self->interval),
                           _ ("How often the standing question is asked"));
}
