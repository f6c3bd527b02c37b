/* Memory that the host and a device both read, for tests of ops on a device: slow, and paged to and
 * fro. Without CUDA there is none. */
#pragma once

#include "pmod-ops.h"

PMOD_BEGIN_DECLS

void *pmod_cuda_shared_alloc (size_t n_bytes); /* NULL where there is none */
void pmod_cuda_shared_free (void *data);

PMOD_END_DECLS
