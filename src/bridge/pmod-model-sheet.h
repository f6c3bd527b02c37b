/* What is known of a checkpoint that nobody has loaded: plain facts, immutable, counted.
 *
 * Read on the task pool from the headers of its files; no weights are read. */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

typedef enum
{
  PMOD_FIT_YES,
  PMOD_FIT_TIGHT, /* more than is free, but not more than the machine has: others may give way */
  PMOD_FIT_NO,
} PmodFit;

typedef struct
{
  char *error; /* why it cannot be used; then nothing below is known but disk_bytes */

  char *about;     /* see PmodModelCard; nullable, as the next three are */
  char *note;      /* what its makers want said */
  char *licence;   /* as its card names it */
  char *origin;    /* "OWNER/NAME at 0123456789ab", of one that was pulled */
  char *dtypes;    /* of its files: "BF16", "F16, F32" */
  char *tower;     /* where its vision tower lies: NULL is inside, "" is nowhere */
  char *precision; /* with the device, as models are opened now */
  char *device;
  gboolean on_cpu;

  guint64 disk_bytes;
  guint64 n_parameters;
  int n_layers;
  int n_routed;
  int n_vision; /* tokens of one tile; 0: it takes no pictures */
  int image_size;
  int context_length;

  /* The sum, in bytes: weights + kv + scratch = needed. */
  guint64 weights;
  guint64 kv;
  guint64 scratch;
  guint64 needed;
  guint64 free;  /* now, on the device */
  guint64 total; /* that the device has */
} PmodModelSheet;

#define PMOD_TYPE_MODEL_SHEET (pmod_model_sheet_get_type ())
GType pmod_model_sheet_get_type (void);
PmodModelSheet *pmod_model_sheet_ref (PmodModelSheet *self);
void pmod_model_sheet_unref (PmodModelSheet *self);

PmodFit pmod_model_sheet_get_fit (const PmodModelSheet *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodModelSheet, pmod_model_sheet_unref)

G_END_DECLS
