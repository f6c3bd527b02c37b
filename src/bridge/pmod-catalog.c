/* PmodCatalog: see pmod-catalog.h.
 *
 * Owners: entries and their list belong to the main thread; a search works on its own copies, and
 * what it found is compared here with what is listed, so that an entry stays the same object for as
 * long as it is the same model. */
#include "config.h"

#include "pmod-catalog-private.h"

#include <string.h>

#include "pmod-hub.h"

struct _PmodCatalog
{
  GObject parent_instance;

  PmodSession *session;
  GListStore *entries;
  GStrv folders;
  GPtrArray
      *used; /* paths of models that were in use: they stay listed when they are not any more */
  GCancellable *searching;
};

enum
{
  PROP_FOLDERS = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodCatalog, pmod_catalog, G_TYPE_OBJECT)

/* --- Searching, on the task pool ---------------------------------------------------------------
 */

static void
add_found (GPtrArray *found, PmodEntryKind kind, const char *name, const char *path)
{
  PmodHubOptions options = { .folder = path };
  g_autoptr (PmodHubPlan) plan = pmod_hub_plan_load (&options, NULL);
  PmodFoundModel *model = g_new0 (PmodFoundModel, 1);

  model->kind = kind;
  model->name = g_strdup (name);
  model->path = g_strdup (path);
  model->pulled = plan != NULL;
  model->own = plan != NULL && pmod_hub_is_own_folder (path);
  model->room = model->own ? pmod_hub_plan_get_room (plan) : 0;
  g_ptr_array_add (found, model);
}

static gboolean
is_found (GPtrArray *found, const char *path)
{
  for (guint i = 0; i < found->len; i++)
    if (strcmp (((PmodFoundModel *)g_ptr_array_index (found, i))->path, path) == 0)
      return TRUE;
  return FALSE;
}

static void
add_installed (GPtrArray *found)
{
  g_auto (GStrv) names = pmod_model_list_installed ();

  for (char **name = names; *name; name++)
    {
      g_autofree char *path = pmod_model_find (*name, NULL);

      if (path)
        add_found (found, PMOD_ENTRY_INSTALLED, *name, path);
    }
}

static void
add_folders (GPtrArray *found, char **folders)
{
  for (char **folder = folders; folder && *folder; folder++)
    {
      g_autofree char *config = g_build_filename (*folder, "config.json", NULL);
      g_autofree char *name = g_path_get_basename (*folder);

      if (!is_found (found, *folder) && g_file_test (config, G_FILE_TEST_IS_REGULAR))
        add_found (found, PMOD_ENTRY_FOLDER, name, *folder);
    }
}

static void
add_unfinished (GPtrArray *found)
{
  g_auto (GStrv) folders = pmod_hub_list_folders ();

  for (char **folder = folders; *folder; folder++)
    {
      PmodHubOptions options = { .folder = *folder };
      g_autoptr (PmodHubPlan) plan = pmod_hub_plan_load (&options, NULL);
      g_autofree char *name = g_path_get_basename (*folder);
      PmodHubSpace space;
      PmodFoundModel *model;

      if (!plan || pmod_hub_plan_get_finished (plan) || is_found (found, *folder) ||
          !pmod_hub_plan_measure (plan, &space, NULL))
        continue;
      model = g_new0 (PmodFoundModel, 1);
      model->kind = PMOD_ENTRY_UNFINISHED;
      model->name = g_steal_pointer (&name);
      model->path = g_strdup (*folder);
      model->pulled = TRUE;
      model->own = pmod_hub_is_own_folder (*folder);
      model->room = pmod_hub_plan_get_room (plan);
      model->there = space.there;
      model->total = space.total;
      g_ptr_array_add (found, model);
    }
}

static int
compare_found (gconstpointer a, gconstpointer b)
{
  const PmodFoundModel *one = *(PmodFoundModel *const *)a;
  const PmodFoundModel *other = *(PmodFoundModel *const *)b;
  int order = g_utf8_collate (one->name, other->name);

  return order ? order : strcmp (one->path, other->path);
}

static void
search_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_autoptr (GPtrArray) found =
      g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_found_model_free);

  add_installed (found);
  add_folders (found, data);
  add_unfinished (found);
  g_ptr_array_sort (found, compare_found);
  g_task_return_pointer (task, g_steal_pointer (&found), (GDestroyNotify)g_ptr_array_unref);
}

/* --- What was found ----------------------------------------------------------------------------
 */

/* Of the list so far. (transfer full) (nullable) */
static PmodModelEntry *
find_entry (PmodCatalog *self, const char *path)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->entries)); i++)
    {
      g_autoptr (PmodModelEntry) entry = g_list_model_get_item (G_LIST_MODEL (self->entries), i);

      if (strcmp (pmod_model_entry_get_path (entry), path) == 0)
        return g_steal_pointer (&entry);
    }
  return NULL;
}

static gboolean
is_listed_so (PmodCatalog *self, GPtrArray *entries)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->entries));

  if (n != entries->len)
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GObject) entry = g_list_model_get_item (G_LIST_MODEL (self->entries), i);

      if (entry != g_ptr_array_index (entries, i))
        return FALSE;
    }
  return TRUE;
}

static void
read_entries (PmodCatalog *self)
{
  PmodModelOptions options;

  pmod_machine_get_options (pmod_session_get_machine (self->session), &options);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->entries)); i++)
    {
      g_autoptr (PmodModelEntry) entry = g_list_model_get_item (G_LIST_MODEL (self->entries), i);

      if (pmod_model_entry_get_kind (entry) != PMOD_ENTRY_UNFINISHED)
        pmod_model_entry_read (entry, &options);
    }
}

static void
found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PmodCatalog *self = PMOD_CATALOG (source);
  g_autoptr (GPtrArray) found = g_task_propagate_pointer (G_TASK (result), NULL);
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func (g_object_unref);

  if (!found)
    return;
  g_clear_object (&self->searching);
  for (guint i = 0; i < found->len; i++)
    {
      PmodFoundModel *model = g_ptr_array_index (found, i);
      g_autoptr (PmodModelEntry) entry = find_entry (self, model->path);

      if (!entry || !pmod_model_entry_update (entry, model))
        {
          g_clear_object (&entry);
          entry = pmod_model_entry_new (model);
        }
      g_ptr_array_add (entries, g_steal_pointer (&entry));
    }
  g_ptr_array_set_free_func (found, NULL);
  if (!is_listed_so (self, entries))
    g_list_store_splice (self->entries, 0, g_list_model_get_n_items (G_LIST_MODEL (self->entries)),
                         entries->pdata, entries->len);
  read_entries (self);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_catalog_dispose (GObject *object)
{
  PmodCatalog *self = PMOD_CATALOG (object);

  if (self->searching)
    g_cancellable_cancel (self->searching);
  g_clear_object (&self->searching);
  g_clear_object (&self->session);
  g_clear_object (&self->entries);
  g_clear_pointer (&self->folders, g_strfreev);
  g_clear_pointer (&self->used, g_ptr_array_unref);

  G_OBJECT_CLASS (pmod_catalog_parent_class)->dispose (object);
}

static void
pmod_catalog_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodCatalog *self = PMOD_CATALOG (object);

  switch (id)
    {
    case PROP_FOLDERS:
      g_value_set_boxed (value, self->folders);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
take_folders (PmodCatalog *self, GStrv folders)
{
  g_strfreev (self->folders);
  self->folders = folders;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_FOLDERS]);
}

static void
pmod_catalog_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodCatalog *self = PMOD_CATALOG (object);
  char **folders;

  switch (id)
    {
    case PROP_FOLDERS:
      folders = g_value_get_boxed (value);
      take_folders (self, folders ? g_strdupv (folders) : g_new0 (char *, 1));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_catalog_class_init (PmodCatalogClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = pmod_catalog_dispose;
  object_class->get_property = pmod_catalog_get_property;
  object_class->set_property = pmod_catalog_set_property;

  props[PROP_FOLDERS] =
      g_param_spec_boxed ("folders", NULL, NULL, G_TYPE_STRV,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
pmod_catalog_init (PmodCatalog *self)
{
  self->entries = g_list_store_new (PMOD_TYPE_MODEL_ENTRY);
  self->folders = g_new0 (char *, 1);
  self->used = g_ptr_array_new_with_free_func (g_free);
}

/* --- Public ---------------------------------------------------------------------------------- */

/* Nobody looks at sheets of a catalogue that was never refreshed. */
static void
machine_changed_cb (PmodCatalog *self, GParamSpec *pspec)
{
  read_entries (self);
}

PmodCatalog *
pmod_catalog_new (PmodSession *session)
{
  PmodCatalog *self = g_object_new (PMOD_TYPE_CATALOG, NULL);
  PmodMachine *machine = pmod_session_get_machine (session);

  self->session = g_object_ref (session);
  g_signal_connect_object (machine, "notify", G_CALLBACK (machine_changed_cb), self,
                           G_CONNECT_SWAPPED);
  return self;
}

GListModel *
pmod_catalog_get_entries (PmodCatalog *self)
{
  g_return_val_if_fail (PMOD_IS_CATALOG (self), NULL);
  return G_LIST_MODEL (self->entries);
}

PmodSession *
pmod_catalog_get_session (PmodCatalog *self)
{
  return self->session;
}

/* With the model in use, wherever it lies. */
static GStrv
list_folders (PmodCatalog *self)
{
  PmodModelCard *card = pmod_session_get_model (self->session);
  g_autoptr (GStrvBuilder) folders = g_strv_builder_new ();

  if (card && card->path &&
      !g_ptr_array_find_with_equal_func (self->used, card->path, g_str_equal, NULL))
    g_ptr_array_add (self->used, g_strdup (card->path));
  g_strv_builder_addv (folders, (const char **)self->folders);
  for (guint i = 0; i < self->used->len; i++)
    g_strv_builder_add (folders, g_ptr_array_index (self->used, i));
  return g_strv_builder_end (folders);
}

void
pmod_catalog_refresh (PmodCatalog *self)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (PMOD_IS_CATALOG (self));

  if (self->searching)
    g_cancellable_cancel (self->searching);
  g_clear_object (&self->searching);
  self->searching = g_cancellable_new ();
  task = g_task_new (self, self->searching, found_cb, NULL);
  g_task_set_task_data (task, list_folders (self), (GDestroyNotify)g_strfreev);
  g_task_run_in_thread (task, search_thread);
  pmod_machine_look (pmod_session_get_machine (self->session));
}

void
pmod_catalog_add_folder (PmodCatalog *self, const char *path)
{
  g_autoptr (GStrvBuilder) folders = g_strv_builder_new ();

  g_return_if_fail (PMOD_IS_CATALOG (self));

  if (g_strv_contains ((const char *const *)self->folders, path))
    return;
  g_strv_builder_addv (folders, (const char **)self->folders);
  g_strv_builder_add (folders, path);
  take_folders (self, g_strv_builder_end (folders));
}

void
pmod_catalog_remove_folder (PmodCatalog *self, const char *path)
{
  g_autoptr (GStrvBuilder) folders = g_strv_builder_new ();

  g_return_if_fail (PMOD_IS_CATALOG (self));

  for (char **folder = self->folders; *folder; folder++)
    if (strcmp (*folder, path) != 0)
      g_strv_builder_add (folders, *folder);
  take_folders (self, g_strv_builder_end (folders));
}

gboolean
pmod_catalog_is_used (PmodCatalog *self, PmodModelEntry *entry)
{
  PmodModelCard *card;

  g_return_val_if_fail (PMOD_IS_CATALOG (self), FALSE);
  g_return_val_if_fail (PMOD_IS_MODEL_ENTRY (entry), FALSE);

  card = pmod_session_get_model (self->session);
  return card && g_strcmp0 (card->path, pmod_model_entry_get_path (entry)) == 0;
}
