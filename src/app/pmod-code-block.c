/* PmodCodeBlock: see pmod-code-block.h. */
#include "config.h"

#include "pmod-code-block.h"

#include <glib/gi18n.h>

/* Room to see what comes next beside the cursor, in pixels. */
#define CURSOR_ROOM 24

struct _PmodCodeBlock
{
  AdwBin parent_instance;

  GtkLabel *language;
  GtkWidget *copy;
  GtkScrolledWindow *scroller;
  GtkLabel *code;
};

G_DEFINE_FINAL_TYPE (PmodCodeBlock, pmod_code_block, ADW_TYPE_BIN)

static void
copy_cb (PmodCodeBlock *self)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)),
                          gtk_label_get_text (self->code));
}

/* A label moves its cursor, but shows nobody where it went. */
static void
cursor_moved_cb (PmodCodeBlock *self)
{
  GtkAdjustment *adjustment = gtk_scrolled_window_get_hadjustment (self->scroller);
  const char *text = gtk_label_get_text (self->code);
  PangoRectangle cursor;
  int start = 0, end = 0, x = 0;

  gtk_label_get_selection_bounds (self->code, &start, &end);
  pango_layout_get_cursor_pos (gtk_label_get_layout (self->code),
                               (int)(g_utf8_offset_to_pointer (text, end) - text), &cursor, NULL);
  gtk_label_get_layout_offsets (self->code, &x, NULL);
  x += PANGO_PIXELS (cursor.x);
  gtk_adjustment_clamp_page (adjustment, x - CURSOR_ROOM, x + CURSOR_ROOM);
}

static void
pmod_code_block_class_init (PmodCodeBlockClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-code-block.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodCodeBlock, language);
  gtk_widget_class_bind_template_child (widget_class, PmodCodeBlock, copy);
  gtk_widget_class_bind_template_child (widget_class, PmodCodeBlock, scroller);
  gtk_widget_class_bind_template_child (widget_class, PmodCodeBlock, code);
  gtk_widget_class_bind_template_callback (widget_class, copy_cb);
  gtk_widget_class_bind_template_callback (widget_class, cursor_moved_cb);
  gtk_widget_class_set_css_name (widget_class, "codeblock");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GROUP);
}

static void
pmod_code_block_init (PmodCodeBlock *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pmod_code_block_new (const char *language)
{
  PmodCodeBlock *self = g_object_new (PMOD_TYPE_CODE_BLOCK, NULL);
  g_autofree char *name =
      language ? g_strdup_printf (_ ("Code, %s"), language) : g_strdup (_ ("Code"));

  gtk_label_set_label (self->language, language ? language : _ ("Code"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  return GTK_WIDGET (self);
}

void
pmod_code_block_set_code (PmodCodeBlock *self, const char *code)
{
  g_return_if_fail (PMOD_IS_CODE_BLOCK (self));
  gtk_label_set_text (self->code, code);
}
