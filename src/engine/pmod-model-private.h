/* The inside of a model: every weight, bound and typed, in the order in which data flows.
 * For the engine's own files only. */
#pragma once

#include "pmod-model.h"
#include "pmod-ops.h"

G_BEGIN_DECLS

/* One block of the vision tower (pre-norm transformer with biases). Dv = config->vision.hidden. */
typedef struct
{
  PmodTensor norm1_weight, norm1_bias; /* [Dv] F32 */
  PmodMatrix *qkv;                     /* [3 Dv, Dv] */
  PmodTensor qkv_bias;                 /* [3 Dv] F32 */
  PmodMatrix *out;                     /* [Dv, Dv] */
  PmodTensor out_bias;                 /* [Dv] F32 */
  PmodTensor norm2_weight, norm2_bias; /* [Dv] F32 */
  PmodMatrix *fc1;                     /* [Fv, Dv] */
  PmodTensor fc1_bias;                 /* [Fv] F32 */
  PmodMatrix *fc2;                     /* [Dv, Fv] */
  PmodTensor fc2_bias;                 /* [Dv] F32 */
} PmodTowerBlock;

typedef struct
{
  PmodMatrix *patch;                         /* [Dv, 3 p p] */
  PmodTensor class_embedding;                /* [Dv] F32 */
  PmodTensor position;                       /* [P+1, Dv] F32 */
  PmodTensor pre_norm_weight, pre_norm_bias; /* [Dv] F32 */
  PmodTowerBlock *blocks;                    /* [n_blocks]: as many as vision_select_layer needs */
  int n_blocks;
} PmodTower;

typedef struct
{
  PmodMatrix *fc1;     /* [D, Dv] */
  PmodTensor fc1_bias; /* [D] F32 */
  PmodMatrix *fc2;     /* [D, D] */
  PmodTensor fc2_bias; /* [D] F32 */
  PmodTensor newline;  /* [1, D] F32; data NULL unless spatial_unpad */
} PmodProjector;

typedef struct
{
  PmodTensor attention_norm; /* [D] F32 */
  PmodMatrix *qkv;           /* [(H+2G) dh, D] */
  PmodMatrix *out;           /* [D, H dh] */
  PmodTensor mlp_norm;       /* [D] F32 */
  PmodMatrix *gate_up;       /* [2F, D] */
  PmodMatrix *down;          /* [D, F] */
  PmodTensor router_weight;  /* [D] F32; data NULL where the layer has no router */
  PmodTensor router_bias;    /* [1] F32; data NULL where there is none */
} PmodLayer;

struct _PmodModel
{
  gatomicrefcount ref_count;
  PmodConfig *config;
  PmodTokenizer *tokenizer; /* NULL in a random model */
  char *path;
  char *device_name;
  char *fallback; /* NULL where the device is the one that was asked for, or the best */
  guint64 load_ns;
  guint64 weight_bytes;
  int n_threads;

  PmodBackend *backend;
  gboolean host_memory; /* results may be read without a download */
  PmodDtype act;        /* F32, BF16 or F16 */

  PmodTower tower; /* without blocks where the model has no vision */
  PmodProjector projector;
  PmodTensor embedding; /* [V, D] in the checkpoint's dtype */
  PmodLayer *layers;    /* [n_layers] */
  PmodTensor norm;      /* [D] F32 */
  PmodMatrix *head;     /* [V, D] */
  PmodTensor rope;      /* [context_length, dh] F32: cos, then sin */

  PmodModel *beside; /* whose weights these are; else NULL, and they are this one's */

  GPtrArray *memory; /* every backend allocation above that is not a matrix */
  GPtrArray *matrices;
};

/* Pictures whose features a context keeps at most: those of the longest prompt that a server takes.
 */
#define PMOD_FEATURE_SLOTS 16

/* And how many tokens they are together, of D floats each: all that fit into one prompt, so that
 * another picture in a conversation is the only one that is encoded, and no less than three of the
 * largest. */
gint64 pmod_model_get_feature_rows (const PmodConfig *config);

/* Whether pictures may come to more parts than max_num_patches allows. */
gboolean pmod_model_shrinks_maps (const PmodConfig *config);

/* What the weights, a whole context's KV cache and scratch take: the decoder's, the tower's for the
 * largest picture of the model's kind, and the features that are kept. */
void pmod_model_measure (const PmodConfig *config, PmodDtype act, PmodMemory *memory);

/* FALSE and an error where the backend has failed since it was last asked; clears it. */
gboolean pmod_model_check (PmodModel *self, const char *what, GError **error);

/* Fills the layers, tower, projector and head of self, whose config, backend and act are set;
 * checkpoint NULL: with random numbers. Part of pmod_model_open(). */
typedef struct _PmodCheckpoint PmodCheckpoint;
gboolean pmod_model_load_weights (PmodModel *self,
                                  PmodCheckpoint *checkpoint,
                                  const PmodModelOptions *options,
                                  PmodProgressFunc progress,
                                  gpointer user_data,
                                  GError **error);

G_END_DECLS
