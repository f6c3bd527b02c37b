/* PmodHelpWindow: see pmod-help-window.h. */
#include "config.h"

#include "pmod-help-window.h"

#include "pmod-help-page.h"
#include "pmod-second-window.h"

#define INDENT 18

struct _PmodHelpWindow
{
  AdwWindow parent_instance;

  GPtrArray *visited; /* names, the page that is shown last */

  GtkScrolledWindow *scroller;
  GtkBox *content;
};

G_DEFINE_FINAL_TYPE (PmodHelpWindow, pmod_help_window, ADW_TYPE_WINDOW)

static void show_page (PmodHelpWindow *self, const char *name);

/* --- Blocks ---------------------------------------------------------------------------------- */

static gboolean
activate_link_cb (PmodHelpWindow *self, const char *uri)
{
  if (!g_str_has_prefix (uri, "page:"))
    return FALSE;
  show_page (self, uri + strlen ("page:"));
  return TRUE;
}

static GtkWidget *
create_label (PmodHelpWindow *self, const char *markup)
{
  GtkWidget *label = gtk_label_new (NULL);

  gtk_label_set_markup (GTK_LABEL (label), markup);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_widget_set_hexpand (label, TRUE);
  g_signal_connect_object (label, "activate-link", G_CALLBACK (activate_link_cb), self,
                           G_CONNECT_SWAPPED);
  return label;
}

static GtkWidget *
create_figure (const PmodHelpBlock *block)
{
  g_autofree char *path = g_strconcat (PMOD_HELP_PATH, block->source, NULL);
  GtkWidget *picture = gtk_picture_new_for_resource (path);

  gtk_accessible_update_property (GTK_ACCESSIBLE (picture), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  block->text, -1);
  gtk_picture_set_content_fit (GTK_PICTURE (picture), GTK_CONTENT_FIT_SCALE_DOWN);
  return picture;
}

/* Rows are boxes, so that the columns of one table are as wide as those of the next. */
static GtkWidget *
create_row (PmodHelpWindow *self, const PmodHelpBlock *block)
{
  GtkWidget *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);

  gtk_box_set_homogeneous (GTK_BOX (row), TRUE);
  for (int i = 0; block->cells[i]; i++)
    gtk_box_append (GTK_BOX (row), create_label (self, block->cells[i]));
  return row;
}

static GtkWidget *
create_text (PmodHelpWindow *self, const PmodHelpBlock *block)
{
  static const char *const classes[] = {
    [PMOD_HELP_TITLE] = "title-1",  [PMOD_HELP_HEADING] = "title-4",   [PMOD_HELP_TERM] = "heading",
    [PMOD_HELP_CODE] = "monospace", [PMOD_HELP_CAPTION] = "dim-label",
  };
  GtkWidget *label = create_label (self, block->text);
  GtkWidget *row;

  if (block->kind < G_N_ELEMENTS (classes) && classes[block->kind])
    gtk_widget_add_css_class (label, classes[block->kind]);
  if (!block->mark)
    return label;
  row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  gtk_box_append (GTK_BOX (row), gtk_label_new (block->mark));
  gtk_widget_set_valign (gtk_widget_get_first_child (row), GTK_ALIGN_START);
  gtk_box_append (GTK_BOX (row), label);
  return row;
}

static GtkWidget *
create_block (PmodHelpWindow *self, const PmodHelpBlock *block)
{
  GtkWidget *widget = block->kind == PMOD_HELP_FIGURE ? create_figure (block)
                      : block->kind == PMOD_HELP_ROW  ? create_row (self, block)
                                                      : create_text (self, block);

  gtk_widget_set_margin_start (widget, INDENT * MAX (block->indent, 0));
  if (block->kind == PMOD_HELP_HEADING)
    gtk_widget_set_margin_top (widget, 12);
  return widget;
}

/* Blocks of a note follow each other; they share a card. */
static void
append_block (PmodHelpWindow *self, const PmodHelpBlock *block, GtkWidget **note)
{
  GtkWidget *widget = create_block (self, block);

  if (!block->note)
    {
      *note = NULL;
      gtk_box_append (self->content, widget);
      return;
    }
  if (!*note)
    {
      *note = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
      gtk_widget_add_css_class (*note, "card");
      gtk_widget_add_css_class (*note, "note");
      gtk_box_append (self->content, *note);
    }
  gtk_widget_set_margin_top (widget, 0);
  gtk_box_append (GTK_BOX (*note), widget);
}

/* --- Pages ----------------------------------------------------------------------------------- */

/* The first page leads to all others. */
static void
append_contents (PmodHelpWindow *self)
{
  g_autoptr (GPtrArray) pages = pmod_help_page_load_all ();

  for (guint i = 0; i < pages->len; i++)
    {
      const PmodHelpPage *page = pages->pdata[i];
      g_autofree char *markup =
          g_markup_printf_escaped ("<a href=\"page:%s\">%s</a>\n%s", page->name, page->title,
                                   page->about ? page->about : "");

      gtk_box_append (self->content, create_label (self, markup));
    }
}

static void
clear (PmodHelpWindow *self)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->content))))
    gtk_box_remove (self->content, child);
}

static void
load (PmodHelpWindow *self, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodHelpPage) page = pmod_help_page_load (name, &error);
  GtkWidget *note = NULL;

  clear (self);
  if (!page)
    {
      g_autofree char *text = g_markup_escape_text (error->message, -1);

      gtk_box_append (self->content, create_label (self, text));
      return;
    }
  for (guint i = 0; i < page->blocks->len; i++)
    append_block (self, page->blocks->pdata[i], &note);
  if (g_str_equal (name, "index"))
    append_contents (self);
  gtk_window_set_title (GTK_WINDOW (self), page->title);
  gtk_adjustment_set_value (gtk_scrolled_window_get_vadjustment (self->scroller), 0);
}

static void
show_last (PmodHelpWindow *self)
{
  const char *name = self->visited->pdata[self->visited->len - 1];

  /* What is clicked now is about to be removed. */
  gtk_window_set_focus (GTK_WINDOW (self), GTK_WIDGET (self->scroller));
  load (self, name);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "help.back", self->visited->len > 1);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "help.contents", !g_str_equal (name, "index"));
}

static void
show_page (PmodHelpWindow *self, const char *name)
{
  if (self->visited->len > 0 && g_str_equal (self->visited->pdata[self->visited->len - 1], name))
    return;
  g_ptr_array_add (self->visited, g_strdup (name));
  show_last (self);
}

static void
back_action (GtkWidget *widget, const char *action, GVariant *parameter)
{
  PmodHelpWindow *self = PMOD_HELP_WINDOW (widget);

  if (self->visited->len < 2)
    return;
  g_ptr_array_remove_index (self->visited, self->visited->len - 1);
  show_last (self);
}

static void
contents_action (GtkWidget *widget, const char *action, GVariant *parameter)
{
  show_page (PMOD_HELP_WINDOW (widget), "index");
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_help_window_finalize (GObject *object)
{
  g_ptr_array_unref (PMOD_HELP_WINDOW (object)->visited);

  G_OBJECT_CLASS (pmod_help_window_parent_class)->finalize (object);
}

static void
pmod_help_window_class_init (PmodHelpWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = pmod_help_window_finalize;

  gtk_widget_class_install_action (widget_class, "help.back", NULL, back_action);
  gtk_widget_class_install_action (widget_class, "help.contents", NULL, contents_action);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Left, GDK_ALT_MASK, "help.back", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Home, GDK_ALT_MASK, "help.contents",
                                       NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-help-window.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodHelpWindow, scroller);
  gtk_widget_class_bind_template_child (widget_class, PmodHelpWindow, content);
}

static void
pmod_help_window_init (PmodHelpWindow *self)
{
  self->visited = g_ptr_array_new_with_free_func (g_free);
  gtk_widget_init_template (GTK_WIDGET (self));
}

PmodHelpWindow *
pmod_help_window_get (GtkWindow *parent, const char *page)
{
  PmodHelpWindow *self = pmod_second_window_find (PMOD_TYPE_HELP_WINDOW, parent);

  if (!self)
    {
      self = g_object_new (PMOD_TYPE_HELP_WINDOW, NULL);
      pmod_second_window_attach (GTK_WINDOW (self), parent);
    }
  show_page (self, page ? page : "index");
  return self;
}
