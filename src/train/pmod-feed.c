/* A ring of slots. Makers take the next index, make its sample without the lock, and put it into
 * the index's slot; the taker waits for the slot of the index that is its turn.
 *
 * The mutex guards everything but source; slots beyond n_ahead are never taken, so a slot is empty
 * when its maker comes. */
#include "pmod-feed.h"

typedef struct
{
  PmodSample *sample;
  GError *error;
  gboolean ready;
} Slot;

struct _PmodFeed
{
  PmodSource *source;
  GMutex mutex;
  GCond changed;
  Slot *slots; /* [n_ahead] */
  int n_ahead;
  guint64 to_make, to_take; /* indices */
  gboolean quits;
  gint64 wait_us;
  GPtrArray *threads; /* GThread */
};

static gboolean
has_room (const PmodFeed *self)
{
  return self->to_make < self->to_take + (guint64)self->n_ahead;
}

static gpointer
make_samples (gpointer data)
{
  PmodFeed *self = data;

  g_mutex_lock (&self->mutex);
  for (;;)
    {
      guint64 index;
      Slot made = { .ready = TRUE };

      while (!self->quits && !has_room (self))
        g_cond_wait (&self->changed, &self->mutex);
      if (self->quits)
        break;
      index = self->to_make++;
      g_mutex_unlock (&self->mutex);
      made.sample = pmod_source_make (self->source, index, &made.error);
      g_mutex_lock (&self->mutex);
      self->slots[index % (guint64)self->n_ahead] = made;
      g_cond_broadcast (&self->changed);
    }
  g_mutex_unlock (&self->mutex);
  return NULL;
}

PmodFeed *
pmod_feed_new (PmodSource *source, guint64 first, int n_ahead, int n_threads)
{
  PmodFeed *self = g_new0 (PmodFeed, 1);

  self->source = source;
  self->n_ahead = MAX (n_ahead, 1);
  self->slots = g_new0 (Slot, self->n_ahead);
  self->to_make = self->to_take = first;
  g_mutex_init (&self->mutex);
  g_cond_init (&self->changed);
  self->threads = g_ptr_array_new ();
  for (int i = 0; i < MAX (n_threads, 1); i++)
    g_ptr_array_add (self->threads, g_thread_new ("samples", make_samples, self));
  return self;
}

void
pmod_feed_free (PmodFeed *self)
{
  g_mutex_lock (&self->mutex);
  self->quits = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->mutex);
  for (guint i = 0; i < self->threads->len; i++)
    g_thread_join (g_ptr_array_index (self->threads, i));
  for (int i = 0; i < self->n_ahead; i++)
    {
      pmod_sample_free (self->slots[i].sample);
      g_clear_error (&self->slots[i].error);
    }
  g_ptr_array_unref (self->threads);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->changed);
  g_free (self->slots);
  g_free (self);
}

PmodSample *
pmod_feed_pop (PmodFeed *self, GError **error)
{
  Slot *slot, taken;
  gint64 start_us = g_get_monotonic_time ();

  g_mutex_lock (&self->mutex);
  slot = &self->slots[self->to_take % (guint64)self->n_ahead];
  while (!slot->ready)
    g_cond_wait (&self->changed, &self->mutex);
  taken = *slot;
  *slot = (Slot){ 0 };
  self->to_take++;
  g_cond_broadcast (&self->changed);
  self->wait_us += g_get_monotonic_time () - start_us;
  g_mutex_unlock (&self->mutex);
  if (taken.error != NULL)
    g_propagate_error (error, taken.error);
  return taken.sample;
}

gint64
pmod_feed_get_wait_us (const PmodFeed *self)
{
  return self->wait_us;
}
