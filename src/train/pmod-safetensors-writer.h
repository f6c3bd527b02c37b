/* Writes one safetensors file: a list of named tensors, to PATH.part, synced, then renamed, so that
 * PATH is always whole: the old one or the new one. A full disk or any failed write is an error,
 * and PATH.part is removed. */
#pragma once

#include "pmod-error.h"
#include "pmod-tensor.h"

G_BEGIN_DECLS

typedef struct
{
  const char *name;
  PmodDtype dtype; /* in the file: F32, BF16 (rounded to nearest even, from F32), I64, U8 */
  int n_dims;
  gint64 shape[PMOD_TENSOR_MAX_DIMS];
  const void *data; /* F32 on the host for F32 and BF16; else of dtype */
} PmodNamedTensor;

/* metadata: pairs of key and value, NULL-terminated, or NULL. */
gboolean pmod_safetensors_write (const char *path,
                                 const PmodNamedTensor *tensors,
                                 gsize n_tensors,
                                 const char *const *metadata,
                                 GError **error);

G_END_DECLS
