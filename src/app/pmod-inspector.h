/* The picture's side of the window: the large map, what it says in words, all layers, the costs. */
#pragma once

#include <adwaita.h>

#include "pmod-chat.h"
#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_INSPECTOR (pmod_inspector_get_type ())
G_DECLARE_FINAL_TYPE (PmodInspector, pmod_inspector, PMOD, INSPECTOR, AdwBin)

G_END_DECLS
