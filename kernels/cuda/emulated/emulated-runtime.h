/* CUDA's runtime as far as device.cu and order.cu call it, for a device that is not there.
 *
 * Names and numbers are CUDA's. What the device does and what it refuses is set by
 * emulated-device.h. */
#pragma once

#include <stddef.h>

enum cudaError_t
{
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorInvalidDeviceFunction = 98,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorLaunchOutOfResources = 701,
  cudaErrorLaunchFailure = 719,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorGraphExecUpdateFailure = 910,
};

enum cudaMemcpyKind
{
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3,
};

enum
{
  cudaStreamNonBlocking = 1,
  cudaEventDisableTiming = 2,
};

struct cudaDeviceProp
{
  char name[256];
  int major, minor;
  int multiProcessorCount;
};

struct cudaFuncAttributes
{
  int ptxVersion;
};

typedef struct PmodEmulatedStream *cudaStream_t;
typedef struct PmodEmulatedEvent *cudaEvent_t;

const char *cudaGetErrorString (cudaError_t error);
cudaError_t cudaGetLastError (void);

cudaError_t cudaGetDeviceCount (int *n_devices);
cudaError_t cudaGetDeviceProperties (cudaDeviceProp *properties, int device);
cudaError_t cudaSetDevice (int device);
cudaError_t cudaGetDevice (int *device);

cudaError_t cudaFuncGetAttributes (cudaFuncAttributes *attributes, const void *kernel);
cudaError_t cudaDeviceGetStreamPriorityRange (int *least, int *greatest);
cudaError_t cudaStreamCreateWithPriority (cudaStream_t *stream, unsigned flags, int priority);
cudaError_t cudaStreamSynchronize (cudaStream_t stream);
cudaError_t cudaStreamDestroy (cudaStream_t stream);

cudaError_t cudaEventCreate (cudaEvent_t *event);
cudaError_t cudaEventCreateWithFlags (cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventRecord (cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize (cudaEvent_t event);
cudaError_t cudaEventDestroy (cudaEvent_t event);
cudaError_t cudaEventElapsedTime (float *ms, cudaEvent_t from, cudaEvent_t to);

typedef struct PmodEmulatedGraph *cudaGraph_t;
typedef struct PmodEmulatedGraph *cudaGraphExec_t;

enum cudaStreamCaptureMode
{
  cudaStreamCaptureModeThreadLocal = 1,
};

struct cudaGraphExecUpdateResultInfo
{
  int unused;
};

cudaError_t cudaStreamBeginCapture (cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture (cudaStream_t stream, cudaGraph_t *graph);
cudaError_t
cudaGraphInstantiate (cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags);
cudaError_t
cudaGraphExecUpdate (cudaGraphExec_t exec, cudaGraph_t graph, cudaGraphExecUpdateResultInfo *info);
cudaError_t cudaGraphLaunch (cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphExecDestroy (cudaGraphExec_t exec);
cudaError_t cudaGraphDestroy (cudaGraph_t graph);

cudaError_t cudaMalloc (void **data, size_t n_bytes);
cudaError_t cudaFree (void *data);
cudaError_t cudaMallocHost (void **data, size_t n_bytes);
cudaError_t cudaFreeHost (void *data);
cudaError_t cudaMemGetInfo (size_t *free_bytes, size_t *total_bytes);
cudaError_t cudaMemcpyAsync (
    void *dst, const void *src, size_t n_bytes, cudaMemcpyKind kind, cudaStream_t stream);
