/* PmodSweepWindow: see pmod-sweep-window.h. */
#include "config.h"

#include "pmod-sweep-window.h"

#include <glib/gi18n.h>

#include "pmod-drop-down.h"
#include "pmod-second-window.h"
#include "pmod-sweep-plot.h"

struct _PmodSweepWindow
{
  AdwWindow parent_instance;

  PmodChat *chat;
  PmodTuning *tuning; /* its session's */
  PmodSweepRun *sweep;
  GSignalGroup *signals;
  int applied; /* the point whose setting was taken last, or -1 */

  GtkDropDown *of;
  GtkWidget *layer_row;
  GtkAdjustment *layer;
  GtkWidget *range;
  GtkAdjustment *from;
  GtkAdjustment *to;
  GtkAdjustment *steps;
  GtkStack *buttons;
  GtkWidget *start;
  GtkProgressBar *progress;
  GtkLabel *status;
  GtkStack *stack;
  GtkLabel *hint;
  PmodSweepPlot *plot;
  GtkLabel *details;
  GtkLabel *answer;
  GtkWidget *use;
  GtkWidget *copy;
};

G_DEFINE_FINAL_TYPE (PmodSweepWindow, pmod_sweep_window, ADW_TYPE_WINDOW)

static PmodSweepOf
get_of (PmodSweepWindow *self)
{
  return (PmodSweepOf)gtk_drop_down_get_selected (self->of);
}

/* --- What it says ---------------------------------------------------------------------------- */

static gboolean
is_running (PmodSweepWindow *self)
{
  return self->sweep && pmod_sweep_run_get_state (self->sweep) == PMOD_SWEEP_RUNNING;
}

static void
update_point (PmodSweepWindow *self)
{
  int marker = pmod_sweep_plot_get_marker (self->plot);
  g_autofree char *details = NULL;
  g_autofree char *answer = NULL;
  PmodSweepResult result;
  gboolean chosen = self->sweep && pmod_sweep_run_get_point (self->sweep, marker, &result);

  gtk_widget_set_sensitive (self->use, chosen);
  if (chosen)
    {
      details = pmod_sweep_plot_describe_point (self->sweep, marker);
      answer = g_strdup_printf (
          marker == self->applied ? _ ("In use. Answer: %s") : _ ("Answer: %s"), result.answer);
    }
  else if (self->sweep)
    details = g_strdup (_ ("Point at a setting, or use the arrow keys. Hollow: another answer."));
  gtk_label_set_label (self->details, details ? details : "");
  gtk_label_set_label (self->answer, chosen ? answer : "");
}

static void
update_progress (PmodSweepWindow *self)
{
  int n = self->sweep ? pmod_sweep_run_get_n_settings (self->sweep) : 0;
  int done = self->sweep ? pmod_sweep_run_get_n_points (self->sweep) : 0;
  g_autofree char *text = NULL;

  if (!self->sweep)
    text = g_strdup ("");
  else
    switch (pmod_sweep_run_get_state (self->sweep))
      {
      case PMOD_SWEEP_RUNNING:
        text = g_strdup_printf (_ ("%d of %d settings"), done, n);
        break;
      case PMOD_SWEEP_STOPPED:
        text = g_strdup_printf (_ ("Stopped after %d of %d settings"), done, n);
        break;
      case PMOD_SWEEP_FAILED:
        text = g_strdup (pmod_sweep_run_get_error (self->sweep));
        break;
      case PMOD_SWEEP_DONE:
      default:
        text = g_strdup_printf (_ ("All %d settings"), n);
        break;
      }
  gtk_progress_bar_set_fraction (self->progress, n > 0 ? (double)done / n : 0);
  gtk_label_set_label (self->status, text);
}

static void
update (PmodSweepWindow *self)
{
  gboolean can = self->chat && pmod_chat_can_sweep (self->chat);
  PmodSweepResult reference;

  gtk_stack_set_visible_child_name (self->buttons, is_running (self) ? "cancel" : "start");
  gtk_widget_set_sensitive (self->start, can);
  /* Else a flow box stops at what nobody can use, and Shift+Tab would pass by the rest of it. */
  gtk_widget_set_sensitive (gtk_widget_get_parent (GTK_WIDGET (self->buttons)),
                            can || is_running (self));
  gtk_widget_set_sensitive (gtk_widget_get_ancestor (self->range, GTK_TYPE_FLOW_BOX_CHILD),
                            get_of (self) != PMOD_SWEEP_OF_POLICY);
  gtk_widget_set_visible (self->layer_row, get_of (self) == PMOD_SWEEP_OF_RATIO);
  gtk_label_set_label (self->hint, can ? _ ("The last question is asked under each setting, and "
                                            "compared with the setting that was trained. KL is by "
                                            "how much the chances of the answer\342\200\231s words "
                                            "differ; 0: not at all.")
                                       : _ ("Ask something about a picture first."));
  gtk_stack_set_visible_child_name (
      self->stack,
      self->sweep && pmod_sweep_run_get_reference (self->sweep, &reference) ? "plot" : "hint");
  gtk_widget_set_sensitive (self->copy,
                            self->sweep && pmod_sweep_run_get_n_points (self->sweep) > 0);
  update_progress (self);
  update_point (self);
}

/* --- What it does ---------------------------------------------------------------------------- */

static void
start_cb (PmodSweepWindow *self)
{
  PmodSweepPlan plan = { get_of (self), (int)gtk_adjustment_get_value (self->layer),
                         gtk_adjustment_get_value (self->from), gtk_adjustment_get_value (self->to),
                         (int)gtk_adjustment_get_value (self->steps) };
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodSweepRun) sweep = pmod_chat_sweep (self->chat, &plan, &error);

  if (!sweep)
    {
      gtk_label_set_label (self->status, error->message);
      return;
    }
  self->applied = -1;
  g_set_object (&self->sweep, sweep);
  g_signal_group_set_target (self->signals, sweep);
  pmod_sweep_plot_set_sweep (self->plot, sweep);
  update (self);
}

static void
cancel_cb (PmodSweepWindow *self)
{
  pmod_session_stop_sweep (pmod_chat_get_session (self->chat));
}

static void
use_cb (PmodSweepWindow *self)
{
  int marker = pmod_sweep_plot_get_marker (self->plot);

  if (!self->sweep || marker < 0)
    return;
  self->applied = marker;
  pmod_sweep_run_apply (self->sweep, marker, self->tuning);
  update_point (self);
}

static void
copy_cb (PmodSweepWindow *self)
{
  g_autofree char *csv = pmod_sweep_run_to_csv (self->sweep);

  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)), csv);
}

/* Other settings than the one that was taken. */
static void
tuning_changed_cb (PmodSweepWindow *self, guint change)
{
  if (change & PMOD_TUNING_MODEL)
    {
      g_clear_object (&self->sweep);
      g_signal_group_set_target (self->signals, NULL);
      pmod_sweep_plot_set_sweep (self->plot, NULL);
      gtk_adjustment_set_upper (self->layer, MAX (pmod_tuning_get_n_layers (self->tuning) - 1, 0));
    }
  update (self);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_sweep_window_dispose (GObject *object)
{
  PmodSweepWindow *self = PMOD_SWEEP_WINDOW (object);

  if (is_running (self))
    cancel_cb (self);
  g_clear_object (&self->signals);
  g_clear_object (&self->sweep);
  g_clear_object (&self->tuning);
  g_clear_object (&self->chat);

  G_OBJECT_CLASS (pmod_sweep_window_parent_class)->dispose (object);
}

static void
bind_children (GtkWidgetClass *klass)
{
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, of);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, layer_row);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, layer);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, range);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, from);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, to);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, steps);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, buttons);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, start);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, progress);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, status);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, stack);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, hint);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, plot);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, details);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, answer);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, use);
  gtk_widget_class_bind_template_child (klass, PmodSweepWindow, copy);
  gtk_widget_class_bind_template_callback (klass, update);
  gtk_widget_class_bind_template_callback (klass, update_point);
  gtk_widget_class_bind_template_callback (klass, start_cb);
  gtk_widget_class_bind_template_callback (klass, cancel_cb);
  gtk_widget_class_bind_template_callback (klass, use_cb);
  gtk_widget_class_bind_template_callback (klass, copy_cb);
}

/* A flow box leads back to where one was in it: from its end, or from below it, Tab would never
 * come to its beginning again. */
static gboolean
pmod_sweep_window_focus (GtkWidget *widget, GtkDirectionType direction)
{
  PmodSweepWindow *self = PMOD_SWEEP_WINDOW (widget);
  GtkWidget *flow = gtk_widget_get_ancestor (GTK_WIDGET (self->of), GTK_TYPE_FLOW_BOX);
  GtkWidget *before = gtk_window_get_focus (GTK_WINDOW (self));
  gboolean was_inside = before && gtk_widget_is_ancestor (before, flow);
  GtkWidget *after;
  gboolean moved;

  if (!was_inside)
    gtk_widget_set_focus_child (flow, NULL);
  moved = GTK_WIDGET_CLASS (pmod_sweep_window_parent_class)->focus (widget, direction);
  after = gtk_window_get_focus (GTK_WINDOW (self));
  if (direction == GTK_DIR_TAB_FORWARD && after && gtk_widget_is_ancestor (after, flow) &&
      (!was_inside || after == before))
    return gtk_widget_child_focus (GTK_WIDGET (self->of), direction);
  return moved;
}

static void
pmod_sweep_window_class_init (PmodSweepWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_sweep_window_dispose;

  g_type_ensure (PMOD_TYPE_SWEEP_PLOT);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-sweep-window.ui");
  widget_class->focus = pmod_sweep_window_focus;
  bind_children (widget_class);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
pmod_sweep_window_init (PmodSweepWindow *self)
{
  self->applied = -1;
  self->signals = g_signal_group_new (PMOD_TYPE_SWEEP_RUN);
  gtk_widget_init_template (GTK_WIDGET (self));
  pmod_drop_down_set_name (GTK_WIDGET (self->of), _ ("What is varied"));
  g_signal_group_connect_swapped (self->signals, "changed", G_CALLBACK (update), self);
}

PmodSweepWindow *
pmod_sweep_window_new (GtkWindow *parent, PmodChat *chat, PmodSelection *selection)
{
  PmodSweepWindow *self = g_object_new (PMOD_TYPE_SWEEP_WINDOW, NULL);

  pmod_second_window_attach (GTK_WINDOW (self), parent);
  self->chat = g_object_ref (chat);
  self->tuning = g_object_ref (pmod_session_get_tuning (pmod_chat_get_session (chat)));
  gtk_adjustment_set_upper (self->layer, MAX (pmod_tuning_get_n_layers (self->tuning) - 1, 0));
  gtk_adjustment_set_value (self->layer, pmod_selection_get_layer (selection));
  g_signal_connect_object (self->tuning, "changed", G_CALLBACK (tuning_changed_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (pmod_chat_get_messages (chat), "items-changed", G_CALLBACK (update),
                           self, G_CONNECT_SWAPPED);
  update (self);
  return self;
}
