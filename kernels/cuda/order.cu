/* The order of work: marks in the stream, ranges for a profiler, and graphs, which are what the
 * stream was given while it was captured. */
#include "cuda-private.h"

#include <stdlib.h>

#ifndef PMOD_CUDA_EMULATED
#include <nvtx3/nvToolsExt.h>
#endif

static PmodCudaBackend *
cast (PmodBackend *backend)
{
  return (PmodCudaBackend *)backend;
}

/* --- Marks ---------------------------------------------------------------------------------- */

/* Events are made when they are first set. */
struct PmodCudaMarks
{
  cudaEvent_t events[PMOD_N_MARKS];
};

void
pmod_cuda_mark (PmodBackend *backend, int mark)
{
  PmodCudaBackend *self = cast (backend);

  if (!self->marks)
    self->marks = (struct PmodCudaMarks *)calloc (1, sizeof *self->marks);
  if (!self->marks)
    pmod_backend_fail (backend, "no memory for marks");
  else if ((self->marks->events[mark] ||
            pmod_cuda_check (self, cudaEventCreate (&self->marks->events[mark]), "mark")))
    pmod_cuda_check (self, cudaEventRecord (self->marks->events[mark], self->stream), "mark");
}

void
pmod_cuda_wait_mark (PmodBackend *backend, int mark)
{
  PmodCudaBackend *self = cast (backend);

  if (self->marks && self->marks->events[mark])
    pmod_cuda_check (self, cudaEventSynchronize (self->marks->events[mark]), "the device");
}

double
pmod_cuda_mark_us (PmodBackend *backend, int from, int to)
{
  PmodCudaBackend *self = cast (backend);
  float ms = 0;

  if (self->marks && self->marks->events[from] && self->marks->events[to])
    pmod_cuda_check (self,
                     cudaEventElapsedTime (&ms, self->marks->events[from], self->marks->events[to]),
                     "time between marks");
  return (double)ms * 1e3;
}

void
pmod_cuda_marks_free (PmodCudaBackend *self)
{
  for (int i = 0; self->marks && i < PMOD_N_MARKS; i++)
    if (self->marks->events[i])
      cudaEventDestroy (self->marks->events[i]);
  free (self->marks);
  self->marks = NULL;
}

/* --- Ranges --------------------------------------------------------------------------------- */

void
pmod_cuda_range_begin (PmodBackend *backend, const char *name)
{
  (void)backend;
#ifdef PMOD_CUDA_EMULATED
  (void)name;
#else
  nvtxRangePushA (name);
#endif
}

void
pmod_cuda_range_end (PmodBackend *backend)
{
  (void)backend;
#ifndef PMOD_CUDA_EMULATED
  nvtxRangePop ();
#endif
}

/* --- Graphs --------------------------------------------------------------------------------- */

/* What a PmodGraph is here. */
struct PmodCudaGraph
{
  cudaGraphExec_t exec;
  unsigned workspace_age; /* of the workspace that its kernels use */
};

bool
pmod_cuda_graph_begin (PmodBackend *backend, const PmodTensor *step, int n_steps)
{
  PmodCudaBackend *self = cast (backend);

  if (cudaStreamBeginCapture (self->stream, cudaStreamCaptureModeThreadLocal) != cudaSuccess)
    {
      cudaGetLastError ();
      return false;
    }
  self->step = (const int32_t *)step->data;
  self->n_steps = n_steps;
  self->wanted_bytes = 0;
  return true;
}

/* Puts what was captured into graph, by changing what it holds where that is enough. */
static bool
take (PmodCudaGraph *graph, cudaGraph_t captured)
{
  cudaGraphExecUpdateResultInfo info;

  if (graph->exec && cudaGraphExecUpdate (graph->exec, captured, &info) == cudaSuccess)
    return true;
  cudaGetLastError ();
  if (graph->exec)
    cudaGraphExecDestroy (graph->exec);
  graph->exec = NULL;
  return cudaGraphInstantiate (&graph->exec, captured, 0) == cudaSuccess;
}

PmodGraph *
pmod_cuda_graph_end (PmodBackend *backend, PmodGraph *old)
{
  PmodCudaBackend *self = cast (backend);
  PmodCudaGraph *graph = (PmodCudaGraph *)old;
  cudaGraph_t captured = NULL;
  bool ok = cudaStreamEndCapture (self->stream, &captured) == cudaSuccess && captured;

  self->step = NULL;
  self->n_steps = 0;
  if (self->wanted_bytes > 0)
    {
      /* For the next time. */
      ok = false;
      pmod_cuda_workspace (self, self->wanted_bytes);
    }
  if (ok && !graph)
    graph = (PmodCudaGraph *)calloc (1, sizeof *graph);
  ok = ok && graph && take (graph, captured);
  if (captured)
    cudaGraphDestroy (captured);
  cudaGetLastError ();
  if (ok)
    graph->workspace_age = self->workspace_age;
  else if (graph)
    pmod_cuda_graph_free (backend, (PmodGraph *)graph);
  return ok ? (PmodGraph *)graph : NULL;
}

bool
pmod_cuda_graph_run (PmodBackend *backend, PmodGraph *graph)
{
  PmodCudaBackend *self = cast (backend);
  PmodCudaGraph *own = (PmodCudaGraph *)graph;

  if (own->workspace_age != self->workspace_age)
    return false;
  return pmod_cuda_check (self, cudaGraphLaunch (own->exec, self->stream), "graph");
}

void
pmod_cuda_graph_free (PmodBackend *backend, PmodGraph *graph)
{
  PmodCudaGraph *own = (PmodCudaGraph *)graph;

  pmod_cuda_wait (cast (backend));
  if (own->exec)
    cudaGraphExecDestroy (own->exec);
  free (own);
}
