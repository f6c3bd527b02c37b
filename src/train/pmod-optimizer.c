/* Which optimizer takes which weight, and at which rate. The arithmetic is the kernels'. */
#include "pmod-optimizer.h"

#include <math.h>

/* AdamW's. */
#define EPSILON 1e-8f

double
pmod_optimizer_share (const PmodRecipeStage *stage, gint64 step)
{
  double progress = (double)(step + 1) / stage->steps;
  double along;

  if (progress < stage->warm_up)
    return progress / stage->warm_up;
  along = (progress - stage->warm_up) / (1 - stage->warm_up);
  return stage->floor + (1 - stage->floor) * 0.5 * (1 + cos (G_PI * MIN (along, 1)));
}

gboolean
pmod_optimizer_learns (const PmodRecipeStage *stage, const PmodWeight *weight)
{
  return (stage->parts & weight->part) != 0;
}

static double
part_rate (const PmodRecipeStage *stage, PmodPart part)
{
  for (int i = 0; i < PMOD_N_PARTS; i++)
    if (part == 1u << i)
      return stage->part_rate[i];
  return 1;
}

static gboolean
is_muons (const PmodRecipeStage *stage, const PmodWeight *weight)
{
  return weight->is_hidden && stage->muon_rate > 0;
}

static void
step_muon (PmodWeights *weights,
           PmodWeight *weight,
           PmodBackend *backend,
           float *gradients,
           const PmodTensor *factor,
           const PmodRecipeStage *stage,
           double share)
{
  PmodMuon options = { (float)(stage->muon_rate * share), (float)stage->muon_momentum,
                       (float)stage->muon_decay, weights->act };
  PmodTensor velocity = pmod_weight_view (weight, weights->m1);
  PmodTensor gradient = pmod_weight_view (weight, gradients);
  gint64 row = 0;

  for (int i = 0; i < weight->n_parts; i++)
    {
      PmodTensor value = pmod_tensor_rows (&weight->value, row, weight->n_out[i]);
      PmodTensor v = pmod_tensor_rows (&velocity, row, weight->n_out[i]);
      PmodTensor g = pmod_tensor_rows (&gradient, row, weight->n_out[i]);

      pmod_muon (backend, &value, &v, &g, factor, &options);
      row += weight->n_out[i];
    }
}

void
pmod_optimizer_step (PmodWeights *weights,
                     PmodWeight *weight,
                     PmodBackend *backend,
                     float *gradients,
                     const PmodTensor *factor,
                     const PmodRecipeStage *stage,
                     gint64 step)
{
  double share = pmod_optimizer_share (stage, step) * part_rate (stage, weight->part);
  PmodAdamW options = { (float)(stage->adam_rate * share),
                        (float)stage->beta1,
                        (float)stage->beta2,
                        EPSILON,
                        weight->decays ? (float)stage->adam_decay : 0,
                        step + 1 };
  PmodTensor m1 = pmod_weight_view (weight, weights->m1);
  PmodTensor m2 = pmod_weight_view (weight, weights->m2);
  PmodTensor gradient = pmod_weight_view (weight, gradients);

  if (is_muons (stage, weight))
    step_muon (weights, weight, backend, gradients, factor, stage, share);
  else
    pmod_adamw (backend, &weight->value, &m1, &m2, &gradient, factor, &options);
  pmod_weight_update (weight, backend);
}

double
pmod_optimizer_cost (const PmodRecipeStage *stage, const PmodWeight *weight)
{
  double cost = (double)pmod_weight_n (weight);

  if (!is_muons (stage, weight))
    return cost;
  for (int i = 0; i < weight->n_parts; i++)
    {
      double n_out = (double)weight->n_out[i], n_in = (double)weight->value.shape[1];
      double m = MIN (n_out, n_in), n = MAX (n_out, n_in);

      /* FLOPs, at a tenth of an element's cost of memory each. */
      cost += (2 * m * m * n + m * m * m);
    }
  return cost;
}
