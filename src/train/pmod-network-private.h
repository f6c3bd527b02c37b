/* The inside of a network, shared by its files. All tensors of a pass lie in its arena, but for
 * what the host is told of it, which lies on its board.
 *
 * T rows of all samples of the pass behind each other, V of them open to routing, R those that run
 * through a block (T in a plain layer); Dv, P and so on as in the engine. */
#pragma once

#include "pmod-arena.h"
#include "pmod-board.h"
#include "pmod-network.h"
#include "pmod-parcel.h"

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
  PmodTensor logit, weight, kept;    /* [V] */
  gsize told[3];                     /* their places on the board, where the host counts them */
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

/* Rows that are read by a table: answers by the head, patches by words. */
typedef struct
{
  const PmodTensor *from; /* [.,D] F32, of which rows are read */
  gint64 n;
  PmodTensor rows;        /* I32 [n] */
  PmodTensor labels;      /* I32 [n] rows of table */
  PmodTensor scales;      /* F32 [n] of each row's loss */
  const PmodTensor *norm; /* [D] F32 */
  const PmodMatrix *table;
  PmodTensor *dfrom, *dnorm, *dtable; /* added to; dfrom NULL: forward alone; others may be NULL */

  gsize summary; /* place on the board of F32 [3]: see pmod_cross_entropy() */
  gsize argmax;  /* likewise of I32 [n], where the host is told every row's */
  gboolean is_told;
} PmodReading;

/* Of the patches, one reading after the other. */
typedef struct
{
  GArray *rows, *labels; /* gint32 */
  GArray *scales;        /* float */
} PmodPatchList;

/* The words of one reading, in the backend's memory: M tokens, each of an entry of the table. */
typedef struct
{
  PmodTensor tokens, entries; /* I32 [M] */
  PmodTensor counts;          /* I32 [M] how many tokens the entry has */
  PmodTensor table;           /* [n, D] F32: mean embeddings */
  PmodMatrix *matrix;         /* of it; NULL where the source has no words */
} PmodWords;

/* A pass of which the numbers are still on the board. */
typedef struct
{
  gsize summaries[PMOD_N_READINGS + 1]; /* of the words, then of the answers */
  gint64 n[PMOD_N_READINGS + 1];
  gsize router_losses; /* F32 [n_routed] */
  int n_routed;
  double router_factor;
  double flops;
} PmodPass;

struct _PmodNetwork
{
  const PmodWeights *weights;
  PmodBackend *backend;
  float *gradients;
  PmodNetworkOptions options;
  PmodArena *arena;
  PmodParcel *parcel;
  PmodBoard *board;
  gsize gradient_norm; /* place on the board of F32 [2], where it is taken */
  gboolean has_norm;
  GArray *passes;  /* PmodPass: since the last collect */
  PmodTensor rope; /* [context, dh] F32 */
  PmodTensor ones; /* [D] F32 */
  PmodWords words[PMOD_N_READINGS];
  PmodWeightNorm norm;
  double ratios[PMOD_MAX_LAYERS];

  /* The pass that runs. */
  PmodSample *const *samples;
  int n_samples;
  const PmodLossFactors *factors;
  gboolean backward;
  gboolean tells_all; /* the host is told argmax and what routers chose, not sums alone */
  double flops;
  gint64 n_rows;    /* T */
  gint64 n_targets; /* V */
  int n_tiles;
  PmodTensor targets;   /* I32 [V] */
  PmodTensor positions; /* I32 [T] */
  PmodTensor angles;    /* [T,dh] F32: rope at the positions */
  PmodTensor objects;   /* I32 [V] labels of pmod_router_loss(); data NULL: none */
  PmodLane *lanes;      /* [n_samples] of all rows, then of each layer's */
  PmodReading readings[PMOD_N_READINGS], answers;
  PmodPatchList patch_list;

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

  PmodTensor router_losses; /* F32 [n_routed] on the board */
  PmodLayerState *layers;   /* [n_layers] */
  PmodTensor x;             /* [T,D] F32 embedded rows, then the last layer's output */
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

/* --- pmod-network-layout.c: what a pass has to know of its samples --- */
void pmod_network_lay_out (PmodNetwork *self);

/* --- pmod-network-read.c: rows read by a table --- */

void pmod_network_read (PmodNetwork *self, PmodReading *reading);

/* --- pmod-network-tower.c: pictures to projected, and back from dprojected --- */
void pmod_network_tower_forward (PmodNetwork *self);
void pmod_network_tower_backward (PmodNetwork *self);

/* --- pmod-network-decoder.c: x, embedded rows, to the last layer's output, and back --- */
void pmod_network_decoder_forward (PmodNetwork *self);
/* dx [T,D]: of the output, then of the input. */
void pmod_network_decoder_backward (PmodNetwork *self, PmodTensor *dx);

/* --- pmod-network-route.c: which rows a routed layer runs --- */
/* How many targets of a sample a layer keeps. */
int pmod_network_keep_count (const PmodNetwork *self, int layer, int sample);
void pmod_network_route (PmodNetwork *self, int layer);
/* dweight [V] of the router's weights: adds to dx and to the router's gradients. */
void
pmod_network_route_backward (PmodNetwork *self, int layer, PmodTensor *dweight, PmodTensor *dx);
/* The loss of routers against what is known of the patches, onto the board: forward passes. */
void pmod_network_route_loss (PmodNetwork *self);
/* What was fetched of the last pass: counted into stats [n_layers]. */
void pmod_network_route_count (const PmodNetwork *self, PmodRouterStats *stats);

/* --- pmod-network-words.c: patches read by words --- */
/* Reads them; adds to dprojected and to the embedding's gradient. */
void pmod_network_read_words (PmodNetwork *self);
/* What was fetched of the last pass: counts what was right. */
void pmod_network_count_words (const PmodNetwork *self, PmodNetworkResult *result);
void pmod_network_forget_words (PmodNetwork *self);
/* What a patch shows if that is to be read, else -1; *scale = what its loss counts. */
gint32 pmod_network_label_of (const PmodNetwork *self,
                              const PmodSamplePatch *patch,
                              PmodPatchReading what,
                              float *scale);

G_END_DECLS
