/* PmodMachine in the engine's words. */
#pragma once

#include "pmod-engine.h"
#include "pmod-machine.h"

G_BEGIN_DECLS

void pmod_machine_get_options (PmodMachine *self, PmodModelOptions *options);

G_END_DECLS
