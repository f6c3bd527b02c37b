/* The records of one run, sorted: what the JSON record and the trace's tables are made of. Holds
 * pointers into the trace's bytes and computes nothing of its own but sums. */
#pragma once

#include "cli.h"

G_BEGIN_DECLS

typedef struct
{
  guint32 run;
  const PmodRecordRunBegin *begin; /* nullable; without it there are no layers */
  int n_layers;
  const PmodRecordRoute **route; /* [n_layers], NULL where the layer did not route */
  const PmodRecordKv **kv;       /* [n_layers], as the prefill left it; nullable entries */
  const PmodRecordStage **stage; /* [n_layers], PMOD_STAGE_LAYER of the prefill; nullable entries */
  GPtrArray *images;             /* const PmodRecordImage */
  GPtrArray *tokens;             /* const PmodRecordToken */
  GPtrArray *losses;             /* const PmodRecordLoss */
  const PmodRecordRunEnd *end;   /* nullable */

  PmodFlops prefill;
  PmodFlops decode;
  double stage_ms[PMOD_N_STAGES]; /* sums of each stage; NAN where there was none */
  double first_token_ms;          /* from the run's first record, or NAN */
} CliRecords;

/* Every run of bytes (records only, no magic), in order. The bytes must outlive the result.
 * (element-type CliRecords) */
GPtrArray *cli_records_load (const guint8 *bytes, gsize n_bytes, GError **error);

gboolean cli_records_is_routed (const CliRecords *self, int layer);

/* Vision tokens that a layer worked on, all of them where it is plain. */
int cli_records_get_n_kept (const CliRecords *self, int layer);

/* Which of the routed tokens stands at a position of the merged sequence; -1 if none: a picture's
 * tokens in order, or only those of its fine tiles, or all positions, as the model's targets are.
 */
gint64 cli_records_find_vision (const CliRecords *self, int position);

/* The answer as the TOKEN records spell it. (transfer full) */
char *cli_records_dup_text (const CliRecords *self);

/* Members of an object: "layers", "flops", "kv_cache", "timing_ms", and the pictures' members.
 * full: logits and weights as well. load_ms: NAN where unknown. path: nullable. */
void cli_records_json_layers (const CliRecords *self, JsonBuilder *builder, gboolean full);
void cli_records_json_flops (const CliRecords *self, JsonBuilder *builder);
void cli_records_json_kv (const CliRecords *self, JsonBuilder *builder);
void cli_records_json_timing (const CliRecords *self, JsonBuilder *builder, double load_ms);
void cli_records_json_image (const PmodRecordImage *image, const char *path, JsonBuilder *builder);

/* "prefill": { the four counts } */
void cli_flops_json (const PmodFlops *flops, const char *name, JsonBuilder *builder);

G_END_DECLS
