/* Between pmod-config.c (files, lifecycle) and pmod-config-json.c (keys and their checks). */
#pragma once

#include "pmod-config.h"
#include "pmod-json.h"

G_BEGIN_DECLS

#define PMOD_CONFIG_MAX_BYTES (16 * 1024 * 1024)

/* The hub's name of the tower whose shape is known without its config.json. */
#define PMOD_CONFIG_KNOWN_TOWER "clip-vit-large-patch14-336"

/* tower and preprocessor: nullable, then CLIP ViT-L/14-336. Messages begin with the documents'
 * names. */
PmodConfig *pmod_config_read (const PmodJsonDocument *config,
                              const PmodJsonDocument *tower,
                              const PmodJsonDocument *preprocessor,
                              GError **error);

G_END_DECLS
