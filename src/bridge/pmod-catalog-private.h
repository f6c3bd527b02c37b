/* Entries, for the catalogue that makes them. */
#pragma once

#include "pmod-catalog.h"
#include "pmod-machine-private.h"

G_BEGIN_DECLS

/* What was found on the disk. */
typedef struct
{
  PmodEntryKind kind;
  char *name;
  char *path;
  gboolean pulled;
  gboolean own; /* pulled, and in the user's folder of models */
  guint64 room; /* bytes that deleting one makes free */
  guint64 there;
  guint64 total;
} PmodFoundModel;

/* Borrowed. */
PmodSession *pmod_catalog_get_session (PmodCatalog *self);

void pmod_found_model_free (PmodFoundModel *found);

/* found is taken. */
PmodModelEntry *pmod_model_entry_new (PmodFoundModel *found);

/* TRUE where self is of the same place and kind, and says the same now; found is taken then. */
gboolean pmod_model_entry_update (PmodModelEntry *self, PmodFoundModel *found);

/* On the task pool; an earlier reading that is not back yet is given up. */
void pmod_model_entry_read (PmodModelEntry *self, const PmodModelOptions *options);

G_END_DECLS
