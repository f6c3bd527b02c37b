#include "../pmod-backend-private.h"
