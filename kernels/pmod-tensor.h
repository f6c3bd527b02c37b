/* PmodTensor: a pointer into a backend's memory with its shape and element type.
 *
 * Always contiguous and row-major, the last dimension fastest. A tensor owns nothing: whoever
 * allocated the memory frees it. On the CPU backend data is an ordinary pointer; on a device
 * backend only that backend's ops may touch it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Around declarations that CUDA's C++ sources include too. */
#ifdef __cplusplus
#define PMOD_BEGIN_DECLS                                                                           \
  extern "C"                                                                                       \
  {
#define PMOD_END_DECLS }
#else
#define PMOD_BEGIN_DECLS
#define PMOD_END_DECLS
#endif

#define PMOD_TENSOR_MAX_DIMS 4

PMOD_BEGIN_DECLS

typedef enum
{
  PMOD_DTYPE_F32,
  PMOD_DTYPE_BF16,
  PMOD_DTYPE_F16,
  PMOD_DTYPE_I32,
  PMOD_DTYPE_I64,
  PMOD_DTYPE_U8,
} PmodDtype;

typedef struct
{
  void *data;
  PmodDtype dtype;
  int n_dims;
  int64_t shape[PMOD_TENSOR_MAX_DIMS];
} PmodTensor;

/* Bytes of one element. */
size_t pmod_dtype_size (PmodDtype dtype);

/* The name used in safetensors headers and in messages: "F32", "BF16", ... */
const char *pmod_dtype_name (PmodDtype dtype);

/* Number of elements; 1 for a tensor of no dimensions. */
int64_t pmod_tensor_n_elements (const PmodTensor *self);

/* Bytes of all elements. */
size_t pmod_tensor_bytes (const PmodTensor *self);

/* A tensor over data of one and of two and of three dimensions. */
PmodTensor pmod_tensor_1d (void *data, PmodDtype dtype, int64_t n0);
PmodTensor pmod_tensor_2d (void *data, PmodDtype dtype, int64_t n0, int64_t n1);
PmodTensor pmod_tensor_3d (void *data, PmodDtype dtype, int64_t n0, int64_t n1, int64_t n2);

/* The same memory, only entries first .. first + n - 1 of the first dimension. */
PmodTensor pmod_tensor_rows (const PmodTensor *self, int64_t first, int64_t n);

/* to[n] = from[n], which is F32, BF16 or F16 at any address, in F32: exact. from may lie where to
 * begins. Plain C on one thread: for what a host reads once. */
void pmod_widen (float *to, const void *from, PmodDtype dtype, int64_t n);

/* value in F16, to the nearest, to the even one of two that are as near; what is finite and too
 * large becomes the largest. */
uint16_t pmod_narrow_f16 (float value);

/* Formats "BF16 [4096,4096]" into text, at most n_bytes with the final zero; returns text. */
const char *pmod_tensor_describe (const PmodTensor *self, char *text, size_t n_bytes);

PMOD_END_DECLS
