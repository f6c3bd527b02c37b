/* How many tokens the next question of a chat takes, of those that the model's context holds:
 * picture, what was said before, and the words so far. Counted as they are typed, with a tokenizer
 * of its own on other threads, so that neither the window nor an answer waits. Main thread.
 *
 * Signal: "changed". */
#pragma once

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_CONTEXT_METER (pmod_context_meter_get_type ())
G_DECLARE_FINAL_TYPE (PmodContextMeter, pmod_context_meter, PMOD, CONTEXT_METER, GObject)

/* The one of this chat; it is made when it is first asked for. (transfer none) */
PmodContextMeter *pmod_context_meter_get (PmodChat *chat);

/* The words so far; "" counts what stands there without any. */
void pmod_context_meter_set_draft (PmodContextMeter *self, const char *text);

/* Of the newest draft that was counted; -1: not known. */
int pmod_context_meter_get_needed (PmodContextMeter *self);
int pmod_context_meter_get_limit (PmodContextMeter *self); /* 0: no model */

/* Whether what is known is of the draft as it is now, and nothing is being counted. */
gboolean pmod_context_meter_get_settled (PmodContextMeter *self);

/* FALSE only where it is known that the draft does not fit. */
gboolean pmod_context_meter_get_fits (PmodContextMeter *self);

/* Why needed tokens do not fit, and what to do. (transfer full) */
char *pmod_context_meter_explain (PmodContextMeter *self, int needed);

/* What question takes behind the first n_messages of the chat. -1 with an error. */
void pmod_context_meter_count_async (PmodContextMeter *self,
                                     guint n_messages,
                                     const char *question,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data);
int pmod_context_meter_count_finish (PmodContextMeter *self, GAsyncResult *result, GError **error);

G_END_DECLS
