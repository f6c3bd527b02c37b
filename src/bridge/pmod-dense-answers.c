/* PmodDenseAnswers: see pmod-dense-answers.h. */
#include "config.h"

#include "pmod-dense-answers.h"

#include "pmod-picture-private.h"
#include "pmod-run-private.h"
#include "pmod-run-tokens.h"

struct _PmodDenseAnswers
{
  GHashTable *runs; /* key -> PmodRun */
};

PmodDenseAnswers *
pmod_dense_answers_new (void)
{
  PmodDenseAnswers *self = g_new0 (PmodDenseAnswers, 1);

  self->runs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  return self;
}

void
pmod_dense_answers_free (PmodDenseAnswers *self)
{
  g_hash_table_unref (self->runs);
  g_free (self);
}

char *
pmod_dense_answers_make_key (PmodModelCard *model, PmodPicture *picture, const GPtrArray *texts)
{
  GString *key = g_string_new (model ? model->path : NULL);
  guint n_texts = texts->len - 1; /* the last one is NULL */

  for (guint i = 0; picture && i < pmod_picture_get_n_parts (picture); i++)
    {
      PmodImage *image = pmod_picture_get_image (pmod_picture_get_part (picture, i));

      g_string_append_printf (key, "\n%" G_GINT64_MODIFIER "x", pmod_image_get_hash (image));
    }
  for (guint i = model && model->single_questions ? n_texts - 1 : 0; i < n_texts; i++)
    g_string_append_printf (key, "\n%s", (const char *)g_ptr_array_index (texts, i));
  return g_string_free (key, FALSE);
}

void
pmod_dense_answers_join (PmodDenseAnswers *self, PmodRun *run, const char *key)
{
  PmodRun *dense = g_hash_table_lookup (self->runs, key);

  if (dense)
    pmod_run_set_dense_run (run, dense);
}

static const char *
find_key (PmodRun *run, GListModel *messages)
{
  for (guint i = g_list_model_get_n_items (messages); i > 0; i--)
    {
      g_autoptr (PmodMessage) message = g_list_model_get_item (messages, i - 1);

      if (pmod_message_get_run (message) == run)
        return pmod_message_get_key (message);
    }
  return NULL;
}

void
pmod_dense_answers_add (PmodDenseAnswers *self, PmodRun *run, GListModel *messages)
{
  const char *key = find_key (run, messages);
  int n_known;

  if (!key || pmod_run_count_given_tokens (run, &n_known) > 0 ||
      pmod_run_get_phase (run) != PMOD_RUN_DONE || !pmod_run_is_dense (run))
    return;
  g_hash_table_insert (self->runs, g_strdup (key), g_object_ref (run));
  for (guint i = 0; i < g_list_model_get_n_items (messages); i++)
    {
      g_autoptr (PmodMessage) message = g_list_model_get_item (messages, i);
      PmodRun *other = pmod_message_get_run (message);

      if (other && other != run && g_strcmp0 (pmod_message_get_key (message), key) == 0)
        pmod_run_set_dense_run (other, run);
    }
}
