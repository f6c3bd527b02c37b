/* A list that becomes another one while views keep their place. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* list then holds what items does. Only what differs between their common beginning and end is
 * exchanged. (element-type GObject) */
void pmod_list_update (GListStore *list, GPtrArray *items);

G_END_DECLS
