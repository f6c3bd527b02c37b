/* The bar under a live picture: freeze, mirror, a standing question, what it costs, stop. */
#pragma once

#include <adwaita.h>

#include "pmod-live.h"

G_BEGIN_DECLS

#define PMOD_TYPE_LIVE_BAR (pmod_live_bar_get_type ())
G_DECLARE_FINAL_TYPE (PmodLiveBar, pmod_live_bar, PMOD, LIVE_BAR, AdwBin)

G_END_DECLS
