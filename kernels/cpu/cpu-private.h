/* What the files of the CPU backend share.
 *
 * Files that include simd.h are compiled once for each instruction set, their functions named
 * with LEVEL(); the rest (backend.c, linear.c, onednn.c) are compiled once. Every op splits its
 * work into items that one thread computes whole and in a fixed order, so results depend neither
 * on the number of threads nor on which thread took which item. */
#pragma once

#include "../pmod-backend-private.h"

/* One packed panel holds this many outputs; see PmodCpuMatrix. */
#define PANEL 64

/* Rows of a panel, in units, are padded with zeros to a multiple of this. */
#define UNIT_BLOCK 16

/* Below this many bytes or FLOPs one thread does the work alone: some 40 us at 25 GB/s. Waking the
 * others takes 5 us on an idle machine, but a whole time slice, some 4 ms, where another program
 * has their core, and a small model would spend nearly all its time so: 232 ms a token, measured
 * on two cores of which one was busy, instead of 0.1. */
#define PARALLEL_MIN (1 << 20)

/* Weights in panels of 64 outputs: [N/64][K_units][64] units of 32 bits, a unit being one F32 or
 * two BF16 neighbours along K. That is oneDNN's BA16a64b and BA16a64b2a, which its fastest kernels
 * take as they are, and a panel is contiguous, so that a product of few rows reads memory in
 * order. Measured at 4096x4096, T 634, bf16, 2 cores: 434 GFLOP/s, against 354 to 399 from
 * row-major weights; at T 1: 1.0 ms against 1.1 to 2.8 ms. */
typedef struct _PmodCpuMatrix
{
  PmodMatrix base;
  int64_t n_units;  /* ceil (K / elements in a unit) */
  int64_t n_padded; /* rounded up to UNIT_BLOCK */
  int64_t n_panels; /* ceil (N / 64) */
  void *data;
  struct _PmodCpuMatrix *transposed; /* of a trainable matrix, else NULL */
} PmodCpuMatrix;

typedef struct _PmodCpuKernels PmodCpuKernels;
typedef struct _PmodOneDnn PmodOneDnn;

typedef struct
{
  PmodBackend base;
  const PmodCpuKernels *kernels;
  int n_threads;
  void *scratch; /* see pmod_cpu_scratch() */
  size_t scratch_bytes;
  void *workspace; /* see pmod_cpu_workspace() */
  size_t workspace_bytes;
  PmodOneDnn *onednn;         /* NULL where the level does without */
  double marks[PMOD_N_MARKS]; /* us of the monotonic clock */
} PmodCpuBackend;

/* What each level provides beside its ops. */
struct _PmodCpuKernels
{
  PmodOps ops;
  bool bf16_native; /* multiplies pairs of BF16 */
  bool onednn_bf16; /* oneDNN's fast kernels run at this level */
  bool onednn_f32;
  const char *name;

  /* One panel of w from the rows of parts. */
  void (*pack_panel) (const PmodCpuMatrix *w,
                      int64_t panel,
                      const PmodMatrixPart *parts,
                      int n_parts);
  /* The whole product by our own loops. */
  void (*product) (PmodCpuBackend *self,
                   PmodTensor *y,
                   const PmodTensor *x,
                   const PmodCpuMatrix *w,
                   const PmodTensor *bias,
                   PmodEpilogue epilogue);
};

extern const PmodCpuKernels pmod_cpu_kernels_portable;
#ifdef __x86_64__
extern const PmodCpuKernels pmod_cpu_kernels_avx2;
extern const PmodCpuKernels pmod_cpu_kernels_avx512;
extern const PmodCpuKernels pmod_cpu_kernels_avx512_bf16;
#endif

/* At least n_bytes for each thread, 64-byte aligned, kept until the backend is freed: grows at
 * the first ops of a size and never again. Thread i's part begins at i * (returned stride). NULL
 * and a sticky error when there is no room. */
char *pmod_cpu_scratch (PmodCpuBackend *self, size_t n_bytes, size_t *stride);

/* At least n_bytes for all threads together, for an op that calls others, which use the scratch:
 * 64-byte aligned and kept likewise. */
char *pmod_cpu_workspace (PmodCpuBackend *self, size_t n_bytes);

/* --- backend.c: the same at every level --------------------------------------------------- */

void pmod_cpu_free (PmodBackend *self);
void pmod_cpu_get_info (PmodBackend *self, PmodBackendInfo *info);
void pmod_cpu_sync (PmodBackend *self);
void pmod_cpu_mark (PmodBackend *self, int mark);
void pmod_cpu_wait_mark (PmodBackend *self, int mark);
double pmod_cpu_mark_us (PmodBackend *self, int from, int to);
void *pmod_cpu_alloc (PmodBackend *self, size_t n_bytes);
void pmod_cpu_release (PmodBackend *self, void *data);
void pmod_cpu_move (PmodBackend *self, void *dst, const void *src, size_t n_bytes);

/* --- linear.c ----------------------------------------------------------------------------- */

PmodMatrix *pmod_cpu_matrix_new (
    PmodBackend *self, const PmodMatrixPart *parts, int n_parts, int64_t n_in, PmodDtype act);
PmodMatrix *pmod_cpu_matrix_new_random (
    PmodBackend *self, int64_t n_out, int64_t n_in, PmodDtype act, uint64_t seed);
/* Sets the sizes of w; its data is the caller's, base.n_bytes of it. */
void pmod_cpu_matrix_shape (PmodCpuMatrix *w, int64_t n_out, int64_t n_in, PmodDtype act);
PmodCpuMatrix *
pmod_cpu_matrix_alloc (PmodBackend *self, int64_t n_out, int64_t n_in, PmodDtype act);
void pmod_cpu_matrix_free (PmodBackend *self, PmodMatrix *matrix);
void pmod_cpu_linear (PmodBackend *self,
                      PmodTensor *y,
                      const PmodTensor *x,
                      const PmodMatrix *w,
                      const PmodTensor *bias,
                      PmodEpilogue epilogue);

/* --- onednn.c ----------------------------------------------------------------------------- */

/* NULL where oneDNN cannot be set up. */
PmodOneDnn *pmod_onednn_new (int n_threads);
void pmod_onednn_free (PmodOneDnn *self);

/* False where oneDNN has no fast kernel for this product, and nothing was done. One that fails
 * while it runs fails backend: y may be half written, so that nobody else could add to it. */
bool pmod_onednn_linear (PmodOneDnn *self,
                         PmodBackend *backend,
                         PmodTensor *y,
                         const PmodTensor *x,
                         const PmodCpuMatrix *w,
                         const PmodTensor *bias,
                         PmodEpilogue epilogue);
