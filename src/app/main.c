/* strata: the window. Only starts PmodApplication. */
#include "config.h"

#include <glib/gi18n.h>
#include <locale.h>

#include "pmod-application.h"

/* A program of the build tree takes what was built with it. (transfer full) */
static char *
find_translations (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);

  if (self != NULL && g_str_has_prefix (self, STRATA_BUILD_DIR G_DIR_SEPARATOR_S))
    return g_build_filename (STRATA_BUILD_DIR, "po", NULL);
  return g_strdup (STRATA_LOCALEDIR);
}

int
main (int argc, char *argv[])
{
  g_autoptr (PmodApplication) application = NULL;
  g_autofree char *translations = find_translations ();

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, translations);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_set_application_name (_ ("Strata"));

  application = pmod_application_new ();
  return g_application_run (G_APPLICATION (application), argc, argv);
}
