/* What the tests of training ops add to ops-check.h: gradients by central differences of a
 * reference in F64 that knows only the forward pass. */
#pragma once

#include "ops-check.h"

#include "pmod-ops-train.h"

/* A weighted sum of the outputs that data describes, so that the weights are the gradient of the
 * outputs. */
typedef double (*GradientLoss) (const void *data);

/* d loss / d x[i] for n elements that loss reads. The step is 1e-4: a smooth loss is then off by
 * some 1e-9, and by 1e-12 of its size from rounding. */
double *gradient_of (OpCase *self, double *x, int64_t n, GradientLoss loss, const void *data);

/* The same added to before[n]: what an op that adds must give. */
double *gradient_added (
    OpCase *self, const double *before, double *x, int64_t n, GradientLoss loss, const void *data);

/* An F32 tensor whose values are exact in the case's act dtype, so that rounding to it in a
 * product changes nothing. */
PmodTensor gradient_exact (OpCase *self, double **values, double sd, int n0, int n1);

/* The same bytes in memory of its own. */
PmodTensor gradient_copy (OpCase *self, const PmodTensor *from);
