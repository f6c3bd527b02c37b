/* Sees to it that what is said in a chat is on disk: a question before its answer begins, the
 * answer as it grows, its trace when it is there. What was on disk is never overwritten: a question
 * that is asked again gets another answer beside the first.
 *
 * Where the disk refuses, the chat goes on, the store's "problem" says so and what was said is
 * written once it can be. Main thread. */
#pragma once

#include "pmod-chat.h"
#include "pmod-store.h"

G_BEGIN_DECLS

#define PMOD_TYPE_KEEPER (pmod_keeper_get_type ())
G_DECLARE_FINAL_TYPE (PmodKeeper, pmod_keeper, PMOD, KEEPER, GObject)

/* One for a chat. */
PmodKeeper *pmod_keeper_new (PmodChat *chat, PmodStore *store);

PmodChat *pmod_keeper_get_chat (PmodKeeper *self);
PmodStore *pmod_keeper_get_store (PmodKeeper *self);

/* Whether what is said from now on is kept; TRUE at first. A property as well. */
gboolean pmod_keeper_get_keeps (PmodKeeper *self);
void pmod_keeper_set_keeps (PmodKeeper *self, gboolean keeps);

/* The one that the chat shows, or 0 where that is not on disk. A property as well. */
gint64 pmod_keeper_get_conversation (PmodKeeper *self);

G_END_DECLS
