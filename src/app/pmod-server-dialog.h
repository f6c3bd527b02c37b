/* Asks which server's model to use, and for its token; stays open until it is there, or tells why
 * not. The token is kept nowhere. */
#pragma once

#include <adwaita.h>

#include "pmod-session.h"

G_BEGIN_DECLS

#define PMOD_TYPE_SERVER_DIALOG (pmod_server_dialog_get_type ())
G_DECLARE_FINAL_TYPE (PmodServerDialog, pmod_server_dialog, PMOD, SERVER_DIALOG, AdwWindow)

/* settings: where the addresses that were used are remembered; nullable. */
PmodServerDialog *
pmod_server_dialog_new (GtkWindow *parent, PmodSession *session, GSettings *settings);

G_END_DECLS
