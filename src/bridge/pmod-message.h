/* One message of a conversation: the user's words, or a run whose text is the answer. */
#pragma once

#include "pmod-picture.h"
#include "pmod-run.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MESSAGE (pmod_message_get_type ())
G_DECLARE_FINAL_TYPE (PmodMessage, pmod_message, PMOD, MESSAGE, GObject)

PmodMessage *pmod_message_new_question (const char *text);
PmodMessage *pmod_message_new_answer (PmodRun *run, const char *key);

/* NULL for a question. */
PmodRun *pmod_message_get_run (PmodMessage *self);

/* PmodPicture: what a question brought beside the conversation's own. Before it is in a list.
 * (nullable): none */
void pmod_message_set_pictures (PmodMessage *self, GPtrArray *pictures);
GPtrArray *pmod_message_get_pictures (PmodMessage *self);

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

/* Where it stands in the conversation that shows it, and which of its versions it is: counted from
 * 0, of n. Properties "version" and "n-versions" as well; for PmodChat to set. */
guint pmod_message_get_position (PmodMessage *self);
guint pmod_message_get_version (PmodMessage *self);
guint pmod_message_get_n_versions (PmodMessage *self);
void pmod_message_set_place (PmodMessage *self, guint position, guint version, guint n_versions);

G_END_DECLS
