/* The device of the emulation, twin of ../device.cu: the host's memory, and work that is done when
 * it returns. */
#include "cuda-private.h"

#include <stdio.h>
#include <stdlib.h>

bool
pmod_cuda_open (PmodCudaBackend *self, char *reason, size_t n_bytes)
{
  (void)reason, (void)n_bytes;
  snprintf (self->device_name, sizeof self->device_name, "emulated device");
  self->compute_capability = 80;
  self->n_processors = 4;
  return true;
}

void
pmod_cuda_close (PmodCudaBackend *self)
{
  free (self->workspace);
}

void *
pmod_cuda_alloc (PmodCudaBackend *self, size_t n_bytes)
{
  void *data = NULL;

  /* As much as a large card has: more is refused as a card would. */
  if (n_bytes > (size_t)1 << 38 || posix_memalign (&data, 256, n_bytes ? n_bytes : 1))
    {
      pmod_backend_fail (&self->base, "%s: no room for %zu bytes", self->device_name, n_bytes);
      return NULL;
    }
  return data;
}

void
pmod_cuda_free (PmodCudaBackend *self, void *data)
{
  (void)self;
  free (data);
}

void
pmod_cuda_upload (PmodCudaBackend *self, void *dst, const void *src_host, size_t n_bytes)
{
  (void)self;
  memcpy (dst, src_host, n_bytes);
}

void
pmod_cuda_download (PmodCudaBackend *self, void *dst_host, const void *src, size_t n_bytes)
{
  (void)self;
  memcpy (dst_host, src, n_bytes);
}

void
pmod_cuda_copy (PmodCudaBackend *self, void *dst, const void *src, size_t n_bytes)
{
  (void)self;
  memmove (dst, src, n_bytes);
}

void
pmod_cuda_wait (PmodCudaBackend *self)
{
  (void)self;
}

void
pmod_cuda_get_memory (PmodCudaBackend *self, size_t *free_bytes, size_t *total_bytes)
{
  (void)self;
  *free_bytes = *total_bytes = (size_t)1 << 38;
}

bool
pmod_cuda_check (PmodCudaBackend *self, cudaError_t error, const char *what)
{
  if (error == cudaSuccess)
    return true;
  pmod_backend_fail (&self->base, "%s: %s", self->device_name, what);
  return false;
}

void
pmod_cuda_check_launch (PmodCudaBackend *self, const char *op)
{
  (void)self, (void)op;
}

/* --- cuBLAS: none --------------------------------------------------------------------------- */

bool
pmod_cuda_lt_multiply (PmodCudaBackend *self, const PmodCudaProduct *product)
{
  (void)self, (void)product;
  return false;
}

void
pmod_cuda_lt_free (PmodCudaBackend *self)
{
  (void)self;
}
