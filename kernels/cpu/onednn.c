/* Products through oneDNN's C interface: primitives for the shapes that were asked for, kept.
 *
 * Only its brgemm kernels are used, which take our panels as they are; what they do not cover is
 * left to our own product. Scratchpads are ours and grow when a primitive is created. oneDNN
 * takes its number of threads from the calling thread's OpenMP setting. */
#include "cpu-private.h"

#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#include <oneapi/dnnl/dnnl.h>

/* A prefill of a 7B model has some 110 (24 routed layers with their own T, 4 products each);
 * beyond, the oldest are dropped. */
#define MAX_PRIMITIVES 512

enum
{
  SRC,
  WEIGHTS,
  BIAS,
  DST,
  SCRATCHPAD,
  N_ARGS
};

typedef struct
{
  int64_t n_tokens, n_in, n_out;
  PmodDtype act, out;
  PmodEpilogue epilogue;
  bool bias;
} Key;

typedef struct
{
  Key key;
  dnnl_primitive_t primitive; /* NULL: there is no fast kernel for this key */
  dnnl_memory_t memory[N_ARGS];
} Entry;

struct _PmodOneDnn
{
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  int n_threads;
  void *scratch;
  size_t scratch_bytes;
  Entry *entries; /* [MAX_PRIMITIVES] */
  int n_entries, oldest;
};

static bool
key_equal (const Key *a, const Key *b)
{
  return a->n_tokens == b->n_tokens && a->n_in == b->n_in && a->n_out == b->n_out &&
         a->act == b->act && a->out == b->out && a->epilogue == b->epilogue && a->bias == b->bias;
}

static void
clear_entry (Entry *entry)
{
  for (int i = 0; i < N_ARGS; i++)
    if (entry->memory[i])
      dnnl_memory_destroy (entry->memory[i]);
  if (entry->primitive)
    dnnl_primitive_destroy (entry->primitive);
  *entry = (Entry){ 0 };
}

PmodOneDnn *
pmod_onednn_new (int n_threads)
{
  PmodOneDnn *self = calloc (1, sizeof *self);

  if (!self)
    return NULL;
  self->n_threads = n_threads;
  self->entries = calloc (MAX_PRIMITIVES, sizeof *self->entries);
  if (!self->entries || dnnl_engine_create (&self->engine, dnnl_cpu, 0) ||
      dnnl_stream_create (&self->stream, self->engine, dnnl_stream_default_flags))
    {
      pmod_onednn_free (self);
      return NULL;
    }
  return self;
}

void
pmod_onednn_free (PmodOneDnn *self)
{
  if (!self)
    return;
  for (int i = 0; i < self->n_entries; i++)
    clear_entry (&self->entries[i]);
  if (self->stream)
    dnnl_stream_destroy (self->stream);
  if (self->engine)
    dnnl_engine_destroy (self->engine);
  free (self->scratch);
  free (self->entries);
  free (self);
}

/* --- Primitives --------------------------------------------------------------------------- */

static dnnl_data_type_t
data_type (PmodDtype dtype)
{
  return dtype == PMOD_DTYPE_F32 ? dnnl_f32 : dnnl_bf16;
}

/* What follows the product, and a scratchpad that we provide. */
static bool
create_attributes (dnnl_primitive_attr_t *attributes, PmodEpilogue epilogue)
{
  dnnl_post_ops_t ops = NULL;
  bool ok;

  if (dnnl_primitive_attr_create (attributes))
    return false;
  ok = !dnnl_primitive_attr_set_scratchpad_mode (*attributes, dnnl_scratchpad_mode_user) &&
       !dnnl_post_ops_create (&ops);
  if (ok && epilogue == PMOD_EPILOGUE_ADD)
    ok = !dnnl_post_ops_append_sum (ops, 1);
  if (ok && epilogue == PMOD_EPILOGUE_QUICK_GELU)
    ok = !dnnl_post_ops_append_eltwise (ops, 1, dnnl_eltwise_swish, 1.702f, 0);
  if (ok && epilogue == PMOD_EPILOGUE_GELU)
    ok = !dnnl_post_ops_append_eltwise (ops, 1, dnnl_eltwise_gelu_erf, 0, 0);
  ok = ok && !dnnl_primitive_attr_set_post_ops (*attributes, ops);
  if (ops)
    dnnl_post_ops_destroy (ops);
  if (!ok)
    dnnl_primitive_attr_destroy (*attributes);
  return ok;
}

static bool
describe (dnnl_primitive_desc_t *description, const PmodOneDnn *self, const Key *key)
{
  dnnl_dims_t src = { key->n_tokens, key->n_in }, weights = { key->n_in, key->n_out };
  dnnl_dims_t dst = { key->n_tokens, key->n_out }, bias = { 1, key->n_out };
  dnnl_memory_desc_t src_md, weights_md, bias_md, dst_md;
  dnnl_matmul_desc_t matmul;
  dnnl_primitive_attr_t attributes;
  const char *kernel = NULL;
  bool ok;

  ok = !dnnl_memory_desc_init_by_tag (&src_md, 2, src, data_type (key->act), dnnl_ab) &&
       !dnnl_memory_desc_init_by_tag (&weights_md, 2, weights, data_type (key->act),
                                      key->act == PMOD_DTYPE_F32 ? dnnl_BA16a64b
                                                                 : dnnl_BA16a64b2a) &&
       !dnnl_memory_desc_init_by_tag (&bias_md, 2, bias, dnnl_f32, dnnl_ab) &&
       !dnnl_memory_desc_init_by_tag (&dst_md, 2, dst, data_type (key->out), dnnl_ab) &&
       !dnnl_matmul_desc_init (&matmul, &src_md, &weights_md, key->bias ? &bias_md : NULL,
                               &dst_md) &&
       create_attributes (&attributes, key->epilogue);
  if (!ok)
    return false;
  ok = !dnnl_primitive_desc_create (description, &matmul, attributes, self->engine, NULL);
  dnnl_primitive_attr_destroy (attributes);
  if (!ok)
    return false;
  /* Anything but brgemm is a reference loop, hundreds of times slower. */
  if (dnnl_primitive_desc_query (*description, dnnl_query_impl_info_str, 0, &kernel) ||
      strncmp (kernel, "brg", 3) != 0)
    {
      dnnl_primitive_desc_destroy (*description);
      return false;
    }
  return true;
}

static bool
create_memory (PmodOneDnn *self, Entry *entry, dnnl_primitive_desc_t description)
{
  static const dnnl_query_t queries[N_ARGS] = { dnnl_query_src_md, dnnl_query_weights_md,
                                                dnnl_query_weights_md, dnnl_query_dst_md,
                                                dnnl_query_scratchpad_md };
  size_t n_bytes = dnnl_memory_desc_get_size (
      dnnl_primitive_desc_query_md (description, dnnl_query_scratchpad_md, 0));

  for (int i = 0; i < N_ARGS; i++)
    if ((i != BIAS || entry->key.bias) &&
        dnnl_memory_create (&entry->memory[i],
                            dnnl_primitive_desc_query_md (description, queries[i], i == BIAS),
                            self->engine, DNNL_MEMORY_NONE))
      return false;
  if (n_bytes > self->scratch_bytes)
    {
      void *larger = aligned_alloc (4096, (n_bytes + 4095) / 4096 * 4096);

      if (!larger) /* the primitives that are there still need theirs */
        return false;
      free (self->scratch);
      self->scratch = larger;
      self->scratch_bytes = n_bytes;
    }
  return true;
}

static Entry *
create_entry (PmodOneDnn *self, const Key *key)
{
  dnnl_primitive_desc_t description;
  Entry *entry;

  if (self->n_entries < MAX_PRIMITIVES)
    entry = &self->entries[self->n_entries++];
  else
    {
      entry = &self->entries[self->oldest];
      self->oldest = (self->oldest + 1) % MAX_PRIMITIVES;
    }
  clear_entry (entry);
  entry->key = *key;
  if (!describe (&description, self, key))
    return entry;
  if (!create_memory (self, entry, description) ||
      dnnl_primitive_create (&entry->primitive, description))
    {
      clear_entry (entry);
      entry->key = *key;
    }
  dnnl_primitive_desc_destroy (description);
  return entry;
}

static Entry *
find_entry (PmodOneDnn *self, const Key *key)
{
  for (int i = 0; i < self->n_entries; i++)
    if (key_equal (&self->entries[i].key, key))
      return &self->entries[i];
  return create_entry (self, key);
}

bool
pmod_onednn_linear (PmodOneDnn *self,
                    PmodBackend *backend,
                    PmodTensor *y,
                    const PmodTensor *x,
                    const PmodCpuMatrix *w,
                    const PmodTensor *bias,
                    PmodEpilogue epilogue)
{
  static const int names[N_ARGS] = { DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST,
                                     DNNL_ARG_SCRATCHPAD };
  Key key = {
    x->shape[0], w->base.n_in, w->base.n_out, x->dtype, y->dtype, epilogue, bias != NULL
  };
  Entry *entry;
  void *data[N_ARGS];
  dnnl_exec_arg_t args[N_ARGS];
  int n_args = 0;

#ifdef _OPENMP
  omp_set_num_threads (self->n_threads);
#endif
  entry = find_entry (self, &key);
  if (!entry->primitive)
    return false;
  data[SRC] = x->data;
  data[WEIGHTS] = w->data;
  data[BIAS] = bias ? bias->data : NULL;
  data[DST] = y->data;
  data[SCRATCHPAD] = self->scratch;
  for (int i = 0; i < N_ARGS; i++)
    if (entry->memory[i])
      {
        dnnl_memory_set_data_handle (entry->memory[i], data[i]);
        args[n_args++] = (dnnl_exec_arg_t){ names[i], entry->memory[i] };
      }
  if (dnnl_primitive_execute (entry->primitive, self->stream, n_args, args) ||
      dnnl_stream_wait (self->stream))
    pmod_backend_fail (backend, "linear: oneDNN cannot run [%lld,%lld] x [%lld,%lld]^T",
                       (long long)key.n_tokens, (long long)key.n_in, (long long)key.n_out,
                       (long long)key.n_in);
  return true;
}
