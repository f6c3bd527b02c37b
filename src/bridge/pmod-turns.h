/* What the messages of a conversation are to a prompt: turns, and a question to ask again. Plain
 * functions of a list of PmodMessage, for PmodChat only. Main thread. */
#pragma once

#include "pmod-message.h"
#include "pmod-picture.h"

G_BEGIN_DECLS

/* NULL: nothing was asked. (transfer full) */
char *pmod_turns_dup_last_question (GListModel *messages);

/* What the first n_messages say, then question, for pmod_session_ask(); ends with NULL. A question
 * without an answer is left out, so that the turns alternate. (transfer full) */
GPtrArray *pmod_turns_collect (GListModel *messages, guint n_messages, const char *question);

/* The same with all pictures up to question: *shown is set to what it is asked about (nullable),
 * and texts tell where those stand, unless that is one before all words. picture: the
 * conversation's own, nullable; own: PmodPicture, that question brings, nullable. (transfer full)
 */
GPtrArray *pmod_turns_collect_shown (GListModel *messages,
                                     guint n_messages,
                                     const char *question,
                                     PmodPicture *picture,
                                     GPtrArray *own,
                                     PmodPicture **shown);

/* What was said up to the answer that is run: question, answer, ...; empty where it is none.
 * (transfer full) */
char **pmod_turns_dup_until (GListModel *messages, PmodRun *run);

/* Whose text is the last answer; NULL: there is none. The list holds it. */
PmodRun *pmod_turns_get_last_answer (GListModel *messages);

G_END_DECLS
