/* A router's norm as the kernels take it. */
#pragma once

#include "pmod-config.h"
#include "pmod-ops.h"

G_BEGIN_DECLS

PmodWeightNorm pmod_router_norm_to_ops (const PmodRouterNorm *norm);

G_END_DECLS
