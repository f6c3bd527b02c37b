/* PmodFolder: see pmod-folder.h. */
#include "config.h"

#include "pmod-folder.h"

#include "pmod-list-update.h"

struct _PmodFolder
{
  GObject parent_instance;

  PmodStoreFolder *value;
};

enum
{
  PROP_NAME = 1,
  PROP_N_CONVERSATIONS,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodFolder, pmod_folder, G_TYPE_OBJECT)

static void
pmod_folder_finalize (GObject *object)
{
  g_clear_pointer (&PMOD_FOLDER (object)->value, pmod_store_folder_free);

  G_OBJECT_CLASS (pmod_folder_parent_class)->finalize (object);
}

static void
pmod_folder_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodFolder *self = PMOD_FOLDER (object);

  switch (id)
    {
    case PROP_NAME:
      g_value_set_string (value, pmod_folder_get_name (self));
      break;
    case PROP_N_CONVERSATIONS:
      g_value_set_uint (value, pmod_folder_get_n_conversations (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_folder_class_init (PmodFolderClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = pmod_folder_finalize;
  object_class->get_property = pmod_folder_get_property;

  props[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);
  props[PROP_N_CONVERSATIONS] =
      g_param_spec_uint ("n-conversations", NULL, NULL, 0, G_MAXUINT, 0, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
pmod_folder_init (PmodFolder *self)
{
}

gint64
pmod_folder_get_id (PmodFolder *self)
{
  g_return_val_if_fail (PMOD_IS_FOLDER (self), 0);
  return self->value->id;
}

const char *
pmod_folder_get_name (PmodFolder *self)
{
  g_return_val_if_fail (PMOD_IS_FOLDER (self), NULL);
  return self->value->name;
}

guint
pmod_folder_get_n_conversations (PmodFolder *self)
{
  g_return_val_if_fail (PMOD_IS_FOLDER (self), 0);
  return self->value->n_conversations;
}

PmodFolder *
pmod_folder_find (GListModel *folders, gint64 id)
{
  for (guint i = 0; i < g_list_model_get_n_items (folders); i++)
    {
      g_autoptr (PmodFolder) folder = g_list_model_get_item (folders, i);

      if (pmod_folder_get_id (folder) == id)
        return folder; /* the list holds it */
    }
  return NULL;
}

static void
take (PmodFolder *self, PmodStoreFolder *value)
{
  PmodStoreFolder *before = self->value;

  self->value = value;
  if (before && g_strcmp0 (before->name, value->name) != 0)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_NAME]);
  if (before && before->n_conversations != value->n_conversations)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_N_CONVERSATIONS]);
  g_clear_pointer (&before, pmod_store_folder_free);
}

void
pmod_folder_update_list (GListStore *list, GPtrArray *values)
{
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (g_object_unref);

  g_ptr_array_set_free_func (values, NULL); /* the items take what it holds */
  for (guint i = 0; i < values->len; i++)
    {
      PmodStoreFolder *value = values->pdata[i];
      PmodFolder *folder = pmod_folder_find (G_LIST_MODEL (list), value->id);

      folder = folder ? g_object_ref (folder) : g_object_new (PMOD_TYPE_FOLDER, NULL);
      take (folder, value);
      g_ptr_array_add (items, folder);
    }
  pmod_list_update (list, items);
}
