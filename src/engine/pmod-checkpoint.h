/* A checkpoint directory: its configuration and every weight, found and checked by exact name,
 * shape and dtype. Nothing is copied; tensors lie in the maps.
 *
 * The layout is the published one: see the list in pmod-checkpoint.c. The vision tower may lie in
 * the checkpoint (it then wins) or in a directory of its own. Pickle files are refused. */
#pragma once

#include "pmod-config.h"
#include "pmod-safetensors.h"

G_BEGIN_DECLS

typedef struct _PmodCheckpoint PmodCheckpoint;

/* Opens and checks names, shapes and dtypes of everything; missing and unexpected tensors are
 * listed (the first few, and how many). tower_dir: nullable. Sets config->has_router from what is
 * there; a routed layer of the schedule without a router is an error. */
PmodCheckpoint *pmod_checkpoint_open (const char *dir, const char *tower_dir, GError **error);
void pmod_checkpoint_free (PmodCheckpoint *self);

const PmodConfig *pmod_checkpoint_get_config (const PmodCheckpoint *self);
guint64 pmod_checkpoint_get_bytes (const PmodCheckpoint *self); /* of all weights that are used */
guint pmod_checkpoint_get_n_tensors (const PmodCheckpoint *self);
guint pmod_checkpoint_get_n_shards (const PmodCheckpoint *self);
gboolean pmod_checkpoint_is_tower_inside (const PmodCheckpoint *self);
char *pmod_checkpoint_describe_dtypes (const PmodCheckpoint *self);

/* A weight of the decoder side, by its name in the checkpoint; of a layer, by what follows
 * "model.layers.N." and "decoder_layer." ("self_attn.q_proj.weight"); of the tower, by what
 * follows "vision_model.". NULL if the checkpoint has none (all that must be there were found by
 * open). */
const PmodTensor *pmod_checkpoint_get (const PmodCheckpoint *self, const char *name);
const PmodTensor *
pmod_checkpoint_get_layer (const PmodCheckpoint *self, int layer, const char *name);
const PmodTensor *pmod_checkpoint_get_tower (const PmodCheckpoint *self, const char *name);

/* Releases a tensor's pages after it was copied elsewhere. */
void pmod_checkpoint_forget (PmodCheckpoint *self, const PmodTensor *tensor);

/* Reads a tensor looking for NaN and infinity; the error names it, the index and the value. */
gboolean
pmod_checkpoint_check_finite (PmodCheckpoint *self, const PmodTensor *tensor, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodCheckpoint, pmod_checkpoint_free)

G_END_DECLS
