/* The inside of a context, shared by the files that run it: decoder, router, vision, reuse.
 * For the engine's own files only. C = context_length rows everywhere. */
#pragma once

#include "pmod-context.h"
#include "pmod-kv.h"
#include "pmod-meter.h"
#include "pmod-model-private.h"
#include "pmod-sampler.h"
#include "pmod-sequence.h"

G_BEGIN_DECLS

/* Memory for one pass, sized once. Every tensor's first dimension is C; users take views. */
typedef struct
{
  PmodTensor x;          /* [C, D] F32 the residual stream */
  PmodTensor entry;      /* [C, D] F32 x as it entered the first layer that has a router */
  PmodTensor h;          /* [C, D] F32 kept rows of a routed layer */
  PmodTensor m;          /* [C, D] F32 their MLP output */
  PmodTensor normed;     /* [C, D] act */
  PmodTensor qkv;        /* [C, (H+2G) dh] F32 */
  PmodTensor q;          /* [C, H, dh] act */
  PmodTensor mixed;      /* [C, H dh] act, attention's output */
  PmodTensor gate_up;    /* [C, 2F] act */
  PmodTensor ffn;        /* [C, F] act */
  PmodTensor ids;        /* [C] I32 */
  PmodTensor next;       /* [3] I32 a new token's id, which one of its graph's it is, and the bits
                            of the temperature that it will be sampled with */
  PmodTensor targets;    /* [C] I32 */
  PmodTensor rows;       /* [C] I32 */
  PmodTensor slot;       /* [C] I32 */
  PmodTensor row_weight; /* [C] F32 */
  PmodTensor order;      /* [C] F32 what a policy other than the router's chooses by */
  PmodTensor order_ties; /* [C] F32 the same, where order is equal */
  PmodTensor received; /* [C] F32 what the layer before gave each target, for the next to choose */
  PmodTensor entry_received; /* [C] F32 the same of the first layer that has a router */
  PmodTensor limits;         /* [2] F32 after all weights, before all weights */
  PmodTensor painted_limit;  /* [C] I32 which of limits a target has, -1: none */
  PmodTensor painted_self;   /* [C] I32 the target itself where it has one, -1: none */
  PmodTensor logits;         /* [1, V] F32 */
  PmodTensor is_picked;      /* [V] U8 the likeliest */
  PmodTensor picked;         /* [PMOD_PICKED] I32 what the host is told of logits: PmodHostPicked */
} PmodScratch;

/* A token of the answer with its chances, as TOKEN records tell them. */
typedef struct
{
  gint32 id;
  float logprob;
  gint32 n_alternatives;
  PmodAlternative alternatives[PMOD_MAX_ALTERNATIVES];
} PmodScored;

/* As pmod_pick() gives it, in one piece. */
typedef struct
{
  float sums[3];
  gint32 ids[PMOD_MAX_PICKED];
  float logits[PMOD_MAX_PICKED];
} PmodHostPicked;

#define PMOD_PICKED ((gint64)(sizeof (PmodHostPicked) / sizeof (gint32)))

/* What the routers chose in the last prefill, layer by layer: [L, C]. */
typedef struct
{
  PmodTensor logit;  /* F32 */
  PmodTensor weight; /* F32 */
  PmodTensor kept;   /* U8 */
} PmodRoutes;

/* Features of the pictures seen last. */
typedef struct
{
  guint64 hash;  /* of the picture; used is 0: empty slot */
  gint64 first;  /* row of the pool */
  gint64 n_rows; /* merged, newlines included */
  guint64 used;  /* counts up, the smallest goes first */
} PmodFeatureSlot;

/* Memory of the tower, for max_tiles tiles; made when a picture needs it. */
typedef struct
{
  int max_tiles;
  GPtrArray *memory;
  PmodTensor pixels, patches, embedded, x, normed, qkv, q, k, v, mixed, ffn, selected, hidden,
      projected, index;
  PmodTensor map, shrunk; /* what a map that is shrunk comes from and goes to; else no data */
} PmodVisionScratch;

struct _PmodContext
{
  PmodModel *model;
  PmodKv *kv;
  PmodSampler *sampler;
  PmodDetokenizer *detokenizer; /* NULL in a random model */
  gint cancelled;               /* atomic; any thread */
  GPtrArray *memory;

  PmodScratch scratch;
  PmodRoutes routes;
  PmodVisionScratch vision;
  PmodTensor feature_pool; /* [pmod_model_get_feature_rows(), D] F32; made for the first picture */
  PmodFeatureSlot features[PMOD_FEATURE_SLOTS];
  guint64 feature_clock;
  float *logits;         /* [V] host copy */
  gboolean logits_here;  /* it is of the last token */
  PmodHostPicked picked; /* of the last token, where logits lie on a device */
  float temperature;     /* what it was picked with */
  float *route_logit;    /* [L, C] host copies of routes, for the records */
  float *route_weight;   /* [L, C] */
  guint8 *route_kept;    /* [L, C] */
  float *policy_score;   /* [C] host copy of one layer's order */
  gint32 *paint_index;   /* [2, C] host copies of painted_limit and painted_self */

  /* The last prefill, for the next one to use again; NULL: there is none. */
  PmodSequence *sequence;
  PmodRouting routing; /* a copy that the context owns */
  double ratios[PMOD_MAX_LAYERS];
  int *segment_kv; /* [n_segments, L] lengths of each layer's cache after each segment */
  int n_tokens;    /* prefill and answer */
  int n_new;       /* tokens of the answer so far */
  gboolean has_logits;
  gboolean upper_valid;    /* layers from the first router on hold states of sequence, too */
  gboolean received_valid; /* entry_received is of sequence */
  int n_layers_done;       /* of the prefill that runs or ran last */
  PmodGraph *graph;        /* a new token, where the backend has graphs and one was recorded */
  int graph_first;         /* the position of its first token */
  int graph_end;           /* it holds for positions before this; 0: for none */
  gboolean is_recording;   /* RUN_BEGIN was written, RUN_END is due */

  /* The answer after it, for one that begins with the same tokens: see pmod-context-begin.c. */
  gint32 *answered; /* [C] tokens whose keys and values lie in every cache behind sequence's */
  int n_answered;
  PmodScored *scored; /* [C] tokens of the answer, with what the logits before each said of it */
  int n_scored;
};

/* Allocates backend memory of the tensor's size that lives as long as memory; FALSE if there is
 * no room. */
gboolean pmod_context_allocate (PmodModel *model, GPtrArray *memory, PmodTensor *tensor);

/* Frees all of memory and leaves it empty. */
void pmod_context_release (PmodModel *model, GPtrArray *memory);

gboolean pmod_context_check_cancelled (PmodContext *self, GError **error);

/* Takes sequence. random_features [n_vision, D] F32 stands in for pictures in a random sequence,
 * else NULL. */
gboolean pmod_context_prefill_sequence (PmodContext *self,
                                        PmodSequence *sequence,
                                        const PmodTensor *random_features,
                                        const PmodParams *params,
                                        PmodTrace *trace,
                                        GError **error);

/* Runs one token at the next position; logits are those after it. */
gboolean pmod_context_advance (PmodContext *self, int token, PmodTrace *trace, GError **error);

/* --- pmod-context-begin.c --- */

/* Whether ids (gint32, nullable) can be how the answer to a prompt of n_tokens begins. */
gboolean
pmod_context_check_begin (const PmodContext *self, const GArray *ids, int n_tokens, GError **error);

/* Before a prefill: forgets the answer unless the last one was the same, so that what lies behind
 * it in the caches fits behind it once more. */
void pmod_context_keep_answer (PmodContext *self,
                               const PmodSequence *sequence,
                               const PmodRouting *routing);

/* After a prefill: the answer has ids, and what comes next is as if they had been drawn. *go_on:
 * func did not ask for a stop. */
gboolean pmod_context_begin (PmodContext *self,
                             const GArray *ids,
                             const PmodParams *params,
                             PmodAnswer *answer,
                             PmodTrace *trace,
                             PmodAnswerFunc func,
                             gpointer user_data,
                             gboolean *go_on,
                             GError **error);

/* --- pmod-decoder.c --- */

/* One decoder block over rows h [R,D], in place:
 *   h += Attention (RMSNorm (h));   m = MLP (RMSNorm (h)), or h += m where m is NULL
 * rows I32 [R]: their places in the sequence after pos0, NULL for 0, 1, 2, ... Appends R entries
 * to the layer's cache. */
void pmod_decoder_block (
    PmodContext *self, int layer, PmodTensor *h, const PmodTensor *rows, int pos0, PmodTensor *m);

/* All layers over sequence, whose rows of x are filled in from segment first_low on. Layers
 * before the first router start at segment first_low, the others at first_high <= first_low; the
 * caches hold what comes before. */
gboolean pmod_decoder_prefill (PmodContext *self,
                               const PmodSequence *sequence,
                               int first_low,
                               int first_high,
                               PmodTrace *trace,
                               PmodFlops *flops,
                               GError **error);

/* All logits of the last token to the host, if they are not there. */
gboolean pmod_decoder_fetch_logits (PmodContext *self, GError **error);

/* One token at position n_tokens through all layers and the head; fills in self->logits. */
gboolean pmod_decoder_token (PmodContext *self, int token, PmodTrace *trace, GError **error);

/* What the next one will cost. */
PmodFlops pmod_decoder_measure_token (const PmodContext *self);

/* Final norm and head of row; fills in self->logits. */
gboolean pmod_decoder_head (PmodContext *self, int row, PmodTrace *trace, GError **error);

/* --- pmod-router.c --- */

/* A routed layer over rows x [T,D], the first T of the sequence; returns how many were kept. */
int pmod_router_layer (
    PmodContext *self, int layer, double ratio, const PmodSequence *sequence, PmodTensor *x);

/* After layer, for the one after it, which is routed and goes by attention: what the targets got
 * from q [T,H,dh], all of whose keys are the first n_keys of the layer's cache. slot I32 [n]: where
 * keys of the routed layer's tokens lie; NULL: each at its own position. */
void pmod_router_receive (PmodContext *self,
                          int layer,
                          const PmodSequence *sequence,
                          const PmodTensor *q,
                          int n_keys,
                          const PmodTensor *slot);

/* Copies the routes of n layers to the host. */
void pmod_router_fetch (PmodContext *self, int first_layer, int n);

/* Writes the layer's ROUTE record from what was copied. */
void pmod_router_record (
    PmodContext *self, int layer, const PmodSequence *sequence, gboolean reused, PmodTrace *trace);

/* --- pmod-vision.c --- */

/* The picture's features [n_tokens, D] F32, merged; they belong to the context and stay until the
 * next call. Of as many tiles as the picture before, it allocates nothing. */
gboolean pmod_vision_features (
    PmodContext *self, PmodImage *image, PmodTrace *trace, PmodTensor *features, GError **error);
void pmod_vision_clear (PmodContext *self);

/* The tower and the projector over tiles whose pixels F32 [n,3,S,S] lie on the host; projected
 * [n*P, D] F32 stays valid until the next call. */
gboolean pmod_vision_encode (PmodContext *self,
                             const float *pixels,
                             int n_tiles,
                             PmodTrace *trace,
                             PmodTensor *projected,
                             GError **error);

/* --- pmod-context-record.c --- */

void pmod_context_record_begin (PmodContext *self,
                                const PmodSequence *sequence,
                                const PmodParams *params,
                                int n_reused,
                                PmodTrace *trace);
void pmod_context_record_stage (PmodTrace *trace,
                                PmodStage stage,
                                int layer,
                                int n_tokens,
                                gint64 start_us,
                                guint64 bytes,
                                const PmodFlops *flops,
                                gboolean reused);

/* The same for a time that is known, in microseconds. */
void pmod_context_record_span (PmodTrace *trace,
                               PmodStage stage,
                               int layer,
                               int n_tokens,
                               double us,
                               guint64 bytes,
                               const PmodFlops *flops,
                               gboolean reused);

/* text: what it completes. flags: PmodRecordFlags. */
void pmod_context_record_token (
    PmodContext *self, const PmodScored *token, guint32 flags, const char *text, PmodTrace *trace);
void pmod_context_record_kv (PmodContext *self, int layer, int length_dense, PmodTrace *trace);

/* A copy of tensor, widened to F32, as a STATE record. */
void pmod_context_record_state (
    PmodContext *self, PmodStateKind kind, int layer, const PmodTensor *tensor, PmodTrace *trace);
void pmod_context_record_cache (PmodContext *self, PmodTrace *trace);

G_END_DECLS
