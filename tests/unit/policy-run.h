/* What the tests of policies share: a prefill with all that a trace tells of it. */
#pragma once

#include "pmod-context-private.h"
#include "pmod-engine.h"

typedef struct
{
  int n_tokens, n_vision, first_vision, n_image, n_layers;
  gboolean by_question, question_first;
  int policy;
  GPtrArray *x;                   /* [L + 1] double [T, D]: what enters each layer */
  GByteArray *bits;               /* masks, weights, keys, values, logits: all that can differ */
  guint8 *kept[PMOD_MAX_LAYERS];  /* [n_vision]; NULL: not routed */
  float *weight[PMOD_MAX_LAYERS]; /* [n_vision] */
  int n_kept[PMOD_MAX_LAYERS];
  int n_reused[PMOD_MAX_LAYERS]; /* tokens */
  PmodFlops flops;
  guint64 kv_bytes;
  int cancel_at; /* layer, or -1 */
  PmodContext *context;
} PolicyRun;

/* A fixture in F32, so that what is worked out again in F64 is nearly the same. */
PmodContext *policy_open_context (const char *name);
PmodImage *policy_load_picture (const char *name);
PmodPrompt *
policy_ask (PmodContext *context, const char *text, PmodImage *image, PmodPromptFlags flags);

/* As trained, with that policy and the seed 7. */
PmodParams policy_params (PmodContext *context, PmodPolicy policy);

/* A run that must succeed, with all of its records. */
PolicyRun *
policy_prefill (PmodContext *context, const PmodPrompt *prompt, const PmodParams *params);

/* An empty one, and the PmodTraceFunc that fills it in: for other ways to run. */
PolicyRun *policy_run_new (PmodContext *context);
void policy_on_record (const PmodRecord *record, gpointer data);
void policy_run_free (PolicyRun *self);

/* Whether every routed layer keeps the same tokens. */
gboolean policy_same_choice (const PolicyRun *a, const PolicyRun *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PolicyRun, policy_run_free)
