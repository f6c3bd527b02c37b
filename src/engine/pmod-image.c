#include "pmod-image.h"
