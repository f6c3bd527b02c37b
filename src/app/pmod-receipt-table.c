/* PmodReceiptTable: see pmod-receipt-table.h. */
#include "config.h"

#include "pmod-receipt-table.h"

#include <glib/gi18n.h>

#include "pmod-receipt-lines.h"

#define GROUP_GAP 6

struct _PmodReceiptTable
{
  GtkWidget parent_instance;

  PmodRun *run;
  GtkGrid *table;
  GtkWidget *not_run;
};

G_DEFINE_FINAL_TYPE (PmodReceiptTable, pmod_receipt_table, GTK_TYPE_WIDGET)

static void
attach (PmodReceiptTable *self, const char *text, int col, int row, const char *style)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), col == 0 ? 0 : 1);
  gtk_widget_set_valign (label, GTK_ALIGN_START);
  gtk_widget_set_hexpand (label, col == 0);
  gtk_widget_add_css_class (label, "caption");
  gtk_widget_add_css_class (label, "numeric");
  gtk_widget_add_css_class (label, style);
  gtk_grid_attach (self->table, label, col, row, 1, 1);
}

static void
clear_table (PmodReceiptTable *self)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->table))))
    gtk_grid_remove (self->table, child);
}

static void
fill (PmodReceiptTable *self)
{
  g_autoptr (GPtrArray) lines = pmod_receipt_lines_new (self->run);

  clear_table (self);
  attach (self, _ ("This answer"), 1, 0, "dim-label");
  attach (self, _ ("Dense"), 2, 0, "dim-label");
  for (guint i = 0; i < lines->len; i++)
    {
      const PmodReceiptLine *line = g_ptr_array_index (lines, i);
      int row = (int)i + 1;

      attach (self, line->name, 0, row, "dim-label");
      if (line->ends_group)
        gtk_widget_set_margin_bottom (gtk_grid_get_child_at (self->table, 0, row), GROUP_GAP);
      attach (self, line->value, 1, row, "figure");
      if (line->dense)
        attach (self, line->dense, 2, row, "dim-label");
    }
  gtk_widget_set_visible (self->not_run, !pmod_run_get_dense_run (self->run));
}

static void
copy_cb (PmodReceiptTable *self)
{
  g_autofree char *text = pmod_receipt_to_text (self->run);

  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)), text);
}

static void
pmod_receipt_table_dispose (GObject *object)
{
  PmodReceiptTable *self = PMOD_RECEIPT_TABLE (object);
  GtkWidget *child;

  g_clear_object (&self->run);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_receipt_table_parent_class)->dispose (object);
}

static void
pmod_receipt_table_class_init (PmodReceiptTableClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_receipt_table_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-receipt-table.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodReceiptTable, table);
  gtk_widget_class_bind_template_child (widget_class, PmodReceiptTable, not_run);
  gtk_widget_class_bind_template_callback (widget_class, copy_cb);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "receipttable");
}

static void
pmod_receipt_table_init (PmodReceiptTable *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pmod_receipt_table_new (PmodRun *run)
{
  PmodReceiptTable *self = g_object_new (PMOD_TYPE_RECEIPT_TABLE, NULL);

  self->run = g_object_ref (run);
  /* While it is open it says what is known now. */
  g_signal_connect_object (run, "changed", G_CALLBACK (fill), self, G_CONNECT_SWAPPED);
  fill (self);
  return GTK_WIDGET (self);
}
