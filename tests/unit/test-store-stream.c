/* An answer that grows by 200 tokens a second, told to the store at each of them: how long whoever
 * tells it waits, and how far the disk is behind. test-store-stream [SECONDS], 2 where nothing is
 * said. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pmod-kept.h"
#include "store-check.h"

#define TOKENS_PER_S 200
#define TOKEN "tokens "
#define CALL_MS 5      /* of the processor's time in one call */
#define BEHIND_MS 1000 /* that may be lost */

static int n_seconds = 2;

typedef struct
{
  PmodStore *store;
  PmodKept *question;
  PmodKept *answer;
  GString *text;
  GArray *told_us; /* when each token was told */
  gint64 slowest_us;
  gint64 behind_us;
  guint n_reads;
  gboolean added;
} Stream;

static gint64
processor_us (void)
{
  struct timespec time;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
  return (gint64)time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

static void
added_cb (const GError *error, gpointer user_data)
{
  g_assert_no_error (error);
  ((Stream *)user_data)->added = TRUE;
}

static gboolean
token_cb (gpointer user_data)
{
  Stream *stream = user_data;
  gint64 now = g_get_monotonic_time (), start;

  g_array_append_val (stream->told_us, now);
  g_string_append (stream->text, TOKEN);
  start = processor_us ();
  pmod_kept_update (stream->store, stream->answer, PMOD_STORE_GROWING, stream->text->str, NULL,
                    NULL);
  stream->slowest_us = MAX (stream->slowest_us, processor_us () - start);
  return stream->told_us->len < (guint)(n_seconds * TOKENS_PER_S);
}

/* What another program that opens the file now would find. */
static gsize
read_size (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodStoreDb) db = pmod_store_db_open (path, &error);
  g_autoptr (GPtrArray) messages = NULL;

  g_assert_no_error (error);
  messages = pmod_store_db_list_messages (db, 1, &error);
  g_assert_cmpuint (messages->len, ==, 2);
  return strlen (((PmodStoreMessage *)messages->pdata[1])->text);
}

static void
look (Stream *stream, const char *path)
{
  gint64 now = g_get_monotonic_time ();
  guint n_kept = (guint)(read_size (path) / strlen (TOKEN));

  stream->n_reads++;
  if (n_kept < stream->told_us->len)
    stream->behind_us =
        MAX (stream->behind_us, now - g_array_index (stream->told_us, gint64, n_kept));
}

static void
test_stream (void)
{
  g_autofree char *folder = g_dir_make_tmp ("strata-stream-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "conversations.db", NULL);
  Stream stream = { .store = pmod_store_new (path),
                    .question = pmod_kept_new (NULL, PMOD_STORE_USER, "How long?"),
                    .text = g_string_new (NULL),
                    .told_us = g_array_new (FALSE, FALSE, sizeof (gint64)) };
  gint64 next = 0;

  stream.answer = pmod_kept_new (stream.question, PMOD_STORE_ASSISTANT, "");
  pmod_kept_add (stream.store, stream.question, stream.answer, added_cb, &stream);
  store_check_wait (stream.added);
  g_timeout_add (1000 / TOKENS_PER_S, token_cb, &stream);
  while (stream.told_us->len < (guint)(n_seconds * TOKENS_PER_S))
    {
      g_main_context_iteration (NULL, TRUE);
      if (g_get_monotonic_time () < next)
        continue;
      look (&stream, path);
      next = g_get_monotonic_time () + 100 * G_TIME_SPAN_MILLISECOND;
    }
  g_test_message (
      "%u tokens, %zu bytes at last: a call took at most %.2f ms of the processor; in %u "
      "looks the disk was at most %.0f ms behind",
      stream.told_us->len, stream.text->len, (double)stream.slowest_us / 1000, stream.n_reads,
      (double)stream.behind_us / 1000);
  g_assert_cmpint (stream.slowest_us, <, CALL_MS * 1000);
  g_assert_cmpint (stream.behind_us, <, BEHIND_MS * 1000);
  pmod_kept_unref (stream.answer);
  pmod_kept_unref (stream.question);
  g_object_unref (stream.store); /* waits for the rest */
  g_assert_cmpuint (read_size (path), ==, stream.text->len);
  g_string_free (stream.text, TRUE);
  g_array_unref (stream.told_us);
  store_check_remove_folder (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc > 1)
    n_seconds = atoi (argv[1]);

  g_test_add_func ("/store-stream/stream", test_stream);
  return g_test_run ();
}
