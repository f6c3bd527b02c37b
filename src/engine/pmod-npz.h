/* A writer of numpy's .npz: arrays in numpy's format 1.0, in a zip whose members are stored. Knows
 * nothing of what the arrays mean. Equal arrays give equal bytes. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define PMOD_NPZ_MAX_DIMS 2

typedef struct _PmodNpz PmodNpz;

PmodNpz *pmod_npz_new (void);
void pmod_npz_free (PmodNpz *self);

/* descr: numpy's name of the type, such as "<f4". data [shape], rows first, n_bytes long: all
 * arrays together stay below 4 GiB. */
void pmod_npz_add (PmodNpz *self,
                   const char *name,
                   const char *descr,
                   int n_dims,
                   const gsize *shape,
                   gconstpointer data,
                   gsize n_bytes);

/* The whole file. Nothing can be added afterwards. (transfer full) */
GBytes *pmod_npz_finish (PmodNpz *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodNpz, pmod_npz_free)

G_END_DECLS
