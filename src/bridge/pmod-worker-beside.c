/* The lane beside: a second worker, which has no model of its own but the weights of the first
 * one's on another timeline of the device, and so one thread that touches that timeline.
 *
 * It is worth it where tokens of an answer leave the device idle, which wait for memory: a card. On
 * the processor the two would share its cores, and both take as long as one after the other. */
#include "config.h"

#include "pmod-worker-private.h"

PmodWorker *
pmod_worker_new_pair (void (*wake) (gpointer), gpointer user_data)
{
  PmodWorker *self = pmod_worker_new (wake, user_data);

  self->beside = pmod_worker_new (wake, user_data);
  return self;
}

/* Takes model. Waits, for what runs there is of the model before: it is stopped, and its memory is
 * free when this returns. */
static void
hand_over (PmodWorker *self, guint64 id, PmodModel *model)
{
  pmod_worker_stop (self);
  pthread_mutex_lock (&self->lock);
  self->adopting = TRUE;
  self->adopted = model;
  self->open_id = id;
  pthread_cond_signal (&self->mail);
  while (self->adopting)
    pthread_cond_wait (&self->has_adopted, &self->lock);
  pthread_mutex_unlock (&self->lock);
}

gboolean
pmod_worker_share_model (PmodWorker *self)
{
  PmodModel *model = self->model ? pmod_model_new_beside (self->model) : NULL;

  if (self->beside)
    hand_over (self->beside, self->model_id, model);
  else
    g_clear_pointer (&model, pmod_model_unref);
  return model != NULL;
}

gboolean
pmod_worker_adopt_locked (PmodWorker *self)
{
  PmodModel *model = g_steal_pointer (&self->adopted);

  if (!self->adopting)
    return FALSE;
  pthread_mutex_unlock (&self->lock);
  pmod_worker_close_all (self);
  self->model = model;
  pthread_mutex_lock (&self->lock);
  self->model_id = self->open_id;
  self->adopting = FALSE;
  pthread_cond_signal (&self->has_adopted);
  return TRUE;
}
