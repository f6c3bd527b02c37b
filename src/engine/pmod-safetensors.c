#include "pmod-safetensors.h"
