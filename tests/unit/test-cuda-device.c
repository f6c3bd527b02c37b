/* The CUDA backend and its device: what it says of one that cannot be used, what becomes of one
 * that is full or fails, and that everything is given back. On the emulated device. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "device-check.h"
#include "pmod-ops.h"

#define MIB ((gsize)1 << 20)

static PmodBackend *
open_device (void)
{
  char reason[256] = "";
  PmodBackend *backend = pmod_backend_new_cuda (0, reason, sizeof reason);

  g_assert_cmpstr (reason, ==, "");
  g_assert_nonnull (backend);
  return backend;
}

static void
set_memory (gsize n_bytes)
{
  PmodEmulatedDevice device = pmod_emulated_device;

  device.total_bytes = n_bytes;
  pmod_emulated_set_device (&device);
}

static void
expect_error (PmodBackend *backend, const char *text)
{
  g_assert_false (pmod_backend_sync (backend));
  g_assert_cmpstr (pmod_backend_get_error (backend), ==, text);
  pmod_backend_clear_error (backend);
}

static guint8 *
new_bytes (gsize n, guint seed)
{
  guint8 *bytes = g_malloc (n);

  for (gsize i = 0; i < n; i++)
    bytes[i] = (guint8)((i + seed) * 2654435761u >> 13);
  return bytes;
}

/* --- Devices that cannot be used ------------------------------------------------------------ */

typedef struct
{
  const char *name;
  PmodEmulatedDriver driver;
  int compute_capability;
  int number;
  gboolean has_no_stream;
  const char *reason; /* NULL: it can be used */
} Opening;

static const Opening openings[] = {
  { "no-driver", PMOD_EMULATED_NO_DRIVER, 75, 0, FALSE,
    "expected an NVIDIA driver with a device, got \"CUDA driver version is insufficient for CUDA "
    "runtime version\"" },
  { "no-device", PMOD_EMULATED_DRIVER_ALONE, 75, 0, FALSE,
    "expected an NVIDIA driver with a device, got \"no CUDA-capable device is detected\"" },
  { "second", PMOD_EMULATED_DRIVER, 75, 1, FALSE,
    "expected a device of the 1 that the driver has, got number 1" },
  { "below-first", PMOD_EMULATED_DRIVER, 75, -1, FALSE,
    "expected a device of the 1 that the driver has, got number -1" },
  { "maxwell", PMOD_EMULATED_DRIVER, 52, 0, FALSE,
    "emulated device: expected compute capability 7.5 or newer, got 5.2" },
  { "volta", PMOD_EMULATED_DRIVER, 70, 0, FALSE,
    "emulated device: expected compute capability 7.5 or newer, got 7.0" },
  { "busy", PMOD_EMULATED_DRIVER, 75, 0, TRUE,
    "expected a device with room for work, got \"out of memory\"" },
  { "turing", PMOD_EMULATED_DRIVER, 75, 0, FALSE, NULL },
  { "hopper", PMOD_EMULATED_DRIVER, 90, 0, FALSE, NULL },
};

static void
test_opening (gconstpointer data)
{
  const Opening *test = data;
  PmodEmulatedDevice device = pmod_emulated_device;
  char reason[256] = "";
  PmodBackend *backend;
  PmodBackendInfo info;

  device.driver = test->driver;
  device.compute_capability = test->compute_capability;
  pmod_emulated_set_device (&device);
  if (test->has_no_stream)
    pmod_emulated_fail (PMOD_EMULATED_STREAM, 0);
  backend = pmod_backend_new_cuda (test->number, reason, sizeof reason);
  g_assert_cmpstr (reason, ==, test->reason != NULL ? test->reason : "");
  g_assert_true ((backend == NULL) == (test->reason != NULL));
  if (backend != NULL)
    {
      g_autofree char *name =
          g_strdup_printf ("emulated device, compute capability %d.%d, no cuBLAS",
                           test->compute_capability / 10, test->compute_capability % 10);

      pmod_backend_get_info (backend, &info);
      g_assert_cmpstr (pmod_backend_name (backend), ==, "cuda");
      g_assert_cmpstr (info.name, ==, name);
      g_assert_false (info.host_memory);
      g_assert_true (info.bf16_native == (test->compute_capability >= 80));
      g_assert_true (info.f16_native);
      g_assert_cmpuint (info.total_bytes, ==, device.total_bytes);
      /* But for the first workspace, which the backend takes itself. */
      g_assert_cmpuint (info.free_bytes, ==, device.total_bytes - 4 * MIB);
      pmod_backend_free (backend);
    }
  device_expect_unused ();
}

/* --- Memory --------------------------------------------------------------------------------- */

/* NaN, so that nothing is read before it is written; and only the device's. */
static void
test_fresh (void)
{
  PmodBackend *backend;
  g_autofree float *host = g_new0 (float, 1000);
  float *data;

  set_memory (MIB);
  backend = open_device ();
  data = pmod_alloc (backend, 1000 * sizeof *host);
  g_assert_cmpuint ((guintptr)data % 64, ==, 0);
  pmod_download (backend, host, data, 1000 * sizeof *host);
  g_assert_true (pmod_backend_sync (backend));
  for (int i = 0; i < 1000; i++)
    g_assert_true (isnan (host[i]));
  pmod_free (backend, data);
  pmod_backend_free (backend);
  device_expect_unused ();
}

/* In a program of its own, which the reading ends. */
static void
test_host_reads (void)
{
  PmodBackend *backend;
  volatile float *data;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, 0);
      g_test_trap_assert_failed ();
      g_test_trap_assert_stdout_unmatched ("*was read*");
      return;
    }
  set_memory (MIB);
  backend = open_device ();
  data = pmod_alloc (backend, sizeof *data);
  pmod_backend_sync (backend);
  g_print ("%f was read\n", (double)*data);
}

/* Copies from and to what is not the device's, or is not all of one piece. */
static void
test_bounds (void)
{
  PmodBackend *backend;
  guint8 host[256] = { 0 };
  guint8 *data;

  set_memory (MIB);
  backend = open_device ();
  data = pmod_alloc (backend, 100);
  pmod_upload (backend, data, host, 101);
  expect_error (backend, "emulated device: upload: invalid argument");
  pmod_download (backend, host, data + 1, 100);
  expect_error (backend, "emulated device: download: invalid argument");
  pmod_copy (backend, data, host, 8);
  expect_error (backend, "emulated device: copy: invalid argument");
  pmod_copy (backend, data, data + 50, 50);
  g_assert_true (pmod_backend_sync (backend));
  pmod_free (backend, data);
  pmod_backend_free (backend);
  device_expect_unused ();
}

static void
test_full (void)
{
  static const float weights[64] = { 1 };
  static const PmodMatrixPart part = { weights, PMOD_DTYPE_F32, 8 };
  PmodBackend *backend;
  PmodMatrix *matrix;
  void *half, *other;

  set_memory (MIB);
  backend = open_device ();
  g_assert_null (pmod_alloc (backend, MIB + 1));
  expect_error (backend, "emulated device: no room for 1048577 bytes, 1048576 of 1048576 are free");
  half = pmod_alloc (backend, MIB / 2);
  g_assert_null (pmod_alloc (backend, MIB - 100));
  expect_error (backend, "emulated device: no room for 1048476 bytes, 524288 of 1048576 are free");
  g_assert_null (pmod_matrix_new_random (backend, 512, 512, PMOD_DTYPE_F32, 1));
  expect_error (backend, "emulated device: no room for 1048576 bytes, 524288 of 1048576 are free");
  pmod_free (backend, half);
  other = pmod_alloc (backend, MIB - 256);
  matrix = pmod_matrix_new (backend, &part, 1, 8, PMOD_DTYPE_F32);
  g_assert_true (pmod_backend_sync (backend));
  g_assert_nonnull (matrix);
  g_assert_cmpuint (device_get_use ().n_bytes, ==, MIB);
  pmod_free (backend, other);
  pmod_matrix_free (backend, matrix);
  pmod_backend_free (backend);
  device_expect_unused ();
}

/* Rows that need a workspace, on a device that has no room for one until something is freed. */
static void
test_no_workspace (void)
{
  static const float ones[64] = { 1, 1, 1, 1, 1, 1, 1, 1 };
  static const PmodMatrixPart part = { ones, PMOD_DTYPE_F32, 8 };
  float host[64];
  PmodBackend *backend;
  PmodMatrix *matrix;
  PmodTensor x, y, bias;

  pmod_emulated_set_device (&pmod_emulated_device);
  backend = open_device ();
  x = pmod_tensor_2d (pmod_alloc (backend, sizeof ones), PMOD_DTYPE_F32, 8, 8);
  y = pmod_tensor_2d (pmod_alloc (backend, sizeof ones), PMOD_DTYPE_F32, 8, 8);
  bias = pmod_tensor_1d (pmod_alloc (backend, 32), PMOD_DTYPE_F32, 8);
  pmod_upload (backend, x.data, ones, sizeof ones);
  pmod_upload (backend, bias.data, ones, 32);
  matrix = pmod_matrix_new (backend, &part, 1, 8, PMOD_DTYPE_F32);
  pmod_emulated_fail (PMOD_EMULATED_MALLOC, 0);
  pmod_linear (backend, &y, &x, matrix, &bias, PMOD_EPILOGUE_NONE);
  expect_error (backend,
                "emulated device: no room for 4194304 bytes, 1073741024 of 1073741824 are free");
  pmod_linear (backend, &y, &x, matrix, &bias, PMOD_EPILOGUE_NONE);
  pmod_download (backend, host, y.data, sizeof host);
  g_assert_true (pmod_backend_sync (backend));
  for (int i = 0; i < 64; i++)
    g_assert_cmpfloat (host[i], ==, i == 0 ? 9 : 1);
  pmod_free (backend, x.data);
  pmod_free (backend, y.data);
  pmod_free (backend, bias.data);
  pmod_matrix_free (backend, matrix);
  pmod_backend_free (backend);
  device_expect_unused ();
}

/* --- Copies --------------------------------------------------------------------------------- */

/* More than the pinned pieces hold; what is uploaded may change at once. n_pins: those that the
 * host has room for. */
static void
test_large_copies (gconstpointer n_pins)
{
  const gsize n = 40 * MIB + 12345;
  g_autofree guint8 *expected = new_bytes (n, 1);
  g_autofree guint8 *host = g_memdup2 (expected, n);
  PmodBackend *backend;
  guint8 *data, *other;

  pmod_emulated_set_device (&pmod_emulated_device);
  pmod_emulated_fail (PMOD_EMULATED_PIN, GPOINTER_TO_INT (n_pins));
  backend = open_device ();
  data = pmod_alloc (backend, n);
  other = pmod_alloc (backend, n);
  pmod_upload (backend, data, host, n);
  memset (host, 0, n);
  pmod_copy (backend, other, data, n);
  g_assert_cmpint (device_get_use ().n_pinned, ==, GPOINTER_TO_INT (n_pins) < 2 ? 0 : 2);
  pmod_download (backend, host, other, n);
  g_assert_true (pmod_backend_sync (backend));
  g_assert_cmpmem (host, n, expected, n);
  pmod_free (backend, data);
  pmod_free (backend, other);
  pmod_backend_free (backend);
  device_expect_unused ();
}

/* --- Threads -------------------------------------------------------------------------------- */

/* A thread whose device is another one, as that of a new thread is the first. */
static gpointer
use_elsewhere (gpointer data)
{
  PmodBackend *backend = data;
  float ones[4] = { 1, 1, 1, 1 }, host[4] = { 0 };
  PmodTensor x = pmod_tensor_2d (pmod_alloc (backend, sizeof ones), PMOD_DTYPE_F32, 1, 4);
  PmodTensor w = pmod_tensor_1d (pmod_alloc (backend, sizeof ones), PMOD_DTYPE_F32, 4);

  pmod_upload (backend, x.data, ones, sizeof ones);
  pmod_upload (backend, w.data, ones, sizeof ones);
  pmod_mark (backend, 0);
  pmod_rmsnorm (backend, &x, &x, &w, 3);
  pmod_mark (backend, 1);
  pmod_download (backend, host, x.data, sizeof host);
  g_assert_cmpstr (pmod_backend_get_error (backend), ==, NULL);
  g_assert_true (pmod_backend_sync (backend));
  for (int i = 0; i < 4; i++)
    g_assert_cmpfloat (host[i], ==, 0.5f);
  pmod_free (backend, x.data);
  pmod_free (backend, w.data);
  return NULL;
}

static void
test_threads (void)
{
  char reason[256];
  PmodBackend *backends[2];

  pmod_emulated_set_device (&pmod_emulated_device);
  pmod_emulated_set_n_devices (2);
  for (int i = 0; i < 2; i++)
    {
      backends[i] = pmod_backend_new_cuda (i, reason, sizeof reason);
      g_assert_nonnull (backends[i]);
    }
  for (int i = 0; i < 4; i++)
    {
      g_thread_join (g_thread_new ("elsewhere", use_elsewhere, backends[i % 2]));
      use_elsewhere (backends[i % 2]);
    }
  for (int i = 0; i < 2; i++)
    pmod_backend_free (backends[i]);
  device_expect_unused ();
}

/* --- A device that fails -------------------------------------------------------------------- */

static void
do_upload (PmodBackend *backend, float *data)
{
  static const float host[4] = { 0 };

  pmod_upload (backend, data, host, sizeof host);
}

static void
do_launch (PmodBackend *backend, float *data)
{
  PmodTensor x = pmod_tensor_2d (data, PMOD_DTYPE_F32, 1, 4);
  PmodTensor w = pmod_tensor_1d (data, PMOD_DTYPE_F32, 4);

  pmod_rmsnorm (backend, &x, &x, &w, 1e-5f);
}

/* Whatever is called afterwards does nothing and says the same; another device works. */
static void
test_failure (gconstpointer launch)
{
  PmodEmulatedCall call = GPOINTER_TO_INT (launch) ? PMOD_EMULATED_LAUNCH : PMOD_EMULATED_COPY;
  char reason[256] = "";
  float host[4] = { 1, 2, 3, 4 };
  PmodBackend *backend, *neighbour;
  float *data;

  pmod_emulated_set_device (&pmod_emulated_device);
  backend = open_device ();
  neighbour = open_device ();
  data = pmod_alloc (backend, sizeof host);
  do_upload (backend, data);
  g_assert_true (pmod_backend_sync (backend));
  pmod_emulated_fail (call, 1);
  for (int i = 0; i < 3; i++)
    (call == PMOD_EMULATED_LAUNCH ? do_launch : do_upload) (backend, data);
  expect_error (backend, "emulated device: the device: unspecified launch failure");
  pmod_download (backend, host, data, sizeof host);
  g_assert_cmpfloat (host[3], ==, 4);
  expect_error (backend, "emulated device: download: unspecified launch failure");
  g_assert_null (pmod_alloc (backend, 1));
  expect_error (backend, "emulated device: memory: unspecified launch failure");
  do_launch (backend, data);
  expect_error (backend, "emulated device: rmsnorm: unspecified launch failure");
  expect_error (neighbour, "emulated device: the device: unspecified launch failure");
  g_assert_null (pmod_backend_new_cuda (0, reason, sizeof reason));
  g_assert_cmpstr (reason, ==,
                   "expected a device with room for work, got \"unspecified launch failure\"");
  pmod_free (backend, data);
  pmod_backend_free (backend);
  pmod_backend_free (neighbour);
  device_expect_unused ();

  pmod_emulated_set_device (&pmod_emulated_device);
  backend = open_device ();
  g_assert_true (pmod_backend_sync (backend));
  pmod_backend_free (backend);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (openings); i++)
    {
      g_autofree char *path = g_strconcat ("/cuda-device/open/", openings[i].name, NULL);

      g_test_add_data_func (path, &openings[i], test_opening);
    }
  g_test_add_func ("/cuda-device/memory/fresh", test_fresh);
  g_test_add_func ("/cuda-device/memory/host-reads", test_host_reads);
  g_test_add_func ("/cuda-device/memory/bounds", test_bounds);
  g_test_add_func ("/cuda-device/memory/full", test_full);
  g_test_add_func ("/cuda-device/memory/no-workspace", test_no_workspace);
  g_test_add_data_func ("/cuda-device/copies/pinned", GINT_TO_POINTER (2), test_large_copies);
  g_test_add_data_func ("/cuda-device/copies/half-pinned", GINT_TO_POINTER (1), test_large_copies);
  g_test_add_data_func ("/cuda-device/copies/pageable", GINT_TO_POINTER (0), test_large_copies);
  g_test_add_func ("/cuda-device/threads", test_threads);
  g_test_add_data_func ("/cuda-device/failure/copy", GINT_TO_POINTER (FALSE), test_failure);
  g_test_add_data_func ("/cuda-device/failure/launch", GINT_TO_POINTER (TRUE), test_failure);
  return g_test_run ();
}
