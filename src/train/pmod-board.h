/* Numbers that a backend leaves for the host: written there by ops, one after the other, and
 * fetched together in one copy. */
#pragma once

#include <glib.h>

#include "pmod-ops.h"

G_BEGIN_DECLS

typedef struct _PmodBoard PmodBoard;

PmodBoard *pmod_board_new (PmodBackend *backend);
void pmod_board_free (PmodBoard *self);

/* Makes room for n_bytes more in n_places. What was written stays; tensors are to be asked for
 * again. FALSE where there is no memory: the backend's error sticks. */
gboolean pmod_board_reserve (PmodBoard *self, gsize n_bytes, int n_places);

/* A place for n_bytes, within what was reserved. */
gsize pmod_board_take (PmodBoard *self, gsize n_bytes);

/* The place as a tensor, until the next reserve. */
PmodTensor pmod_board_1d (const PmodBoard *self, gsize place, PmodDtype dtype, gint64 n);

/* Waits for the backend, fetches all places and gives them back; FALSE where it has failed. */
gboolean pmod_board_fetch (PmodBoard *self);

/* What was fetched of a place, until the next reserve. */
gconstpointer pmod_board_read (const PmodBoard *self, gsize place);

G_END_DECLS
