/* PmodImage: an immutable RGB8 picture, and how it comes out of a file.
 *
 * Not here: decoding (pmod-image-decode.c), resizing (pmod-image-resize.c), what a vision tower
 * reads (pmod-image-pixels.c). No object here is ever changed after it was handed out, so that
 * threads share them without locks. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pmod-image-private.h"

/* More than PMOD_IMAGE_MAX_PIXELS take uncompressed. */
#define MAX_FILE_BYTES (G_GINT64_CONSTANT (1) << 30)

struct _PmodImage
{
  gatomicrefcount ref_count;
  int width;
  int height;
  const guint8 *rgb; /* [height, width, 3], inside owner */
  gpointer owner;
  GDestroyNotify release;
  char *path; /* nullable */
  guint64 hash;
};

static inline guint64
mix (guint64 state, guint64 word)
{
  state ^= word * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  state = (state << 29) | (state >> 35);
  return state * G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
}

/* Four chains, because one would wait for its own multiplications. */
static guint64
compute_hash (const guint8 *bytes, gsize n_bytes, int width, int height)
{
  guint64 chain[4] = { (guint64)width, (guint64)height, 3, 4 };
  guint64 words[4];
  gsize at = 0;
  for (; at + sizeof words <= n_bytes; at += sizeof words)
    {
      memcpy (words, bytes + at, sizeof words);
      for (int i = 0; i < 4; i++)
        chain[i] = mix (chain[i], words[i]);
    }
  memset (words, 0, sizeof words);
  memcpy (words, bytes + at, n_bytes - at);

  guint64 hash = n_bytes;
  for (int i = 0; i < 4; i++)
    hash = mix (hash, mix (chain[i], words[i]));
  return hash ^ (hash >> 32);
}

PmodImage *
pmod_image_new_take (
    int width, int height, const guint8 *rgb, gpointer owner, GDestroyNotify release)
{
  PmodImage *self = g_new0 (PmodImage, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->width = width;
  self->height = height;
  self->rgb = rgb;
  self->owner = owner;
  self->release = release;
  self->hash = compute_hash (rgb, (gsize)width * height * 3, width, height);
  return self;
}

PmodImage *
pmod_image_new (int width, int height, gsize row_stride, const guint8 *rgb)
{
  g_return_val_if_fail (width > 0 && width <= PMOD_IMAGE_MAX_SIDE, NULL);
  g_return_val_if_fail (height > 0 && height <= PMOD_IMAGE_MAX_SIDE, NULL);
  g_return_val_if_fail ((gint64)width * height <= PMOD_IMAGE_MAX_PIXELS, NULL);
  g_return_val_if_fail (row_stride >= (gsize)width * 3, NULL);
  g_return_val_if_fail (rgb != NULL, NULL);

  gsize row_bytes = (gsize)width * 3;
  guint8 *copy = g_malloc (row_bytes * height);
  for (int y = 0; y < height; y++)
    memcpy (copy + y * row_bytes, rgb + y * row_stride, row_bytes);
  return pmod_image_new_take (width, height, copy, copy, g_free);
}

PmodImage *
pmod_image_ref (PmodImage *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
pmod_image_unref (PmodImage *self)
{
  g_return_if_fail (self != NULL);
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  self->release (self->owner);
  g_free (self->path);
  g_free (self);
}

int
pmod_image_get_width (const PmodImage *self)
{
  return self->width;
}

int
pmod_image_get_height (const PmodImage *self)
{
  return self->height;
}

const guint8 *
pmod_image_get_rgb (const PmodImage *self)
{
  return self->rgb;
}

const char *
pmod_image_get_path (const PmodImage *self)
{
  return self->path;
}

guint64
pmod_image_get_hash (const PmodImage *self)
{
  return self->hash;
}

void
pmod_image_set_path (PmodImage *self, const char *path)
{
  g_free (self->path);
  self->path = g_strdup (path);
}

static gboolean
check_file (int fd, const char *path, gsize *n_bytes, GError **error)
{
  struct stat info;
  if (fstat (fd, &info) != 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: %s", path, g_strerror (errno));
      return FALSE;
    }
  if (!S_ISREG (info.st_mode))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: expected a picture, got a %s", path,
                   S_ISDIR (info.st_mode) ? "directory" : "file that is not a regular one");
      return FALSE;
    }
  if (info.st_size > MAX_FILE_BYTES)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "%s: expected a picture of at most %" G_GINT64_FORMAT
                   " bytes, got %" G_GINT64_FORMAT " bytes",
                   path, MAX_FILE_BYTES, (gint64)info.st_size);
      return FALSE;
    }
  *n_bytes = (gsize)info.st_size;
  return TRUE;
}

/* Reads rather than maps: a file that shrinks meanwhile must not kill the program. */
static GBytes *
read_all (int fd, const char *path, gsize n_bytes, GError **error)
{
  g_autofree guint8 *data = g_try_malloc (MAX (n_bytes, 1));
  if (data == NULL)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_MEMORY,
                   "%s: no memory for its %" G_GSIZE_FORMAT " bytes", path, n_bytes);
      return NULL;
    }
  gsize done = 0;
  while (done < n_bytes)
    {
      gssize got = read (fd, data + done, n_bytes - done);
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: %s", path, g_strerror (errno));
          return NULL;
        }
      if (got == 0)
        break;
      done += (gsize)got;
    }
  return g_bytes_new_take (g_steal_pointer (&data), done);
}

GBytes *
pmod_image_read_file (const char *path, GError **error)
{
  /* Not to wait for somebody to write to a pipe. */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: %s", path, g_strerror (errno));
      return NULL;
    }
  gsize n_bytes = 0;
  GBytes *bytes = NULL;
  if (check_file (fd, path, &n_bytes, error))
    bytes = read_all (fd, path, n_bytes, error);
  close (fd);
  return bytes;
}

PmodImage *
pmod_image_load (const char *path, PmodImageFlags flags, GError **error)
{
  g_return_val_if_fail (path != NULL, NULL);

  g_autoptr (GBytes) bytes = pmod_image_read_file (path, error);
  if (bytes == NULL)
    return NULL;
  PmodImage *self = pmod_image_decode (bytes, path, flags, error);
  if (self != NULL)
    pmod_image_set_path (self, path);
  return self;
}

PmodImage *
pmod_image_load_bytes (GBytes *bytes, PmodImageFlags flags, GError **error)
{
  g_return_val_if_fail (bytes != NULL, NULL);
  return pmod_image_decode (bytes, "picture", flags, error);
}
