/* The inside of a network, shared by its files. All tensors of a pass lie in its arena.
 *
 * T rows of all samples of the pass behind each other, V of them open to routing, R those that run
 * through a block (T in a plain layer); Dv, P and so on as in the engine. */
#pragma once

#include "pmod-arena.h"
#include "pmod-network.h"

G_BEGIN_DECLS

/* One sample's rows among those of a block, and what they see. */
typedef struct
{
  gint64 row;       /* first */
  gint64 n;         /* how many */
  gint64 prefix;    /* see PmodAttentionMask */
  PmodTensor first; /* I32 [n]; data NULL: plain causal */
} PmodLane;

/* What a block of the decoder leaves for its gradient. */
typedef struct
{
  PmodTensor normed1, normed2; /* [R,D] act */
  PmodTensor q, k, v;          /* [R,H,dh], [R,G,dh] by lane: [G,n,dh] each; act */
  PmodTensor mixed;            /* [R,H dh] act */
  PmodTensor h;                /* [R,D] F32 after attention */
  PmodTensor gate_up, ffn;     /* [R,2F], [R,F] act */
} PmodBlockState;

typedef struct
{
  gboolean routed;
  PmodTensor x;                      /* [T,D] F32 the layer's input */
  gint64 n_rows;                     /* R */
  PmodLane *lanes;                   /* [n_samples] */
  PmodTensor positions;              /* I32 [R] */
  PmodTensor logit, weight, kept;    /* [V] */
  PmodTensor rows, slot, row_weight; /* [R], [T], [T] */
  PmodTensor h_in;                   /* [R,D]: x itself in a plain layer */
  PmodTensor m;                      /* [R,D] F32 the MLP's output of a routed layer */
  PmodBlockState block;              /* empty where it is computed again */
} PmodLayerState;

/* Likewise of a block of the tower; S = n_tiles (P+1) rows. */
typedef struct
{
  PmodTensor x;                /* [S,Dv] F32 */
  PmodTensor normed1, normed2; /* [S,Dv] act */
  PmodTensor q, k, v;          /* by tile: [P+1,H,dh], [H,P+1,dh]; act */
  PmodTensor mixed;            /* [S,Dv] act */
  PmodTensor h;                /* [S,Dv] F32 after attention */
  PmodTensor z, ffn;           /* [S,Fv] act: before the activation and after */
} PmodTowerState;

struct _PmodNetwork
{
  const PmodWeights *weights;
  PmodBackend *backend;
  float *gradients;
  PmodNetworkOptions options;
  PmodArena *arena;
  PmodTensor rope;                         /* [context, dh] F32 */
  PmodTensor ones;                         /* [D] F32 */
  PmodMatrix *words[PMOD_N_READINGS];      /* each [n, D], NULL where the source has no words */
  PmodTensor word_tables[PMOD_N_READINGS]; /* their masters: mean embeddings */
  PmodWeightNorm norm;
  double ratios[PMOD_MAX_LAYERS];

  /* The pass that runs. */
  PmodSample *const *samples;
  int n_samples;
  const PmodLossFactors *factors;
  gboolean backward;
  double flops;
  gint64 n_rows;    /* T */
  gint64 n_targets; /* V */
  int n_tiles;
  PmodTensor targets;   /* I32 [V] */
  PmodTensor positions; /* I32 [T] */
  PmodLane *lanes;      /* [n_samples] of all rows */

  PmodTensor pixels, patches, embedded; /* see pmod-network-tower.c */
  PmodTowerState *tower;                /* [n_blocks] */
  PmodTensor tower_out;                 /* [S,Dv] F32 */
  PmodTensor selected;                  /* [n_tiles P, Dv] act */
  PmodTensor patch_rows;                /* I32 [n_tiles P]: rows of patches in tower_out */
  PmodTensor hidden_z, hidden;          /* [n_tiles P, D] act */
  PmodTensor projected;                 /* [n_tiles P, D] F32 */
  PmodTensor dprojected;                /* likewise, its gradient */
  PmodTensor merge;                     /* I32 [T] row of projected that stands there, or -1 */
  PmodTensor newline; /* I32 [T] 0 where a newline stands, or -1; data NULL: none */
  PmodTensor text;    /* I32 [T] token, or -1 */

  PmodLayerState *layers; /* [n_layers] */
  PmodTensor x;           /* [T,D] F32 embedded rows, then the last layer's output */
};

/* Whether part learns. */
gboolean pmod_network_learns (const PmodNetwork *self, guint parts);

/* *view = where the gradient of weight is added to, and view; NULL where it is frozen. */
PmodTensor *pmod_network_gradient (PmodNetwork *self, const PmodWeight *weight, PmodTensor *view);

/* pmod_linear() of a weight that learns, and its backward; both count their work. */
void pmod_network_linear (PmodNetwork *self,
                          PmodTensor *y,
                          const PmodTensor *x,
                          const PmodWeight *w,
                          const PmodWeight *bias,
                          PmodEpilogue epilogue);
void pmod_network_linear_backward (PmodNetwork *self,
                                   PmodTensor *dx,
                                   const PmodTensor *dy,
                                   const PmodTensor *x,
                                   const PmodWeight *w,
                                   const PmodWeight *bias);

/* A copy in the arena. */
PmodTensor pmod_network_copy (PmodNetwork *self, const PmodTensor *from);
PmodTensor pmod_network_zeros (PmodNetwork *self, gint64 n0, gint64 n1);
/* An I32 array of the host, in the arena. */
PmodTensor pmod_network_indices (PmodNetwork *self, const gint32 *values, gint64 n);

/* --- pmod-network-read.c: rows read by a table --- */

typedef struct
{
  const PmodTensor *from; /* [.,D] F32, of which rows are read */
  PmodTensor rows;        /* I32 [n] */
  PmodTensor labels;      /* I32 [n] rows of table */
  PmodTensor scales;      /* F32 [n] of each row's loss */
  const PmodTensor *norm; /* [D] F32 */
  const PmodMatrix *table;
  PmodTensor *dfrom, *dnorm, *dtable; /* added to; dfrom NULL: forward alone; others may be NULL */

  float sums[3];     /* the summary of pmod_cross_entropy() */
  PmodTensor argmax; /* I32 [n] */
} PmodReading;

/* FALSE where the backend has failed. */
gboolean pmod_network_read (PmodNetwork *self, PmodReading *reading);

/* --- pmod-network-tower.c: pictures to projected, and back from dprojected --- */
void pmod_network_tower_forward (PmodNetwork *self);
void pmod_network_tower_backward (PmodNetwork *self);

/* --- pmod-network-decoder.c: x, embedded rows, to the last layer's output, and back --- */
void pmod_network_decoder_forward (PmodNetwork *self, PmodRouterStats *stats);
/* dx [T,D]: of the output, then of the input. */
void pmod_network_decoder_backward (PmodNetwork *self, PmodTensor *dx);

/* --- pmod-network-route.c: which rows a routed layer runs --- */
void pmod_network_route (PmodNetwork *self, int layer, PmodRouterStats *stats);
/* dweight [V] of the router's weights: adds to dx and to the router's gradients. */
void
pmod_network_route_backward (PmodNetwork *self, int layer, PmodTensor *dweight, PmodTensor *dx);
/* The loss of routers against what is known of the patches, factor applied. */
double pmod_network_route_loss (const PmodNetwork *self);

/* --- pmod-network-words.c: patches read by words --- */
/* The loss, factors applied; adds to dprojected and to the embedding's gradient. */
double pmod_network_words_loss (PmodNetwork *self, PmodNetworkResult *result);

G_END_DECLS
