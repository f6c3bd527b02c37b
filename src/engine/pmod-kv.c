/* The KV cache: memory and lengths. */
#include "pmod-kv.h"

PmodKv *
pmod_kv_new (
    PmodBackend *backend, int n_layers, int n_kv_heads, int capacity, int head_dim, PmodDtype dtype)
{
  PmodKv *self = g_new0 (PmodKv, 1);

  self->n_layers = n_layers;
  self->capacity = capacity;
  self->backend = backend;
  self->layers = g_new0 (PmodKvLayer, n_layers);
  for (int i = 0; i < n_layers; i++)
    {
      PmodKvLayer *layer = &self->layers[i];

      layer->k = pmod_tensor_3d (NULL, dtype, n_kv_heads, capacity, head_dim);
      layer->v = layer->k;
      layer->k.data = pmod_alloc (backend, pmod_tensor_bytes (&layer->k));
      layer->v.data = pmod_alloc (backend, pmod_tensor_bytes (&layer->v));
      if (layer->k.data == NULL || layer->v.data == NULL)
        {
          pmod_kv_free (self);
          return NULL;
        }
    }
  return self;
}

void
pmod_kv_free (PmodKv *self)
{
  for (int i = 0; i < self->n_layers; i++)
    {
      if (self->layers[i].k.data != NULL)
        pmod_free (self->backend, self->layers[i].k.data);
      if (self->layers[i].v.data != NULL)
        pmod_free (self->backend, self->layers[i].v.data);
    }
  g_free (self->layers);
  g_free (self);
}

gint64
pmod_kv_count (const PmodKv *self)
{
  gint64 n = 0;

  for (int i = 0; i < self->n_layers; i++)
    n += self->layers[i].length;
  return n;
}

float *
pmod_kv_download (const PmodKv *self, int layer, gboolean values)
{
  const PmodTensor *from = values ? &self->layers[layer].v : &self->layers[layer].k;
  gsize n_heads = (gsize)from->shape[0];
  gsize dh = (gsize)from->shape[2];
  gsize n = (gsize)self->layers[layer].length * dh;
  gsize element = pmod_dtype_size (from->dtype);
  g_autofree char *raw = g_malloc (MAX (n * element, 1));
  float *out = g_new (float, MAX (n_heads * n, 1));

  for (gsize head = 0; head < n_heads; head++)
    {
      const char *data = (const char *)from->data + head * (gsize)self->capacity * dh * element;

      pmod_download (self->backend, raw, data, n * element);
      pmod_backend_sync (self->backend);
      pmod_widen (out + head * n, raw, from->dtype, (int64_t)n);
    }
  return out;
}
