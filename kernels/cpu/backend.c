/* The CPU backend itself: which level this machine has, threads, memory, information. */
#include "cpu-private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sched.h>
#include <unistd.h>
#include <sys/mman.h>

/* Blocks from here on are aligned to and ask for huge pages: reading weights through 4 kB pages
 * costs a TLB miss for every 64 lines. */
#define HUGE_PAGE ((size_t)2 << 20)
#define HUGE_FROM ((size_t)8 << 20)

/* More threads than any machine has cores for; OpenMP ends the process when it cannot make one. */
#define MAX_THREADS 256

static const PmodCpuKernels *
choose_kernels (PmodCpuLevel level)
{
#ifdef __x86_64__
  bool avx2 = __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma");
  bool avx512 = avx2 && __builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512bw") &&
                __builtin_cpu_supports ("avx512vl") && __builtin_cpu_supports ("avx512dq");

  if (level >= PMOD_CPU_AVX512_BF16 && avx512 && __builtin_cpu_supports ("avx512bf16"))
    return &pmod_cpu_kernels_avx512_bf16;
  if (level >= PMOD_CPU_AVX512 && avx512)
    return &pmod_cpu_kernels_avx512;
  if (level >= PMOD_CPU_AVX2 && avx2)
    return &pmod_cpu_kernels_avx2;
#endif
  return &pmod_cpu_kernels_portable;
}

/* Cores that this process may use; 1 without OpenMP, whose threads these would be. */
static int
count_cores (void)
{
#ifdef _OPENMP
  cpu_set_t set;

  if (sched_getaffinity (0, sizeof set, &set) == 0)
    return CPU_COUNT (&set) > 0 ? CPU_COUNT (&set) : 1;
#endif
  return 1;
}

PmodBackend *
pmod_backend_new_cpu (int n_threads, PmodCpuLevel level)
{
  PmodCpuBackend *self = calloc (1, sizeof *self);

  if (!self)
    return NULL;
  self->kernels = choose_kernels (level);
  self->base.ops = &self->kernels->ops;
#ifdef _OPENMP
  self->n_threads = n_threads > 0 ? n_threads : count_cores ();
  if (self->n_threads > MAX_THREADS)
    self->n_threads = MAX_THREADS;
#else
  self->n_threads = count_cores ();
#endif
  if (self->kernels->onednn_f32 || self->kernels->onednn_bf16)
    self->onednn = pmod_onednn_new (self->n_threads);
  return &self->base;
}

void
pmod_cpu_free (PmodBackend *backend)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;

  pmod_onednn_free (self->onednn);
  free (self->scratch);
  free (self->workspace);
  free (self);
}

void
pmod_cpu_sync (PmodBackend *backend)
{
  (void)backend; /* every op has run when it returns */
}

/* --- Memory ------------------------------------------------------------------------------- */

/* More than the machine's memory is refused here: Linux may promise it and kill us later. */
static void *
alloc_aligned (size_t n_bytes)
{
  size_t machine = (size_t)sysconf (_SC_PHYS_PAGES) * (size_t)sysconf (_SC_PAGESIZE);
  bool huge = n_bytes >= HUGE_FROM;
  void *data = NULL;

  if (n_bytes > machine || posix_memalign (&data, huge ? HUGE_PAGE : 64, n_bytes ? n_bytes : 1))
    return NULL;
  if (huge)
    madvise (data, n_bytes, MADV_HUGEPAGE); /* only advice: it may fail */
  return data;
}

void *
pmod_cpu_alloc (PmodBackend *self, size_t n_bytes)
{
  void *data = alloc_aligned (n_bytes);

  if (!data)
    pmod_backend_fail (self, "no room for %zu bytes of memory", n_bytes);
  return data;
}

void
pmod_cpu_release (PmodBackend *self, void *data)
{
  (void)self;
  free (data);
}

void
pmod_cpu_move (PmodBackend *self, void *dst, const void *src, size_t n_bytes)
{
  (void)self;
  memmove (dst, src, n_bytes);
}

char *
pmod_cpu_scratch (PmodCpuBackend *self, size_t n_bytes, size_t *stride)
{
  size_t each = (n_bytes + 63) / 64 * 64, all = each * (size_t)self->n_threads;

  *stride = each;
  if (all > self->scratch_bytes || !self->scratch)
    {
      free (self->scratch);
      self->scratch_bytes = 0;
      self->scratch = pmod_cpu_alloc (&self->base, all);
      if (!self->scratch)
        return NULL;
      self->scratch_bytes = all;
    }
  return self->scratch;
}

char *
pmod_cpu_workspace (PmodCpuBackend *self, size_t n_bytes)
{
  if (n_bytes > self->workspace_bytes || !self->workspace)
    {
      free (self->workspace);
      self->workspace_bytes = 0;
      self->workspace = pmod_cpu_alloc (&self->base, n_bytes);
      if (!self->workspace)
        return NULL;
      self->workspace_bytes = n_bytes;
    }
  return self->workspace;
}

/* --- Marks -------------------------------------------------------------------------------- */

void
pmod_cpu_mark (PmodBackend *backend, int mark)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  self->marks[mark] = (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

void
pmod_cpu_wait_mark (PmodBackend *backend, int mark)
{
  (void)backend;
  (void)mark;
}

double
pmod_cpu_mark_us (PmodBackend *backend, int from, int to)
{
  const PmodCpuBackend *self = (const PmodCpuBackend *)backend;

  return self->marks[to] - self->marks[from];
}

/* --- Information -------------------------------------------------------------------------- */

/* The value of a line "key : value" of a /proc file, or "". */
static void
read_proc (const char *path, const char *key, char *value, size_t n_bytes)
{
  char line[512];
  FILE *file = fopen (path, "re");

  value[0] = '\0';
  while (file && !value[0] && fgets (line, sizeof line, file))
    {
      char *colon = strchr (line, ':');

      if (!colon || strncmp (line, key, strlen (key)) != 0)
        continue;
      for (colon++; isspace ((unsigned char)*colon); colon++)
        ;
      colon[strcspn (colon, "\n")] = '\0';
      snprintf (value, n_bytes, "%s", colon);
    }
  if (file)
    fclose (file);
}

static size_t
read_memory (const char *key)
{
  char value[64];

  read_proc ("/proc/meminfo", key, value, sizeof value);
  return (size_t)strtoull (value, NULL, 10) * 1024;
}

void
pmod_cpu_get_info (PmodBackend *backend, PmodBackendInfo *info)
{
  PmodCpuBackend *self = (PmodCpuBackend *)backend;
  char model[72];

  read_proc ("/proc/cpuinfo", "model name", model, sizeof model);
  snprintf (info->name, sizeof info->name, "%s, %s, %d thread%s", model[0] ? model : "CPU",
            self->kernels->name, self->n_threads, self->n_threads == 1 ? "" : "s");
  info->n_threads = self->n_threads;
  info->free_bytes = read_memory ("MemAvailable");
  info->total_bytes = read_memory ("MemTotal");
  info->host_memory = true;
  info->bf16_native = self->kernels->bf16_native;
}
