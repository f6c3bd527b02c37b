/* What can be done with an answer that is there: go on with it, and see its tokens. Empty under
 * what is no answer, and while nothing can be done. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_ANSWER_TAIL (pmod_answer_tail_get_type ())
G_DECLARE_FINAL_TYPE (PmodAnswerTail, pmod_answer_tail, PMOD, ANSWER_TAIL, GtkWidget)

/* Once. answer: one of chat's messages. */
void pmod_answer_tail_set_answer (PmodAnswerTail *self, PmodChat *chat, PmodMessage *answer);

G_END_DECLS
