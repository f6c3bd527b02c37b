#include "pmod-error.h"
