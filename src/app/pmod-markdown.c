/* PmodMarkdown: see pmod-markdown.h. */
#include "config.h"

#include "pmod-markdown.h"

#include <glib/gi18n.h>
#include <string.h>

#include "pmod-code-block.h"
#include "pmod-markdown-blocks.h"

/* What a label is asked to be at least, and at most by itself, in letters. One number for both: a
 * label then lays out its text twice, for this width and for the one that it gets, and not five
 * times. It also leaves room for the deepest list in 340 pixels. */
#define LABEL_CHARS 14
/* What this asks for, in pixels; of its texts any width will do. */
#define MIN_WIDTH 140
#define NATURAL_WIDTH 380
#define MAX_GUTTERS 8

/* One block's widgets, in this order among the children. */
typedef struct
{
  GtkWidget *gutters[MAX_GUTTERS]; /* of what it lies in, from the outside */
  int n_gutters;
  GtkWidget *content;
} Part;

struct _PmodMarkdown
{
  GtkWidget parent_instance;

  GPtrArray *blocks; /* PmodBlock */
  GArray *parts;     /* Part, one for each */
};

G_DEFINE_FINAL_TYPE (PmodMarkdown, pmod_markdown, GTK_TYPE_WIDGET)

/* --- Blocks ---------------------------------------------------------------------------------- */

static GtkWidget *
create_label (const PmodBlock *block)
{
  static const char *styles[] = { "title-3", "title-4", "heading" };
  gboolean heading = block->kind == PMOD_BLOCK_HEADING;
  GtkWidget *label = g_object_new (
      GTK_TYPE_LABEL, "accessible-role",
      heading ? GTK_ACCESSIBLE_ROLE_HEADING : GTK_ACCESSIBLE_ROLE_LABEL, "xalign", 0.0f, "hexpand",
      TRUE, "wrap", TRUE, "wrap-mode", PANGO_WRAP_WORD_CHAR, "width-chars", LABEL_CHARS,
      "max-width-chars", LABEL_CHARS, "selectable", TRUE, NULL);

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
  GtkWidget *label = g_object_new (GTK_TYPE_LABEL, "xalign", 0.0f, "wrap", TRUE, "wrap-mode",
                                   PANGO_WRAP_WORD_CHAR, NULL);

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

static Part
create_part (const PmodBlock *block, gboolean first)
{
  Part part = { .n_gutters = MIN ((int)strlen (block->inside), MAX_GUTTERS) };

  for (int i = 0; i < part.n_gutters; i++)
    part.gutters[i] =
        create_gutter (block->inside[i], i + 1 < part.n_gutters ? NULL : block->marker);
  part.content = create_content (block);
  gtk_widget_add_css_class (part.content, "content");
  for (int i = 0; i <= part.n_gutters; i++)
    {
      GtkWidget *widget = i < part.n_gutters ? part.gutters[i] : part.content;

      if (first)
        gtk_widget_add_css_class (widget, "first");
      if (block->opens)
        gtk_widget_add_css_class (widget, "opens");
      if (block->close)
        gtk_widget_add_css_class (widget, "close");
    }
  fill_content (part.content, block);
  return part;
}

static void
insert_part (PmodMarkdown *self, const Part *part, GtkWidget *before)
{
  for (int i = 0; i < part->n_gutters; i++)
    gtk_widget_insert_before (part->gutters[i], GTK_WIDGET (self), before);
  gtk_widget_insert_before (part->content, GTK_WIDGET (self), before);
}

static void
remove_part (Part *part)
{
  for (int i = 0; i < part->n_gutters; i++)
    gtk_widget_unparent (part->gutters[i]);
  gtk_widget_unparent (part->content);
}

/* --- Texts ----------------------------------------------------------------------------------- */

static void
update_part (PmodMarkdown *self, guint i, const PmodBlock *block)
{
  Part *part = &g_array_index (self->parts, Part, i);
  const PmodBlock *old = self->blocks->pdata[i];
  GtkWidget *next;

  if (pmod_block_equal (old, block))
    return;
  if (pmod_block_is_alike (old, block))
    {
      fill_content (part->content, block);
      return;
    }
  next = gtk_widget_get_next_sibling (part->content);
  remove_part (part);
  *part = create_part (block, i == 0);
  insert_part (self, part, next);
}

void
pmod_markdown_set_text (PmodMarkdown *self, const char *text, gboolean growing)
{
  GPtrArray *blocks;

  g_return_if_fail (PMOD_IS_MARKDOWN (self));

  blocks = pmod_markdown_parse (text, growing);
  for (guint i = blocks->len; i < self->parts->len; i++)
    remove_part (&g_array_index (self->parts, Part, i));
  g_array_set_size (self->parts, MIN (self->parts->len, blocks->len));
  for (guint i = 0; i < self->parts->len; i++)
    update_part (self, i, blocks->pdata[i]);
  for (guint i = self->parts->len; i < blocks->len; i++)
    {
      Part part = create_part (blocks->pdata[i], i == 0);

      insert_part (self, &part, NULL);
      g_array_append_val (self->parts, part);
    }
  g_ptr_array_unref (self->blocks);
  self->blocks = blocks;
}

/* --- Size ------------------------------------------------------------------------------------ */

static int
measure_width (GtkWidget *widget)
{
  int natural;

  gtk_widget_measure (widget, GTK_ORIENTATION_HORIZONTAL, -1, NULL, &natural, NULL, NULL);
  return natural;
}

static int
measure_height (GtkWidget *widget, int width)
{
  int minimum;

  gtk_widget_measure (widget, GTK_ORIENTATION_VERTICAL, width, &minimum, NULL, NULL, NULL);
  return minimum;
}

static int
measure_part (const Part *part, int width)
{
  int height = 0;

  for (int i = 0; i < part->n_gutters; i++)
    {
      int gutter = measure_width (part->gutters[i]);

      height = MAX (height, measure_height (part->gutters[i], gutter));
      width -= gutter;
    }
  return MAX (height, measure_height (part->content, MAX (width, 1)));
}

static void
pmod_markdown_measure (GtkWidget *widget,
                       GtkOrientation orientation,
                       int for_size,
                       int *minimum,
                       int *natural,
                       int *minimum_baseline,
                       int *natural_baseline)
{
  PmodMarkdown *self = PMOD_MARKDOWN (widget);
  int height = 0;

  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    {
      *minimum = MIN_WIDTH;
      *natural = NATURAL_WIDTH;
      return;
    }
  for (guint i = 0; i < self->parts->len; i++)
    height += measure_part (&g_array_index (self->parts, Part, i),
                            for_size < 0 ? NATURAL_WIDTH : for_size);
  *minimum = *natural = height;
}

/* From the side where lines begin; returns where the next one is. */
static int
allocate_at (GtkWidget *self, GtkWidget *widget, int start, int y, int width, int height)
{
  gboolean rtl = gtk_widget_get_direction (self) == GTK_TEXT_DIR_RTL;
  GtkAllocation box = { rtl ? gtk_widget_get_width (self) - start - width : start, y, width,
                        height };

  gtk_widget_size_allocate (widget, &box, -1);
  return start + width;
}

static void
pmod_markdown_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  PmodMarkdown *self = PMOD_MARKDOWN (widget);
  int y = 0;

  for (guint i = 0; i < self->parts->len; i++)
    {
      const Part *part = &g_array_index (self->parts, Part, i);
      int part_height = measure_part (part, width);
      int start = 0;

      for (int j = 0; j < part->n_gutters; j++)
        start = allocate_at (widget, part->gutters[j], start, y, measure_width (part->gutters[j]),
                             part_height);
      allocate_at (widget, part->content, start, y, MAX (width - start, 1), part_height);
      y += part_height;
    }
}

static GtkSizeRequestMode
pmod_markdown_get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
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
  g_array_unref (PMOD_MARKDOWN (object)->parts);

  G_OBJECT_CLASS (pmod_markdown_parent_class)->finalize (object);
}

static void
pmod_markdown_class_init (PmodMarkdownClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_markdown_dispose;
  G_OBJECT_CLASS (klass)->finalize = pmod_markdown_finalize;
  widget_class->measure = pmod_markdown_measure;
  widget_class->size_allocate = pmod_markdown_size_allocate;
  widget_class->get_request_mode = pmod_markdown_get_request_mode;

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-markdown.ui");
  gtk_widget_class_set_css_name (widget_class, "markdown");
}

static void
pmod_markdown_init (PmodMarkdown *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->blocks = g_ptr_array_new ();
  self->parts = g_array_new (FALSE, FALSE, sizeof (Part));
}
