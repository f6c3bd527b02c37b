/* PmodRunPictures: from places in the merged sequence to the routers' own. See
 * pmod-run-pictures-private.h. */
#include "config.h"

#include "pmod-run-pictures-private.h"

#include <string.h>

static int
count_coarse (const PmodRecordImage *image)
{
  return image->n_planes > 1 ? image->planes[0].rows * image->planes[0].cols : 0;
}

void
pmod_run_pictures_clear (PmodRunPictures *self)
{
  if (!self->images)
    self->images = g_ptr_array_new ();
  g_ptr_array_set_size (self->images, 0);
  self->n_image_tokens = self->n_coarse_tokens = 0;
}

void
pmod_run_pictures_add (PmodRunPictures *self, const PmodRecordImage *image)
{
  if (!self->images) /* a file may begin with a picture that belongs to no run */
    return;
  g_ptr_array_add (self->images, (gpointer)image);
  self->n_image_tokens += image->n_tokens;
  self->n_coarse_tokens += count_coarse (image);
}

void
pmod_run_pictures_free (PmodRunPictures *self)
{
  g_clear_pointer (&self->images, g_ptr_array_unref);
}

const PmodRecordImage *
pmod_run_pictures_get (const PmodRunPictures *self, int picture)
{
  if (!self->images || picture < 0 || picture >= (int)self->images->len)
    return NULL;
  return g_ptr_array_index (self->images, picture);
}

int
pmod_run_pictures_count_tiles (const PmodRunPictures *self)
{
  int n_tiles = 0;

  for (guint i = 0; self->images && i < self->images->len; i++)
    n_tiles += pmod_run_pictures_get (self, (int)i)->n_tiles;
  return n_tiles;
}

int
pmod_run_pictures_get_n_planes (const PmodRunPictures *self, int picture)
{
  const PmodRecordImage *image = pmod_run_pictures_get (self, picture);

  return image ? CLAMP (image->n_planes, 0, PMOD_MAX_PLANES) : 0;
}

/* The trace gives places in the merged sequence; routers count only the tokens that they may
 * skip. Which ones those are follows from their number: all tokens, all of the pictures, or all
 * of the pictures but the first tiles. */
static int
router_index (const PmodRunPictures *self,
              const PmodRecordRunBegin *begin,
              int picture,
              int plane_idx)
{
  const PmodRecordImage *image = pmod_run_pictures_get (self, picture);
  int offset = image->planes[plane_idx].first_token - image->first_token;
  gint64 all = 0; /* tokens of the pictures before */
  gint64 fine = 0;

  if (begin->n_vision == begin->n_tokens)
    return image->planes[plane_idx].first_token;
  for (int i = 0; i < picture; i++)
    {
      const PmodRecordImage *before = pmod_run_pictures_get (self, i);

      all += before->n_tokens;
      fine += before->n_tokens - count_coarse (before);
    }
  if (begin->n_vision == self->n_image_tokens)
    return (int)(all + offset);
  if (begin->n_vision == self->n_image_tokens - self->n_coarse_tokens && image->n_planes > 1)
    return plane_idx == 0 ? -1 : (int)(fine + offset - count_coarse (image));
  return -1;
}

gboolean
pmod_run_pictures_get_plane (const PmodRunPictures *self,
                             const PmodRecordRunBegin *begin,
                             int picture,
                             int plane_idx,
                             PmodRunPlane *info)
{
  const PmodPlane *plane;

  memset (info, 0, sizeof *info);
  if (plane_idx < 0 || plane_idx >= pmod_run_pictures_get_n_planes (self, picture))
    return FALSE;

  plane = &pmod_run_pictures_get (self, picture)->planes[plane_idx];
  info->rows = plane->rows;
  info->cols = plane->cols;
  info->first = router_index (self, begin, picture, plane_idx);
  info->stride = plane->cols + (plane->newlines ? 1 : 0);
  info->x0 = plane->x0;
  info->y0 = plane->y0;
  info->x1 = plane->x1;
  info->y1 = plane->y1;
  return info->rows > 0 && info->cols > 0 && info->x1 > info->x0 && info->y1 > info->y0;
}
