/* Asks whether a downloaded model is to be deleted, and does it. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-catalog.h"

G_BEGIN_DECLS

/* entry: one that pmod_model_entry_is_own(), in use or not. What goes wrong is told in a dialog,
 * too. */
void pmod_model_delete_ask (GtkWindow *parent, PmodCatalog *catalog, PmodModelEntry *entry);

G_END_DECLS
