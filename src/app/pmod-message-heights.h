/* How high the messages of a conversation are, and so where each is: measured, or guessed from its
 * length as long as nobody has come near.
 *
 * Numbers are those of the view's adjustment. One message, the anchor, stays where it is: what
 * changes its height above moves what is above, and so "origin", the first one's top; what changes
 * its height below, or is the anchor, moves what is below. No widgets. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _PmodMessageHeights PmodMessageHeights;

PmodMessageHeights *pmod_message_heights_new (void);
void pmod_message_heights_free (PmodMessageHeights *self);

guint pmod_message_heights_get_n (PmodMessageHeights *self);
double pmod_message_heights_get_origin (PmodMessageHeights *self);
double pmod_message_heights_get_top (PmodMessageHeights *self, guint position);
int pmod_message_heights_get (PmodMessageHeights *self, guint position);
/* Of the last one: where the conversation ends. */
double pmod_message_heights_get_end (PmodMessageHeights *self);

/* The message at y, or the nearest one. There is one at least. */
guint pmod_message_heights_find (PmodMessageHeights *self, double y);

/* The first one's at first. With others put before it, it stays the same message. */
guint pmod_message_heights_get_anchor (PmodMessageHeights *self);
void pmod_message_heights_set_anchor (PmodMessageHeights *self, guint position);

void pmod_message_heights_set (PmodMessageHeights *self, guint position, int height);

/* texts: of the new ones; their heights are guessed. */
void pmod_message_heights_splice (PmodMessageHeights *self,
                                  guint position,
                                  guint n_removed,
                                  const char *const *texts,
                                  guint n_added);

/* Guesses all heights anew. */
void pmod_message_heights_set_width (PmodMessageHeights *self, int width);

/* Moves everything. */
void pmod_message_heights_move (PmodMessageHeights *self, double by);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodMessageHeights, pmod_message_heights_free)

G_END_DECLS
