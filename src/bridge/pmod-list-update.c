/* See pmod-list-update.h. */
#include "config.h"

#include "pmod-list-update.h"

static gboolean
is_at (GListModel *model, guint position, gpointer item)
{
  g_autoptr (GObject) there = g_list_model_get_item (model, position);

  return (gpointer)there == item;
}

void
pmod_list_update (GListStore *list, GPtrArray *items)
{
  GListModel *model = G_LIST_MODEL (list);
  guint n_old = g_list_model_get_n_items (model), same = 0, tail = 0;

  while (same < MIN (n_old, items->len) && is_at (model, same, items->pdata[same]))
    same++;
  while (tail < MIN (n_old, items->len) - same &&
         is_at (model, n_old - 1 - tail, items->pdata[items->len - 1 - tail]))
    tail++;
  if (n_old - same - tail > 0 || items->len - same - tail > 0)
    g_list_store_splice (list, same, n_old - same - tail, items->pdata + same,
                         items->len - same - tail);
}
