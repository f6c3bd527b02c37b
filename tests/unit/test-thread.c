/* PmodThread: versions, what followed each, and the path that is shown. */
#include "config.h"

#include "pmod-thread.h"

typedef struct
{
  PmodThread *thread;
  PmodMessage *messages[26]; /* by their letters */
} Tree;

/* edges: parent and child, "-" for the root: "-a ab -c" */
static void
grow (Tree *tree, const char *edges)
{
  g_auto (GStrv) parts = g_strsplit (edges, " ", -1);

  *tree = (Tree){ .thread = pmod_thread_new () };
  for (int i = 0; parts[i]; i++)
    {
      char text[] = { parts[i][1], '\0' };
      PmodMessage **message = &tree->messages[text[0] - 'a'];

      *message = pmod_message_new_question (text);
      pmod_thread_add (tree->thread, parts[i][0] == '-' ? NULL : tree->messages[parts[i][0] - 'a'],
                       *message);
      g_object_unref (*message); /* the tree holds it */
    }
}

static PmodMessage *
get (Tree *tree, char letter)
{
  return tree->messages[letter - 'a'];
}

static void
assert_path (Tree *tree, const char *expected)
{
  g_autoptr (GPtrArray) path = pmod_thread_collect (tree->thread);
  g_autoptr (GString) letters = g_string_new (NULL);

  for (guint i = 0; i < path->len; i++)
    g_string_append (letters, pmod_message_get_text (path->pdata[i]));
  g_assert_cmpstr (letters->str, ==, expected);
}

static void
show (Tree *tree, char letter)
{
  pmod_thread_show (tree->thread, get (tree, letter));
}

static void
test_path (void)
{
  Tree tree;

  grow (&tree, "-a ab bc cd");
  assert_path (&tree, "abcd");
  pmod_thread_free (tree.thread);

  /* d and e answer c; f is asked instead of a. */
  grow (&tree, "-a ab bc cd ce -f fg");
  assert_path (&tree, "fg");
  show (&tree, 'a');
  assert_path (&tree, "abce");
  show (&tree, 'd');
  assert_path (&tree, "abcd");
  show (&tree, 'f');
  show (&tree, 'b'); /* below it what was shown there last */
  assert_path (&tree, "abcd");
  pmod_thread_free (tree.thread);
}

static void
test_versions (void)
{
  Tree tree;
  g_autoptr (PmodMessage) other = pmod_message_new_question ("x");

  grow (&tree, "-a ab ac -d ae");
  g_assert_cmpuint (pmod_thread_get_n_versions (tree.thread, get (&tree, 'c')), ==, 3);
  g_assert_cmpuint (pmod_thread_get_version (tree.thread, get (&tree, 'c')), ==, 1);
  g_assert_true (pmod_thread_get_nth_version (tree.thread, get (&tree, 'c'), 2) ==
                 get (&tree, 'e'));
  g_assert_null (pmod_thread_get_nth_version (tree.thread, get (&tree, 'c'), 3));
  g_assert_cmpuint (pmod_thread_get_n_versions (tree.thread, get (&tree, 'a')), ==, 2);
  g_assert_true (pmod_thread_get_parent (tree.thread, get (&tree, 'e')) == get (&tree, 'a'));
  g_assert_null (pmod_thread_get_parent (tree.thread, get (&tree, 'd')));
  g_assert_cmpuint (pmod_thread_get_n_messages (tree.thread), ==, 5);
  g_assert_true (pmod_thread_get_message (tree.thread, 3) == get (&tree, 'd'));

  g_assert_false (pmod_thread_has (tree.thread, other));
  g_assert_cmpuint (pmod_thread_get_n_versions (tree.thread, other), ==, 1);
  g_assert_cmpuint (pmod_thread_get_version (tree.thread, other), ==, 0);
  g_assert_null (pmod_thread_get_nth_version (tree.thread, other, 0));
  pmod_thread_free (tree.thread);
}

/* The tree holds its messages, and lets go of them. */
static void
test_owner (void)
{
  Tree tree;
  PmodMessage *message;

  grow (&tree, "-a ab");
  message = g_object_ref (get (&tree, 'b'));
  pmod_thread_free (tree.thread);
  g_assert_finalize_object (message);
}

/* A long conversation's path is not a walk through all of it for each message. */
static void
test_long (void)
{
  PmodThread *thread = pmod_thread_new ();
  PmodMessage *parent = NULL;
  g_autoptr (GPtrArray) path = NULL;

  for (int i = 0; i < 20000; i++)
    {
      g_autoptr (PmodMessage) message = pmod_message_new_question ("m");

      pmod_thread_add (thread, parent, message);
      parent = message;
    }
  path = pmod_thread_collect (thread);
  g_assert_cmpuint (path->len, ==, 20000);
  g_assert_true (path->pdata[19999] == parent);
  pmod_thread_free (thread);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/thread/path", test_path);
  g_test_add_func ("/thread/versions", test_versions);
  g_test_add_func ("/thread/owner", test_owner);
  g_test_add_func ("/thread/long", test_long);
  return g_test_run ();
}
