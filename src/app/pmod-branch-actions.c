/* See pmod-branch-actions.h. */
#include "config.h"

#include "pmod-branch-actions.h"

#include <glib/gi18n.h>

#include "pmod-context-meter.h"
#include "pmod-message-tools.h"
#include "pmod-version-switch.h"

/* What is to be done with a row once the list has made it. */
typedef struct
{
  guint position;
  gboolean forward;
  gint64 end_us; /* when it is given up */
} Wait;

#define WAIT_US (2 * G_USEC_PER_SEC)

static PmodChat *
get_chat (GtkWidget *widget)
{
  g_autoptr (PmodChat) chat = NULL;

  g_object_get (widget, "chat", &chat, NULL);
  return chat; /* the pane holds it */
}

/* The widget of this type below root whose message stands at position. */
static GtkWidget *
find_widget (GtkWidget *root, GType type, guint position)
{
  GtkWidget *child = gtk_widget_get_first_child (root);
  GtkWidget *found = NULL;

  for (; child && !found; child = gtk_widget_get_next_sibling (child))
    {
      PmodMessage *message = NULL;

      if (PMOD_IS_VERSION_SWITCH (child) && type == PMOD_TYPE_VERSION_SWITCH)
        message = pmod_version_switch_get_message (PMOD_VERSION_SWITCH (child));
      if (PMOD_IS_MESSAGE_TOOLS (child) && type == PMOD_TYPE_MESSAGE_TOOLS)
        message = pmod_message_tools_get_message (PMOD_MESSAGE_TOOLS (child));
      if (message && pmod_message_get_position (message) == position)
        return child;
      found = find_widget (child, type, position);
    }
  return found;
}

/* The list makes a row when it is laid out, and that may take more than one frame. */
static gboolean
wait_on (const Wait *wait)
{
  return g_get_monotonic_time () < wait->end_us ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void
wait_for_row (GtkWidget *pane, guint position, gboolean forward, GtkTickCallback callback)
{
  Wait *wait = g_new0 (Wait, 1);

  wait->position = position;
  wait->forward = forward;
  wait->end_us = g_get_monotonic_time () + WAIT_US;
  gtk_widget_add_tick_callback (pane, callback, wait, g_free);
}

static gboolean
focus_cb (GtkWidget *pane, GdkFrameClock *clock, gpointer user_data)
{
  Wait *wait = user_data;
  GtkWidget *versions = find_widget (pane, PMOD_TYPE_VERSION_SWITCH, wait->position);

  if (!versions || !gtk_widget_get_mapped (versions))
    return wait_on (wait);
  pmod_version_switch_take_focus (PMOD_VERSION_SWITCH (versions), wait->forward);
  return G_SOURCE_REMOVE;
}

static void
show_version_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  PmodChat *chat = get_chat (widget);
  g_autoptr (PmodMessage) before = NULL;
  guint position, version;

  g_variant_get (parameter, "(uu)", &position, &version);
  before = g_list_model_get_item (pmod_chat_get_messages (chat), position);
  if (!before || !pmod_chat_show_version (chat, position, version))
    return;
  wait_for_row (widget, position, version > pmod_message_get_version (before), focus_cb);
}

static void
ask_again_at_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  if (pmod_chat_ask_again_at (get_chat (widget), g_variant_get_uint32 (parameter)))
    gtk_widget_activate_action (widget, "chat.write", NULL);
}

/* A question that waits to be counted. */
typedef struct
{
  GtkWidget *pane;
  guint position;
  char *text;
  GtkTextBuffer *buffer; /* nullable */
} Waiting;

static void
waiting_free (Waiting *self)
{
  g_object_unref (self->pane);
  g_clear_object (&self->buffer);
  g_free (self->text);
  g_free (self);
}

static void
give_back (Waiting *self, PmodContextMeter *meter, int needed)
{
  GtkTextIter start;

  if (self->buffer)
    {
      gtk_text_buffer_get_start_iter (self->buffer, &start);
      gtk_text_buffer_insert (self->buffer, &start, self->text, -1);
    }
  else if (needed > pmod_context_meter_get_limit (meter))
    {
      g_autofree char *why = pmod_context_meter_explain (meter, needed);

      gtk_widget_activate_action (self->pane, "win.explain", "(ss)", _ ("The question is too long"),
                                  why);
    }
}

/* What the meter cannot count the engine still refuses by itself. */
static void
counted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PmodContextMeter *meter = PMOD_CONTEXT_METER (source);
  Waiting *self = user_data;
  PmodChat *chat = get_chat (self->pane);
  int needed = pmod_context_meter_count_finish (meter, result, NULL);
  gboolean asked = FALSE;

  if (chat && needed <= pmod_context_meter_get_limit (meter))
    asked = self->position == PMOD_BRANCH_END
                ? pmod_chat_ask (chat, self->text)
                : pmod_chat_ask_instead (chat, self->position, self->text);
  if (asked)
    gtk_widget_activate_action (self->pane, "chat.write", NULL);
  else if (chat)
    give_back (self, meter, needed);
  waiting_free (self);
}

void
pmod_branch_actions_ask (GtkWidget *widget, guint position, const char *text, GtkTextBuffer *buffer)
{
  PmodChat *chat = get_chat (widget);
  Waiting *self = g_new0 (Waiting, 1);
  guint n_messages = g_list_model_get_n_items (pmod_chat_get_messages (chat));

  self->pane = g_object_ref (widget);
  self->position = position;
  self->text = g_strdup (text);
  self->buffer = buffer ? g_object_ref (buffer) : NULL;
  pmod_context_meter_count_async (pmod_context_meter_get (chat), MIN (position, n_messages), text,
                                  counted_cb, self);
}

static void
ask_instead_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  const char *text;
  guint position;

  g_variant_get (parameter, "(u&s)", &position, &text);
  pmod_branch_actions_ask (widget, position, text, NULL);
}

static gboolean
edit_cb (GtkWidget *pane, GdkFrameClock *clock, gpointer user_data)
{
  Wait *wait = user_data;
  GtkWidget *tools = find_widget (pane, PMOD_TYPE_MESSAGE_TOOLS, wait->position);

  if (!tools || !gtk_widget_get_mapped (tools) || gtk_widget_get_height (tools) <= 0)
    return wait_on (wait);
  pmod_message_tools_edit (PMOD_MESSAGE_TOOLS (tools));
  return G_SOURCE_REMOVE;
}

static void
edit (GtkWidget *widget, guint position)
{
  GtkWidget *tools;

  gtk_widget_activate_action (widget, "chat.show-message", "u", position);
  tools = find_widget (widget, PMOD_TYPE_MESSAGE_TOOLS, position);
  if (tools && gtk_widget_get_height (tools) > 0)
    pmod_message_tools_edit (PMOD_MESSAGE_TOOLS (tools));
  else
    wait_for_row (widget, position, FALSE, edit_cb);
}

static void
edit_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  edit (widget, g_variant_get_uint32 (parameter));
}

static void
edit_last_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  guint n = g_list_model_get_n_items (pmod_chat_get_messages (get_chat (widget)));

  if (n >= 2)
    edit (widget, n - 2);
}

static const struct
{
  const char *name;
  const char *type;
  GtkWidgetActionActivateFunc activate;
} actions[] = {
  { "chat.show-version", "(uu)", show_version_action },
  { "chat.ask-again-at", "u", ask_again_at_action },
  { "chat.ask-instead", "(us)", ask_instead_action },
  { "chat.edit", "u", edit_action },
  { "chat.edit-last", NULL, edit_last_action },
};

void
pmod_branch_actions_install (GtkWidgetClass *klass)
{
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    gtk_widget_class_install_action (klass, actions[i].name, actions[i].type, actions[i].activate);
}

static void
update (GtkWidget *widget)
{
  PmodChat *chat = get_chat (widget);
  gboolean busy = !chat || pmod_chat_get_busy (chat);
  gboolean over = !chat || pmod_chat_get_read_only (chat);

  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    gtk_widget_action_set_enabled (widget, actions[i].name,
                                   !busy && (!over || actions[i].activate == show_version_action));
}

void
pmod_branch_actions_follow (GtkWidget *widget, PmodChat *chat)
{
  g_signal_connect_object (chat, "notify::busy", G_CALLBACK (update), widget, G_CONNECT_SWAPPED);
  g_signal_connect_object (chat, "notify::read-only", G_CALLBACK (update), widget,
                           G_CONNECT_SWAPPED);
  update (widget);
}
