/* Pictures decoded in another process: the same bytes and the same errors as in this one, and what
 * becomes of a decoder that crashes, hangs, lies or is not there. This program is the false
 * decoder itself: it is called as one with FALSE_DECODER in the environment. */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pmod-image-isolated.h"
#include "pmod-image-wire.h"

#define PROGRAM STRATA_BUILD_DIR "/src/decoder/pmod-picture-decoder"
#define TIMEOUT_MS 400

/* --- The false decoder ------------------------------------------------------------------------ */

static void
reply (gint32 code, gint32 width, gint32 height, const char *message, gsize n_pixels)
{
  PmodImageReply answer = { PMOD_IMAGE_REPLY_MAGIC, code, width, height, "" };
  g_autofree guint8 *pixels = g_malloc0 (n_pixels);

  memset (answer.message, 'x', sizeof answer.message);
  if (message != NULL)
    g_strlcpy (answer.message, message, sizeof answer.message);
  if (write (PMOD_IMAGE_FD_PIXELS, pixels, n_pixels) != (gssize)n_pixels ||
      write (PMOD_IMAGE_FD_REPLY, &answer, sizeof answer) != sizeof answer)
    _exit (9);
}

static int
play (const char *part)
{
  g_autofree guint8 *noise = g_malloc (4096);

  memset (noise, 0x5a, 4096);
  /* As if no sanitizer had taken them. */
  signal (SIGSEGV, SIG_DFL);
  signal (SIGABRT, SIG_DFL);
  if (strcmp (part, "crash") == 0)
    raise (SIGSEGV);
  else if (strcmp (part, "abort") == 0)
    raise (SIGABRT);
  else if (strcmp (part, "burn") == 0)
    raise (SIGXCPU);
  else if (strcmp (part, "hang") == 0)
    for (;;)
      pause ();
  else if (strcmp (part, "silent") == 0)
    return 3;
  else if (strcmp (part, "noise") == 0)
    return write (PMOD_IMAGE_FD_REPLY, noise, 4096) < 0;
  else if (strcmp (part, "half") == 0)
    return write (PMOD_IMAGE_FD_REPLY, noise, 100) < 0;
  else if (strcmp (part, "no-pixels") == 0)
    reply (PMOD_IMAGE_REPLY_DECODED, 100, 100, NULL, 0);
  else if (strcmp (part, "few-pixels") == 0)
    reply (PMOD_IMAGE_REPLY_DECODED, 100, 100, NULL, 29999);
  else if (strcmp (part, "many-pixels") == 0)
    reply (PMOD_IMAGE_REPLY_DECODED, 100, 100, NULL, 30001);
  else if (strcmp (part, "negative") == 0)
    reply (PMOD_IMAGE_REPLY_DECODED, -100, -100, NULL, 30000);
  else if (strcmp (part, "huge") == 0)
    reply (PMOD_IMAGE_REPLY_DECODED, G_MAXINT32, G_MAXINT32, NULL, 3);
  else if (strcmp (part, "endless-message") == 0)
    reply (PMOD_ERROR_FORMAT, 0, 0, NULL, 0);
  else if (strcmp (part, "odd-message") == 0)
    reply (12345, 0, 0, "picture: \x1b[2J\n\xff", 0);
  else if (strcmp (part, "lingering") == 0)
    {
      reply (PMOD_IMAGE_REPLY_DECODED, 1, 1, NULL, 3);
      for (;;)
        pause ();
    }
  return 0;
}

/* --- Helpers ---------------------------------------------------------------------------------- */

static char *
get_path (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "fixtures", "pictures", name, NULL);
}

/* Nothing is left of any decoder. */
static void
assert_no_child (void)
{
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
  g_assert_cmpint (errno, ==, ECHILD);
}

static guint
count_fds (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
assert_same (PmodImage *got, const GError *got_error, PmodImage *want, const GError *want_error)
{
  g_assert_true ((got == NULL) == (want == NULL));
  if (want == NULL)
    {
      g_assert_cmpstr (got_error->message, ==, want_error->message);
      g_assert_error (got_error, PMOD_ERROR, want_error->code);
      return;
    }
  g_assert_cmpint (pmod_image_get_width (got), ==, pmod_image_get_width (want));
  g_assert_cmpint (pmod_image_get_height (got), ==, pmod_image_get_height (want));
  g_assert_cmpstr (pmod_image_get_path (got), ==, pmod_image_get_path (want));
  g_assert_true (pmod_image_get_hash (got) == pmod_image_get_hash (want));
  g_assert_cmpmem (pmod_image_get_rgb (got),
                   (gsize)pmod_image_get_width (got) * (gsize)pmod_image_get_height (got) * 3,
                   pmod_image_get_rgb (want),
                   (gsize)pmod_image_get_width (want) * (gsize)pmod_image_get_height (want) * 3);
}

/* --- The real decoder ------------------------------------------------------------------------- */

static void
test_kinds (void)
{
  g_autofree char *folder = get_path ("");
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n_fds = count_fds ();
  guint n_pictures = 0;
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    for (int flags = 0; flags < 2; flags++)
      {
        g_autofree char *path = get_path (name);
        g_autoptr (GError) got_error = NULL;
        g_autoptr (GError) want_error = NULL;
        g_autoptr (PmodImage) got =
            pmod_image_load_isolated (path, (PmodImageFlags)flags, NULL, NULL, &got_error);
        g_autoptr (PmodImage) want = pmod_image_load (path, (PmodImageFlags)flags, &want_error);

        assert_same (got, got_error, want, want_error);
        n_pictures += want != NULL;
      }
  g_test_message ("%u pictures, all bytes equal", n_pictures);
  g_assert_cmpuint (n_pictures, >, 90);
  g_assert_cmpuint (count_fds (), ==, n_fds);
  assert_no_child ();
}

static void
compare_bytes (const guint8 *data, gsize n_bytes)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, n_bytes);
  g_autoptr (GError) got_error = NULL;
  g_autoptr (GError) want_error = NULL;
  g_autoptr (PmodImage) got = pmod_image_load_bytes_isolated (bytes, 0, NULL, NULL, &got_error);
  g_autoptr (PmodImage) want = pmod_image_load_bytes (bytes, 0, &want_error);

  assert_same (got, got_error, want, want_error);
}

/* Cut at several places, and with bytes changed. Nothing here is to kill this process either. */
static void
test_damaged (void)
{
  static const char *const names[] = { "444.jpg",      "rgb.png",       "lzw.tif",   "rgb.bmp",
                                       "animated.gif", "lossless.webp", "lossy.webp" };
  g_autoptr (GRand) random = g_rand_new_with_seed (5);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = get_path (names[i]);
      g_autofree char *data = NULL;
      gsize n_bytes;

      g_assert_true (g_file_get_contents (path, &data, &n_bytes, NULL));
      for (gsize part = 0; part < 6; part++)
        compare_bytes ((guint8 *)data, n_bytes * part / 6);
      for (int change = 0; change < 8; change++)
        {
          g_autofree guint8 *copy = g_memdup2 (data, n_bytes);

          for (int k = 0; k < 4; k++)
            copy[g_rand_int_range (random, 0, (gint32)n_bytes)] =
                (guint8)g_rand_int_range (random, 0, 256);
          compare_bytes (copy, n_bytes);
        }
    }
  assert_no_child ();
}

/* Sizes of gigabytes in a few bytes. */
static void
test_bombs (void)
{
  static const guint8 png[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44,
    0x52, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0xff, 0xff, 0x08, 0x06, 0x00, 0x00, 0x00, 0xb6,
    0x05, 0xd9, 0x50, 0x00, 0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x60,
    0xa0, 0x3d, 0x00, 0x00, 0x00, 0x64, 0x00, 0x01, 0x86, 0x64, 0x3c, 0x35,
  };
  static const guint8 gif[] = "GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff"
                              "\xff\xff\0\x02\x02L\x01\0;";
  g_autoptr (GBytes) bytes = g_bytes_new_static (png, sizeof png);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodImage) image = pmod_image_load_bytes_isolated (bytes, 0, NULL, NULL, &error);

  g_assert_null (image);
  g_assert_true (g_str_has_prefix (error->message, "picture: expected a picture of at most"));
  compare_bytes (png, sizeof png);
  compare_bytes (gif, sizeof gif - 1);
}

static void
test_walls (void)
{
  const char *argv[] = { PROGRAM, "--check", NULL };
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, &status,
                &error);
  g_assert_no_error (error);
  g_test_message ("%s", output);
  g_assert_nonnull (strstr (output, "open a file: refused"));
  g_assert_nonnull (strstr (output, "make a network socket: refused"));
  g_assert_null (strstr (output, "POSSIBLE"));
  g_assert_true (g_spawn_check_wait_status (status, NULL));
}

/* --- Decoders that fail ----------------------------------------------------------------------- */

static const struct
{
  const char *part;
  int code;
  const char *message;
} failures[] = {
  { "crash", PMOD_ERROR_FORMAT, "picture: the picture decoder died of this file (Seg*)*" },
  { "abort", PMOD_ERROR_FORMAT, "picture: the picture decoder died of this file (Abort*)*" },
  { "burn", PMOD_ERROR_UNSUPPORTED, "*was stopped: it took more than 30 s" },
  { "hang", PMOD_ERROR_UNSUPPORTED, "*was stopped: it took more than 1 s" },
  { "silent", PMOD_ERROR_FORMAT, "*ended without an answer (exit code 3)" },
  { "noise", PMOD_ERROR_FORMAT, "picture: the picture decoder gave an answer that is none" },
  { "half", PMOD_ERROR_FORMAT, "*ended without an answer (exit code 0)" },
  { "no-pixels", PMOD_ERROR_FORMAT, "*expected 30000 bytes of 100 x 100 pixels *, got 0" },
  { "few-pixels", PMOD_ERROR_FORMAT, "*expected 30000 bytes of 100 x 100 pixels *, got 29999" },
  { "many-pixels", PMOD_ERROR_FORMAT, "*expected 30000 bytes of 100 x 100 pixels *, got 30001" },
  { "negative", PMOD_ERROR_UNSUPPORTED, "*expected a picture of at most *, got -100 x -100" },
  { "huge", PMOD_ERROR_UNSUPPORTED, "*expected a picture of at most *" },
  { "endless-message", PMOD_ERROR_FORMAT, "picture: the picture decoder gave no reason" },
  { "odd-message", PMOD_ERROR_FORMAT, "picture:  [2J *" },
};

static PmodImage *
call_false (const char *part, GCancellable *cancellable, GError **error)
{
  const PmodImageIsolation isolation = { "/proc/self/exe", TIMEOUT_MS };
  g_autoptr (GBytes) bytes = g_bytes_new_static ("whatever", 8);
  PmodImage *image;

  g_setenv ("FALSE_DECODER", part, TRUE);
  image = pmod_image_load_bytes_isolated (bytes, 0, &isolation, cancellable, error);
  g_unsetenv ("FALSE_DECODER");
  return image;
}

static void
test_failures (void)
{
  guint n_fds = count_fds ();

  for (guint i = 0; i < G_N_ELEMENTS (failures); i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 begin = g_get_monotonic_time ();
      g_autoptr (PmodImage) image = call_false (failures[i].part, NULL, &error);

      g_assert_null (image);
      g_test_message ("%s: %s", failures[i].part, error->message);
      g_assert_error (error, PMOD_ERROR, failures[i].code);
      g_assert_true (g_pattern_match_simple (failures[i].message, error->message));
      g_assert_cmpint (g_get_monotonic_time () - begin, <, 5 * G_USEC_PER_SEC);
    }
  g_assert_cmpuint (count_fds (), ==, n_fds);
  assert_no_child ();
}

/* One that answered is not waited for. */
static void
test_lingering (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodImage) image = call_false ("lingering", NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpint (pmod_image_get_width (image), ==, 1);
  assert_no_child ();
}

static gpointer
cancel_later (gpointer cancellable)
{
  g_usleep (100 * 1000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancelled (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GThread *thread = g_thread_new ("cancel", cancel_later, cancellable);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodImage) image = call_false ("hang", cancellable, &error);

  g_assert_null (image);
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
  g_thread_join (thread);
  assert_no_child ();
}

/* Kills the only child that there is, once it is there. */
static gpointer
kill_child (gpointer user_data)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/children", getpid ());

  for (int i = 0; i < 200; i++)
    {
      g_autofree char *text = NULL;

      if (g_file_get_contents (path, &text, NULL, NULL) && atoi (text) > 0)
        {
          g_usleep (50 * 1000);
          kill (atoi (text), SIGKILL);
          return GINT_TO_POINTER (1);
        }
      g_usleep (1000);
    }
  return NULL;
}

static void
test_killed (void)
{
  GThread *thread = g_thread_new ("kill", kill_child, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodImage) image = call_false ("hang", NULL, &error);

  g_assert_null (image);
  if (g_thread_join (thread) == NULL)
    {
      g_test_skip ("the system does not list a thread's children");
      return;
    }
  g_test_message ("%s", error->message);
  g_assert_true (g_pattern_match_simple ("*died of this file (Killed)*", error->message));
  assert_no_child ();
}

/* Without the program nothing is decoded. */
static void
test_missing (void)
{
  const PmodImageIsolation isolation = { "/nonexistent/decoder", 0 };
  g_autofree char *path = get_path ("rgb.png");
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodImage) image = pmod_image_load_isolated (path, 0, &isolation, NULL, &error);

  g_assert_null (image);
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "expected the picture decoder /nonexistent/decoder"));
}

/* What a process costs. */
static void
test_time (void)
{
  g_autofree char *path = get_path ("rgb.png");
  double us[21];

  for (guint i = 0; i < G_N_ELEMENTS (us); i++)
    {
      gint64 begin = g_get_monotonic_time ();
      g_autoptr (PmodImage) image = pmod_image_load_isolated (path, 0, NULL, NULL, NULL);

      g_assert_nonnull (image);
      us[i] = (double)(g_get_monotonic_time () - begin);
    }
  for (guint i = 0; i < G_N_ELEMENTS (us); i++)
    for (guint k = i + 1; k < G_N_ELEMENTS (us); k++)
      if (us[k] < us[i])
        {
          double swap = us[i];

          us[i] = us[k];
          us[k] = swap;
        }
  g_test_message ("a small picture: median %.1f ms, at most %.1f ms", us[10] / 1000, us[20] / 1000);
}

int
main (int argc, char **argv)
{
  if (g_getenv ("FALSE_DECODER") != NULL)
    {
      prctl (PR_SET_DUMPABLE, 0);
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      return play (g_getenv ("FALSE_DECODER"));
    }
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image-isolated/kinds", test_kinds);
  g_test_add_func ("/image-isolated/damaged", test_damaged);
  g_test_add_func ("/image-isolated/bombs", test_bombs);
  g_test_add_func ("/image-isolated/walls", test_walls);
  g_test_add_func ("/image-isolated/failures", test_failures);
  g_test_add_func ("/image-isolated/lingering", test_lingering);
  g_test_add_func ("/image-isolated/cancelled", test_cancelled);
  g_test_add_func ("/image-isolated/killed", test_killed);
  g_test_add_func ("/image-isolated/missing", test_missing);
  g_test_add_func ("/image-isolated/time", test_time);
  return g_test_run ();
}
