/* The trace: what a run did, as fixed-layout records.
 *
 * The engine appends records; a file, the window's memory and the tests hold the same bytes.
 * Before any work is done for a record the engine asks pmod_trace_wants(); without a trace that
 * is one branch. Integers and floats are in the machine's order (little endian on every machine
 * we run on; the magic tells). Each record starts at a multiple of 8 and its size is one.
 *
 * A file is PMOD_TRACE_MAGIC (8 bytes), then records. Unknown types are to be skipped. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define PMOD_TRACE_MAGIC "PMODTRC1"
#define PMOD_TRACE_MAX_RECORD (1u << 30)

typedef enum
{
  PMOD_RECORD_RUN_BEGIN = 1,
  PMOD_RECORD_IMAGE = 2,
  PMOD_RECORD_STAGE = 3,
  PMOD_RECORD_ROUTE = 4,
  PMOD_RECORD_KV = 5,
  PMOD_RECORD_TOKEN = 6,
  PMOD_RECORD_LOSS = 7,
  PMOD_RECORD_RUN_END = 8,
  PMOD_RECORD_STATE = 9, /* whole tensors, for tests and research; only when asked for */
} PmodRecordType;

#define PMOD_TRACE_WANTS(type) (1u << (type))
#define PMOD_TRACE_WANTS_DEFAULT                                                                   \
  (PMOD_TRACE_WANTS (PMOD_RECORD_RUN_BEGIN) | PMOD_TRACE_WANTS (PMOD_RECORD_IMAGE) |               \
   PMOD_TRACE_WANTS (PMOD_RECORD_STAGE) | PMOD_TRACE_WANTS (PMOD_RECORD_ROUTE) |                   \
   PMOD_TRACE_WANTS (PMOD_RECORD_KV) | PMOD_TRACE_WANTS (PMOD_RECORD_TOKEN) |                      \
   PMOD_TRACE_WANTS (PMOD_RECORD_LOSS) | PMOD_TRACE_WANTS (PMOD_RECORD_RUN_END))

typedef struct
{
  guint32 size;    /* bytes of the whole record, header included; a multiple of 8 */
  guint16 type;    /* PmodRecordType */
  gint16 layer;    /* decoder layer, or -1 */
  guint32 run;     /* counts the runs of a trace from 1 */
  guint32 flags;   /* PmodRecordFlags */
  guint64 time_ns; /* since the trace began */
} PmodRecord;

typedef enum
{
  PMOD_RECORD_FLAG_REUSED = 1 << 0, /* taken from an earlier run's state, not computed again */
  /* RUN_BEGIN: what is kept depends on the question. Ask pmod_record_is_by_question(). */
  PMOD_RECORD_FLAG_BY_QUESTION = 1 << 1,
  PMOD_RECORD_FLAG_ROUNDED = 1 << 2, /* weights are rounded and logits NAN: see pmod-trace-pack.h */
  PMOD_RECORD_FLAG_GIVEN = 1 << 3,   /* TOKEN: the answer was begun with it, it was not drawn */
} PmodRecordFlags;

typedef struct
{
  PmodRecord header;
  guint64 generation; /* of the parameters */
  gint32 n_layers;
  gint32 n_tokens; /* T of the prefill, pictures merged */
  gint32 n_vision; /* V: tokens that routers may skip */
  gint32 n_images;
  gint32 context_length;
  gint32 n_reused; /* leading tokens whose states an earlier run left */
  gint32 hidden;
  gint32 n_kv_heads;
  gint32 head_dim;
  gint32 kv_element_bytes;
  gint32 question_first; /* 1: text other than the template's precedes a picture */
  gint32 policy;         /* PmodPolicy of pmod-params.h: who chose what is kept */
  double ratio[];        /* [n_layers], PMOD_RATIO_PLAIN where plain */
} PmodRecordRunBegin;

/* Vision tokens that form one grid over a picture. */
typedef struct
{
  gint32 first_token; /* position in the merged sequence */
  gint32 rows;
  gint32 cols;
  gint32 newlines; /* 1: each row is followed by one newline token */
  float x0, y0;    /* the grid's corners in the picture, whose own corners are (0,0) and (1,1); */
  float x1, y1;    /* beyond them lies padding */
} PmodPlane;

#define PMOD_MAX_PLANES 2

typedef struct
{
  PmodRecord header;
  gint32 index; /* of the picture in the prompt */
  gint32 width; /* pixels, orientation applied */
  gint32 height;
  gint32 n_tiles;
  gint32 grid_rows; /* tiles of an anyres grid, else 1 x 1 */
  gint32 grid_cols;
  gint32 first_token;
  gint32 n_tokens;
  gint32 n_planes;
  gint32 reserved;
  PmodPlane planes[PMOD_MAX_PLANES]; /* coarse first */
} PmodRecordImage;

typedef enum
{
  PMOD_STAGE_LOAD, /* of the model, before the run: bytes are its weights' */
  PMOD_STAGE_PREPROCESS,
  PMOD_STAGE_VISION,
  PMOD_STAGE_PROJECTOR,
  PMOD_STAGE_LAYER,   /* one decoder layer of the prefill */
  PMOD_STAGE_HEAD,    /* final norm and lm_head */
  PMOD_STAGE_PREFILL, /* all layers and the head, vision not included */
  PMOD_STAGE_DECODE,  /* one new token through all layers */
  PMOD_STAGE_TOTAL,
  PMOD_N_STAGES
} PmodStage;

/* FLOPs: see pmod-meter.h for the two rules. The four fields are additive over LAYER, HEAD and
 * DECODE (and VISION, PROJECTOR); PREFILL and TOTAL are sums of others and must not be added. */
typedef struct
{
  PmodRecord header;
  gint32 stage; /* PmodStage */
  gint32 n_tokens;
  guint64 duration_ns;
  guint64 bytes; /* read or written, where known, else 0 */
  double paper;
  double paper_dense;
  double all;
  double all_dense;
} PmodRecordStage;

typedef struct
{
  PmodRecord header;
  double ratio;
  gint32 n_vision;
  gint32 n_kept;
  gint32 n_ties;      /* tokens whose weight equals that of the last kept one, itself included,
                         where the router's cut runs through them; else 0 */
  gint32 n_saturated; /* |f (z)| is 1 in F32 */
  float margin;       /* weight of the last kept minus that of the first skipped; 0 if none, and
                         where another policy than the router's chose */
  gint32 never_read;  /* 1: the last layer, whose vision outputs nothing reads */
  /* float logit[n_vision]; float weight[n_vision]; guint32 kept[(n_vision + 31) / 32] */
  guint8 data[];
} PmodRecordRoute;

typedef struct
{
  PmodRecord header;
  gint32 length;       /* tokens in this layer's cache */
  gint32 length_dense; /* what a dense model would hold */
  guint64 bytes;
  guint64 bytes_dense;
} PmodRecordKv;

typedef struct
{
  gint32 id;
  float logprob;
} PmodAlternative;

typedef struct
{
  PmodRecord header;
  gint32 index; /* of the new token, from 0 */
  gint32 id;
  float logprob; /* natural logarithm, at temperature 1 */
  gint32 n_alternatives;
  gint32 text_bytes;  /* UTF-8 that this token completes, after the alternatives */
  gint32 piece_bytes; /* after the text: as the vocabulary has it, this token and then each of the
                         alternatives, each ended by a zero byte; 0: not recorded */
  PmodAlternative alternatives[];
} PmodRecordToken;

typedef struct
{
  PmodRecord header;
  gint64 step;
  double loss;
  double accuracy; /* 0 .. 1, of the validation sample's answers, or of patches read; NAN: not
                      measured */
  double learning_rate;
} PmodRecordLoss;

typedef enum
{
  PMOD_FINISH_EOS,
  PMOD_FINISH_LENGTH,
  PMOD_FINISH_STOP,
  PMOD_FINISH_CANCELLED,
  PMOD_FINISH_ERROR,
} PmodFinish;

typedef struct
{
  PmodRecord header;
  gint32 finish; /* PmodFinish */
  gint32 n_new_tokens;
} PmodRecordRunEnd;

typedef enum
{
  PMOD_STATE_PIXELS,    /* [n_tiles,3,S,S] */
  PMOD_STATE_VISION,    /* [n_tiles*P, Dv] the tower's output */
  PMOD_STATE_PROJECTOR, /* [n_tiles*P, D] */
  PMOD_STATE_EMBEDS,    /* [T, D] merged input of layer 0 */
  PMOD_STATE_LAYER,     /* [T, D] output of a layer; a decode step: [1, D] */
  PMOD_STATE_KEYS,      /* [G, len, dh], rotated */
  PMOD_STATE_VALUES,    /* [G, len, dh] */
  PMOD_STATE_NORM,      /* [1, D] last position after the final norm */
  PMOD_STATE_LOGITS,    /* [1, V] */
} PmodStateKind;

typedef struct
{
  PmodRecord header;
  gint32 kind; /* PmodStateKind */
  gint32 n_dims;
  gint64 shape[4];
  float data[]; /* F32 always */
} PmodRecordState;

/* --- Writing -------------------------------------------------------------------------------- */

typedef struct _PmodTrace PmodTrace;

/* Receives one whole record at a time, on the thread that runs the engine. */
typedef void (*PmodTraceFunc) (const PmodRecord *record, gpointer user_data);

/* wants: an OR of PMOD_TRACE_WANTS(). */
PmodTrace *pmod_trace_new (guint32 wants, PmodTraceFunc func, gpointer user_data);

/* Writes to path.part, which pmod_trace_close() renames to path. A path that is there and not a
 * regular file (/dev/null, a pipe) is written as it is. */
PmodTrace *pmod_trace_new_file (const char *path, guint32 wants, GError **error);

/* Replaces the receiver; NULL removes it. A file gets the records besides. */
void pmod_trace_set_func (PmodTrace *self, PmodTraceFunc func, gpointer user_data);

/* Writes what was committed, for those who read the file while it grows. */
void pmod_trace_flush (PmodTrace *self);

/* Finishes a file; the first failed write is reported here, and then no file is left. Without a
 * file, or the second time, TRUE. pmod_trace_free() before a close throws the file away. */
gboolean pmod_trace_close (PmodTrace *self, GError **error);
void pmod_trace_free (PmodTrace *self);

/* Whether somebody wants records of this type; self may be NULL. */
gboolean pmod_trace_wants (const PmodTrace *self, PmodRecordType type);

/* Starts the next run and returns its number. */
guint32 pmod_trace_begin_run (PmodTrace *self);

/* Room for a record of size bytes (rounded up to 8; zeroed beyond the header, which is filled in,
 * time included), valid until pmod_trace_commit() passes it on. NULL where nobody wants the type
 * or it would be larger than PMOD_TRACE_MAX_RECORD. */
gpointer pmod_trace_append (PmodTrace *self, PmodRecordType type, int layer, gsize size);
void pmod_trace_commit (PmodTrace *self, gpointer record);

/* --- Reading -------------------------------------------------------------------------------- */

/* Checks one record at *offset of bytes [n_bytes] (records only, no magic; 8-byte aligned): sizes,
 * counts and array lengths are consistent, so that the accessors below stay inside, and text is
 * UTF-8. Measured numbers (logits, losses) may be anything, NaN too. NULL without an error at the
 * end; NULL with one where the record is damaged. Advances *offset. */
const PmodRecord *
pmod_trace_next (const guint8 *bytes, gsize n_bytes, gsize *offset, GError **error);

/* Reads a whole file, checks every record and returns the records without the magic. */
GBytes *pmod_trace_load (const char *path, GError **error);

/* The same of a file's bytes, which lie at a multiple of 8; name stands in messages. */
GBytes *pmod_trace_parse (GBytes *whole, const char *name, GError **error);

const float *pmod_record_route_logits (const PmodRecordRoute *self);
const float *pmod_record_route_weights (const PmodRecordRoute *self);
gboolean pmod_record_route_kept (const PmodRecordRoute *self, int token);

/* Whether another question would have changed what was kept: it precedes a picture, its last token
 * chose (PMOD_POLICY_LAST), or its own tokens may be skipped. Of traces from before the flag:
 * whether it precedes a picture. */
gboolean pmod_record_is_by_question (const PmodRecordRunBegin *self);

/* The text of a TOKEN record, not zero-terminated, text_bytes long. */
const char *pmod_record_token_text (const PmodRecordToken *self);

/* The token itself (-1) or an alternative as it stands in the vocabulary, "" where it has none
 * there; NULL where that was not recorded. */
const char *pmod_record_token_piece (const PmodRecordToken *self, int alternative);

const char *pmod_stage_name (PmodStage stage);
const char *pmod_finish_name (PmodFinish finish);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodTrace, pmod_trace_free)

G_END_DECLS
