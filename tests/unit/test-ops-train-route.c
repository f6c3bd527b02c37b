/* Gradients of the routing ops and of the cross-entropy against finite differences in F64, alone
 * and through a whole routed layer. */
#include "ops-gradient.h"

#include <math.h>
#include <string.h>

/* --- Weights and logits ------------------------------------------------------------------- */

typedef struct
{
  int n;
  PmodWeightNorm norm;
  double *z, *dweight;
} Weights;

static void
weigh (double *weight, const double *z, int n, const PmodWeightNorm *norm)
{
  double sum = 0;

  for (int i = 0; i < n; i++)
    sum += exp (z[i]);
  for (int i = 0; i < n; i++)
    {
      double f = z[i];

      if (norm->function == PMOD_WEIGHT_TANH)
        f = tanh (z[i]);
      else if (norm->function == PMOD_WEIGHT_SIGMOID)
        f = 1 / (1 + exp (-z[i]));
      else if (norm->function == PMOD_WEIGHT_SOFTMAX)
        f = exp (z[i]) / sum;
      weight[i] = (double)norm->scale * f + norm->bias;
    }
}

static double
weights_loss (const void *data)
{
  const Weights *w = data;
  double weight[100], loss = 0;

  weigh (weight, w->z, w->n, &w->norm);
  for (int i = 0; i < w->n; i++)
    loss += w->dweight[i] * weight[i];
  return loss;
}

static void
test_weights (OpCase *self)
{
  for (int function = PMOD_WEIGHT_TANH; function <= PMOD_WEIGHT_NONE; function++)
    {
      Weights w = { .n = 77, .norm = { (PmodWeightFunction)function, 0.2f, 1 } };
      PmodTensor logit = op_random (self, &w.z, PMOD_DTYPE_F32, 0.3, 1.5, 1, w.n);
      PmodTensor dweight = op_random (self, &w.dweight, PMOD_DTYPE_F32, 0, 1, 1, w.n);
      PmodTensor dlogit = op_poison (self, PMOD_DTYPE_F32, 1, w.n);

      pmod_router_weights_backward (self->backend, &dlogit, &dweight, &logit, &w.norm);
      /* A tanh good to one unit in the last place leaves 1 - tanh^2 off by 2^-23 / (1 - |tanh|),
       * some 1e-5 in a logit of 4 that counts for nothing in the whole. */
      op_compare (self, "dlogit", &dlogit, gradient_of (self, w.z, w.n, weights_loss, &w), NULL,
                  2e-6);
    }
}

typedef struct
{
  int n_targets, n;
  const int32_t *targets;
  double *x, *w, *b, *dlogit;
} Logits;

static double
logits_loss (const void *data)
{
  const Logits *l = data;
  double loss = 0;

  for (int v = 0; v < l->n_targets; v++)
    {
      double logit = l->b[0];

      for (int i = 0; i < l->n; i++)
        logit += l->x[l->targets[v] * l->n + i] * l->w[i];
      loss += l->dlogit[v] * logit;
    }
  return loss;
}

static void
test_logits (OpCase *self)
{
  static const int32_t at[] = { 1, 2, 5, 6, 7, 10, 11 }, back[] = { 1, 2, 5, 6, 7, 11, 10 };
  static const int32_t beyond[] = { 1, 2, 5, 6, 7, 10, 12 };
  Logits l = { .n_targets = 7, .n = 67, .targets = at };
  const int n_tokens = 12;
  double *dx_values, *dw_values, *db_values;
  PmodTensor targets = op_indices (self, at, l.n_targets);
  PmodTensor x = op_random (self, &l.x, PMOD_DTYPE_F32, 0, 3, 2, n_tokens, l.n);
  PmodTensor w = op_random (self, &l.w, PMOD_DTYPE_F32, 0, 1, 1, l.n);
  PmodTensor dlogit = op_random (self, &l.dlogit, PMOD_DTYPE_F32, 0, 1, 1, l.n_targets);
  PmodTensor dx = op_random (self, &dx_values, PMOD_DTYPE_F32, 0, 1, 2, n_tokens, l.n);
  PmodTensor dw = op_random (self, &dw_values, PMOD_DTYPE_F32, 0, 1, 1, l.n);
  PmodTensor db = op_random (self, &db_values, PMOD_DTYPE_F32, 0, 1, 1, 1);
  PmodTensor dx1 = gradient_copy (self, &dx);

  l.b = op_doubles (self, 1);
  pmod_router_logits_backward (self->backend, &dx, &dw, &db, &dlogit, &x, &w, &targets);
  pmod_router_logits_backward (self->backend, &dx1, NULL, NULL, &dlogit, &x, &w, &targets);
  op_compare (self, "dx", &dx,
              gradient_added (self, dx_values, l.x, n_tokens * l.n, logits_loss, &l), NULL, 1e-6);
  op_compare (self, "dw", &dw, gradient_added (self, dw_values, l.w, l.n, logits_loss, &l), NULL,
              1e-6);
  /* One number, a sum of seven that may nearly cancel. */
  op_compare (self, "db", &db, gradient_added (self, db_values, l.b, 1, logits_loss, &l), NULL,
              1e-5);
  op_expect_equal (self, "dx of a frozen router", &dx, &dx1);
  targets = op_indices (self, beyond, l.n_targets);
  pmod_router_logits_backward (self->backend, NULL, &dw, NULL, &dlogit, &x, &w, &targets);
  op_expect_data_error (self, "target 6 is token 12 of 12, or does not ascend", &dw, 0, l.n);
  pmod_router_logits_backward (self->backend, &dx, NULL, NULL, &dlogit, &x, &w, &targets);
  op_expect_data_error (self, "target 6 is token 12 of 12, or does not ascend", &dx, 0, 0);
  targets = op_indices (self, back, l.n_targets);
  pmod_router_logits_backward (self->backend, &dx, NULL, NULL, &dlogit, &x, &w, &targets);
  op_expect_data_error (self, "target 6 is token 10 of 12, or does not ascend", &dx, 10 * l.n, l.n);
}

/* --- A routed layer ----------------------------------------------------------------------- */

enum
{
  TOKENS = 11,
  TARGETS = 6,
  WIDTH = 37,
};

static const int32_t layer_targets[TARGETS] = { 1, 2, 3, 5, 8, 9 };
static const uint8_t layer_kept[TARGETS] = { 1, 0, 0, 1, 0, 1 };

/* h is twice the kept rows and m their squares: enough for every path to have a gradient. */
typedef struct
{
  PmodWeightNorm norm;
  double *x, *w, *b, *dout;
} Layer;

static double
layer_loss (const void *data)
{
  const Layer *layer = data;
  double logit[TARGETS], weight[TARGETS], loss = 0;

  for (int v = 0; v < TARGETS; v++)
    {
      logit[v] = layer->b[0];
      for (int i = 0; i < WIDTH; i++)
        logit[v] += layer->x[layer_targets[v] * WIDTH + i] * layer->w[i];
    }
  weigh (weight, logit, TARGETS, &layer->norm);
  for (int t = 0, v = 0; t < TOKENS; t++)
    {
      gboolean is_target = v < TARGETS && layer_targets[v] == t;
      gboolean is_kept = !is_target || layer_kept[v];
      double scale = is_target ? weight[v] : 1;

      for (int i = 0; i < WIDTH; i++)
        {
          double x = layer->x[t * WIDTH + i];

          loss += layer->dout[t * WIDTH + i] * (is_kept ? 2 * x + scale * x * x : scale * x);
        }
      v += is_target;
    }
  return loss;
}

/* What a layer keeps of its forward pass. */
typedef struct
{
  PmodTensor x, w, b, logit, weight, targets, rows, slot, row_weight, m;
} Kept;

static void
forward (OpCase *self, Layer *layer, Kept *kept)
{
  PmodTensor mask = op_poison (self, PMOD_DTYPE_U8, 1, TARGETS);
  const int n_rows = TOKENS - 3;

  memcpy (mask.data, layer_kept, TARGETS);
  kept->x = op_random (self, &layer->x, PMOD_DTYPE_F32, 0, 1, 2, TOKENS, WIDTH);
  kept->w = op_random (self, &layer->w, PMOD_DTYPE_F32, 0, 0.2, 1, WIDTH);
  kept->b = op_random (self, &layer->b, PMOD_DTYPE_F32, 0, 0.2, 1, 1);
  kept->targets = op_indices (self, layer_targets, TARGETS);
  kept->logit = op_poison (self, PMOD_DTYPE_F32, 1, TARGETS);
  kept->weight = op_poison (self, PMOD_DTYPE_F32, 1, TARGETS);
  kept->rows = op_poison (self, PMOD_DTYPE_I32, 1, n_rows);
  kept->slot = op_poison (self, PMOD_DTYPE_I32, 1, TOKENS);
  kept->row_weight = op_poison (self, PMOD_DTYPE_F32, 1, TOKENS);
  kept->m = op_poison (self, PMOD_DTYPE_F32, 2, n_rows, WIDTH);
  pmod_router_logits (self->backend, &kept->logit, &kept->x, &kept->w, &kept->b, &kept->targets);
  pmod_router_weights (self->backend, &kept->weight, &kept->logit, &layer->norm);
  pmod_route_plan (self->backend, &kept->rows, &kept->slot, &kept->row_weight, &mask, &kept->weight,
                   &kept->targets);
  pmod_gather_rows (self->backend, &kept->m, &kept->x, &kept->rows);
  for (int i = 0; i < n_rows * WIDTH; i++)
    ((float *)kept->m.data)[i] *= ((float *)kept->m.data)[i];
}

/* Through h = 2 x and m = x^2 of the kept rows: dx of a row is 2 dh + 2 x dm. */
static PmodTensor
block_backward (OpCase *self, const Kept *kept, const PmodTensor *dh, const PmodTensor *dm)
{
  PmodTensor d = gradient_copy (self, dh);
  const int32_t *rows = kept->rows.data;

  for (int i = 0; i < pmod_tensor_n_elements (dh); i++)
    {
      float x = ((float *)kept->x.data)[rows[i / WIDTH] * WIDTH + i % WIDTH];

      ((float *)d.data)[i] = 2 * ((float *)dh->data)[i] + 2 * x * ((float *)dm->data)[i];
    }
  return d;
}

static void
check_layer (OpCase *self, PmodWeightFunction function)
{
  Layer layer = { .norm = { function, 0.2f, 1 } };
  Kept kept;
  PmodTensor dout = op_random (self, &layer.dout, PMOD_DTYPE_F32, 0, 1, 2, TOKENS, WIDTH), column;
  PmodTensor dx = dout, dh, dm, drow_weight = op_poison (self, PMOD_DTYPE_F32, 1, TOKENS), d;
  PmodTensor dweight = op_poison (self, PMOD_DTYPE_F32, 1, TARGETS), entries;
  PmodTensor dw = op_poison (self, PMOD_DTYPE_F32, 1, WIDTH);
  PmodTensor db = op_poison (self, PMOD_DTYPE_F32, 1, 1);

  forward (self, &layer, &kept);
  dh = op_poison (self, PMOD_DTYPE_F32, 2, (int)kept.m.shape[0], WIDTH);
  dm = op_poison (self, PMOD_DTYPE_F32, 2, (int)kept.m.shape[0], WIDTH);
  pmod_fill (self->backend, &dw, 0);
  pmod_fill (self->backend, &db, 0);
  pmod_reweight_scatter_backward (self->backend, &dx, &dh, &dm, &drow_weight, &dout, &kept.x,
                                  &kept.m, &kept.slot, &kept.row_weight);
  d = block_backward (self, &kept, &dh, &dm);
  pmod_gather_rows_backward (self->backend, &dx, &d, &kept.rows);
  column = pmod_tensor_2d (drow_weight.data, PMOD_DTYPE_F32, TOKENS, 1);
  entries = pmod_tensor_2d (dweight.data, PMOD_DTYPE_F32, TARGETS, 1);
  pmod_gather_rows (self->backend, &entries, &column, &kept.targets);
  pmod_router_weights_backward (self->backend, &dweight, &dweight, &kept.logit, &layer.norm);
  pmod_router_logits_backward (self->backend, &dx, &dw, &db, &dweight, &kept.x, &kept.w,
                               &kept.targets);
  /* Five ops in a row, each good to some units in the last place. */
  op_compare (self, "dx of a layer", &dx,
              gradient_of (self, layer.x, TOKENS * WIDTH, layer_loss, &layer), NULL, 2e-6);
  op_compare (self, "dw of a router", &dw, gradient_of (self, layer.w, WIDTH, layer_loss, &layer),
              NULL, 5e-6);
  /* One number, of terms of about 1; a softmax does not feel it at all. */
  op_compare (self, "db of a router", &db, gradient_of (self, layer.b, 1, layer_loss, &layer),
              &(double){ 2e-6 }, function == PMOD_WEIGHT_SOFTMAX ? INFINITY : 1e-5);
}

static void
test_layer (OpCase *self)
{
  check_layer (self, PMOD_WEIGHT_TANH);
  check_layer (self, PMOD_WEIGHT_SOFTMAX);
}

/* A token whose row does not exist. */
static void
test_slots (OpCase *self)
{
  const int32_t slots[5] = { 0, -1, 1, 3, 2 };
  PmodTensor x = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 5, 7);
  PmodTensor m = op_random (self, NULL, PMOD_DTYPE_F32, 0, 1, 2, 3, 7);
  PmodTensor dh = op_poison (self, PMOD_DTYPE_F32, 2, 3, 7);
  PmodTensor dm = op_poison (self, PMOD_DTYPE_F32, 2, 3, 7);
  PmodTensor dx = op_poison (self, PMOD_DTYPE_F32, 2, 5, 7);
  PmodTensor weight = op_random (self, NULL, PMOD_DTYPE_F32, 1, 0.1, 1, 5);
  PmodTensor dweight = op_poison (self, PMOD_DTYPE_F32, 1, 5);
  PmodTensor slot = op_indices (self, slots, 5);
  const PmodTensor *results[] = { &dx, &dweight, &dh, &dm };

  for (int i = 0; i < 4; i++)
    {
      pmod_reweight_scatter_backward (self->backend, &dx, &dh, &dm, &dweight, &x, &x, &m, &slot,
                                      &weight);
      op_expect_data_error (self, "token 3 has row 3 of 3", results[i], i == 0 ? 21 : 3,
                            i == 0 ? 7 : i == 1);
    }
}

/* --- Cross-entropy ------------------------------------------------------------------------ */

typedef struct
{
  int n_rows, n;
  const int32_t *labels;
  const double *row_scale; /* or NULL: the mean */
  double *logits;
} Entropy;

static double
entropy_row (const Entropy *e, int row)
{
  const double *z = e->logits + row * e->n;
  double max = -INFINITY, sum = 0;

  for (int i = 0; i < e->n; i++)
    max = fmax (max, z[i]);
  for (int i = 0; i < e->n; i++)
    sum += exp (z[i] - max);
  return log (sum) + max - z[e->labels[row]];
}

static double
entropy_loss (const void *data)
{
  const Entropy *e = data;
  double loss = 0;
  int n_counted = 0;

  for (int row = 0; row < e->n_rows; row++)
    if (e->labels[row] != PMOD_LABEL_IGNORED)
      {
        loss += (e->row_scale ? e->row_scale[row] : 1) * entropy_row (e, row);
        n_counted++;
      }
  return e->row_scale ? loss : loss / n_counted;
}

typedef struct
{
  PmodTensor summary, row_loss, argmax, labels;
} Results;

static Results
new_results (OpCase *self, const int32_t *labels, int n_rows)
{
  return (
      Results){ op_poison (self, PMOD_DTYPE_F32, 1, 3), op_poison (self, PMOD_DTYPE_F32, 1, n_rows),
                op_poison (self, PMOD_DTYPE_I32, 1, n_rows), op_indices (self, labels, n_rows) };
}

static void
check_entropy (OpCase *self, int n, double mean, double sd, gboolean scaled)
{
  static const int32_t labels[] = { 0, -100, 2, 1, -100, 2, 0 };
  Entropy e = { .n_rows = 7, .n = n, .labels = labels };
  double *scales, *want = op_doubles (self, e.n_rows), summary[3] = { 0, 5, 0 };
  PmodTensor logits = op_random (self, &e.logits, PMOD_DTYPE_F32, mean, sd, 2, e.n_rows, n);
  PmodTensor row_scale = op_random (self, &scales, PMOD_DTYPE_F32, 0, 1, 1, e.n_rows);
  PmodTensor dlogits = op_poison (self, PMOD_DTYPE_F32, 2, e.n_rows, n);
  Results r = new_results (self, labels, e.n_rows);

  e.row_scale = scaled ? scales : NULL;
  for (int row = 0; row < e.n_rows; row++)
    {
      int best = 0;

      for (int i = 1; i < n; i++)
        best = e.logits[row * n + i] > e.logits[row * n + best] ? i : best;
      summary[2] += best == labels[row];
      want[row] = labels[row] < 0 ? 0 : entropy_row (&e, row);
    }
  summary[0] = entropy_loss (&e);
  pmod_cross_entropy (self->backend, &r.summary, &r.row_loss, &r.argmax, &dlogits, &logits,
                      &r.labels, scaled ? &row_scale : NULL);
  op_compare (self, "summary", &r.summary, summary, NULL, 1e-6);
  op_compare (self, "row_loss", &r.row_loss, want, NULL, 1e-6);
  /* Exponentials good to 1e-7 and a sum of n of them. */
  op_compare (self, "dlogits", &dlogits,
              gradient_of (self, e.logits, e.n_rows * n, entropy_loss, &e), NULL, 2e-6);
  pmod_cross_entropy (self->single, &r.summary, &r.row_loss, &r.argmax, &logits, &logits, &r.labels,
                      scaled ? &row_scale : NULL);
  op_expect_equal (self, "dlogits in place and on one thread", &logits, &dlogits);
}

static void
test_entropy (OpCase *self)
{
  check_entropy (self, 3, 0, 1, FALSE);
  check_entropy (self, 67, 0, 3, TRUE);
  check_entropy (self, 300, 0, 3, FALSE);
  check_entropy (self, 300, -2e4, 3, FALSE);
}

/* Equal logits, nothing to count, a loss of thousands, a label that does not exist. */
static void
test_entropy_edges (OpCase *self)
{
  static const int32_t none[] = { -100, -100 }, wrong[] = { 0, 5 }, last[] = { 4, 1 };
  const double zero[10] = { 0 }, summary[] = { 1000 + log (5) / 2, 2, 0 };
  PmodTensor logits = op_poison (self, PMOD_DTYPE_F32, 2, 2, 5);
  PmodTensor dlogits = op_poison (self, PMOD_DTYPE_F32, 2, 2, 5);
  Results r = new_results (self, none, 2);

  pmod_fill (self->backend, &logits, 7);
  ((float *)logits.data)[5] = 2007; /* so that row 1 is surely wrong, at 2000 */
  pmod_cross_entropy (self->backend, &r.summary, &r.row_loss, &r.argmax, &dlogits, &logits,
                      &r.labels, NULL);
  op_compare (self, "summary of nothing", &r.summary, zero, NULL, 0);
  op_compare (self, "dlogits of nothing", &dlogits, zero, NULL, 0);
  r = new_results (self, last, 2);
  pmod_cross_entropy (self->backend, &r.summary, &r.row_loss, &r.argmax, NULL, &logits, &r.labels,
                      NULL);
  op_compare (self, "summary of a great loss", &r.summary, summary, NULL, 1e-6);
  op_compare (self, "argmax is the first of equals", &r.argmax, zero, NULL, 0);
  r = new_results (self, wrong, 2);
  pmod_cross_entropy (self->backend, &r.summary, &r.row_loss, &r.argmax, &dlogits, &logits,
                      &r.labels, NULL);
  op_expect_data_error (self, "row 1 has label 5 of 5", &dlogits, 5, 5);
  pmod_cross_entropy (self->backend, &r.summary, &r.row_loss, &r.argmax, NULL, &logits, &r.labels,
                      NULL);
  op_expect_data_error (self, "row 1 has label 5 of 5", &r.row_loss, 1, 1);
  pmod_cross_entropy (self->backend, &r.summary, &r.row_loss, &r.argmax, NULL, &logits, &r.labels,
                      NULL);
  op_expect_data_error (self, "row 1 has label 5 of 5", &r.summary, 0, 1);
}

/* --- The loss of routers -------------------------------------------------------------------- */

typedef struct
{
  int n;
  const int32_t *labels;
  double *z;
} Routers;

static double
routers_loss (const void *data)
{
  const Routers *r = data;
  double loss = 0;

  for (int v = 0; v < r->n; v++)
    if (r->labels[v] != PMOD_LABEL_IGNORED)
      loss += log (1 + exp (r->z[v])) - r->labels[v] * r->z[v];
  return loss;
}

static double
scaled_routers_loss (const void *data)
{
  return 0.75 * routers_loss (data);
}

static void
check_router_loss (OpCase *self, int n)
{
  int32_t *labels = op_bytes (self, (size_t)n * sizeof *labels);
  Routers r = { .n = n, .labels = labels };
  double *before, loss_value;
  PmodTensor logit = op_random (self, &r.z, PMOD_DTYPE_F32, 0.5, 3, 1, n);
  PmodTensor dlogit = op_random (self, &before, PMOD_DTYPE_F32, 0, 1, 1, n);
  PmodTensor loss = op_poison (self, PMOD_DTYPE_F32, 1, 1);
  PmodTensor again = op_poison (self, PMOD_DTYPE_F32, 1, 1);
  PmodTensor label;

  for (int v = 0; v < n; v++)
    labels[v] = v % 5 == 3 ? PMOD_LABEL_IGNORED : v * 7 % 3 == 1;
  label = op_indices (self, labels, n);
  loss_value = routers_loss (&r);
  pmod_router_loss (self->backend, &again, NULL, &logit, &label, 0.75f);
  pmod_router_loss (self->backend, &loss, &dlogit, &logit, &label, 0.75f);
  /* Summed in F64, rounded once: 2^-24 and some. */
  op_compare (self, "loss", &loss, &loss_value, NULL, 1e-7);
  op_expect_equal (self, "loss without a gradient", &loss, &again);
  /* An exponential, a quotient, a product and a sum, each good to a unit in the last place or two;
   * the differences of gradient_of() are as far off. */
  op_compare (self, "dlogit", &dlogit,
              gradient_added (self, before, r.z, n, scaled_routers_loss, &r), NULL, 1e-6);
}

/* Nothing to count, logits far out, where nothing may overflow, and a label that is neither. */
static void
test_router_loss (OpCase *self)
{
  static const int32_t none[] = { -100, -100 }, sure[] = { 1, 0 }, wrong[] = { 0, 2 };
  const double zero[2] = { 0 }, great = 20000, gradient[] = { -0.5, 0.5 };
  PmodTensor logit = op_poison (self, PMOD_DTYPE_F32, 1, 2);
  PmodTensor dlogit = op_poison (self, PMOD_DTYPE_F32, 1, 2);
  PmodTensor loss = op_poison (self, PMOD_DTYPE_F32, 1, 1);
  PmodTensor label = op_indices (self, none, 2);

  check_router_loss (self, 1);
  check_router_loss (self, 1500);
  ((float *)logit.data)[0] = -1e4f;
  ((float *)logit.data)[1] = 1e4f;
  pmod_fill (self->backend, &dlogit, 0);
  pmod_router_loss (self->backend, &loss, &dlogit, &logit, &label, 0.5f);
  op_compare (self, "loss of nothing", &loss, zero, NULL, 0);
  op_compare (self, "dlogit of nothing", &dlogit, zero, NULL, 0);
  label = op_indices (self, sure, 2);
  pmod_router_loss (self->backend, &loss, &dlogit, &logit, &label, 0.5f);
  op_compare (self, "a great loss", &loss, &great, NULL, 0);
  op_compare (self, "dlogit of it", &dlogit, gradient, NULL, 0);
  label = op_indices (self, wrong, 2);
  pmod_router_loss (self->backend, &loss, &dlogit, &logit, &label, 0.5f);
  op_expect_data_error (self, "label 1 is 2", &dlogit, 1, 1);
  pmod_router_loss (self->backend, &loss, NULL, &logit, &label, 0.5f);
  op_expect_data_error (self, "label 1 is 2", &loss, 0, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  op_add_tests ("/route-backward/weights", test_weights);
  op_add_tests ("/route-backward/logits", test_logits);
  op_add_tests ("/route-backward/layer", test_layer);
  op_add_tests ("/route-backward/slots", test_slots);
  op_add_tests ("/cross-entropy/values", test_entropy);
  op_add_tests ("/cross-entropy/edges", test_entropy_edges);
  op_add_tests ("/route-backward/router-loss", test_router_loss);
  return g_test_run ();
}
