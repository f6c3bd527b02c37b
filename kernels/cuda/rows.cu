/* Rows of a table, by index: embeddings, kept tokens, merged tiles. One block a row.
 * Bytes of a call: for each index that is not negative, D of the table's dtype read and D of y's
 * written. No FLOPs.
 *
 * The CPU twin fails on an index past the table. A device cannot without the host waiting for it,
 * so here such a row is NaN, which no check of a result lets pass. */
#include "cuda-private.h"

/* Eight warps: a row of 4096 is four groups a thread, all in flight together, which is what counts
 * for the single row of a decoded token. */
#define BLOCK 256

template <typename Y, typename X, int W>
__global__ void
gather_rows_kernel (Y *__restrict__ y,
                    const X *__restrict__ table,
                    const int32_t *__restrict__ idx,
                    int64_t n_entries,
                    int64_t d)
{
  int64_t from = idx[blockIdx.x];
  Group<Y, W> *to = (Group<Y, W> *)(y + (int64_t)blockIdx.x * d);
  const Group<X, W> *row = (const Group<X, W> *)(table + from * d);

  if (from < 0)
    return;
  for (int64_t i = threadIdx.x; i < d / W; i += BLOCK)
    {
      Group<Y, W> out;

      if (from < n_entries)
        {
          Group<X, W> in = row[i];

          for (int j = 0; j < W; j++)
            store (&out.item[j], to_float (in.item[j]));
        }
      else
        for (int j = 0; j < W; j++)
          store (&out.item[j], NAN);
      to[i] = out;
    }
}

template <typename Y, typename X>
static void
launch (PmodCudaBackend *self, PmodTensor *y, const PmodTensor *table, const PmodTensor *idx)
{
  unsigned n_rows = (unsigned)y->shape[0];
  int64_t d = y->shape[1], n_entries = table->shape[0];
  const X *from = (const X *)table->data;
  const int32_t *which = (const int32_t *)idx->data;
  Y *to = (Y *)y->data;

  if (d % 4 == 0 && (uintptr_t)to % sizeof (Group<Y, 4>) == 0 &&
      (uintptr_t)from % sizeof (Group<X, 4>) == 0)
    PMOD_LAUNCH ((gather_rows_kernel<Y, X, 4>), n_rows, BLOCK, 0, self->stream, to, from, which,
                 n_entries, d);
  else
    PMOD_LAUNCH ((gather_rows_kernel<Y, X, 1>), n_rows, BLOCK, 0, self->stream, to, from, which,
                 n_entries, d);
  pmod_cuda_check_launch (self, "gather_rows");
}

template <typename Y>
static void
launch_to (PmodCudaBackend *self, PmodTensor *y, const PmodTensor *table, const PmodTensor *idx)
{
  pmod_cuda_with (table->dtype,
                  [&] (auto type) { launch<Y, PMOD_ELEMENT (type)> (self, y, table, idx); });
}

void
pmod_cuda_gather_rows (PmodBackend *backend,
                       PmodTensor *y,
                       const PmodTensor *table,
                       const PmodTensor *idx)
{
  PmodCudaBackend *self = (PmodCudaBackend *)backend;

  if (y->shape[0] == 0)
    return;
  pmod_cuda_with (y->dtype,
                  [&] (auto type) { launch_to<PMOD_ELEMENT (type)> (self, y, table, idx); });
}
