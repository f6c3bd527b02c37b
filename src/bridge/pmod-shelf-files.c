/* PmodShelf: conversations to files and from them. See pmod-shelf.h. */
#include "config.h"

#include "pmod-shelf-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "pmod-engine.h"
#include "pmod-store-exchange.h"

/* --- Export ---------------------------------------------------------------------------------- */

typedef struct
{
  gint64 id;
  gboolean markdown;
  char *text;
  GFile *file;
} Export;

static void
export_free (gpointer data)
{
  Export *export = data;

  g_free (export->text);
  g_object_unref (export->file);
  g_free (export);
}

static gboolean
export_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Export *export = data;

  export->text = export->markdown ? pmod_store_export_markdown (db, export->id, error)
                                  : pmod_store_export_json (db, export->id, error);
  return export->text != NULL;
}

static void
written_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PmodShelf) self = user_data;
  g_autoptr (GError) error = NULL;

  if (g_file_replace_contents_finish (G_FILE (source), result, NULL, &error))
    pmod_shelf_remark (self, _ ("The conversation was exported"));
  else
    pmod_shelf_fail (self, _ ("The conversation was not exported"), error);
}

static void
exported_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PmodShelf) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  Export *export = pmod_store_read_finish (PMOD_STORE (source), result, &error);
  gsize size;

  if (!export)
    {
      pmod_shelf_fail (self, _ ("The conversation was not exported"), error);
      return;
    }
  size = strlen (export->text);
  bytes = g_bytes_new_take (g_steal_pointer (&export->text), size);
  g_file_replace_contents_bytes_async (export->file, bytes, NULL, FALSE, G_FILE_CREATE_NONE, NULL,
                                       written_cb, g_object_ref (self));
  export_free (export);
}

void
pmod_shelf_export (PmodShelf *self, gint64 id, gboolean markdown, GFile *file)
{
  Export *export;

  g_return_if_fail (PMOD_IS_SHELF (self));
  g_return_if_fail (G_IS_FILE (file));

  export = g_new0 (Export, 1);
  export->id = id;
  export->markdown = markdown;
  export->file = g_object_ref (file);
  pmod_store_read_async (pmod_keeper_get_store (self->keeper), export_work, export, export_free,
                         NULL, exported_cb, g_object_ref (self));
}

/* --- Import ---------------------------------------------------------------------------------- */

/* Both threads hold it: the store's thread may still try to write what the main thread was told
 * has failed. */
typedef struct
{
  GWeakRef shelf;
  char *text;
  gsize size;
  gint64 id;
} Import;

static void
import_clear (gpointer data)
{
  Import *import = data;

  g_weak_ref_clear (&import->shelf);
  g_free (import->text);
}

static void
import_unref (gpointer data)
{
  g_atomic_rc_box_release_full (data, import_clear);
}

static gboolean
import_work (PmodStoreDb *db, gpointer data, GError **error)
{
  Import *import = data;

  return pmod_store_import_json (db, import->text, (gssize)import->size, &import->id, error);
}

static void
imported_cb (const GError *error, gpointer user_data)
{
  Import *import = user_data;
  g_autoptr (PmodShelf) self = g_weak_ref_get (&import->shelf);

  if (self && !error)
    pmod_shelf_open (self, import->id);
  /* A full disk is told of by the store, which tries again. */
  else if (self && !g_error_matches (error, PMOD_ERROR, PMOD_ERROR_IO))
    pmod_shelf_fail (self, _ ("This is not a conversation that can be imported"), error);
  import_unref (import);
}

static void
loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PmodShelf) self = user_data;
  g_autoptr (GError) error = NULL;
  Import *import;
  char *text;
  gsize size;

  if (!g_file_load_contents_finish (G_FILE (source), result, &text, &size, NULL, &error))
    {
      pmod_shelf_fail (self, _ ("The file cannot be read"), error);
      return;
    }
  import = g_atomic_rc_box_new0 (Import);
  g_weak_ref_init (&import->shelf, self);
  import->text = text;
  import->size = size;
  pmod_store_write (pmod_keeper_get_store (self->keeper), import_work,
                    g_atomic_rc_box_acquire (import), import_unref, imported_cb, import);
}

void
pmod_shelf_import (PmodShelf *self, GFile *file)
{
  g_return_if_fail (PMOD_IS_SHELF (self));
  g_return_if_fail (G_IS_FILE (file));

  g_file_load_contents_async (file, NULL, loaded_cb, g_object_ref (self));
}
