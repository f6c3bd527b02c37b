/* PmodMarkdown: see pmod-markdown.h. */
#include "config.h"

#include "pmod-markdown.h"

#include <glib/gi18n.h>

#include "pmod-code-block.h"
#include "pmod-markdown-blocks.h"

struct _PmodMarkdown
{
  GtkWidget parent_instance;

  GPtrArray *blocks; /* PmodBlock, one for each child */
};

G_DEFINE_FINAL_TYPE (PmodMarkdown, pmod_markdown, GTK_TYPE_WIDGET)

/* --- Blocks ---------------------------------------------------------------------------------- */

static GtkWidget *
create_label (const PmodBlock *block)
{
  static const char *styles[] = { "title-2", "title-3", "title-4", "heading" };
  gboolean heading = block->kind == PMOD_BLOCK_HEADING;
  GtkWidget *label = g_object_new (
      GTK_TYPE_LABEL, "accessible-role",
      heading ? GTK_ACCESSIBLE_ROLE_HEADING : GTK_ACCESSIBLE_ROLE_LABEL, "xalign", 0.0f, "hexpand",
      TRUE, "wrap", TRUE, "wrap-mode", PANGO_WRAP_WORD_CHAR, "selectable", TRUE, NULL);

  if (heading)
    gtk_widget_add_css_class (label, styles[MIN (block->level, (int)G_N_ELEMENTS (styles)) - 1]);
  if (heading)
    gtk_accessible_update_property (GTK_ACCESSIBLE (label), GTK_ACCESSIBLE_PROPERTY_LEVEL,
                                    block->level, -1);
  return label;
}

static GtkWidget *
create_left_out (void)
{
  GtkWidget *label = g_object_new (GTK_TYPE_LABEL, "xalign", 0.0f, "hexpand", TRUE, "wrap", TRUE,
                                   "wrap-mode", PANGO_WRAP_WORD_CHAR, NULL);

  gtk_widget_add_css_class (label, "dim-label");
  return label;
}

static GtkWidget *
create_content (const PmodBlock *block)
{
  GtkWidget *content;

  switch (block->kind)
    {
    case PMOD_BLOCK_CODE:
      content = pmod_code_block_new (block->language);
      break;
    case PMOD_BLOCK_RULE:
      content = gtk_separator_new (GTK_ORIENTATION_HORIZONTAL);
      gtk_widget_set_valign (content, GTK_ALIGN_CENTER);
      break;
    case PMOD_BLOCK_LEFT_OUT:
      content = create_left_out ();
      break;
    case PMOD_BLOCK_TEXT:
    case PMOD_BLOCK_HEADING:
    default:
      content = create_label (block);
    }
  gtk_widget_set_hexpand (content, TRUE);
  return content;
}

static void
fill_content (GtkWidget *content, const PmodBlock *block)
{
  g_autofree char *size = NULL;
  g_autofree char *note = NULL;

  switch (block->kind)
    {
    case PMOD_BLOCK_TEXT:
    case PMOD_BLOCK_HEADING:
      gtk_label_set_markup (GTK_LABEL (content), block->markup);
      break;
    case PMOD_BLOCK_CODE:
      pmod_code_block_set_code (PMOD_CODE_BLOCK (content), block->plain);
      break;
    case PMOD_BLOCK_LEFT_OUT:
      size = g_format_size (block->left_out);
      note = g_strdup_printf (_ ("%s more are not shown. Copying takes all of it."), size);
      gtk_label_set_label (GTK_LABEL (content), note);
      break;
    case PMOD_BLOCK_RULE:
    default:
      break;
    }
}

/* A quote's line, or the room before an item; its marker stands in the innermost. */
static GtkWidget *
create_gutter (char inside, const char *marker)
{
  GtkWidget *gutter;

  if (inside == 'q')
    {
      gutter = gtk_separator_new (GTK_ORIENTATION_VERTICAL);
      gtk_widget_add_css_class (gutter, "quote");
      return gutter;
    }
  gutter = gtk_label_new (marker);
  gtk_label_set_xalign (GTK_LABEL (gutter), 1);
  gtk_label_set_yalign (GTK_LABEL (gutter), 0);
  gtk_widget_add_css_class (gutter, "marker");
  gtk_widget_add_css_class (gutter, "numeric");
  return gutter;
}

static GtkWidget *
create_child (const PmodBlock *block, gboolean first)
{
  GtkWidget *child = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);
  GtkWidget *content = create_content (block);

  for (const char *inside = block->inside; *inside; inside++)
    gtk_box_append (GTK_BOX (child), create_gutter (*inside, inside[1] ? NULL : block->marker));
  gtk_widget_add_css_class (child, "block");
  if (first)
    gtk_widget_add_css_class (child, "first");
  if (block->close)
    gtk_widget_add_css_class (child, "close");
  gtk_box_append (GTK_BOX (child), content);
  fill_content (content, block);
  return child;
}

/* --- Texts ----------------------------------------------------------------------------------- */

/* child: NULL where there is none yet. Returns the next one. */
static GtkWidget *
update_child (PmodMarkdown *self, guint i, GPtrArray *blocks, GtkWidget *child)
{
  const PmodBlock *block = blocks->pdata[i];
  const PmodBlock *old = child ? self->blocks->pdata[i] : NULL;
  GtkWidget *next = child ? gtk_widget_get_next_sibling (child) : NULL;

  if (old && pmod_block_equal (old, block))
    return next;
  if (old && pmod_block_is_alike (old, block))
    {
      fill_content (gtk_widget_get_last_child (child), block);
      return next;
    }
  gtk_widget_insert_before (create_child (block, i == 0), GTK_WIDGET (self), child);
  if (child)
    gtk_widget_unparent (child);
  return next;
}

void
pmod_markdown_set_text (PmodMarkdown *self, const char *text, gboolean growing)
{
  GPtrArray *blocks;
  GtkWidget *child;

  g_return_if_fail (PMOD_IS_MARKDOWN (self));

  blocks = pmod_markdown_parse (text, growing);
  child = gtk_widget_get_first_child (GTK_WIDGET (self));
  for (guint i = 0; i < blocks->len; i++)
    child = update_child (self, i, blocks, child);
  while (child)
    {
      GtkWidget *next = gtk_widget_get_next_sibling (child);

      gtk_widget_unparent (child);
      child = next;
    }
  g_ptr_array_unref (self->blocks);
  self->blocks = blocks;
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_markdown_dispose (GObject *object)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (object))))
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (pmod_markdown_parent_class)->dispose (object);
}

static void
pmod_markdown_finalize (GObject *object)
{
  g_ptr_array_unref (PMOD_MARKDOWN (object)->blocks);

  G_OBJECT_CLASS (pmod_markdown_parent_class)->finalize (object);
}

static void
pmod_markdown_class_init (PmodMarkdownClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_markdown_dispose;
  G_OBJECT_CLASS (klass)->finalize = pmod_markdown_finalize;

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-markdown.ui");
  gtk_widget_class_set_css_name (widget_class, "markdown");
}

static void
pmod_markdown_init (PmodMarkdown *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->blocks = g_ptr_array_new ();
}
