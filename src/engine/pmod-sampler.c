#include "pmod-sampler.h"
