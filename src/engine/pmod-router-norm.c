/* See the header. */
#include "pmod-router-norm.h"

PmodWeightNorm
pmod_router_norm_to_ops (const PmodRouterNorm *norm)
{
  static const PmodWeightFunction functions[] = {
    [PMOD_ROUTER_NORM_TANH] = PMOD_WEIGHT_TANH,
    [PMOD_ROUTER_NORM_SIGMOID] = PMOD_WEIGHT_SIGMOID,
    [PMOD_ROUTER_NORM_SOFTMAX] = PMOD_WEIGHT_SOFTMAX,
    [PMOD_ROUTER_NORM_NONE] = PMOD_WEIGHT_NONE,
  };

  return (PmodWeightNorm){ functions[norm->function], (float)norm->scale, (float)norm->bias };
}
