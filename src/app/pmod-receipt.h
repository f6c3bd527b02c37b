/* What an answer cost: a line that opens into a table, which can be copied as text. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-run.h"

G_BEGIN_DECLS

#define PMOD_TYPE_RECEIPT (pmod_receipt_get_type ())
G_DECLARE_FINAL_TYPE (PmodReceipt, pmod_receipt, PMOD, RECEIPT, GtkWidget)

G_END_DECLS
