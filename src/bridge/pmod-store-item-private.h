/* How the store and searches make and change what their lists hold. */
#pragma once

#include "pmod-store.h"

G_BEGIN_DECLS

/* conversation is taken. */
PmodStoreItem *pmod_store_item_new (PmodStoreConversation *conversation);

/* The same conversation, as it is now; taken. */
void pmod_store_item_update (PmodStoreItem *self, PmodStoreConversation *conversation);

/* Of what was searched for. */
void pmod_store_item_set_excerpt (PmodStoreItem *self, const char *excerpt);
void pmod_store_item_set_message (PmodStoreItem *self, gint64 message);

G_END_DECLS
