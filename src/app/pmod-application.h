/* The program: one instance, one session, one window; its command line, menu and shortcuts. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define PMOD_TYPE_APPLICATION (pmod_application_get_type ())
G_DECLARE_FINAL_TYPE (PmodApplication, pmod_application, PMOD, APPLICATION, AdwApplication)

PmodApplication *pmod_application_new (void);

G_END_DECLS
