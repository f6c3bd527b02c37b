/* Which viewer shows the help: see pmod-help.h. */
#include "config.h"

#include "pmod-help.h"

#include "pmod-help-window.h"

/* A viewer finds only what is installed; a sandbox hides our pages from the viewer outside. */
static gboolean
has_viewer (void)
{
  g_autoptr (GAppInfo) viewer = g_app_info_get_default_for_uri_scheme ("help");
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);

  if (!viewer || g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS))
    return FALSE;
  if (self && g_str_has_prefix (self, STRATA_BUILD_DIR G_DIR_SEPARATOR_S))
    return FALSE;
  return g_file_test (STRATA_HELPDIR "/C/strata/index.page", G_FILE_TEST_EXISTS);
}

static void
present_own (GtkWindow *parent, const char *page)
{
  gtk_window_present (GTK_WINDOW (pmod_help_window_get (parent, page)));
}

static void
shown_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree char *page = user_data;
  g_autoptr (GError) error = NULL;

  if (!gtk_show_uri_full_finish (GTK_WINDOW (source), result, &error))
    present_own (GTK_WINDOW (source), page);
}

void
pmod_help_present (GtkWindow *parent, const char *page)
{
  g_autofree char *uri = page ? g_strconcat ("help:strata/", page, NULL) : g_strdup ("help:strata");

  if (!parent || !has_viewer ())
    present_own (parent, page);
  else
    gtk_show_uri_full (parent, uri, GDK_CURRENT_TIME, NULL, shown_cb, g_strdup (page));
}
