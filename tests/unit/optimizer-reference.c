/* See optimizer-reference.h. */
#include "optimizer-reference.h"

#include <glib.h>
#include <math.h>
#include <string.h>

void
reference_adamw (
    double *w, double *m, double *v, const double *g, int n, const PmodAdamW *o, double factor)
{
  for (int i = 0; i < n; i++)
    {
      double step, grad = g[i] * factor;

      m[i] = o->beta1 * m[i] + (1 - (double)o->beta1) * grad;
      v[i] = o->beta2 * v[i] + (1 - (double)o->beta2) * grad * grad;
      step = m[i] / (1 - pow (o->beta1, (double)o->step)) /
             (sqrt (v[i] / (1 - pow (o->beta2, (double)o->step))) + o->eps);
      w[i] -= o->rate * (step + o->weight_decay * w[i]);
    }
}

/* c[m,n] = a[m,k] . b[k,n] */
static void
multiply (double *c, const double *a, const double *b, int m, int k, int n)
{
  for (int i = 0; i < m; i++)
    {
      memset (c + i * n, 0, sizeof *c * (size_t)n);
      for (int l = 0; l < k; l++)
        for (int j = 0; j < n; j++)
          c[i * n + j] += a[i * k + l] * b[l * n + j];
    }
}

/* The iteration by its definition, X [m,n] in place, also where m > n. */
static void
orthogonalize (double *x, int m, int n)
{
  g_autofree double *turned = g_new (double, m *n), *gram = g_new (double, m *m);
  g_autofree double *square = g_new (double, m *m), *product = g_new (double, m *n);
  double norm = 0;

  for (int i = 0; i < m * n; i++)
    norm += x[i] * x[i];
  for (int i = 0; i < m * n; i++)
    x[i] /= sqrt (norm) + 1e-7;
  for (int step = 0; step < 5; step++)
    {
      for (int i = 0; i < m * n; i++)
        turned[i % n * m + i / n] = x[i];
      multiply (gram, x, turned, m, n, m);
      multiply (square, gram, gram, m, m, m);
      for (int i = 0; i < m * m; i++)
        square[i] = 2.0315 * square[i] - 4.7750 * gram[i];
      multiply (product, square, x, m, m, n);
      for (int i = 0; i < m * n; i++)
        x[i] = 3.4445 * x[i] + product[i];
    }
}

void
reference_muon (double *w,
                double *velocity,
                const double *g,
                int n_out,
                int n_in,
                const PmodMuon *o,
                double factor)
{
  g_autofree double *u = g_new (double, n_out *n_in);
  double momentum = o->momentum, scale = sqrt (MAX (1.0, (double)n_out / n_in));

  for (int i = 0; i < n_out * n_in; i++)
    {
      double grad = g[i] * factor;

      velocity[i] = momentum * velocity[i] + (1 - momentum) * grad;
      u[i] = (1 - momentum) * grad + momentum * velocity[i];
    }
  orthogonalize (u, n_out, n_in);
  for (int i = 0; i < n_out * n_in; i++)
    w[i] -= o->rate * (o->weight_decay * w[i] + scale * u[i]);
}
