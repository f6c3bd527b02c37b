#include "pmod-config.h"
