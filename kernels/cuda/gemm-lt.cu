/* Products by cuBLASLt, which is opened where it is installed: a machine without it multiplies by
 * gemm-plain.cu. One algorithm for each shape is asked for once and kept. */
#include "cuda-private.h"

#include <cublasLt.h>
#include <dlfcn.h>
#include <stdlib.h>

/* What cuBLASLt may use besides; Hopper's best kernels want this much. */
#define LT_WORKSPACE ((size_t)32 << 20)

/* A prefill has a dozen shapes, and each routed layer rows of its own. */
#define MAX_PLANS 256

typedef struct
{
  int64_t m, n, k;
  PmodDtype act, y_dtype;
  uint32_t alignment; /* of all pointers, in bytes */
  cublasLtMatmulDesc_t operation;
  cublasLtMatrixLayout_t a, b, c;
  cublasLtMatmulAlgo_t algorithm;
  bool usable;
} Plan;

/* Of the library, by its own types. */
typedef struct
{
  decltype (&cublasLtCreate) create;
  decltype (&cublasLtDestroy) destroy;
  decltype (&cublasLtMatmul) matmul;
  decltype (&cublasLtMatmulDescCreate) operation_create;
  decltype (&cublasLtMatmulDescDestroy) operation_destroy;
  decltype (&cublasLtMatmulDescSetAttribute) operation_set;
  decltype (&cublasLtMatrixLayoutCreate) layout_create;
  decltype (&cublasLtMatrixLayoutDestroy) layout_destroy;
  decltype (&cublasLtMatmulPreferenceCreate) preference_create;
  decltype (&cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype (&cublasLtMatmulPreferenceSetAttribute) preference_set;
  decltype (&cublasLtMatmulAlgoGetHeuristic) choose;
} Library;

struct PmodCudaLt
{
  void *file; /* NULL: there is no library */
  Library library;
  cublasLtHandle_t handle;
  void *workspace;
  Plan plans[MAX_PLANS];
  int n_plans;
};

/* --- Opening -------------------------------------------------------------------------------- */

static bool
find_all (void *file, Library *library)
{
  bool ok = true;

#define FIND(name, symbol)                                                                         \
  ok = ok && (library->name = (decltype (library->name))dlsym (file, #symbol)) != NULL
  FIND (create, cublasLtCreate);
  FIND (destroy, cublasLtDestroy);
  FIND (matmul, cublasLtMatmul);
  FIND (operation_create, cublasLtMatmulDescCreate);
  FIND (operation_destroy, cublasLtMatmulDescDestroy);
  FIND (operation_set, cublasLtMatmulDescSetAttribute);
  FIND (layout_create, cublasLtMatrixLayoutCreate);
  FIND (layout_destroy, cublasLtMatrixLayoutDestroy);
  FIND (preference_create, cublasLtMatmulPreferenceCreate);
  FIND (preference_destroy, cublasLtMatmulPreferenceDestroy);
  FIND (preference_set, cublasLtMatmulPreferenceSetAttribute);
  FIND (choose, cublasLtMatmulAlgoGetHeuristic);
#undef FIND
  return ok;
}

/* The newest that works: one may be there that is too new for the driver. It stays for the next
 * backend: hundreds of MB are slow to load, and there may be one for each question what the device
 * is. */
static void *
open_library (Library *library, cublasLtHandle_t *handle)
{
  static const char *const names[] = { "libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so" };

  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    {
      void *file = dlopen (names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

      if (file && find_all (file, library) && library->create (handle) == CUBLAS_STATUS_SUCCESS)
        return file;
      if (file)
        dlclose (file);
    }
  return NULL;
}

static struct PmodCudaLt *
open_lt (PmodCudaBackend *self)
{
  struct PmodCudaLt *lt = (struct PmodCudaLt *)calloc (1, sizeof *lt);

  if (!lt)
    return NULL;
  lt->file = open_library (&lt->library, &lt->handle);
  /* It also works without, more slowly. */
  if (lt->file && cudaMalloc (&lt->workspace, LT_WORKSPACE) != cudaSuccess)
    {
      lt->workspace = NULL;
      cudaGetLastError ();
    }
  return lt;
}

static void
free_plan (struct PmodCudaLt *lt, Plan *plan)
{
  if (plan->operation)
    lt->library.operation_destroy (plan->operation);
  if (plan->a)
    lt->library.layout_destroy (plan->a);
  if (plan->b)
    lt->library.layout_destroy (plan->b);
  if (plan->c)
    lt->library.layout_destroy (plan->c);
}

void
pmod_cuda_lt_free (PmodCudaBackend *self)
{
  struct PmodCudaLt *lt = self->lt;

  if (!lt)
    return;
  pmod_cuda_wait (self);
  for (int i = 0; i < lt->n_plans; i++)
    free_plan (lt, &lt->plans[i]);
  if (lt->file)
    {
      lt->library.destroy (lt->handle);
      dlclose (lt->file);
    }
  pmod_cuda_free (self, lt->workspace);
  free (lt);
  self->lt = NULL;
}

/* --- Plans ---------------------------------------------------------------------------------- */

static cudaDataType_t
type_of (PmodDtype dtype)
{
  if (dtype == PMOD_DTYPE_F32)
    return CUDA_R_32F;
  return dtype == PMOD_DTYPE_F16 ? CUDA_R_16F : CUDA_R_16BF;
}

/* Without being told, cuBLAS takes every pointer for one of cudaMalloc(), which aligns to 256; rows
 * from some row on are less. */
static uint32_t
alignment_of (const PmodCudaProduct *p)
{
  uintptr_t bits = (uintptr_t)p->x | (uintptr_t)p->w | (uintptr_t)p->y | 256;

  return (uint32_t)(bits & (~bits + 1));
}

static bool
set_alignment (const Library *library, cublasLtMatmulPreference_t preference, uint32_t alignment)
{
  static const cublasLtMatmulPreferenceAttributes_t attributes[] = {
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
  };

  for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
    if (library->preference_set (preference, attributes[i], &alignment, sizeof alignment) !=
        CUBLAS_STATUS_SUCCESS)
      return false;
  return true;
}

/* A product whose K is divided is summed in F32 in the workspace, never in the type of y. */
static bool
set_reduction (const Library *library, cublasLtMatmulPreference_t preference)
{
  uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

  return library->preference_set (preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &schemes,
                                  sizeof schemes) == CUBLAS_STATUS_SUCCESS;
}

static bool
choose (struct PmodCudaLt *lt, Plan *plan)
{
  const Library *library = &lt->library;
  cublasLtMatmulPreference_t preference;
  cublasLtMatmulHeuristicResult_t result;
  size_t workspace = lt->workspace ? LT_WORKSPACE : 0;
  int n_found = 0;
  bool ok;

  if (library->preference_create (&preference) != CUBLAS_STATUS_SUCCESS)
    return false;
  ok = library->preference_set (preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
                                sizeof workspace) == CUBLAS_STATUS_SUCCESS &&
       set_alignment (library, preference, plan->alignment) &&
       set_reduction (library, preference) &&
       library->choose (lt->handle, plan->operation, plan->a, plan->b, plan->c, plan->c, preference,
                        1, &result, &n_found) == CUBLAS_STATUS_SUCCESS &&
       n_found > 0;
  if (ok)
    plan->algorithm = result.algo;
  library->preference_destroy (preference);
  return ok;
}

/* cuBLAS counts by columns: y^T [N,M] = w [K,N]^T . x^T [K,M], each as it lies here. */
static bool
fill_plan (struct PmodCudaLt *lt, Plan *plan)
{
  const Library *library = &lt->library;
  cudaDataType_t act = type_of (plan->act), out = type_of (plan->y_dtype);
  cublasOperation_t turned = CUBLAS_OP_T;

  return library->operation_create (&plan->operation, CUBLAS_COMPUTE_32F, CUDA_R_32F) ==
             CUBLAS_STATUS_SUCCESS &&
         library->operation_set (plan->operation, CUBLASLT_MATMUL_DESC_TRANSA, &turned,
                                 sizeof turned) == CUBLAS_STATUS_SUCCESS &&
         library->layout_create (&plan->a, act, (uint64_t)plan->k, (uint64_t)plan->n, plan->k) ==
             CUBLAS_STATUS_SUCCESS &&
         library->layout_create (&plan->b, act, (uint64_t)plan->k, (uint64_t)plan->m, plan->k) ==
             CUBLAS_STATUS_SUCCESS &&
         library->layout_create (&plan->c, out, (uint64_t)plan->n, (uint64_t)plan->m, plan->n) ==
             CUBLAS_STATUS_SUCCESS &&
         choose (lt, plan);
}

/* The oldest of a full table gives way. */
static Plan *
find_plan (struct PmodCudaLt *lt, const PmodCudaProduct *p)
{
  uint32_t alignment = alignment_of (p);
  Plan *plan;

  for (int i = 0; i < lt->n_plans; i++)
    {
      plan = &lt->plans[i];
      if (plan->m == p->m && plan->n == p->n && plan->k == p->k && plan->act == p->act &&
          plan->y_dtype == p->y_dtype && plan->alignment == alignment)
        return plan;
    }
  if (lt->n_plans == MAX_PLANS)
    {
      free_plan (lt, &lt->plans[0]);
      memmove (lt->plans, lt->plans + 1, (MAX_PLANS - 1) * sizeof *plan);
      lt->n_plans--;
    }
  plan = &lt->plans[lt->n_plans++];
  *plan = Plan ();
  plan->m = p->m, plan->n = p->n, plan->k = p->k;
  plan->act = p->act, plan->y_dtype = p->y_dtype;
  plan->alignment = alignment;
  plan->usable = fill_plan (lt, plan);
  return plan;
}

bool
pmod_cuda_lt_is_there (PmodCudaBackend *self)
{
  if (!self->lt)
    self->lt = open_lt (self);
  return self->lt && self->lt->file;
}

bool
pmod_cuda_lt_multiply (PmodCudaBackend *self, const PmodCudaProduct *product)
{
  struct PmodCudaLt *lt = pmod_cuda_lt_is_there (self) ? self->lt : NULL;
  const float one = 1;
  const Plan *plan;

  /* What cuBLAS has kernels for: both of one dtype, or F32 from BF16 or F16. */
  if (!lt || (product->act == PMOD_DTYPE_F32 && product->y_dtype != PMOD_DTYPE_F32))
    return false;
  plan = find_plan (lt, product);
  if (!plan->usable)
    return false;
  return lt->library.matmul (lt->handle, plan->operation, &one, product->w, plan->a, product->x,
                             plan->b, &product->beta, product->y, plan->c, product->y, plan->c,
                             &plan->algorithm, lt->workspace, lt->workspace ? LT_WORKSPACE : 0,
                             self->stream) == CUBLAS_STATUS_SUCCESS;
}
