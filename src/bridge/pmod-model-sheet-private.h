/* How a sheet is read. */
#pragma once

#include "pmod-engine.h"
#include "pmod-model-sheet.h"

G_BEGIN_DECLS

/* Blocks, on any thread; never NULL. (transfer full) */
PmodModelSheet *pmod_model_sheet_read (const char *path, const PmodModelOptions *options);

G_END_DECLS
