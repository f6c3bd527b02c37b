/* The CUDA backend with its kernels run on the host: as slow as it sounds, for tests. What its
 * device is and can do is in emulated-device.h. */
#pragma once

#include "pmod-ops.h"

PMOD_BEGIN_DECLS

/* As pmod_backend_new_cuda(). */
PmodBackend *pmod_backend_new_cuda_emulated (int device, char *reason, size_t n_bytes);

PMOD_END_DECLS
