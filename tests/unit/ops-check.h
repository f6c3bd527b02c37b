/* What the tests of ops share: a backend for every level and compute dtype, tensors that are
 * filled from a seed and remembered in F64, and comparisons that print what they measured. */
#pragma once

#include <glib.h>

#include "pmod-ops.h"

typedef struct
{
  PmodBackend *backend; /* of two threads */
  PmodBackend *single;  /* of the same level, one thread */
  PmodDtype act;
  GRand *rand;
  char name[64];      /* "avx2, BF16" */
  GPtrArray *memory;  /* freed with the case */
  gboolean on_device; /* memory is shared with the device */
} OpCase;

typedef void (*OpFunc) (OpCase *self);

/* Beside the CPU's levels: the CUDA backend with its kernels run on the host, and on a device. */
#define OP_CUDA_EMULATED ((PmodCpuLevel)(PMOD_CPU_BEST + 1))
#define OP_CUDA ((PmodCpuLevel)(PMOD_CPU_BEST + 2))

/* Adds tests path/LEVEL/ACT for every level that this machine has, and the same for the CPU's
 * alone. F16 is of the devices' levels. */
void op_add_tests (const char *path, OpFunc func);
void op_add_cpu_tests (const char *path, OpFunc func);

/* A case of its own, for what does not go through op_add_tests(). */
OpCase *op_case_new (PmodCpuLevel level, PmodDtype act);
void op_case_free (OpCase *self);

/* A tensor with normal values (sd, mean), rounded to dtype; its values in F64 in *values if not
 * NULL. Ends with n_dims sizes. */
PmodTensor
op_random (OpCase *self, double **values, PmodDtype dtype, double mean, double sd, int n_dims, ...);

/* A tensor full of NaN. */
PmodTensor op_poison (OpCase *self, PmodDtype dtype, int n_dims, ...);
PmodTensor op_indices (OpCase *self, const int32_t *values, int64_t n);
double *op_doubles (OpCase *self, int64_t n);
void *op_bytes (OpCase *self, size_t n);

/* Element i in F64. */
double op_get (const PmodTensor *tensor, int64_t i);
void op_set (PmodTensor *tensor, int64_t i, double value);

/* Half a unit in the last place of a dtype, relative: 2^-24, of BF16 2^-8, of F16 2^-11. */
double op_unit (PmodDtype dtype);

/* The most that rounding to dtype moves value, itself off by a hundredth of that: op_unit(), but
 * F16 has no more than counts of 2^-24. */
double op_rounding (PmodDtype dtype, double value);

/* What is stored of value that is finite: F16 ends at 65504. */
double op_clamp (PmodDtype dtype, double value);

/* The narrower dtype that goes with act: BF16 or, of F16, itself. */
PmodDtype op_narrow (PmodDtype act);

/* Prints and checks: every |got - want| <= bound[i] (where bound is given), rel-L2 of all
 * <= rel_l2. A NaN fails. */
void op_compare (OpCase *self,
                 const char *what,
                 const PmodTensor *got,
                 const double *want,
                 const double *bound,
                 double rel_l2);

/* Both hold the same bytes. */
void op_expect_equal (OpCase *self, const char *what, const PmodTensor *a, const PmodTensor *b);

/* The backend has failed with a text that holds part; clears the failure. */
void op_expect_error (OpCase *self, const char *part);

/* The same of what an op finds in its data, of which a device says nothing (pmod-ops.h): there
 * elements from .. from+n-1 of result are NaN instead, and they alone. */
void op_expect_data_error (
    OpCase *self, const char *part, const PmodTensor *result, int64_t from, int64_t n);

/* Whether the backend is a device's, also an emulated one. */
gboolean op_is_cuda (OpCase *self);
void op_expect_ok (OpCase *self);
