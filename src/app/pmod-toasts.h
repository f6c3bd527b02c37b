/* What the window says in passing: short toasts, and problems with a reason behind a button. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* title is plain text, not markup. */
AdwToast *pmod_toasts_new (const char *title);

/* button, action: nullable. */
void pmod_toasts_add (AdwToastOverlay *overlay,
                      const char *title,
                      const char *button,
                      const char *action);

/* Why something did not work is more than a toast has room for: "win.explain" has the message. */
void pmod_toasts_add_problem (AdwToastOverlay *overlay, const char *title, const char *message);

/* The dialog behind "Why?". */
void pmod_toasts_show (GtkWindow *parent, const char *title, const char *message);

/* parameter: of "win.explain", (ss). */
void pmod_toasts_explain (GtkWindow *parent, GVariant *parameter);

G_END_DECLS
