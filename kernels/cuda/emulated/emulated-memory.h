/* Memory of the emulated device: for emulated-runtime.cc, which holds its lock. */
#pragma once

#include <stddef.h>

/* n_bytes that nothing has written yet: NaN in every format. NULL where there is no room. apart:
 * out of the arena, to be freed as it was made. */
void *pmod_emulated_memory_new (size_t n_bytes, bool apart);

/* Returns how many bytes it had. */
size_t pmod_emulated_memory_free (void *data);

/* Whether one allocation out of the arena has n_bytes at data. */
bool pmod_emulated_memory_has (const void *data, size_t n_bytes);

/* Between the two the arena can be read and written. */
void pmod_emulated_memory_open (void);
void pmod_emulated_memory_close (void);

/* The host's, pinned. */
void *pmod_emulated_memory_pin (size_t n_bytes);
void pmod_emulated_memory_unpin (void *data);
bool pmod_emulated_memory_is_pinned (const void *data);
