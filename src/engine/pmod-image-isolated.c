/* Calls pmod-picture-decoder and believes nothing that it says: see pmod-image-wire.h. The pixels
 * that it wrote are sealed and mapped only after it has ended, so that they cannot change or
 * shrink under their reader. */
#include "config.h"

#include "pmod-image-isolated.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pmod-image-private.h"
#include "pmod-image-wire.h"

#define TIMEOUT_MS (60 * 1000)
#define PROGRAM "pmod-picture-decoder"

/* One call. */
typedef struct
{
  const char *name; /* for messages */
  GCancellable *cancellable;
  int file;
  int pixels;
  int reply[2];
  pid_t pid;
  int status; /* as waitpid() tells, once it has ended */
  gboolean is_late;
  gboolean has_answered; /* with as many bytes as a reply has */
} Call;

/* The mapped pixels of an image. */
typedef struct
{
  void *data;
  gsize n_bytes;
} Mapping;

static void
mapping_free (gpointer data)
{
  Mapping *self = data;

  munmap (self->data, self->n_bytes);
  g_free (self);
}

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

static void
call_clear (Call *self)
{
  close_fd (&self->file);
  close_fd (&self->pixels);
  close_fd (&self->reply[0]);
  close_fd (&self->reply[1]);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Call, call_clear)

static gboolean
fail_system (const Call *self, const char *what, int number, GError **error)
{
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: cannot %s for the picture decoder: %s",
               self->name, what, g_strerror (number));
  return FALSE;
}

/* --- Starting --------------------------------------------------------------------------------- */

/* A program of the build tree takes what was built with it. */
static char *
find_program (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);

  if (self != NULL && g_str_has_prefix (self, STRATA_BUILD_DIR G_DIR_SEPARATOR_S))
    return g_build_filename (STRATA_BUILD_DIR, "src", "decoder", PROGRAM, NULL);
  return g_build_filename (STRATA_LIBEXECDIR, PROGRAM, NULL);
}

static gboolean
write_all (int fd, const guint8 *data, gsize n_bytes)
{
  gsize done = 0;

  while (done < n_bytes)
    {
      gssize n = write (fd, data + done, n_bytes - done);

      if (n < 0 && errno != EINTR)
        return FALSE;
      done += n > 0 ? (gsize)n : 0;
    }
  return TRUE;
}

/* Above the descriptors that the program is to get, so that none is in the way of another. */
static int
raise_fd (int fd)
{
  int raised = fd >= 0 ? fcntl (fd, F_DUPFD_CLOEXEC, PMOD_IMAGE_FD_REPLY + 1) : -1;

  close_fd (&fd);
  return raised;
}

static gboolean
open_files (Call *self, GBytes *bytes, GError **error)
{
  gsize n_bytes;
  const guint8 *data = g_bytes_get_data (bytes, &n_bytes);

  self->file = raise_fd (memfd_create ("picture", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  self->pixels = raise_fd (memfd_create ("pixels", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (self->file < 0 || self->pixels < 0 || pipe2 (self->reply, O_CLOEXEC) != 0)
    return fail_system (self, "make memory", errno, error);
  self->reply[1] = raise_fd (self->reply[1]);
  if (!write_all (self->file, data, n_bytes))
    return fail_system (self, "copy the file", errno, error);
  if (fcntl (self->file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
      0)
    return fail_system (self, "seal the file", errno, error);
  return TRUE;
}

static int
add_descriptors (const Call *self, posix_spawn_file_actions_t *actions)
{
  const int from[] = { self->file, self->pixels, self->reply[1] };
  const int to[] = { PMOD_IMAGE_FD_FILE, PMOD_IMAGE_FD_PIXELS, PMOD_IMAGE_FD_REPLY };
  int result = 0;

  for (guint i = 0; i < G_N_ELEMENTS (from) && result == 0; i++)
    result = posix_spawn_file_actions_adddup2 (actions, from[i], to[i]);
  for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO && result == 0; fd++)
    result = posix_spawn_file_actions_addopen (actions, fd, "/dev/null", O_WRONLY, 0);
  return result;
}

static gboolean
start (Call *self, const char *program, PmodImageFlags flags, GError **error)
{
  g_autofree char *number = g_strdup_printf ("%u", (guint)flags);
  char *const args[] = { (char *)program, number, NULL };
  /* A hostile file makes decoders warn; that is no reason for the program to abort. */
  g_auto (GStrv) environment = g_environ_unsetenv (g_get_environ (), "G_DEBUG");
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none;
  int result;

  sigemptyset (&none);
  posix_spawn_file_actions_init (&actions);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setsigmask (&attributes, &none);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGMASK);
  result = add_descriptors (self, &actions);
  if (result == 0)
    result = posix_spawn (&self->pid, program, &actions, &attributes, args, environment);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  close_fd (&self->reply[1]);
  if (result == 0)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
               "%s: expected the picture decoder %s, which cannot be started: %s; the picture was "
               "not opened",
               self->name, program, g_strerror (result));
  return FALSE;
}

/* --- Waiting ---------------------------------------------------------------------------------- */

/* FALSE once it took too long or was cancelled. */
static gboolean
wait_for_data (Call *self, gint64 deadline_us)
{
  GPollFD fds[2] = { { .fd = self->reply[0], .events = G_IO_IN } };
  gboolean can_cancel = g_cancellable_make_pollfd (self->cancellable, &fds[1]);
  gint64 left_ms;
  int n;

  do
    {
      left_ms = (deadline_us - g_get_monotonic_time () + 999) / 1000;
      n = g_poll (fds, can_cancel ? 2 : 1, (int)MAX (left_ms, 0));
    }
  while (n < 0 && errno == EINTR);
  if (can_cancel)
    g_cancellable_release_fd (self->cancellable);
  self->is_late = n == 0;
  return n > 0 && !g_cancellable_is_cancelled (self->cancellable);
}

/* TRUE with a whole reply. Afterwards the program has ended, one way or another. */
static gboolean
read_reply (Call *self, guint timeout_ms, PmodImageReply *reply)
{
  gint64 deadline_us = g_get_monotonic_time () + (gint64)timeout_ms * 1000;
  gsize done = 0;

  while (done < sizeof *reply && wait_for_data (self, deadline_us))
    {
      gssize n = read (self->reply[0], (guint8 *)reply + done, sizeof *reply - done);

      if (n == 0 || (n < 0 && errno != EINTR))
        break;
      done += n > 0 ? (gsize)n : 0;
    }
  /* After its reply it has nothing to do; without one, less. One that ended is not found dead by
   * this signal. */
  self->has_answered = done == sizeof *reply;
  if (self->has_answered || self->is_late || g_cancellable_is_cancelled (self->cancellable))
    kill (self->pid, SIGKILL);
  while (waitpid (self->pid, &self->status, 0) < 0 && errno == EINTR)
    ;
  return self->has_answered && reply->magic == PMOD_IMAGE_REPLY_MAGIC;
}

static PmodImage *
fail_call (const Call *self, guint timeout_ms, GError **error)
{
  if (g_cancellable_is_cancelled (self->cancellable))
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "%s: cancelled", self->name);
  else if (self->is_late || (WIFSIGNALED (self->status) && WTERMSIG (self->status) == SIGXCPU))
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                 "%s: the picture decoder was stopped: it took more than %u s", self->name,
                 self->is_late ? (timeout_ms + 999) / 1000 : PMOD_IMAGE_MAX_CPU_S);
  else if (self->has_answered)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                 "%s: the picture decoder gave an answer that is none", self->name);
  else if (WIFSIGNALED (self->status))
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                 "%s: the picture decoder died of this file (%s); nothing else was touched",
                 self->name, g_strsignal (WTERMSIG (self->status)));
  else
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                 "%s: the picture decoder ended without an answer (exit code %d)", self->name,
                 WEXITSTATUS (self->status));
  return NULL;
}

/* --- The result ------------------------------------------------------------------------------- */

static PmodImage *
fail_reply (const Call *self, const PmodImageReply *reply, GError **error)
{
  g_autofree char *text = g_strndup (reply->message, sizeof reply->message - 1);
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  const char *rest = g_str_has_prefix (valid, PMOD_IMAGE_REPLY_NAME ":")
                         ? valid + strlen (PMOD_IMAGE_REPLY_NAME ":")
                         : " the picture decoder gave no reason";
  gboolean is_code = reply->code >= 0 && reply->code <= PMOD_ERROR_CANCELLED;

  for (char *p = valid; *p != '\0'; p++)
    if (g_ascii_iscntrl (*p))
      *p = ' ';
  g_set_error (error, PMOD_ERROR, is_code ? reply->code : PMOD_ERROR_FORMAT, "%s:%s", self->name,
               rest);
  return NULL;
}

static PmodImage *
take_pixels (const Call *self, const PmodImageReply *reply, GError **error)
{
  gsize n_bytes;
  struct stat st;
  Mapping *mapping;
  void *data;

  if (!pmod_image_check_size (reply->width, reply->height, self->name, error))
    return NULL;
  n_bytes = (gsize)reply->width * (gsize)reply->height * 3;
  if (fcntl (self->pixels, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
          0 ||
      fstat (self->pixels, &st) != 0)
    {
      fail_system (self, "seal the pixels", errno, error);
      return NULL;
    }
  if ((gsize)st.st_size != n_bytes)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: expected %" G_GSIZE_FORMAT " bytes of %d x %d pixels from the picture "
                   "decoder, got %" G_GINT64_FORMAT,
                   self->name, n_bytes, reply->width, reply->height, (gint64)st.st_size);
      return NULL;
    }
  data = mmap (NULL, n_bytes, PROT_READ, MAP_SHARED, self->pixels, 0);
  if (data == MAP_FAILED)
    {
      fail_system (self, "map the pixels", errno, error);
      return NULL;
    }
  mapping = g_new (Mapping, 1);
  *mapping = (Mapping){ data, n_bytes };
  return pmod_image_new_take (reply->width, reply->height, data, mapping, mapping_free);
}

static PmodImage *
decode (GBytes *bytes,
        const char *name,
        PmodImageFlags flags,
        const PmodImageIsolation *isolation,
        GCancellable *cancellable,
        GError **error)
{
  g_auto (Call) call = {
    .name = name, .cancellable = cancellable, .file = -1, .pixels = -1, .reply = { -1, -1 }
  };
  g_autofree char *found = isolation == NULL || isolation->program == NULL ? find_program () : NULL;
  const char *program = found != NULL ? found : isolation->program;
  guint timeout_ms =
      isolation != NULL && isolation->timeout_ms > 0 ? isolation->timeout_ms : TIMEOUT_MS;
  PmodImageReply reply;

  if (!open_files (&call, bytes, error) || !start (&call, program, flags, error))
    return NULL;
  if (!read_reply (&call, timeout_ms, &reply))
    return fail_call (&call, timeout_ms, error);
  if (reply.code != PMOD_IMAGE_REPLY_DECODED)
    return fail_reply (&call, &reply, error);
  return take_pixels (&call, &reply, error);
}

/* --- Public ----------------------------------------------------------------------------------- */

PmodImage *
pmod_image_load_isolated_keeping (const char *path,
                                  PmodImageFlags flags,
                                  const PmodImageIsolation *isolation,
                                  GCancellable *cancellable,
                                  GBytes **bytes,
                                  GError **error)
{
  g_autoptr (GBytes) read = NULL;
  PmodImage *self;

  g_return_val_if_fail (path != NULL, NULL);

  read = pmod_image_read_file (path, error);
  if (read == NULL)
    return NULL;
  self = decode (read, path, flags, isolation, cancellable, error);
  if (self == NULL)
    return NULL;
  pmod_image_set_path (self, path);
  *bytes = g_steal_pointer (&read);
  return self;
}

PmodImage *
pmod_image_load_isolated (const char *path,
                          PmodImageFlags flags,
                          const PmodImageIsolation *isolation,
                          GCancellable *cancellable,
                          GError **error)
{
  g_autoptr (GBytes) bytes = NULL;

  return pmod_image_load_isolated_keeping (path, flags, isolation, cancellable, &bytes, error);
}

PmodImage *
pmod_image_load_bytes_isolated (GBytes *bytes,
                                PmodImageFlags flags,
                                const PmodImageIsolation *isolation,
                                GCancellable *cancellable,
                                GError **error)
{
  g_return_val_if_fail (bytes != NULL, NULL);
  return decode (bytes, "picture", flags, isolation, cancellable, error);
}
