/* A sweep: one prompt under many settings, each beside a reference, usually the trained one. What
 * it costs, and how far it moves the model's next word.
 *
 * It runs in the caller's context, one setting after another, so that what two of them share is
 * computed once. Costs are those of a run that shares nothing. */
#pragma once

#include "pmod-context.h"
#include "pmod-meter.h"

G_BEGIN_DECLS

/* In place of a point's number: the reference. */
#define PMOD_SWEEP_REFERENCE (-1)

typedef struct
{
  int index; /* of the setting, or PMOD_SWEEP_REFERENCE */
  const PmodParams *params;
  int n_tokens;     /* of the prompt, pictures merged */
  PmodFlops flops;  /* prefill, tower and projector included; see pmod-meter.h */
  guint64 kv_bytes; /* after the prefill */
  guint64 kv_bytes_dense;
  double divergence; /* nats, of the next token: KL (reference || this); 0 of the reference */
  int token;         /* the likeliest next one, the lower id of equal ones */
  const PmodAnswer *answer; /* NULL where none was asked for */
} PmodSweepPoint;

/* The reference comes first, then every setting in order. FALSE stops the sweep; any thread may do
 * so with pmod_context_cancel() as well. */
typedef gboolean (*PmodSweepFunc) (const PmodSweepPoint *point, gpointer user_data);

typedef enum
{
  PMOD_SWEEP_DEFAULT = 0,
  PMOD_SWEEP_ANSWERS = 1 << 0, /* each point's answer as well, by its own sampling */
} PmodSweepFlags;

/* trace (nullable) gets the records of every run, as those of any other. FALSE: the first error (of
 * a setting that cannot be: "setting 3: layer 9 ..."), or CANCELLED. Points before it were told.
 * The context holds the last point's states afterwards. */
gboolean pmod_sweep (PmodContext *context,
                     const PmodPrompt *prompt,
                     const PmodParams *reference,
                     const PmodParams *settings,
                     int n_settings,
                     PmodSweepFlags flags,
                     PmodTrace *trace,
                     PmodSweepFunc func,
                     gpointer user_data,
                     GError **error);

/* KL (p || q) = sum p ln (p / q) in nats, p and q the softmax of logits [n]. Sums in F64; never
 * negative. */
double pmod_divergence (const float *p_logits, const float *q_logits, int n);

G_END_DECLS
