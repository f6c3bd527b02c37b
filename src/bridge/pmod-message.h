/* One message of a conversation: the user's words, or a run whose text is the answer. */
#pragma once

#include "pmod-run.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MESSAGE (pmod_message_get_type ())
G_DECLARE_FINAL_TYPE (PmodMessage, pmod_message, PMOD, MESSAGE, GObject)

PmodMessage *pmod_message_new_question (const char *text);
PmodMessage *pmod_message_new_answer (PmodRun *run, const char *key);

/* NULL for a question. */
PmodRun *pmod_message_get_run (PmodMessage *self);

/* Equal for answers to the same words about the same picture by the same model. */
const char *pmod_message_get_key (PmodMessage *self); /* (nullable) */

/* Whether the program ended before this answer did. */
gboolean pmod_message_get_interrupted (PmodMessage *self);
void pmod_message_set_interrupted (PmodMessage *self, gboolean interrupted);

/* Whether the views show this answer's maps; a property as well. PmodChat sets it. */
gboolean pmod_message_get_shown (PmodMessage *self);
void pmod_message_set_shown (PmodMessage *self, gboolean shown);

/* What was asked, or the answer so far. */
const char *pmod_message_get_text (PmodMessage *self);

G_END_DECLS
