/* See emulated-memory.h.
 *
 * The arena is one range of addresses, reserved when it is first needed. It has one protection as
 * far as it has been used, so that opening and closing are one call of the system each. */
#include "emulated-memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>

/* Addresses, not memory. */
#define ARENA_BYTES ((size_t)16 << 30)

/* As CUDA aligns; and after each allocation at least as much that nobody may write. */
#define ALIGNMENT ((size_t)256)

/* NaN in BF16, F16, F32 and F64, no index of anything as a whole number, and as a byte no flag. */
#define UNWRITTEN 0x7fff

/* What is opened is whole pages, as large as the system's largest: many small ones take long. */
#define PAGE ((size_t)2 << 20)

namespace
{

char *arena;
size_t n_used;                         /* of the arena, in whole pages */
std::map<const char *, size_t> blocks; /* out of the arena: bytes by address */
std::map<const char *, size_t> others; /* the host's */
std::map<const char *, size_t> pinned;

size_t
round_up (size_t n, size_t unit)
{
  return (n + unit - 1) / unit * unit;
}

/* What an allocation takes of the arena, with its margin. */
size_t
room_of (size_t n_bytes)
{
  return round_up (n_bytes, ALIGNMENT) + ALIGNMENT;
}

/* The whole pages around from and end, which are offsets. */
void
protect (size_t from, size_t end, int protection)
{
  from = from / PAGE * PAGE;
  if (end > from && mprotect (arena + from, round_up (end - from, PAGE), protection))
    abort ();
}

/* All n_bytes. */
void
fill (char *data, size_t n_bytes)
{
  std::fill_n ((uint16_t *)(void *)data, n_bytes / 2, (uint16_t)UNWRITTEN);
  if (n_bytes % 2)
    data[n_bytes - 1] = (char)UNWRITTEN;
}

bool
is_unwritten (const char *data, size_t from, size_t end)
{
  for (size_t i = from; i < end; i++)
    if (data[i] != (char)(UNWRITTEN >> i % 2 * 8))
      return false;
  return true;
}

/* The first gap that is large enough, or NULL. */
char *
find_room (size_t n_bytes)
{
  char *at = arena;

  for (const auto &block : blocks)
    {
      if ((size_t)(block.first - at) >= room_of (n_bytes))
        return at;
      at = (char *)block.first + room_of (block.second);
    }
  return room_of (n_bytes) <= ARENA_BYTES - (size_t)(at - arena) ? at : nullptr;
}

void *
new_in_arena (size_t n_bytes)
{
  char *data;

  if (!arena)
    {
      void *reserved = mmap (nullptr, ARENA_BYTES + PAGE, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

      if (reserved == MAP_FAILED)
        abort ();
      arena = (char *)round_up ((uintptr_t)reserved, PAGE);
      madvise (arena, ARENA_BYTES, MADV_HUGEPAGE);
    }
  data = n_bytes < ARENA_BYTES ? find_room (n_bytes) : nullptr;
  if (!data)
    return nullptr;
  if ((size_t)(data - arena) + room_of (n_bytes) > n_used)
    n_used = round_up ((size_t)(data - arena) + room_of (n_bytes), PAGE);
  blocks[data] = n_bytes;
  protect ((size_t)(data - arena), (size_t)(data - arena) + room_of (n_bytes),
           PROT_READ | PROT_WRITE);
  fill (data, room_of (n_bytes));
  protect ((size_t)(data - arena), (size_t)(data - arena) + room_of (n_bytes), PROT_NONE);
  return data;
}

}

void *
pmod_emulated_memory_new (size_t n_bytes, bool apart)
{
  void *data = nullptr;

  if (apart)
    return new_in_arena (n_bytes);
  /* Exactly as much as was asked for, so that a sanitizer sees what is past it. */
  if (posix_memalign (&data, ALIGNMENT, n_bytes))
    return nullptr;
  fill ((char *)data, n_bytes);
  others[(char *)data] = n_bytes;
  return data;
}

/* What was freed is NaN again, for those who still read it. */
size_t
pmod_emulated_memory_free (void *data)
{
  auto other = others.find ((char *)data), block = blocks.find ((char *)data);
  size_t n_bytes, offset;

  if (other != others.end ())
    {
      n_bytes = other->second;
      others.erase (other);
      free (data);
      return n_bytes;
    }
  if (block == blocks.end ())
    {
      fprintf (stderr, "cuda emulation: freed what was not allocated\n");
      abort ();
    }
  n_bytes = block->second;
  offset = (size_t)((char *)data - arena);
  protect (offset, offset + room_of (n_bytes), PROT_READ | PROT_WRITE);
  if (!is_unwritten ((char *)data, n_bytes, room_of (n_bytes)))
    {
      fprintf (stderr, "cuda emulation: something wrote past the end of %zu bytes\n", n_bytes);
      abort ();
    }
  fill ((char *)data, n_bytes);
  protect (offset, offset + room_of (n_bytes), PROT_NONE);
  blocks.erase (block);
  if (blocks.empty ())
    {
      madvise (arena, n_used, MADV_DONTNEED);
      n_used = 0;
    }
  return n_bytes;
}

bool
pmod_emulated_memory_has (const void *data, size_t n_bytes)
{
  auto block = blocks.upper_bound ((const char *)data);
  size_t offset;

  if (block == blocks.begin ())
    return false;
  block--;
  offset = (size_t)((const char *)data - block->first);
  return offset <= block->second && n_bytes <= block->second - offset;
}

void
pmod_emulated_memory_open (void)
{
  protect (0, n_used, PROT_READ | PROT_WRITE);
}

void
pmod_emulated_memory_close (void)
{
  protect (0, n_used, PROT_NONE);
}

void *
pmod_emulated_memory_pin (size_t n_bytes)
{
  char *data = (char *)malloc (n_bytes);

  if (!data)
    abort ();
  pinned[data] = n_bytes;
  return data;
}

void
pmod_emulated_memory_unpin (void *data)
{
  pinned.erase ((char *)data);
  free (data);
}

bool
pmod_emulated_memory_is_pinned (const void *data)
{
  auto block = pinned.upper_bound ((const char *)data);

  if (block == pinned.begin ())
    return false;
  block--;
  return (size_t)((const char *)data - block->first) < block->second;
}
