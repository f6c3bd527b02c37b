/* One conversation about one picture: what was said, and the run that the views show.
 *
 * Opening a picture reads it at once, so that its maps come before any question. It is read again
 * whenever the session's tuning changes: one run at a time, always with the newest settings, and
 * the maps before stay until the next ones are there. Main thread. */
#pragma once

#include "pmod-bundle.h"
#include "pmod-message.h"
#include "pmod-session.h"
#include "pmod-thread.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CHAT (pmod_chat_get_type ())
G_DECLARE_FINAL_TYPE (PmodChat, pmod_chat, PMOD, CHAT, GObject)

PmodChat *pmod_chat_new (PmodSession *session);

PmodSession *pmod_chat_get_session (PmodChat *self);
PmodPicture *pmod_chat_get_picture (PmodChat *self); /* (nullable) */
PmodRun *pmod_chat_get_run (PmodChat *self);         /* (nullable) */
GListModel *pmod_chat_get_messages (PmodChat *self); /* PmodMessage: the branch that is shown */
PmodThread *pmod_chat_get_thread (PmodChat *self);   /* all branches */

/* What the last question was asked with: user, assistant, ..., user. NULL: nothing was asked.
 * (transfer full) */
char **pmod_chat_dup_texts (PmodChat *self);

/* What question would be asked with after the first n_messages; *shown: about what (nullable). At
 * their end, what is attached comes with it; else it takes the place of what stands there, whose
 * pictures it brings. Ends with NULL. (transfer full) */
GPtrArray *pmod_chat_collect_next (PmodChat *self,
                                   guint n_messages,
                                   const char *question,
                                   PmodPicture **shown);

/* And about what: the conversation's picture, or that and the others up to there; before the first
 * question, what is shown. (nullable) (transfer full) */
PmodPicture *pmod_chat_dup_asked (PmodChat *self);

/* Whether an answer is on its way. */
gboolean pmod_chat_get_busy (PmodChat *self);

/* Whether the last question is asked again when the settings have changed and rest, or had changed
 * already; the new answer takes the place of the old one, which stays as another version unless it
 * was made this way itself. Off at first. A property as well. */
gboolean pmod_chat_get_asks_again (PmodChat *self);
void pmod_chat_set_asks_again (PmodChat *self, gboolean asks_again);

/* Starts anew about picture; what was said is kept for pmod_chat_undo(). */
void pmod_chat_open_picture (PmodChat *self, PmodPicture *picture);

/* Shows a recorded run; there is nothing to ask then. */
void pmod_chat_show_run (PmodChat *self, PmodRun *run);

/* Shows a saved run with its picture and what was said; nothing can be asked then. */
void pmod_chat_show_bundle (PmodChat *self, PmodBundle *bundle);

/* Whether what is shown is a recorded or a saved run. */
gboolean pmod_chat_get_read_only (PmodChat *self);

/* Starts anew without a picture. */
void pmod_chat_clear (PmodChat *self);

/* Brings back the conversation before the last open or clear. */
gboolean pmod_chat_can_undo (PmodChat *self);
void pmod_chat_undo (PmodChat *self);

/* What the views show beside the run: the picture, or while live the frame that the run is of. */
PmodPicture *pmod_chat_get_shown (PmodChat *self); /* (nullable) */

/* Live: frames and their runs are shown without a conversation; for PmodLive. Whatever opens a
 * picture ends it, and so does a question, which keeps the frame that is shown. */
gboolean pmod_chat_get_live (PmodChat *self);
void pmod_chat_begin_live (PmodChat *self);
/* run: of this very picture (nullable). Nothing happens where it is not live. */
void pmod_chat_show_live (PmodChat *self, PmodPicture *picture, PmodRun *run);
/* The frame that is shown becomes the conversation's picture, with its run. */
void pmod_chat_keep_live (PmodChat *self);
/* Back to what was there before. */
void pmod_chat_end_live (PmodChat *self);

/* --- More pictures -----------------------------------------------------------------------------
 *
 * Beside the conversation's own, each question can bring some: whoever answers sees all up to
 * there, where they were said. */

#define PMOD_CHAT_MAX_PICTURES 16 /* of one prompt: what a server takes */

/* picture comes with the next question, of whatever conversation that is: as what is typed, it
 * stays where another one is begun or opened. Where there is neither picture nor question yet, it
 * is opened. FALSE: there are too many. */
gboolean pmod_chat_attach (PmodChat *self, PmodPicture *picture);
void pmod_chat_detach (PmodChat *self, guint position);
GListModel *pmod_chat_get_attached (PmodChat *self); /* PmodPicture */

/* Whether the next question cannot be asked: there are more than PMOD_CHAT_MAX_PICTURES. */
gboolean pmod_chat_has_too_many (PmodChat *self);

/* Shows the picture at index of those that the question at position brought: the maps of its
 * answer, or of the first one behind it that has some. *picture: which of that answer's pictures it
 * is. FALSE where there are none. */
gboolean pmod_chat_show_brought (PmodChat *self, guint position, guint index, int *picture);

/* How many pictures a question after the first n_messages would be asked about. */
guint pmod_chat_count_pictures (PmodChat *self, guint n_messages);

/* FALSE where text is blank, an answer is on its way or there are too many pictures. */
gboolean pmod_chat_ask (PmodChat *self, const char *text);

/* Whether a question's answer waits for pmod_chat_let_go(). Off at first.
 *
 * Signal: "answering" (PmodMessage question, PmodMessage answer, gboolean again), when a question
 * is asked; its messages need not be in the list yet. again: it is not a new one. */
void pmod_chat_set_held (PmodChat *self, gboolean held);
void pmod_chat_let_go (PmodChat *self, PmodRun *answer);

/* A conversation of before, to be gone on with. picture: nullable. messages: of PmodMessage,
 * question, answer, ...; the last answer's maps are shown, or the picture is read. The conversation
 * that was there is forgotten. */
void pmod_chat_restore (PmodChat *self, PmodPicture *picture, GPtrArray *messages);

/* The same with all branches; thread is taken. system: see pmod_chat_set_system(). */
void pmod_chat_restore_thread (PmodChat *self,
                               PmodPicture *picture,
                               PmodThread *thread,
                               const char *system);

/* Shows the maps of the answer at position, without a run. */
void pmod_chat_show_answer (PmodChat *self, guint position);

/* Asks the last question once more; its new answer takes the place of the old one, which stays as
 * another version. FALSE where nothing was asked yet or an answer is on its way. */
gboolean pmod_chat_ask_again (PmodChat *self);
void pmod_chat_stop (PmodChat *self);

/* --- Branches ----------------------------------------------------------------------------------
 *
 * Nothing that was asked for by hand goes: whatever takes a message's place is another version of
 * it. Each is FALSE, and does nothing, while an answer is on its way.
 *
 * Signal: "branch-shown", when another branch is shown than that which grew last.
 * Signal: "forgotten" (PmodMessage answer), when one that was answered is no version any more. */

/* The same of the answer at position; what followed it stays with the old one. */
gboolean pmod_chat_ask_again_at (PmodChat *self, guint position);
/* Asks text instead of the question at position. */
gboolean pmod_chat_ask_instead (PmodChat *self, guint position, const char *text);

/* That version (from 0) of the message at position, its maps and what followed it. */
gboolean pmod_chat_show_version (PmodChat *self, guint position, guint version);
/* The branch that message of the thread is in. FALSE while an answer comes in another one. */
gboolean pmod_chat_show_message (PmodChat *self, PmodMessage *message);

/* --- System prompt -----------------------------------------------------------------------------
 */

/* What stands before all questions of this conversation; NULL: what the model was trained with. A
 * property as well. Maps follow it; answers that are there stay. */
const char *pmod_chat_get_system (PmodChat *self);
void pmod_chat_set_system (PmodChat *self, const char *system);

/* --- Going on ----------------------------------------------------------------------------------
 */

/* Goes on with an answer that is shown, where it ended at its longest, was stopped or interrupted:
 * a new answer that begins with its tokens takes its place, as one that was asked for again does;
 * what followed it stays with the old one. From one of its tokens: with those before it and that
 * alternative to it, see pmod-run-tokens.h. FALSE where that cannot be. */
gboolean pmod_chat_can_continue (PmodChat *self, PmodMessage *answer);
gboolean pmod_chat_continue (PmodChat *self, PmodMessage *answer);
gboolean pmod_chat_can_continue_from (PmodChat *self, PmodMessage *answer);
gboolean pmod_chat_continue_from (PmodChat *self, PmodMessage *answer, int token, int alternative);

/* What was said up to the run that the views show: question, answer, ...; empty where it answers
 * nothing. (transfer full) */
char **pmod_chat_dup_turns (PmodChat *self);

/* The last question under each setting of plan. NULL and why: nothing was asked, or plan cannot
 * be. */
gboolean pmod_chat_can_sweep (PmodChat *self);
PmodSweepRun *pmod_chat_sweep (PmodChat *self, const PmodSweepPlan *plan, GError **error);

G_END_DECLS
