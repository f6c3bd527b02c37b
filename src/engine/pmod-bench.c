#include "pmod-bench.h"
