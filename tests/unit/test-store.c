/* PmodStore: order, news to the main thread, a disk that is full for a while, a store that cannot
 * be opened. */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pmod-engine.h"
#include "pmod-store.h"
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
  self->path = g_build_filename (self->folder, "conversations.db", NULL);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  store_check_remove_folder (self->folder);
  g_free (self->folder);
  g_free (self->path);
}

/* A read's task lets go of the store in the main loop. */
static void
finish (PmodStore *store)
{
  store_check_wait (G_OBJECT (store)->ref_count == 1);
  g_assert_finalize_object (store);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* --- Works ----------------------------------------------------------------------------------- */

static gboolean
add_titled (PmodStoreDb *db, gpointer title, GError **error)
{
  gint64 id;

  return pmod_store_db_add_conversation (db, title, &id, error);
}

static gboolean
rename_first (PmodStoreDb *db, gpointer title, GError **error)
{
  return pmod_store_db_rename (db, 1, title, error);
}

static gboolean
count (PmodStoreDb *db, gpointer number, GError **error)
{
  g_autoptr (GPtrArray) list = pmod_store_db_list (db, FALSE, error);

  if (list)
    *(guint *)number = list->len;
  return list != NULL;
}

typedef struct
{
  guint n_done;
  guint n_failed;
  guint counted;
  char *error;
} Result;

static void
done_cb (const GError *error, gpointer user_data)
{
  Result *result = user_data;

  result->n_done++;
  result->n_failed += error != NULL;
}

static void
counted_cb (GObject *source, GAsyncResult *async, gpointer user_data)
{
  Result *result = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree guint *number = pmod_store_read_finish (PMOD_STORE (source), async, &error);

  if (number)
    result->counted = *number;
  else
    result->error = g_strdup (error->message);
}

static void
read_count (PmodStore *store, Result *result, GCancellable *cancellable)
{
  pmod_store_read_async (store, count, g_new0 (guint, 1), g_free, cancellable, counted_cb, result);
}

static char *
titles (PmodStore *store)
{
  GListModel *model = pmod_store_get_conversations (store);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < g_list_model_get_n_items (model); i++)
    {
      g_autoptr (PmodStoreItem) item = g_list_model_get_item (model, i);

      g_string_append (text, pmod_store_item_get_title (item));
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
shows (PmodStore *store, const char *expected)
{
  g_autofree char *text = titles (store);

  return g_str_equal (text, expected);
}

/* --- Tests ----------------------------------------------------------------------------------- */

static void
test_order (Fixture *self, gconstpointer data)
{
  PmodStore *store = pmod_store_new (self->path);
  g_autoptr (PmodStoreItem) before = NULL;
  g_autoptr (PmodStoreItem) after = NULL;
  Result result = { 0 };

  for (int i = 0; i < 26; i++)
    pmod_store_write (store, add_titled, g_strdup_printf ("%c", 'a' + i), g_free, done_cb, &result);
  read_count (store, &result, NULL);
  store_check_wait (result.counted == 26);
  g_assert_cmpuint (result.n_done, ==, 26);
  g_assert_cmpuint (result.n_failed, ==, 0);
  store_check_wait (shows (store, "zyxwvutsrqponmlkjihgfedcba"));

  /* An item stays the same object. */
  before = g_list_model_get_item (pmod_store_get_conversations (store), 25);
  pmod_store_write (store, rename_first, g_strdup ("A"), g_free, NULL, NULL);
  store_check_wait (shows (store, "Azyxwvutsrqponmlkjihgfedcb"));
  after = g_list_model_get_item (pmod_store_get_conversations (store), 0);
  g_assert_true (before == after);
  g_assert_null (pmod_store_get_problem (store));
  finish (store);
}

/* What was asked for right before the end is on disk. */
static void
test_end (Fixture *self, gconstpointer data)
{
  PmodStore *store = pmod_store_new (self->path);
  Result result = { 0 };

  for (int i = 0; i < 50; i++)
    pmod_store_write (store, add_titled, g_strdup ("x"), g_free, NULL, NULL);
  finish (store);
  store = pmod_store_new (self->path);
  read_count (store, &result, NULL);
  store_check_wait (result.counted > 0);
  g_assert_cmpuint (result.counted, ==, 50);
  finish (store);
}

static void
test_cancelled (Fixture *self, gconstpointer data)
{
  PmodStore *store = pmod_store_new (self->path);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Result result = { 0 };

  g_cancellable_cancel (cancellable);
  read_count (store, &result, cancellable);
  store_check_wait (result.error);
  g_clear_pointer (&result.error, g_free);
  finish (store);
}

/* Two programs at once: each sees what the other writes. */
static void
test_two (Fixture *self, gconstpointer data)
{
  PmodStore *a = pmod_store_new (self->path), *b = pmod_store_new (self->path);

  pmod_store_write (a, add_titled, g_strdup ("a"), g_free, NULL, NULL);
  store_check_wait (shows (b, "a"));
  pmod_store_write (b, add_titled, g_strdup ("b"), g_free, NULL, NULL);
  store_check_wait (shows (a, "ba"));
  finish (a);
  finish (b);
}

/* No file may grow: what was written is read, what cannot be written waits, and is there later. */
static void
test_full_disk (Fixture *self, gconstpointer data)
{
  PmodStore *store = pmod_store_new (self->path);
  Result result = { 0 }, later = { 0 };

  signal (SIGXFSZ, SIG_IGN);
  pmod_store_write (store, add_titled, g_strdup ("a"), g_free, done_cb, &result);
  store_check_wait (result.n_done == 1);
  store_check_limit_files (4096);
  pmod_store_write (store, add_titled, g_strdup ("b"), g_free, done_cb, &later);
  pmod_store_write (store, add_titled, g_strdup ("c"), g_free, done_cb, &later);
  store_check_wait (pmod_store_get_problem (store));
  g_test_message ("%s", pmod_store_get_problem (store));
  store_check_wait (later.n_done == 1); /* whoever waits for it can go on */
  g_assert_cmpuint (later.n_failed, ==, 1);
  read_count (store, &result, NULL);
  store_check_wait (result.counted == 1);
  store_check_limit_files (RLIM_INFINITY);
  store_check_wait (!pmod_store_get_problem (store));
  store_check_wait (shows (store, "cba"));
  g_assert_cmpuint (later.n_done, ==, 2);
  finish (store);
}

static void
test_cannot_open (Fixture *self, gconstpointer data)
{
  PmodStore *store;
  Result result = { 0 };

  g_assert_true (
      g_file_set_contents (self->path, "This is not a database of conversations.", -1, NULL));
  store = pmod_store_new (self->path);
  store_check_wait (pmod_store_get_problem (store));
  g_test_message ("%s", pmod_store_get_problem (store));
  pmod_store_write (store, add_titled, g_strdup ("kept until the end"), g_free, done_cb, &result);
  store_check_wait (shows (store, "kept until the end"));
  g_assert_nonnull (pmod_store_get_problem (store));
  g_assert_cmpuint (result.n_failed, ==, 0);
  finish (store);
}

/* The page that every write changes is broken: what cannot be kept is said, and nothing waits for
 * ever. */
static void
test_damaged (Fixture *self, gconstpointer data)
{
  PmodStore *store = pmod_store_new (self->path);
  Result result = { 0 };
  guchar broken[4096];
  int file;

  pmod_store_write (store, add_titled, g_strdup ("a"), g_free, done_cb, &result);
  store_check_wait (result.n_done == 1);
  finish (store);
  memset (broken, 0xff, sizeof broken);
  file = open (self->path, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (pwrite (file, broken, sizeof broken, sizeof broken), ==, sizeof broken);
  close (file);

  store = pmod_store_new (self->path);
  pmod_store_write (store, add_titled, g_strdup ("b"), g_free, done_cb, &result);
  store_check_wait (result.n_done == 2);
  g_assert_cmpuint (result.n_failed, ==, 1);
  store_check_wait (pmod_store_get_problem (store));
  g_test_message ("%s", pmod_store_get_problem (store));
  g_assert_nonnull (strstr (pmod_store_get_problem (store), "malformed"));
  finish (store);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/store/order", test_order);
  ADD ("/store/end", test_end);
  ADD ("/store/cancelled", test_cancelled);
  ADD ("/store/two", test_two);
  ADD ("/store/full-disk", test_full_disk);
  ADD ("/store/cannot-open", test_cannot_open);
  ADD ("/store/damaged", test_damaged);
  return g_test_run ();
}
