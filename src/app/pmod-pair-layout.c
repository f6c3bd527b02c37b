/* PmodPairLayout: see pmod-pair-layout.h. */
#include "config.h"

#include "pmod-pair-layout.h"

#define SPACING 12

/* A child is never narrower than this beside another. */
#define MIN_WIDTH 220

struct _PmodPairLayout
{
  GtkLayoutManager parent_instance;
};

G_DEFINE_FINAL_TYPE (PmodPairLayout, pmod_pair_layout, GTK_TYPE_LAYOUT_MANAGER)

static int
count_children (GtkWidget *widget)
{
  int n = 0;

  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    n += gtk_widget_should_layout (child);
  return n;
}

static gboolean
is_beside (int n, int width)
{
  return n > 1 && width >= n * MIN_WIDTH + (n - 1) * SPACING;
}

static int
get_column (int n, int width)
{
  return is_beside (n, width) ? (width - (n - 1) * SPACING) / n : width;
}

static GtkSizeRequestMode
get_request_mode (GtkLayoutManager *manager, GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
measure (GtkLayoutManager *manager,
         GtkWidget *widget,
         GtkOrientation orientation,
         int for_size,
         int *minimum,
         int *natural,
         int *minimum_baseline,
         int *natural_baseline)
{
  int n = count_children (widget);
  gboolean horizontal = orientation == GTK_ORIENTATION_HORIZONTAL;
  gboolean beside = !horizontal && (for_size < 0 || is_beside (n, for_size));
  int column = horizontal || for_size < 0 ? -1 : get_column (n, for_size);

  *minimum = *natural = 0;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      int child_minimum, child_natural;

      if (!gtk_widget_should_layout (child))
        continue;
      gtk_widget_measure (child, orientation, column, &child_minimum, &child_natural, NULL, NULL);
      /* Across, any of them must fit alone; down, they stand on each other where not beside. */
      *minimum = horizontal || beside ? MAX (*minimum, child_minimum) : *minimum + child_minimum;
      *natural = beside ? MAX (*natural, child_natural) : *natural + child_natural;
    }
  if (!beside && n > 1)
    {
      *minimum += horizontal ? 0 : (n - 1) * SPACING;
      *natural += (n - 1) * SPACING;
    }
}

static void
allocate (GtkLayoutManager *manager, GtkWidget *widget, int width, int height, int baseline)
{
  int n = count_children (widget);
  gboolean beside = is_beside (n, width);
  int column = get_column (n, width);
  gboolean rtl = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  int x = rtl ? width - column : 0, y = 0;
  int given = 0, rest = height - (n - 1) * SPACING;

  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      int minimum, child_height;

      if (!gtk_widget_should_layout (child))
        continue;
      gtk_widget_measure (child, GTK_ORIENTATION_VERTICAL, column, &minimum, NULL, NULL, NULL);
      child_height = beside ? height : MAX (rest / (n - given), minimum);
      gtk_widget_size_allocate (child, &(GtkAllocation){ x, y, column, child_height }, -1);
      if (beside)
        x += (rtl ? -1 : 1) * (column + SPACING);
      else
        y += child_height + SPACING;
      rest -= child_height;
      given++;
    }
}

static void
pmod_pair_layout_class_init (PmodPairLayoutClass *klass)
{
  GtkLayoutManagerClass *manager_class = GTK_LAYOUT_MANAGER_CLASS (klass);

  manager_class->get_request_mode = get_request_mode;
  manager_class->measure = measure;
  manager_class->allocate = allocate;
}

static void
pmod_pair_layout_init (PmodPairLayout *self)
{
}
