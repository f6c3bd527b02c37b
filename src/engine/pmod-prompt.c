#include "pmod-prompt.h"
