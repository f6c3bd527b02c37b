/* One conversation about one picture: what was said, and the run that the views show.
 *
 * Opening a picture reads it at once, so that its maps come before any question. Main thread. */
#pragma once

#include "pmod-message.h"
#include "pmod-session.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CHAT (pmod_chat_get_type ())
G_DECLARE_FINAL_TYPE (PmodChat, pmod_chat, PMOD, CHAT, GObject)

PmodChat *pmod_chat_new (PmodSession *session);

PmodSession *pmod_chat_get_session (PmodChat *self);
PmodPicture *pmod_chat_get_picture (PmodChat *self); /* (nullable) */
PmodRun *pmod_chat_get_run (PmodChat *self);         /* (nullable) */
GListModel *pmod_chat_get_messages (PmodChat *self); /* PmodMessage */

/* Whether an answer is on its way. */
gboolean pmod_chat_get_busy (PmodChat *self);

/* Starts anew about picture; what was said is kept for pmod_chat_undo(). */
void pmod_chat_open_picture (PmodChat *self, PmodPicture *picture);

/* Shows a recorded run; there is nothing to ask then. */
void pmod_chat_show_run (PmodChat *self, PmodRun *run);

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

/* FALSE where text is blank or an answer is on its way. */
gboolean pmod_chat_ask (PmodChat *self, const char *text);

/* Asks the last question once more; its new answer takes the place of the old one. FALSE where
 * nothing was asked yet or an answer is on its way. */
gboolean pmod_chat_ask_again (PmodChat *self);
void pmod_chat_stop (PmodChat *self);

G_END_DECLS
