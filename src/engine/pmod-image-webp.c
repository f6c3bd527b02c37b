/* WebP by libwebp itself: gdk-pixbuf's loader hands out half-empty pictures for truncated files.
 * Of an animation, the first frame on a black canvas. */
#include "config.h"

#include <webp/decode.h>
#include <webp/demux.h>

#include "pmod-image-private.h"

static gboolean
set_damaged (const char *name, const char *what, GError **error)
{
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: damaged WebP: %s", name, what);
  return FALSE;
}

/* Decodes without alpha straight into the place of the frame. */
static gboolean
decode_frame (const WebPIterator *frame, const char *name, PmodImageRaw *raw, GError **error)
{
  int right = frame->x_offset + frame->width;
  int bottom = frame->y_offset + frame->height;
  if (frame->x_offset < 0 || frame->y_offset < 0 || right > raw->width || bottom > raw->height)
    return set_damaged (name, "the first frame lies outside of the picture", error);

  gsize begin = frame->y_offset * raw->stride + (gsize)frame->x_offset * 3;
  gsize end = raw->height * raw->stride;
  if (WebPDecodeRGBInto (frame->fragment.bytes, frame->fragment.size, raw->pixels + begin,
                         end - begin, (int)raw->stride) == NULL)
    return set_damaged (name, "the data of its pixels cannot be decoded", error);
  return TRUE;
}

static int
read_orientation (WebPDemuxer *demuxer)
{
  WebPChunkIterator chunk;
  int orientation = 1;
  if (WebPDemuxGetChunk (demuxer, "EXIF", 1, &chunk))
    {
      orientation = pmod_image_container_get_exif_orientation (chunk.chunk.bytes, chunk.chunk.size);
      WebPDemuxReleaseChunkIterator (&chunk);
    }
  return orientation;
}

static gboolean
decode (WebPDemuxer *demuxer, const char *name, PmodImageRaw *raw, GError **error)
{
  guint32 width = WebPDemuxGetI (demuxer, WEBP_FF_CANVAS_WIDTH);
  guint32 height = WebPDemuxGetI (demuxer, WEBP_FF_CANVAS_HEIGHT);
  if (!pmod_image_check_size (width, height, name, error))
    return FALSE;
  raw->width = (int)width;
  raw->height = (int)height;
  raw->n_channels = 3;
  raw->stride = (gsize)width * 3;
  raw->orientation = read_orientation (demuxer);
  raw->pixels = g_try_malloc0_n (height, raw->stride);
  if (raw->pixels == NULL)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_MEMORY, "%s: no memory for a picture of %u x %u",
                   name, width, height);
      return FALSE;
    }
  raw->owner = raw->pixels;
  raw->release = g_free;

  WebPIterator frame;
  if (!WebPDemuxGetFrame (demuxer, 1, &frame))
    return set_damaged (name, "it has no frame", error);
  gboolean decoded = decode_frame (&frame, name, raw, error);
  WebPDemuxReleaseIterator (&frame);
  return decoded;
}

gboolean
pmod_image_decode_webp (GBytes *bytes, const char *name, PmodImageRaw *raw, GError **error)
{
  WebPData data;
  WebPDemuxState state;
  data.bytes = g_bytes_get_data (bytes, &data.size);
  WebPDemuxer *demuxer = WebPDemuxPartial (&data, &state);
  gboolean decoded = FALSE;
  if (demuxer == NULL || state != WEBP_DEMUX_DONE)
    set_damaged (name,
                 state == WEBP_DEMUX_PARSE_ERROR ? "its chunks make no sense" : "it is truncated",
                 error);
  else
    decoded = decode (demuxer, name, raw, error);
  WebPDemuxDelete (demuxer);
  return decoded;
}
