/* PmodMessageList: keys, and where the focus goes. See pmod-message-list.h. */
#include "config.h"

#include "pmod-message-list-private.h"

#include "pmod-message-row.h"

static void
focus_message (PmodMessageList *self, guint position)
{
  if (!self->rows->pdata[position])
    return;
  self->cursor = position;
  gtk_widget_grab_focus (self->rows->pdata[position]);
}

/* --- Keys ------------------------------------------------------------------------------------ */

static int
find_focused (PmodMessageList *self)
{
  GtkWidget *focused = gtk_widget_get_focus_child (GTK_WIDGET (self));

  for (guint i = 0; focused && i < self->rows->len; i++)
    if (self->rows->pdata[i] == focused)
      return (int)i;
  return -1;
}

/* One message on; within a message that is longer than the view a few lines on. */
static void
step (PmodMessageList *self, int by)
{
  int at = find_focused (self);
  double value = pmod_message_list_get_value (self);
  double page = pmod_message_list_get_page (self);
  double top = at >= 0 ? pmod_message_heights_get_top (self->heights, (guint)at) : value;
  double bottom = at >= 0 ? top + pmod_message_heights_get (self->heights, (guint)at) : value;
  double rest = by > 0 ? bottom - (value + page) : value - top;

  if (at >= 0 && rest > 1 && bottom > value && top < value + page)
    {
      gtk_adjustment_set_value (self->vadjustment, value + by * MIN (rest, page * 0.5));
      return;
    }
  at = CLAMP (at + by, 0, (int)self->rows->len - 1);
  pmod_message_list_bring (self, (guint)at, by < 0);
  focus_message (self, (guint)at);
}

static void
step_page (PmodMessageList *self, int by)
{
  double page = pmod_message_list_get_page (self);
  guint at;

  gtk_adjustment_set_value (self->vadjustment,
                            pmod_message_list_get_value (self) + by * page * 0.9);
  pmod_message_list_populate (self);
  at = pmod_message_heights_find (self->heights,
                                  pmod_message_list_get_value (self) + (by > 0 ? page - 1 : 0));
  focus_message (self, at);
}

static void
step_to (PmodMessageList *self, guint position)
{
  pmod_message_list_bring (self, position, FALSE);
  if (position + 1 == self->rows->len)
    {
      self->follow = TRUE;
      pmod_message_list_populate (self);
      gtk_widget_queue_allocate (GTK_WIDGET (self));
    }
  focus_message (self, position);
}

gboolean
pmod_message_list_press (PmodMessageList *self, guint keyval, GdkModifierType state)
{
  if ((state & (GDK_SHIFT_MASK | GDK_CONTROL_MASK | GDK_ALT_MASK)) || self->rows->len == 0 ||
      !self->vadjustment)
    return GDK_EVENT_PROPAGATE;
  switch (keyval)
    {
    case GDK_KEY_Up:
    case GDK_KEY_KP_Up:
      step (self, -1);
      return GDK_EVENT_STOP;
    case GDK_KEY_Down:
    case GDK_KEY_KP_Down:
      step (self, 1);
      return GDK_EVENT_STOP;
    case GDK_KEY_Page_Up:
    case GDK_KEY_KP_Page_Up:
      step_page (self, -1);
      return GDK_EVENT_STOP;
    case GDK_KEY_Page_Down:
    case GDK_KEY_KP_Page_Down:
      step_page (self, 1);
      return GDK_EVENT_STOP;
    case GDK_KEY_Home:
    case GDK_KEY_KP_Home:
      step_to (self, 0);
      return GDK_EVENT_STOP;
    case GDK_KEY_End:
    case GDK_KEY_KP_End:
      step_to (self, self->rows->len - 1);
      return GDK_EVENT_STOP;
    default:
      return GDK_EVENT_PROPAGATE;
    }
}

/* Tab comes to the message that had the focus, or to the newest one in sight, and leaves from the
 * end of a message: the others are for the arrow keys. */
gboolean
pmod_message_list_focus (GtkWidget *widget, GtkDirectionType direction)
{
  PmodMessageList *self = PMOD_MESSAGE_LIST (widget);
  GtkWidget *focused = gtk_widget_get_focus_child (widget);
  guint at;

  if (focused)
    return gtk_widget_child_focus (focused, direction);
  if (self->rows->len == 0)
    return FALSE;
  at = self->cursor;
  if (self->follow || at >= self->rows->len || !self->rows->pdata[at])
    at = pmod_message_heights_find (self->heights, pmod_message_list_get_value (self) +
                                                       pmod_message_list_get_page (self) - 1);
  if (!self->rows->pdata[at])
    return FALSE;
  pmod_message_list_bring (self, at, self->follow);
  return gtk_widget_child_focus (self->rows->pdata[at], direction);
}

/* A focus that keys moved is brought into sight; what the pointer went to is in sight. */
void
pmod_message_list_follow_focus (PmodMessageList *self, GtkWindow *window)
{
  GtkWidget *focused = gtk_window_get_focus (window);
  double value = pmod_message_list_get_value (self);
  double page = pmod_message_list_get_page (self);
  graphene_rect_t bounds;

  if (!focused || !gtk_widget_is_ancestor (focused, GTK_WIDGET (self)) || !self->vadjustment)
    return;
  if (find_focused (self) >= 0)
    self->cursor = (guint)find_focused (self);
  if (PMOD_IS_MESSAGE_ROW (focused) || !gtk_window_get_focus_visible (window) ||
      !gtk_widget_compute_bounds (focused, GTK_WIDGET (self), &bounds))
    return;
  if (bounds.size.height >= page || bounds.origin.y < 0)
    gtk_adjustment_set_value (self->vadjustment, value + bounds.origin.y);
  else if (bounds.origin.y + bounds.size.height > page)
    gtk_adjustment_set_value (self->vadjustment,
                              value + bounds.origin.y + bounds.size.height - page);
}
