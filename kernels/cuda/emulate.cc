/* The fibers behind emulate.h. */
#include "emulate.h"

#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <vector>

#define MAX_THREADS 1024
#define STACK_BYTES (64 * 1024)

thread_local dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace
{

/* A barrier that n threads pass together. */
struct Barrier
{
  unsigned n_arrived;
  unsigned generation;
};

struct Fiber
{
  ucontext_t context;
  std::vector<char> stack;
  dim3 index;
  bool ended;
};

struct Block
{
  std::vector<Fiber> fibers;
  std::vector<char> shared;
  ucontext_t scheduler;
  const std::function<void ()> *body;
  unsigned n_threads, n_live, running;
  bool moved; /* whether any thread got past a barrier in this round */
  Barrier all, warps[MAX_THREADS / 32];
  uint32_t given[MAX_THREADS]; /* to a shuffle */
};

thread_local Block block;

/* To the scheduler, which comes back in the next round. */
void
yield (void)
{
  Fiber &self = block.fibers[block.running];

  swapcontext (&self.context, &block.scheduler);
}

/* count () threads pass together: asked again each time, since threads end meanwhile. */
template <typename Count>
void
wait (Barrier *barrier, Count count)
{
  unsigned generation = barrier->generation;

  barrier->n_arrived++;
  while (barrier->generation == generation)
    {
      if (barrier->n_arrived >= count ())
        {
          barrier->n_arrived = 0;
          barrier->generation++;
          block.moved = true;
          return;
        }
      yield ();
    }
}

void
enter (void)
{
  Fiber *self = &block.fibers[block.running];

  (*block.body) ();
  self = &block.fibers[block.running];
  self->ended = true;
  block.n_live--;
  block.moved = true;
  swapcontext (&self->context, &block.scheduler);
}

void
start (unsigned i)
{
  Fiber &fiber = block.fibers[i];

  fiber.stack.resize (STACK_BYTES);
  fiber.ended = false;
  fiber.index = dim3 (i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y);
  getcontext (&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.data ();
  fiber.context.uc_stack.ss_size = fiber.stack.size ();
  fiber.context.uc_link = nullptr;
  makecontext (&fiber.context, enter, 0);
}

void
run_block (void)
{
  block.n_live = block.n_threads;
  block.all = Barrier ();
  for (Barrier &warp : block.warps)
    warp = Barrier ();
  memset (block.shared.data (), 0xff, block.shared.size ());
  for (unsigned i = 0; i < block.n_threads; i++)
    start (i);
  while (block.n_live > 0)
    {
      block.moved = false;
      for (unsigned i = 0; i < block.n_threads; i++)
        if (!block.fibers[i].ended)
          {
            block.running = i;
            threadIdx = block.fibers[i].index;
            swapcontext (&block.scheduler, &block.fibers[i].context);
          }
      if (!block.moved)
        {
          fprintf (stderr, "cuda emulation: block %u of %u waits for ever, %u threads in it\n",
                   blockIdx.x, gridDim.x, block.n_live);
          abort ();
        }
    }
}

/* Of the lanes in mask those that are there. */
unsigned
count_lanes (unsigned mask)
{
  unsigned first = block.running / 32 * 32, n = 0;

  for (unsigned i = 0; i < 32 && first + i < block.n_threads; i++)
    n += (mask >> i & 1) && !block.fibers[first + i].ended;
  return n;
}

}

void
__syncthreads (void)
{
  wait (&block.all, [] { return block.n_live; });
}

void
__syncwarp (unsigned mask)
{
  wait (&block.warps[block.running / 32], [mask] { return count_lanes (mask); });
}

uint32_t
pmod_emulate_shuffle (unsigned mask, uint32_t value, int from)
{
  unsigned first = block.running / 32 * 32;
  uint32_t result;

  block.given[block.running] = value;
  __syncwarp (mask);
  result = block.given[first + (unsigned)from];
  __syncwarp (mask);
  return result;
}

unsigned
__ballot_sync (unsigned mask, int predicate)
{
  unsigned first = block.running / 32 * 32, bits = 0;

  block.given[block.running] = predicate != 0;
  __syncwarp (mask);
  for (unsigned i = 0; i < 32 && first + i < block.n_threads; i++)
    bits |= (mask >> i & 1 & block.given[first + i]) << i;
  __syncwarp (mask);
  return bits;
}

void *
pmod_emulate_dynamic_shared (void)
{
  return block.shared.data ();
}

void
pmod_emulate_launch (dim3 grid, dim3 threads, size_t n_shared, const std::function<void ()> &body)
{
  block.n_threads = threads.x * threads.y * threads.z;
  if (block.n_threads == 0 || block.n_threads > MAX_THREADS)
    {
      fprintf (stderr, "cuda emulation: expected 1 to %d threads a block, got %u\n", MAX_THREADS,
               block.n_threads);
      abort ();
    }
  block.fibers.resize (block.n_threads);
  /* Where nothing was asked for there must be no memory to read. */
  block.shared.assign (n_shared, 0);
  block.body = &body;
  blockDim = threads;
  gridDim = grid;
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++)
        {
          blockIdx = dim3 (x, y, z);
          run_block ();
        }
}
