/* A board: one block of the backend's memory and one of the host's, both as large as the largest
 * that was needed so far. After a few steps nothing is allocated any more. */
#include "pmod-board.h"

/* As pmod_alloc() aligns. */
#define ALIGNMENT 64

struct _PmodBoard
{
  PmodBackend *backend;
  char *data, *host; /* [n_bytes] */
  gsize n_bytes, n_taken;
};

PmodBoard *
pmod_board_new (PmodBackend *backend)
{
  PmodBoard *self = g_new0 (PmodBoard, 1);

  self->backend = backend;
  return self;
}

void
pmod_board_free (PmodBoard *self)
{
  pmod_free (self->backend, self->data);
  g_free (self->host);
  g_free (self);
}

gboolean
pmod_board_reserve (PmodBoard *self, gsize n_bytes, int n_places)
{
  gsize needed = self->n_taken + n_bytes + (gsize)n_places * ALIGNMENT;
  char *data;

  if (needed <= self->n_bytes)
    return TRUE;
  needed = MAX (needed, 2 * self->n_bytes);
  data = pmod_alloc (self->backend, needed);
  if (data == NULL)
    return FALSE;
  if (self->n_taken > 0)
    pmod_copy (self->backend, data, self->data, self->n_taken);
  /* What is enqueued still writes to the old one. */
  pmod_backend_sync (self->backend);
  pmod_free (self->backend, self->data);
  self->data = data;
  self->host = g_realloc (self->host, needed);
  self->n_bytes = needed;
  return TRUE;
}

gsize
pmod_board_take (PmodBoard *self, gsize n_bytes)
{
  gsize place = self->n_taken;

  self->n_taken += (n_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  g_assert (self->n_taken <= self->n_bytes);
  return place;
}

PmodTensor
pmod_board_1d (const PmodBoard *self, gsize place, PmodDtype dtype, gint64 n)
{
  return pmod_tensor_1d (self->data + place, dtype, n);
}

gboolean
pmod_board_fetch (PmodBoard *self)
{
  if (self->n_taken > 0)
    pmod_download (self->backend, self->host, self->data, self->n_taken);
  self->n_taken = 0;
  return pmod_backend_sync (self->backend);
}

gconstpointer
pmod_board_read (const PmodBoard *self, gsize place)
{
  return self->host + place;
}
