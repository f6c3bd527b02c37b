/* An arena of chunks, each at least CHUNK_BYTES; what does not fit into the rest of one begins the
 * next. Passes differ in size: chunks that grew piece by piece become one when they are empty, so
 * that what no pass can use does not pile up. */
#include "pmod-arena.h"

#define CHUNK_BYTES ((gsize)32 << 20)
#define ALIGNMENT 64

/* A share of what was needed that the next pass may need more. */
#define SLACK 8

typedef struct
{
  char *data;
  gsize n_bytes;
} Chunk;

struct _PmodArena
{
  PmodBackend *backend;
  GArray *chunks; /* Chunk */
  PmodArenaMark at;
  gsize most; /* that was ever taken at once */
};

PmodArena *
pmod_arena_new (PmodBackend *backend)
{
  PmodArena *self = g_new0 (PmodArena, 1);

  self->backend = backend;
  self->chunks = g_array_new (FALSE, FALSE, sizeof (Chunk));
  return self;
}

static void
free_chunks (PmodArena *self)
{
  for (guint i = 0; i < self->chunks->len; i++)
    pmod_free (self->backend, g_array_index (self->chunks, Chunk, i).data);
  g_array_set_size (self->chunks, 0);
}

void
pmod_arena_free (PmodArena *self)
{
  free_chunks (self);
  g_array_unref (self->chunks);
  g_free (self);
}

static void *
take (PmodArena *self, gsize n_bytes)
{
  Chunk *chunk;

  n_bytes = (n_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  self->at.taken += n_bytes;
  self->most = MAX (self->most, self->at.taken);
  for (; self->at.chunk < self->chunks->len; self->at.chunk++, self->at.used = 0)
    {
      chunk = &g_array_index (self->chunks, Chunk, self->at.chunk);
      if (n_bytes <= chunk->n_bytes - self->at.used)
        {
          self->at.used += n_bytes;
          return chunk->data + self->at.used - n_bytes;
        }
    }
  g_array_append_val (self->chunks, ((Chunk){ NULL, MAX (n_bytes, CHUNK_BYTES) }));
  chunk = &g_array_index (self->chunks, Chunk, self->at.chunk);
  chunk->data = pmod_alloc (self->backend, chunk->n_bytes);
  if (chunk->data == NULL)
    {
      g_array_set_size (self->chunks, self->at.chunk);
      return NULL;
    }
  self->at.used = n_bytes;
  return chunk->data;
}

static void
merge_chunks (PmodArena *self)
{
  Chunk chunk = { NULL, MAX (self->most + self->most / SLACK, CHUNK_BYTES) };

  /* What is enqueued still uses them. */
  if (!pmod_backend_sync (self->backend))
    return;
  free_chunks (self);
  self->at = (PmodArenaMark){ 0 };
  chunk.data = pmod_alloc (self->backend, chunk.n_bytes);
  if (chunk.data != NULL)
    g_array_append_val (self->chunks, chunk);
  else
    /* Nothing is lost: the next pass takes it in pieces again. */
    pmod_backend_clear_error (self->backend);
}

static PmodTensor
fill_in (PmodArena *self, PmodTensor tensor)
{
  tensor.data = take (self, pmod_tensor_bytes (&tensor));
  return tensor;
}

PmodTensor
pmod_arena_1d (PmodArena *self, PmodDtype dtype, gint64 n0)
{
  return fill_in (self, pmod_tensor_1d (NULL, dtype, n0));
}

PmodTensor
pmod_arena_2d (PmodArena *self, PmodDtype dtype, gint64 n0, gint64 n1)
{
  return fill_in (self, pmod_tensor_2d (NULL, dtype, n0, n1));
}

PmodTensor
pmod_arena_3d (PmodArena *self, PmodDtype dtype, gint64 n0, gint64 n1, gint64 n2)
{
  return fill_in (self, pmod_tensor_3d (NULL, dtype, n0, n1, n2));
}

PmodArenaMark
pmod_arena_mark (const PmodArena *self)
{
  return self->at;
}

void
pmod_arena_reset (PmodArena *self, PmodArenaMark mark)
{
  self->at = mark;
  if (mark.taken == 0 && self->chunks->len > 1)
    merge_chunks (self);
}
