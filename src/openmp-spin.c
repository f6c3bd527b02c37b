/* Bounds how long idle OpenMP threads spin before they sleep. Linked into the programs.
 *
 * libgomp's own default is some milliseconds. On a machine whose cores are all in use, as with a
 * window that draws while the engine computes, every parallel region then costs a time slice: a
 * prefill of the bundled model took 90 ms instead of 3. Sleeping at once costs a wake-up for each
 * region, 0.35 ms a token instead of 0.10. A short spin has neither cost.
 *
 * libgomp reads the environment when it is loaded, before main(), so the variable is set in the
 * program's pre-initialisation, which runs earlier still. What the user has set stays. */
#include <stdlib.h>

#define SPIN_COUNT "2000"

#if defined(__GLIBC__) && defined(__ELF__)
static void
bound_spin (void)
{
  if (getenv ("OMP_WAIT_POLICY") == NULL)
    setenv ("GOMP_SPINCOUNT", SPIN_COUNT, 0);
}

__attribute__ ((section (".preinit_array"),
                used)) static void (*const bound_spin_entry) (void) = bound_spin;
#endif
