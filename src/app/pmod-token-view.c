/* PmodTokenView: see pmod-token-view.h.
 *
 * Tab comes to one token and leaves again; between them are the arrow keys. The popover follows
 * what is looked at and takes no keys before Enter or a click asks it to. */
#include "config.h"

#include "pmod-token-view.h"

#include <glib/gi18n.h>

#include "pmod-chat-tokens.h"
#include "pmod-run-tokens.h"
#include "pmod-token-cell.h"
#include "pmod-token-layout.h"
#include "pmod-token-popover.h"
#include "pmod-token-text.h"

#define SHOW_MS 120 /* a pointer on its way over the text opens nothing */
#define HIDE_MS 300 /* time to get from a token to its popover */

struct _PmodTokenView
{
  GtkWidget parent_instance;

  PmodChat *chat;
  PmodMessage *answer;

  GtkWidget *cells;
  GtkWidget *legend;
  GtkWidget *popover; /* made when it is first needed */
  GPtrArray *places;  /* PmodTokenCell, in their order; cells holds them */
  int current;        /* that Tab comes to */
  int shown;          /* in the popover; -1: none */
  int hovered;        /* -1: none */
  guint timer;
};

G_DEFINE_FINAL_TYPE (PmodTokenView, pmod_token_view, GTK_TYPE_WIDGET)

static int
find_place (PmodTokenView *self, GtkWidget *cell)
{
  guint index;

  return cell && g_ptr_array_find (self->places, cell, &index) ? (int)index : -1;
}

/* --- The popover ----------------------------------------------------------------------------- */

static void
chosen_cb (PmodTokenView *self, int alternative)
{
  g_autoptr (PmodChat) chat = g_object_ref (self->chat);
  g_autoptr (PmodMessage) answer = g_object_ref (self->answer);
  int token = self->shown;

  gtk_popover_popdown (GTK_POPOVER (self->popover));
  /* The new answer's row takes the place of this one. */
  gtk_widget_activate_action (GTK_WIDGET (self), "chat.write", NULL);
  pmod_chat_tokens_continue_from (chat, answer, token, alternative);
}

static void
closed_cb (PmodTokenView *self)
{
  self->shown = -1;
}

static gboolean
popover_key_cb (GtkEventControllerKey *controller,
                guint keyval,
                guint keycode,
                GdkModifierType state,
                gpointer user_data)
{
  PmodTokenView *self = user_data;

  if (keyval != GDK_KEY_Escape && keyval != GDK_KEY_Tab && keyval != GDK_KEY_ISO_Left_Tab)
    return GDK_EVENT_PROPAGATE;
  gtk_widget_grab_focus (self->places->pdata[self->current]);
  return GDK_EVENT_STOP;
}

static void leave_cb (GtkEventController *controller, gpointer user_data);

static void
ensure_popover (PmodTokenView *self)
{
  GtkEventController *key, *motion;

  if (self->popover)
    return;
  self->popover = pmod_token_popover_new ();
  key = gtk_event_controller_key_new ();
  gtk_event_controller_set_propagation_phase (key, GTK_PHASE_CAPTURE);
  g_signal_connect (key, "key-pressed", G_CALLBACK (popover_key_cb), self);
  gtk_widget_add_controller (self->popover, key);
  motion = gtk_event_controller_motion_new ();
  g_signal_connect (motion, "leave", G_CALLBACK (leave_cb), self);
  gtk_widget_add_controller (self->popover, motion);
  g_signal_connect_swapped (self->popover, "chosen", G_CALLBACK (chosen_cb), self);
  g_signal_connect_swapped (self->popover, "closed", G_CALLBACK (closed_cb), self);
  gtk_widget_set_parent (self->popover, GTK_WIDGET (self));
}

static void
show_token (PmodTokenView *self, int index)
{
  GtkWidget *cell = self->places->pdata[index];
  graphene_rect_t bounds;
  GdkRectangle place;

  if (self->shown == index || !gtk_widget_compute_bounds (cell, GTK_WIDGET (self), &bounds))
    return;
  ensure_popover (self);
  place = (GdkRectangle){ (int)bounds.origin.x, (int)bounds.origin.y, (int)bounds.size.width,
                          (int)bounds.size.height };
  self->shown = index;
  pmod_token_popover_show (PMOD_TOKEN_POPOVER (self->popover), pmod_message_get_run (self->answer),
                           index, pmod_chat_can_continue_from (self->chat, self->answer));
  gtk_popover_set_pointing_to (GTK_POPOVER (self->popover), &place);
  gtk_popover_popup (GTK_POPOVER (self->popover));
}

static void
hide_token (PmodTokenView *self)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  if (self->popover)
    gtk_popover_popdown (GTK_POPOVER (self->popover));
}

/* --- The pointer ----------------------------------------------------------------------------- */

/* The keys come first: what they opened stays until they leave. */
static gboolean
timer_cb (gpointer user_data)
{
  PmodTokenView *self = user_data;
  GtkWidget *focus = gtk_widget_get_focus_child (self->cells);

  self->timer = 0;
  if (self->popover && pmod_token_popover_is_used (PMOD_TOKEN_POPOVER (self->popover)))
    return G_SOURCE_REMOVE;
  if (self->hovered >= 0)
    show_token (self, self->hovered);
  else if (focus && gtk_widget_has_visible_focus (focus))
    show_token (self, self->current);
  else
    hide_token (self);
  return G_SOURCE_REMOVE;
}

static void
look_again (PmodTokenView *self, guint ms)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  self->timer = g_timeout_add (ms, timer_cb, self);
}

static void
enter_cb (GtkEventController *controller, double x, double y, gpointer user_data)
{
  PmodTokenView *self = user_data;

  self->hovered = find_place (self, gtk_event_controller_get_widget (controller));
  look_again (self, SHOW_MS);
}

static void
leave_cb (GtkEventController *controller, gpointer user_data)
{
  PmodTokenView *self = user_data;

  self->hovered = -1;
  look_again (self, HIDE_MS);
}

/* --- The keys -------------------------------------------------------------------------------- */

static void
cell_focus_cb (PmodTokenView *self, GParamSpec *pspec, GtkWidget *cell)
{
  int index = find_place (self, cell);

  if (index < 0 || !gtk_widget_has_focus (cell))
    return;
  self->current = index;
  g_clear_handle_id (&self->timer, g_source_remove);
  if (gtk_widget_has_visible_focus (cell))
    show_token (self, index);
}

static void
focus_left_cb (PmodTokenView *self)
{
  look_again (self, HIDE_MS);
}

static void
activated_cb (PmodTokenView *self, GtkWidget *cell)
{
  int index = find_place (self, cell);

  if (index < 0)
    return;
  self->current = index;
  g_clear_handle_id (&self->timer, g_source_remove);
  show_token (self, index);
  pmod_token_popover_enter (PMOD_TOKEN_POPOVER (self->popover));
}

/* The token above or below: the one whose middle is nearest. */
static int
find_in_line (PmodTokenView *self, int from, int direction)
{
  graphene_rect_t start, rect;
  float best = G_MAXFLOAT, line = 0;
  int found = from;

  if (!gtk_widget_compute_bounds (self->places->pdata[from], self->cells, &start))
    return from;
  for (int i = from + direction; i >= 0 && i < (int)self->places->len; i += direction)
    {
      float away;

      if (!gtk_widget_compute_bounds (self->places->pdata[i], self->cells, &rect) ||
          rect.origin.y == start.origin.y)
        continue;
      if (found != from && rect.origin.y != line)
        break;
      away = ABS (rect.origin.x + rect.size.width / 2 - start.origin.x - start.size.width / 2);
      line = rect.origin.y;
      if (away < best)
        {
          best = away;
          found = i;
        }
    }
  return found;
}

static gboolean
key_cb (GtkEventControllerKey *controller,
        guint keyval,
        guint keycode,
        GdkModifierType state,
        gpointer user_data)
{
  PmodTokenView *self = user_data;
  int step = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL ? -1 : 1;
  int last = (int)self->places->len - 1;
  int to;

  if (state & (GDK_SHIFT_MASK | GDK_CONTROL_MASK | GDK_ALT_MASK) ||
      !gtk_widget_get_focus_child (self->cells))
    return GDK_EVENT_PROPAGATE;
  if (keyval == GDK_KEY_Left || keyval == GDK_KEY_KP_Left)
    to = self->current - step;
  else if (keyval == GDK_KEY_Right || keyval == GDK_KEY_KP_Right)
    to = self->current + step;
  else if (keyval == GDK_KEY_Up || keyval == GDK_KEY_KP_Up)
    to = find_in_line (self, self->current, -1);
  else if (keyval == GDK_KEY_Down || keyval == GDK_KEY_KP_Down)
    to = find_in_line (self, self->current, 1);
  else if (keyval == GDK_KEY_Home || keyval == GDK_KEY_KP_Home)
    to = 0;
  else if (keyval == GDK_KEY_End || keyval == GDK_KEY_KP_End)
    to = last;
  else if (keyval == GDK_KEY_Escape && self->shown >= 0)
    {
      hide_token (self);
      return GDK_EVENT_STOP;
    }
  else
    return GDK_EVENT_PROPAGATE;
  gtk_widget_grab_focus (self->places->pdata[CLAMP (to, 0, last)]);
  return GDK_EVENT_STOP;
}

static gboolean
pmod_token_view_focus (GtkWidget *widget, GtkDirectionType direction)
{
  PmodTokenView *self = PMOD_TOKEN_VIEW (widget);

  if (gtk_widget_get_focus_child (widget) || self->places->len == 0)
    return FALSE;
  return gtk_widget_grab_focus (self->places->pdata[self->current]);
}

/* --- Tokens ---------------------------------------------------------------------------------- */

static void
add_cell (PmodTokenView *self, const PmodRunToken *token)
{
  gboolean after_space;
  g_autofree char *text = pmod_token_text_show (&token->chance, &after_space);
  g_autofree char *piece = NULL;
  g_autofree char *name = pmod_token_text_name (&token->chance);
  GtkWidget *cell = pmod_token_cell_new (text, name, token->chance.probability);
  GtkEventController *motion = gtk_event_controller_motion_new ();
  gboolean spaced;
  PmodTokenKind kind = pmod_run_read_piece (&token->chance, &piece, &spaced);

  if (kind != PMOD_TOKEN_TEXT)
    gtk_widget_add_css_class (cell, "sign");
  pmod_token_layout_mark (cell, after_space || kind == PMOD_TOKEN_END, kind == PMOD_TOKEN_NEWLINE);
  g_signal_connect (motion, "enter", G_CALLBACK (enter_cb), self);
  g_signal_connect (motion, "leave", G_CALLBACK (leave_cb), self);
  gtk_widget_add_controller (cell, motion);
  g_signal_connect_swapped (cell, "notify::has-focus", G_CALLBACK (cell_focus_cb), self);
  g_signal_connect_swapped (cell, "activated", G_CALLBACK (activated_cb), self);
  g_ptr_array_add (self->places, cell);
  gtk_box_append (GTK_BOX (self->cells), cell);
}

static void
update (PmodTokenView *self)
{
  PmodRun *run = pmod_message_get_run (self->answer);
  PmodRunToken token;

  while (pmod_run_get_answer_token (run, (int)self->places->len, &token))
    add_cell (self, &token);
}

static void
fill_legend (PmodTokenView *self)
{
  static const struct
  {
    const char *text;
    double probability; /* in the middle of its range */
  } samples[] = {
    { N_ ("over 90 %"), 1 },
    { N_ ("over 50 %"), 0.7 },
    { N_ ("over 10 %"), 0.3 },
    { N_ ("less"), 0.05 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (samples); i++)
    {
      GtkWidget *sample = pmod_token_cell_new (_ (samples[i].text), NULL, samples[i].probability);

      pmod_token_layout_mark (sample, TRUE, FALSE);
      gtk_box_append (GTK_BOX (self->legend), sample);
    }
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_token_view_dispose (GObject *object)
{
  PmodTokenView *self = PMOD_TOKEN_VIEW (object);
  GtkWidget *child;

  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_pointer (&self->popover, gtk_widget_unparent);
  g_ptr_array_set_size (self->places, 0);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);
  g_clear_object (&self->answer);
  g_clear_object (&self->chat);

  G_OBJECT_CLASS (pmod_token_view_parent_class)->dispose (object);
}

static void
pmod_token_view_finalize (GObject *object)
{
  g_ptr_array_unref (PMOD_TOKEN_VIEW (object)->places);

  G_OBJECT_CLASS (pmod_token_view_parent_class)->finalize (object);
}

static void
pmod_token_view_class_init (PmodTokenViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_token_view_dispose;
  object_class->finalize = pmod_token_view_finalize;
  widget_class->focus = pmod_token_view_focus;

  g_type_ensure (PMOD_TYPE_TOKEN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-token-view.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodTokenView, cells);
  gtk_widget_class_bind_template_child (widget_class, PmodTokenView, legend);
  gtk_widget_class_bind_template_callback (widget_class, key_cb);
  gtk_widget_class_bind_template_callback (widget_class, focus_left_cb);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BOX_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "tokenview");
}

static void
pmod_token_view_init (PmodTokenView *self)
{
  self->places = g_ptr_array_new ();
  self->shown = self->hovered = -1;
  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_orientable_set_orientation (
      GTK_ORIENTABLE (gtk_widget_get_layout_manager (GTK_WIDGET (self))), GTK_ORIENTATION_VERTICAL);
  fill_legend (self);
}

GtkWidget *
pmod_token_view_new (PmodChat *chat, PmodMessage *answer)
{
  PmodTokenView *self;

  g_return_val_if_fail (PMOD_IS_CHAT (chat), NULL);
  g_return_val_if_fail (PMOD_IS_MESSAGE (answer), NULL);

  self = g_object_new (PMOD_TYPE_TOKEN_VIEW, NULL);
  self->chat = g_object_ref (chat);
  self->answer = g_object_ref (answer);
  g_signal_connect_object (pmod_message_get_run (answer), "changed", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
  update (self);
  return GTK_WIDGET (self);
}
