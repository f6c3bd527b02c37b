/* Scores for choices that are not the router's. */
#include "pmod-policy.h"

#include <math.h>
#include <string.h>

#include "pmod-mix.h"

/* --- Random ----------------------------------------------------------------------------------- */

/* A key tells one picture's token from another's; the index tells equal keys of text apart. */
static void
score_random (guint64 seed, int layer, const PmodSequence *sequence, float *score)
{
  guint64 stream = pmod_mix (pmod_mix (seed + 1) + (guint64)layer);

  for (int i = 0; i < sequence->n_targets; i++)
    {
      guint64 bits =
          pmod_mix (pmod_mix (sequence->keys[sequence->targets[i]] ^ stream) + (guint64)i);

      score[i] = (float)(bits >> 40) * 0x1p-24f;
    }
}

/* --- Grid ------------------------------------------------------------------------------------- */

/* Marks k of rows x cols: rows are evenly spaced, about as far apart as the columns within one. */
static void
mark_grid (float *score, int rows, int cols, int k)
{
  int least = (k + cols - 1) / cols;
  int n_rows = (int)lround (sqrt ((double)k * rows / cols));

  n_rows = CLAMP (n_rows, MAX (least, 1), rows);
  for (int j = 0; j < n_rows; j++)
    {
      int row = (2 * j + 1) * rows / (2 * n_rows);
      int n_cols = (int)((gint64)(j + 1) * k / n_rows - (gint64)j * k / n_rows);

      for (int i = 0; i < n_cols; i++)
        score[row * cols + (2 * i + 1) * cols / (2 * n_cols)] = 1;
    }
}

/* The plane that a position lies in, with the columns of its rows, newlines included; else NULL. */
static const PmodPlane *
find_plane (const PmodSequence *sequence, int position, int *cols)
{
  for (guint i = 0; i < sequence->images->len; i++)
    {
      const PmodSequenceImage *image = g_ptr_array_index (sequence->images, i);

      for (int j = 0; j < image->layout->n_planes; j++)
        {
          const PmodPlane *plane = &image->layout->planes[j];
          int offset = position - image->first - plane->first_token;

          *cols = plane->cols + plane->newlines;
          if (offset >= 0 && offset < plane->rows * *cols)
            return plane;
        }
    }
  return NULL;
}

/* Targets that form one grid, from index first on. What lies in no plane, or is not the whole of
 * one, is a grid of one row. */
static int
find_run (const PmodSequence *sequence, int first, int *rows, int *cols)
{
  const PmodPlane *plane = find_plane (sequence, sequence->targets[first], cols);
  int end = first + 1, other;

  while (end < sequence->n_targets &&
         find_plane (sequence, sequence->targets[end], &other) == plane)
    end++;
  *rows = plane != NULL ? plane->rows : 1;
  if (plane == NULL || *rows * *cols != end - first)
    {
      *rows = 1;
      *cols = end - first;
    }
  return end;
}

static void
score_grid (const PmodSequence *sequence, int k, float *score)
{
  int n = sequence->n_targets, rows, cols;

  memset (score, 0, (gsize)n * sizeof *score);
  for (int first = 0, end; first < n; first = end)
    {
      gint64 before = (gint64)first * k / n;

      end = find_run (sequence, first, &rows, &cols);
      mark_grid (score + first, rows, cols, (int)((gint64)end * k / n - before));
    }
}

gboolean
pmod_policy_needs_attention (PmodPolicy policy)
{
  return policy == PMOD_POLICY_ATTENTION || policy == PMOD_POLICY_LAST;
}

void
pmod_policy_scores (
    PmodPolicy policy, guint64 seed, int layer, const PmodSequence *sequence, int k, float *score)
{
  switch (policy)
    {
    case PMOD_POLICY_RANDOM:
      score_random (seed, layer, sequence, score);
      return;
    case PMOD_POLICY_GRID:
      score_grid (sequence, k, score);
      return;
    case PMOD_POLICY_FIRST:
      memset (score, 0, (gsize)sequence->n_targets * sizeof *score);
      return;
    case PMOD_POLICY_ROUTER:
    case PMOD_POLICY_INVERSE:
    case PMOD_POLICY_NORM:
    case PMOD_POLICY_ATTENTION:
    case PMOD_POLICY_LAST:
    case PMOD_POLICY_PAINTED:
      break;
    }
  g_return_if_reached ();
}
