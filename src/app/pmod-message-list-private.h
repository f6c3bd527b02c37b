/* What a list of messages holds, and what its files tell each other. */
#pragma once

#include "pmod-chat.h"
#include "pmod-message-heights.h"
#include "pmod-message-list.h"

G_BEGIN_DECLS

struct _PmodMessageList
{
  GtkWidget parent_instance;

  PmodChat *chat;    /* whose messages they are; nullable */
  GListModel *model; /* the chat's messages */
  PmodMessageHeights *heights;
  GPtrArray *rows; /* one for each message; NULL: out of sight */
  int width;
  gboolean follow;
  gboolean placing; /* changes of the adjustment are our own */
  guint cursor;     /* the message that had the focus last */
  guint idle;       /* makes rows that will soon be in sight; 0: all are there */

  GtkAdjustment *hadjustment;
  GtkAdjustment *vadjustment;
  GtkScrollablePolicy hscroll_policy;
  GtkScrollablePolicy vscroll_policy;
};

/* --- pmod-message-list.c -----------------------------------------------------------------------
 */

/* What is at the top of the view, and how high that is. */
double pmod_message_list_get_value (PmodMessageList *self);
double pmod_message_list_get_page (PmodMessageList *self);

/* Brings position into sight with as little movement as can be; of a long one the beginning, or the
 * end. Its row is there then. */
void pmod_message_list_bring (PmodMessageList *self, guint position, gboolean end);
/* Rows for what is in sight. */
void pmod_message_list_populate (PmodMessageList *self);

/* --- pmod-message-list-keys.c ------------------------------------------------------------------
 */

gboolean pmod_message_list_press (PmodMessageList *self, guint keyval, GdkModifierType state);
gboolean pmod_message_list_focus (GtkWidget *widget, GtkDirectionType direction);
void pmod_message_list_follow_focus (PmodMessageList *self, GtkWindow *window);

G_END_DECLS
