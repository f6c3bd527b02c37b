/* PmodPictureTexture: see pmod-picture-texture.h.
 *
 * To shrink is to average: each pixel of the screen is the mean of those that it covers. */
#include "config.h"

#include "pmod-picture-texture.h"

#include <math.h>
#include <string.h>

#define MIN_SHRINK 2 /* from here on it is worth a texture of its own */

void
pmod_picture_texture_set (PmodPictureTexture *self, PmodPicture *picture)
{
  g_clear_object (&self->whole);
  g_clear_object (&self->small);
  g_set_object (&self->picture, picture);
  if (picture)
    {
      int width, height;
      GBytes *pixels = pmod_picture_get_pixels (picture, &width, &height);

      self->whole =
          gdk_memory_texture_new (width, height, GDK_MEMORY_R8G8B8, pixels, (gsize)width * 3);
    }
}

/* Where in the picture, of n pixels, each of the frame's begins; one more for the last one's end.
 */
static int *
make_edges (float area_start, float area_length, float frame_start, int n_out, int scale, int n)
{
  int *edges = g_new (int, n_out + 1);

  for (int i = 0; i <= n_out; i++)
    {
      double place = (frame_start + (double)i / scale - area_start) / area_length * n;

      edges[i] = (int)CLAMP (round (place), 0, n);
    }
  return edges;
}

/* Sums of the columns between edges, over the rows from y0 to y1. */
static void
add_rows (
    const guint8 *pixels, int stride, int y0, int y1, const int *edges, int n_out, guint32 *sums)
{
  memset (sums, 0, (gsize)n_out * 3 * sizeof *sums);
  for (int y = y0; y < y1; y++)
    for (int i = 0; i < n_out; i++)
      {
        const guint8 *pixel = pixels + (gsize)y * stride + (gsize)edges[i] * 3;

        for (int x = edges[i]; x < edges[i + 1]; x++, pixel += 3)
          for (int c = 0; c < 3; c++)
            sums[i * 3 + c] += pixel[c];
      }
}

static GdkTexture *
shrink (PmodPicture *picture, const graphene_rect_t *area, const graphene_rect_t *frame, int scale)
{
  int width, height;
  const guint8 *pixels =
      g_bytes_get_data (pmod_picture_get_pixels (picture, &width, &height), NULL);
  int out_width = (int)round (frame->size.width * (float)scale);
  int out_height = (int)round (frame->size.height * (float)scale);
  g_autofree int *xs =
      make_edges (area->origin.x, area->size.width, frame->origin.x, out_width, scale, width);
  g_autofree int *ys =
      make_edges (area->origin.y, area->size.height, frame->origin.y, out_height, scale, height);
  g_autofree guint32 *sums = g_new (guint32, (gsize)out_width * 3);
  guint8 *out = g_malloc0 ((gsize)out_width * out_height * 3);
  g_autoptr (GBytes) bytes = NULL;

  for (int y = 0; y < out_height; y++)
    {
      add_rows (pixels, width * 3, ys[y], ys[y + 1], xs, out_width, sums);
      for (int i = 0; i < out_width; i++)
        {
          guint32 n = (guint32)((xs[i + 1] - xs[i]) * (ys[y + 1] - ys[y]));

          for (int c = 0; c < 3 && n > 0; c++)
            out[((gsize)y * out_width + i) * 3 + c] = (guint8)((sums[i * 3 + c] + n / 2) / n);
        }
    }
  bytes = g_bytes_new_take (out, (gsize)out_width * out_height * 3);
  return gdk_memory_texture_new (out_width, out_height, GDK_MEMORY_R8G8B8, bytes,
                                 (gsize)out_width * 3);
}

void
pmod_picture_texture_snapshot (PmodPictureTexture *self,
                               GtkSnapshot *snapshot,
                               const graphene_rect_t *area,
                               const graphene_rect_t *frame,
                               int scale)
{
  float shown = area->size.width * (float)scale;

  if ((float)gdk_texture_get_width (self->whole) < MIN_SHRINK * shown)
    {
      gtk_snapshot_append_texture (snapshot, self->whole, area);
      return;
    }
  if (!self->small || self->scale != scale || !graphene_rect_equal (&self->area, area) ||
      !graphene_rect_equal (&self->frame, frame))
    {
      g_clear_object (&self->small);
      self->small = shrink (self->picture, area, frame, scale);
      self->area = *area;
      self->frame = *frame;
      self->scale = scale;
    }
  gtk_snapshot_append_texture (snapshot, self->small, frame);
}
