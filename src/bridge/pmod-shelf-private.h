/* What the files of a shelf share. */
#pragma once

#include "pmod-shelf.h"

G_BEGIN_DECLS

struct _PmodShelf
{
  GObject parent_instance;

  PmodKeeper *keeper;
  GCancellable *opening;   /* nullable */
  GCancellable *searching; /* nullable */
  GListStore *found;       /* NULL where nothing is looked for */
  char *words;
  gint64 shown_deleted; /* that was shown when it was deleted */

  gint64 folder;          /* 0: all */
  GListStore *inside;     /* NULL where all are shown */
  gpointer removed;       /* nullable: the folder that was removed last */
  gboolean removed_shown; /* and whether it was shown */
  gint64 restored;        /* to be shown once it is listed again; 0: none */
};

void pmod_shelf_fail (PmodShelf *self, const char *title, const GError *error);
void pmod_shelf_remark (PmodShelf *self, const char *title);

/* pmod-shelf-folders.c. */
void pmod_shelf_watch_folders (PmodShelf *self);
void pmod_shelf_clear_folders (PmodShelf *self);
void pmod_shelf_update_inside (PmodShelf *self);
void pmod_shelf_tell_folder_added (PmodShelf *self, gint64 id);
void pmod_shelf_tell_folder_removed (PmodShelf *self, gint64 id);

G_END_DECLS
