/* The fibers behind emulate.h.
 *
 * A fiber is made once and then runs one thread of a block after another. Switching is by
 * _setjmp() and _longjmp(), which unlike swapcontext() do not ask the kernel for the signal mask;
 * under a sanitizer, which must know of each switch, by swapcontext(). */

/* Its longjmp() takes a jump to another stack for a mistake. */
#undef _FORTIFY_SOURCE

#include "emulate.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <mutex>

#define MAX_THREADS 1024
#define N_LANES 32
#define STACK_BYTES (64 * 1024)

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace
{

/* A barrier that threads pass together. */
struct Barrier
{
  unsigned n_arrived;
  unsigned generation;
  unsigned mask; /* of a warp's: the lanes that it is for */
};

/* Where a switch comes back to. */
struct Place
{
  ucontext_t context;
#ifndef SANITIZED
  jmp_buf here;
#endif
};

struct Fiber
{
  Place place;
  dim3 index;  /* of its thread */
  char *stack; /* NULL until it is made */
  bool ended;  /* its thread has */
  /* What it waits for: a barrier that has passed generation. */
  const Barrier *waits;
  unsigned generation;
};

struct Warp
{
  Barrier barrier;
  unsigned live;   /* lanes that have not ended */
  unsigned passed; /* lanes that its barrier opened for */
  /* To shuffles, those of even and of odd generations apart, so that nothing is overwritten before
   * all have read it. */
  uint32_t given[2][N_LANES];
};

/* The block that runs: one of all launches, as variables in shared memory are static. */
struct Block
{
  std::mutex mutex;
  Fiber fibers[MAX_THREADS];
  Warp warps[MAX_THREADS / N_LANES];
  Place scheduler;
  const std::function<void ()> *body;
  unsigned n_threads, n_live, running;
  Barrier all;
  unsigned char *shared;
  size_t n_shared;
} block;

void
switch_to (Place *from, Place *to)
{
#ifdef SANITIZED
  swapcontext (&from->context, &to->context);
#else
  if (_setjmp (from->here) == 0)
    _longjmp (to->here, 1);
#endif
}

bool
can_run (const Fiber *fiber)
{
  return !fiber->ended && !(fiber->waits && fiber->waits->generation == fiber->generation);
}

/* The fiber is the one that runs from now on. */
Fiber *
choose (unsigned i)
{
  block.running = i;
  threadIdx = block.fibers[i].index;
  return &block.fibers[i];
}

/* Opens the barrier if all n threads that it is for are there. */
bool
open_if_full (Barrier *barrier, unsigned n)
{
  if (barrier->n_arrived == 0 || barrier->n_arrived < n)
    return false;
  barrier->n_arrived = 0;
  barrier->generation++;
  return true;
}

/* Threads that have ended are not waited for. */
void
open_full_barriers (Warp *warp)
{
  unsigned lanes = warp->barrier.mask & warp->live;

  open_if_full (&block.all, block.n_live);
  if (open_if_full (&warp->barrier, (unsigned)__builtin_popcount (lanes)))
    warp->passed = lanes;
}

/* To a neighbour in the warp that can run, for most of what is waited for are these; else to the
 * scheduler. */
Place *
choose_next (void)
{
  unsigned first = block.running / N_LANES * N_LANES;

  for (unsigned i = 1; i < N_LANES; i++)
    {
      unsigned next = first + (block.running + i) % N_LANES;

      if (next < block.n_threads && block.fibers[next].stack && can_run (&block.fibers[next]))
        return &choose (next)->place;
    }
  return &block.scheduler;
}

/* The running thread stops until the barrier, of n threads, opens. Returns whether it opened it.
 * Inline, for after a switch no processor foresees where functions return to. */
inline __attribute__ ((always_inline)) bool
wait (Barrier *barrier, unsigned n)
{
  Fiber *self = &block.fibers[block.running];

  self->generation = barrier->generation;
  barrier->n_arrived++;
  if (open_if_full (barrier, n))
    return true;
  self->waits = barrier;
  switch_to (&self->place, choose_next ());
  self->waits = nullptr;
  return false;
}

/* What a fiber does: one thread after another. */
void
run_threads (void)
{
  for (;;)
    {
      unsigned i = block.running;
      Warp *warp = &block.warps[i / N_LANES];

      (*block.body) ();
      block.fibers[i].ended = true;
      block.n_live--;
      warp->live &= ~(1u << i % N_LANES);
      open_full_barriers (warp);
      switch_to (&block.fibers[i].place, &block.scheduler);
    }
}

/* Goes on with the fiber, or begins. */
void
resume (unsigned i)
{
  Fiber *fiber = choose (i);

  if (fiber->stack)
    {
      switch_to (&block.scheduler, &fiber->place);
      return;
    }
  fiber->stack = (char *)malloc (STACK_BYTES);
  if (!fiber->stack)
    abort ();
  getcontext (&fiber->place.context);
  fiber->place.context.uc_stack.ss_sp = fiber->stack;
  fiber->place.context.uc_stack.ss_size = STACK_BYTES;
  fiber->place.context.uc_link = nullptr;
  makecontext (&fiber->place.context, run_threads, 0);
#ifndef SANITIZED
  if (_setjmp (block.scheduler.here) == 0)
    setcontext (&fiber->place.context);
#else
  swapcontext (&block.scheduler.context, &fiber->place.context);
#endif
}

/* Runs the warp's threads for as long as any can: most of what they wait for are their neighbours.
 * Returns whether any could. */
bool
run_warp (unsigned first)
{
  unsigned end = first + N_LANES < block.n_threads ? first + N_LANES : block.n_threads;
  bool ran = false, again;

  do
    {
      again = false;
      for (unsigned i = first; i < end; i++)
        {
          if (!can_run (&block.fibers[i]))
            continue;
          resume (i);
          again = ran = true;
        }
    }
  while (again);
  return ran;
}

void
begin_block (void)
{
  block.n_live = block.n_threads;
  block.all = Barrier ();
  for (unsigned i = 0; i < block.n_threads; i++)
    {
      Warp *warp = &block.warps[i / N_LANES];

      if (i % N_LANES == 0)
        {
          warp->barrier = Barrier ();
          warp->live = 0;
        }
      warp->live |= 1u << i % N_LANES;
      block.fibers[i].ended = false;
      block.fibers[i].waits = nullptr;
    }
  if (block.n_shared > 0)
    memset (block.shared, 0xff, block.n_shared);
}

void
run_block (void)
{
  begin_block ();
  while (block.n_live > 0)
    {
      bool ran = false;

      for (unsigned first = 0; first < block.n_threads; first += N_LANES)
        ran |= run_warp (first);
      if (!ran)
        {
          fprintf (stderr, "cuda emulation: block %u of %u waits for ever, %u threads in it\n",
                   blockIdx.x, gridDim.x, block.n_live);
          abort ();
        }
    }
}

Warp *
own_warp (void)
{
  return &block.warps[block.running / N_LANES];
}

inline __attribute__ ((always_inline)) void
wait_for_warp (unsigned mask)
{
  Warp *warp = own_warp ();
  unsigned lanes = mask & warp->live;

  if (warp->barrier.n_arrived > 0 && warp->barrier.mask != mask)
    {
      fprintf (stderr, "cuda emulation: lanes of one warp wait for different lanes\n");
      abort ();
    }
  warp->barrier.mask = mask;
  if (wait (&warp->barrier, (unsigned)__builtin_popcount (lanes)))
    warp->passed = lanes;
}

/* All lanes of mask give a value. Returns what each lane gave. */
inline const uint32_t *
exchange (unsigned mask, uint32_t value)
{
  Warp *warp = own_warp ();
  uint32_t *given = warp->given[warp->barrier.generation % 2];

  given[block.running % N_LANES] = value;
  wait_for_warp (mask);
  return given;
}

}

void
__syncthreads (void)
{
  wait (&block.all, block.n_live);
}

void
__syncwarp (unsigned mask)
{
  wait_for_warp (mask);
}

uint32_t
pmod_emulate_shuffle (unsigned mask, uint32_t value, int from)
{
  return exchange (mask, value)[from];
}

unsigned
__ballot_sync (unsigned mask, int predicate)
{
  const uint32_t *given = exchange (mask, predicate != 0);
  unsigned bits = 0;

  for (unsigned i = 0; i < N_LANES; i++)
    bits |= (own_warp ()->passed >> i & given[i]) << i;
  return bits;
}

void *
pmod_emulate_dynamic_shared (void)
{
  return block.shared;
}

void
pmod_emulate_launch (dim3 grid, dim3 threads, size_t n_shared, const std::function<void ()> &body)
{
  std::lock_guard<std::mutex> lock (block.mutex);
  unsigned n_threads = threads.x * threads.y * threads.z;

  if (n_threads == 0 || n_threads > MAX_THREADS || grid.x == 0 || grid.y == 0 || grid.z == 0)
    {
      fprintf (stderr,
               "cuda emulation: expected blocks of 1 to %d threads, got %u x %u x %u of %u\n",
               MAX_THREADS, grid.x, grid.y, grid.z, n_threads);
      abort ();
    }
  block.n_threads = n_threads;
  block.body = &body;
  /* Memory of its own, exactly as much as was asked for, so that a sanitizer sees what is past it.
   */
  block.n_shared = n_shared;
  block.shared = n_shared ? (unsigned char *)malloc (n_shared) : nullptr;
  if (n_shared && !block.shared)
    abort ();
  blockDim = threads;
  gridDim = grid;
  for (unsigned i = 0; i < n_threads; i++)
    block.fibers[i].index =
        dim3 (i % threads.x, i / threads.x % threads.y, i / threads.x / threads.y);
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++)
        {
          blockIdx = dim3 (x, y, z);
          run_block ();
        }
  free (block.shared);
}
