#include "pmod-tokenizer.h"
