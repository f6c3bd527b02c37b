/* What is known of one token: the chance that it had, and what else could have stood there, to go
 * on from. Beside the token while that is looked at; the keys stay with the token until it is asked
 * for. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-run-tokens.h"

G_BEGIN_DECLS

#define PMOD_TYPE_TOKEN_POPOVER (pmod_token_popover_get_type ())
G_DECLARE_FINAL_TYPE (PmodTokenPopover, pmod_token_popover, PMOD, TOKEN_POPOVER, GtkPopover)

/* Signal: "chosen" (int alternative). */
GtkWidget *pmod_token_popover_new (void);

/* can_choose: an answer can go on from its alternatives. */
void pmod_token_popover_show (PmodTokenPopover *self, PmodRun *run, int index, gboolean can_choose);

/* Gives the keys to the list. FALSE where nothing in it can be chosen. */
gboolean pmod_token_popover_enter (PmodTokenPopover *self);

/* Whether the pointer or the keys are in it. */
gboolean pmod_token_popover_is_used (PmodTokenPopover *self);

G_END_DECLS
