/* Says a growing answer to screen readers, whole sentence by whole sentence.
 *
 * Seen by nobody: it is a log whose accessible name is what is said now. GTK 4.8 has no
 * announcements, and the readers of its time speak such changes of the object that has the focus
 * alone; so that what has the focus can say it too, it is the property "sentence" as well. What was
 * said gets the time to be heard before the next is said. Properties: chat; sentence, "" where
 * there is nothing to say. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_SPEAKER (pmod_speaker_get_type ())
G_DECLARE_FINAL_TYPE (PmodSpeaker, pmod_speaker, PMOD, SPEAKER, GtkWidget)

const char *pmod_speaker_get_sentence (PmodSpeaker *self);

G_END_DECLS
