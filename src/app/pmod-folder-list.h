/* The folders of a shelf, to choose one, name, remove and fill them; nothing where there are none.
 */
#pragma once

#include <adwaita.h>

#include "pmod-shelf.h"

G_BEGIN_DECLS

#define PMOD_TYPE_FOLDER_LIST (pmod_folder_list_get_type ())
G_DECLARE_FINAL_TYPE (PmodFolderList, pmod_folder_list, PMOD, FOLDER_LIST, AdwBin)

/* The property "shelf" is set once. */

G_END_DECLS
