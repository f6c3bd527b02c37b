/* PmodChanceRow: see pmod-chance-row.h. */
#include "config.h"

#include "pmod-chance-row.h"

#include <glib/gi18n.h>

#include "pmod-palette.h"
#include "pmod-token-text.h"

#define BAR_HEIGHT 3

struct _PmodChanceRow
{
  GtkListBoxRow parent_instance;

  double probability;
  GtkLabel *text;
  GtkLabel *share;
  GtkWidget *said;
};

G_DEFINE_FINAL_TYPE (PmodChanceRow, pmod_chance_row, GTK_TYPE_LIST_BOX_ROW)

/* A bar along the row's lower edge: its whole, and of it the chance. */
static void
pmod_chance_row_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  PmodChanceRow *self = PMOD_CHANCE_ROW (widget);
  const PmodPalette *palette = pmod_palette_get ();
  float width = (float)gtk_widget_get_width (widget);
  float part = width * (float)self->probability;
  float y = (float)(gtk_widget_get_height (widget) - BAR_HEIGHT);
  float x = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL ? width - part : 0;

  GTK_WIDGET_CLASS (pmod_chance_row_parent_class)->snapshot (widget, snapshot);
  gtk_snapshot_append_color (snapshot, &palette->track,
                             &GRAPHENE_RECT_INIT (0, y, width, BAR_HEIGHT));
  gtk_snapshot_append_color (snapshot, &palette->used,
                             &GRAPHENE_RECT_INIT (x, y, part, BAR_HEIGHT));
}

static void
pmod_chance_row_class_init (PmodChanceRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  widget_class->snapshot = pmod_chance_row_snapshot;

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-chance-row.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodChanceRow, text);
  gtk_widget_class_bind_template_child (widget_class, PmodChanceRow, share);
  gtk_widget_class_bind_template_child (widget_class, PmodChanceRow, said);
}

static void
pmod_chance_row_init (PmodChanceRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pmod_chance_row_new (const PmodRunChance *chance, gboolean is_said, gboolean can_choose)
{
  PmodChanceRow *self = g_object_new (PMOD_TYPE_CHANCE_ROW, "activatable", can_choose, NULL);
  g_autofree char *text = pmod_token_text_say (chance);
  g_autofree char *share = pmod_token_text_chance (chance->probability);
  g_autofree char *name = pmod_token_text_name (chance);
  g_autofree char *said = is_said ? g_strdup_printf (_ ("%s, in the answer"), name) : NULL;

  self->probability = CLAMP (chance->probability, 0, 1);
  gtk_label_set_label (self->text, text);
  gtk_label_set_label (self->share, share);
  gtk_widget_set_opacity (self->said, is_said ? 1 : 0); /* its place stays */
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  said ? said : name, -1);
  return GTK_WIDGET (self);
}
