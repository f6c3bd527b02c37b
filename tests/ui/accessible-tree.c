/* What a program tells assistive programs, as a whole, each time that it is asked for.
 *
 * Usage: accessible-tree ADDRESS OWNER ROOT
 *
 * ADDRESS is the accessibility bus, OWNER the program's name on it and ROOT its application's path.
 * For each line of input there is a line of output, JSON:
 *
 *   {"error": MESSAGE}, or [[PATH, PARENT, INDEX, NAME, ROLE, DESCRIPTION, STATES, CHILDREN]...]
 *
 * INDEX is where the object says it is in PARENT, STATES its 64 bits as two numbers, CHILDREN the
 * paths that it names as its children.
 *
 * A walk with AT-SPI's own library asks for each name, each role and each child apart; of a window
 * with some hundred objects that takes most of a second, and the tests look at it some thousand
 * times. */
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <stdio.h>

#define ACCESSIBLE "org.a11y.atspi.Accessible"
#define CACHE "/org/a11y/atspi/cache"
#define LIMIT_MS 60000

typedef struct
{
  GDBusConnection *bus;
  const char *owner;
  const char *root;
  GHashTable *nodes; /* (path, Node), of one look */
  guint n_asked;     /* children that no answer came for yet */
} Tree;

typedef struct
{
  GVariant *item;
  int n_children;
  char **children; /* NULL where one has gone meanwhile; once it was asked */
} Node;

static void
node_free (gpointer data)
{
  Node *node = data;

  for (int i = 0; node->children && i < node->n_children; i++)
    g_free (node->children[i]);
  g_free (node->children);
  g_variant_unref (node->item);
  g_free (node);
}

static GVariant *
call (Tree *self,
      const char *path,
      const char *interface,
      const char *method,
      GVariant *arguments,
      GError **error)
{
  return g_dbus_connection_call_sync (self->bus, self->owner, path, interface, method, arguments,
                                      NULL, G_DBUS_CALL_FLAGS_NONE, LIMIT_MS, NULL, error);
}

/* What the program has listed and is not known yet. */
static gboolean
add_items (Tree *self, GError **error)
{
  g_autoptr (GVariant) answer = call (self, CACHE, "org.a11y.atspi.Cache", "GetItems", NULL, error);
  g_autoptr (GVariant) items = answer ? g_variant_get_child_value (answer, 0) : NULL;

  for (gsize i = 0; items && i < g_variant_n_children (items); i++)
    {
      g_autoptr (GVariant) item = g_variant_get_child_value (items, i);
      g_autofree char *path = NULL;
      Node *node;

      g_variant_get_child (item, 0, "(so)", NULL, &path);
      if (g_hash_table_contains (self->nodes, path))
        continue;
      node = g_new0 (Node, 1);
      node->item = g_steal_pointer (&item);
      g_variant_get_child (node->item, 4, "i", &node->n_children);
      g_hash_table_insert (self->nodes, g_steal_pointer (&path), node);
    }
  return items != NULL;
}

/* How many children it has is not in the list. */
static gboolean
count_windows (Tree *self, GError **error)
{
  g_autoptr (GVariant) answer = call (self, self->root, "org.freedesktop.DBus.Properties", "Get",
                                      g_variant_new ("(ss)", ACCESSIBLE, "ChildCount"), error);
  g_autoptr (GVariant) count = NULL;
  Node *node;

  if (!answer)
    return FALSE;
  g_variant_get (answer, "(v)", &count);
  node = g_hash_table_lookup (self->nodes, self->root);
  if (!node)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s is not in the list", self->root);
      return FALSE;
    }
  node->n_children = g_variant_get_int32 (count);
  return TRUE;
}

/* --- Children -------------------------------------------------------------------------------- */

typedef struct
{
  Tree *tree;
  char **place;
} Ask;

static void
child_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Ask *ask = user_data;
  g_autoptr (GVariant) answer =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);

  if (answer)
    g_variant_get (answer, "((so))", NULL, ask->place);
  ask->tree->n_asked--;
}

/* One by one: to GetChildren GTK 4.8 gives another answer where there are stacks. */
static void
ask_children (Tree *self, const char *path, Node *node)
{
  if (node->children)
    return;
  node->children = g_new0 (char *, MAX (node->n_children, 1));
  for (int i = 0; i < node->n_children; i++)
    {
      Ask *ask = g_new0 (Ask, 1);

      ask->tree = self;
      ask->place = &node->children[i];
      self->n_asked++;
      g_dbus_connection_call (self->bus, self->owner, path, ACCESSIBLE, "GetChildAtIndex",
                              g_variant_new ("(i)", i), NULL, G_DBUS_CALL_FLAGS_NONE, LIMIT_MS,
                              NULL, child_cb, ask);
    }
}

/* The children of a level are the next one. GTK lists an object once its parent was asked for it,
 * and goes on to list what was taken out: what belongs where is for the parents to say. */
static gboolean
ask_level (Tree *self, GPtrArray *level, GPtrArray *next, GError **error)
{
  gboolean all_known = TRUE;

  for (guint i = 0; i < level->len; i++)
    ask_children (self, level->pdata[i], g_hash_table_lookup (self->nodes, level->pdata[i]));
  while (self->n_asked > 0)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < level->len; i++)
    {
      Node *node = g_hash_table_lookup (self->nodes, level->pdata[i]);

      for (int c = 0; c < node->n_children; c++)
        if (node->children[c])
          {
            g_ptr_array_add (next, node->children[c]);
            all_known = all_known && g_hash_table_contains (self->nodes, node->children[c]);
          }
    }
  if (!all_known && !add_items (self, error))
    return FALSE;
  for (guint i = next->len; i-- > 0;)
    {
      Node *node = g_hash_table_lookup (self->nodes, next->pdata[i]);

      if (!node || node->children)
        g_ptr_array_remove_index (next, i);
    }
  return TRUE;
}

static gboolean
look (Tree *self, GError **error)
{
  g_autoptr (GPtrArray) level = g_ptr_array_new ();

  if (!add_items (self, error) || !count_windows (self, error))
    return FALSE;
  g_ptr_array_add (level, (gpointer)self->root);
  while (level->len > 0)
    {
      g_autoptr (GPtrArray) next = g_ptr_array_new ();

      if (!ask_level (self, level, next, error))
        return FALSE;
      g_ptr_array_unref (level);
      level = g_steal_pointer (&next);
    }
  return TRUE;
}

/* --- Telling --------------------------------------------------------------------------------- */

static void
tell_item (JsonBuilder *builder, GVariant *item)
{
  const char *parent, *name, *description;
  g_autoptr (GVariantIter) states = NULL;
  guint32 role, word;
  int index;

  g_variant_get (item, "((so)(so)(&s&o)iias&su&sau)", NULL, NULL, NULL, NULL, NULL, &parent, &index,
                 NULL, NULL, &name, &role, &description, &states);
  json_builder_add_string_value (builder, parent);
  json_builder_add_int_value (builder, index);
  json_builder_add_string_value (builder, name);
  json_builder_add_int_value (builder, role);
  json_builder_add_string_value (builder, description);
  json_builder_begin_array (builder);
  while (g_variant_iter_next (states, "u", &word))
    json_builder_add_int_value (builder, word);
  json_builder_end_array (builder);
}

static void
tell_node (JsonBuilder *builder, const char *path, Node *node)
{
  json_builder_begin_array (builder);
  json_builder_add_string_value (builder, path);
  tell_item (builder, node->item);
  json_builder_begin_array (builder);
  for (int i = 0; node->children && i < node->n_children; i++)
    if (node->children[i])
      json_builder_add_string_value (builder, node->children[i]);
  json_builder_end_array (builder);
  json_builder_end_array (builder);
}

static void
tell (Tree *self, const GError *error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new_immutable ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;
  GHashTableIter iter;
  gpointer path, node;

  if (error)
    {
      json_builder_begin_object (builder);
      json_builder_set_member_name (builder, "error");
      json_builder_add_string_value (builder, error->message);
      json_builder_end_object (builder);
    }
  else
    {
      json_builder_begin_array (builder);
      g_hash_table_iter_init (&iter, self->nodes);
      while (g_hash_table_iter_next (&iter, &path, &node))
        tell_node (builder, path, node);
      json_builder_end_array (builder);
    }
  root = json_builder_get_root (builder);
  text = json_to_string (root, FALSE);
  puts (text);
  fflush (stdout);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  Tree self = { 0 };
  int c;

  if (argc != 4)
    {
      fprintf (stderr, "usage: accessible-tree ADDRESS OWNER ROOT\n");
      return 2;
    }
  self.bus =
      g_dbus_connection_new_for_address_sync (argv[1],
                                              G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                  G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                              NULL, NULL, &error);
  if (!self.bus)
    {
      fprintf (stderr, "accessible-tree: %s\n", error->message);
      return 1;
    }
  self.owner = argv[2];
  self.root = argv[3];
  while ((c = getchar ()) != EOF)
    {
      g_autoptr (GError) failure = NULL;

      if (c != '\n')
        continue;
      self.nodes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, node_free);
      look (&self, &failure);
      tell (&self, failure);
      g_hash_table_unref (self.nodes);
    }
  g_object_unref (self.bus);
  return 0;
}
