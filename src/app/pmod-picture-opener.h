/* Every way a picture comes in: chosen, named, dropped, pasted, taken of the screen. Not a widget.
 *
 * Reads off the main thread; the newest request wins, an older one that ends later is dropped. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_PICTURE_OPENER (pmod_picture_opener_get_type ())
G_DECLARE_FINAL_TYPE (PmodPictureOpener, pmod_picture_opener, PMOD, PICTURE_OPENER, GObject)

PmodPictureOpener *pmod_picture_opener_new (PmodChat *chat);

/* One whose pictures come with the next question instead, several at once in their order; what is
 * no picture is opened. */
PmodPictureOpener *pmod_picture_opener_new_adding (PmodChat *chat);

/* What is dropped on place, or pasted while the focus is there, goes to adder once something was
 * asked. */
void
pmod_picture_opener_set_adder (PmodPictureOpener *self, PmodPictureOpener *adder, GtkWidget *place);

/* A picture, a recorded run or a training (".trace"), or a saved run (".strata"). */
void pmod_picture_opener_open (PmodPictureOpener *self, GFile *file);

/* The first of n_files: a conversation begins with one picture, which is said where there are more.
 */
void pmod_picture_opener_open_first (PmodPictureOpener *self, GFile *file, guint n_files);

/* Asks with a file chooser that starts in folder (nullable). */
void pmod_picture_opener_choose (PmodPictureOpener *self, GtkWindow *parent, GFile *folder);

/* FALSE where the clipboard has neither a picture nor a file. */
gboolean pmod_picture_opener_paste (PmodPictureOpener *self, GdkClipboard *clipboard);

/* Through the desktop's portal, which asks what of. */
void pmod_picture_opener_take_screenshot (PmodPictureOpener *self);

/* Takes pictures and files that are dropped on widget. */
void pmod_picture_opener_accept_drops (PmodPictureOpener *self, GtkWidget *widget);

G_END_DECLS
