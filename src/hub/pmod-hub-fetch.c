/* One file: its part is continued where it ends, or begun anew where the server cannot do that,
 * hashed on the way and compared with the server's list at the end. What went wrong on the way
 * (a connection that broke) is tried again a few times; what is wrong (lengths, bytes) is not,
 * except that bytes which were put together from several attempts are fetched anew once. */
#include "pmod-hub-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES (256 * 1024)

/* So much of a file counts as an attempt that worked. */
#define PROGRESS_BYTES (64 * 1024)

/* A part that grows. */
typedef struct
{
  const PmodHubEntry *entry;
  char *path;
  char *what; /* for messages: the file's path in its repository */
  int fd;
  guint64 size;
  GChecksum *checksum; /* of these bytes */
  gboolean is_joined;  /* from several attempts or an earlier run */
} Part;

void
pmod_hub_report (PmodHubReporter *self, PmodHubPhase phase, const char *file, guint64 bytes)
{
  self->progress.phase = phase;
  self->progress.file = file;
  self->progress.done += bytes;
  if (self->func != NULL)
    self->func (&self->progress, self->user_data);
}

static gboolean
fail_file (const char *path, const char *what, GError **error)
{
  int number = errno;
  gboolean is_full = number == ENOSPC || number == EDQUOT || number == EFBIG;

  g_set_error (error, PMOD_HUB_ERROR, is_full ? PMOD_HUB_ERROR_SPACE : PMOD_HUB_ERROR_FILE,
               "%s: cannot %s: %s%s", path, what, g_strerror (number),
               is_full ? "; what is there stays, and the same command goes on from it" : "");
  return FALSE;
}

/* --- Hashing what is there -------------------------------------------------------------------- */

/* Feeds checksum with the file from where fd stands. */
static gboolean
hash_file (int fd,
           const PmodHubEntry *entry,
           const char *path,
           GChecksum *checksum,
           PmodHubReporter *reporter,
           GCancellable *cancellable,
           GError **error)
{
  g_autofree guint8 *buffer = g_malloc (BUFFER_BYTES);
  gssize n;

  while ((n = read (fd, buffer, BUFFER_BYTES)) > 0)
    {
      g_checksum_update (checksum, buffer, n);
      pmod_hub_report (reporter, PMOD_HUB_PHASE_CHECK, entry->path, (guint64)n);
      if (!pmod_hub_check_cancelled (cancellable, error))
        return FALSE;
    }
  return n == 0 || fail_file (path, "read", error);
}

char *
pmod_hub_verify (const PmodHubEntry *entry,
                 const char *path,
                 PmodHubReporter *reporter,
                 GCancellable *cancellable,
                 GError **error)
{
  g_autoptr (GChecksum) checksum = pmod_hub_entry_checksum (entry);
  gint64 size = pmod_hub_file_size (path);
  int fd = size >= 0 ? open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
  const char *got;
  gboolean ok;

  if (fd < 0)
    return g_strdup_printf ("%s: missing", entry->path);
  if ((guint64)size != entry->size)
    {
      close (fd);
      return g_strdup_printf ("%s: expected %" G_GUINT64_FORMAT " bytes, got %" G_GINT64_FORMAT,
                              entry->path, entry->size, size);
    }
  ok = hash_file (fd, entry, path, checksum, reporter, cancellable, error);
  close (fd);
  if (!ok)
    return g_strdup_printf ("%s: not checked", entry->path);
  got = g_checksum_get_string (checksum);
  if (strcmp (got, entry->hash) == 0)
    return NULL;
  return g_strdup_printf ("%s: expected %s %s, got %s", entry->path,
                          pmod_hub_hash_name (entry->kind), entry->hash, got);
}

/* --- The part --------------------------------------------------------------------------------- */

static void
part_clear (Part *self)
{
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->path);
  g_free (self->what);
  g_clear_pointer (&self->checksum, g_checksum_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Part, part_clear)

/* Back to no bytes. */
static gboolean
part_restart (Part *self, GError **error)
{
  g_clear_pointer (&self->checksum, g_checksum_free);
  self->checksum = pmod_hub_entry_checksum (self->entry);
  self->size = 0;
  self->is_joined = FALSE;
  if (ftruncate (self->fd, 0) == 0 && lseek (self->fd, 0, SEEK_SET) == 0)
    return TRUE;
  return fail_file (self->path, "begin anew", error);
}

/* What an earlier run left is hashed again: it may have been cut or changed since. */
static gboolean
part_open (Part *self,
           const PmodHubPlan *plan,
           PmodHubReporter *reporter,
           GCancellable *cancellable,
           GError **error)
{
  struct stat st;
  guint64 done = reporter->progress.done;
  gboolean ok;

  self->path = pmod_hub_dup_part (plan, self->entry);
  self->what = g_strdup_printf ("%s: %s", self->entry->repo, self->entry->remote);
  self->checksum = pmod_hub_entry_checksum (self->entry);
  self->fd = open (self->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (self->fd < 0 || fstat (self->fd, &st) != 0)
    return fail_file (self->path, "open", error);
  if (!S_ISREG (st.st_mode))
    {
      g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_FILE,
                   "%s: expected a file, got something else", self->path);
      return FALSE;
    }
  if ((guint64)st.st_size > self->entry->size)
    return part_restart (self, error);
  self->size = (guint64)st.st_size;
  self->is_joined = st.st_size > 0;
  ok = hash_file (self->fd, self->entry, self->path, self->checksum, reporter, cancellable, error);
  reporter->progress.done = done;
  return ok;
}

static gboolean
part_append (Part *self, const guint8 *bytes, gsize length, GError **error)
{
  gsize done = 0;

  while (done < length)
    {
      gssize n = write (self->fd, bytes + done, length - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return fail_file (self->path, "write", error);
      g_checksum_update (self->checksum, bytes + done, n);
      done += (gsize)n;
      self->size += (guint64)n;
    }
  return TRUE;
}

/* --- From the server -------------------------------------------------------------------------- */

static gboolean
fail_length (const Part *self, const char *what, guint64 got, GError **error)
{
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT,
               "%s: expected %" G_GUINT64_FORMAT
               " bytes, as listed; the server %s %" G_GUINT64_FORMAT,
               self->what, self->entry->size, what, got);
  return FALSE;
}

/* What the answer says of itself must fit to what was listed and asked for. */
static gboolean
check_reply (Part *self, const PmodHubReply *reply, GError **error)
{
  guint64 rest;

  if (!reply->is_partial && self->size > 0 && !part_restart (self, error))
    return FALSE;
  rest = self->entry->size - self->size;
  if (reply->is_partial && reply->start != self->size)
    {
      g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_SERVER,
                   "%s: expected the bytes from %" G_GUINT64_FORMAT " on, the server sends others",
                   self->what, self->size);
      return FALSE;
    }
  if (reply->total >= 0 && (guint64)reply->total != self->entry->size)
    return fail_length (self, "offers", (guint64)reply->total, error);
  if (reply->length >= 0 && (guint64)reply->length != rest)
    return fail_length (self, "offers", self->size + (guint64)reply->length, error);
  return TRUE;
}

/* Copies the body into the part. One byte more than there may be is asked for, to see that there is
 * none. */
static gboolean
copy_body (Part *self,
           GInputStream *stream,
           PmodHubReply *reply,
           PmodHubReporter *reporter,
           GCancellable *cancellable,
           GError **error)
{
  g_autofree guint8 *buffer = g_malloc (BUFFER_BYTES);
  gssize n;

  for (;;)
    {
      guint64 rest = self->entry->size - self->size;
      g_autoptr (GError) local = NULL;

      n = g_input_stream_read (stream, buffer, (gsize)MIN (rest + 1, BUFFER_BYTES), cancellable,
                               &local);
      if (g_cancellable_is_cancelled (cancellable))
        return pmod_hub_check_cancelled (cancellable, error);
      if (n == 0 && rest == 0)
        return TRUE;
      if (n <= 0)
        {
          reply->is_transient = TRUE;
          g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_NETWORK,
                       "%s: the connection broke again and again, at last after %" G_GUINT64_FORMAT
                       " of %" G_GUINT64_FORMAT " bytes%s%s",
                       self->what, self->size, self->entry->size, local != NULL ? ": " : "",
                       local != NULL ? local->message : "");
          return FALSE;
        }
      if ((guint64)n > rest)
        return fail_length (self, "sends at least", self->size + (guint64)n, error);
      if (!part_append (self, buffer, (gsize)n, error))
        return FALSE;
      pmod_hub_report (reporter, PMOD_HUB_PHASE_DOWNLOAD, self->entry->path, (guint64)n);
    }
}

/* One request. What a server makes us fetch again is more to fetch. */
static gboolean
attempt (Part *self,
         PmodHubHttp *http,
         PmodHubReply *reply,
         PmodHubReporter *reporter,
         GCancellable *cancellable,
         GError **error)
{
  g_autofree char *url = pmod_hub_entry_dup_url (self->entry);
  guint64 before = self->size;
  g_autoptr (GInputStream) stream =
      pmod_hub_http_get (http, url, self->what, self->size, reply, cancellable, error);

  if (stream == NULL || !check_reply (self, reply, error))
    return FALSE;
  reporter->progress.total += before - self->size;
  if (self->size > 0)
    self->is_joined = TRUE;
  return copy_body (self, stream, reply, reporter, cancellable, error);
}

static gboolean
download (Part *self,
          PmodHubHttp *http,
          PmodHubReporter *reporter,
          GCancellable *cancellable,
          GError **error)
{
  PmodHubRetry retry = { 0 };

  while (self->size < self->entry->size)
    {
      g_auto (PmodHubReply) reply = { 0 };
      g_autoptr (GError) local = NULL;
      guint64 before = self->size;

      if (attempt (self, http, &reply, reporter, cancellable, &local))
        return TRUE;
      if (self->size >= before + PROGRESS_BYTES)
        retry.n_failed = 0;
      if (reply.is_transient)
        pmod_hub_report (reporter, PMOD_HUB_PHASE_WAIT, self->entry->path, 0);
      if (!pmod_hub_retry_wait (&retry, &reply, cancellable, &local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
    }
  return TRUE;
}

/* --- The whole -------------------------------------------------------------------------------- */

static gboolean
fill (Part *self,
      PmodHubHttp *http,
      PmodHubReporter *reporter,
      GCancellable *cancellable,
      GError **error)
{
  if (self->entry->content != NULL && g_bytes_get_size (self->entry->content) == self->entry->size)
    {
      gsize length;
      const guint8 *bytes = g_bytes_get_data (self->entry->content, &length);

      return part_restart (self, error) && part_append (self, bytes, length, error);
    }
  return download (self, http, reporter, cancellable, error);
}

gboolean
pmod_hub_fetch (PmodHubHttp *http,
                const PmodHubPlan *plan,
                const PmodHubEntry *entry,
                PmodHubReporter *reporter,
                GCancellable *cancellable,
                GError **error)
{
  g_auto (Part) part = { .entry = entry, .fd = -1 };
  const char *got = NULL;

  if (!part_open (&part, plan, reporter, cancellable, error))
    return FALSE;
  for (int i = 0;; i++)
    {
      if (!fill (&part, http, reporter, cancellable, error))
        return FALSE;
      got = g_checksum_get_string (part.checksum);
      if (strcmp (got, entry->hash) == 0)
        return fsync (part.fd) == 0 || fail_file (part.path, "write", error);
      if (!part.is_joined || i > 0)
        break;
      reporter->progress.total += part.size;
      if (!part_restart (&part, error))
        return FALSE;
    }
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT,
               "%s: expected %s %s, got %s; the bytes were thrown away", part.what,
               pmod_hub_hash_name (entry->kind), entry->hash, got);
  unlink (part.path);
  return FALSE;
}
