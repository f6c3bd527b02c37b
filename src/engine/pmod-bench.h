/* Measures a model on this machine beside the machine's own peaks. */
#pragma once

#include "pmod-context.h"

G_BEGIN_DECLS

typedef struct
{
  double flops_peak; /* FLOP/s of a large product in the compute dtype */
  double bytes_peak; /* bytes/s of memory: the larger of the two below */
  double read_rate;  /* of reading more than the caches hold */
  double copy_rate;  /* of copying as much, what is read and what is written both counted */
} PmodPeaks;

typedef struct
{
  int n_runs;
  double ms; /* median of the runs, of the whole prefill or of one token */
  double ms_min;
  double ms_max;
  double tokens_per_s;
  double flops;   /* all work */
  double n_bytes; /* that must be moved: weights and KV; of routing, rows read and written */
  double flops_per_s;
  double bytes_per_s;
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

/* From pixels to the logits of the first new token: the tower over n_tiles random tiles, then the
 * prefill of what it made. Where n_vision is more than the tiles' tokens, the rest is random. */
gboolean pmod_bench_first_token (PmodContext *context,
                                 const PmodParams *params,
                                 int n_tiles,
                                 int n_vision,
                                 int n_text,
                                 int n_runs,
                                 PmodBenchResult *result,
                                 GError **error);

/* What routing alone adds to such a prefill: scores, choice, gather and scatter of every routed
 * layer, one after another without the blocks between them. FALSE where no layer is routed. */
gboolean pmod_bench_routing (PmodContext *context,
                             const PmodParams *params,
                             int n_vision,
                             int n_text,
                             int n_runs,
                             PmodBenchResult *result,
                             GError **error);

G_END_DECLS
