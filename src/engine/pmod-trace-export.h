/* One run's routing in formats of others: JSON, CSV, numpy. Reads checked records, no model.
 *
 * Layers are those of the decoder, tokens those that routers count: [L, V]. Of a token, picture,
 * plane, row and col say where in a picture it lies; all four are -1 where it lies in none (text,
 * the newline tokens between the rows of a tiled picture). A plain layer keeps every token with
 * weight 1 and has no logits. A layer whose records are missing, in a run that was stopped, is
 * left out of CSV; elsewhere it is not "recorded", keeps nothing and has weights of NaN or null.
 *
 *   JSON  { "schema": 1, "kind": "strata-routing", "run", "generation", "n_layers", "n_tokens",
 *           "n_vision", "policy", "question_first",
 *           "pictures": [ { "index", "width", "height", "tiles", "grid": [rows, cols],
 *                           "planes": [ { "rows", "cols", "newlines", "box": [x0, y0, x1, y1] } ] }
 * ], "tokens": { "picture": [V], "plane": [V], "row": [V], "col": [V] }, "layers": [ { "index",
 * "routed", "recorded", "ratio", "n_kept", "margin", "ties", "saturated", "never_read", "kept":
 * [indices, ascending], "weight": [V], "logit": [V] } ],     both empty where plain "answer",
 * "finish" } CSV   layer,token,picture,plane,row,col,kept,weight,logit,ratio     a row for each
 * layer and token NPY   an .npz: kept u1 [L,V], weight f4 [L,V], logit f4 [L,V], ratio f8 [L],
 * routed u1 [L], recorded u1 [L], picture, plane, row, col i4 [V] */
#pragma once

#include "pmod-error.h"

G_BEGIN_DECLS

#define PMOD_TRACE_EXPORT_MAX_CELLS (4 * 1000 * 1000)

typedef enum
{
  PMOD_TRACE_EXPORT_CSV,
  PMOD_TRACE_EXPORT_NPY,
  PMOD_TRACE_EXPORT_JSON,
  PMOD_N_TRACE_EXPORTS
} PmodTraceExport;

/* "csv", "npy", "json". */
const char *pmod_trace_export_name (PmodTraceExport format);
gboolean pmod_trace_export_parse (const char *name, PmodTraceExport *format, GError **error);

/* records: as pmod_trace_load() gives them. run: its number, or 0 for the last one. An error where
 * there is no such run, it has more than PMOD_TRACE_EXPORT_MAX_CELLS layers times tokens, or a
 * layer routes another number of tokens than its run has. (transfer full) */
GBytes *pmod_trace_export (GBytes *records, guint32 run, PmodTraceExport format, GError **error);

/* What a trace itself says of the settings that made a run: policy, order, and each layer's ratio;
 * a JSON object. (transfer full) */
char *pmod_trace_export_settings (GBytes *records, guint32 run, GError **error);

G_END_DECLS
