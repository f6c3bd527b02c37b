/* The weights of a network that learns: F32 masters, each under its name or names in a checkpoint,
 * with the packed matrix that products take, and the optimizer's state.
 *
 * All masters lie in one block of memory, and gradients and states of the optimizer in blocks of
 * the same layout: a weight's place in them is its offset. Between two steps the weights may be
 * read by any number of threads, each through a backend of its own. */
#pragma once

#include "pmod-checkpoint.h"
#include "pmod-ops-train.h"
#include "pmod-recipe.h"

G_BEGIN_DECLS

#define PMOD_WEIGHT_MAX_PARTS 3

typedef struct
{
  /* A fused weight (q, k, v; gate, up) is several of a checkpoint, stacked along N. */
  char *names[PMOD_WEIGHT_MAX_PARTS];
  gint64 n_out[PMOD_WEIGHT_MAX_PARTS]; /* N of each part */
  int n_parts;
  int n_file_dims; /* as a checkpoint has it: the patch embedding is [Dv,3,p,p], a router [1,D] */
  gint64 file_shape[PMOD_TENSOR_MAX_DIMS]; /* of a single part */
  PmodPart part;
  gboolean is_hidden; /* a matrix between hidden states: Muon's */
  gboolean decays;
  float init_std; /* of a new network's weight; 0: init_value throughout */
  float init_value;
  gsize offset;       /* of its first element in every block */
  PmodTensor value;   /* [N,K] or [N] F32 */
  PmodMatrix *matrix; /* NULL where products do not take it */
} PmodWeight;

typedef struct
{
  PmodWeight *norm1, *norm1_bias; /* [Dv] */
  PmodWeight *qkv, *qkv_bias;     /* [3 Dv, Dv], [3 Dv] */
  PmodWeight *out, *out_bias;     /* [Dv, Dv] */
  PmodWeight *norm2, *norm2_bias;
  PmodWeight *fc1, *fc1_bias; /* [Fv, Dv] */
  PmodWeight *fc2, *fc2_bias; /* [Dv, Fv] */
} PmodTowerWeights;

typedef struct
{
  PmodWeight *attention_norm; /* [D] */
  PmodWeight *qkv;            /* [(H+2G) dh, D] */
  PmodWeight *out;            /* [D, H dh] */
  PmodWeight *mlp_norm;       /* [D] */
  PmodWeight *gate_up;        /* [2F, D] */
  PmodWeight *down;           /* [D, F] */
  PmodWeight *router;         /* [D], NULL in a plain layer */
  PmodWeight *router_bias;    /* [1], NULL likewise or where routers have none */
} PmodLayerWeights;

typedef struct
{
  PmodConfig *config;
  PmodBackend *backend; /* has the memory; used between steps alone */
  PmodBackend *own;     /* the same where it is the weights', else NULL */
  PmodDtype act;        /* of products */

  GPtrArray *all;          /* PmodWeight, in the order of a block */
  gsize n_elements;        /* of a block, padding included */
  float *values, *m1, *m2; /* blocks in the backend's memory: the masters, the optimizer's states */

  PmodWeight *patch, *class_embedding, *position, *pre_norm, *pre_norm_bias;
  PmodTowerWeights *blocks; /* [n_blocks] */
  int n_blocks;
  PmodWeight *fc1, *fc1_bias, *fc2, *fc2_bias; /* the projector */
  PmodWeight *newline;                         /* NULL unless spatial_unpad */
  PmodWeight *embedding;                       /* [V, D] */
  PmodLayerWeights *layers;                    /* [n_layers] */
  PmodWeight *norm;                            /* [D] */
  PmodWeight *head;                            /* [V, D]; embedding itself where they are tied */
} PmodWeights;

/* Masters of config's shape, filled from seed as a new network is: normal numbers of standard
 * deviation 0.8 / sqrt (K) in matrices, those that end a residual branch divided by sqrt (2 L); 0
 * in routers and biases, 1 in norms. With a checkpoint, whose configuration config must be but for
 * routers that it leaves out, its numbers instead. backend: of the device that they live on,
 * borrowed; NULL: the host's memory, for any number of CPU backends. */
PmodWeights *pmod_weights_new (const PmodConfig *config,
                               PmodBackend *backend,
                               PmodDtype act,
                               guint64 seed,
                               const PmodCheckpoint *checkpoint,
                               GError **error);
void pmod_weights_free (PmodWeights *self);

/* Fills the weights of parts (PmodPart) as a new network's of seed. */
gboolean pmod_weights_renew (PmodWeights *self, guint parts, guint64 seed, GError **error);

/* What block holds, for the host: block itself where the host may read it, else *copy, new. NULL
 * where the backend has failed. */
const float *
pmod_weights_read (const PmodWeights *self, const float *block, float **copy, GError **error);

/* block = from, of as many elements. */
void pmod_weights_write (PmodWeights *self, float *block, const float *from);

/* Clears the optimizer's states. */
void pmod_weights_forget (PmodWeights *self);

/* FALSE where the backend has failed. */
gboolean pmod_weights_check (const PmodWeights *self, GError **error);

/* Brings one weight's matrix up to its master, or all of them. */
void pmod_weight_update (PmodWeight *self, PmodBackend *backend);
void pmod_weights_update (PmodWeights *self);

/* A view of block, laid out like the masters, with the shape of weight. */
PmodTensor pmod_weight_view (const PmodWeight *weight, float *block);

/* Weight i of all. */
PmodWeight *pmod_weights_get (const PmodWeights *self, guint i);

/* Elements of weight. */
gint64 pmod_weight_n (const PmodWeight *weight);

/* Writes PATH as one safetensors file in the published layout, in dtype F32 or BF16. */
gboolean
pmod_weights_save (const PmodWeights *self, const char *path, PmodDtype dtype, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodWeights, pmod_weights_free)

G_END_DECLS
