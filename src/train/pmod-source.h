/* A source of samples: something that makes the sample of a given index, the same for the same
 * index whenever it is asked, on any thread. Scenes and conversations are sources. */
#pragma once

#include "pmod-error.h"
#include "pmod-sample.h"

G_BEGIN_DECLS

typedef struct _PmodSource PmodSource;

typedef struct
{
  /* Never NULL without an error. Any thread, several at once. */
  PmodSample *(*make) (PmodSource *self, guint64 index, GError **error);
  void (*free) (PmodSource *self);
} PmodSourceClass;

struct _PmodSource
{
  const PmodSourceClass *klass;
  guint64 n_samples;        /* index wraps around there; 0: without end */
  const char *const *kinds; /* [n_kinds] names of PmodSample.kinds, or NULL */
  int n_kinds;
  /* Words for PmodSamplePatch.known, GArrays of gint32, or NULL: each a list of token ids whose
   * mean embedding stands for what is read. Of the classes the last is the background's. */
  GPtrArray *words[PMOD_N_READINGS];
};

static inline PmodSample *
pmod_source_make (PmodSource *self, guint64 index, GError **error)
{
  return self->klass->make (self, index, error);
}

static inline void
pmod_source_free (PmodSource *self)
{
  if (self != NULL)
    self->klass->free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodSource, pmod_source_free)

G_END_DECLS
