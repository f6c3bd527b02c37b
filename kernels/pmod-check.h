/* What the public ops demand of their arguments, said in one form: "op: name: expected F32 [3,*],
 * got BF16 [3,5]". Only kernels/ includes this file. */
#pragma once

#include "pmod-backend-private.h"

PMOD_BEGIN_DECLS

#define ANY (-1) /* in a shape or for a dtype: anything goes */

/* What an op expects of one argument. */
typedef struct
{
  int dtype; /* PmodDtype, or ANY */
  int n_dims;
  int64_t shape[PMOD_TENSOR_MAX_DIMS];
} Expected;

#define EXPECT(dtype_, ...)                                                                        \
  ((Expected){ .dtype = (int)(dtype_),                                                             \
               .n_dims = (int)(sizeof ((int64_t[]){ __VA_ARGS__ }) / sizeof (int64_t)),            \
               .shape = { __VA_ARGS__ } })

bool pmod_check (PmodBackend *self,
                 const char *op,
                 const char *name,
                 const PmodTensor *tensor,
                 Expected expected);

/* The same for an argument that may be NULL. */
bool pmod_check_optional (PmodBackend *self,
                          const char *op,
                          const char *name,
                          const PmodTensor *tensor,
                          Expected expected);

bool pmod_check_that (PmodBackend *self, const char *op, bool holds, const char *what);

/* F32, BF16 or F16. */
bool pmod_is_float (PmodDtype dtype);

/* A dtype that the backend computes in: F32, BF16 and, where it has it, F16. what is whose it is.
 */
bool pmod_check_act (PmodBackend *self, const char *op, const char *what, PmodDtype dtype);

PMOD_END_DECLS
