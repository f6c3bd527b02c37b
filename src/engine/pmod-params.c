#include "pmod-params.h"
