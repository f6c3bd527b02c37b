/* "2 of 3": which version of a message is shown, and the way to the others. Not there where there
 * is only one. It asks for another with the action chat.show-version (position, version). */
#pragma once

#include <gtk/gtk.h>

#include "pmod-message.h"

G_BEGIN_DECLS

#define PMOD_TYPE_VERSION_SWITCH (pmod_version_switch_get_type ())
G_DECLARE_FINAL_TYPE (PmodVersionSwitch, pmod_version_switch, PMOD, VERSION_SWITCH, GtkWidget)

/* A property, too. (nullable) */
void pmod_version_switch_set_message (PmodVersionSwitch *self, PmodMessage *message);
PmodMessage *pmod_version_switch_get_message (PmodVersionSwitch *self);

/* Puts the focus on the button that leads on, or back where there is nothing behind. */
void pmod_version_switch_take_focus (PmodVersionSwitch *self, gboolean forward);

G_END_DECLS
