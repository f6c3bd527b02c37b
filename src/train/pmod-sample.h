/* A sample: one sequence to learn from, as the decoder sees it, with the pictures in it.
 *
 * Several questions about one picture may lie behind each other in one sequence, none seeing
 * another: they share the rows before prefix, and each begins at the row that first names and
 * counts its positions on from prefix. That is the same as a sequence for each, because the picture
 * comes first and text is never routed, at a fraction of the cost.
 *
 * Plain data, made by a source of data on any thread, read by the network. */
#pragma once

#include "pmod-image.h"

G_BEGIN_DECLS

#define PMOD_SAMPLE_NO_LABEL (-100) /* PMOD_LABEL_IGNORED of the kernels */

/* What may be known of a patch and be read from it by words. */
typedef enum
{
  PMOD_READ_CLASS,  /* what it shows */
  PMOD_READ_COLOUR, /* that one's colour */
  PMOD_READ_ROW,    /* where in the picture that one lies: top, center or bottom */
  PMOD_READ_COLUMN, /* left, center or right */
  PMOD_N_READINGS
} PmodPatchReading;

/* What the maker of a picture knows of one patch of it: a training aid. */
typedef struct
{
  gint16 known[PMOD_N_READINGS]; /* indices of the source's words; -1: nothing that has a name, for
                                    CLASS the background */
  guint8 is_object;              /* a quarter of it or more is ink of some object */
} PmodSamplePatch;

typedef struct
{
  PmodPixels *pixels; /* with pixels */
  int first;          /* row of its first vision token */
} PmodSampleImage;

typedef struct
{
  int n_tokens;      /* T: rows, pictures merged */
  gint32 *ids;       /* [T] token, or -1 at vision tokens */
  gint32 *labels;    /* [T] the token that is to follow this row, or PMOD_SAMPLE_NO_LABEL */
  gint32 *answers;   /* [T] which answer the label belongs to, or -1 */
  gint32 *positions; /* [T] for the rotation */
  gint32 *first;   /* [T] see PmodAttentionMask; NULL: one dialogue, every row sees all before it */
  int prefix;      /* rows that all questions share; 0 where first is NULL */
  int n_targets;   /* V: rows that routers may skip */
  gint32 *targets; /* [V] ascending */
  int n_images;
  PmodSampleImage *images;
  PmodSamplePatch *patches; /* [V] of the targets in their order, or NULL: nothing is known */
  int n_answers;
  gint32 *kinds; /* [n_answers] a question's kind, an index of the source's; NULL: one kind */
} PmodSample;

/* Arrays of n_tokens rows, filled: no picture, no label, positions 0, 1, 2, ... */
PmodSample *pmod_sample_new (int n_tokens);
void pmod_sample_free (PmodSample *self);

/* Rows that have a label. */
int pmod_sample_n_labels (const PmodSample *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodSample, pmod_sample_free)

G_END_DECLS
