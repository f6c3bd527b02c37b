/* The pictures that come with the next question: above the entry, each with a button that takes it
 * off. Nothing is seen where there are none. */
#pragma once

#include <adwaita.h>

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_ATTACHMENTS (pmod_attachments_get_type ())
G_DECLARE_FINAL_TYPE (PmodAttachments, pmod_attachments, PMOD, ATTACHMENTS, AdwBin)

G_END_DECLS
