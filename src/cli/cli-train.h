/* pmod train: what its options say, for whoever does it. Knows nothing of the library that trains,
 * which a build may not have. */
#pragma once

#include "pmod-engine.h"

G_BEGIN_DECLS

typedef struct
{
  char *output;
  char *art; /* nullable */
  char *threads_text;
  gint64 n_threads; /* 0: not given */
  char *device_text;
  PmodDevice device;
  gint64 device_idx;
  gboolean resume;
} CliTrainArguments;

/* cli-train-run.c, or cli-scenes-missing.c. */
gboolean cli_train_run (const char *path, const CliTrainArguments *arguments, GError **error);

G_END_DECLS
