/* A conversation as a tree: every version of a question and of an answer, what followed each, and
 * which of them are shown. A plain tree of PmodMessage, for PmodChat and who opens conversations;
 * one thread at a time. It knows nothing of disks and of runs.
 *
 * Below the root are questions, below a question its answers, below an answer what was asked next.
 * Of all children one is shown: the path that results is what a conversation looks like. */
#pragma once

#include "pmod-message.h"

G_BEGIN_DECLS

typedef struct _PmodThread PmodThread;

PmodThread *pmod_thread_new (void);
void pmod_thread_free (PmodThread *self);

/* message is referenced, and shown instead of other children of parent. parent: NULL for the root,
 * else one that was added before. */
void pmod_thread_add (PmodThread *self, PmodMessage *parent, PmodMessage *message);

/* message and what it follows; below it what was shown there last. */
void pmod_thread_show (PmodThread *self, PmodMessage *message);

/* What is shown, from the first question on. (transfer full) (element-type PmodMessage) */
GPtrArray *pmod_thread_collect (PmodThread *self);

gboolean pmod_thread_has (PmodThread *self, PmodMessage *message);
PmodMessage *pmod_thread_get_parent (PmodThread *self, PmodMessage *message); /* (nullable) */

/* Of the messages that follow the same one, message among them, in the order in which they were
 * added. One that is not in the tree is the only version of itself. */
guint pmod_thread_get_n_versions (PmodThread *self, PmodMessage *message);
guint pmod_thread_get_version (PmodThread *self, PmodMessage *message);
PmodMessage *
pmod_thread_get_nth_version (PmodThread *self, PmodMessage *message, guint n); /* (nullable) */

/* All, in the order in which they were added. */
guint pmod_thread_get_n_messages (PmodThread *self);
PmodMessage *pmod_thread_get_message (PmodThread *self, guint i);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodThread, pmod_thread_free)

G_END_DECLS
