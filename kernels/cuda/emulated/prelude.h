/* Everything that kernel files include, before they are wrapped in a namespace (kernel.cc.in). */
#pragma once

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulated-backend.h"
#include "launch.h"
#include "pmod-backend-private.h"
#include "pmod-train-private.h"
