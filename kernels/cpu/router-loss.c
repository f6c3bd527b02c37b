/* The loss of routers against what is known of their tokens: plain C, compiled for no level, so
 * that its roundings are the same on every machine. */
#include <math.h>

#include "../pmod-train-private.h"

void pmod_cpu_router_loss (PmodBackend *self,
                           PmodTensor *loss,
                           PmodTensor *dlogit,
                           const PmodTensor *logit,
                           const PmodTensor *labels,
                           float scale);

static bool
check_labels (PmodBackend *self, const int32_t *labels, int64_t n)
{
  for (int64_t v = 0; v < n; v++)
    if (labels[v] != 0 && labels[v] != 1 && labels[v] != PMOD_LABEL_IGNORED)
      {
        pmod_backend_fail (self, "router_loss: label %lld is %d, neither 0 nor 1", (long long)v,
                           labels[v]);
        return false;
      }
  return true;
}

void
pmod_cpu_router_loss (PmodBackend *self,
                      PmodTensor *loss,
                      PmodTensor *dlogit,
                      const PmodTensor *logit,
                      const PmodTensor *labels,
                      float scale)
{
  const float *z = logit->data;
  const int32_t *label = labels->data;
  float *d = dlogit ? dlogit->data : NULL;
  int64_t n = logit->shape[0];
  double sum = 0;

  if (!check_labels (self, label, n))
    return;
  for (int64_t v = 0; v < n; v++)
    if (label[v] >= 0)
      {
        double away = label[v] ? -z[v] : z[v];

        /* NaN is not above 0 and must not be lost: so it is in the logarithm. */
        sum += (away > 0 ? away : 0) + log1p (exp (-fabs (away)));
        if (d)
          d[v] += scale * (1 / (1 + expf (-z[v])) - (float)label[v]);
      }
  *(float *)loss->data = (float)sum;
}
