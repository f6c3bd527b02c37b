/* How the store makes and changes what its list holds. */
#pragma once

#include "pmod-store.h"

G_BEGIN_DECLS

/* conversation is taken. */
PmodStoreItem *pmod_store_item_new (PmodStoreConversation *conversation);

/* The same conversation, as it is now; taken. TRUE where it is in another folder. */
gboolean pmod_store_item_update (PmodStoreItem *self, PmodStoreConversation *conversation);

G_END_DECLS
