/* pmod-op-bench: times the ops of a backend at the shapes of a 7B model and says what part of the
 * machine's own peak each reaches. The peaks are measured in the same run: the rate of a 4096^3
 * product (8192^3 on a device), and the bandwidth by a checksum over 1.5 GB or a copy within them,
 * whichever is faster. Not installed.
 *
 *   pmod-op-bench [--device cpu|cuda] [--act f32|bf16|f16] [--threads N]
 *                 [--level portable|avx2|avx512|avx512-bf16] [--clock wall|cpu] [--format
 * text|json] [OP-PREFIX ...]
 *
 * --clock cpu with --threads 1 counts the time that the process ran: for a machine that others
 * keep busy. On a device an op is enqueued many times between two looks at the clock, so that what
 * is measured is the device's time and not the host's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pmod-ops.h"

/* Each op runs until it has taken this long, and at least MIN_RUNS times; the median counts. */
#define RUN_SECONDS 0.4
#define MIN_RUNS 5
#define MAX_RUNS 4096

/* A device takes calls until they last this long; the host's part of a wait is far below. */
#define BATCH_SECONDS 2e-3
#define MAX_BATCH 1024

/* Weights of small products rotate through this much memory, as a model's do: else a cache would
 * answer. */
#define WEIGHT_BYTES ((size_t)512 << 20)
#define MAX_WEIGHTS 64

enum
{
  D = 4096,
  F = 11008,
  H = 32,
  DH = 128
};

typedef struct
{
  PmodBackend *backend;
  PmodDtype act;
  char **names; /* what to run; NULL: everything */
  int n_names;
  clockid_t clock;
  bool on_device;
  bool json;
  int n_reported;
  double peak_flops, peak_bytes; /* a second */
} Bench;

/* The arguments of one measured op. */
typedef struct
{
  PmodTensor t[8];
  PmodMatrix *w[MAX_WEIGHTS];
  int n_w;
  int64_t n;
  bool causal;
} Args;

typedef void (*Call) (PmodBackend *backend, Args *args, int run);

static double
now (clockid_t clock)
{
  struct timespec time;

  clock_gettime (clock, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

static void
fail_on_error (Bench *self)
{
  if (!pmod_backend_get_error (self->backend))
    return;
  fprintf (stderr, "pmod-op-bench: %s\n", pmod_backend_get_error (self->backend));
  exit (1);
}

/* Seconds of n calls, enqueued together. */
static double
time_batch (Bench *self, Call call, Args *args, int first, int n)
{
  double start = now (self->clock);

  for (int i = 0; i < n; i++)
    call (self->backend, args, first + i);
  pmod_backend_sync (self->backend);
  return now (self->clock) - start;
}

/* How many calls fill BATCH_SECONDS; the first, which may create things, is not counted. */
static int
find_batch (Bench *self, Call call, Args *args)
{
  int n = 1;

  time_batch (self, call, args, 0, 1);
  while (self->on_device && n < MAX_BATCH && time_batch (self, call, args, 0, n) < BATCH_SECONDS)
    n *= 2;
  return n;
}

/* The median of several runs, in seconds. */
static double
time_call (Bench *self, Call call, Args *args)
{
  static double seconds[MAX_RUNS];
  int batch = find_batch (self, call, args), n = 0;
  double begin = now (CLOCK_MONOTONIC);

  while (n < MAX_RUNS && (n < MIN_RUNS || now (CLOCK_MONOTONIC) - begin < RUN_SECONDS))
    {
      seconds[n] = time_batch (self, call, args, n * batch, batch) / batch;
      n++;
    }
  fail_on_error (self);
  qsort (seconds, (size_t)n, sizeof *seconds, compare_doubles);
  return seconds[n / 2];
}

static bool
wanted (const Bench *self, const char *name)
{
  for (int i = 0; i < self->n_names; i++)
    if (strncmp (name, self->names[i], strlen (self->names[i])) == 0)
      return true;
  return self->n_names == 0;
}

static void
report_text (const Bench *self, const char *name, double flops, double bytes, double seconds)
{
  printf ("%-36s %9.3f ms", name, seconds * 1e3);
  printf ("  %7.1f GFLOP/s %5.1f %%", flops / seconds * 1e-9,
          100 * flops / seconds / self->peak_flops);
  printf ("  %6.1f GB/s %5.1f %%\n", bytes / seconds * 1e-9,
          100 * bytes / seconds / self->peak_bytes);
}

/* One member of the array "ops"; the names hold nothing that JSON escapes. */
static void
report_json (const Bench *self, const char *name, double flops, double bytes, double seconds)
{
  printf ("%s\n    { \"name\": \"%s\", \"ms\": %.9g, \"flops\": %.9g, \"bytes\": %.9g",
          self->n_reported ? "," : "", name, seconds * 1e3, flops, bytes);
  printf (", \"flops_ratio\": %.6g, \"bytes_ratio\": %.6g }", flops / seconds / self->peak_flops,
          bytes / seconds / self->peak_bytes);
}

static void
report (Bench *self, const char *name, double flops, double bytes, Call call, Args *args)
{
  double seconds = time_call (self, call, args);

  (self->json ? report_json : report_text) (self, name, flops, bytes, seconds);
  self->n_reported++;
  fflush (stdout);
}

/* --- Arguments ---------------------------------------------------------------------------- */

/* A number of each dtype, no two neighbours alike. */
static void
fill (void *data, PmodDtype dtype, int64_t n, int64_t n_rows)
{
  for (int64_t i = 0; i < n; i++)
    {
      float value = (float)(i * 7919 % 2048 - 1024) / 1024;

      if (dtype == PMOD_DTYPE_F32)
        ((float *)data)[i] = value;
      else if (dtype == PMOD_DTYPE_BF16)
        memcpy (&((uint16_t *)data)[i], (char *)&value + 2, 2);
      else if (dtype == PMOD_DTYPE_F16)
        ((uint16_t *)data)[i] = pmod_narrow_f16 (value);
      else
        ((int32_t *)data)[i] = (int32_t)(i % n_rows);
    }
}

/* A tensor of small numbers. */
static PmodTensor
make (Bench *self, PmodDtype dtype, int64_t n0, int64_t n1, int64_t n2)
{
  PmodTensor tensor = pmod_tensor_3d (NULL, dtype, n0, n1, n2);
  size_t n_bytes = pmod_tensor_bytes (&tensor);
  void *host = malloc (n_bytes);

  tensor.data = pmod_alloc (self->backend, n_bytes);
  fail_on_error (self);
  if (!host)
    {
      fprintf (stderr, "pmod-op-bench: no memory\n");
      exit (1);
    }
  fill (host, dtype, pmod_tensor_n_elements (&tensor), n0);
  pmod_upload (self->backend, tensor.data, host, n_bytes);
  pmod_backend_sync (self->backend);
  free (host);
  if (n2 == 1)
    tensor.n_dims = n1 == 1 ? 1 : 2;
  return tensor;
}

static void
drop (Bench *self, Args *args)
{
  for (int i = 0; i < 8; i++)
    pmod_free (self->backend, args->t[i].data);
  for (int i = 0; i < args->n_w; i++)
    pmod_matrix_free (self->backend, args->w[i]);
}

/* --- Ops ---------------------------------------------------------------------------------- */

static void
call_linear (PmodBackend *backend, Args *args, int run)
{
  pmod_linear (backend, &args->t[0], &args->t[1], args->w[run % args->n_w], NULL,
               (PmodEpilogue)args->n);
}

static void
bench_linear (Bench *self, int64_t n_tokens, int64_t n_in, int64_t n_out, PmodEpilogue epilogue)
{
  bool f32 = self->act == PMOD_DTYPE_F32 || epilogue == PMOD_EPILOGUE_ADD;
  Args args = { .n = (int64_t)epilogue };
  double weights = (double)n_in * (double)n_out;
  char name[64];

  snprintf (name, sizeof name, "linear T %d, %dx%d%s", (int)n_tokens, (int)n_in, (int)n_out,
            epilogue == PMOD_EPILOGUE_ADD          ? " add"
            : epilogue == PMOD_EPILOGUE_GELU       ? " gelu"
            : epilogue == PMOD_EPILOGUE_QUICK_GELU ? " quick_gelu"
                                                   : "");
  if (!wanted (self, name))
    return;
  args.t[0] = make (self, f32 ? PMOD_DTYPE_F32 : self->act, n_tokens, n_out, 1);
  args.t[1] = make (self, self->act, n_tokens, n_in, 1);
  args.t[0].n_dims = args.t[1].n_dims = 2;
  do
    args.w[args.n_w++] = pmod_matrix_new_random (self->backend, n_out, n_in, self->act, 0);
  while (n_tokens < 16 && args.n_w < MAX_WEIGHTS &&
         pmod_matrix_bytes (args.w[0]) * (size_t)args.n_w < WEIGHT_BYTES);
  report (self, name, 2 * (double)n_tokens * weights, weights * (double)pmod_dtype_size (self->act),
          call_linear, &args);
  drop (self, &args);
}

static void
call_attention (PmodBackend *backend, Args *args, int run)
{
  pmod_attention (backend, &args->t[0], &args->t[1], &args->t[2], &args->t[3], args->n,
                  args->causal, 0.1f);
}

static void
bench_attention (
    Bench *self, int64_t n_tokens, int64_t n_heads, int64_t width, int64_t kv_len, bool causal)
{
  Args args = { .n = kv_len, .causal = causal };
  double pairs = (double)n_tokens * (double)kv_len;
  char name[64];

  snprintf (name, sizeof name, "attention T %d, kv %d%s, %dx%d", (int)n_tokens, (int)kv_len,
            causal ? " causal" : "", (int)n_heads, (int)width);
  if (!wanted (self, name))
    return;
  if (causal)
    pairs -= (double)n_tokens * (double)(n_tokens - 1) / 2;
  args.t[0] = make (self, self->act, n_tokens, n_heads * width, 1);
  args.t[1] = make (self, self->act, n_tokens, n_heads, width);
  args.t[2] = make (self, self->act, n_heads, kv_len, width);
  args.t[3] = make (self, self->act, n_heads, kv_len, width);
  args.t[0].n_dims = 2;
  report (self, name, 4 * pairs * (double)(n_heads * width),
          2 * (double)(kv_len * n_heads * width) * (double)pmod_dtype_size (self->act),
          call_attention, &args);
  drop (self, &args);
}

static void
call_received (PmodBackend *backend, Args *args, int run)
{
  pmod_attention_received (backend, &args->t[0], &args->t[1], &args->t[2], &args->t[3], NULL,
                           args->n, true, 0.1f);
}

/* Of the last n_tokens queries to all keys. */
static void
bench_received (Bench *self, int64_t n_tokens, int64_t n_heads, int64_t width, int64_t kv_len)
{
  Args args = { .n = kv_len };
  double pairs = (double)n_tokens * (double)kv_len;
  char name[64];
  int32_t *targets;

  snprintf (name, sizeof name, "received T %d, kv %d, %dx%d", (int)n_tokens, (int)kv_len,
            (int)n_heads, (int)width);
  if (!wanted (self, name))
    return;
  pairs -= (double)n_tokens * (double)(n_tokens - 1) / 2;
  targets = malloc ((size_t)kv_len * sizeof *targets);
  for (int64_t i = 0; targets && i < kv_len; i++)
    targets[i] = (int32_t)i;
  args.t[0] = make (self, PMOD_DTYPE_F32, kv_len, 1, 1);
  args.t[1] = make (self, self->act, n_tokens, n_heads, width);
  args.t[2] = make (self, self->act, n_heads, kv_len, width);
  args.t[3] = make (self, PMOD_DTYPE_I32, kv_len, 1, 1);
  args.t[0].n_dims = args.t[3].n_dims = 1;
  if (targets)
    pmod_upload (self->backend, args.t[3].data, targets, (size_t)kv_len * sizeof *targets);
  free (targets);
  report (self, name, 2 * pairs * (double)(n_heads * width),
          (double)(kv_len * n_heads * width) * (double)pmod_dtype_size (self->act), call_received,
          &args);
  drop (self, &args);
}

static void
call_rmsnorm (PmodBackend *backend, Args *args, int run)
{
  pmod_rmsnorm (backend, &args->t[0], &args->t[1], &args->t[2], 1e-5f);
}

static void
call_layernorm (PmodBackend *backend, Args *args, int run)
{
  pmod_layernorm (backend, &args->t[0], &args->t[1], &args->t[2], &args->t[2], 1e-5f);
}

static void
bench_norm (Bench *self, const char *op, Call call, int64_t n_tokens, int64_t n)
{
  Args args = { 0 };
  double elements = (double)(n_tokens * n);
  char name[64];

  snprintf (name, sizeof name, "%s T %d, %d", op, (int)n_tokens, (int)n);
  if (!wanted (self, name))
    return;
  args.t[0] = make (self, self->act, n_tokens, n, 1);
  args.t[1] = make (self, PMOD_DTYPE_F32, n_tokens, n, 1);
  args.t[2] = make (self, PMOD_DTYPE_F32, n, 1, 1);
  report (self, name, 4 * elements, elements * (4 + (double)pmod_dtype_size (self->act)), call,
          &args);
  drop (self, &args);
}

static void
call_swiglu (PmodBackend *backend, Args *args, int run)
{
  pmod_swiglu (backend, &args->t[0], &args->t[1]);
}

static void
bench_swiglu (Bench *self, int64_t n_tokens)
{
  Args args = { 0 };
  double elements = (double)n_tokens * F;
  char name[64];

  snprintf (name, sizeof name, "swiglu T %d, %d", (int)n_tokens, F);
  if (!wanted (self, name))
    return;
  args.t[0] = make (self, self->act, n_tokens, F, 1);
  args.t[1] = make (self, self->act, n_tokens, 2 * F, 1);
  report (self, name, 5 * elements, 3 * elements * (double)pmod_dtype_size (self->act), call_swiglu,
          &args);
  drop (self, &args);
}

static void
call_split (PmodBackend *backend, Args *args, int run)
{
  pmod_split_qkv (backend, &args->t[0], &args->t[1], &args->t[2], &args->t[3], &args->t[4],
                  &args->t[5], 0, 0);
}

static void
bench_split (Bench *self, int64_t n_tokens)
{
  Args args = { 0 };
  double elements = 3 * (double)n_tokens * D;
  char name[64];

  snprintf (name, sizeof name, "split_qkv T %d, %dx%d", (int)n_tokens, H, DH);
  if (!wanted (self, name))
    return;
  args.t[0] = make (self, self->act, n_tokens, H, DH);
  args.t[1] = make (self, self->act, H, 4096, DH);
  args.t[2] = make (self, self->act, H, 4096, DH);
  args.t[3] = make (self, PMOD_DTYPE_F32, n_tokens, 3 * D, 1);
  args.t[4] = make (self, PMOD_DTYPE_F32, 4096, DH, 1);
  args.t[5] = make (self, PMOD_DTYPE_I32, n_tokens, 1, 1);
  report (self, name, 2 * elements, elements * (4 + (double)pmod_dtype_size (self->act)),
          call_split, &args);
  drop (self, &args);
}

static void
call_logits (PmodBackend *backend, Args *args, int run)
{
  pmod_router_logits (backend, &args->t[0], &args->t[1], &args->t[2], NULL, &args->t[3]);
}

static void
call_scatter (PmodBackend *backend, Args *args, int run)
{
  pmod_reweight_scatter (backend, &args->t[1], &args->t[4], &args->t[5], &args->t[3], &args->t[0]);
}

static void
call_gather (PmodBackend *backend, Args *args, int run)
{
  pmod_gather_rows (backend, &args->t[4], &args->t[1], &args->t[3]);
}

static void
call_top_k (PmodBackend *backend, Args *args, int run)
{
  pmod_top_k (backend, &args->t[6], &args->t[0], &args->t[0], args->n / 2);
}

static void
bench_route (Bench *self, int64_t n_tokens)
{
  Args args = { .n = n_tokens };
  double elements = (double)n_tokens * D;
  static const struct
  {
    const char *name;
    double flops, bytes; /* of one element */
    Call call;
  } ops[] = {
    { "router_logits", 2, 4, call_logits },
    { "reweight_scatter", 2, 12, call_scatter },
    { "gather_rows", 0, 8, call_gather },
    { "top_k", 0, 8.0 / D, call_top_k },
  };

  args.t[0] = make (self, PMOD_DTYPE_F32, n_tokens, 1, 1);
  args.t[1] = make (self, PMOD_DTYPE_F32, n_tokens, D, 1);
  args.t[2] = make (self, PMOD_DTYPE_F32, D, 1, 1);
  args.t[3] = make (self, PMOD_DTYPE_I32, n_tokens, 1, 1);
  args.t[4] = make (self, PMOD_DTYPE_F32, n_tokens, D, 1);
  args.t[5] = make (self, PMOD_DTYPE_F32, n_tokens, D, 1);
  args.t[6] = make (self, PMOD_DTYPE_F32, n_tokens, 1, 1);
  args.t[6].dtype = PMOD_DTYPE_U8;
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
    {
      char name[64];

      snprintf (name, sizeof name, "%s T %d, %d", ops[i].name, (int)n_tokens, D);
      if (wanted (self, name))
        report (self, name, ops[i].flops * elements, ops[i].bytes * elements, ops[i].call, &args);
    }
  drop (self, &args);
}

/* --- Peaks and the program ---------------------------------------------------------------- */

static void
call_checksum (PmodBackend *backend, Args *args, int run)
{
  pmod_checksum (backend, args->t[0].data, pmod_tensor_bytes (&args->t[0]));
}

/* Half of the memory to the other half. */
static void
call_copy (PmodBackend *backend, Args *args, int run)
{
  size_t half = pmod_tensor_bytes (&args->t[0]) / 2;

  pmod_copy (backend, (char *)args->t[0].data + half, args->t[0].data, half);
}

static void
measure_peaks (Bench *self)
{
  Args args = { .n = PMOD_EPILOGUE_NONE, .n_w = 1 };
  const int64_t n = self->on_device ? 8192 : 4096;
  double seconds;

  args.t[0] = make (self, PMOD_DTYPE_F32, n, n, 1);
  args.t[1] = make (self, self->act, n, n, 1);
  args.w[0] = pmod_matrix_new_random (self->backend, n, n, self->act, 0);
  seconds = time_call (self, call_linear, &args);
  self->peak_flops = 2 * (double)n * (double)n * (double)n / seconds;
  drop (self, &args);

  args = (Args){ 0 };
  args.t[0] = make (self, PMOD_DTYPE_F32, 375000000, 1, 1);
  seconds = fmin (time_call (self, call_checksum, &args), time_call (self, call_copy, &args));
  self->peak_bytes = (double)pmod_tensor_bytes (&args.t[0]) / seconds;
  drop (self, &args);
  if (self->json)
    printf ("  \"peaks\": { \"flops_per_s\": %.9g, \"bytes_per_s\": %.9g },\n  \"ops\": [",
            self->peak_flops, self->peak_bytes);
  else
    printf ("peaks: %.1f GFLOP/s (%d^3), %.1f GB/s (1.5 GB)\n", self->peak_flops * 1e-9, (int)n,
            self->peak_bytes * 1e-9);
}

static void
run_all (Bench *self)
{
  static const int64_t tokens[] = { 634, 634 * 54 / 100, 144, 4, 1 };
  static const int64_t shapes[][2] = { { D, 3 * D }, { D, D }, { D, 2 * F }, { F, D } };

  for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
    for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++)
      bench_linear (self, tokens[i], shapes[j][0], shapes[j][1],
                    j % 2 ? PMOD_EPILOGUE_ADD : PMOD_EPILOGUE_NONE);
  for (size_t j = 0; self->on_device && j < sizeof shapes / sizeof *shapes; j++)
    bench_linear (self, 2986, shapes[j][0], shapes[j][1],
                  j % 2 ? PMOD_EPILOGUE_ADD : PMOD_EPILOGUE_NONE);
  bench_linear (self, 1, D, 32000, PMOD_EPILOGUE_NONE);
  bench_linear (self, 577, 1024, 4096, PMOD_EPILOGUE_QUICK_GELU);
  bench_linear (self, 577, 4096, 1024, PMOD_EPILOGUE_ADD);
  bench_linear (self, 576, 1024, 4096, PMOD_EPILOGUE_GELU);
  bench_attention (self, 634, H, DH, 634, true);
  bench_attention (self, 2986, H, DH, 2986, true);
  bench_attention (self, 144, H, DH, 144, true);
  bench_attention (self, 577, 16, 64, 577, false);
  bench_attention (self, 1, H, DH, 634, true);
  bench_attention (self, 1, H, DH, 3000, true);
  bench_received (self, 576, H, DH, 576);
  bench_received (self, 2928, H, DH, 2928);
  bench_received (self, 1, H, DH, 2986);
  bench_norm (self, "rmsnorm", call_rmsnorm, 634, D);
  bench_norm (self, "rmsnorm", call_rmsnorm, 1, D);
  bench_norm (self, "layernorm", call_layernorm, 577, 1024);
  bench_swiglu (self, 634);
  bench_swiglu (self, 1);
  bench_split (self, 634);
  bench_split (self, 1);
  bench_route (self, 576);
  if (self->on_device)
    bench_route (self, 2928);
}

static PmodCpuLevel
parse_level (const char *name)
{
  static const char *const names[] = { "portable", "avx2", "avx512", "avx512-bf16" };

  for (int i = 0; i < 4; i++)
    if (strcmp (name, names[i]) == 0)
      return (PmodCpuLevel)i;
  fprintf (stderr, "pmod-op-bench: no level '%s'\n", name);
  exit (2);
}

/* Reads the options, leaves the names of ops; opens the backend. */
static void
set_up (Bench *self, int argc, char **argv)
{
  PmodCpuLevel level = PMOD_CPU_BEST;
  char reason[256] = "no memory";
  int n_threads = 0, i = 1;

  for (; i + 1 < argc && strncmp (argv[i], "--", 2) == 0; i += 2)
    if (strcmp (argv[i], "--act") == 0)
      self->act = strcmp (argv[i + 1], "f32") == 0   ? PMOD_DTYPE_F32
                  : strcmp (argv[i + 1], "f16") == 0 ? PMOD_DTYPE_F16
                                                     : PMOD_DTYPE_BF16;
    else if (strcmp (argv[i], "--device") == 0)
      self->on_device = strcmp (argv[i + 1], "cuda") == 0;
    else if (strcmp (argv[i], "--format") == 0)
      self->json = strcmp (argv[i + 1], "json") == 0;
    else if (strcmp (argv[i], "--level") == 0)
      level = parse_level (argv[i + 1]);
    else if (strcmp (argv[i], "--threads") == 0)
      n_threads = atoi (argv[i + 1]);
    else if (strcmp (argv[i], "--clock") == 0)
      self->clock = strcmp (argv[i + 1], "cpu") == 0 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
    else
      {
        fprintf (stderr, "pmod-op-bench: unknown option %s\n", argv[i]);
        exit (2);
      }
  self->names = argv + i;
  self->n_names = argc - i;
  self->backend = self->on_device ? pmod_backend_new_cuda (0, reason, sizeof reason)
                                  : pmod_backend_new_cpu (n_threads, level);
  if (self->backend)
    return;
  fprintf (stderr, "pmod-op-bench: %s\n", reason);
  exit (1);
}

int
main (int argc, char **argv)
{
  Bench self = { .act = PMOD_DTYPE_BF16, .clock = CLOCK_MONOTONIC };
  PmodBackendInfo info;

  set_up (&self, argc, argv);
  pmod_backend_get_info (self.backend, &info);
  printf (self.json ? "{\n  \"device\": \"%s\",\n  \"act\": \"%s\",\n" : "%s, %s\n", info.name,
          pmod_dtype_name (self.act));
  measure_peaks (&self);
  run_all (&self);
  if (self.json)
    printf ("\n  ]\n}\n");
  pmod_backend_free (self.backend);
  return 0;
}
