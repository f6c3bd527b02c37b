/* A range of settings tried one after the other on the last question: what each costs, how far it
 * moves the answer, and the one to go on with. */
#pragma once

#include <adwaita.h>

#include "pmod-chat.h"
#include "pmod-selection.h"

G_BEGIN_DECLS

#define PMOD_TYPE_SWEEP_WINDOW (pmod_sweep_window_get_type ())
G_DECLARE_FINAL_TYPE (PmodSweepWindow, pmod_sweep_window, PMOD, SWEEP_WINDOW, AdwWindow)

/* Stands over parent; the layer that is swept first is the selected one. */
PmodSweepWindow *
pmod_sweep_window_new (GtkWindow *parent, PmodChat *chat, PmodSelection *selection);

G_END_DECLS
