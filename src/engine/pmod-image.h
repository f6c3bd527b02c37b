/* Pictures: files to RGB, and RGB to the pixels a vision tower reads, equal to Pillow's.
 *
 * What is decided for odd pictures:
 *   format             told by content: PNG, JPEG, WebP, TIFF, GIF, BMP; a name is never looked at
 *   EXIF orientation   applied (PMOD_IMAGE_IGNORE_EXIF: left alone, as the reference does); TIFF's
 *                      own orientation is always applied, as the reference does too
 *   alpha              dropped, not composited, as the reference does; colours that the file
 *                      stores multiplied with alpha stay so
 *   grey, palette      widened to RGB; CMYK converted without a colour profile
 *   16 bits a channel  the high byte (the reference clips to 255, which whitens everything); in
 *                      TIFF in colour rounded, at most 1 off
 *   gamma, profiles    ignored, as the reference does
 *   GIF, animations    the first frame; TIFF, the first page
 *   truncated          an error, never half a picture
 *   size               up to PMOD_IMAGE_MAX_PIXELS and PMOD_IMAGE_MAX_SIDE, any ratio of sides,
 *                      checked before a pixel is decoded
 *
 * Anything else is an error that says what the file holds. */
#pragma once

#include "pmod-config.h"
#include "pmod-trace.h"

G_BEGIN_DECLS

#define PMOD_IMAGE_MAX_PIXELS (256 * 1000 * 1000)
#define PMOD_IMAGE_MAX_SIDE (1000 * 1000)

typedef enum
{
  PMOD_IMAGE_DEFAULT = 0,
  PMOD_IMAGE_IGNORE_EXIF = 1 << 0,
} PmodImageFlags;

/* An immutable RGB8 picture, reference counted, safe to share between threads. */
typedef struct _PmodImage PmodImage;

PmodImage *pmod_image_load (const char *path, PmodImageFlags flags, GError **error);
PmodImage *pmod_image_load_bytes (GBytes *bytes, PmodImageFlags flags, GError **error);

/* Copies rows of RGB8, row_stride bytes apart. */
PmodImage *pmod_image_new (int width, int height, gsize row_stride, const guint8 *rgb);

PmodImage *pmod_image_ref (PmodImage *self);
void pmod_image_unref (PmodImage *self);
int pmod_image_get_width (const PmodImage *self);
int pmod_image_get_height (const PmodImage *self);

/* [H,W,3] U8. */
const guint8 *pmod_image_get_rgb (const PmodImage *self);

/* The file it came from, or NULL. */
const char *pmod_image_get_path (const PmodImage *self);

/* 64-bit hash of size and pixels: equal pictures have equal hashes. Computed once. */
guint64 pmod_image_get_hash (const PmodImage *self);

/* Pillow's Image.resize with BICUBIC (a = -0.5, antialiased when shrinking, horizontal pass
 * first, 8-bit fixed-point weights and a rounding to U8 between the passes).
 * Equal to Pillow bit for bit. Either size may be the original's. */
PmodImage *pmod_image_resize (const PmodImage *self, int width, int height);

/* What the tower reads, and where each vision token lies in the picture. */
typedef struct
{
  int n_tiles;
  int grid_rows; /* of tiles, 1 x 1 unless anyres */
  int grid_cols;
  int n_tokens; /* vision tokens after the merge, newlines included */
  int n_planes;
  /* first_token relative to the picture's first. A very thin picture's anyres map can have rows of
   * no cells, each with its newline, or no row at all (then there is one plane). */
  PmodPlane planes[PMOD_MAX_PLANES];
  /* Merge of the tiles' features [n_tiles*P, Dv] into n_tokens rows: index of a feature row, or -1
   * for a newline. Where max_num_patches shrinks the map, see resample_rows. */
  gint32 *merge; /* [n_tokens] */
  /* The map before max_num_patches shrinks it, and its feature rows; 0 and NULL where it does not.
   * merge then counts as rows the thumbnail's P features and, behind them, the cells of the
   * shrunken map planes[1].rows x planes[1].cols. Bilinear, align_corners false. */
  int resample_rows;
  int resample_cols;
  gint32 *resample_merge; /* [resample_rows * resample_cols] or NULL */
  float *pixels;          /* [n_tiles,3,S,S], normalised; NULL if only the layout was asked for */
} PmodPixels;

/* Source: p-MoD mm_utils.py process_images and llava_arch.py prepare_inputs_labels. */
PmodPixels *pmod_pixels_new (const PmodImage *image, const PmodConfig *config, GError **error);

/* Only the layout, for a picture of this size. */
PmodPixels *
pmod_pixels_new_layout (int width, int height, const PmodConfig *config, GError **error);
void pmod_pixels_free (PmodPixels *self);

/* The grid pinpoint for a picture: most effective pixels, then least wasted, then the earlier.
 * Source: select_best_resolution. */
void pmod_pixels_best_resolution (
    const PmodConfig *config, int width, int height, int *best_width, int *best_height);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodImage, pmod_image_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodPixels, pmod_pixels_free)

G_END_DECLS
