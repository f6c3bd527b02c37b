/* How high the messages of a conversation are, and so where each is: measured, or guessed from its
 * length as long as nobody has come near.
 *
 * Numbers are those of the view's adjustment. What changes its height above a line moves what is
 * above it, never what is below: then "origin", the first one's top, moves. No widgets. */
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

/* line: what is below it stays where it is, if all of the message is above it. */
void pmod_message_heights_set (PmodMessageHeights *self, guint position, int height, double line);

/* texts: of the new ones; their heights are guessed. What is below line stays where it is. */
void pmod_message_heights_splice (PmodMessageHeights *self,
                                  guint position,
                                  guint n_removed,
                                  const char *const *texts,
                                  guint n_added,
                                  double line);

/* Guesses all heights anew; the top of the message at position stays where it is. */
void pmod_message_heights_set_width (PmodMessageHeights *self, int width, guint position);

/* Moves everything. */
void pmod_message_heights_move (PmodMessageHeights *self, double by);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodMessageHeights, pmod_message_heights_free)

G_END_DECLS
