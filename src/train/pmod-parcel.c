/* A parcel: one array of bytes, and where in it the tensors lie that are to be told their place.
 * The array is as large as the largest parcel so far. */
#include "pmod-parcel.h"

/* As pmod_alloc() aligns, so that ops take each array as they would take it alone. */
#define ALIGNMENT 64

typedef struct
{
  PmodTensor *tensor;
  gsize at;
} Item;

struct _PmodParcel
{
  char *data; /* [n_bytes], of which n_used are taken */
  gsize n_bytes, n_used;
  GArray *items; /* Item */
};

PmodParcel *
pmod_parcel_new (void)
{
  PmodParcel *self = g_new0 (PmodParcel, 1);

  self->items = g_array_new (FALSE, FALSE, sizeof (Item));
  return self;
}

void
pmod_parcel_free (PmodParcel *self)
{
  g_array_unref (self->items);
  g_free (self->data);
  g_free (self);
}

gpointer
pmod_parcel_add (PmodParcel *self, PmodTensor *to, PmodDtype dtype, gint64 n)
{
  Item item = { to, self->n_used };

  *to = pmod_tensor_1d (NULL, dtype, n);
  g_array_append_val (self->items, item);
  self->n_used += (pmod_tensor_bytes (to) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (self->n_used > self->n_bytes)
    {
      self->n_bytes = MAX (self->n_used, 2 * self->n_bytes);
      self->data = g_realloc (self->data, self->n_bytes);
    }
  return self->data + item.at;
}

void
pmod_parcel_send (PmodParcel *self, PmodBackend *backend, PmodArena *arena)
{
  PmodTensor all = pmod_arena_1d (arena, PMOD_DTYPE_U8, (gint64)self->n_used);

  if (all.data != NULL && self->n_used > 0)
    pmod_upload (backend, all.data, self->data, self->n_used);
  for (guint i = 0; i < self->items->len; i++)
    {
      const Item *item = &g_array_index (self->items, Item, i);

      item->tensor->data = all.data != NULL ? (char *)all.data + item->at : NULL;
    }
  self->n_used = 0;
  g_array_set_size (self->items, 0);
}
