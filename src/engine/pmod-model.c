#include "pmod-model.h"
