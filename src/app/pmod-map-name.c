/* See pmod-map-name.h. */
#include "config.h"

#include "pmod-map-name.h"

#include <glib/gi18n.h>

#include "pmod-cell-text.h"
#include "pmod-late-text.h"
#include "pmod-map-summary.h"

char *
pmod_map_name_new (PmodSelection *selection, PmodPicture *picture)
{
  const char *name = picture ? pmod_picture_get_name (picture) : _ ("Recorded picture");
  PmodRun *run = pmod_selection_get_run (selection);
  int layer = pmod_selection_get_layer (selection);
  PmodView view = pmod_selection_get_view (selection);
  PmodRunLayer info;

  if (view == PMOD_VIEW_PICTURE || !run || !pmod_run_get_layer (run, layer, &info) || !info.ready)
    return g_strdup (name);
  if (view == PMOD_VIEW_DEPTH)
    return g_strdup_printf (_ ("%s, how many layers kept each part"), name);
  if (!info.routed)
    return g_strdup_printf (_ ("%s, layer %d keeps every part"), name, layer);
  if (view == PMOD_VIEW_WEIGHTS)
    return g_strdup_printf (_ ("%s, weights of layer %d, which keeps %d of %d parts"), name, layer,
                            info.n_kept, info.n_vision);
  return g_strdup_printf (_ ("%s, layer %d keeps %d of %d parts"), name, layer, info.n_kept,
                          info.n_vision);
}

char *
pmod_map_name_describe (PmodSelection *selection, GtkWidget *widget)
{
  PmodMapSubject subject = pmod_map_subject_from_selection (
      selection, gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL);

  return pmod_map_summary_new (&subject);
}

static char *
describe_held (PmodSelection *selection)
{
  return pmod_cell_text_new (selection, pmod_selection_get_held (selection));
}

static void
describe_late (GtkWidget *widget)
{
  g_autoptr (PmodSelection) selection = NULL;
  g_autofree char *text = NULL;

  g_object_get (widget, "selection", &selection, NULL);
  if (!selection)
    return;
  text = describe_held (selection);
  if (!text)
    text = pmod_map_name_describe (selection, widget);
  if (*text == '\0')
    {
      g_free (text);
      text = g_strdup (pmod_selection_get_view (selection) == PMOD_VIEW_PICTURE
                           ? _ ("The picture without a map")
                           : _ ("There is no map yet"));
    }
  gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                  text, -1);
}

void
pmod_map_name_update (GtkWidget *widget, PmodSelection *selection, PmodPicture *picture)
{
  g_autofree char *name = pmod_map_name_new (selection, picture);
  g_autofree char *held = describe_held (selection);

  gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  if (held)
    gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
                                    held, -1);
  else
    pmod_late_text_queue (widget, describe_late);
}
