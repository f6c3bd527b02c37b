/* The preferences that hold for the whole program's looks: see pmod-appearance.h.
 *
 * Motion has one switch, GTK's own: stacks, revealers, leaflets and style sheets ask it, and so
 * does whatever of ours moves. */
#include "config.h"

#include "pmod-appearance.h"

#include <adwaita.h>

#include "pmod-preferences.h"

static void
color_scheme_cb (GSettings *settings)
{
  static const AdwColorScheme schemes[] = {
    [PMOD_COLOR_SCHEME_SYSTEM] = ADW_COLOR_SCHEME_DEFAULT,
    [PMOD_COLOR_SCHEME_LIGHT] = ADW_COLOR_SCHEME_FORCE_LIGHT,
    [PMOD_COLOR_SCHEME_DARK] = ADW_COLOR_SCHEME_FORCE_DARK,
  };
  int scheme = g_settings_get_enum (settings, PMOD_PREFERENCE_COLOR_SCHEME);

  adw_style_manager_set_color_scheme (adw_style_manager_get_default (), schemes[scheme]);
}

/* Reset, the property is the system's again, and follows it. */
static void
motion_cb (GSettings *settings)
{
  GtkSettings *gtk = gtk_settings_get_default ();

  if (g_settings_get_boolean (settings, PMOD_PREFERENCE_REDUCE_MOTION))
    g_object_set (gtk, "gtk-enable-animations", FALSE, NULL);
  else
    gtk_settings_reset_property (gtk, "gtk-enable-animations");
}

void
pmod_appearance_follow (GSettings *settings)
{
  g_return_if_fail (G_IS_SETTINGS (settings));

  g_signal_connect (settings, "changed::" PMOD_PREFERENCE_COLOR_SCHEME,
                    G_CALLBACK (color_scheme_cb), NULL);
  g_signal_connect (settings, "changed::" PMOD_PREFERENCE_REDUCE_MOTION, G_CALLBACK (motion_cb),
                    NULL);
  color_scheme_cb (settings);
  motion_cb (settings);
}
