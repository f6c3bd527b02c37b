/* Arrays of the host on their way to a backend: put together one by one, sent in one copy. */
#pragma once

#include "pmod-arena.h"

G_BEGIN_DECLS

typedef struct _PmodParcel PmodParcel;

PmodParcel *pmod_parcel_new (void);
void pmod_parcel_free (PmodParcel *self);

/* n elements more. Returns where they are to be written, before anything else is added. *to has
 * their shape, and their place once they are sent; it stays where it is until then. */
gpointer pmod_parcel_add (PmodParcel *self, PmodTensor *to, PmodDtype dtype, gint64 n);

/* Sends all that was added into arena, and begins anew. Where there is no memory the backend's
 * error sticks. */
void pmod_parcel_send (PmodParcel *self, PmodBackend *backend, PmodArena *arena);

G_END_DECLS
