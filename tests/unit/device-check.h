/* What the tests of CUDA devices share: what of the emulated one is in use, and a small model on a
 * device, asked in words. */
#pragma once

#include "emulated-device.h"
#include "pmod-engine.h"

PmodEmulatedUse device_get_use (void);

/* Everything was given back. */
void device_expect_unused (void);

/* tiny-pmod-12layer in F32, there. */
PmodModel *device_open_model (PmodDevice device, GError **error);
PmodContext *device_new_context (PmodModel *model);

/* Of a question in words: cheap, and through every layer. */
gboolean
device_prefill (PmodContext *context, const PmodParams *params, PmodTrace *trace, GError **error);
