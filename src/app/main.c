/* strata: the window. Only starts PmodApplication. */
#include "config.h"

#include <glib/gi18n.h>
#include <locale.h>

#include "pmod-application.h"

int
main (int argc, char *argv[])
{
  g_autoptr (PmodApplication) application = NULL;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, STRATA_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_set_application_name (_ ("Strata"));

  application = pmod_application_new ();
  return g_application_run (G_APPLICATION (application), argc, argv);
}
