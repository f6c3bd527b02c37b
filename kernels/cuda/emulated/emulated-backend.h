/* The CUDA backend with its kernels run on the host: as slow as it sounds, for tests. */
#pragma once

#include "pmod-ops.h"

PMOD_BEGIN_DECLS

PmodBackend *pmod_backend_new_cuda_emulated (void);

PMOD_END_DECLS
