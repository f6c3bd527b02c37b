/* PmodModelEntry: one of the catalogue. See pmod-catalog.h. */
#include "config.h"

#include "pmod-catalog-private.h"

#include "pmod-model-sheet-private.h"

struct _PmodModelEntry
{
  GObject parent_instance;

  PmodFoundModel *found;
  PmodModelSheet *sheet;
  GCancellable *reading;
};

enum
{
  PROP_SHEET = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodModelEntry, pmod_model_entry, G_TYPE_OBJECT)

void
pmod_found_model_free (PmodFoundModel *found)
{
  g_free (found->name);
  g_free (found->path);
  g_free (found);
}

/* --- Reading --------------------------------------------------------------------------------- */

typedef struct
{
  char *path;
  PmodModelOptions options;
} Reading;

static void
reading_free (Reading *reading)
{
  g_free (reading->path);
  g_free (reading);
}

static void
read_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Reading *reading = data;

  if (!g_task_return_error_if_cancelled (task))
    g_task_return_pointer (task, pmod_model_sheet_read (reading->path, &reading->options),
                           (GDestroyNotify)pmod_model_sheet_unref);
}

static void
read_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PmodModelEntry *self = PMOD_MODEL_ENTRY (source);
  PmodModelSheet *sheet = g_task_propagate_pointer (G_TASK (result), NULL);

  if (!sheet)
    return;
  g_clear_pointer (&self->sheet, pmod_model_sheet_unref);
  self->sheet = sheet;
  g_clear_object (&self->reading);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SHEET]);
}

void
pmod_model_entry_read (PmodModelEntry *self, const PmodModelOptions *options)
{
  Reading *reading = g_new0 (Reading, 1);
  g_autoptr (GTask) task = NULL;

  if (self->reading)
    g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  self->reading = g_cancellable_new ();
  reading->path = g_strdup (self->found->path);
  reading->options = *options;
  task = g_task_new (self, self->reading, read_cb, NULL);
  g_task_set_task_data (task, reading, (GDestroyNotify)reading_free);
  g_task_run_in_thread (task, read_thread);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_model_entry_finalize (GObject *object)
{
  PmodModelEntry *self = PMOD_MODEL_ENTRY (object);

  g_clear_pointer (&self->found, pmod_found_model_free);
  g_clear_pointer (&self->sheet, pmod_model_sheet_unref);
  g_clear_object (&self->reading);

  G_OBJECT_CLASS (pmod_model_entry_parent_class)->finalize (object);
}

static void
pmod_model_entry_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodModelEntry *self = PMOD_MODEL_ENTRY (object);

  switch (id)
    {
    case PROP_SHEET:
      g_value_set_boxed (value, self->sheet);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_model_entry_class_init (PmodModelEntryClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = pmod_model_entry_finalize;
  object_class->get_property = pmod_model_entry_get_property;

  props[PROP_SHEET] = g_param_spec_boxed ("sheet", NULL, NULL, PMOD_TYPE_MODEL_SHEET,
                                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
pmod_model_entry_init (PmodModelEntry *self)
{
}

/* --- Of the catalogue --------------------------------------------------------------------------
 */

PmodModelEntry *
pmod_model_entry_new (PmodFoundModel *found)
{
  PmodModelEntry *self = g_object_new (PMOD_TYPE_MODEL_ENTRY, NULL);

  self->found = found;
  return self;
}

gboolean
pmod_model_entry_update (PmodModelEntry *self, PmodFoundModel *found)
{
  if (self->found->kind != found->kind || g_strcmp0 (self->found->path, found->path) != 0 ||
      g_strcmp0 (self->found->name, found->name) != 0 || self->found->pulled != found->pulled ||
      self->found->own != found->own || self->found->room != found->room ||
      self->found->there != found->there || self->found->total != found->total)
    return FALSE;
  pmod_found_model_free (self->found);
  self->found = found;
  return TRUE;
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodEntryKind
pmod_model_entry_get_kind (PmodModelEntry *self)
{
  g_return_val_if_fail (PMOD_IS_MODEL_ENTRY (self), PMOD_ENTRY_FOLDER);
  return self->found->kind;
}

const char *
pmod_model_entry_get_name (PmodModelEntry *self)
{
  g_return_val_if_fail (PMOD_IS_MODEL_ENTRY (self), NULL);
  return self->found->name;
}

const char *
pmod_model_entry_get_path (PmodModelEntry *self)
{
  g_return_val_if_fail (PMOD_IS_MODEL_ENTRY (self), NULL);
  return self->found->path;
}

const char *
pmod_model_entry_get_model (PmodModelEntry *self)
{
  g_return_val_if_fail (PMOD_IS_MODEL_ENTRY (self), NULL);
  return self->found->kind == PMOD_ENTRY_INSTALLED ? self->found->name : self->found->path;
}

gboolean
pmod_model_entry_is_pulled (PmodModelEntry *self)
{
  g_return_val_if_fail (PMOD_IS_MODEL_ENTRY (self), FALSE);
  return self->found->pulled;
}

gboolean
pmod_model_entry_is_own (PmodModelEntry *self)
{
  g_return_val_if_fail (PMOD_IS_MODEL_ENTRY (self), FALSE);
  return self->found->own;
}

guint64
pmod_model_entry_get_room (PmodModelEntry *self)
{
  g_return_val_if_fail (PMOD_IS_MODEL_ENTRY (self), 0);
  return self->found->room;
}

void
pmod_model_entry_get_bytes (PmodModelEntry *self, guint64 *there, guint64 *total)
{
  g_return_if_fail (PMOD_IS_MODEL_ENTRY (self));

  *there = self->found->there;
  *total = self->found->total;
}

PmodModelSheet *
pmod_model_entry_get_sheet (PmodModelEntry *self)
{
  g_return_val_if_fail (PMOD_IS_MODEL_ENTRY (self), NULL);
  return self->sheet;
}
