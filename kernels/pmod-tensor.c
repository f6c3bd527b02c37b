#include "pmod-tensor.h"
