/* One safetensors file, memory-mapped and validated before anything is read from it.
 *
 * Refused, each with a message that names the file, the tensor and the numbers: a header length
 * beyond the file or over 100 MB, JSON that is not an object of tensors, duplicate keys, unknown
 * dtypes, negative or overflowing shapes, offsets outside the data, overlaps, gaps, trailing
 * bytes, and a size that is not shape x dtype. Source: the safetensors format description. */
#pragma once

#include "pmod-error.h"
#include "pmod-tensor.h"

G_BEGIN_DECLS

typedef struct
{
  const char *name;
  const char *dtype_name; /* as the file spells it */
  gboolean supported;     /* dtype is one that PmodDtype has; else tensor.data is NULL */
  PmodTensor tensor;      /* data in the map, any alignment; n_dims may be 0 */
  int n_file_dims;        /* the file's own count: tensors of more than 4 are not supported, and
                             only the first 4 stand in tensor.shape */
  gsize n_bytes;
} PmodSafetensorsEntry;

typedef struct _PmodSafetensors PmodSafetensors;

PmodSafetensors *pmod_safetensors_open (const char *path, GError **error);

/* name is used in messages. */
PmodSafetensors *pmod_safetensors_new_from_bytes (GBytes *bytes, const char *name, GError **error);
void pmod_safetensors_free (PmodSafetensors *self);

const char *pmod_safetensors_get_path (const PmodSafetensors *self);
guint pmod_safetensors_get_n_entries (const PmodSafetensors *self);

/* In the order of the data. */
const PmodSafetensorsEntry *pmod_safetensors_get_entry (const PmodSafetensors *self, guint i);
const PmodSafetensorsEntry *pmod_safetensors_find (const PmodSafetensors *self, const char *name);

/* Tells the system that this tensor's pages will not be needed again. */
void pmod_safetensors_forget (PmodSafetensors *self, const PmodSafetensorsEntry *entry);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodSafetensors, pmod_safetensors_free)

G_END_DECLS
