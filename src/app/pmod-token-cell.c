/* PmodTokenCell: see pmod-token-cell.h. */
#include "config.h"

#include "pmod-token-cell.h"

#include "pmod-palette.h"

#define LINE_HEIGHT 2
#define DASH 5
#define DOT 2
#define RADIUS 3

struct _PmodTokenCell
{
  GtkWidget parent_instance;

  double probability;
  GtkLabel *label;
};

enum
{
  ACTIVATED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodTokenCell, pmod_token_cell, GTK_TYPE_WIDGET)

/* --- Drawing --------------------------------------------------------------------------------- */

/* Nothing, a line, dashes or dots. */
static void
snapshot_line (PmodTokenCell *self, GtkSnapshot *snapshot, int width, int height)
{
  int mark = width, gap = 0;

  if (self->probability >= 0.9)
    return;
  if (self->probability < 0.1)
    mark = gap = DOT;
  else if (self->probability < 0.5)
    {
      mark = DASH;
      gap = DASH - 2;
    }
  for (int x = 0; x < width; x += mark + gap)
    gtk_snapshot_append_color (snapshot, &pmod_palette_get ()->ink,
                               &GRAPHENE_RECT_INIT ((float)x, (float)(height - LINE_HEIGHT),
                                                    (float)MIN (mark, width - x), LINE_HEIGHT));
}

static void
pmod_token_cell_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodTokenCell *self = PMOD_TOKEN_CELL (widget);
  int width = gtk_widget_get_width (widget);
  int height = gtk_widget_get_height (widget);
  GdkRGBA tint = pmod_palette_get ()->margin;
  graphene_rect_t rect = GRAPHENE_RECT_INIT (0, 0, (float)width, (float)height);
  GskRoundedRect clip;

  tint.alpha *= (float)(1 - self->probability);
  gsk_rounded_rect_init_from_rect (&clip, &rect, RADIUS);
  gtk_snapshot_push_rounded_clip (snapshot, &clip);
  gtk_snapshot_append_color (snapshot, &tint, &rect);
  snapshot_line (self, snapshot, width, height);
  gtk_snapshot_pop (snapshot);
  gtk_widget_snapshot_child (widget, GTK_WIDGET (self->label), snapshot);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
released_cb (GtkGestureClick *gesture, int n_press, double x, double y, gpointer user_data)
{
  gtk_widget_grab_focus (user_data);
  g_signal_emit (user_data, signals[ACTIVATED], 0);
}

static gboolean
activate_cb (GtkWidget *widget, GVariant *args, gpointer user_data)
{
  g_signal_emit (widget, signals[ACTIVATED], 0);
  return GDK_EVENT_STOP;
}

static void
pmod_token_cell_dispose (GObject *object)
{
  PmodTokenCell *self = PMOD_TOKEN_CELL (object);
  GtkWidget *child = GTK_WIDGET (self->label);

  self->label = NULL;
  g_clear_pointer (&child, gtk_widget_unparent);

  G_OBJECT_CLASS (pmod_token_cell_parent_class)->dispose (object);
}

static void
pmod_token_cell_class_init (PmodTokenCellClass *klass)
{
  static const guint activating[] = { GDK_KEY_Return, GDK_KEY_KP_Enter, GDK_KEY_space,
                                      GDK_KEY_KP_Space };
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = pmod_token_cell_dispose;
  widget_class->snapshot = pmod_token_cell_snapshot;

  signals[ACTIVATED] = g_signal_new ("activated", PMOD_TYPE_TOKEN_CELL, G_SIGNAL_RUN_LAST, 0, NULL,
                                     NULL, NULL, G_TYPE_NONE, 0);
  for (guint i = 0; i < G_N_ELEMENTS (activating); i++)
    gtk_widget_class_add_binding (widget_class, activating[i], 0, activate_cb, NULL);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-token-cell.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodTokenCell, label);
  gtk_widget_class_bind_template_callback (widget_class, released_cb);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "tokencell");
}

static void
pmod_token_cell_init (PmodTokenCell *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pmod_token_cell_new (const char *text, const char *name, double probability)
{
  PmodTokenCell *self = g_object_new (
      PMOD_TYPE_TOKEN_CELL, "focusable", name != NULL, "can-target", name != NULL,
      "accessible-role", name ? GTK_ACCESSIBLE_ROLE_BUTTON : GTK_ACCESSIBLE_ROLE_LABEL, NULL);

  self->probability = CLAMP (probability, 0, 1);
  gtk_label_set_label (self->label, text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  name ? name : text, -1);
  pmod_palette_follow (GTK_WIDGET (self), gtk_widget_queue_draw);
  return GTK_WIDGET (self);
}
