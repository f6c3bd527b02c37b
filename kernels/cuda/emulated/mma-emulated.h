/* What mma.h has, on the host: by its definition, each lane computing its own elements from what
 * all lanes of its warp gave. Copies are done at once. */
#pragma once

#include "emulate.h"

#include <stdio.h>
#include <stdlib.h>

/* What moves 16 bytes at once takes no other addresses: a device would stop. */
static inline void
pmod_emulate_check_aligned (const void *address)
{
  if ((uintptr_t)address % 16 == 0)
    return;
  fprintf (stderr, "cuda emulation: 16 bytes at an address that is no multiple of 16\n");
  abort ();
}

/* What the lanes of one warp give. Warps that wait in here differ, so each has its own. */
struct PmodEmulateGiven
{
  uint32_t a[32][4], b[32][2];
  const uint16_t *rows[32];
};

static inline PmodEmulateGiven *
pmod_emulate_given (void)
{
  static PmodEmulateGiven warps[32];

  return &warps[threadIdx.x / 32];
}

template <typename T>
static inline float
pmod_emulate_half (uint32_t pair, int which)
{
  T value;

  value.bits = (uint16_t)(which ? pair >> 16 : pair);
  return to_float (value);
}

template <typename T>
static inline void
mma (float c[4], const uint32_t a[4], uint32_t b0, uint32_t b1)
{
  PmodEmulateGiven *given = pmod_emulate_given ();
  int lane = pmod_emulate_lane ();

  memcpy (given->a[lane], a, sizeof given->a[lane]);
  given->b[lane][0] = b0;
  given->b[lane][1] = b1;
  __syncwarp ();
  for (int i = 0; i < 4; i++)
    {
      int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;

      for (int k = 0; k < 16; k++)
        {
          /* Where the element of column k of A and of row k of B is. */
          int quad = k % 8 / 2, half = k / 8;

          c[i] += pmod_emulate_half<T> (given->a[row % 8 * 4 + quad][row / 8 + 2 * half], k % 2) *
                  pmod_emulate_half<T> (given->b[column * 4 + quad][half], k % 2);
        }
    }
  __syncwarp ();
}

static inline void
pmod_emulate_load (uint32_t to[4], const void *row, bool turned)
{
  PmodEmulateGiven *given = pmod_emulate_given ();
  int lane = pmod_emulate_lane (), g = lane / 4, p = lane % 4 * 2;

  pmod_emulate_check_aligned (row);
  given->rows[lane] = (const uint16_t *)row;
  __syncwarp ();
  for (int m = 0; m < 4; m++)
    {
      const uint16_t *const *rows = &given->rows[8 * m];
      uint32_t low = turned ? rows[p][g] : rows[g][p];
      uint32_t high = turned ? rows[p + 1][g] : rows[g][p + 1];

      to[m] = low | high << 16;
    }
  __syncwarp ();
}

static inline void
load_matrices (uint32_t to[4], const void *row)
{
  pmod_emulate_load (to, row, false);
}

static inline void
load_matrices_turned (uint32_t to[4], const void *row)
{
  pmod_emulate_load (to, row, true);
}

static inline void
copy_async (void *shared, const void *from, bool valid)
{
  pmod_emulate_check_aligned (shared);
  pmod_emulate_check_aligned (from);
  if (valid)
    memcpy (shared, from, 16);
  else
    memset (shared, 0, 16);
}

static inline void
copy_commit (void)
{
}

template <int N>
static inline void
copy_wait (void)
{
}

template <typename T>
static inline uint32_t
pack_pair (float low, float high)
{
  T pair[2];

  store (&pair[0], low);
  store (&pair[1], high);
  return pair[0].bits | (uint32_t)pair[1].bits << 16;
}
