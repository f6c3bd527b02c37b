/* PmodPicture: a picture off the main thread and back. See pmod-picture.h.
 *
 * Owners: the GTask's thread owns what it reads until it returns; the finished object is
 * immutable and belongs to the main thread, the PmodImage in it may be shared with the engine. */
#include "config.h"

#include "pmod-picture-private.h"

#include "pmod-sample.h"

/* Every GL driver that GTK supports takes textures of this size. */
#define MAX_SHOWN_SIDE 2048

/* A file larger than this is no picture that the decoder would accept. */
#define MAX_FILE_BYTES (512 * 1024 * 1024)

#define STREAM_CHUNK_BYTES (64 * 1024)

struct _PmodPicture
{
  GObject parent_instance;

  PmodImage *image;
  GBytes *shown;
  int shown_width;
  int shown_height;
  char *name;
  char **questions;
  GBytes *encoded;  /* the file's; NULL where it was made of pixels */
  GPtrArray *parts; /* PmodPicture; NULL: it is one alone */
};

typedef struct
{
  GFile *file;
  GBytes *bytes;
  GInputStream *stream; /* read into received, then bytes */
  GByteArray *received;
  char *name;
} Source;

G_DEFINE_FINAL_TYPE (PmodPicture, pmod_picture, G_TYPE_OBJECT)

static void
pmod_picture_finalize (GObject *object)
{
  PmodPicture *self = PMOD_PICTURE (object);

  g_clear_pointer (&self->image, pmod_image_unref);
  g_clear_pointer (&self->shown, g_bytes_unref);
  g_clear_pointer (&self->name, g_free);
  g_clear_pointer (&self->questions, g_strfreev);
  g_clear_pointer (&self->encoded, g_bytes_unref);
  g_clear_pointer (&self->parts, g_ptr_array_unref);

  G_OBJECT_CLASS (pmod_picture_parent_class)->finalize (object);
}

static void
pmod_picture_class_init (PmodPictureClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pmod_picture_finalize;
}

static void
pmod_picture_init (PmodPicture *self)
{
}

static void
source_free (Source *source)
{
  g_clear_object (&source->file);
  g_clear_pointer (&source->bytes, g_bytes_unref);
  g_clear_object (&source->stream);
  g_clear_pointer (&source->received, g_byte_array_unref);
  g_free (source->name);
  g_free (source);
}

/* The shown pixels keep the image alive instead of copying it. */
static void
set_shown (PmodPicture *self)
{
  int width = pmod_image_get_width (self->image);
  int height = pmod_image_get_height (self->image);
  int longest = MAX (width, height);
  PmodImage *shown;

  if (longest > MAX_SHOWN_SIDE)
    shown =
        pmod_image_resize (self->image, MAX (1, (int)((gint64)width * MAX_SHOWN_SIDE / longest)),
                           MAX (1, (int)((gint64)height * MAX_SHOWN_SIDE / longest)));
  else
    shown = pmod_image_ref (self->image);

  self->shown_width = pmod_image_get_width (shown);
  self->shown_height = pmod_image_get_height (shown);
  self->shown = g_bytes_new_with_free_func (pmod_image_get_rgb (shown),
                                            (gsize)self->shown_width * self->shown_height * 3,
                                            (GDestroyNotify)pmod_image_unref, shown);
}

static GBytes *
read_file (GFile *file, GCancellable *cancellable, GError **error)
{
  g_autoptr (GFileInfo) info = g_file_query_info (file, G_FILE_ATTRIBUTE_STANDARD_SIZE,
                                                  G_FILE_QUERY_INFO_NONE, cancellable, error);

  if (!info)
    return NULL;
  if (g_file_info_get_size (info) > MAX_FILE_BYTES)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "the file has %" G_GOFFSET_FORMAT " bytes; a picture may have at most %d",
                   g_file_info_get_size (info), MAX_FILE_BYTES);
      return NULL;
    }
  return g_file_load_bytes (file, cancellable, NULL, error);
}

/* Never decoded here: whatever the file does to its decoder is done to another process. */
static PmodImage *
read_image (const Source *source, GBytes **encoded, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = source->file ? g_file_get_path (source->file) : NULL;

  if (path)
    return pmod_image_load_isolated_keeping (path, PMOD_IMAGE_DEFAULT, NULL, cancellable, encoded,
                                             error);
  *encoded =
      source->file ? read_file (source->file, cancellable, error) : g_bytes_ref (source->bytes);
  if (!*encoded)
    return NULL;
  return pmod_image_load_bytes_isolated (*encoded, PMOD_IMAGE_DEFAULT, NULL, cancellable, error);
}

static void
load_thread (GTask *task, gpointer object, gpointer data, GCancellable *cancellable)
{
  Source *source = data;
  g_autoptr (PmodPicture) self = g_object_new (PMOD_TYPE_PICTURE, NULL);
  GError *error = NULL;

  self->image = read_image (source, &self->encoded, cancellable, &error);
  if (!self->image)
    {
      g_task_return_error (task, error);
      return;
    }
  set_shown (self);
  self->name = g_strdup (source->name);
  if (source->file)
    self->questions = pmod_sample_find_questions (source->file);
  if (!self->questions)
    self->questions = g_new0 (char *, 1);
  g_task_return_pointer (task, g_steal_pointer (&self), g_object_unref);
}

static void
start_loading (Source *source,
               GCancellable *cancellable,
               GAsyncReadyCallback callback,
               gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, start_loading);
  g_task_set_task_data (task, source, (GDestroyNotify)source_free);
  g_task_run_in_thread (task, load_thread);
}

void
pmod_picture_load_file_async (GFile *file,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  Source *source;
  g_autofree char *base = NULL;

  g_return_if_fail (G_IS_FILE (file));

  base = g_file_get_basename (file);
  source = g_new0 (Source, 1);
  source->file = g_object_ref (file);
  source->name = base ? g_filename_display_name (base) : g_strdup ("");
  start_loading (source, cancellable, callback, user_data);
}

void
pmod_picture_load_bytes_async (GBytes *bytes,
                               const char *name,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  Source *source;

  g_return_if_fail (bytes != NULL);

  source = g_new0 (Source, 1);
  source->bytes = g_bytes_ref (bytes);
  source->name = g_strdup (name);
  start_loading (source, cancellable, callback, user_data);
}

static void
stream_read_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Source *source = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GBytes) bytes =
      g_input_stream_read_bytes_finish (G_INPUT_STREAM (object), result, &error);
  gsize n_bytes = bytes ? g_bytes_get_size (bytes) : 0;

  if (!bytes)
    g_task_return_error (task, error);
  else if (n_bytes > MAX_FILE_BYTES - source->received->len)
    g_task_return_new_error (task, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                             "the picture has more than the %d bytes that one may have",
                             MAX_FILE_BYTES);
  else if (n_bytes == 0)
    {
      source->bytes = g_byte_array_free_to_bytes (g_steal_pointer (&source->received));
      g_task_run_in_thread (task, load_thread);
    }
  else
    {
      g_byte_array_append (source->received, g_bytes_get_data (bytes, NULL), (guint)n_bytes);
      g_input_stream_read_bytes_async (source->stream, STREAM_CHUNK_BYTES, G_PRIORITY_DEFAULT,
                                       g_task_get_cancellable (task), stream_read_cb,
                                       g_object_ref (task));
    }
}

void
pmod_picture_load_stream_async (GInputStream *stream,
                                const char *name,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  GTask *task;
  Source *source;

  g_return_if_fail (G_IS_INPUT_STREAM (stream));

  task = g_task_new (NULL, cancellable, callback, user_data);
  source = g_new0 (Source, 1);
  source->stream = g_object_ref (stream);
  source->received = g_byte_array_new ();
  source->name = g_strdup (name);
  g_task_set_source_tag (task, pmod_picture_load_stream_async);
  g_task_set_task_data (task, source, (GDestroyNotify)source_free);
  g_input_stream_read_bytes_async (stream, STREAM_CHUNK_BYTES, G_PRIORITY_DEFAULT, cancellable,
                                   stream_read_cb, task);
}

PmodPicture *
pmod_picture_load_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

const char *
pmod_picture_get_name (PmodPicture *self)
{
  g_return_val_if_fail (PMOD_IS_PICTURE (self), NULL);
  return self->name;
}

int
pmod_picture_get_width (PmodPicture *self)
{
  g_return_val_if_fail (PMOD_IS_PICTURE (self), 0);
  return pmod_image_get_width (self->image);
}

int
pmod_picture_get_height (PmodPicture *self)
{
  g_return_val_if_fail (PMOD_IS_PICTURE (self), 0);
  return pmod_image_get_height (self->image);
}

GBytes *
pmod_picture_get_pixels (PmodPicture *self, int *width, int *height)
{
  g_return_val_if_fail (PMOD_IS_PICTURE (self), NULL);

  *width = self->shown_width;
  *height = self->shown_height;
  return self->shown;
}

PmodPicture *
pmod_picture_new_rgb (const char *name, int width, int height, gsize row_stride, const guint8 *rgb)
{
  PmodPicture *self = g_object_new (PMOD_TYPE_PICTURE, NULL);

  self->image = pmod_image_new (width, height, row_stride, rgb);
  self->name = g_strdup (name);
  self->questions = g_new0 (char *, 1);
  set_shown (self);
  return self;
}

PmodImage *
pmod_picture_get_image (PmodPicture *self)
{
  return self->image;
}

GBytes *
pmod_picture_encode (PmodPicture *self, GError **error)
{
  return self->encoded ? g_bytes_ref (self->encoded)
                       : pmod_archive_encode_picture (self->image, error);
}

const char *const *
pmod_picture_get_questions (PmodPicture *self)
{
  g_return_val_if_fail (PMOD_IS_PICTURE (self), NULL);
  return (const char *const *)self->questions;
}

/* --- Several --------------------------------------------------------------------------------- */

guint
pmod_picture_get_n_parts (PmodPicture *self)
{
  return self->parts ? self->parts->len : 1;
}

PmodPicture *
pmod_picture_get_part (PmodPicture *self, guint i)
{
  g_return_val_if_fail (i < pmod_picture_get_n_parts (self), NULL);
  return self->parts ? self->parts->pdata[i] : self;
}

PmodPicture *
pmod_picture_join (GPtrArray *pictures)
{
  PmodPicture *first, *self;

  g_return_val_if_fail (pictures->len > 0, NULL);

  first = pictures->pdata[0];
  if (pictures->len == 1)
    return g_object_ref (first);
  self = g_object_new (PMOD_TYPE_PICTURE, NULL);
  self->image = pmod_image_ref (first->image);
  self->shown = g_bytes_ref (first->shown);
  self->shown_width = first->shown_width;
  self->shown_height = first->shown_height;
  self->name = g_strdup (first->name);
  self->questions = g_strdupv (first->questions);
  self->encoded = first->encoded ? g_bytes_ref (first->encoded) : NULL;
  self->parts = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < pictures->len; i++)
    g_ptr_array_add (self->parts, g_object_ref (pictures->pdata[i]));
  return self;
}

gboolean
pmod_picture_is_same (PmodPicture *a, PmodPicture *b)
{
  if (!a || !b || pmod_picture_get_n_parts (a) != pmod_picture_get_n_parts (b))
    return a == b;
  for (guint i = 0; i < pmod_picture_get_n_parts (a); i++)
    if (pmod_picture_get_part (a, i) != pmod_picture_get_part (b, i))
      return FALSE;
  return TRUE;
}

GPtrArray *
pmod_picture_collect_images (PmodPicture *self)
{
  GPtrArray *images;

  if (!self)
    return NULL;
  images = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_image_unref);
  for (guint i = 0; i < pmod_picture_get_n_parts (self); i++)
    g_ptr_array_add (images, pmod_image_ref (pmod_picture_get_part (self, i)->image));
  return images;
}
