/* Conversations as files: to the byte through JSON, readable as Markdown, and bad files refused. */
#include "config.h"

#include <string.h>

#include "pmod-engine.h"
#include "pmod-store-exchange.h"

static PmodStoreDb *
open_store (void)
{
  g_autoptr (GError) error = NULL;
  PmodStoreDb *db = pmod_store_db_open (NULL, &error);

  g_assert_no_error (error);
  return db;
}

static void
collect_cb (const PmodRecord *record, gpointer data)
{
  g_byte_array_append (data, (const guint8 *)record, record->size);
}

static GBytes *
make_trace (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (PmodTrace) trace = pmod_trace_new (G_MAXUINT32, collect_cb, bytes);
  PmodRecordRunEnd *end = pmod_trace_append (trace, PMOD_RECORD_RUN_END, -1, sizeof *end);
  g_autoptr (GBytes) records = NULL;

  end->n_new_tokens = 5;
  pmod_trace_commit (trace, end);
  records = g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
  return pmod_trace_pack (records, NULL);
}

static gint64
add (PmodStoreDb *db, PmodStoreMessage message)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (pmod_store_db_add_message (db, &message, &error));
  g_assert_no_error (error);
  return message.id;
}

/* A picture that two messages show, two answers to one question, every state, odd text. */
static gint64
fill (PmodStoreDb *db)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new_static ("\x89PNG\0\xff not really", 17);
  g_autoptr (GBytes) trace = make_trace ();
  g_autofree char *hash = NULL;
  gint64 chat = 0, question, answer;

  g_assert_true (
      pmod_store_db_add_conversation (db, "Rings \"and\"\n\303\266ther <things>", &chat, &error));
  g_assert_true (pmod_store_db_add_picture (db, "ring.png", bytes, &hash, &error));
  question = add (db, (PmodStoreMessage){ .conversation = chat,
                                          .text = (char *)"Where?\n> not a quote",
                                          .pictures = (char *[]){ hash, NULL } });
  add (db, (PmodStoreMessage){ .conversation = chat,
                               .parent = question,
                               .role = PMOD_STORE_ASSISTANT,
                               .state = PMOD_STORE_STOPPED,
                               .text = (char *)"At the",
                               .model = (char *)"demo" });
  answer = add (db, (PmodStoreMessage){ .conversation = chat,
                                        .parent = question,
                                        .role = PMOD_STORE_ASSISTANT,
                                        .text = (char *)"At the **top** \360\237\232\200.",
                                        .model = (char *)"demo",
                                        .settings = (char *)"{ \"factor\":0.50 }",
                                        .trace = trace });
  question = add (db, (PmodStoreMessage){ .conversation = chat,
                                          .parent = answer,
                                          .text = (char *)"And now?",
                                          .pictures = (char *[]){ hash, hash, NULL } });
  add (db, (PmodStoreMessage){ .conversation = chat,
                               .parent = question,
                               .role = PMOD_STORE_ASSISTANT,
                               .state = PMOD_STORE_FAILED,
                               .text = (char *)"",
                               .error = (char *)"layer 3: no" });
  return chat;
}

static char *export(PmodStoreDb *db, gint64 chat)
{
  g_autoptr (GError) error = NULL;
  char *text = pmod_store_export_json (db, chat, &error);

  g_assert_no_error (error);
  return text;
}

static gint64
import (PmodStoreDb *db, const char *text)
{
  g_autoptr (GError) error = NULL;
  gint64 id = 0;

  g_assert_true (pmod_store_import_json (db, text, -1, &id, &error));
  g_assert_no_error (error);
  return id;
}

static void
test_round_trip (void)
{
  g_autoptr (PmodStoreDb) a = open_store ();
  g_autoptr (PmodStoreDb) b = open_store ();
  g_autofree char *first = export(a, fill (a));
  g_autofree char *second = NULL;
  g_autofree char *twice = NULL;
  g_autoptr (PmodStoreConversation) copy = NULL;
  gint64 id, again;

  fill (b); /* other ids */
  id = import (b, first);
  second = export(b, id);
  g_assert_cmpstr (first, ==, second);

  /* Once more beside itself: another conversation, the rest the same. */
  again = import (b, first);
  g_assert_cmpint (again, !=, id);
  copy = pmod_store_db_get (b, again, NULL);
  twice = export(b, again);
  g_assert_cmpstr (first, !=, twice);
  memcpy (strstr (twice, copy->uuid), strstr (first, "\"uuid\" : \"") + strlen ("\"uuid\" : \""),
          strlen (copy->uuid));
  g_assert_cmpstr (first, ==, twice);
}

static void
test_markdown (void)
{
  g_autoptr (PmodStoreDb) db = open_store ();
  g_autofree char *text = pmod_store_export_markdown (db, fill (db), NULL);

  g_assert_cmpstr (text, ==,
                   "# Rings \"and\" \303\266ther <things>\n\n"
                   "*ring.png*\n\n> Where?\n> > not a quote\n\n"
                   "At the **top** \360\237\232\200.\n\n"
                   "*ring.png*\n\n*ring.png*\n\n> And now?\n\n"
                   "\n*(failed)*\n\n");
}

static void
test_growing (void)
{
  g_autoptr (PmodStoreDb) db = open_store ();
  g_autoptr (GPtrArray) messages = NULL;
  g_autofree char *text = NULL;
  gint64 chat = 0;

  g_assert_true (pmod_store_db_add_conversation (db, "now", &chat, NULL));
  add (db, (PmodStoreMessage){ .conversation = chat,
                               .role = PMOD_STORE_ASSISTANT,
                               .state = PMOD_STORE_GROWING,
                               .text = (char *)"so far" });
  text = export(db, chat);
  messages = pmod_store_db_list_messages (db, import (db, text), NULL);
  g_assert_cmpint (((PmodStoreMessage *)messages->pdata[0])->state, ==, PMOD_STORE_PARTIAL);
}

/* Replaces one piece of a good file; all such files are refused, and nothing is left of them. */
static void
test_bad_files (void)
{
  static const struct
  {
    const char *from;
    const char *to;
    const char *expected; /* in the message */
  } cases[] = {
    { "\"strata_conversation\" : 1", "\"strata_conversation\" : 2", "schema 1, got 2" },
    { "\"strata_conversation\" : 1", "\"strata_conversation\" : \"1\"", "a whole number" },
    { "\"strata_conversation\"", "\"something\"", "one that Strata has exported" },
    { "\"uuid\" : \"", "\"uuid\" : \"x", "a UUID" },
    { "\"leaf\" : 4", "\"leaf\" : 5", "leaf" },
    { "\"leaf\" : 4", "\"leaf\" : -1", "leaf" },
    { "\"parent\" : 2", "\"parent\" : 3", "message 3's \"parent\"" },
    { "\"role\" : \"user\"", "\"role\" : \"robot\"", "message 0's \"role\"" },
    { "\"state\" : \"stopped\"", "\"state\" : \"growing\"", "message 1's \"state\"" },
    { "\"text\" : \"At the\"", "\"text\" : null", "message 1's \"text\"" },
    { "\"hash\" : \"", "\"hash\" : \"0", "picture 0's" },
    { "\"bytes\" : \"", "\"bytes\" : \"AAAA", "SHA-256" },
    { "\"trace\" : \"", "\"trace\" : \"AAAA", "message 2's \"trace\"" },
    { "\"messages\" : [", "\"messages\" : [[],", "message 0's" },
    { "\"messages\" : [", "\"messages\" : {", "" },
    { "\"created_us\"", "\"uuid\"", "uuid" },
    { "{", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "" },
    { "{", "", "" },
  };
  g_autoptr (PmodStoreDb) db = open_store ();
  g_autofree char *good = export(db, fill (db));

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) list = NULL;
      const char *found = strstr (good, cases[i].from);
      g_autofree char *bad = NULL;
      gint64 id;

      g_assert_nonnull (found);
      bad = g_strdup_printf ("%.*s%s%s", (int)(found - good), good, cases[i].to,
                             found + strlen (cases[i].from));
      g_assert_false (pmod_store_import_json (db, bad, -1, &id, &error));
      g_assert_nonnull (error);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i].expected));
      list = pmod_store_db_list (db, FALSE, NULL);
      g_assert_cmpuint (list->len, ==, 1);
    }
  /* Every cut. */
  for (gsize cut = 0; cut + 2 < strlen (good); cut++)
    {
      gint64 id;

      g_assert_false (pmod_store_import_json (db, good, (gssize)cut, &id, NULL));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/store-exchange/round-trip", test_round_trip);
  g_test_add_func ("/store-exchange/markdown", test_markdown);
  g_test_add_func ("/store-exchange/growing", test_growing);
  g_test_add_func ("/store-exchange/bad-files", test_bad_files);
  return g_test_run ();
}
