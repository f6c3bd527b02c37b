/* Texts that may come a moment later: of many changes in a row the widget hears one, when nothing
 * is being drawn. For descriptions that take work and that nobody reads while things move.
 *
 * Not a widget. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

typedef void (*PmodLateTextFunc) (GtkWidget *widget);

/* Calls func (widget) once in a third of a second, unless that is on its way already or the widget
 * goes. A widget has one such function. */
void pmod_late_text_queue (GtkWidget *widget, PmodLateTextFunc func);

G_END_DECLS
