/* PmodColumnLayout: see pmod-column-layout.h. */
#include "config.h"

#include "pmod-column-layout.h"

#define COLUMN_SPACING 24
#define ROW_SPACING 9

struct _PmodColumnLayout
{
  GtkLayoutManager parent_instance;
};

G_DEFINE_FINAL_TYPE (PmodColumnLayout, pmod_column_layout, GTK_TYPE_LAYOUT_MANAGER)

static int
get_column_width (GtkWidget *widget, int *n_children)
{
  int width = 1;

  *n_children = 0;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      int minimum;

      gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &minimum, NULL, NULL, NULL);
      width = MAX (width, minimum);
      ++*n_children;
    }
  return width;
}

/* As few rows as there must be, and no child alone in the last where the others can make room. */
static int
get_n_columns (GtkWidget *widget, int width)
{
  int n_children;
  int column = get_column_width (widget, &n_children);
  int fitting;
  int n_rows;

  fitting = CLAMP ((width + COLUMN_SPACING) / (column + COLUMN_SPACING), 1, MAX (n_children, 1));
  n_rows = MAX ((n_children + fitting - 1) / fitting, 1);
  return MAX ((n_children + n_rows - 1) / n_rows, 1);
}

static int
get_column (int width, int n_columns)
{
  return MAX ((width - (n_columns - 1) * COLUMN_SPACING) / n_columns, 1);
}

/* The tallest child of the row that begins with child, which becomes the next row's first. */
static int
get_row_height (GtkWidget **child, int n_columns, int column)
{
  int height = 0;

  for (int i = 0; i < n_columns && *child; i++)
    {
      int natural;

      gtk_widget_measure (*child, GTK_ORIENTATION_VERTICAL, column, NULL, &natural, NULL, NULL);
      height = MAX (height, natural);
      *child = gtk_widget_get_next_sibling (*child);
    }
  return height;
}

static void
pmod_column_layout_measure (GtkLayoutManager *layout,
                            GtkWidget *widget,
                            GtkOrientation orientation,
                            int for_size,
                            int *minimum,
                            int *natural,
                            int *minimum_baseline,
                            int *natural_baseline)
{
  GtkWidget *child = gtk_widget_get_first_child (widget);
  int n_children;
  int column = get_column_width (widget, &n_children);
  int n_columns;

  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    {
      *minimum = column;
      *natural = n_children * (column + COLUMN_SPACING) - COLUMN_SPACING;
      return;
    }
  n_columns = for_size < 0 ? MAX (n_children, 1) : get_n_columns (widget, for_size);
  column = for_size < 0 ? -1 : get_column (for_size, n_columns);
  *natural = -ROW_SPACING;
  while (child)
    *natural += ROW_SPACING + get_row_height (&child, n_columns, column);
  *minimum = *natural = MAX (*natural, 0);
}

static void
pmod_column_layout_allocate (
    GtkLayoutManager *layout, GtkWidget *widget, int width, int height, int baseline)
{
  gboolean rtl = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  int n_columns = get_n_columns (widget, width);
  int column = get_column (width, n_columns);
  GtkWidget *child = gtk_widget_get_first_child (widget);
  int top = 0;

  while (child)
    {
      GtkWidget *next_row = child;
      int row_height = get_row_height (&next_row, n_columns, column);

      for (int i = 0; child != next_row; i++, child = gtk_widget_get_next_sibling (child))
        {
          int at = rtl ? n_columns - 1 - i : i;
          GtkAllocation place = { at * (column + COLUMN_SPACING), top, column, row_height };

          gtk_widget_size_allocate (child, &place, -1);
        }
      top += row_height + ROW_SPACING;
    }
}

static GtkSizeRequestMode
pmod_column_layout_get_request_mode (GtkLayoutManager *layout, GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
pmod_column_layout_class_init (PmodColumnLayoutClass *klass)
{
  GtkLayoutManagerClass *layout_class = GTK_LAYOUT_MANAGER_CLASS (klass);

  layout_class->measure = pmod_column_layout_measure;
  layout_class->allocate = pmod_column_layout_allocate;
  layout_class->get_request_mode = pmod_column_layout_get_request_mode;
}

static void
pmod_column_layout_init (PmodColumnLayout *self)
{
}
