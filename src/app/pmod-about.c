/* What is said about the program: see pmod-about.h. The licences of drawings are those of the
 * bundled model's card (data/models/demo/README.md). */
#include "config.h"

#include "pmod-about.h"

#include <adwaita.h>
#include <glib/gi18n.h>

#include "pmod-second-window.h"

#define CC_BY                                                                                      \
  "<a href=\"https://creativecommons.org/licenses/by/4.0/\">Creative Commons Attribution 4.0</a>"

static const char *const paper[] = {
  "arXiv 2412.04449 https://arxiv.org/abs/2412.04449",
  "Jun Zhang",
  "Desen Meng",
  "Zhengming Zhang",
  "Zhenpeng Huang",
  "Tao Wu",
  "Limin Wang",
  NULL,
};

/* Whose drawings the bundled model has learnt from. */
static const struct
{
  const char *name;
  const char *copyright;
  GtkLicense license;
  const char *text; /* of GTK_LICENSE_CUSTOM */
} drawings[] = {
  { "Noto Emoji", "\302\251 Google", GTK_LICENSE_APACHE_2_0, NULL },
  { "FxEmojis", "\302\251 Mozilla Foundation", GTK_LICENSE_APACHE_2_0, NULL },
  { "Twemoji", "\302\251 Twitter, Inc. and contributors", GTK_LICENSE_CUSTOM, CC_BY },
  { "EmojiOne 2", "\302\251 Emoji One", GTK_LICENSE_CUSTOM, CC_BY },
  { "Fluent Emoji", "\302\251 Microsoft Corporation", GTK_LICENSE_MIT_X11, NULL },
};

static void
add_drawings (AdwAboutWindow *about)
{
  for (guint i = 0; i < G_N_ELEMENTS (drawings); i++)
    {
      g_autofree char *title = g_strdup_printf (_ ("Drawings learnt from: %s"), drawings[i].name);

      adw_about_window_add_legal_section (about, title, drawings[i].copyright, drawings[i].license,
                                          drawings[i].text);
    }
}

/* For a report of what went wrong; in English, for whoever reads it. (transfer full) */
static char *
describe_system (PmodSession *session)
{
  PmodModelCard *model = pmod_session_get_model (session);
  g_autofree char *os = g_get_os_info (G_OS_INFO_KEY_PRETTY_NAME);
  GString *text = g_string_new ("Strata " STRATA_VERSION "\n");

  g_string_append_printf (text, "System: %s\n", os ? os : "unknown");
  g_string_append_printf (text, "GTK %u.%u.%u, libadwaita %u.%u.%u\n", gtk_get_major_version (),
                          gtk_get_minor_version (), gtk_get_micro_version (),
                          adw_get_major_version (), adw_get_minor_version (),
                          adw_get_micro_version ());
  g_string_append_printf (text, "Display: %s\n", G_OBJECT_TYPE_NAME (gdk_display_get_default ()));
  g_string_append_printf (text, "Processors: %u\n", g_get_num_processors ());
  if (model)
    g_string_append_printf (text, "Model: %s, %s, %d layers, %d routed, on %s\n", model->name,
                            model->precision, model->n_layers, model->n_routed, model->device);
  else
    g_string_append (text, "Model: none\n");
  if (model && model->fallback)
    g_string_append_printf (text, "Why not on another device: %s\n", model->fallback);
  return g_string_free (text, FALSE);
}

void
pmod_about_present (GtkWindow *parent, PmodSession *session)
{
  const char *drawn[] = { _ ("The sample pictures and the icons are our own"), NULL };
  g_autofree char *system = describe_system (session);
  GtkWidget *about = g_object_new (
      ADW_TYPE_ABOUT_WINDOW, "application-name", _ ("Strata"), "application-icon", STRATA_APP_ID,
      "version", STRATA_VERSION, "developer-name", _ ("The Strata developers"), "license-type",
      GTK_LICENSE_APACHE_2_0, "comments",
      _ ("Ask a p-MoD model about a picture and see, layer by layer, which parts of it the model "
         "kept. A kept part is not proof that the answer used it. The paper\342\200\231s FLOPs "
         "leave out attention\342\200\231s products and the vision tower."),
      "artists", drawn, "debug-info", system, "debug-info-filename", "strata.txt", NULL);

  adw_about_window_add_acknowledgement_section (
      ADW_ABOUT_WINDOW (about), _ ("The architecture, p-MoD"), (const char **)paper);
  add_drawings (ADW_ABOUT_WINDOW (about));
  pmod_second_window_attach (GTK_WINDOW (about), parent);
  gtk_window_set_modal (GTK_WINDOW (about), parent != NULL);
  gtk_window_present (GTK_WINDOW (about));
}
