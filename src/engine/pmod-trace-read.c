/* The trace's reading side: every record is checked once, here, before anybody believes a count in
 * it. The writing side is in pmod-trace.c. */
#include "pmod-trace.h"

#include "pmod-error.h"
#include "pmod-file.h"
#include "pmod-params.h"

#include <math.h>
#include <string.h>

/* The layouts are the file format, so the compiler may not pad them. */
G_STATIC_ASSERT (sizeof (PmodRecord) == 24);
G_STATIC_ASSERT (sizeof (PmodRecordRunBegin) == 80);
G_STATIC_ASSERT (sizeof (PmodPlane) == 32);
G_STATIC_ASSERT (sizeof (PmodRecordImage) == 64 + 2 * 32);
G_STATIC_ASSERT (sizeof (PmodRecordStage) == 80);
G_STATIC_ASSERT (sizeof (PmodRecordRoute) == 56);
G_STATIC_ASSERT (G_STRUCT_OFFSET (PmodRecordRoute, data) == 56);
G_STATIC_ASSERT (sizeof (PmodRecordKv) == 48);
G_STATIC_ASSERT (sizeof (PmodAlternative) == 8);
G_STATIC_ASSERT (sizeof (PmodRecordToken) == 48);
G_STATIC_ASSERT (sizeof (PmodRecordLoss) == 56);
G_STATIC_ASSERT (sizeof (PmodRecordRunEnd) == 32);
G_STATIC_ASSERT (sizeof (PmodRecordState) == 64);

/* More than any context holds or answer has; sums of two counts or places fit in 31 bits. */
#define MAX_TOKENS (1 << 28)

#define ROUND_UP_8(size) (((size) + 7) & ~(guint64)7)

/* Each check returns what is wrong with a record, or NULL. The record's header is already known to
 * lie inside the bytes, with as much behind it as its size says. Sizes are computed in 64 bits
 * from 31-bit counts, so they do not overflow. */

static gboolean
is_count (gint32 n)
{
  return n >= 0 && n <= MAX_TOKENS;
}

static gboolean
is_ratio (double ratio)
{
  return ratio >= 0 && ratio <= 1;
}

static const char *
check_run_begin (const PmodRecordRunBegin *record)
{
  if (record->n_layers < 0 || record->n_layers > PMOD_MAX_LAYERS)
    return "number of layers";
  if (record->header.size != sizeof *record + (guint64)record->n_layers * sizeof (double))
    return "size";
  if (!is_count (record->n_tokens) || record->n_vision < 0 || record->n_vision > record->n_tokens ||
      record->n_reused < 0 || record->n_reused > record->n_tokens || record->n_images < 0)
    return "token counts";
  if (record->context_length < 0 || record->hidden < 0 || record->n_kv_heads < 0 ||
      record->head_dim < 0 || record->kv_element_bytes < 0)
    return "shape of the model";
  if ((guint32)record->policy >= PMOD_N_POLICIES)
    return "policy";
  for (int i = 0; i < record->n_layers; i++)
    if (record->ratio[i] != PMOD_RATIO_PLAIN && !is_ratio (record->ratio[i]))
      return "ratio";
  return NULL;
}

static gboolean
is_plane_inside (const PmodPlane *plane, const PmodRecordImage *image)
{
  gint64 end = image->first_token + (gint64)image->n_tokens;
  gint64 cells;

  if (plane->rows < 0 || plane->rows > image->n_tokens || plane->cols < 0 ||
      plane->first_token < image->first_token || (plane->newlines != 0 && plane->newlines != 1) ||
      !isfinite (plane->x0) || !isfinite (plane->y0) || !isfinite (plane->x1) ||
      !isfinite (plane->y1))
    return FALSE;
  cells = plane->rows * ((gint64)plane->cols + plane->newlines);
  return cells <= end - plane->first_token;
}

static const char *
check_image (const PmodRecordImage *record)
{
  if (record->header.size != sizeof *record)
    return "size";
  if (record->index < 0 || record->width < 1 || record->height < 1)
    return "size of the picture";
  if (record->n_tiles < 1 || record->grid_rows < 1 || record->grid_cols < 1)
    return "tiles";
  if (!is_count (record->first_token) || !is_count (record->n_tokens) || record->n_planes < 0 ||
      record->n_planes > PMOD_MAX_PLANES)
    return "token counts";
  for (int i = 0; i < record->n_planes; i++)
    if (!is_plane_inside (&record->planes[i], record))
      return "plane";
  return NULL;
}

static const char *
check_stage (const PmodRecordStage *record)
{
  const double flops[] = { record->paper, record->paper_dense, record->all, record->all_dense };

  if (record->header.size != sizeof *record)
    return "size";
  if (record->stage < 0 || record->stage >= PMOD_N_STAGES)
    return "stage";
  if (!is_count (record->n_tokens))
    return "token count";
  for (guint i = 0; i < G_N_ELEMENTS (flops); i++)
    if (!isfinite (flops[i]) || flops[i] < 0)
      return "FLOPs";
  return NULL;
}

static const char *
check_route (const PmodRecordRoute *record)
{
  guint64 n = (guint64)MAX (record->n_vision, 0);
  gint32 n_kept = 0;

  if (record->header.layer < 0)
    return "layer";
  if (record->n_vision < 0 || record->n_kept < 0 || record->n_kept > record->n_vision ||
      record->n_ties < 0 || record->n_ties > record->n_vision || record->n_saturated < 0 ||
      record->n_saturated > record->n_vision)
    return "token counts";
  if (record->header.size != ROUND_UP_8 (sizeof *record + 8 * n + 4 * ((n + 31) / 32)))
    return "size";
  if (!is_ratio (record->ratio))
    return "ratio";
  for (gint32 i = 0; i < record->n_vision; i++)
    n_kept += pmod_record_route_kept (record, i);
  return n_kept != record->n_kept ? "number of kept bits" : NULL;
}

static const char *
check_kv (const PmodRecordKv *record)
{
  if (record->header.size != sizeof *record)
    return "size";
  if (record->header.layer < 0)
    return "layer";
  return is_count (record->length) && is_count (record->length_dense) ? NULL : "token counts";
}

static const char *
check_loss (const PmodRecordLoss *record)
{
  if (record->header.size != sizeof *record)
    return "size";
  return record->step < 0 ? "step" : NULL;
}

static const char *
check_run_end (const PmodRecordRunEnd *record)
{
  if (record->header.size != sizeof *record)
    return "size";
  if (record->finish < 0 || record->finish > PMOD_FINISH_ERROR)
    return "reason";
  return is_count (record->n_new_tokens) ? NULL : "token count";
}

static const char *
check_token (const PmodRecordToken *record)
{
  const char *pieces;
  gint32 n_pieces = 0;

  if (!is_count (record->index) || record->id < 0 || record->n_alternatives < 0 ||
      record->text_bytes < 0 || record->piece_bytes < 0)
    return "counts";
  if (record->header.size !=
      ROUND_UP_8 (sizeof *record + sizeof (PmodAlternative) * (guint64)record->n_alternatives +
                  (guint64)record->text_bytes + (guint64)record->piece_bytes))
    return "size";
  if (!g_utf8_validate_len (pmod_record_token_text (record), record->text_bytes, NULL))
    return "text";
  if (record->piece_bytes == 0)
    return NULL;
  pieces = pmod_record_token_text (record) + record->text_bytes;
  for (gint32 i = 0, start = 0; i < record->piece_bytes; i++)
    if (pieces[i] == '\0')
      {
        if (!g_utf8_validate_len (pieces + start, (gsize)(i - start), NULL))
          return "pieces";
        start = i + 1;
        n_pieces++;
      }
  return n_pieces != record->n_alternatives + 1 || pieces[record->piece_bytes - 1] != '\0'
             ? "pieces"
             : NULL;
}

static const char *
check_state (const PmodRecordState *record)
{
  guint64 n = 1;

  if (record->kind < 0 || record->kind > PMOD_STATE_LOGITS)
    return "kind";
  if (record->n_dims < 0 || record->n_dims > 4)
    return "number of dimensions";
  for (int i = 0; i < record->n_dims; i++)
    {
      if (record->shape[i] < 0 || record->shape[i] > PMOD_TRACE_MAX_RECORD)
        return "shape";
      n *= (guint64)record->shape[i];
      if (n > PMOD_TRACE_MAX_RECORD)
        return "shape";
    }
  return record->header.size != ROUND_UP_8 (sizeof *record + 4 * n) ? "size" : NULL;
}

static gsize
smallest_size (guint16 type)
{
  static const gsize sizes[] = {
    [PMOD_RECORD_RUN_BEGIN] = sizeof (PmodRecordRunBegin),
    [PMOD_RECORD_IMAGE] = sizeof (PmodRecordImage),
    [PMOD_RECORD_STAGE] = sizeof (PmodRecordStage),
    [PMOD_RECORD_ROUTE] = sizeof (PmodRecordRoute),
    [PMOD_RECORD_KV] = sizeof (PmodRecordKv),
    [PMOD_RECORD_TOKEN] = sizeof (PmodRecordToken),
    [PMOD_RECORD_LOSS] = sizeof (PmodRecordLoss),
    [PMOD_RECORD_RUN_END] = sizeof (PmodRecordRunEnd),
    [PMOD_RECORD_STATE] = sizeof (PmodRecordState),
  };

  return type < G_N_ELEMENTS (sizes) ? MAX (sizes[type], sizeof (PmodRecord)) : sizeof (PmodRecord);
}

static const char *
check_record (const PmodRecord *record)
{
  if (record->size < smallest_size (record->type))
    return "size";
  if (record->layer < -1 || record->layer >= PMOD_MAX_LAYERS)
    return "layer";
  switch (record->type)
    {
    case PMOD_RECORD_RUN_BEGIN:
      return check_run_begin ((const PmodRecordRunBegin *)record);
    case PMOD_RECORD_IMAGE:
      return check_image ((const PmodRecordImage *)record);
    case PMOD_RECORD_STAGE:
      return check_stage ((const PmodRecordStage *)record);
    case PMOD_RECORD_ROUTE:
      return check_route ((const PmodRecordRoute *)record);
    case PMOD_RECORD_KV:
      return check_kv ((const PmodRecordKv *)record);
    case PMOD_RECORD_TOKEN:
      return check_token ((const PmodRecordToken *)record);
    case PMOD_RECORD_LOSS:
      return check_loss ((const PmodRecordLoss *)record);
    case PMOD_RECORD_RUN_END:
      return check_run_end ((const PmodRecordRunEnd *)record);
    case PMOD_RECORD_STATE:
      return check_state ((const PmodRecordState *)record);
    default:
      return NULL; /* a later program's; to be skipped */
    }
}

const PmodRecord *
pmod_trace_next (const guint8 *bytes, gsize n_bytes, gsize *offset, GError **error)
{
  gsize left = *offset <= n_bytes ? n_bytes - *offset : 0;
  const PmodRecord *record;
  const char *wrong;

  g_return_val_if_fail (((guintptr)bytes & 7) == 0 && (*offset & 7) == 0, NULL);
  if (left == 0)
    return NULL;
  record = (const PmodRecord *)(bytes + *offset);
  if (left < sizeof *record || record->size > left)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "trace, record at byte %" G_GSIZE_FORMAT ": cut off, expected %" G_GSIZE_FORMAT
                   " bytes, got %" G_GSIZE_FORMAT,
                   *offset, left < sizeof *record ? sizeof *record : (gsize)record->size, left);
      return NULL;
    }
  wrong = record->size % 8 != 0 || record->size > PMOD_TRACE_MAX_RECORD ? "size"
                                                                        : check_record (record);
  if (wrong != NULL)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "trace, record at byte %" G_GSIZE_FORMAT
                   " of type %u, %u bytes: its %s cannot be right",
                   *offset, record->type, record->size, wrong);
      return NULL;
    }
  *offset += record->size;
  return record;
}

static gboolean
check_magic (const char *path, const char *contents, gsize length, GError **error)
{
  gsize n = strlen (PMOD_TRACE_MAGIC);

  if (length >= n && memcmp (contents, PMOD_TRACE_MAGIC, n) == 0)
    return TRUE;
  if (length >= n && memcmp (contents, PMOD_TRACE_MAGIC, n - 1) == 0)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                 "%s: a trace of another version: expected \"%s\", got version byte 0x%02X", path,
                 PMOD_TRACE_MAGIC, (guint8)contents[n - 1]);
  else
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                 "%s: not a trace: expected it to begin with \"%s\"", path, PMOD_TRACE_MAGIC);
  return FALSE;
}

GBytes *
pmod_trace_parse (GBytes *whole, const char *name, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) records = NULL;
  gsize length, offset = 0;
  const char *contents = g_bytes_get_data (whole, &length);
  const guint8 *bytes;

  if (!check_magic (name, contents, length, error))
    return NULL;
  records =
      g_bytes_new_from_bytes (whole, strlen (PMOD_TRACE_MAGIC), length - strlen (PMOD_TRACE_MAGIC));
  bytes = g_bytes_get_data (records, &length);
  while (pmod_trace_next (bytes, length, &offset, &local) != NULL)
    ;
  if (local != NULL)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ", name);
      return NULL;
    }
  return g_steal_pointer (&records);
}

GBytes *
pmod_trace_load (const char *path, GError **error)
{
  g_autoptr (GBytes) whole = NULL;
  g_autoptr (GMappedFile) map = pmod_file_map (path, G_MAXINT64, error);

  if (map == NULL)
    return NULL;
  /* A copy: the file may change while it is shown. */
  whole = g_bytes_new (g_mapped_file_get_contents (map), g_mapped_file_get_length (map));
  return pmod_trace_parse (whole, path, error);
}

/* --- Accessors ------------------------------------------------------------------------------ */

const float *
pmod_record_route_logits (const PmodRecordRoute *self)
{
  return (const float *)self->data;
}

const float *
pmod_record_route_weights (const PmodRecordRoute *self)
{
  return (const float *)self->data + self->n_vision;
}

gboolean
pmod_record_route_kept (const PmodRecordRoute *self, int token)
{
  const guint32 *bits = (const guint32 *)self->data + 2 * (gsize)self->n_vision;

  return (bits[token / 32] >> (token % 32)) & 1;
}

const char *
pmod_record_token_text (const PmodRecordToken *self)
{
  return (const char *)&self->alternatives[self->n_alternatives];
}

const char *
pmod_record_token_piece (const PmodRecordToken *self, int alternative)
{
  const char *piece = pmod_record_token_text (self) + self->text_bytes;

  g_return_val_if_fail (alternative >= -1 && alternative < self->n_alternatives, NULL);

  if (self->piece_bytes == 0)
    return NULL;
  for (; alternative >= 0; alternative--)
    piece += strlen (piece) + 1;
  return piece;
}

const char *
pmod_stage_name (PmodStage stage)
{
  static const char *const names[] = { "load", "preprocess", "vision", "projector", "layer",
                                       "head", "prefill",    "decode", "total" };

  G_STATIC_ASSERT (G_N_ELEMENTS (names) == PMOD_N_STAGES);
  return (guint)stage < G_N_ELEMENTS (names) ? names[stage] : "unknown";
}

const char *
pmod_finish_name (PmodFinish finish)
{
  static const char *const names[] = { "eos", "length", "stop", "cancelled", "error" };

  return (guint)finish < G_N_ELEMENTS (names) ? names[finish] : "unknown";
}

gboolean
pmod_record_is_by_question (const PmodRecordRunBegin *self)
{
  return (self->header.flags & PMOD_RECORD_FLAG_BY_QUESTION) != 0 || self->question_first != 0;
}
