/* Golden values: what the paper's own code computed, and how far we are from it. */
#pragma once

#include <json-glib/json-glib.h>

#include "pmod-engine.h"
#include "pmod-safetensors.h"

/* The tolerances of the fixtures: how far two F32 implementations drift apart, with room. Absolute
 * ones are on single values, REL_L2 on whole tensors. */
#define TOLERANCE_FEATURE 1e-4
#define TOLERANCE_ROUTER_LOGIT 1e-3
#define TOLERANCE_ROUTER_WEIGHT 1e-4
#define TOLERANCE_HIDDEN 2e-3
#define TOLERANCE_LOGIT 2e-3
#define TOLERANCE_REL_L2 1e-4

/* Below this distance between the last kept and the first skipped weight a different rounding may
 * choose another token. */
#define TIE_GAP 1e-6

/* A greedy token may differ where the reference's two best logits are closer than this. */
#define TOKEN_MARGIN 1e-3

typedef struct
{
  double max_abs;
  double rel_l2;
  gsize n;
  gsize n_bad; /* NaN or infinity in either */
} GoldenDistance;

/* PATH below tests/fixtures. (transfer full) */
char *golden_path (const char *path);
JsonNode *golden_load_json (const char *path);
PmodSafetensors *golden_load (const char *path);

/* NULL where the file has no such tensor. */
const float *golden_floats (PmodSafetensors *file, const char *name, gsize *n);
const gint32 *golden_ints (PmodSafetensors *file, const char *name, gsize *n);

GoldenDistance golden_compare (const float *got, const float *expected, gsize n);
void golden_add (GoldenDistance *sum, const GoldenDistance *part);

/* Prints the distance and fails the test where it is too large. */
void golden_assert (const char *what, const GoldenDistance *distance, double tolerance);

/* What a run left in its trace. */
typedef struct
{
  int n_layers;
  int n_tokens;
  int hidden;
  GPtrArray *layers;    /* GArray of float [T,D], one for each layer of the prefill */
  GPtrArray *steps;     /* GArray of float [L,D], one for each decode step */
  GArray *embeds;       /* float [T,D] */
  GArray *norm;         /* float [D], of the prefill */
  GPtrArray *logits;    /* GArray of float [V], prefill first */
  GPtrArray *vision;    /* GArray of float, one for each picture */
  GPtrArray *projector; /* likewise */
  GPtrArray *keys;      /* GArray of float [G,len,dh], by layer */
  GPtrArray *values;    /* likewise */
  GPtrArray *routes;    /* PmodRecordRoute by layer, NULL where plain */
  GArray *kv_prefill;   /* int by layer */
  gboolean in_prefill;
} GoldenCapture;

GoldenCapture *golden_capture_new (const PmodConfig *config);
void golden_capture_free (GoldenCapture *self);

/* A PmodTraceFunc. */
void golden_capture_record (const PmodRecord *record, gpointer capture);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GoldenCapture, golden_capture_free)
