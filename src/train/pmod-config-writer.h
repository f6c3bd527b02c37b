/* Configurations as the published checkpoints have them: the texts of a PmodConfig, and the files.
 * pmod_config_parse() and pmod_config_load() read back a configuration that is equal but for the
 * tower's name. */
#pragma once

#include "pmod-config.h"

G_BEGIN_DECLS

/* Where the written configuration says its tower is, relative to it. The tower's weights lie in the
 * checkpoint's own files. */
#define PMOD_CONFIG_TOWER "vision-tower"

/* config.json; about: the key strata_about, nullable. (transfer full) */
char *pmod_config_to_json (const PmodConfig *config, const char *about);

/* The tower's config.json and preprocessor_config.json; config has_vision. (transfer full) */
char *pmod_config_tower_to_json (const PmodConfig *config);
char *pmod_config_preprocessor_to_json (const PmodConfig *config);

/* Writes DIR/config.json, DIR/generation_config.json and, where config has_vision, the tower's two
 * files in DIR/vision-tower. Makes the directories that are missing. */
gboolean pmod_recipe_write_config (const PmodConfig *config,
                                   const char *about,
                                   const char *dir,
                                   GError **error);

G_END_DECLS
