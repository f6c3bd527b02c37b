/* The way into the emulated backend for programs of C. */
#include "prelude.h"

namespace pmod_emulated
{
#include "cuda-private.h"
}

PmodBackend *
pmod_backend_new_cuda_emulated (void)
{
  char reason[64];

  return pmod_emulated::pmod_cuda_backend_new (0, reason, sizeof reason);
}
