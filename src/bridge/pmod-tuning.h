/* The routing and the sampling that the next run gets: what sliders bind to.
 *
 * Knows what the session's model was trained with and which of its layers have routers. Runs get a
 * copy of the values, so a change is for the next run; each change has a new generation, which the
 * run's first record echoes. Layers without a router stay plain whatever the schedule says of
 * them, as there is nothing to route them with. Main thread; no widgets. */
#pragma once

#include "pmod-model-card.h"
#include "pmod-run.h"

G_BEGIN_DECLS

#define PMOD_TYPE_TUNING (pmod_tuning_get_type ())
G_DECLARE_FINAL_TYPE (PmodTuning, pmod_tuning, PMOD, TUNING, GObject)

/* Which layers are routed, and how the ratio falls. */
typedef enum
{
  PMOD_TUNING_DENSE,                 /* none */
  PMOD_TUNING_SHIFTEDCOS,            /* cos (l pi / span) / 2 + factor, between the two bounds */
  PMOD_TUNING_SHIFTEDLINEAR,         /* 1/2 - l / span + factor, between the two bounds */
  PMOD_TUNING_INTERLEAVE,            /* odd layers, at the factor */
  PMOD_TUNING_DEEP_ALL,              /* layers 2 .. L-2, at the factor */
  PMOD_TUNING_DEEP_ALL_INCLUDE_LAST, /* layers 2 .. L-1, at the factor */
  PMOD_TUNING_CONSTANT,              /* every layer with a router, at the factor */
  PMOD_TUNING_N_SCHEDULES
} PmodTuningSchedule;

/* w = scale * f (logit) + bias */
typedef enum
{
  PMOD_TUNING_TANH,
  PMOD_TUNING_SIGMOID,
  PMOD_TUNING_SOFTMAX,
  PMOD_TUNING_NONE,
  PMOD_TUNING_N_NORMS
} PmodTuningNorm;

/* Who chooses what is kept, at the same count. */
typedef enum
{
  PMOD_TUNING_ROUTER,
  PMOD_TUNING_RANDOM,
  PMOD_TUNING_INVERSE,
  PMOD_TUNING_GRID,
  PMOD_TUNING_FIRST,
  PMOD_TUNING_LARGEST,   /* states of the largest norm */
  PMOD_TUNING_ATTENTION, /* what got most attention in the layer before */
  PMOD_TUNING_LAST,      /* what the prompt's last token attended to there (FastV) */
  PMOD_TUNING_PAINTED,   /* what was painted, see pmod_tuning_set_paint() */
  PMOD_TUNING_N_POLICIES
} PmodTuningPolicy;

/* What a change was of; the argument of "changed". */
typedef enum
{
  PMOD_TUNING_ROUTING = 1 << 0,  /* the maps of the next run differ */
  PMOD_TUNING_SAMPLING = 1 << 1, /* only its words may */
  PMOD_TUNING_MODEL = 1 << 2,    /* another model: everything is as that one was trained */
} PmodTuningChange;

/* The ratio of a layer that is not routed. */
#define PMOD_TUNING_PLAIN (-1.0)

/* Largest values that controls need to offer; the engine takes more. */
#define PMOD_TUNING_MAX_FACTOR 1.5

typedef struct
{
  double paper; /* FLOPs of the prefill, see pmod_run_get_flops() */
  double paper_dense;
  double all; /* the tower included */
  double all_dense;
  double kv_bytes; /* after the prefill */
  double kv_bytes_dense;
} PmodTuningCost;

PmodTuning *pmod_tuning_new (void);

/* The same values, of the same model; generations go on from here. (transfer full) */
PmodTuning *pmod_tuning_copy (PmodTuning *self);

/* self gets the values of other as one change. Where the models differ, layers that one of them
 * lacks are left as the schedule says. */
void pmod_tuning_assign (PmodTuning *self, PmodTuning *other);

/* Whether the same model is routed the same way; of sampling nothing. */
gboolean pmod_tuning_equal (PmodTuning *self, PmodTuning *other);

/* NULL before a model is there; then nothing can be set. */
PmodModelCard *pmod_tuning_get_model (PmodTuning *self);
guint64 pmod_tuning_get_generation (PmodTuning *self);
gboolean pmod_tuning_get_trained (PmodTuning *self); /* routing is as the model was trained */
gboolean pmod_tuning_get_outside_training (PmodTuning *self); /* a model is there and it is not */

/* All routing, or sampling, as after loading; one change. */
void pmod_tuning_reset (PmodTuning *self);
void pmod_tuning_reset_sampling (PmodTuning *self);

/* No layer is routed. */
void pmod_tuning_set_dense (PmodTuning *self);

/* What the published p-MoD models were trained with, over this model's layers. */
void pmod_tuning_set_published (PmodTuning *self);

/* Several values as one change. */
void pmod_tuning_freeze (PmodTuning *self);
void pmod_tuning_thaw (PmodTuning *self);

/* --- Values: each is a property of the same name ---------------------------------------------- */

PmodTuningSchedule pmod_tuning_get_schedule (PmodTuning *self);
void pmod_tuning_set_schedule (PmodTuning *self, PmodTuningSchedule schedule);
gboolean pmod_tuning_uses_factor (PmodTuning *self); /* whether the schedule does */
gboolean pmod_tuning_uses_bounds (PmodTuning *self);

double pmod_tuning_get_factor (PmodTuning *self);
void pmod_tuning_set_factor (PmodTuning *self, double factor);
double pmod_tuning_get_upper (PmodTuning *self);
void pmod_tuning_set_upper (PmodTuning *self, double upper);
double pmod_tuning_get_lower (PmodTuning *self);
void pmod_tuning_set_lower (PmodTuning *self, double lower);

PmodTuningNorm pmod_tuning_get_norm (PmodTuning *self);
void pmod_tuning_set_norm (PmodTuning *self, PmodTuningNorm norm);
double pmod_tuning_get_norm_scale (PmodTuning *self);
void pmod_tuning_set_norm_scale (PmodTuning *self, double scale);
double pmod_tuning_get_norm_bias (PmodTuning *self);
void pmod_tuning_set_norm_bias (PmodTuning *self, double bias);

PmodTuningPolicy pmod_tuning_get_policy (PmodTuning *self);
void pmod_tuning_set_policy (PmodTuning *self, PmodTuningPolicy policy);
guint64 pmod_tuning_get_seed (PmodTuning *self); /* of the random policy */
void pmod_tuning_set_seed (PmodTuning *self, guint64 seed);
gboolean pmod_tuning_get_question_first (PmodTuning *self);
void pmod_tuning_set_question_first (PmodTuning *self, gboolean question_first);

double pmod_tuning_get_temperature (PmodTuning *self); /* 0: always the likeliest word */
void pmod_tuning_set_temperature (PmodTuning *self, double temperature);
double pmod_tuning_get_top_p (PmodTuning *self); /* 1: off */
void pmod_tuning_set_top_p (PmodTuning *self, double top_p);
int pmod_tuning_get_top_k (PmodTuning *self); /* 0: off */
void pmod_tuning_set_top_k (PmodTuning *self, int top_k);
guint64 pmod_tuning_get_sampling_seed (PmodTuning *self);
void pmod_tuning_set_sampling_seed (PmodTuning *self, guint64 seed);
int pmod_tuning_get_max_tokens (PmodTuning *self);
void pmod_tuning_set_max_tokens (PmodTuning *self, int max_tokens);

/* --- Layers ------------------------------------------------------------------------------------
 */

int pmod_tuning_get_n_layers (PmodTuning *self);
gboolean pmod_tuning_has_router (PmodTuning *self, int layer);

/* What the next run does: PMOD_TUNING_PLAIN, or the share 0 .. 1 that is kept. */
double pmod_tuning_get_ratio (PmodTuning *self, int layer);
gboolean pmod_tuning_is_routed (PmodTuning *self, int layer);
double pmod_tuning_get_trained_ratio (PmodTuning *self, int layer);

/* In place of what the schedule says. A layer without a router is not refused here, but its run
 * is, by the engine. */
void pmod_tuning_set_ratio (PmodTuning *self, int layer, double ratio);
gboolean pmod_tuning_has_override (PmodTuning *self, int layer);
void pmod_tuning_clear_ratio (PmodTuning *self, int layer);
void pmod_tuning_clear_ratios (PmodTuning *self);

/* --- Paint, for PMOD_TUNING_PAINTED -------------------------------------------------------------
 */

typedef enum
{
  PMOD_TUNING_UNPAINTED, /* the router decides */
  PMOD_TUNING_KEEP,
  PMOD_TUNING_SKIP,
} PmodTuningPaint;

/* In place of a layer: all that have no paint of their own there. */
#define PMOD_TUNING_ALL_LAYERS (-1)

/* states [n_vision]: PmodTuningPaint of each token that routers may skip, in place of what layer
 * had; NULL: nothing is painted there. Paint for prompts of another n_vision is given up. */
void pmod_tuning_set_paint (PmodTuning *self, int layer, const guint8 *states, int n_vision);

/* [n_vision], or NULL: nothing is painted for layer itself. */
const guint8 *pmod_tuning_get_paint (PmodTuning *self, int layer, int *n_vision);
gboolean pmod_tuning_has_paint (PmodTuning *self);
void pmod_tuning_clear_paint (PmodTuning *self);
/* Strokes: what of it the user paints by hand. What was painted for another n_vision is put aside
 * with the first token of the next. Every function from here on that changes something is one
 * change, and can be undone; between begin and end, all of them together. */

void pmod_tuning_begin_stroke (PmodTuning *self);
void pmod_tuning_end_stroke (PmodTuning *self);

/* Makes the painted policy the one that chooses. For all layers, what single ones say of these
 * tokens is forgotten. */
void pmod_tuning_paint_tokens (PmodTuning *self,
                               int n_vision,
                               int layer,
                               const int *tokens,
                               int n_tokens,
                               PmodTuningPaint paint);
void pmod_tuning_erase_all (PmodTuning *self);

gboolean pmod_tuning_can_undo_paint (PmodTuning *self);
gboolean pmod_tuning_can_redo_paint (PmodTuning *self);
void pmod_tuning_undo_paint (PmodTuning *self);
void pmod_tuning_redo_paint (PmodTuning *self);

/* Of how many tokens the prompts are that the paint is for; 0: nothing is painted. */
int pmod_tuning_get_paint_size (PmodTuning *self);

/* What holds for token in layer, or was painted for all of them. */
PmodTuningPaint pmod_tuning_get_painted (PmodTuning *self, int layer, int token);
int pmod_tuning_count_painted (PmodTuning *self, int layer, PmodTuningPaint paint);

/* The engine's file, see pmod-paint.h. Small; read and written at once. */
gboolean pmod_tuning_load_paint (PmodTuning *self, const char *path, GError **error);
gboolean pmod_tuning_save_paint (PmodTuning *self, const char *path, GError **error);

/* --- Before the run ----------------------------------------------------------------------------
 */

/* The cost of a prompt of n_vision tokens that routers may skip and n_text others, n_tiles of
 * pictures going through the tower (0: it is left out). FALSE without a model, and where the engine
 * would refuse: then with its words. */
gboolean pmod_tuning_predict (
    PmodTuning *self, int n_vision, int n_text, int n_tiles, PmodTuningCost *cost, GError **error);

/* The same of the prompt that run had. FALSE as well where it has not begun. */
gboolean
pmod_tuning_predict_run (PmodTuning *self, PmodRun *run, PmodTuningCost *cost, GError **error);

/* The tokens of a whole picture of the model's, for where there is no run yet. */
int pmod_tuning_get_picture_tokens (PmodTuning *self);

G_END_DECLS
