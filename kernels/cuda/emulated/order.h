/* Events and graphs of the emulation: an event is a time, a graph the launches that were kept. */
#pragma once

#include "emulate.h"

#include <time.h>

typedef enum
{
  cudaSuccess,
  cudaErrorInvalidValue = 1,
} cudaError_t;

static inline cudaError_t
cudaGetLastError (void)
{
  return cudaSuccess;
}

/* --- Events ------------------------------------------------------------------------------- */

typedef struct PmodEmulateEvent
{
  double ms;
} * cudaEvent_t;

static inline cudaError_t
cudaEventCreate (cudaEvent_t *event)
{
  *event = new PmodEmulateEvent ();
  return cudaSuccess;
}

static inline cudaError_t
cudaEventDestroy (cudaEvent_t event)
{
  delete event;
  return cudaSuccess;
}

static inline cudaError_t
cudaEventRecord (cudaEvent_t event, cudaStream_t)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  event->ms = (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
  return cudaSuccess;
}

static inline cudaError_t
cudaEventSynchronize (cudaEvent_t)
{
  return cudaSuccess;
}

static inline cudaError_t
cudaEventElapsedTime (float *ms, cudaEvent_t from, cudaEvent_t to)
{
  *ms = (float)(to->ms - from->ms);
  return cudaSuccess;
}

/* --- Graphs ------------------------------------------------------------------------------- */

typedef std::vector<PmodEmulateLaunch> *cudaGraph_t;
typedef std::vector<PmodEmulateLaunch> *cudaGraphExec_t;
typedef int cudaGraphExecUpdateResultInfo;

#define cudaStreamCaptureModeThreadLocal 1

static inline cudaError_t
cudaStreamBeginCapture (cudaStream_t, int)
{
  pmod_emulate_kept = new std::vector<PmodEmulateLaunch> ();
  return cudaSuccess;
}

static inline cudaError_t
cudaStreamEndCapture (cudaStream_t, cudaGraph_t *graph)
{
  *graph = pmod_emulate_kept;
  pmod_emulate_kept = nullptr;
  return cudaSuccess;
}

static inline cudaError_t
cudaGraphDestroy (cudaGraph_t graph)
{
  delete graph;
  return cudaSuccess;
}

static inline cudaError_t
cudaGraphInstantiate (cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
  *exec = new std::vector<PmodEmulateLaunch> (*graph);
  return cudaSuccess;
}

/* As a device does, only where the launches are as many. */
static inline cudaError_t
cudaGraphExecUpdate (cudaGraphExec_t exec, cudaGraph_t graph, cudaGraphExecUpdateResultInfo *)
{
  if (exec->size () != graph->size ())
    return cudaErrorInvalidValue;
  *exec = *graph;
  return cudaSuccess;
}

static inline cudaError_t
cudaGraphExecDestroy (cudaGraphExec_t exec)
{
  delete exec;
  return cudaSuccess;
}

static inline cudaError_t
cudaGraphLaunch (cudaGraphExec_t exec, cudaStream_t)
{
  for (const PmodEmulateLaunch &launch : *exec)
    pmod_emulate_launch (launch.grid, launch.block, launch.n_shared, launch.body);
  return cudaSuccess;
}
