/* One run: a growing or finished list of trace records, and typed answers about them.
 *
 * A run is what every view shows. It needs no model: the records come in batches from a session,
 * or all at once from a trace file. It knows nothing of threads; a growing run belongs to the main
 * thread, a finished one is immutable. Called by the views, PmodSession and PmodChat. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define PMOD_TYPE_RUN (pmod_run_get_type ())
G_DECLARE_FINAL_TYPE (PmodRun, pmod_run, PMOD, RUN, GObject)

typedef enum
{
  PMOD_RUN_WAITING,   /* asked, nothing has come yet */
  PMOD_RUN_READING,   /* the prompt goes through the layers */
  PMOD_RUN_ANSWERING, /* tokens come */
  PMOD_RUN_DONE,
  PMOD_RUN_STOPPED, /* by the user; what came before stays */
  PMOD_RUN_FAILED,  /* see pmod_run_get_error() */
} PmodRunPhase;

/* Which of the two ways of counting FLOPs. */
typedef enum
{
  PMOD_FLOPS_PAPER, /* the decoder's linear layers and lm_head, as the paper counts */
  PMOD_FLOPS_ALL,   /* everything that is multiplied */
} PmodFlopsRule;

typedef struct
{
  gboolean ready;      /* its records have come */
  gboolean routed;     /* FALSE: a plain layer, every token goes through it */
  gboolean reused;     /* taken from an earlier run's state */
  gboolean never_read; /* the last layer: nothing reads its vision outputs */
  gboolean by_router;  /* the highest weights are kept; FALSE: another policy chose */
  double ratio;        /* that was asked for; 1 where plain */
  int n_vision;
  int n_kept;
  int n_ties;
  int n_saturated;
  float margin;
  int kv_length;
  int kv_length_dense;
} PmodRunLayer;

/* Vision tokens that form a grid over the picture. */
typedef struct
{
  int rows;
  int cols;
  int first;            /* router's index of the grid's first token, or -1: not routed */
  int stride;           /* router's indices from one row to the next */
  float x0, y0, x1, y1; /* corners, where the picture's own are (0,0) and (1,1) */
} PmodRunPlane;

/* Router's index of a cell; the plane is routed. */
static inline int
pmod_run_plane_get_token (const PmodRunPlane *plane, int row, int col)
{
  return plane->first + row * plane->stride + col;
}

typedef struct
{
  double used;  /* so far */
  double dense; /* what a dense model would have taken so far */
  double total; /* of the dense model when the prompt is through; an estimate until then */
} PmodRunCost;

typedef enum
{
  PMOD_SPAN_PREPROCESS,
  PMOD_SPAN_VISION,
  PMOD_SPAN_PROJECTOR,
  PMOD_SPAN_LAYER, /* one layer of the prefill */
  PMOD_SPAN_HEAD,
  PMOD_SPAN_TOKEN, /* a new token through all layers */
} PmodRunSpanKind;

/* A stretch of the run's work. In a layer that was partly known, what was known is a span of its
 * own. Spans follow one another; a layer's, whose records may come late, begins where the one
 * before ended. */
typedef struct
{
  PmodRunSpanKind kind;
  int layer;        /* -1 where none */
  int n_tokens;     /* that went through; of a token: its index in the answer */
  gboolean reused;  /* taken from an earlier run: no time */
  guint64 start_ns; /* since the run began */
  guint64 duration_ns;
  double flops[2]; /* by PmodFlopsRule */
  double flops_dense[2];
} PmodRunSpan;

typedef struct
{
  gboolean ready;
  gboolean reused; /* some of its tokens were */
  double flops[2]; /* of the prefill, by PmodFlopsRule, with what was reused */
  double flops_dense[2];
  guint64 kv_bytes; /* now */
  guint64 kv_bytes_dense;
  guint64 duration_ns; /* of the prefill, without what was reused */
} PmodRunLayerCost;

/* The last run of a trace: of what pmod_records_load_finish() returns. */
PmodRun *pmod_run_new_from_records (GBytes *records, GError **error);

PmodRunPhase pmod_run_get_phase (PmodRun *self);
gboolean pmod_run_is_finished (PmodRun *self);
const char *pmod_run_get_text (PmodRun *self);
const char *pmod_run_get_error (PmodRun *self); /* (nullable) */

/* Whether the first record has come; until then there are no layers. */
gboolean pmod_run_has_begun (PmodRun *self);
/* Whether a routed layer's map has come. */
gboolean pmod_run_has_maps (PmodRun *self);

/* Of the parameters that it ran with, see PmodTuning; of a run that has not begun 0. */
guint64 pmod_run_get_generation (PmodRun *self);
int pmod_run_get_policy (PmodRun *self); /* PmodTuningPolicy: who chose what is kept */

int pmod_run_get_n_layers (PmodRun *self);
int pmod_run_get_n_layers_ready (PmodRun *self);
gboolean pmod_run_get_layer (PmodRun *self, int layer, PmodRunLayer *info);
gboolean pmod_run_is_kept (PmodRun *self, int layer, int token);
float pmod_run_get_weight (PmodRun *self, int layer, int token);
void pmod_run_get_weight_range (PmodRun *self, int layer, float *low, float *high);
/* In how many routed layers that have come a token was kept. */
int pmod_run_count_kept (PmodRun *self, int token, int *n_routed);

/* Pictures count from 0 in the prompt's order, a picture's planes from the coarsest. */
int pmod_run_get_n_pictures (PmodRun *self);
int pmod_run_get_n_planes (PmodRun *self, int picture);
gboolean pmod_run_get_plane (PmodRun *self, int picture, int plane, PmodRunPlane *info);
gboolean pmod_run_get_picture_size (PmodRun *self, int picture, int *width, int *height);

/* Whether words of the user's precede a picture; and whether what is kept depends on the question,
 * for that reason or because its last token chooses. */
gboolean pmod_run_get_question_first (PmodRun *self);
gboolean pmod_run_is_by_question (PmodRun *self);

PmodRunCost pmod_run_get_flops (PmodRun *self, PmodFlopsRule rule);
/* All work but what an earlier run had left. */
double pmod_run_get_done_flops (PmodRun *self);
PmodRunCost pmod_run_get_kv (PmodRun *self); /* bytes */

int pmod_run_get_n_tokens (PmodRun *self); /* in the context now */
int pmod_run_get_n_prompt_tokens (PmodRun *self);
int pmod_run_get_n_vision (PmodRun *self);
int pmod_run_get_n_tiles (PmodRun *self); /* of all pictures, that went through the tower */
int pmod_run_get_n_reused (PmodRun *self);
int pmod_run_get_n_new_tokens (PmodRun *self);
int pmod_run_get_context_length (PmodRun *self);
guint64 pmod_run_get_vision_ns (PmodRun *self); /* pixels, tower and projector; 0 where reused */
guint64 pmod_run_get_prefill_ns (PmodRun *self);
guint64 pmod_run_get_decode_ns (PmodRun *self); /* of all new tokens together */

/* In the order of their time; valid until the run changes. */
const PmodRunSpan *pmod_run_get_spans (PmodRun *self, int *n_spans);
/* What ran of one kind, what was reused left out; n_spans: nullable. */
guint64 pmod_run_get_span_ns (PmodRun *self, PmodRunSpanKind kind, int *n_spans);
gboolean pmod_run_get_layer_cost (PmodRun *self, int layer, PmodRunLayerCost *cost);
guint64 pmod_run_get_first_token_ns (PmodRun *self);   /* since the run began; 0: none has come */
double pmod_run_get_tokens_per_second (PmodRun *self); /* of decoding; 0: none was decoded */
guint64 pmod_run_get_weight_bytes (PmodRun *self);     /* of its model; 0: not recorded */
/* Whether no layer could skip anything; FALSE without a picture, too. */
gboolean pmod_run_is_dense (PmodRun *self);
/* Who chose what is kept, as pmod run --policy calls it; NULL: the routers. */
const char *pmod_run_get_policy_name (PmodRun *self);
/* A run that was dense, of the same model, picture and question. (nullable) */
PmodRun *pmod_run_get_dense_run (PmodRun *self);

/* What has come so far: the records, and as a trace file's bytes. (transfer full) */
GBytes *pmod_run_dup_records (PmodRun *self);
GBytes *pmod_run_dup_trace (PmodRun *self);

/* KL (lane 0's || lane 1's) of the first word, in nats, where the other lane had answered the same
 * words about the same picture when this one came to its first word. Returns the number of that
 * comparison: the highest is the newest; 0: there was none. */
guint64 pmod_run_get_divergence (PmodRun *self, double *divergence);

G_END_DECLS
