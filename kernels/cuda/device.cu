/* The device itself: which one, its memory, its stream. The only file that calls CUDA's runtime,
 * but for launches; emulated/emulated-runtime.h is what it calls on a host without.
 *
 * The runtime is linked statically and opens the driver when it is first called: a machine without
 * one gets a reason, not a refusal to start. */
#include "cuda-private.h"
#include "cuda-shared.h"
#include "on-device.h"

#include <stdio.h>
#include <stdlib.h>

/* Older cards have no BF16, not even as a type to load: Turing converts it. */
#define OLDEST_CAPABILITY 75

/* Two pinned pieces: while one is copied to the device, the host fills the other. */
#define PINNED_BYTES ((size_t)16 << 20)

struct PmodCudaStaging
{
  char *pieces[2];
  cudaEvent_t done[2];
};

bool
pmod_cuda_check (PmodCudaBackend *self, cudaError_t error, const char *what)
{
  if (error == cudaSuccess)
    return true;
  pmod_backend_fail (&self->base, "%s: %s: %s", self->device_name, what,
                     cudaGetErrorString (error));
  cudaGetLastError ();
  return false;
}

/* --- Opening -------------------------------------------------------------------------------- */

static bool
refuse (char *reason, size_t n_bytes, const char *expected, cudaError_t error)
{
  snprintf (reason, n_bytes, "expected %s, got \"%s\"", expected, cudaGetErrorString (error));
  cudaGetLastError ();
  return false;
}

static bool
describe (PmodCudaBackend *self, char *reason, size_t n_bytes)
{
  struct cudaDeviceProp properties;
  cudaError_t error = cudaGetDeviceProperties (&properties, self->device);

  if (error != cudaSuccess)
    return refuse (reason, n_bytes, "a device that can be asked what it is", error);
  snprintf (self->device_name, sizeof self->device_name, "%.79s", properties.name);
  self->compute_capability = 10 * properties.major + properties.minor;
  self->n_processors = properties.multiProcessorCount;
  if (self->compute_capability >= OLDEST_CAPABILITY)
    return true;
  snprintf (reason, n_bytes, "%s: expected compute capability 7.5 or newer, got %d.%d",
            properties.name, properties.major, properties.minor);
  return false;
}

static __global__ void
probe_kernel (void)
{
}

/* The driver may have no machine code for this device, or make it of what was built for an older
 * one, which does without the tensor cores' instructions. */
static cudaError_t
ask_machine_code (PmodCudaBackend *self)
{
  cudaFuncAttributes attributes;
  cudaError_t error =
      cudaFuncGetAttributes (&attributes, reinterpret_cast<const void *> (probe_kernel));

  self->has_mma =
      error == cudaSuccess && self->compute_capability >= 80 && attributes.ptxVersion >= 80;
  return error;
}

/* What runs beside gives way to each kernel of the other's. */
static cudaError_t
open_stream (PmodCudaBackend *self)
{
  int least = 0, greatest = 0;
  cudaError_t error = cudaDeviceGetStreamPriorityRange (&least, &greatest);

  return error == cudaSuccess ? cudaStreamCreateWithPriority (&self->stream, cudaStreamNonBlocking,
                                                              self->is_beside ? least : greatest)
                              : error;
}

static bool
open_device (PmodCudaBackend *self, char *reason, size_t n_bytes)
{
  cudaError_t error = cudaSetDevice (self->device);

  if (error == cudaSuccess)
    error = ask_machine_code (self);
  if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorInvalidDeviceFunction)
    return refuse (reason, n_bytes, "a device that this program was built for", error);
  if (error == cudaSuccess)
    error = open_stream (self);
  return error == cudaSuccess || refuse (reason, n_bytes, "a device with room for work", error);
}

bool
pmod_cuda_open (PmodCudaBackend *self, char *reason, size_t n_bytes)
{
  int n_devices = 0;
  cudaError_t error = cudaGetDeviceCount (&n_devices);

  /* A machine without a driver says that its version is too low. */
  if (error != cudaSuccess)
    return refuse (reason, n_bytes, "an NVIDIA driver with a device", error);
  if (self->device < 0 || self->device >= n_devices)
    {
      snprintf (reason, n_bytes, "expected a device of the %d that the driver has, got number %d",
                n_devices, self->device);
      return false;
    }
  return describe (self, reason, n_bytes) && open_device (self, reason, n_bytes);
}

/* To ask costs nothing beside a launch; what fails is said by the call that is to come. */
void
pmod_cuda_use (PmodCudaBackend *self)
{
  int current = 0;

  if (cudaGetDevice (&current) == cudaSuccess && current != self->device)
    cudaSetDevice (self->device);
}

static void
free_staging (struct PmodCudaStaging *staging)
{
  for (int i = 0; staging && i < 2; i++)
    {
      if (staging->done[i])
        cudaEventDestroy (staging->done[i]);
      cudaFreeHost (staging->pieces[i]);
    }
  free (staging);
}

void
pmod_cuda_close (PmodCudaBackend *self)
{
  cudaStreamSynchronize (self->stream);
  free_staging (self->staging);
  cudaFree (self->workspace);
  cudaStreamDestroy (self->stream);
  cudaGetLastError ();
}

/* --- Memory --------------------------------------------------------------------------------- */

void *
pmod_cuda_alloc (PmodCudaBackend *self, size_t n_bytes)
{
  void *data = NULL;
  cudaError_t error = cudaMalloc (&data, n_bytes ? n_bytes : 1);

  if (error == cudaErrorMemoryAllocation)
    {
      size_t free_bytes = 0, total_bytes = 0;

      cudaGetLastError ();
      pmod_cuda_get_memory (self, &free_bytes, &total_bytes);
      pmod_backend_fail (&self->base, "%s: no room for %zu bytes, %zu of %zu are free",
                         self->device_name, n_bytes, free_bytes, total_bytes);
      return NULL;
    }
  return pmod_cuda_check (self, error, "memory") ? data : NULL;
}

void
pmod_cuda_free (PmodCudaBackend *self, void *data)
{
  (void)self;
  cudaFree (data);
}

/* NULL where the host has no memory to pin: then copies go the slow way. */
static struct PmodCudaStaging *
get_staging (PmodCudaBackend *self)
{
  struct PmodCudaStaging *staging;
  bool ok = true;

  if (self->staging)
    return self->staging;
  staging = (struct PmodCudaStaging *)calloc (1, sizeof *staging);
  for (int i = 0; staging && i < 2; i++)
    ok = ok && cudaMallocHost ((void **)&staging->pieces[i], PINNED_BYTES) == cudaSuccess &&
         cudaEventCreateWithFlags (&staging->done[i], cudaEventDisableTiming) == cudaSuccess;
  if (ok)
    return self->staging = staging;
  free_staging (staging);
  cudaGetLastError ();
  return NULL;
}

static void
upload_pieces (PmodCudaBackend *self,
               struct PmodCudaStaging *staging,
               char *dst,
               const char *src,
               size_t n_bytes)
{
  bool ok = true;

  for (size_t at = 0, i = 0; ok && at < n_bytes; at += PINNED_BYTES, i++)
    {
      size_t size = n_bytes - at < PINNED_BYTES ? n_bytes - at : PINNED_BYTES;
      char *piece = staging->pieces[i % 2];

      ok = pmod_cuda_check (self, cudaEventSynchronize (staging->done[i % 2]), "upload");
      memcpy (piece, src + at, size);
      ok = ok &&
           pmod_cuda_check (
               self, cudaMemcpyAsync (dst + at, piece, size, cudaMemcpyHostToDevice, self->stream),
               "upload") &&
           pmod_cuda_check (self, cudaEventRecord (staging->done[i % 2], self->stream), "upload");
    }
}

void
pmod_cuda_upload (PmodCudaBackend *self, void *dst, const void *src_host, size_t n_bytes)
{
  struct PmodCudaStaging *staging = n_bytes > PINNED_BYTES / 16 ? get_staging (self) : NULL;

  if (staging)
    upload_pieces (self, staging, (char *)dst, (const char *)src_host, n_bytes);
  else
    pmod_cuda_check (self,
                     cudaMemcpyAsync (dst, src_host, n_bytes, cudaMemcpyHostToDevice, self->stream),
                     "upload");
}

void
pmod_cuda_download (PmodCudaBackend *self, void *dst_host, const void *src, size_t n_bytes)
{
  if (pmod_cuda_check (
          self, cudaMemcpyAsync (dst_host, src, n_bytes, cudaMemcpyDeviceToHost, self->stream),
          "download"))
    pmod_cuda_wait (self);
}

void
pmod_cuda_copy (PmodCudaBackend *self, void *dst, const void *src, size_t n_bytes)
{
  pmod_cuda_check (
      self, cudaMemcpyAsync (dst, src, n_bytes, cudaMemcpyDeviceToDevice, self->stream), "copy");
}

void
pmod_cuda_wait (PmodCudaBackend *self)
{
  pmod_cuda_check (self, cudaStreamSynchronize (self->stream), "the device");
}

void
pmod_cuda_get_memory (PmodCudaBackend *self, size_t *free_bytes, size_t *total_bytes)
{
  if (cudaMemGetInfo (free_bytes, total_bytes) != cudaSuccess)
    *free_bytes = *total_bytes = 0;
  cudaGetLastError ();
}

void
pmod_cuda_check_launch (PmodCudaBackend *self, const char *op)
{
  pmod_cuda_check (self, cudaGetLastError (), op);
}

/* --- Memory for tests ----------------------------------------------------------------------- */

/* Names of C, which a program that has the emulated device too may have but once. */
#ifndef PMOD_CUDA_EMULATED
void *
pmod_cuda_shared_alloc (size_t n_bytes)
{
  void *data = NULL;

  if (cudaMallocManaged (&data, n_bytes ? n_bytes : 1) == cudaSuccess)
    return data;
  cudaGetLastError ();
  return NULL;
}

void
pmod_cuda_shared_free (void *data)
{
  cudaDeviceSynchronize ();
  cudaFree (data);
}
#endif
