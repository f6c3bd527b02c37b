/* What a run holds: for pmod-run.c, which fills it in, and pmod-run-answers.c, which reads it. */
#pragma once

#include "pmod-engine.h"
#include "pmod-run-pictures-private.h"
#include "pmod-run-private.h"
#include "pmod-run-spans.h"

G_BEGIN_DECLS

typedef struct
{
  const PmodRecordRoute *route; /* inside one of the batches */
  const PmodRecordKv *kv;
  gboolean computed; /* its LAYER stage has come */
  float low, high;   /* weights, once the route is there */
} LayerIndex;

struct _PmodRun
{
  GObject parent_instance;

  GPtrArray *batches; /* GBytes */
  PmodRunPhase phase;
  char *error;
  GString *text;

  const PmodRecordRunBegin *begin;
  PmodRunPictures pictures;
  LayerIndex *layers;
  int n_layers_ready;
  gboolean has_maps;

  PmodFlops prefill;
  PmodFlops decode;
  guint64 kv_bytes;
  guint64 kv_bytes_dense;
  guint64 prefill_ns;
  guint64 decode_ns;
  int n_new_tokens;
  GPtrArray *tokens; /* PmodRecordToken, inside batches; NULL: none */
  const PmodRecordRunEnd *end;
  PmodRunSpans spans;
  PmodRun *dense_run; /* weak: two dense runs may stand beside each other */

  double divergence;
  guint64 divergence_number; /* 0: none */
};

G_END_DECLS
