#include "pmod-schedule.h"
