/* Folders of conversations: kept, listed as they change, removed and brought back, exported. */
#include "config.h"

#include <string.h>

#include "pmod-engine.h"
#include "pmod-folder.h"
#include "pmod-shelf.h"
#include "pmod-store-exchange.h"
#include "store-check.h"

typedef struct
{
  char *folder;
  char *path;
  PmodStore *store;
  PmodShelf *shelf;
  gint64 added;
  guint n_added;
  guint n_failed;
} Fixture;

static void
added_cb (Fixture *self, gint64 id)
{
  self->added = id;
  self->n_added++;
}

static void
failed_cb (Fixture *self, const char *title, const char *message)
{
  g_test_message ("%s: %s", title, message);
  self->n_failed++;
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (PmodSession) session = pmod_session_new ();
  g_autoptr (PmodChat) chat = pmod_chat_new (session);
  g_autoptr (PmodKeeper) keeper = NULL;

  self->folder = g_dir_make_tmp ("strata-folders-XXXXXX", NULL);
  self->path = g_build_filename (self->folder, "conversations.db", NULL);
  self->store = pmod_store_new (self->path);
  keeper = pmod_keeper_new (chat, self->store);
  self->shelf = pmod_shelf_new (keeper);
  g_signal_connect_swapped (self->shelf, "folder-added", G_CALLBACK (added_cb), self);
  g_signal_connect_swapped (self->shelf, "failed", G_CALLBACK (failed_cb), self);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_clear_object (&self->shelf);
  g_clear_object (&self->store);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  store_check_remove_folder (self->folder);
  g_free (self->folder);
  g_free (self->path);
}

static gboolean
add_titled (PmodStoreDb *db, gpointer title, GError **error)
{
  gint64 id;

  return pmod_store_db_add_conversation (db, title, &id, error);
}

static void
add_conversations (Fixture *self, const char *titles)
{
  for (const char *title = titles; *title; title++)
    pmod_store_write (self->store, add_titled, g_strndup (title, 1), g_free, NULL, NULL);
}

/* Titles in their order, each with its folder's name: "c b(Trips) a". */
static gboolean
lists (Fixture *self, const char *expected)
{
  GListModel *list = pmod_shelf_get_list (self->shelf);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (PmodStoreItem) item = g_list_model_get_item (list, i);
      const char *folder = pmod_store_item_get_folder_name (item);

      g_string_append_printf (text, "%s%s", i ? " " : "", pmod_store_item_get_title (item));
      if (folder)
        g_string_append_printf (text, "(%s)", folder);
    }
  return g_str_equal (text->str, expected);
}

static gboolean
has_folders (Fixture *self, const char *expected)
{
  GListModel *folders = pmod_shelf_get_folders (self->shelf);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < g_list_model_get_n_items (folders); i++)
    {
      g_autoptr (PmodFolder) folder = g_list_model_get_item (folders, i);

      g_string_append_printf (text, "%s%s %u", i ? ", " : "", pmod_folder_get_name (folder),
                              pmod_folder_get_n_conversations (folder));
    }
  return g_str_equal (text->str, expected);
}

static void
test_shelf (Fixture *self, gconstpointer data)
{
  g_autoptr (PmodFolder) trips = NULL;
  g_autoptr (PmodFolder) after = NULL;
  gint64 id;

  add_conversations (self, "abc");
  pmod_shelf_add_folder (self->shelf, " Trips ", 2);
  store_check_wait (self->n_added == 1);
  id = self->added;
  /* Nothing changes its place. */
  store_check_wait (lists (self, "c b(Trips) a") && has_folders (self, "Trips 1"));
  trips = g_object_ref (pmod_folder_find (pmod_shelf_get_folders (self->shelf), id));

  pmod_shelf_set_folder (self->shelf, id);
  g_assert_true (lists (self, "b(Trips)"));
  pmod_shelf_move (self->shelf, 1, id);
  store_check_wait (lists (self, "b(Trips) a(Trips)"));
  pmod_shelf_move (self->shelf, 2, 0);
  store_check_wait (lists (self, "a(Trips)"));
  pmod_shelf_set_folder (self->shelf, 0);
  g_assert_true (lists (self, "c b a(Trips)"));

  pmod_shelf_rename_folder (self->shelf, id, "Travel");
  store_check_wait (has_folders (self, "Travel 1") && lists (self, "c b a(Travel)"));
  after = g_object_ref (pmod_folder_find (pmod_shelf_get_folders (self->shelf), id));
  g_assert_true (trips == after);
  pmod_shelf_add_folder (self->shelf, "Travel", 0);
  pmod_shelf_add_folder (self->shelf, "\303\204pfel", 0);
  store_check_wait (self->n_added == 3 &&
                    g_list_model_get_n_items (pmod_shelf_get_folders (self->shelf)) == 3);
  g_assert_nonnull (pmod_folder_find (pmod_shelf_get_folders (self->shelf), self->added));
  g_assert_cmpuint (self->n_failed, ==, 0);
}

/* What is deleted does not count; what fails is said once, and holds up nothing. */
static void
test_refused (Fixture *self, gconstpointer data)
{
  gint64 a, b;

  add_conversations (self, "ab");
  pmod_shelf_add_folder (self->shelf, "A", 1);
  pmod_shelf_add_folder (self->shelf, "B", 2);
  store_check_wait (has_folders (self, "A 1, B 1"));
  b = self->added;
  a = b - 1;
  pmod_shelf_delete (self->shelf, 2);
  store_check_wait (has_folders (self, "A 1, B 0"));
  pmod_shelf_undo_delete (self->shelf, 2);
  store_check_wait (has_folders (self, "A 1, B 1"));

  pmod_shelf_rename_folder (self->shelf, a, "B");
  store_check_wait (self->n_failed == 1);
  pmod_shelf_rename_folder (self->shelf, a, " ");
  pmod_shelf_move (self->shelf, 1, 77);
  store_check_wait (self->n_failed == 2);
  pmod_shelf_move (self->shelf, 77, a);
  store_check_wait (self->n_failed == 3);
  g_assert_null (pmod_store_get_problem (self->store));
  pmod_shelf_rename_folder (self->shelf, a, "C");
  store_check_wait (has_folders (self, "B 1, C 1"));
}

/* Gone, its conversations stay; back, it has them again, but for what was put elsewhere since. */
static void
test_undo (Fixture *self, gconstpointer data)
{
  gint64 trips, other;

  add_conversations (self, "abc");
  pmod_shelf_add_folder (self->shelf, "Other", 0);
  store_check_wait (self->n_added == 1);
  other = self->added;
  pmod_shelf_add_folder (self->shelf, "Trips", 1);
  store_check_wait (self->n_added == 2);
  trips = self->added;
  pmod_shelf_move (self->shelf, 2, trips);
  pmod_shelf_move (self->shelf, 3, trips);
  store_check_wait (has_folders (self, "Other 0, Trips 3"));
  pmod_shelf_set_folder (self->shelf, trips);
  pmod_shelf_remove_folder (self->shelf, trips);
  g_assert_cmpint (pmod_shelf_get_folder (self->shelf), ==, 0);
  store_check_wait (lists (self, "c b a") && has_folders (self, "Other 0"));
  pmod_shelf_move (self->shelf, 3, other);
  pmod_shelf_undo_remove_folder (self->shelf, trips);
  store_check_wait (has_folders (self, "Other 1, Trips 2"));
  store_check_wait (pmod_shelf_get_folder (self->shelf) == trips);
  g_assert_true (lists (self, "b(Trips) a(Trips)"));

  /* Once only. */
  pmod_shelf_undo_remove_folder (self->shelf, trips);
  g_assert_cmpuint (self->n_failed, ==, 0);
}

/* A folder that another program has removed is not shown any more. */
static void
test_other_program (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  PmodStoreDb *other;

  add_conversations (self, "a");
  pmod_shelf_add_folder (self->shelf, "Trips", 1);
  store_check_wait (has_folders (self, "Trips 1"));
  pmod_shelf_set_folder (self->shelf, self->added);
  other = pmod_store_db_open (self->path, &error);
  g_assert_no_error (error);
  g_assert_true (pmod_store_db_remove_folder (other, self->added, NULL, &error));
  pmod_store_db_free (other);
  store_check_wait (pmod_shelf_get_folder (self->shelf) == 0 && lists (self, "a"));
}

static char *
export_one (PmodStoreDb *db, gint64 id)
{
  g_autoptr (GError) error = NULL;
  char *text = pmod_store_export_json (db, id, &error);

  g_assert_no_error (error);
  return text;
}

/* To the byte, in a folder and in none, into a store that has the folder and one that has not. */
static void
test_exchange (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodStoreDb) a = pmod_store_db_open (NULL, &error);
  g_autoptr (PmodStoreDb) b = pmod_store_db_open (NULL, &error);
  g_autoptr (GPtrArray) folders = NULL;
  gint64 chats[2], folder, there, id;

  for (int i = 0; i < 2; i++)
    g_assert_true (pmod_store_db_add_conversation (a, "Rings", &chats[i], &error));
  g_assert_true (pmod_store_db_add_folder (a, "\"Trips\" & more", &folder, &error));
  g_assert_true (pmod_store_db_move (a, chats[0], folder, &error));
  for (int i = 0; i < 2; i++)
    {
      g_autofree char *first = export_one (a, chats[i]);
      g_autofree char *second = NULL;

      g_assert_cmpint (strstr (first, "\"folder\"") != NULL, ==, i == 0);
      g_assert_true (pmod_store_import_json (b, first, -1, &id, &error));
      second = export_one (b, id);
      g_assert_cmpstr (first, ==, second);
      g_assert_true (pmod_store_import_json (b, first, -1, &id, &error));
    }
  folders = pmod_store_db_list_folders (b, &error);
  g_assert_cmpuint (folders->len, ==, 1);
  g_assert_cmpuint (((PmodStoreFolder *)folders->pdata[0])->n_conversations, ==, 2);
  g_assert_true (pmod_store_db_add_folder (b, "\"Trips\" & more", &there, &error));
  g_assert_cmpint (there, ==, ((PmodStoreFolder *)folders->pdata[0])->id);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/folders/shelf", test_shelf);
  ADD ("/folders/refused", test_refused);
  ADD ("/folders/undo", test_undo);
  ADD ("/folders/other-program", test_other_program);
  g_test_add_func ("/folders/exchange", test_exchange);
  return g_test_run ();
}
