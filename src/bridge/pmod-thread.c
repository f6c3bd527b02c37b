/* PmodThread: see pmod-thread.h. */
#include "config.h"

#include "pmod-thread.h"

typedef struct _Node Node;

struct _Node
{
  PmodMessage *message; /* NULL: the root */
  Node *parent;
  GPtrArray *children; /* Node, not owned */
  guint version;       /* its place among its parent's children */
  Node *shown;         /* of children; NULL where there are none */
};

struct _PmodThread
{
  GHashTable *nodes; /* message -> Node; owns the nodes */
  GPtrArray *order;  /* PmodMessage */
  Node *root;
};

static Node *
node_new (PmodMessage *message)
{
  Node *node = g_new0 (Node, 1);

  node->message = message ? g_object_ref (message) : NULL;
  node->children = g_ptr_array_new ();
  return node;
}

static void
node_free (gpointer data)
{
  Node *node = data;

  g_clear_object (&node->message);
  g_ptr_array_unref (node->children);
  g_free (node);
}

PmodThread *
pmod_thread_new (void)
{
  PmodThread *self = g_new0 (PmodThread, 1);

  self->nodes = g_hash_table_new_full (NULL, NULL, NULL, node_free);
  self->order = g_ptr_array_new ();
  self->root = node_new (NULL);
  return self;
}

void
pmod_thread_free (PmodThread *self)
{
  if (!self)
    return;
  g_ptr_array_unref (self->order);
  g_hash_table_unref (self->nodes);
  node_free (self->root);
  g_free (self);
}

static Node *
find (PmodThread *self, PmodMessage *message)
{
  return g_hash_table_lookup (self->nodes, message);
}

void
pmod_thread_add (PmodThread *self, PmodMessage *parent, PmodMessage *message)
{
  Node *above = parent ? find (self, parent) : self->root;
  Node *node;

  g_return_if_fail (PMOD_IS_MESSAGE (message));
  g_return_if_fail (above && !find (self, message));

  node = node_new (message);
  node->parent = above;
  node->version = above->children->len;
  g_ptr_array_add (above->children, node);
  above->shown = node;
  g_hash_table_insert (self->nodes, message, node);
  g_ptr_array_add (self->order, message);
}

void
pmod_thread_show (PmodThread *self, PmodMessage *message)
{
  Node *node = find (self, message);

  g_return_if_fail (node != NULL);

  for (; node->parent; node = node->parent)
    node->parent->shown = node;
}

GPtrArray *
pmod_thread_collect (PmodThread *self)
{
  GPtrArray *path = g_ptr_array_new_with_free_func (g_object_unref);

  for (Node *node = self->root->shown; node; node = node->shown)
    g_ptr_array_add (path, g_object_ref (node->message));
  return path;
}

gboolean
pmod_thread_has (PmodThread *self, PmodMessage *message)
{
  return find (self, message) != NULL;
}

PmodMessage *
pmod_thread_get_parent (PmodThread *self, PmodMessage *message)
{
  Node *node = find (self, message);

  return node ? node->parent->message : NULL;
}

guint
pmod_thread_get_n_versions (PmodThread *self, PmodMessage *message)
{
  Node *node = find (self, message);

  return node ? node->parent->children->len : 1;
}

guint
pmod_thread_get_version (PmodThread *self, PmodMessage *message)
{
  Node *node = find (self, message);

  return node ? node->version : 0;
}

PmodMessage *
pmod_thread_get_nth_version (PmodThread *self, PmodMessage *message, guint n)
{
  Node *node = find (self, message);

  if (!node || n >= node->parent->children->len)
    return NULL;
  return ((Node *)node->parent->children->pdata[n])->message;
}

guint
pmod_thread_get_n_messages (PmodThread *self)
{
  return self->order->len;
}

PmodMessage *
pmod_thread_get_message (PmodThread *self, guint i)
{
  g_return_val_if_fail (i < self->order->len, NULL);
  return self->order->pdata[i];
}
