/* splitmix64's finaliser: a good mix of 64 bits, one to one. Added to by an odd step it is a
 * generator of random numbers, for which every seed is a good one. Source: Steele, Lea and Flood,
 * Fast splittable pseudorandom number generators, 2014. */
#pragma once

#include <glib.h>

#define PMOD_MIX_STEP G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)

static inline guint64
pmod_mix (guint64 z)
{
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}
