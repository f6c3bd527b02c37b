/* What a chat holds, and what its files tell each other. */
#pragma once

#include "pmod-chat.h"
#include "pmod-dense-answers.h"

G_BEGIN_DECLS

struct _PmodChat
{
  GObject parent_instance;

  PmodSession *session;
  gulong model_id;
  PmodPicture *picture;
  PmodPicture *shown; /* picture, or a live frame */
  gboolean live;
  PmodPicture *before_picture; /* of live */
  PmodRun *before_run;
  PmodThread *thread;   /* all that was said */
  GListStore *messages; /* the path through it that is shown */
  GListStore *attached; /* PmodPicture: come with the next question */
  char *system;         /* nullable */
  PmodRun *run;         /* that the views show */
  PmodRun *coming;      /* takes its place once it has something to show */
  gulong coming_id;
  PmodRun *answer; /* of the last question, until it is finished */
  gulong answer_id;
  gboolean read_only;
  gboolean held;     /* answers wait until they are let go */
  gboolean restored; /* run is of before and stays when the model that loads is there */
  PmodDenseAnswers *dense_answers;

  gulong tuning_id;
  PmodRun *reading; /* with settings that were changed, until it is finished */
  gulong reading_id;
  gint64 reading_us;      /* when it was asked for */
  gboolean reading_stale; /* the settings are others by now */
  gboolean asks_again;    /* the user's choice */
  gboolean answer_again;  /* the answer on its way is one that nobody asked for by hand */
  PmodMessage *reply;     /* that will take the place of the last one, once it says something */
  PmodMessage *own_reply; /* the last one that did, if it is a version that may go */
  guint again_id;

  PmodPicture *old_picture;
  PmodRun *old_run;
  GPtrArray *old_messages;
  PmodThread *old_thread;
  char *old_system;
  gboolean old_read_only;

  PmodBeginning *beginning; /* of the answer that is asked for next, while it is asked for */
};

/* --- pmod-chat.c -------------------------------------------------------------------------------
 */

void pmod_chat_set_run (PmodChat *self, PmodRun *run);
void pmod_chat_set_shown (PmodChat *self, PmodPicture *picture);
void pmod_chat_set_picture (PmodChat *self, PmodPicture *picture); /* it is shown, too */
void pmod_chat_set_live (PmodChat *self, gboolean live);
void pmod_chat_read_picture (PmodChat *self);
void pmod_chat_forget_coming (PmodChat *self);

void pmod_chat_forget_old (PmodChat *self);

/* Ends what runs and keeps what was said for pmod_chat_undo(). */
void pmod_chat_put_aside (PmodChat *self);

/* Asks the question of the answer at position once more, of the settings that hold now; the new
 * answer grows in *reply. */
gboolean pmod_chat_start_again (PmodChat *self, guint position, PmodMessage **reply);
/* Of the last answer; 0: there is none. */
guint pmod_chat_get_last_answer (PmodChat *self);

/* After what the first n_messages say. Returns the message that the answer grows in. */
PmodMessage *
pmod_chat_start_answer (PmodChat *self, PmodMessage *question, guint n_messages, gboolean held);

/* The question is asked after the first n_messages; what followed them stays as another branch.
 * pictures: that it brings, nullable. */
gboolean
pmod_chat_ask_after (PmodChat *self, guint n_messages, const char *text, GPtrArray *pictures);

void pmod_chat_tell_answering (PmodChat *self,
                               PmodMessage *question,
                               PmodMessage *answer,
                               gboolean again);
void pmod_chat_tell_forgotten (PmodChat *self, PmodMessage *answer);
void pmod_chat_tell_busy (PmodChat *self);

/* --- pmod-chat-pictures.c ----------------------------------------------------------------------
 */

/* What question is asked with after the first n_messages; *shown: about what (nullable).
 * (transfer full) */
GPtrArray *pmod_chat_collect (PmodChat *self,
                              guint n_messages,
                              const char *question,
                              GPtrArray *pictures,
                              PmodPicture **shown);
/* The same of the last question; NULL: nothing was asked. */
GPtrArray *pmod_chat_collect_last (PmodChat *self, PmodPicture **shown);

/* --- pmod-chat-keep.c --------------------------------------------------------------------------
 */

/* The maps of an answer of before. */
void pmod_chat_show_old (PmodChat *self, PmodRun *run);

/* --- pmod-chat-tree.c --------------------------------------------------------------------------
 */

/* Of the list, all from position on gives way to tail, which is in the tree. */
void pmod_chat_splice (PmodChat *self, guint position, PmodMessage **tail, guint n_tail);
/* One after the other, in an empty conversation. */
void pmod_chat_add_all (PmodChat *self, GPtrArray *messages);
/* Another version of the answer at position; what followed that is not shown any more. */
void pmod_chat_add_reply (PmodChat *self, guint position, PmodMessage *reply);
/* The same of one that nobody asked for by hand: it takes the place of the one before, if nobody
 * asked for that either and nothing follows it. */
void pmod_chat_add_own_reply (PmodChat *self, guint position, PmodMessage *reply);
void pmod_chat_set_thread (PmodChat *self, PmodThread *thread); /* taken */
void pmod_chat_tell_branch (PmodChat *self);

/* --- pmod-chat-system.c ------------------------------------------------------------------------
 */

void pmod_chat_take_system (PmodChat *self, char *system); /* nothing is read again */

/* --- pmod-chat-shown.c -------------------------------------------------------------------------
 */

/* Messages tell from then on whether their maps are shown. */
void pmod_chat_watch_shown (PmodChat *self);

/* --- pmod-chat-follow.c ------------------------------------------------------------------------
 */

void pmod_chat_follow_tuning (PmodChat *self, guint change);
/* One run at a time; when it is there, the next one has the newest settings. */
void pmod_chat_reread (PmodChat *self);
/* Whether the last answer was given under other settings than those that hold now. */
gboolean pmod_chat_is_answer_old (PmodChat *self);
/* The last question is asked again once the settings have rested. */
void pmod_chat_ask_when_resting (PmodChat *self);
void pmod_chat_forget_changes (PmodChat *self);

G_END_DECLS
