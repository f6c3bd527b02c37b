/* The KV cache: keys and values of every layer, each layer with its own length.
 *
 * A routed layer holds only the tokens it kept, so lengths differ; entries keep the order of
 * their original positions. Knows nothing of tokens or pictures. For the engine's own files. */
#pragma once

#include "pmod-ops.h"

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  PmodTensor k; /* [G, C, dh] act, rotated at original positions */
  PmodTensor v; /* [G, C, dh] act */
  int length;   /* rows of each head in use */
} PmodKvLayer;

typedef struct
{
  int n_layers;
  int capacity; /* C */
  PmodBackend *backend;
  PmodKvLayer *layers;
} PmodKv;

/* NULL where the backend has no room (its error says so). */
PmodKv *pmod_kv_new (PmodBackend *backend,
                     int n_layers,
                     int n_kv_heads,
                     int capacity,
                     int head_dim,
                     PmodDtype dtype);
void pmod_kv_free (PmodKv *self);

/* Sum of all layers' lengths. */
gint64 pmod_kv_count (const PmodKv *self);

/* A copy in host memory of the keys (or values) in use of one layer, widened to F32:
 * [G, length, dh]. (transfer full) */
float *pmod_kv_download (const PmodKv *self, int layer, gboolean values);

G_END_DECLS
