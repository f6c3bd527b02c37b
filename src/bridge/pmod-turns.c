/* See pmod-turns.h. */
#include "config.h"

#include "pmod-turns.h"

char *
pmod_turns_dup_last_question (GListModel *messages)
{
  guint n_messages = g_list_model_get_n_items (messages);
  g_autoptr (PmodMessage) question = NULL;

  if (n_messages < 2)
    return NULL;
  question = g_list_model_get_item (messages, n_messages - 2);
  return g_strdup (pmod_message_get_text (question));
}

GPtrArray *
pmod_turns_collect (GListModel *messages, guint n_messages, const char *question)
{
  GPtrArray *texts = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i + 1 < n_messages; i += 2)
    {
      g_autoptr (PmodMessage) asked = g_list_model_get_item (messages, i);
      g_autoptr (PmodMessage) reply = g_list_model_get_item (messages, i + 1);

      if (*pmod_message_get_text (reply) == '\0')
        continue;
      g_ptr_array_add (texts, g_strdup (pmod_message_get_text (asked)));
      g_ptr_array_add (texts, g_strdup (pmod_message_get_text (reply)));
    }
  g_ptr_array_add (texts, g_strdup (question));
  g_ptr_array_add (texts, NULL);
  return texts;
}

PmodRun *
pmod_turns_get_last_answer (GListModel *messages)
{
  guint n_messages = g_list_model_get_n_items (messages);
  g_autoptr (PmodMessage) reply =
      n_messages > 0 ? g_list_model_get_item (messages, n_messages - 1) : NULL;

  return reply ? pmod_message_get_run (reply) : NULL;
}

char **
pmod_turns_dup_until (GListModel *messages, PmodRun *run)
{
  g_autoptr (GStrvBuilder) turns = g_strv_builder_new ();
  guint n_messages = g_list_model_get_n_items (messages), n_until = 0;

  for (guint i = 0; i + 1 < n_messages; i += 2)
    {
      g_autoptr (PmodMessage) reply = g_list_model_get_item (messages, i + 1);

      if (pmod_message_get_run (reply) == run)
        n_until = i + 2;
    }
  for (guint i = 0; i < n_until; i++)
    {
      g_autoptr (PmodMessage) message = g_list_model_get_item (messages, i);

      g_strv_builder_add (turns, pmod_message_get_text (message));
    }
  return g_strv_builder_end (turns);
}
