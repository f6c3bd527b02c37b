/* What a run may choose: routing and sampling. Plain values, copied between threads whole. */
#pragma once

#include "pmod-config.h"
#include "pmod-paint.h"
#include "pmod-schedule.h"

G_BEGIN_DECLS

#define PMOD_MAX_ALTERNATIVES 64

/* Who chooses the tokens that a routed layer keeps. Only the choice differs: k and the weights that
 * tokens are multiplied by are the schedule's and the router's. Of equal ones the first are kept.
 *
 * Two go by the attention of the layer before, mean over heads. A token that had no key there, as
 * it was skipped, comes after all that had one; in layer 0, which nothing precedes, none had. What
 * has to be computed for them is no part of any count of FLOPs. */
typedef enum
{
  PMOD_POLICY_ROUTER,  /* the highest weights: what was trained */
  PMOD_POLICY_RANDOM,  /* drawn from the seed, anew for each picture and layer */
  PMOD_POLICY_INVERSE, /* the lowest weights */
  PMOD_POLICY_GRID,    /* evenly spread over the picture */
  PMOD_POLICY_FIRST,   /* the first in the sequence */
  PMOD_POLICY_NORM,    /* the largest states: the L2 norm of what enters the layer */
  /* What a token got from the queries that ran in the layer before, up to the last picture's end,
   * all added up. What follows the picture has no say, so that questions share a picture's states.
   */
  PMOD_POLICY_ATTENTION,
  /* What the prompt's last token, of those that ran in the layer before, gave it there (FastV): so
   * what is kept depends on the question. */
  PMOD_POLICY_LAST,
  PMOD_POLICY_PAINTED, /* painted to be kept, then the highest weights, then painted to be skipped
                        */
} PmodPolicy;

#define PMOD_N_POLICIES 9

typedef struct
{
  PmodSchedule schedule;
  /* For each layer: NAN = as the schedule says, PMOD_RATIO_PLAIN = plain, else its ratio. */
  double ratio[PMOD_MAX_LAYERS];
  PmodRouterNorm norm;
  PmodPolicy policy;
  guint64 seed; /* of PMOD_POLICY_RANDOM */
  /* Of PMOD_POLICY_PAINTED; NULL: nothing is painted. Assigning the struct borrows it: whoever
   * keeps parameters longer than their owner does takes them with pmod_params_copy(). */
  PmodPaint *paint;
} PmodRouting;

typedef struct
{
  double temperature; /* 0 = greedy */
  int top_k;          /* 0 = off */
  double top_p;       /* 1 = off */
  guint64 seed;
  int max_new_tokens;
  int n_alternatives; /* how many of the likeliest tokens TOKEN records carry */
} PmodSampling;

typedef struct
{
  guint64 generation; /* grows with every change; RUN_BEGIN echoes it */
  PmodRouting routing;
  PmodSampling sampling;
} PmodParams;

/* The routing that the checkpoint was trained with; greedy, 256 new tokens, seed 0. */
void pmod_params_init (PmodParams *self, const PmodConfig *config);

/* *to holds from with a reference of its own to what from refers to; what *to held before is
 * overwritten. Cleared, it refers to nothing. The same of the routing alone. */
void pmod_params_copy (PmodParams *to, const PmodParams *from);
void pmod_params_clear (PmodParams *self);
void pmod_routing_copy (PmodRouting *to, const PmodRouting *from);
void pmod_routing_clear (PmodRouting *self);

/* Takes a reference to paint (nullable) in place of the one that self owns. */
void pmod_params_set_paint (PmodParams *self, PmodPaint *paint);

/* "router", "random", "inverse", "grid", "first", "norm", "attention", "last", "painted" */
const char *pmod_policy_name (PmodPolicy policy);

/* FALSE: no policy has that name. */
gboolean pmod_policy_from_name (const char *name, PmodPolicy *policy);

/* Whether both describe the same routing of every layer of config. */
gboolean pmod_routing_equal (const PmodRouting *a, const PmodRouting *b, const PmodConfig *config);

/* ratios[config->n_layers], overrides applied. FALSE where a ratio is not in 0 .. 1 (or
 * PMOD_RATIO_PLAIN), a number is not finite, or a layer without a router would be routed: the
 * error names the layer, and which layers have one. */
gboolean pmod_routing_ratios (const PmodRouting *self,
                              const PmodConfig *config,
                              double *ratios,
                              GError **error);

/* Checks sampling values against their ranges. */
gboolean pmod_sampling_check (const PmodSampling *self, GError **error);

/* Reads "tanh_0.2_1", "sigmoid", "none_1_0": {function}[_{scale}_{bias}], scale and bias 1 where
 * left out. Source: p-MoD, mod_weight_norm. */
gboolean pmod_router_norm_parse (PmodRouterNorm *norm, const char *text, GError **error);
char *pmod_router_norm_to_string (const PmodRouterNorm *norm);

G_END_DECLS
