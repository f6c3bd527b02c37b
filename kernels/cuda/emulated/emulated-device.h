/* The emulated device as tests set it up: what it is, what it refuses, what is in use of it.
 *
 * A program has one. Until it is set, its memory is the host's own, filled with NaN, and work is
 * done when it returns: so that tests of ops may hand over any memory and read results. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C"
{
#endif

  typedef enum
  {
    PMOD_EMULATED_DRIVER,       /* with one device */
    PMOD_EMULATED_NO_DRIVER,    /* as CUDA's static runtime finds none */
    PMOD_EMULATED_DRIVER_ALONE, /* without a device */
  } PmodEmulatedDriver;

  typedef struct
  {
    PmodEmulatedDriver driver;
    int compute_capability; /* 75 for 7.5 */
    int ptx_version;        /* what the kernels were built for, likewise; 0: nothing it can run */
    size_t total_bytes;     /* allocations past it are refused */
    /* Memory is the device's: the host that touches it ends the program, a copy must name it, and a
     * write past an allocation ends the program when that is freed. Work waits until it is waited
     * for. */
    bool apart;
  } PmodEmulatedDevice;

  /* One that works, apart, with a GiB of memory. */
  extern const PmodEmulatedDevice pmod_emulated_device;

  /* In place of the device before, of which nothing may be in use any more. No fault is set. */
  void pmod_emulated_set_device (const PmodEmulatedDevice *device);

  /* So many alike instead of one, until another is set. They share what is counted and what fails,
   * but a stream and an event take work only of threads whose device is theirs. */
  void pmod_emulated_set_n_devices (int n_devices);

  typedef enum
  {
    PMOD_EMULATED_MALLOC, /* refused: out of memory */
    PMOD_EMULATED_PIN,    /* refused: the host has no memory to pin */
    PMOD_EMULATED_STREAM, /* refused: out of memory */
    PMOD_EMULATED_COPY,   /* fails, and from then on everything does, as on a device */
    PMOD_EMULATED_LAUNCH, /* the same */
    PMOD_EMULATED_REFUSE, /* a launch is refused, and nothing else: the device goes on */
    PMOD_EMULATED_N_CALLS,
  } PmodEmulatedCall;

  /* The call fails once, after n_before that do not. */
  void pmod_emulated_fail (PmodEmulatedCall call, int n_before);

  /* When that happens func is called, on the thread that it happens to. It must not use CUDA. */
  void pmod_emulated_tell (void (*func) (void *data), void *data);

  typedef struct
  {
    size_t n_bytes;    /* of the device's memory */
    size_t peak_bytes; /* the most since the device was set */
    int n_blocks;
    int n_pinned;
    int n_streams;
    int n_events;
    int n_graphs;
    uint64_t n_calls[PMOD_EMULATED_N_CALLS]; /* since the device was set, refused ones too */
  } PmodEmulatedUse;

  void pmod_emulated_get_use (PmodEmulatedUse *use);

#ifdef __cplusplus
}
#endif
