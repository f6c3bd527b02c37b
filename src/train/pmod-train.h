/* The trainer's public face: the only header of this directory that the command line includes. */
#pragma once

#include "pmod-recipe.h"
#include "pmod-trainer.h"
