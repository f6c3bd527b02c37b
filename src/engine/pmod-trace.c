#include "pmod-trace.h"
