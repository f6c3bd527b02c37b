/* How an answer is to begin: as the tokens of an answer that is there, or as words where those are
 * of another model, or were never recorded. For PmodSession's callers and its worker. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  GArray *ids; /* gint32; NULL: only the words are known */
  char *text;
} PmodBeginning;

/* text is copied. */
PmodBeginning *pmod_beginning_new (const char *text);
void pmod_beginning_free (PmodBeginning *self);

/* The tokens that text is. */
void pmod_beginning_add (PmodBeginning *self, int id);

/* Another model cuts words otherwise. */
void pmod_beginning_forget_tokens (PmodBeginning *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodBeginning, pmod_beginning_free)

G_END_DECLS
