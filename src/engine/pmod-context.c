#include "pmod-context.h"
