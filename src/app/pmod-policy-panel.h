/* Who chooses what is kept: the policy, painting by hand, and what to compare with. */
#pragma once

#include <adwaita.h>

#include "pmod-chat.h"
#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_POLICY_PANEL (pmod_policy_panel_get_type ())
G_DECLARE_FINAL_TYPE (PmodPolicyPanel, pmod_policy_panel, PMOD, POLICY_PANEL, AdwBin)

G_END_DECLS
