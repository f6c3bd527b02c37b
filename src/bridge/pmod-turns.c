/* See pmod-turns.h. */
#include "config.h"

#include "pmod-turns.h"

#include "pmod-picture-private.h"

/* Where a picture stands in a text: its own line. */
#define MARK "<image>"

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

/* --- Pictures -------------------------------------------------------------------------------- */

/* Texts while they are put together, and what is shown in them. */
typedef struct
{
  GPtrArray *texts;
  GPtrArray *pictures;
  guint n_placed; /* of pictures: those that a text has a mark for */
} Said;

static void
show (Said *said, GPtrArray *pictures)
{
  for (guint i = 0; pictures && i < pictures->len; i++)
    g_ptr_array_add (said->pictures, g_object_ref (pictures->pdata[i]));
}

/* What a user types is text, the mark's name too. */
static void
ask (Said *said, const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, MARK, -1);
  g_autofree char *quoted = g_strjoinv ("< image>", parts);
  GString *marked = g_string_new (NULL);

  for (; said->n_placed < said->pictures->len; said->n_placed++)
    g_string_append (marked, MARK "\n");
  g_string_append (marked, quoted);
  g_ptr_array_add (said->texts, g_string_free (marked, FALSE));
}

/* Pictures of a question that is left out stand with the next one. */
static void
say_before (Said *said, GListModel *messages, guint n_messages)
{
  for (guint i = 0; i + 1 < n_messages; i += 2)
    {
      g_autoptr (PmodMessage) asked = g_list_model_get_item (messages, i);
      g_autoptr (PmodMessage) reply = g_list_model_get_item (messages, i + 1);

      show (said, pmod_message_get_pictures (asked));
      if (*pmod_message_get_text (reply) == '\0')
        continue;
      ask (said, pmod_message_get_text (asked));
      g_ptr_array_add (said->texts, g_strdup (pmod_message_get_text (reply)));
    }
}

static gboolean
brings_pictures (GListModel *messages, guint n_messages)
{
  for (guint i = 0; i < n_messages; i += 2)
    {
      g_autoptr (PmodMessage) asked = g_list_model_get_item (messages, i);

      if (asked && pmod_message_get_pictures (asked))
        return TRUE;
    }
  return FALSE;
}

GPtrArray *
pmod_turns_collect_shown (GListModel *messages,
                          guint n_messages,
                          const char *question,
                          PmodPicture *picture,
                          GPtrArray *own,
                          PmodPicture **shown)
{
  Said said = { 0 };

  *shown = picture ? g_object_ref (picture) : NULL;
  if ((!own || own->len == 0) && !brings_pictures (messages, n_messages))
    return pmod_turns_collect (messages, n_messages, question);
  said.texts = g_ptr_array_new_with_free_func (g_free);
  said.pictures = g_ptr_array_new_with_free_func (g_object_unref);
  if (picture)
    g_ptr_array_add (said.pictures, g_steal_pointer (shown));
  say_before (&said, messages, n_messages);
  show (&said, own);
  ask (&said, question);
  g_ptr_array_add (said.texts, NULL);
  *shown = pmod_picture_join (said.pictures);
  g_ptr_array_unref (said.pictures);
  return said.texts;
}

/* --- Answers --------------------------------------------------------------------------------- */

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
