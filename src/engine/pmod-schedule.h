/* Progressive ratio decay (PRD): which decoder layers are routed and which share of the vision
 * tokens each keeps. Pure arithmetic; knows no weights.
 *
 * Source: p-MoD, pmod_llava_llama.py, the parsing of mod_target_layers and mod_router_factor. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define PMOD_MAX_LAYERS 256

/* The ratio of a layer that is not routed. A layer routed at ratio 1 still reweights its tokens,
 * so it is not the same thing. */
#define PMOD_RATIO_PLAIN (-1.0)

typedef enum
{
  PMOD_SCHEDULE_DENSE,                 /* no layer is routed */
  PMOD_SCHEDULE_SHIFTEDCOS,            /* r = cos (l pi / span) / 2 + factor */
  PMOD_SCHEDULE_SHIFTEDLINEAR,         /* r = 1/2 - l / span + factor */
  PMOD_SCHEDULE_INTERLEAVE,            /* odd layers, r = factor */
  PMOD_SCHEDULE_DEEP_ALL,              /* layers 2 .. L-2, r = factor */
  PMOD_SCHEDULE_DEEP_ALL_INCLUDE_LAST, /* layers 2 .. L-1, r = factor */
  PMOD_SCHEDULE_CONSTANT,              /* every layer that has a router, r = factor */
} PmodScheduleKind;

typedef struct
{
  PmodScheduleKind kind;
  double factor; /* R of the paper, config key mod_router_factor */
  double upper;  /* of the two decays: layers with r > upper are plain */
  double lower;  /* of the two decays: ratios below are raised to it */
  int span;      /* of the two decays: layer at which the decay ends; config key mod_decay_span */
} PmodSchedule;

/* Reads "shiftedcos_decay_0.85_0.15", "interleave", ... (config key mod_target_layers); sets kind,
 * upper and lower of schedule. A decay without its two numbers is refused. */
gboolean pmod_schedule_parse (PmodSchedule *schedule, const char *text, GError **error);

/* The text that pmod_schedule_parse() reads. (transfer full) */
char *pmod_schedule_to_string (const PmodSchedule *schedule);

/* "shiftedcos", ... */
const char *pmod_schedule_kind_name (PmodScheduleKind kind);
gboolean pmod_schedule_kind_from_name (const char *name, PmodScheduleKind *kind);

/* Whether the ratio falls between upper and lower: of the other kinds only factor counts. */
gboolean pmod_schedule_is_decay (PmodScheduleKind kind);

/* ratios[n_layers]: PMOD_RATIO_PLAIN or the share 0 .. 1 of the vision tokens that is kept.
 * Values above 1 (a large factor) are cut to 1. */
void pmod_schedule_ratios (const PmodSchedule *schedule, int n_layers, double *ratios);

/* trunc (n_vision * ratio), the product in F32 as the reference does it: 90 * 0.7 keeps 63. */
gint64 pmod_schedule_keep_count (gint64 n_vision, double ratio);

G_END_DECLS
