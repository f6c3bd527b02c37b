/* See emulated-runtime.h and emulated-device.h.
 *
 * Memory that is apart is one arena, which can be read only while a kernel or a copy runs. Work
 * for a stream waits in one queue, in the order in which it was given: of the orders that CUDA may
 * choose the latest. One lock is held by whoever is in here. */
#include "emulate.h"
#include "emulated-device.h"
#include "emulated-memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <deque>
#include <mutex>
#include <string>
#include <vector>

struct PmodEmulatedGraph
{
  std::vector<std::function<void ()>> work;
  bool invalid; /* something that cannot be captured was asked for */
};

struct PmodEmulatedStream
{
  int device;
  PmodEmulatedGraph *captured; /* what is given goes there, or NULL */
};

struct PmodEmulatedEvent
{
  int device;
  uint64_t recorded; /* work that was given before, counted */
  bool timed;
  double ms; /* of the clock, when the stream got there */
};

/* As large as any card's, of which no more is taken than is asked for. */
static const PmodEmulatedDevice shared_device = { PMOD_EMULATED_DRIVER, 80, 80, (size_t)1 << 38,
                                                  false };

const PmodEmulatedDevice pmod_emulated_device = { PMOD_EMULATED_DRIVER, 80, 80, (size_t)1 << 30,
                                                  true };

namespace
{

struct State
{
  std::mutex mutex;
  PmodEmulatedDevice device = shared_device;
  int n_devices = 1;
  std::deque<std::function<void ()>> queue;
  uint64_t n_given, n_done;
  cudaError_t last;
  cudaError_t broken;                     /* the device is, until it is set again */
  int fails_after[PMOD_EMULATED_N_CALLS]; /* calls that are left before, plus 1; 0: it does not */
  void (*tell) (void *data);
  void *tell_data;
  PmodEmulatedUse use;
};

/* Made before other objects are: emulated-provider.c sets a device before main(). */
State state __attribute__ ((init_priority (200)));

/* The thread's own. */
thread_local int current_device;

typedef std::lock_guard<std::mutex> Lock;

/* What a call that is not about a device returns: its error is the last one too. */
cudaError_t
result (cudaError_t error)
{
  if (error != cudaSuccess)
    state.last = error;
  return error;
}

/* Why nothing can be done now. */
cudaError_t
check_device (void)
{
  if (state.device.driver == PMOD_EMULATED_NO_DRIVER)
    return cudaErrorInsufficientDriver;
  if (state.device.driver == PMOD_EMULATED_DRIVER_ALONE)
    return cudaErrorNoDevice;
  return state.broken;
}

/* Whether this call is the one that fails. */
bool
is_failing (PmodEmulatedCall call)
{
  bool fails = state.fails_after[call] > 0 && --state.fails_after[call] == 0;

  state.use.n_calls[call]++;
  if (fails && state.tell)
    state.tell (state.tell_data);
  return fails;
}

/* Memory is opened once for all of it: that is slow. */
void
work_until (uint64_t n)
{
  if (state.n_done >= n)
    return;
  pmod_emulated_memory_open ();
  while (state.n_done < n)
    {
      std::function<void ()> work = std::move (state.queue.front ());

      state.queue.pop_front ();
      state.n_done++;
      if (state.broken == cudaSuccess)
        work ();
    }
  pmod_emulated_memory_close ();
}

/* breaks: the device fails at it. */
void
give (std::function<void ()> work, bool breaks)
{
  if (breaks)
    work = [] { state.broken = cudaErrorLaunchFailure; };
  state.queue.push_back (std::move (work));
  state.n_given++;
  if (!state.device.apart)
    work_until (state.n_given);
}

/* Refused while the stream is captured, which it spoils. */
cudaError_t
check_capture (cudaStream_t stream)
{
  if (!stream || !stream->captured)
    return cudaSuccess;
  stream->captured->invalid = true;
  return cudaErrorStreamCaptureUnsupported;
}

cudaError_t
finish (void)
{
  work_until (state.n_given);
  return check_device ();
}

void
abort_saying (const char *text)
{
  fprintf (stderr, "cuda emulation: %s\n", text);
  abort ();
}

}

/* --- What tests set ------------------------------------------------------------------------- */

void
pmod_emulated_set_device (const PmodEmulatedDevice *device)
{
  Lock lock (state.mutex);

  if (state.use.n_blocks || state.use.n_pinned || state.use.n_streams || state.use.n_events ||
      state.use.n_graphs)
    abort_saying ("another device, but the one before is in use");
  state.device = *device;
  state.n_devices = 1;
  state.queue.clear ();
  state.n_given = state.n_done = 0;
  state.last = state.broken = cudaSuccess;
  memset (state.fails_after, 0, sizeof state.fails_after);
  state.tell = nullptr;
  state.use = PmodEmulatedUse ();
}

void
pmod_emulated_set_n_devices (int n_devices)
{
  Lock lock (state.mutex);

  state.n_devices = n_devices;
}

void
pmod_emulated_fail (PmodEmulatedCall call, int n_before)
{
  Lock lock (state.mutex);

  state.fails_after[call] = n_before + 1;
}

void
pmod_emulated_tell (void (*func) (void *data), void *data)
{
  Lock lock (state.mutex);

  state.tell = func;
  state.tell_data = data;
}

void
pmod_emulated_get_use (PmodEmulatedUse *use)
{
  Lock lock (state.mutex);

  *use = state.use;
}

/* --- Errors --------------------------------------------------------------------------------- */

const char *
cudaGetErrorString (cudaError_t error)
{
  switch (error)
    {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorInvalidDeviceFunction:
      return "invalid device function";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorNoKernelImageForDevice:
      return "no kernel image is available for execution on the device";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorLaunchOutOfResources:
      return "too many resources requested for launch";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorGraphExecUpdateFailure:
      return "the graph update was not performed because it included changes which violated "
             "constraints specific to instantiated graph update";
    }
  return "unrecognized error code";
}

/* A broken device and a missing one stay the last error. */
cudaError_t
cudaGetLastError (void)
{
  Lock lock (state.mutex);
  cudaError_t error = state.last;

  state.last = check_device ();
  return error;
}

/* --- Devices -------------------------------------------------------------------------------- */

cudaError_t
cudaGetDeviceCount (int *n_devices)
{
  Lock lock (state.mutex);

  if (state.device.driver == PMOD_EMULATED_NO_DRIVER)
    return result (cudaErrorInsufficientDriver);
  *n_devices = state.device.driver == PMOD_EMULATED_DRIVER ? state.n_devices : 0;
  return result (*n_devices > 0 ? cudaSuccess : cudaErrorNoDevice);
}

cudaError_t
cudaGetDeviceProperties (cudaDeviceProp *properties, int device)
{
  Lock lock (state.mutex);

  if (state.device.driver == PMOD_EMULATED_NO_DRIVER)
    return result (cudaErrorInsufficientDriver);
  if (device < 0 || device >= state.n_devices || state.device.driver != PMOD_EMULATED_DRIVER)
    return result (cudaErrorInvalidDevice);
  *properties = cudaDeviceProp ();
  strcpy (properties->name, "emulated device");
  properties->major = state.device.compute_capability / 10;
  properties->minor = state.device.compute_capability % 10;
  properties->multiProcessorCount = 4;
  return cudaSuccess;
}

cudaError_t
cudaSetDevice (int device)
{
  Lock lock (state.mutex);
  cudaError_t error = check_device ();

  if (error == cudaSuccess && (device < 0 || device >= state.n_devices))
    error = cudaErrorInvalidDevice;
  if (error == cudaSuccess)
    current_device = device;
  return result (error);
}

cudaError_t
cudaGetDevice (int *device)
{
  *device = current_device;
  return cudaSuccess;
}

cudaError_t
cudaFuncGetAttributes (cudaFuncAttributes *attributes, const void *kernel)
{
  Lock lock (state.mutex);
  cudaError_t error = check_device ();

  if (error == cudaSuccess && !kernel)
    error = cudaErrorInvalidValue;
  if (error == cudaSuccess && state.device.ptx_version == 0)
    error = cudaErrorNoKernelImageForDevice;
  attributes->ptxVersion = state.device.ptx_version;
  return result (error);
}

/* --- Streams and events --------------------------------------------------------------------- */

/* As on devices, a smaller number is more urgent. */
cudaError_t
cudaDeviceGetStreamPriorityRange (int *least, int *greatest)
{
  Lock lock (state.mutex);

  *least = 0;
  *greatest = -2;
  return result (check_device ());
}

cudaError_t
cudaStreamCreateWithPriority (cudaStream_t *stream, unsigned flags, int priority)
{
  Lock lock (state.mutex);
  cudaError_t error = check_device ();

  if (error == cudaSuccess && is_failing (PMOD_EMULATED_STREAM))
    error = cudaErrorMemoryAllocation;
  if (error != cudaSuccess || flags != cudaStreamNonBlocking || priority < -2 || priority > 0)
    return result (error != cudaSuccess ? error : cudaErrorInvalidValue);
  *stream = new PmodEmulatedStream ();
  (*stream)->device = current_device;
  state.use.n_streams++;
  return cudaSuccess;
}

cudaError_t
cudaStreamSynchronize (cudaStream_t stream)
{
  Lock lock (state.mutex);

  if (check_capture (stream) != cudaSuccess)
    return result (cudaErrorStreamCaptureUnsupported);
  return result (stream ? finish () : cudaErrorInvalidResourceHandle);
}

cudaError_t
cudaStreamDestroy (cudaStream_t stream)
{
  Lock lock (state.mutex);

  if (!stream)
    return result (cudaErrorInvalidResourceHandle);
  delete stream;
  state.use.n_streams--;
  return result (check_device ());
}

cudaError_t
cudaEventCreate (cudaEvent_t *event)
{
  return cudaEventCreateWithFlags (event, 0);
}

cudaError_t
cudaEventCreateWithFlags (cudaEvent_t *event, unsigned flags)
{
  Lock lock (state.mutex);
  cudaError_t error = check_device ();

  if (error != cudaSuccess || (flags != 0 && flags != cudaEventDisableTiming))
    return result (error != cudaSuccess ? error : cudaErrorInvalidValue);
  *event = new PmodEmulatedEvent ();
  (*event)->device = current_device;
  (*event)->timed = flags == 0;
  state.use.n_events++;
  return cudaSuccess;
}

cudaError_t
cudaEventRecord (cudaEvent_t event, cudaStream_t stream)
{
  Lock lock (state.mutex);

  if (!event || !stream || event->device != stream->device)
    return result (cudaErrorInvalidResourceHandle);
  if (event->timed)
    give (
        [event] {
          struct timespec time;

          clock_gettime (CLOCK_MONOTONIC, &time);
          event->ms = (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
        },
        false);
  event->recorded = state.n_given;
  return result (check_device ());
}

cudaError_t
cudaEventSynchronize (cudaEvent_t event)
{
  Lock lock (state.mutex);

  if (!event)
    return result (cudaErrorInvalidResourceHandle);
  work_until (event->recorded);
  return result (check_device ());
}

cudaError_t
cudaEventDestroy (cudaEvent_t event)
{
  Lock lock (state.mutex);

  if (!event)
    return result (cudaErrorInvalidResourceHandle);
  /* The stream may still be on its way to it. */
  finish ();
  delete event;
  state.use.n_events--;
  return result (check_device ());
}

cudaError_t
cudaEventElapsedTime (float *ms, cudaEvent_t from, cudaEvent_t to)
{
  Lock lock (state.mutex);

  if (!from || !to || !from->timed || !to->timed)
    return result (cudaErrorInvalidResourceHandle);
  *ms = (float)(to->ms - from->ms);
  return result (check_device ());
}

/* --- Graphs --------------------------------------------------------------------------------- */

cudaError_t
cudaStreamBeginCapture (cudaStream_t stream, cudaStreamCaptureMode mode)
{
  Lock lock (state.mutex);

  if (!stream || mode != cudaStreamCaptureModeThreadLocal || stream->captured)
    return result (cudaErrorInvalidValue);
  stream->captured = new PmodEmulatedGraph ();
  state.use.n_graphs++;
  return result (check_device ());
}

static void
free_graph (PmodEmulatedGraph *graph)
{
  delete graph;
  state.use.n_graphs--;
}

cudaError_t
cudaStreamEndCapture (cudaStream_t stream, cudaGraph_t *graph)
{
  Lock lock (state.mutex);

  *graph = nullptr;
  if (!stream || !stream->captured)
    return result (cudaErrorInvalidValue);
  if (stream->captured->invalid)
    free_graph (stream->captured);
  else
    *graph = stream->captured;
  stream->captured = nullptr;
  return result (*graph ? check_device () : cudaErrorStreamCaptureUnsupported);
}

cudaError_t
cudaGraphInstantiate (cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
  Lock lock (state.mutex);

  if (!graph)
    return result (cudaErrorInvalidValue);
  *exec = new PmodEmulatedGraph (*graph);
  state.use.n_graphs++;
  return result (check_device ());
}

/* As a device does, only where the pieces are as many. */
cudaError_t
cudaGraphExecUpdate (cudaGraphExec_t exec, cudaGraph_t graph, cudaGraphExecUpdateResultInfo *)
{
  Lock lock (state.mutex);

  if (exec->work.size () != graph->work.size ())
    return result (cudaErrorGraphExecUpdateFailure);
  *exec = *graph;
  return result (check_device ());
}

cudaError_t
cudaGraphLaunch (cudaGraphExec_t exec, cudaStream_t stream)
{
  Lock lock (state.mutex);

  if (!exec || !stream)
    return result (cudaErrorInvalidResourceHandle);
  if (check_device () == cudaSuccess)
    for (const std::function<void ()> &work : exec->work)
      give (work, is_failing (PMOD_EMULATED_LAUNCH));
  return result (check_device ());
}

cudaError_t
cudaGraphExecDestroy (cudaGraphExec_t exec)
{
  return cudaGraphDestroy (exec);
}

cudaError_t
cudaGraphDestroy (cudaGraph_t graph)
{
  Lock lock (state.mutex);

  if (!graph)
    return result (cudaErrorInvalidValue);
  free_graph (graph);
  return result (check_device ());
}

/* --- Memory --------------------------------------------------------------------------------- */

cudaError_t
cudaMalloc (void **data, size_t n_bytes)
{
  Lock lock (state.mutex);
  cudaError_t error = check_device ();

  if (error != cudaSuccess)
    return result (error);
  if (is_failing (PMOD_EMULATED_MALLOC) || n_bytes > state.device.total_bytes - state.use.n_bytes)
    return result (cudaErrorMemoryAllocation);
  *data = pmod_emulated_memory_new (n_bytes, state.device.apart);
  if (!*data)
    return result (cudaErrorMemoryAllocation);
  state.use.n_blocks++;
  state.use.n_bytes += n_bytes;
  if (state.use.n_bytes > state.use.peak_bytes)
    state.use.peak_bytes = state.use.n_bytes;
  return cudaSuccess;
}

/* Waits for the device. Of a broken one too the memory is gone, whatever it returns. */
cudaError_t
cudaFree (void *data)
{
  Lock lock (state.mutex);
  cudaError_t error = finish ();

  if (data)
    {
      state.use.n_bytes -= pmod_emulated_memory_free (data);
      state.use.n_blocks--;
    }
  return result (error);
}

cudaError_t
cudaMallocHost (void **data, size_t n_bytes)
{
  Lock lock (state.mutex);
  cudaError_t error = check_device ();

  if (error == cudaSuccess && is_failing (PMOD_EMULATED_PIN))
    error = cudaErrorMemoryAllocation;
  if (error != cudaSuccess)
    return result (error);
  *data = pmod_emulated_memory_pin (n_bytes);
  state.use.n_pinned++;
  return cudaSuccess;
}

cudaError_t
cudaFreeHost (void *data)
{
  Lock lock (state.mutex);
  cudaError_t error = finish ();

  if (data)
    {
      pmod_emulated_memory_unpin (data);
      state.use.n_pinned--;
    }
  return result (error);
}

cudaError_t
cudaMemGetInfo (size_t *free_bytes, size_t *total_bytes)
{
  Lock lock (state.mutex);

  *total_bytes = state.device.total_bytes;
  *free_bytes = state.device.total_bytes - state.use.n_bytes;
  return result (check_device ());
}

/* Whether n_bytes at data are the device's, if it should be, or none of them are. */
static bool
is_where (const void *data, size_t n_bytes, bool on_device)
{
  return !state.device.apart || pmod_emulated_memory_has (data, n_bytes) == on_device;
}

/* Pageable memory is read before the call returns, and written before it does; pinned memory when
 * the stream gets there. */
cudaError_t
cudaMemcpyAsync (
    void *dst, const void *src, size_t n_bytes, cudaMemcpyKind kind, cudaStream_t stream)
{
  Lock lock (state.mutex);
  cudaError_t error = check_device ();
  bool to_device = kind != cudaMemcpyDeviceToHost, from_device = kind != cudaMemcpyHostToDevice;
  bool breaks;

  if (error != cudaSuccess)
    return result (error);
  if (!stream)
    return result (cudaErrorInvalidResourceHandle);
  if (check_capture (stream) != cudaSuccess)
    return result (cudaErrorStreamCaptureUnsupported);
  if (!is_where (dst, n_bytes, to_device) || !is_where (src, n_bytes, from_device))
    return result (cudaErrorInvalidValue);
  breaks = is_failing (PMOD_EMULATED_COPY);
  if (!from_device && !pmod_emulated_memory_is_pinned (src))
    {
      std::string staged ((const char *)src, n_bytes);

      give ([=] { memcpy (dst, staged.data (), n_bytes); }, breaks);
      return cudaSuccess;
    }
  give ([=] { memmove (dst, src, n_bytes); }, breaks);
  if (!to_device && !pmod_emulated_memory_is_pinned (dst))
    error = finish ();
  return result (error);
}

/* --- Launches ------------------------------------------------------------------------------- */

void
pmod_emulate_submit (
    dim3 grid, dim3 block, size_t n_shared, cudaStream_t stream, std::function<void ()> body)
{
  Lock lock (state.mutex);
  cudaError_t error = check_device ();

  if (error == cudaSuccess && (!stream || stream->device != current_device))
    error = cudaErrorInvalidResourceHandle;
  if (error == cudaSuccess && is_failing (PMOD_EMULATED_REFUSE))
    error = cudaErrorLaunchOutOfResources;
  result (error);
  if (error == cudaSuccess && stream->captured)
    stream->captured->work.push_back ([=] { pmod_emulate_launch (grid, block, n_shared, body); });
  else if (error == cudaSuccess)
    give ([=] { pmod_emulate_launch (grid, block, n_shared, body); },
          is_failing (PMOD_EMULATED_LAUNCH));
}
