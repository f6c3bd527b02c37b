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
  gboolean placing;   /* changes of the adjustment are our own */
  guint cursor;       /* the message that had the focus last */
  PmodMessage *found; /* to be brought into sight; nullable */
  GtkWidget *marked;  /* weak: the row of one that was */
  guint mark_id;      /* the mark goes; 0: there is none */
  guint idle;         /* makes rows that will soon be in sight; 0: all are there */

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
/* The view begins at value, or as near to it as can be. */
void pmod_message_list_move (PmodMessageList *self, double value);

/* --- pmod-message-list-keys.c ------------------------------------------------------------------
 */

gboolean pmod_message_list_press (PmodMessageList *self, guint keyval, GdkModifierType state);
gboolean pmod_message_list_focus (GtkWidget *widget, GtkDirectionType direction);
void pmod_message_list_follow_focus (PmodMessageList *self, GtkWindow *window);

/* --- pmod-message-list-found.c -----------------------------------------------------------------
 */

/* Each nullable. */
void pmod_message_list_follow_found (PmodMessageList *self, PmodChat *old, PmodChat *chat);
void pmod_message_list_forget_found (PmodMessageList *self);
/* There is one, and the list has its size. */
void pmod_message_list_bring_found (PmodMessageList *self);

G_END_DECLS
