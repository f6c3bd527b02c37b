/* Conversations on disk: what comes back, what a kill, a full disk, another version or another
 * process does to them. */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pmod-engine.h"
#include "pmod-store-db.h"
#include "store-check.h"

typedef struct
{
  char *folder;
  char *path;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->folder = g_dir_make_tmp ("strata-store-XXXXXX", NULL);
  self->path = g_build_filename (self->folder, "deep", "conversations.db", NULL);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  store_check_remove_folder (self->folder);
  g_free (self->folder);
  g_free (self->path);
}

static PmodStoreDb *
open_store (const char *path)
{
  g_autoptr (GError) error = NULL;
  PmodStoreDb *db = pmod_store_db_open (path, &error);

  g_assert_no_error (error);
  g_assert_nonnull (db);
  return db;
}

static gint64
add_message (PmodStoreDb *db,
             gint64 conversation,
             gint64 parent,
             PmodStoreRole role,
             PmodStoreState state,
             const char *text)
{
  g_autoptr (GError) error = NULL;
  PmodStoreMessage message = { .conversation = conversation,
                               .parent = parent,
                               .role = role,
                               .state = state,
                               .text = (char *)text };

  g_assert_true (pmod_store_db_add_message (db, &message, &error));
  g_assert_no_error (error);
  g_assert_cmpint (message.id, >, 0);
  g_assert_cmpint (message.created_us, >, 0);
  return message.id;
}

static gint64
add_conversation (PmodStoreDb *db, const char *title)
{
  g_autoptr (GError) error = NULL;
  gint64 id = 0;

  g_assert_true (pmod_store_db_add_conversation (db, title, &id, &error));
  g_assert_no_error (error);
  return id;
}

static void
assert_titles (PmodStoreDb *db, gboolean deleted, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) list = pmod_store_db_list (db, deleted, &error);
  g_autoptr (GString) titles = g_string_new (NULL);

  g_assert_no_error (error);
  for (guint i = 0; i < list->len; i++)
    g_string_append_printf (titles, "%s%s", i ? "," : "",
                            ((PmodStoreConversation *)list->pdata[i])->title);
  g_assert_cmpstr (titles->str, ==, expected);
}

/* --- What comes back ------------------------------------------------------------------------- */

static void
test_tree (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new_static ("not \0 a picture", 15);
  g_autoptr (GBytes) trace = g_bytes_new_static ("records", 7);
  g_autoptr (GBytes) read_trace = NULL, read_bytes = NULL;
  g_autoptr (GPtrArray) list = NULL;
  g_autoptr (PmodStoreConversation) conversation = NULL;
  g_autofree char *hash = NULL, *again = NULL, *name = NULL;
  PmodStoreDb *db = open_store (self->path);
  gint64 chat = add_conversation (db, "Ring"), question, first, second;
  PmodStoreMessage asked = { .conversation = chat, .text = "Where is the ring?" };
  PmodStoreMessage *message;

  g_assert_true (pmod_store_db_add_picture (db, "ring.png", bytes, &hash, &error));
  g_assert_true (pmod_store_db_add_picture (db, "copy.png", bytes, &again, &error));
  g_assert_cmpstr (hash, ==, again);
  asked.pictures = (char *[]){ hash, NULL };
  g_assert_true (pmod_store_db_add_message (db, &asked, &error));
  question = asked.id;
  first = add_message (db, chat, question, PMOD_STORE_ASSISTANT, PMOD_STORE_GROWING, "");
  g_assert_true (pmod_store_db_update_message (db, first, PMOD_STORE_COMPLETE, "Top right.", NULL,
                                               trace, &error));
  second = add_message (db, chat, question, PMOD_STORE_ASSISTANT, PMOD_STORE_GROWING, "");
  g_assert_true (pmod_store_db_update_message (db, second, PMOD_STORE_FAILED, "To", "cancelled",
                                               NULL, &error));
  pmod_store_db_free (db);

  db = open_store (self->path);
  list = pmod_store_db_list_messages (db, chat, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (list->len, ==, 3);
  message = list->pdata[0];
  g_assert_cmpint (message->role, ==, PMOD_STORE_USER);
  g_assert_cmpint (message->parent, ==, 0);
  g_assert_cmpstr (message->text, ==, "Where is the ring?");
  g_assert_cmpstr (message->pictures[0], ==, hash);
  g_assert_null (message->pictures[1]);
  message = list->pdata[1];
  g_assert_cmpint (message->parent, ==, question);
  g_assert_cmpint (message->state, ==, PMOD_STORE_COMPLETE);
  g_assert_cmpstr (message->text, ==, "Top right.");
  message = list->pdata[2];
  g_assert_cmpint (message->parent, ==, question);
  g_assert_cmpint (message->state, ==, PMOD_STORE_FAILED);
  g_assert_cmpstr (message->error, ==, "cancelled");

  conversation = pmod_store_db_get (db, chat, &error);
  g_assert_cmpint (conversation->leaf, ==, second);
  g_assert_true (pmod_store_db_set_leaf (db, chat, first, &error));
  g_clear_pointer (&conversation, pmod_store_conversation_free);
  conversation = pmod_store_db_get (db, chat, &error);
  g_assert_cmpint (conversation->leaf, ==, first);

  read_trace = pmod_store_db_get_trace (db, first, &error);
  g_assert_true (g_bytes_equal (read_trace, trace));
  g_assert_null (pmod_store_db_get_trace (db, second, &error));
  g_assert_no_error (error);
  read_bytes = pmod_store_db_get_picture (db, hash, &name, &error);
  g_assert_true (g_bytes_equal (read_bytes, bytes));
  g_assert_cmpstr (name, ==, "ring.png");
  pmod_store_db_free (db);
}

static void
test_lists (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) folders = NULL;
  g_autoptr (PmodStoreConversation) moved = NULL;
  PmodStoreDb *db = open_store (self->path);
  gint64 a = add_conversation (db, "a"), b = add_conversation (db, "b"), folder = 0, same = 0;
  gint64 before, after;

  add_conversation (db, "c");
  assert_titles (db, FALSE, "c,b,a");
  g_assert_true (pmod_store_db_get_change (db, &before, &error));
  g_assert_true (pmod_store_db_rename (db, a, "A", &error));
  g_assert_true (pmod_store_db_get_change (db, &after, &error));
  g_assert_cmpint (after, >, before);
  assert_titles (db, FALSE, "A,c,b");

  g_assert_true (pmod_store_db_delete (db, b, TRUE, &error));
  assert_titles (db, FALSE, "A,c");
  assert_titles (db, TRUE, "b");
  g_assert_true (pmod_store_db_delete (db, b, FALSE, &error));
  assert_titles (db, FALSE, "b,A,c");
  g_assert_true (pmod_store_db_delete (db, b, TRUE, &error));
  g_assert_true (pmod_store_db_purge (db, &error));
  assert_titles (db, TRUE, "");
  g_assert_false (pmod_store_db_rename (db, b, "gone", &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT);
  g_clear_error (&error);

  g_assert_true (pmod_store_db_add_folder (db, "Trips", &folder, &error));
  g_assert_true (pmod_store_db_add_folder (db, "Trips", &same, &error));
  g_assert_cmpint (folder, ==, same);
  g_assert_true (pmod_store_db_move (db, a, folder, &error));
  moved = pmod_store_db_get (db, a, &error);
  g_assert_cmpint (moved->folder, ==, folder);
  g_assert_false (pmod_store_db_move (db, a, folder + 1, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_true (pmod_store_db_rename_folder (db, folder, "Travel", &error));
  folders = pmod_store_db_list_folders (db, &error);
  g_assert_cmpstr (((PmodStoreFolder *)folders->pdata[0])->name, ==, "Travel");
  g_assert_true (pmod_store_db_remove_folder (db, folder, NULL, &error));
  assert_titles (db, FALSE, "A,c");
  pmod_store_db_free (db);
}

/* Pictures go with the last message that shows them. */
static void
test_purged_pictures (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new_static ("x", 1);
  g_autoptr (GBytes) there = NULL;
  g_autofree char *hash = NULL;
  PmodStoreDb *db = open_store (self->path);
  gint64 chats[2] = { add_conversation (db, "a"), add_conversation (db, "b") };

  g_assert_true (pmod_store_db_add_picture (db, "x", bytes, &hash, &error));
  for (int i = 0; i < 2; i++)
    {
      PmodStoreMessage message = { .conversation = chats[i],
                                   .text = (char *)"?",
                                   .pictures = (char *[]){ hash, NULL } };

      g_assert_true (pmod_store_db_add_message (db, &message, &error));
    }
  g_assert_true (pmod_store_db_delete (db, chats[0], TRUE, &error));
  g_assert_true (pmod_store_db_purge (db, &error));
  there = pmod_store_db_get_picture (db, hash, NULL, &error);
  g_assert_nonnull (there);
  g_assert_true (pmod_store_db_delete (db, chats[1], TRUE, &error));
  g_assert_true (pmod_store_db_purge (db, &error));
  g_assert_null (pmod_store_db_get_picture (db, hash, NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
  pmod_store_db_free (db);
}

/* --- Search ---------------------------------------------------------------------------------- */

static guint
count_hits (PmodStoreDb *db, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) hits = pmod_store_db_search (db, words, 0, 100, &error);

  g_assert_no_error (error);
  return hits->len;
}

static void
test_search (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) hits = NULL;
  PmodStoreDb *db = open_store (self->path);
  gint64 chat = add_conversation (db, "Harbour"), message;

  message = add_message (db, chat, 0, PMOD_STORE_USER, PMOD_STORE_COMPLETE,
                         "Wie viele Schiffe liegen im Hafen von K\303\266ln?");
  add_message (db, chat, message, PMOD_STORE_ASSISTANT, PMOD_STORE_COMPLETE, "Three \"ships\" AND");
  g_assert_cmpuint (count_hits (db, "schiff"), ==, 1);
  g_assert_cmpuint (count_hits (db, "koln hafen"), ==, 1);
  g_assert_cmpuint (count_hits (db, "ships three"), ==, 1);
  g_assert_cmpuint (count_hits (db, "schiffe ships"), ==, 0);
  g_assert_cmpuint (count_hits (db, "AND"), ==, 1);
  g_assert_cmpuint (count_hits (db, "\"ships OR ( * -"), ==, 0);
  g_assert_cmpuint (count_hits (db, " \t"), ==, 0);
  hits = pmod_store_db_search (db, "hafen", 0, 10, &error);
  g_assert_cmpstr (((PmodStoreHit *)hits->pdata[0])->title, ==, "Harbour");
  g_assert_nonnull (
      strstr (((PmodStoreHit *)hits->pdata[0])->excerpt, "\342\201\250Hafen\342\201\251"));

  g_assert_true (pmod_store_db_update_message (db, message, PMOD_STORE_COMPLETE, "Kein Wort", NULL,
                                               NULL, &error));
  g_assert_cmpuint (count_hits (db, "hafen"), ==, 0);
  g_assert_true (pmod_store_db_delete (db, chat, TRUE, &error));
  g_assert_cmpuint (count_hits (db, "wort"), ==, 0);
  pmod_store_db_free (db);
}

#define N_SEARCHED 10000
#define SEARCH_MS 100

/* This thread's alone: other tests run beside it. The search does not wait for anything. */
static gint64
processor_us (void)
{
  struct timespec time;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
  return (gint64)time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

static void
test_search_speed (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  static const char *const words[] = { "ring", "tree", "star", "moon", "boat", "left", "right" };
  /* In memory: this measures the search, not the disk. */
  PmodStoreDb *db = open_store (NULL);
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  gint64 chat = add_conversation (db, "long"), start, slowest = 0;

  for (int i = 0; i < N_SEARCHED; i++)
    {
      g_autoptr (GString) text = g_string_new (NULL);

      for (int j = 0; j < 40; j++)
        g_string_append_printf (text, "%s%d ", words[g_rand_int_range (random, 0, 7)],
                                g_rand_int_range (random, 0, 2000));
      add_message (db, chat, 0, PMOD_STORE_USER, PMOD_STORE_COMPLETE, text->str);
    }
  for (int i = 0; i < 20; i++)
    {
      g_autofree char *query = g_strdup_printf ("%s%d moon", words[i % 7], i % 3 ? i : i * 100);

      start = processor_us ();
      g_assert_cmpuint (count_hits (db, query), >, 0);
      slowest = MAX (slowest, processor_us () - start);
    }
  g_test_message ("%d messages: the slowest of 20 searches took %.1f ms", N_SEARCHED,
                  (double)slowest / 1000);
  g_assert_cmpint (slowest, <, SEARCH_MS * 1000);
  pmod_store_db_free (db);
}

/* --- Other versions, other files ------------------------------------------------------------- */

static void
execute (const char *path, const char *text)
{
  sqlite3 *db;
  char *message = NULL;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  sqlite3_exec (db, text, NULL, NULL, &message);
  g_assert_cmpstr (message, ==, NULL);
  g_assert_cmpint (sqlite3_close (db), ==, SQLITE_OK);
}

static void
test_newer_version (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  PmodStoreDb *db = open_store (self->path);
  gint64 id;

  g_assert_null (pmod_store_db_get_read_only (db));
  add_conversation (db, "old");
  pmod_store_db_free (db);
  execute (self->path, "PRAGMA user_version = 99");

  db = open_store (self->path);
  g_assert_nonnull (strstr (pmod_store_db_get_read_only (db), "99"));
  assert_titles (db, FALSE, "old");
  g_assert_false (pmod_store_db_add_conversation (db, "new", &id, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  assert_titles (db, FALSE, "old");
  pmod_store_db_free (db);
}

/* A file of version 1, as it was written before there was a search; of 2, before conversations had
 * system prompts. */
static void
make_version (const char *path, int version)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_strdup_printf ("fixtures/store/version-%d.sql", version);
  g_autofree char *file = g_test_build_filename (G_TEST_DIST, name, NULL);
  g_autofree char *text = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  execute (path, text);
}

static void
test_migration (Fixture *self, gconstpointer data)
{
  g_autofree char *backup = g_strconcat (self->path, ".version-1.backup", NULL);
  g_autofree char *part = g_strconcat (backup, ".part", NULL);
  PmodStoreDb *db;

  make_version (self->path, 1);
  for (int i = 0; i < 2; i++)
    {
      db = open_store (self->path);
      g_assert_null (pmod_store_db_get_read_only (db));
      assert_titles (db, FALSE, "Boats");
      g_assert_cmpuint (count_hits (db, "harbour"), ==, 1);
      pmod_store_db_free (db);
    }
  g_assert_true (g_file_test (backup, G_FILE_TEST_IS_REGULAR));
  g_assert_false (g_file_test (part, G_FILE_TEST_EXISTS));

  /* The copy is a whole store of the old version: it migrates, too. */
  db = open_store (backup);
  assert_titles (db, FALSE, "Boats");
  pmod_store_db_free (db);
}

static void
test_system (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *backup = g_strconcat (self->path, ".version-2.backup", NULL);
  g_autoptr (PmodStoreConversation) conversation = NULL;
  PmodStoreDb *db;

  make_version (self->path, 2);
  for (int i = 0; i < 2; i++)
    {
      db = open_store (self->path);
      assert_titles (db, FALSE, "Boats");
      g_assert_cmpuint (count_hits (db, "harbour"), ==, 1);
      g_clear_pointer (&conversation, pmod_store_conversation_free);
      conversation = pmod_store_db_get (db, 1, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (conversation->system, ==, i == 0 ? NULL : "Be brief.");
      g_assert_true (pmod_store_db_set_system (db, 1, "Be brief.", &error));
      pmod_store_db_free (db);
    }
  g_assert_true (g_file_test (backup, G_FILE_TEST_IS_REGULAR));

  db = open_store (self->path);
  g_assert_true (pmod_store_db_set_system (db, 1, NULL, &error));
  g_clear_pointer (&conversation, pmod_store_conversation_free);
  conversation = pmod_store_db_get (db, 1, &error);
  g_assert_null (conversation->system);
  pmod_store_db_free (db);
}

/* A migration that fails half-way leaves the file as it was, and the next try goes on. */
static void
test_failed_migration (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  PmodStoreDb *db;

  make_version (self->path, 1);
  execute (self->path, "CREATE TRIGGER message_gone AFTER DELETE ON message BEGIN SELECT 1; END");
  g_assert_null (pmod_store_db_open (self->path, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_test_message ("%s", error->message);
  execute (self->path, "DROP TRIGGER message_gone");
  db = open_store (self->path);
  assert_titles (db, FALSE, "Boats");
  g_assert_cmpuint (count_hits (db, "harbour"), ==, 1);
  pmod_store_db_free (db);
}

static void
test_other_files (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_path_get_dirname (self->path);
  g_autofree char *other = g_build_filename (folder, "other.db", NULL);
  g_autofree char *text = g_build_filename (folder, "text.db", NULL);
  g_autofree char *below = g_build_filename (text, "below.db", NULL);

  pmod_store_db_free (open_store (self->path));
  execute (other, "CREATE TABLE bookmarks (url TEXT)");
  g_assert_null (pmod_store_db_open (other, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
  g_clear_error (&error);

  g_assert_true (
      g_file_set_contents (text, "This is not a database, but it is long enough.", -1, NULL));
  g_assert_null (pmod_store_db_open (text, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (pmod_store_db_open (below, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
}

/* --- A full disk ----------------------------------------------------------------------------- */

static void
test_full_disk (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *long_text = g_strnfill (4 << 20, 'x');
  PmodStoreDb *db = open_store (self->path);
  gint64 chat = add_conversation (db, "before");
  gint64 question = add_message (db, chat, 0, PMOD_STORE_USER, PMOD_STORE_COMPLETE, "kept");
  PmodStoreMessage message = { .conversation = chat, .parent = question, .text = long_text };
  struct rlimit old, small = { 1 << 20, RLIM_INFINITY };
  g_autoptr (GPtrArray) list = NULL;

  /* No file may grow beyond a megabyte: what a full disk does, without one. */
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  small.rlim_max = old.rlim_max;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_false (pmod_store_db_add_message (db, &message, &error));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_test_message ("%s", error->message);
  g_clear_error (&error);

  list = pmod_store_db_list_messages (db, chat, &error);
  g_assert_cmpuint (list->len, ==, 1);
  message.id = 0;
  g_assert_true (pmod_store_db_add_message (db, &message, &error));
  pmod_store_db_free (db);

  db = open_store (self->path);
  g_clear_pointer (&list, g_ptr_array_unref);
  list = pmod_store_db_list_messages (db, chat, &error);
  g_assert_cmpuint (list->len, ==, 2);
  pmod_store_db_free (db);
}

/* --- Several processes ----------------------------------------------------------------------- */

static void
test_two_at_once (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) list = NULL;
  PmodStoreDb *a = open_store (self->path), *b = open_store (self->path);
  gint64 chat = add_conversation (a, "shared"), answer;

  answer = add_message (a, chat, 0, PMOD_STORE_ASSISTANT, PMOD_STORE_GROWING, "so far");
  add_message (b, chat, 0, PMOD_STORE_USER, PMOD_STORE_COMPLETE, "beside it");
  assert_titles (b, FALSE, "shared");
  pmod_store_db_free (b);

  /* a still writes: its answer is not taken from it. */
  b = open_store (self->path);
  list = pmod_store_db_list_messages (b, chat, &error);
  g_assert_cmpuint (list->len, ==, 2);
  g_assert_cmpint (((PmodStoreMessage *)list->pdata[0])->state, ==, PMOD_STORE_GROWING);
  g_assert_true (pmod_store_db_update_message (a, answer, PMOD_STORE_COMPLETE, "so far, so good",
                                               NULL, NULL, &error));
  pmod_store_db_free (a);
  pmod_store_db_free (b);
}

/* --- Killed ---------------------------------------------------------------------------------- */

#define KILLED_ROUNDS 200

/* Asks, says through the pipe what was promised to be on disk, and lets an answer grow. */
static void
chat_until_killed (const char *path, gint64 chat, int round, int out)
{
  PmodStoreDb *db = open_store (path);
  g_autofree char *question = g_strdup_printf ("question %d", round);
  gint64 id = add_message (db, chat, 0, PMOD_STORE_USER, PMOD_STORE_COMPLETE, question);
  gint64 answer = add_message (db, chat, id, PMOD_STORE_ASSISTANT, PMOD_STORE_GROWING, "");
  g_autoptr (GString) text = g_string_new (NULL);

  for (int i = 0;; i++)
    {
      g_string_append_printf (text, "%d ", i);
      if (!pmod_store_db_update_message (db, answer, PMOD_STORE_GROWING, text->str, NULL, NULL,
                                         NULL) ||
          write (out, &i, sizeof i) != sizeof i)
        _exit (1);
    }
}

/* How many pieces of the answer the child said were saved. */
static int
kill_one (const char *path, gint64 chat, int round, GRand *random)
{
  int pipes[2], saved = -1, number;
  pid_t child;

  g_assert_cmpint (pipe (pipes), ==, 0);
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      close (pipes[0]);
      chat_until_killed (path, chat, round, pipes[1]);
    }
  close (pipes[1]);
  /* Now and then before the first word. */
  g_usleep ((gulong)g_rand_int_range (random, 0, 30000));
  kill (child, SIGKILL);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  while (read (pipes[0], &number, sizeof number) == sizeof number)
    saved = number;
  close (pipes[0]);
  return saved;
}

static void
test_killed (Fixture *self, gconstpointer data)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (11);
  g_autoptr (GHashTable) promised = g_hash_table_new (g_direct_hash, g_direct_equal);
  g_autoptr (GPtrArray) list = NULL;
  g_autoptr (GError) error = NULL;
  PmodStoreDb *db = open_store (self->path);
  gint64 chat = add_conversation (db, "killed");
  int n_answers = 0, n_partial = 0;

  pmod_store_db_free (db);
  for (int round = 0; round < KILLED_ROUNDS; round++)
    g_hash_table_insert (promised, GINT_TO_POINTER (round),
                         GINT_TO_POINTER (kill_one (self->path, chat, round, random) + 1));

  db = open_store (self->path);
  list = pmod_store_db_list_messages (db, chat, &error);
  g_assert_no_error (error);
  for (guint i = 0; i + 1 < list->len; i++)
    {
      PmodStoreMessage *question = list->pdata[i], *answer = list->pdata[i + 1];
      int round, words = 0;

      if (question->role != PMOD_STORE_USER || answer->parent != question->id)
        continue;
      g_assert_cmpint (sscanf (question->text, "question %d", &round), ==, 1);
      n_answers++;
      n_partial += answer->state == PMOD_STORE_PARTIAL;
      for (const char *c = answer->text; *c; c++)
        words += *c == ' ';
      /* What was said to be saved is there. */
      g_assert_cmpint (words, >=,
                       GPOINTER_TO_INT (g_hash_table_lookup (promised, GINT_TO_POINTER (round))));
      g_hash_table_remove (promised, GINT_TO_POINTER (round));
    }
  /* Who is left was killed before anything was promised. */
  {
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init (&iter, promised);
    while (g_hash_table_iter_next (&iter, &key, &value))
      g_assert_cmpint (GPOINTER_TO_INT (value), ==, 0);
  }
  g_test_message ("%d rounds: %d answers begun, %d marked partial, %d killed before", KILLED_ROUNDS,
                  n_answers, n_partial, g_hash_table_size (promised));
  g_assert_cmpint (n_answers, >, KILLED_ROUNDS / 4);
  g_assert_cmpint (n_partial, ==, n_answers);
  pmod_store_db_free (db);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/store-db/tree", test_tree);
  ADD ("/store-db/lists", test_lists);
  ADD ("/store-db/purged-pictures", test_purged_pictures);
  ADD ("/store-db/search", test_search);
  ADD ("/store-db/search-speed", test_search_speed);
  ADD ("/store-db/newer-version", test_newer_version);
  ADD ("/store-db/migration", test_migration);
  ADD ("/store-db/system", test_system);
  ADD ("/store-db/failed-migration", test_failed_migration);
  ADD ("/store-db/other-files", test_other_files);
  ADD ("/store-db/full-disk", test_full_disk);
  ADD ("/store-db/two-at-once", test_two_at_once);
  ADD ("/store-db/killed", test_killed);
  return g_test_run ();
}
