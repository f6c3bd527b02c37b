/* PmodStoreItem: one conversation in the store's list. See pmod-store.h. */
#include "config.h"

#include "pmod-store-item-private.h"

struct _PmodStoreItem
{
  GObject parent_instance;

  PmodStoreConversation *conversation;
  char *excerpt;
  gint64 message;
};

enum
{
  PROP_TITLE = 1,
  PROP_FOLDER_NAME,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodStoreItem, pmod_store_item, G_TYPE_OBJECT)

static void
pmod_store_item_finalize (GObject *object)
{
  g_clear_pointer (&PMOD_STORE_ITEM (object)->conversation, pmod_store_conversation_free);
  g_free (PMOD_STORE_ITEM (object)->excerpt);

  G_OBJECT_CLASS (pmod_store_item_parent_class)->finalize (object);
}

static void
pmod_store_item_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_TITLE:
      g_value_set_string (value, pmod_store_item_get_title (PMOD_STORE_ITEM (object)));
      break;
    case PROP_FOLDER_NAME:
      g_value_set_string (value, pmod_store_item_get_folder_name (PMOD_STORE_ITEM (object)));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_store_item_class_init (PmodStoreItemClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = pmod_store_item_finalize;
  object_class->get_property = pmod_store_item_get_property;

  props[PROP_TITLE] =
      g_param_spec_string ("title", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_FOLDER_NAME] = g_param_spec_string ("folder-name", NULL, NULL, NULL,
                                                 G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
pmod_store_item_init (PmodStoreItem *self)
{
}

PmodStoreItem *
pmod_store_item_new (PmodStoreConversation *conversation)
{
  PmodStoreItem *self = g_object_new (PMOD_TYPE_STORE_ITEM, NULL);

  self->conversation = conversation;
  return self;
}

void
pmod_store_item_update (PmodStoreItem *self, PmodStoreConversation *conversation)
{
  gboolean renamed = g_strcmp0 (self->conversation->title, conversation->title) != 0;
  gboolean moved = g_strcmp0 (self->conversation->folder_name, conversation->folder_name) != 0;

  pmod_store_conversation_free (self->conversation);
  self->conversation = conversation;
  if (renamed)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_TITLE]);
  if (moved)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_FOLDER_NAME]);
}

gint64
pmod_store_item_get_id (PmodStoreItem *self)
{
  g_return_val_if_fail (PMOD_IS_STORE_ITEM (self), 0);
  return self->conversation->id;
}

const char *
pmod_store_item_get_title (PmodStoreItem *self)
{
  g_return_val_if_fail (PMOD_IS_STORE_ITEM (self), NULL);
  return self->conversation->title;
}

gint64
pmod_store_item_get_folder (PmodStoreItem *self)
{
  g_return_val_if_fail (PMOD_IS_STORE_ITEM (self), 0);
  return self->conversation->folder;
}

const char *
pmod_store_item_get_folder_name (PmodStoreItem *self)
{
  g_return_val_if_fail (PMOD_IS_STORE_ITEM (self), NULL);
  return self->conversation->folder_name;
}

gint64
pmod_store_item_get_created_us (PmodStoreItem *self)
{
  g_return_val_if_fail (PMOD_IS_STORE_ITEM (self), 0);
  return self->conversation->created_us;
}

void
pmod_store_item_set_excerpt (PmodStoreItem *self, const char *excerpt)
{
  g_return_if_fail (PMOD_IS_STORE_ITEM (self));
  g_free (self->excerpt);
  self->excerpt = g_strdup (excerpt);
}

const char *
pmod_store_item_get_excerpt (PmodStoreItem *self)
{
  g_return_val_if_fail (PMOD_IS_STORE_ITEM (self), NULL);
  return self->excerpt;
}

void
pmod_store_item_set_message (PmodStoreItem *self, gint64 message)
{
  g_return_if_fail (PMOD_IS_STORE_ITEM (self));
  self->message = message;
}

gint64
pmod_store_item_get_message (PmodStoreItem *self)
{
  g_return_val_if_fail (PMOD_IS_STORE_ITEM (self), 0);
  return self->message;
}
