/* The walls around the decoder. */
#pragma once

#include "pmod-engine.h"

G_BEGIN_DECLS

/* Limits and a filter of system calls, for good: afterwards this process has its open descriptors
 * and its memory, and reaches nothing else. FALSE where the system cannot do that. */
gboolean pmod_sandbox_enter (GError **error);

/* Tries to get out of it in each way that it is to close, and says on standard output what became
 * of it. TRUE where nothing did. */
gboolean pmod_sandbox_check (void);

G_END_DECLS
