/* The way into the emulated backend for programs of C, and the cuBLAS that it does not have. */
#include "prelude.h"

namespace pmod_emulated
{
#include "cuda-private.h"

bool
pmod_cuda_lt_multiply (PmodCudaBackend *self, const PmodCudaProduct *product)
{
  (void)self, (void)product;
  return false;
}

bool
pmod_cuda_lt_is_there (PmodCudaBackend *self)
{
  (void)self;
  return false;
}

void
pmod_cuda_lt_free (PmodCudaBackend *self)
{
  (void)self;
}
}

PmodBackend *
pmod_backend_new_cuda_emulated (int device, char *reason, size_t n_bytes)
{
  return pmod_emulated::pmod_cuda_backend_new (device, false, reason, n_bytes);
}
