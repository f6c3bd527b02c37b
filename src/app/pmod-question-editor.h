/* A question that is written anew, in its own place: Enter asks it with the action chat.ask-instead
 * (position, text), Escape leaves it as it was, Shift and Enter break the line.
 *
 * Signal: "closed", when it has served. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-message.h"

G_BEGIN_DECLS

#define PMOD_TYPE_QUESTION_EDITOR (pmod_question_editor_get_type ())
G_DECLARE_FINAL_TYPE (PmodQuestionEditor, pmod_question_editor, PMOD, QUESTION_EDITOR, GtkWidget)

/* height: of the words as they stood there, so that nothing moves when it takes their place. */
GtkWidget *pmod_question_editor_new (PmodMessage *question, int height);

G_END_DECLS
