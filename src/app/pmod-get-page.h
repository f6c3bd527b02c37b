/* The page on which a published checkpoint is looked up and downloaded. */
#pragma once

#include <adwaita.h>

#include "pmod-download.h"

G_BEGIN_DECLS

#define PMOD_TYPE_GET_PAGE (pmod_get_page_get_type ())
G_DECLARE_FINAL_TYPE (PmodGetPage, pmod_get_page, PMOD, GET_PAGE, AdwBin)

/* The property "download" is what it shows. */

G_END_DECLS
