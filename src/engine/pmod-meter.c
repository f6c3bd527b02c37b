#include "pmod-meter.h"
