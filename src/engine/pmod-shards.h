/* The safetensors files of one directory as one list of tensors: model.safetensors, or the shards
 * that model.safetensors.index.json lists. Knows file names, no model. */
#pragma once

#include "pmod-safetensors.h"

G_BEGIN_DECLS

typedef struct _PmodShards PmodShards;

/* Refused: pickle files only (with the way to convert them), an index that names a file outside
 * the directory or one that is not there, and tensors that lie elsewhere than the index says. */
PmodShards *pmod_shards_open (const char *dir, GError **error);
void pmod_shards_free (PmodShards *self);

const char *pmod_shards_get_dir (const PmodShards *self);
guint pmod_shards_get_n_files (const PmodShards *self);
guint pmod_shards_get_n_entries (const PmodShards *self);
const PmodSafetensorsEntry *pmod_shards_get_entry (const PmodShards *self, guint i);
const PmodSafetensorsEntry *pmod_shards_find (const PmodShards *self, const char *name);

/* The file that holds the tensor name. */
const char *pmod_shards_get_path (const PmodShards *self, const char *name);
void pmod_shards_forget (PmodShards *self, const PmodSafetensorsEntry *entry);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodShards, pmod_shards_free)

G_END_DECLS
