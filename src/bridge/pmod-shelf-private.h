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
};

void pmod_shelf_fail (PmodShelf *self, const char *title, const GError *error);
void pmod_shelf_remark (PmodShelf *self, const char *title);

G_END_DECLS
