/* What an answer cost, line by line, beside what a dense model's costs; can be copied as text. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-run.h"

G_BEGIN_DECLS

#define PMOD_TYPE_RECEIPT_TABLE (pmod_receipt_table_get_type ())
G_DECLARE_FINAL_TYPE (PmodReceiptTable, pmod_receipt_table, PMOD, RECEIPT_TABLE, GtkWidget)

GtkWidget *pmod_receipt_table_new (PmodRun *run);

G_END_DECLS
