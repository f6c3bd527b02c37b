/* Measures a model on this machine beside the machine's own peaks. */
#pragma once

#include "pmod-context.h"

G_BEGIN_DECLS

typedef struct
{
  double flops_peak; /* FLOP/s of a large product in the compute dtype */
  double read_peak;  /* bytes/s of reading more than the caches hold */
} PmodPeaks;

typedef struct
{
  int n_runs;
  double ms; /* median of the runs, of the whole prefill or of one token */
  double ms_min;
  double ms_max;
  double tokens_per_s;
  double flops_per_s; /* all work */
  double bytes_per_s; /* bytes that must be read: weights and KV */
} PmodBenchResult;

gboolean pmod_bench_peaks (PmodModel *model, PmodPeaks *peaks, GError **error);

/* A prompt of n_vision random features and n_text random tokens, without the tower. */
gboolean pmod_bench_prefill (PmodContext *context,
                             const PmodParams *params,
                             int n_vision,
                             int n_text,
                             int n_runs,
                             PmodBenchResult *result,
                             GError **error);

/* Tokens after such a prefill; each one timed. */
gboolean pmod_bench_decode (PmodContext *context,
                            const PmodParams *params,
                            int n_vision,
                            int n_text,
                            int n_tokens,
                            PmodBenchResult *result,
                            GError **error);

/* The tower and projector over n_tiles random tiles. */
gboolean pmod_bench_vision (
    PmodContext *context, int n_tiles, int n_runs, PmodBenchResult *result, GError **error);

G_END_DECLS
