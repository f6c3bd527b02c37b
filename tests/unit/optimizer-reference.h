/* One step of AdamW and of Muon in F64, each as its definition has it: slow, and nothing shared
 * with the kernels. */
#pragma once

#include "pmod-ops-train.h"

/* n weights w, their averages m and v, and gradients g times factor. */
void reference_adamw (
    double *w, double *m, double *v, const double *g, int n, const PmodAdamW *o, double factor);

/* w, velocity and g of [n_out, n_in]; g times factor. */
void reference_muon (double *w,
                     double *velocity,
                     const double *g,
                     int n_out,
                     int n_in,
                     const PmodMuon *o,
                     double factor);
