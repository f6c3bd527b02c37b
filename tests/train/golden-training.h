/* A checkpoint of the goldens as a network that learns, and what it is shown. */
#pragma once

#include "golden.h"
#include "pmod-model.h"
#include "pmod-network.h"

typedef struct
{
  PmodWeights *weights; /* F32 */
  PmodBackend *backend;
  PmodNetwork *network;
  float *gradients; /* in the backend's memory, cleared at first */
} GoldenTraining;

/* Where it is set up from here on: the CPU unless told otherwise. */
void golden_training_set_device (PmodDevice device);

/* json: a case of golden-grad/manifest.json. dense: no layer is routed. */
void
golden_training_set_up (GoldenTraining *self, JsonObject *json, gboolean dense, gboolean recompute);
void golden_training_tear_down (GoldenTraining *self);

void golden_training_clear_gradients (GoldenTraining *self);

/* Gradients and masters as the host reads them, new. */
float *golden_training_read_gradients (const GoldenTraining *self);
float *golden_training_read_weights (const GoldenTraining *self);

/* What the case is shown; *file: the case's tensors, new. */
PmodSample *
golden_training_sample (const GoldenTraining *self, JsonObject *json, PmodSafetensors **file);
