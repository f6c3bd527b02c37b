/* The emulated device in the place of a real one, in programs that are linked with this file. */
#include "emulated-backend.h"
#include "emulated-device.h"

PmodBackend *
pmod_backend_new_cuda (int device, char *reason, size_t n_bytes)
{
  return pmod_backend_new_cuda_emulated (device, reason, n_bytes);
}

/* Before the program begins: as it is set up, until a test sets another. */
static void __attribute__ ((constructor)) set_device (void)
{
  pmod_emulated_set_device (&pmod_emulated_device);
}
