#include "pmod-checkpoint.h"
