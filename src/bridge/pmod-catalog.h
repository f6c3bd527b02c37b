/* The models that there are: installed ones, folders that were opened, downloads that were stopped.
 *
 * Main thread only. Everything that reads files is done on the task pool; an entry stands in the
 * list before its sheet is there. */
#pragma once

#include <gio/gio.h>

#include "pmod-model-sheet.h"
#include "pmod-session.h"

G_BEGIN_DECLS

/* --- One of them ------------------------------------------------------------------------------ */

typedef enum
{
  PMOD_ENTRY_INSTALLED,  /* has a name that opens it */
  PMOD_ENTRY_FOLDER,     /* anywhere */
  PMOD_ENTRY_UNFINISHED, /* a download that was stopped: no model yet */
} PmodEntryKind;

#define PMOD_TYPE_MODEL_ENTRY (pmod_model_entry_get_type ())
G_DECLARE_FINAL_TYPE (PmodModelEntry, pmod_model_entry, PMOD, MODEL_ENTRY, GObject)

PmodEntryKind pmod_model_entry_get_kind (PmodModelEntry *self);
const char *pmod_model_entry_get_name (PmodModelEntry *self);
const char *pmod_model_entry_get_path (PmodModelEntry *self);

/* What pmod_session_open_model() takes: a name, or a path. */
const char *pmod_model_entry_get_model (PmodModelEntry *self);

/* Whether a pull made it, so that it can be compared with the server's hashes. */
gboolean pmod_model_entry_is_pulled (PmodModelEntry *self);

/* Whether it can be deleted: a pull brought it into the user's own folder of models. */
gboolean pmod_model_entry_is_own (PmodModelEntry *self);

/* Bytes on the disk that become free then. */
guint64 pmod_model_entry_get_room (PmodModelEntry *self);

/* Bytes that are there, and all, of one that is unfinished. */
void pmod_model_entry_get_bytes (PmodModelEntry *self, guint64 *there, guint64 *total);

/* A property; NULL while it is read. */
PmodModelSheet *pmod_model_entry_get_sheet (PmodModelEntry *self);

/* --- All of them ------------------------------------------------------------------------------ */

#define PMOD_TYPE_CATALOG (pmod_catalog_get_type ())
G_DECLARE_FINAL_TYPE (PmodCatalog, pmod_catalog, PMOD, CATALOG, GObject)

/* Sheets say what it takes on the session's machine, and follow it. */
PmodCatalog *pmod_catalog_new (PmodSession *session);

/* Of PmodModelEntry, in the order of their names. */
GListModel *pmod_catalog_get_entries (PmodCatalog *self);

/* Looks again at what there is, and at what is free. */
void pmod_catalog_refresh (PmodCatalog *self);

/* A property, "folders": paths that are listed although they are nowhere that models are searched
 * for. A model that was in use is listed always. */
void pmod_catalog_add_folder (PmodCatalog *self, const char *path);
void pmod_catalog_remove_folder (PmodCatalog *self, const char *path);

/* Deletes the files of an entry that is the user's own, and lists anew. One that is in use is
 * unloaded first, and none is being loaded meanwhile. What cannot be deleted is listed as
 * unfinished, and no model any more. */
void pmod_catalog_delete_async (PmodCatalog *self,
                                PmodModelEntry *entry,
                                GAsyncReadyCallback callback,
                                gpointer user_data);
gboolean pmod_catalog_delete_finish (PmodCatalog *self, GAsyncResult *result, GError **error);

/* Whether entry is the model that is in use. */
gboolean pmod_catalog_is_used (PmodCatalog *self, PmodModelEntry *entry);

G_END_DECLS
