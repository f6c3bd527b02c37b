/* A few threads that run one function side by side and wait for each other: the worker that is
 * asked to (number 0) is the calling thread. Each has a backend of one thread. A device is worked
 * by one of them, which enqueues. */
#pragma once

#include "pmod-error.h"
#include "pmod-ops-train.h"

G_BEGIN_DECLS

typedef struct _PmodWorkers PmodWorkers;

typedef void (*PmodWorkerFunc) (int worker, PmodBackend *backend, gpointer user_data);

/* n: 0 for one on each core that may be used. */
PmodWorkers *pmod_workers_new (int n, GError **error);

/* One worker, whose backend is borrowed. */
PmodWorkers *pmod_workers_new_device (PmodBackend *backend);
void pmod_workers_free (PmodWorkers *self);

int pmod_workers_get_n (const PmodWorkers *self);
PmodBackend *pmod_workers_get_backend (const PmodWorkers *self, int worker);

/* Calls func once on each worker; returns when all have. */
void pmod_workers_run (PmodWorkers *self, PmodWorkerFunc func, gpointer user_data);

/* What all of them together reach in a product of bf16 (or F32): FLOP/s. Of CPUs one that fits in
 * their caches, of a device one that is large enough to keep all of it busy. */
double pmod_workers_measure (PmodWorkers *self, PmodDtype act);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodWorkers, pmod_workers_free)

G_END_DECLS
