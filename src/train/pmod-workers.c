/* Workers: threads that wait for the next round, and the round that runs.
 *
 * The mutex guards round, func, user_data, n_running and quits. */
#include "pmod-workers.h"

#include <string.h>

/* The product that is measured, and how often. */
#define MEASURED_ROWS 1024
#define MEASURED_WIDTH 512
#define MEASURED_TIMES 60

/* Of a device: widths that are tried, how often each, and when it is enough. A real card is through
 * all of them in a second. */
#define DEVICE_LEAST 64
#define DEVICE_MOST 8192
#define DEVICE_TIMES 20
#define DEVICE_SECONDS 0.05

typedef struct
{
  PmodWorkers *workers;
  PmodBackend *backend;
  GThread *thread; /* NULL for number 0 */
  int number;
} Worker;

struct _PmodWorkers
{
  Worker *all;
  int n;
  GMutex mutex;
  GCond begun, done;
  guint64 round;
  int n_running;
  gboolean quits;
  gboolean is_device; /* and the backend is not freed */
  PmodWorkerFunc func;
  gpointer user_data;
};

static gpointer
work (gpointer data)
{
  Worker *self = data;
  PmodWorkers *workers = self->workers;
  guint64 round = 0;

  g_mutex_lock (&workers->mutex);
  for (;;)
    {
      while (!workers->quits && workers->round == round)
        g_cond_wait (&workers->begun, &workers->mutex);
      if (workers->quits)
        break;
      round = workers->round;
      g_mutex_unlock (&workers->mutex);
      workers->func (self->number, self->backend, workers->user_data);
      g_mutex_lock (&workers->mutex);
      if (--workers->n_running == 0)
        g_cond_signal (&workers->done);
    }
  g_mutex_unlock (&workers->mutex);
  return NULL;
}

static int
count_cores (void)
{
  PmodBackend *backend = pmod_backend_new_cpu (0, PMOD_CPU_BEST);
  PmodBackendInfo info = { .n_threads = 1 };

  if (backend != NULL)
    pmod_backend_get_info (backend, &info);
  pmod_backend_free (backend);
  return info.n_threads;
}

PmodWorkers *
pmod_workers_new (int n, GError **error)
{
  g_autoptr (PmodWorkers) self = g_new0 (PmodWorkers, 1);

  self->n = n > 0 ? n : count_cores ();
  self->all = g_new0 (Worker, self->n);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->begun);
  g_cond_init (&self->done);
  for (int i = 0; i < self->n; i++)
    {
      Worker *worker = &self->all[i];

      *worker = (Worker){ self, pmod_backend_new_cpu (1, PMOD_CPU_BEST), NULL, i };
      if (worker->backend == NULL)
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_MEMORY, "worker %d: no memory for its state",
                       i);
          return NULL;
        }
      if (i > 0)
        worker->thread = g_thread_new ("worker", work, worker);
    }
  return g_steal_pointer (&self);
}

PmodWorkers *
pmod_workers_new_device (PmodBackend *backend)
{
  PmodWorkers *self = g_new0 (PmodWorkers, 1);

  self->n = 1;
  self->is_device = TRUE;
  self->all = g_new0 (Worker, 1);
  self->all[0] = (Worker){ self, backend, NULL, 0 };
  g_mutex_init (&self->mutex);
  g_cond_init (&self->begun);
  g_cond_init (&self->done);
  return self;
}

void
pmod_workers_free (PmodWorkers *self)
{
  g_mutex_lock (&self->mutex);
  self->quits = TRUE;
  g_cond_broadcast (&self->begun);
  g_mutex_unlock (&self->mutex);
  for (int i = 0; i < self->n; i++)
    {
      if (self->all[i].thread != NULL)
        g_thread_join (self->all[i].thread);
      if (self->all[i].backend != NULL && !self->is_device)
        pmod_backend_free (self->all[i].backend);
    }
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->begun);
  g_cond_clear (&self->done);
  g_free (self->all);
  g_free (self);
}

int
pmod_workers_get_n (const PmodWorkers *self)
{
  return self->n;
}

PmodBackend *
pmod_workers_get_backend (const PmodWorkers *self, int worker)
{
  return self->all[worker].backend;
}

void
pmod_workers_run (PmodWorkers *self, PmodWorkerFunc func, gpointer user_data)
{
  g_mutex_lock (&self->mutex);
  self->func = func;
  self->user_data = user_data;
  self->n_running = self->n - 1;
  self->round++;
  g_cond_broadcast (&self->begun);
  g_mutex_unlock (&self->mutex);

  func (0, self->all[0].backend, user_data);

  g_mutex_lock (&self->mutex);
  while (self->n_running > 0)
    g_cond_wait (&self->done, &self->mutex);
  g_mutex_unlock (&self->mutex);
}

/* --- The machine's rate --------------------------------------------------------------------- */

typedef struct
{
  PmodDtype act;
  gint64 n_rows, width; /* [n_rows,width] . [width,width] */
  int n_times;
  double seconds; /* of the products alone, worker 0's */
} Product;

static double
flops_of (const Product *product)
{
  return 2.0 * (double)product->n_rows * (double)product->width * (double)product->width *
         product->n_times;
}

/* Small numbers of either dtype, whose pattern of bytes is 0x3c throughout: any finite ones do. */
static void
fill_small (PmodBackend *backend, const PmodTensor *x)
{
  PmodTensor words =
      pmod_tensor_1d (x->data, PMOD_DTYPE_F32, (gint64)(pmod_tensor_bytes (x) / sizeof (float)));
  const guint32 pattern = 0x3c3c3c3c;
  float value;

  memcpy (&value, &pattern, sizeof value);
  pmod_fill (backend, &words, value);
}

static void
multiply (int worker, PmodBackend *backend, gpointer user_data)
{
  Product *product = user_data;
  PmodMatrix *w = pmod_matrix_new_random (backend, product->width, product->width, product->act, 1);
  PmodTensor x = pmod_tensor_2d (NULL, product->act, product->n_rows, product->width);
  PmodTensor y = x;

  x.data = pmod_alloc (backend, pmod_tensor_bytes (&x));
  y.data = pmod_alloc (backend, pmod_tensor_bytes (&y));
  if (w != NULL && x.data != NULL && y.data != NULL)
    {
      gint64 start_us;

      fill_small (backend, &x);
      pmod_backend_sync (backend);
      start_us = g_get_monotonic_time ();
      for (int i = 0; i < product->n_times; i++)
        pmod_linear (backend, &y, &x, w, NULL, PMOD_EPILOGUE_NONE);
      pmod_backend_sync (backend);
      if (worker == 0)
        product->seconds = (double)(g_get_monotonic_time () - start_us) / 1e6;
    }
  pmod_free (backend, x.data);
  pmod_free (backend, y.data);
  if (w != NULL)
    pmod_matrix_free (backend, w);
}

/* Larger and larger products, until they take long enough to hide what lies around them; the first
 * time at a shape is for whoever plans it. Memory that there is no room for is no failure: the last
 * one that went counts. */
static double
measure_device (PmodWorkers *self, PmodDtype act)
{
  PmodBackend *backend = self->all[0].backend;
  double best = 0, seconds = 0;

  for (gint64 width = DEVICE_LEAST; width <= DEVICE_MOST && seconds < DEVICE_SECONDS; width *= 2)
    {
      Product once = { act, width, width, 1 }, many = { act, width, width, DEVICE_TIMES };

      pmod_workers_run (self, multiply, &once);
      pmod_workers_run (self, multiply, &many);
      if (pmod_backend_get_error (backend) != NULL)
        {
          pmod_backend_clear_error (backend);
          break;
        }
      seconds = many.seconds;
      best = MAX (best, flops_of (&many) / MAX (seconds, 1e-6));
    }
  return best;
}

double
pmod_workers_measure (PmodWorkers *self, PmodDtype act)
{
  double best = 0;

  if (self->is_device)
    return measure_device (self, act);
  for (int i = 0; i < 3; i++)
    {
      Product product = { act, MEASURED_ROWS, MEASURED_WIDTH, MEASURED_TIMES };
      gint64 start_us = g_get_monotonic_time ();

      pmod_workers_run (self, multiply, &product);
      best = MAX (best, flops_of (&product) * self->n /
                            ((double)(g_get_monotonic_time () - start_us) / 1e6));
    }
  return best;
}
