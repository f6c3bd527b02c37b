/* Resizing as Pillow's 8-bit BICUBIC does it, equal bit for bit.
 *
 * The filter is Keys' cubic with a = -0.5, widened by the scale when shrinking. Each axis has its
 * own table of weights: computed and normalised in double, then rounded to fixed point with 22
 * fractional bits. Rows first, rounded and clipped to U8; then columns, the same way. All sums are
 * of integers, so any order of summing gives Pillow's bytes.
 *
 * Two things make it fast without changing a bit. A weight of 23 bits is split into two 16-bit
 * halves, so that the compiler can use the 16-bit multiply-and-add of any vector unit. And the
 * result of the row pass is written transposed, so that both passes are the same contiguous dot
 * product.
 *
 * Padding is never materialised: with p the colour of the canvas,
 *   sum k * v = p * sum k + sum over the picture of k * (v - p). */
#include "config.h"

#include <math.h>
#include <string.h>

#include "pmod-image-private.h"

#define WEIGHT_BITS 22
#define WEIGHT_HALF (1 << (WEIGHT_BITS - 1))
#define SPLIT 4096 /* weight = high * SPLIT + low, both of the weight's sign */
#define LANES 8    /* taps are padded with zero weights to a multiple of this */

/* What is held at once between the two passes: bounds memory for very tall pictures, which are
 * then read more than once; of large ones up to half their own size, so that it is not too often.
 */
#define MIN_BETWEEN_BYTES ((gsize)32 << 20)

/* Weights of one axis. */
typedef struct
{
  int n;        /* results */
  int taps;     /* a multiple of LANES */
  int *first;   /* [n] index in the picture (not the canvas) of the first tap */
  int *count;   /* [n] taps that lie on the picture, a multiple of LANES; may be 0 */
  gint32 *sum;  /* [n] of all fixed-point weights, those on padding included */
  gint16 *high; /* [n, taps] */
  gint16 *low;  /* [n, taps] */
} Kernel;

static double
keys_cubic (double x)
{
  x = fabs (x);
  if (x < 1.0)
    return (1.5 * x - 2.5) * x * x + 1.0;
  if (x < 2.0)
    return (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5;
  return 0.0;
}

static void
kernel_clear (Kernel *self)
{
  g_free (self->first);
  g_free (self->count);
  g_free (self->sum);
  g_free (self->high);
  g_free (self->low);
}

/* Weights of result number out_idx over canvas pixels *begin .. *end, normalised. */
static void
compute_weights (
    double scale, double stretch, int canvas, gint64 out_idx, double *weights, int *begin, int *end)
{
  double support = 2.0 * stretch;
  double centre = ((double)out_idx + 0.5) * scale;
  double inverse = 1.0 / stretch;
  double total = 0.0;

  *begin = MAX ((int)(centre - support + 0.5), 0);
  *end = MIN ((int)(centre + support + 0.5), canvas);
  for (int i = *begin; i < *end; i++)
    {
      weights[i - *begin] = keys_cubic ((i - centre + 0.5) * inverse);
      total += weights[i - *begin];
    }
  if (total != 0.0)
    for (int i = 0; i < *end - *begin; i++)
      weights[i] /= total;
}

static int
round_up (int taps)
{
  return (taps + LANES - 1) / LANES * LANES;
}

/* The picture covers offset .. offset + size of the canvas. */
static void
kernel_init (Kernel *self, int canvas, int offset, int size, gint64 out, gint64 window, int n)
{
  double scale = (double)canvas / (double)out;
  double stretch = MAX (scale, 1.0);
  int widest = (int)ceil (2.0 * stretch) * 2 + 1;
  g_autofree double *weights = g_new (double, widest);

  self->n = n;
  self->taps = round_up (MIN (widest, size));
  self->first = g_new0 (int, n);
  self->count = g_new0 (int, n);
  self->sum = g_new0 (gint32, n);
  self->high = g_new0 (gint16, (gsize)n * self->taps);
  self->low = g_new0 (gint16, (gsize)n * self->taps);

  for (int o = 0; o < n; o++)
    {
      int begin, end;
      compute_weights (scale, stretch, canvas, window + o, weights, &begin, &end);
      self->first[o] = CLAMP (begin - offset, 0, size - 1);
      self->count[o] = round_up (MAX (MIN (end - offset, size) - self->first[o], 0));
      for (int i = begin; i < end; i++)
        {
          double exact = weights[i - begin] * (1 << WEIGHT_BITS);
          gint32 weight = (gint32)(exact < 0 ? exact - 0.5 : exact + 0.5);
          self->sum[o] += weight;
          if (i < offset || i >= offset + size)
            continue;
          gsize tap = (gsize)o * self->taps + (i - offset - self->first[o]);
          self->high[tap] = (gint16)(weight / SPLIT);
          self->low[tap] = (gint16)(weight % SPLIT);
        }
    }
}

/* Finds the part begin .. end of the picture that the kernel reads, and counts from there on. */
static void
kernel_rebase (Kernel *self, int size, int *begin, int *end)
{
  *begin = size;
  *end = 0;
  for (int o = 0; o < self->n; o++)
    {
      *begin = MIN (*begin, self->first[o]);
      *end = MAX (*end, MIN (self->first[o] + self->count[o], size));
    }
  for (int o = 0; o < self->n; o++)
    self->first[o] -= *begin;
}

static inline gint32
dot (const gint16 *restrict line, const gint16 *restrict high, const gint16 *restrict low, int taps)
{
  gint32 sum_high = 0;
  gint32 sum_low = 0;
  for (int i = 0; i < taps; i++)
    {
      sum_high += (gint32)line[i] * high[i];
      sum_low += (gint32)line[i] * low[i];
    }
  return sum_high * SPLIT + sum_low;
}

static inline int
round_to_byte (gint32 sum)
{
  sum = (sum + WEIGHT_HALF) >> WEIGHT_BITS;
  return CLAMP (sum, 0, 255);
}

/* Result o of a line that holds values minus colour. */
static inline int
kernel_apply (const Kernel *self, int o, const gint16 *line, int colour)
{
  gsize tap = (gsize)o * self->taps;
  return round_to_byte (colour * self->sum[o] + dot (line + self->first[o], self->high + tap,
                                                     self->low + tap, self->count[o]));
}

/* What passes between the two passes for one block of columns. */
typedef struct
{
  const PmodImage *image;
  const PmodResample *spec;
  const Kernel *across;
  const Kernel *down;
  int row_begin; /* of the picture, as far as down reads it */
  int row_end;
  gsize stride;    /* of one column in between */
  gint16 *line[3]; /* one row of the picture, minus the canvas's colour */
  gint16 *between; /* [columns of the block, 3, stride] minus the column's colour */
} Passes;

static int
column_colour (const Passes *self, int column, int channel)
{
  return round_to_byte (self->spec->colour[channel] * self->across->sum[column]);
}

static void
pass_across (Passes *self, int column_begin, int column_end)
{
  int width = pmod_image_get_width (self->image);
  for (int y = self->row_begin; y < self->row_end; y++)
    {
      const guint8 *row = pmod_image_get_rgb (self->image) + (gsize)y * width * 3;
      for (int c = 0; c < 3; c++)
        for (int x = 0; x < width; x++)
          self->line[c][x] = (gint16)(row[x * 3 + c] - self->spec->colour[c]);
      for (int column = column_begin; column < column_end; column++)
        for (int c = 0; c < 3; c++)
          {
            int value = kernel_apply (self->across, column, self->line[c], self->spec->colour[c]);
            gsize at = ((gsize)(column - column_begin) * 3 + c) * self->stride;
            self->between[at + (y - self->row_begin)] =
                (gint16)(value - column_colour (self, column, c));
          }
    }
}

static void
pass_down (const Passes *self, int column_begin, int column_end, guint8 *rgb)
{
  for (int column = column_begin; column < column_end; column++)
    for (int c = 0; c < 3; c++)
      {
        gsize at = ((gsize)(column - column_begin) * 3 + c) * self->stride;
        const gint16 *line = self->between + at;
        int colour = column_colour (self, column, c);
        for (int y = 0; y < self->down->n; y++)
          rgb[((gsize)y * self->across->n + column) * 3 + c] =
              (guint8)kernel_apply (self->down, y, line, colour);
      }
}

/* A window of the picture at its own size: every kernel is one tap of weight 1, as Pillow knows. */
static gboolean
copies (const PmodImage *self, const PmodResample *spec)
{
  return spec->canvas_width == spec->out_width && spec->canvas_height == spec->out_height &&
         spec->offset_x == 0 && spec->offset_y == 0 &&
         pmod_image_get_width (self) == spec->canvas_width &&
         pmod_image_get_height (self) == spec->canvas_height;
}

static void
copy_window (const PmodImage *self, const PmodResample *spec, guint8 *rgb)
{
  gsize stride = 3 * (gsize)spec->canvas_width, row_bytes = 3 * (gsize)spec->window_width;
  const guint8 *from =
      pmod_image_get_rgb (self) + (gsize)spec->window_y * stride + 3 * (gsize)spec->window_x;

  for (int y = 0; y < spec->window_height; y++)
    memcpy (rgb + (gsize)y * row_bytes, from + (gsize)y * stride, row_bytes);
}

void
pmod_image_resample (const PmodImage *self, const PmodResample *spec, guint8 *rgb)
{
  int width = pmod_image_get_width (self);
  int height = pmod_image_get_height (self);
  Kernel across, down;

  if (copies (self, spec))
    {
      copy_window (self, spec, rgb);
      return;
    }
  kernel_init (&across, spec->canvas_width, spec->offset_x, width, spec->out_width, spec->window_x,
               spec->window_width);
  kernel_init (&down, spec->canvas_height, spec->offset_y, height, spec->out_height, spec->window_y,
               spec->window_height);

  Passes passes = { .image = self, .spec = spec, .across = &across, .down = &down };
  kernel_rebase (&down, height, &passes.row_begin, &passes.row_end);
  passes.stride = (gsize)(passes.row_end - passes.row_begin) + down.taps;

  gsize column_bytes = passes.stride * 3 * sizeof (gint16);
  gsize between_bytes = MAX (MIN_BETWEEN_BYTES, (gsize)width * height * 3 / 2);
  int columns = (int)CLAMP (between_bytes / column_bytes, 1, (gsize)across.n);
  passes.between = g_malloc0 (columns * column_bytes);
  for (int c = 0; c < 3; c++)
    passes.line[c] = g_new0 (gint16, (gsize)width + across.taps);

  for (int column = 0; column < across.n; column += columns)
    {
      int end = MIN (column + columns, across.n);
      pass_across (&passes, column, end);
      pass_down (&passes, column, end, rgb);
    }

  for (int c = 0; c < 3; c++)
    g_free (passes.line[c]);
  g_free (passes.between);
  kernel_clear (&across);
  kernel_clear (&down);
}

PmodImage *
pmod_image_resize (const PmodImage *self, int width, int height)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (width > 0 && width <= PMOD_IMAGE_MAX_SIDE, NULL);
  g_return_val_if_fail (height > 0 && height <= PMOD_IMAGE_MAX_SIDE, NULL);
  g_return_val_if_fail ((gint64)width * height <= PMOD_IMAGE_MAX_PIXELS, NULL);

  PmodResample spec = {
    .canvas_width = pmod_image_get_width (self),
    .canvas_height = pmod_image_get_height (self),
    .out_width = width,
    .out_height = height,
    .window_width = width,
    .window_height = height,
  };
  guint8 *rgb = g_malloc ((gsize)width * height * 3);
  pmod_image_resample (self, &spec, rgb);
  return pmod_image_new_take (width, height, rgb, rgb, g_free);
}
