/* PmodChat: the settings change, and the maps and, if wanted, the answer follow. See pmod-chat.h.
 */
#include "config.h"

#include "pmod-chat-private.h"

#include <string.h>

#include "pmod-turns.h"

/* A slider that rests this long was let go of. */
#define REST_MS 350

/* A map that is older than this grows in sight; a run of settings that are gone is given up. */
#define LONG_US (300 * 1000)

static void
forget_reading (PmodChat *self)
{
  if (self->reading)
    g_clear_signal_handler (&self->reading_id, self->reading);
  g_clear_object (&self->reading);
}

/* The maps on screen stay until all new ones are there, so that nothing flickers under a slider;
 * where they take long, they may as well be seen growing. */
static void
reading_changed_cb (PmodChat *self)
{
  g_autoptr (PmodRun) run = g_object_ref (self->reading);
  gboolean finished = pmod_run_is_finished (run);
  gboolean late = g_get_monotonic_time () - self->reading_us > LONG_US;

  if (finished)
    forget_reading (self);
  if (finished ? pmod_run_get_phase (run) == PMOD_RUN_DONE : late && pmod_run_has_maps (run))
    {
      /* An answer's maps, asked for since, are still to come. */
      if (!self->coming || self->coming != self->answer)
        pmod_chat_forget_coming (self);
      pmod_chat_set_run (self, run);
    }
  if (finished && self->reading_stale)
    pmod_chat_reread (self);
}

void
pmod_chat_reread (PmodChat *self)
{
  g_autoptr (PmodPicture) shown = NULL;
  g_autoptr (GPtrArray) texts = pmod_chat_collect_last (self, &shown);

  self->reading_stale = FALSE;
  if (!shown)
    return;
  if (self->answer || self->reading)
    {
      self->reading_stale = TRUE;
      if (self->answer ? self->answer_again : g_get_monotonic_time () - self->reading_us > LONG_US)
        pmod_session_stop_lane (self->session, 0);
      return;
    }
  self->reading = pmod_session_read_behind (
      self->session, texts ? (const char *const *)texts->pdata : NULL, shown, NULL, 0);
  self->reading_us = g_get_monotonic_time ();
  self->reading_id =
      g_signal_connect_swapped (self->reading, "changed", G_CALLBACK (reading_changed_cb), self);
}

static gboolean
again_cb (gpointer user_data)
{
  PmodChat *self = user_data;

  /* A typed question's answer is not cut short; this comes back when it is there. */
  if (self->answer)
    return G_SOURCE_CONTINUE;
  self->again_id = 0;
  self->answer_again = pmod_chat_start_again (self, pmod_chat_get_last_answer (self), &self->reply);
  return G_SOURCE_REMOVE;
}

void
pmod_chat_ask_when_resting (PmodChat *self)
{
  g_clear_handle_id (&self->again_id, g_source_remove);
  self->again_id = g_timeout_add (REST_MS, again_cb, self);
}

gboolean
pmod_chat_is_answer_old (PmodChat *self)
{
  PmodRun *run = pmod_turns_get_last_answer (G_LIST_MODEL (self->messages));

  return run && pmod_run_get_generation (run) !=
                    pmod_tuning_get_generation (pmod_session_get_tuning (self->session));
}

void
pmod_chat_follow_tuning (PmodChat *self, guint change)
{
  if (change & PMOD_TUNING_MODEL)
    return;
  if (change & PMOD_TUNING_ROUTING)
    pmod_chat_reread (self);
  if (self->asks_again && g_list_model_get_n_items (G_LIST_MODEL (self->messages)) > 0)
    pmod_chat_ask_when_resting (self);
}

void
pmod_chat_forget_changes (PmodChat *self)
{
  g_clear_handle_id (&self->again_id, g_source_remove);
  forget_reading (self);
  self->reading_stale = FALSE;
}
