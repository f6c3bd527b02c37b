/* The way from the tables of ops to what implements them: each thread has a current device, which
 * is the driver's first until the thread names another, and streams, events and memory are of one.
 */
#pragma once

#include "cuda-private.h"

/* device.cu: the calling thread's device is self's from now on. */
void pmod_cuda_use (PmodCudaBackend *self);

template <auto op> struct PmodCudaEntry;

template <typename Result, typename... Args, Result (*op) (PmodBackend *, Args...)>
struct PmodCudaEntry<op>
{
  static Result
  call (PmodBackend *backend, Args... args)
  {
    pmod_cuda_use ((PmodCudaBackend *)backend);
    return op (backend, args...);
  }
};

/* What a table holds for op. */
#define ON_DEVICE(op) PmodCudaEntry<op>::call
