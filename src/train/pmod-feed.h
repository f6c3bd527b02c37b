/* Samples in the order of their indices, made ahead on threads of their own. The queue is bounded:
 * who makes samples waits for who takes them. */
#pragma once

#include "pmod-source.h"

G_BEGIN_DECLS

typedef struct _PmodFeed PmodFeed;

/* Begins with the sample of index first. n_ahead: how many may wait. Borrows source. */
PmodFeed *pmod_feed_new (PmodSource *source, guint64 first, int n_ahead, int n_threads);
void pmod_feed_free (PmodFeed *self);

/* The next sample; NULL and the source's error where it could not be made. (transfer full) */
PmodSample *pmod_feed_pop (PmodFeed *self, GError **error);

/* How long pop has waited so far, in microseconds: whether the makers keep up. */
gint64 pmod_feed_get_wait_us (const PmodFeed *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodFeed, pmod_feed_free)

G_END_DECLS
