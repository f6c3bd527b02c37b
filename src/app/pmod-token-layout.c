/* PmodTokenLayout: see pmod-token-layout.h. */
#include "config.h"

#include "pmod-token-layout.h"

#define SPACE 5    /* before a word */
#define SEAM 1     /* between the parts of one */
#define LINE_GAP 4 /* between lines */
#define IS_SPACED 1
#define ENDS_LINE 2

struct _PmodTokenLayout
{
  GtkLayoutManager parent_instance;
};

G_DEFINE_FINAL_TYPE (PmodTokenLayout, pmod_token_layout, GTK_TYPE_LAYOUT_MANAGER)

static GQuark
get_quark (void)
{
  return g_quark_from_static_string ("pmod-token-layout");
}

void
pmod_token_layout_mark (GtkWidget *child, gboolean after_space, gboolean ends_line)
{
  int marks = (after_space ? IS_SPACED : 0) | (ends_line ? ENDS_LINE : 0);

  g_object_set_qdata (G_OBJECT (child), get_quark (), GINT_TO_POINTER (marks));
}

/* Puts children where they belong, or only counts how high they are. Returns the height. */
static int
flow (GtkWidget *widget, int width, gboolean allocate)
{
  gboolean rtl = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  int x = 0, y = 0, line = 0;
  gboolean breaks = FALSE;

  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      int marks = GPOINTER_TO_INT (g_object_get_qdata (G_OBJECT (child), get_quark ()));
      int child_width, child_height, gap;

      if (!gtk_widget_should_layout (child))
        continue;
      gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, NULL, &child_width, NULL, NULL);
      child_width = MIN (child_width, width);
      gtk_widget_measure (child, GTK_ORIENTATION_VERTICAL, child_width, NULL, &child_height, NULL,
                          NULL);
      gap = x == 0 ? 0 : (marks & IS_SPACED) ? SPACE : SEAM;
      if (breaks || (x > 0 && x + gap + child_width > width))
        {
          y += line + LINE_GAP;
          x = line = gap = 0;
        }
      x += gap;
      if (allocate)
        {
          int left = rtl ? width - x - child_width : x;
          GtkAllocation place = { left, y, child_width, child_height };

          gtk_widget_size_allocate (child, &place, -1);
        }
      x += child_width;
      line = MAX (line, child_height);
      breaks = (marks & ENDS_LINE) != 0;
    }
  return y + line;
}

static void
measure_width (GtkWidget *widget, int *minimum, int *natural)
{
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      int least, most;

      if (!gtk_widget_should_layout (child))
        continue;
      gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &least, &most, NULL, NULL);
      *minimum = MAX (*minimum, least);
      *natural += most + SPACE;
    }
}

static void
pmod_token_layout_measure (GtkLayoutManager *layout,
                           GtkWidget *widget,
                           GtkOrientation orientation,
                           int for_size,
                           int *minimum,
                           int *natural,
                           int *minimum_baseline,
                           int *natural_baseline)
{
  *minimum = *natural = 0;
  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    measure_width (widget, minimum, natural);
  else
    *minimum = *natural = flow (widget, for_size < 0 ? G_MAXINT / 2 : for_size, FALSE);
}

static void
pmod_token_layout_allocate (
    GtkLayoutManager *layout, GtkWidget *widget, int width, int height, int baseline)
{
  flow (widget, width, TRUE);
}

static GtkSizeRequestMode
pmod_token_layout_get_request_mode (GtkLayoutManager *layout, GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
pmod_token_layout_class_init (PmodTokenLayoutClass *klass)
{
  GtkLayoutManagerClass *layout_class = GTK_LAYOUT_MANAGER_CLASS (klass);

  layout_class->measure = pmod_token_layout_measure;
  layout_class->allocate = pmod_token_layout_allocate;
  layout_class->get_request_mode = pmod_token_layout_get_request_mode;
}

static void
pmod_token_layout_init (PmodTokenLayout *self)
{
}
