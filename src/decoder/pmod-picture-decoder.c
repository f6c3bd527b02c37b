/* pmod-picture-decoder: decodes one picture for Strata and ends. Before it reads a byte of it, it
 * gives up files, network, processes and most of its memory (pmod-sandbox.c). What it is called
 * with and how it answers is in pmod-image-wire.h. */
#include "config.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pmod-image-wire.h"
#include "pmod-sandbox.h"

/* What libraries fetch from files when it is first needed is fetched now: gdk-pixbuf's loaders, and
 * the converter that reads the texts in a PNG. */
static void
warm_up (void)
{
  static const char *const types[] = { "png", "jpeg", "tiff", "bmp" };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (GdkPixbufLoader) loader = gdk_pixbuf_loader_new_with_type (types[i], NULL);

      if (loader != NULL)
        gdk_pixbuf_loader_close (loader, NULL);
    }
  g_free (g_convert ("\xe9", 1, "UTF-8", "ISO-8859-1", NULL, NULL, NULL));
}

static gboolean
write_all (int fd, const void *data, gsize n_bytes)
{
  gsize done = 0;

  while (done < n_bytes)
    {
      gssize n = write (fd, (const guint8 *)data + done, n_bytes - done);

      if (n <= 0)
        return FALSE;
      done += (gsize)n;
    }
  return TRUE;
}

/* (transfer full) */
static GBytes *
map_file (void)
{
  struct stat st;
  void *data;

  if (fstat (PMOD_IMAGE_FD_FILE, &st) != 0 || st.st_size < 0)
    return NULL;
  if (st.st_size == 0)
    return g_bytes_new_static ("", 0);
  data = mmap (NULL, (gsize)st.st_size, PROT_READ, MAP_PRIVATE, PMOD_IMAGE_FD_FILE, 0);
  return data != MAP_FAILED ? g_bytes_new_static (data, (gsize)st.st_size) : NULL;
}

static void
set_error_reply (PmodImageReply *reply, const GError *error)
{
  reply->code = error->code;
  g_strlcpy (reply->message, error->message, sizeof reply->message);
}

/* Isolates this process, then fills reply. */
static void
decode (PmodImageFlags flags, PmodImageReply *reply)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (PmodImage) image = NULL;
  gsize n_bytes;

  if (!pmod_sandbox_enter (&error))
    {
      set_error_reply (reply, error);
      return;
    }
  bytes = map_file ();
  if (bytes == NULL)
    g_set_error_literal (&error, PMOD_ERROR, PMOD_ERROR_MEMORY,
                         PMOD_IMAGE_REPLY_NAME ": no memory for its bytes");
  else
    image = pmod_image_load_bytes (bytes, flags, &error);
  if (image != NULL)
    {
      reply->width = pmod_image_get_width (image);
      reply->height = pmod_image_get_height (image);
      n_bytes = (gsize)reply->width * (gsize)reply->height * 3;
      if (write_all (PMOD_IMAGE_FD_PIXELS, pmod_image_get_rgb (image), n_bytes))
        return;
      g_set_error_literal (&error, PMOD_ERROR, PMOD_ERROR_MEMORY,
                           PMOD_IMAGE_REPLY_NAME ": no memory for its pixels");
    }
  set_error_reply (reply, error);
}

static int
check (void)
{
  g_autoptr (GError) error = NULL;

  if (pmod_sandbox_enter (&error))
    return pmod_sandbox_check () ? 0 : 1;
  fprintf (stderr, "pmod-picture-decoder: %s\n", error->message);
  return 1;
}

int
main (int argc, char **argv)
{
  PmodImageReply reply = { .magic = PMOD_IMAGE_REPLY_MAGIC, .code = PMOD_IMAGE_REPLY_DECODED };

  if (argc == 2 && strcmp (argv[1], "--check") == 0)
    _exit (check ());
  if (argc != 2 || !g_ascii_isdigit (argv[1][0]))
    {
      fputs ("pmod-picture-decoder is called by Strata; --check tells whether it is isolated\n",
             stderr);
      return 2;
    }
  close_range (PMOD_IMAGE_FD_REPLY + 1, ~0u, 0);
  warm_up ();
  decode ((PmodImageFlags)g_ascii_strtoull (argv[1], NULL, 10), &reply);
  /* Nothing is cleaned up: what exit() calls might want what is forbidden now. */
  _exit (write_all (PMOD_IMAGE_FD_REPLY, &reply, sizeof reply) ? 0 : 1);
}
