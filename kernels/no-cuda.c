/* What a build without CUDA says instead. */
#include "cuda/cuda-shared.h"

#include <stdio.h>

PmodBackend *
pmod_backend_new_cuda (int device, char *reason, size_t n_bytes)
{
  (void)device;
  snprintf (reason, n_bytes, "this program was built without CUDA");
  return NULL;
}

void *
pmod_cuda_shared_alloc (size_t n_bytes)
{
  (void)n_bytes;
  return NULL;
}

void
pmod_cuda_shared_free (void *data)
{
  (void)data;
}
