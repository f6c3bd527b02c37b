/* What a question brought, above its words: thumbnails that wrap. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-message.h"

G_BEGIN_DECLS

#define PMOD_TYPE_MESSAGE_PICTURES (pmod_message_pictures_get_type ())
G_DECLARE_FINAL_TYPE (PmodMessagePictures, pmod_message_pictures, PMOD, MESSAGE_PICTURES, GtkWidget)

/* In front of what is in box; nothing where message brought none. */
void pmod_message_pictures_add (GtkBox *box, PmodMessage *message);

G_END_DECLS
