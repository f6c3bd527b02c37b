/* See pmod-trace-export.h. */
#include "pmod-trace-export.h"

#include "pmod-json-write.h"
#include "pmod-npz.h"
#include "pmod-params.h"
#include "pmod-trace.h"

#include <math.h>
#include <string.h>

/* Where a token lies. */
typedef struct
{
  gint32 picture, plane, row, col;
} Place;

/* One run, sorted: pointers into the records. */
typedef struct
{
  const PmodRecordRunBegin *begin;
  const PmodRecordRoute **route; /* [n_layers] */
  GPtrArray *images;             /* const PmodRecordImage */
  GString *answer;
  const PmodRecordRunEnd *end; /* nullable */
  Place *places;               /* [n_vision] */
} Routing;

static void
routing_free (Routing *self)
{
  g_free (self->route);
  g_free (self->places);
  g_ptr_array_unref (self->images);
  g_string_free (self->answer, TRUE);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Routing, routing_free)

/* --- Reading ---------------------------------------------------------------------------------- */

static void
take_begin (Routing *self, const PmodRecordRunBegin *begin)
{
  g_free (self->route);
  self->begin = begin;
  self->route = g_new0 (const PmodRecordRoute *, MAX (begin->n_layers, 1));
  self->end = NULL;
  g_ptr_array_set_size (self->images, 0);
  g_string_truncate (self->answer, 0);
}

static void
take (Routing *self, const PmodRecord *record)
{
  const PmodRecordToken *token = (const PmodRecordToken *)record;

  switch (record->type)
    {
    case PMOD_RECORD_IMAGE:
      g_ptr_array_add (self->images, (gpointer)record);
      break;
    case PMOD_RECORD_ROUTE:
      if (record->layer < self->begin->n_layers)
        self->route[record->layer] = (const PmodRecordRoute *)record;
      break;
    case PMOD_RECORD_TOKEN:
      g_string_append_len (self->answer, pmod_record_token_text (token), token->text_bytes);
      break;
    case PMOD_RECORD_RUN_END:
      self->end = (const PmodRecordRunEnd *)record;
      break;
    default:
      break;
    }
}

/* Tokens of a picture that its first, coarse tile takes; 0 if it has but one grid. */
static int
count_coarse (const PmodRecordImage *image)
{
  return image->n_planes < 2 ? 0 : image->planes[1].first_token - image->planes[0].first_token;
}

/* Which routed token stands at a position within a picture, where all_before tokens of pictures and
 * fine_before of fine tiles come before it; -1: none. What routers count follows from how many
 * they count: every token, the pictures', or those of the pictures' fine tiles. */
static gint64
find_token (const Routing *self,
            const PmodRecordImage *image,
            int position,
            gint64 all_before,
            gint64 fine_before,
            gint64 n_all)
{
  int within = position - image->first_token;

  if (self->begin->n_vision == self->begin->n_tokens)
    return position;
  if (self->begin->n_vision == n_all)
    return all_before + within;
  return within < count_coarse (image) ? -1 : fine_before + within - count_coarse (image);
}

static void
place_plane (Routing *self,
             const PmodRecordImage *image,
             int plane_idx,
             gint64 all_before,
             gint64 fine_before,
             gint64 n_all)
{
  const PmodPlane *plane = &image->planes[plane_idx];

  for (int row = 0; row < plane->rows; row++)
    for (int col = 0; col < plane->cols; col++)
      {
        int position = plane->first_token + row * (plane->cols + plane->newlines) + col;
        gint64 token = find_token (self, image, position, all_before, fine_before, n_all);

        if (token >= 0 && token < self->begin->n_vision)
          self->places[token] = (Place){ image->index, plane_idx, row, col };
      }
}

static void
place_tokens (Routing *self)
{
  gint64 n_all = 0, n_fine = 0, all_before = 0, fine_before = 0;
  int n_vision = self->begin->n_vision;

  self->places = g_new (Place, MAX (n_vision, 1));
  for (int i = 0; i < n_vision; i++)
    self->places[i] = (Place){ -1, -1, -1, -1 };
  for (guint i = 0; i < self->images->len; i++)
    {
      const PmodRecordImage *image = self->images->pdata[i];

      n_all += image->n_tokens;
      n_fine += image->n_tokens - count_coarse (image);
    }
  if (n_all > PMOD_TRACE_EXPORT_MAX_CELLS ||
      (n_vision != self->begin->n_tokens && n_vision != n_all && n_vision != n_fine))
    return;
  for (guint i = 0; i < self->images->len; i++)
    {
      const PmodRecordImage *image = self->images->pdata[i];

      for (int p = 0; p < image->n_planes; p++)
        place_plane (self, image, p, all_before, fine_before, n_all);
      all_before += image->n_tokens;
      fine_before += image->n_tokens - count_coarse (image);
    }
}

static gboolean
check (const Routing *self, guint32 run, GError **error)
{
  gint64 n_cells;

  if (self->begin == NULL)
    {
      if (run > 0)
        g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "trace: it holds no run %u", run);
      else
        g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "trace: it holds no run");
      return FALSE;
    }
  n_cells = (gint64)self->begin->n_layers * self->begin->n_vision;
  if (n_cells > PMOD_TRACE_EXPORT_MAX_CELLS)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "run %u: expected at most %d layers times vision tokens, got %" G_GINT64_FORMAT,
                   self->begin->header.run, PMOD_TRACE_EXPORT_MAX_CELLS, n_cells);
      return FALSE;
    }
  for (int l = 0; l < self->begin->n_layers; l++)
    if (self->route[l] != NULL && self->route[l]->n_vision != self->begin->n_vision)
      {
        g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                     "run %u, layer %d: expected %d vision tokens, got %d", self->begin->header.run,
                     l, self->begin->n_vision, self->route[l]->n_vision);
        return FALSE;
      }
  return TRUE;
}

static Routing *
routing_new (GBytes *records, guint32 run, GError **error)
{
  g_autoptr (Routing) self = g_new0 (Routing, 1);
  g_autoptr (GError) local = NULL;
  const PmodRecord *record;
  gsize size, offset = 0;
  const guint8 *bytes = g_bytes_get_data (records, &size);

  self->images = g_ptr_array_new ();
  self->answer = g_string_new (NULL);
  while ((record = pmod_trace_next (bytes, size, &offset, &local)) != NULL)
    if (run == 0 || record->run == run)
      {
        if (record->type == PMOD_RECORD_RUN_BEGIN)
          take_begin (self, (const PmodRecordRunBegin *)record);
        else if (self->begin != NULL)
          take (self, record);
      }
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  if (!check (self, run, error))
    return NULL;
  place_tokens (self);
  return g_steal_pointer (&self);
}

/* --- What a cell holds ------------------------------------------------------------------------ */

static gboolean
is_plain (const Routing *self, int layer)
{
  return self->begin->ratio[layer] < 0 || self->begin->n_vision == 0;
}

static gboolean
is_recorded (const Routing *self, int layer)
{
  return is_plain (self, layer) || self->route[layer] != NULL;
}

static gboolean
is_kept (const Routing *self, int layer, int token)
{
  const PmodRecordRoute *route = self->route[layer];

  return route != NULL ? pmod_record_route_kept (route, token) : is_plain (self, layer);
}

static float
get_weight (const Routing *self, int layer, int token)
{
  const PmodRecordRoute *route = self->route[layer];

  if (route != NULL)
    return pmod_record_route_weights (route)[token];
  return is_plain (self, layer) ? 1 : NAN;
}

static float
get_logit (const Routing *self, int layer, int token)
{
  const PmodRecordRoute *route = self->route[layer];

  return route != NULL ? pmod_record_route_logits (route)[token] : NAN;
}

static double
get_ratio (const Routing *self, int layer)
{
  return is_plain (self, layer) ? 1 : self->begin->ratio[layer];
}

/* --- CSV -------------------------------------------------------------------------------------- */

/* A number that is none stays an empty field. */
static void
append_float (GString *text, float value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_c (text, ',');
  if (isfinite (value))
    g_string_append (text, pmod_json_format_float (digits, value));
}

static GBytes *
export_csv (const Routing *self)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  GString *text = g_string_new ("layer,token,picture,plane,row,col,kept,weight,logit,ratio\n");

  for (int l = 0; l < self->begin->n_layers; l++)
    for (int t = 0; is_recorded (self, l) && t < self->begin->n_vision; t++)
      {
        const Place *place = &self->places[t];

        g_string_append_printf (text, "%d,%d,%d,%d,%d,%d,%d", l, t, place->picture, place->plane,
                                place->row, place->col, is_kept (self, l, t));
        append_float (text, get_weight (self, l, t));
        append_float (text, get_logit (self, l, t));
        g_string_append_printf (text, ",%s\n",
                                pmod_json_format_double (digits, get_ratio (self, l)));
      }
  return g_string_free_to_bytes (text);
}

/* --- numpy ------------------------------------------------------------------------------------ */

static void
add_cells (const Routing *self, PmodNpz *npz)
{
  gsize n_vision = (gsize)self->begin->n_vision;
  gsize shape[2] = { (gsize)self->begin->n_layers, n_vision };
  gsize n_cells = shape[0] * shape[1];
  g_autofree guint8 *kept = g_new (guint8, MAX (n_cells, 1));
  g_autofree float *weight = g_new (float, MAX (n_cells, 1));
  g_autofree float *logit = g_new (float, MAX (n_cells, 1));

  for (gsize i = 0; i < n_cells; i++)
    {
      int layer = (int)(i / n_vision);
      int token = (int)(i % n_vision);

      kept[i] = (guint8)is_kept (self, layer, token);
      weight[i] = get_weight (self, layer, token);
      logit[i] = get_logit (self, layer, token);
    }
  pmod_npz_add (npz, "kept", "|u1", 2, shape, kept, n_cells);
  pmod_npz_add (npz, "weight", "<f4", 2, shape, weight, n_cells * sizeof *weight);
  pmod_npz_add (npz, "logit", "<f4", 2, shape, logit, n_cells * sizeof *logit);
}

static void
add_layers (const Routing *self, PmodNpz *npz)
{
  gsize n_layers = (gsize)self->begin->n_layers;
  g_autofree double *ratio = g_new (double, MAX (n_layers, 1));
  g_autofree guint8 *routed = g_new (guint8, MAX (n_layers, 1));
  g_autofree guint8 *recorded = g_new (guint8, MAX (n_layers, 1));

  for (gsize l = 0; l < n_layers; l++)
    {
      ratio[l] = get_ratio (self, (int)l);
      routed[l] = !is_plain (self, (int)l);
      recorded[l] = (guint8)is_recorded (self, (int)l);
    }
  pmod_npz_add (npz, "ratio", "<f8", 1, &n_layers, ratio, n_layers * sizeof *ratio);
  pmod_npz_add (npz, "routed", "|u1", 1, &n_layers, routed, n_layers);
  pmod_npz_add (npz, "recorded", "|u1", 1, &n_layers, recorded, n_layers);
}

static const struct
{
  const char *name;
  gsize offset;
} place_fields[] = {
  { "picture", G_STRUCT_OFFSET (Place, picture) },
  { "plane", G_STRUCT_OFFSET (Place, plane) },
  { "row", G_STRUCT_OFFSET (Place, row) },
  { "col", G_STRUCT_OFFSET (Place, col) },
};

static gint32
get_place (const Routing *self, int token, guint field)
{
  return G_STRUCT_MEMBER (gint32, &self->places[token], place_fields[field].offset);
}

static GBytes *
export_npy (const Routing *self)
{
  g_autoptr (PmodNpz) npz = pmod_npz_new ();
  gsize n_vision = (gsize)self->begin->n_vision;
  g_autofree gint32 *values = g_new (gint32, MAX (n_vision, 1));

  add_cells (self, npz);
  add_layers (self, npz);
  for (guint f = 0; f < G_N_ELEMENTS (place_fields); f++)
    {
      for (gsize t = 0; t < n_vision; t++)
        values[t] = get_place (self, (int)t, f);
      pmod_npz_add (npz, place_fields[f].name, "<i4", 1, &n_vision, values,
                    n_vision * sizeof *values);
    }
  return pmod_npz_finish (npz);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void
write_plane (const PmodPlane *plane, GString *text)
{
  const float box[4] = { plane->x0, plane->y0, plane->x1, plane->y1 };

  pmod_json_write_open (text, NULL, '{');
  pmod_json_write_int (text, "rows", plane->rows);
  pmod_json_write_int (text, "cols", plane->cols);
  pmod_json_write_bool (text, "newlines", plane->newlines);
  pmod_json_write_open (text, "box", '[');
  for (int i = 0; i < 4; i++)
    pmod_json_write_float (text, NULL, box[i]);
  pmod_json_write_close (text, ']');
  pmod_json_write_close (text, '}');
}

static void
write_pictures (const Routing *self, GString *text)
{
  pmod_json_write_open (text, "pictures", '[');
  for (guint i = 0; i < self->images->len; i++)
    {
      const PmodRecordImage *image = self->images->pdata[i];

      pmod_json_write_open (text, NULL, '{');
      pmod_json_write_int (text, "index", image->index);
      pmod_json_write_int (text, "width", image->width);
      pmod_json_write_int (text, "height", image->height);
      pmod_json_write_int (text, "tiles", image->n_tiles);
      pmod_json_write_open (text, "grid", '[');
      pmod_json_write_int (text, NULL, image->grid_rows);
      pmod_json_write_int (text, NULL, image->grid_cols);
      pmod_json_write_close (text, ']');
      pmod_json_write_open (text, "planes", '[');
      for (int p = 0; p < image->n_planes; p++)
        write_plane (&image->planes[p], text);
      pmod_json_write_close (text, ']');
      pmod_json_write_close (text, '}');
    }
  pmod_json_write_close (text, ']');
}

static void
write_tokens (const Routing *self, GString *text)
{
  pmod_json_write_open (text, "tokens", '{');
  for (guint f = 0; f < G_N_ELEMENTS (place_fields); f++)
    {
      pmod_json_write_open (text, place_fields[f].name, '[');
      for (int t = 0; t < self->begin->n_vision; t++)
        pmod_json_write_int (text, NULL, get_place (self, t, f));
      pmod_json_write_close (text, ']');
    }
  pmod_json_write_close (text, '}');
}

static int
count_kept (const Routing *self, int layer)
{
  if (self->route[layer] != NULL)
    return self->route[layer]->n_kept;
  return is_plain (self, layer) ? self->begin->n_vision : 0;
}

static void
write_layer (const Routing *self, int layer, GString *text)
{
  const PmodRecordRoute *route = self->route[layer];
  int n_values = route != NULL ? route->n_vision : 0;

  pmod_json_write_open (text, NULL, '{');
  pmod_json_write_int (text, "index", layer);
  pmod_json_write_bool (text, "routed", !is_plain (self, layer));
  pmod_json_write_bool (text, "recorded", is_recorded (self, layer));
  pmod_json_write_double (text, "ratio", get_ratio (self, layer));
  pmod_json_write_int (text, "n_kept", count_kept (self, layer));
  pmod_json_write_float (text, "margin", route != NULL ? route->margin : 0);
  pmod_json_write_int (text, "ties", route != NULL ? route->n_ties : 0);
  pmod_json_write_int (text, "saturated", route != NULL ? route->n_saturated : 0);
  pmod_json_write_bool (text, "never_read", route != NULL && route->never_read);
  pmod_json_write_open (text, "kept", '[');
  for (int t = 0; t < self->begin->n_vision; t++)
    if (is_kept (self, layer, t))
      pmod_json_write_int (text, NULL, t);
  pmod_json_write_close (text, ']');
  pmod_json_write_open (text, "weight", '[');
  for (int t = 0; t < n_values; t++)
    pmod_json_write_float (text, NULL, get_weight (self, layer, t));
  pmod_json_write_close (text, ']');
  pmod_json_write_open (text, "logit", '[');
  for (int t = 0; t < n_values; t++)
    pmod_json_write_float (text, NULL, get_logit (self, layer, t));
  pmod_json_write_close (text, ']');
  pmod_json_write_close (text, '}');
}

static GBytes *
export_json (const Routing *self)
{
  GString *text = g_string_new (NULL);

  pmod_json_write_open (text, NULL, '{');
  pmod_json_write_int (text, "schema", 1);
  pmod_json_write_string (text, "kind", "strata-routing");
  pmod_json_write_int (text, "run", self->begin->header.run);
  pmod_json_write_int (text, "generation", (gint64)self->begin->generation);
  pmod_json_write_int (text, "n_layers", self->begin->n_layers);
  pmod_json_write_int (text, "n_tokens", self->begin->n_tokens);
  pmod_json_write_int (text, "n_vision", self->begin->n_vision);
  pmod_json_write_string (text, "policy", pmod_policy_name ((PmodPolicy)self->begin->policy));
  pmod_json_write_bool (text, "question_first", self->begin->question_first);
  write_pictures (self, text);
  write_tokens (self, text);
  pmod_json_write_open (text, "layers", '[');
  for (int l = 0; l < self->begin->n_layers; l++)
    write_layer (self, l, text);
  pmod_json_write_close (text, ']');
  pmod_json_write_string (text, "answer", self->answer->str);
  pmod_json_write_string (
      text, "finish", self->end != NULL ? pmod_finish_name ((PmodFinish)self->end->finish) : NULL);
  pmod_json_write_close (text, '}');
  g_string_append_c (text, '\n');
  return g_string_free_to_bytes (text);
}

/* --- Public ----------------------------------------------------------------------------------- */

const char *
pmod_trace_export_name (PmodTraceExport format)
{
  static const char *const names[] = { "csv", "npy", "json" };

  G_STATIC_ASSERT (G_N_ELEMENTS (names) == PMOD_N_TRACE_EXPORTS);
  return (guint)format < G_N_ELEMENTS (names) ? names[format] : "unknown";
}

gboolean
pmod_trace_export_parse (const char *name, PmodTraceExport *format, GError **error)
{
  g_autofree char *quoted = NULL;

  for (int i = 0; i < PMOD_N_TRACE_EXPORTS; i++)
    if (strcmp (name, pmod_trace_export_name ((PmodTraceExport)i)) == 0)
      {
        *format = (PmodTraceExport)i;
        return TRUE;
      }
  quoted = pmod_error_quote (name);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "expected csv, npy or json, got %s", quoted);
  return FALSE;
}

GBytes *
pmod_trace_export (GBytes *records, guint32 run, PmodTraceExport format, GError **error)
{
  g_autoptr (Routing) routing = routing_new (records, run, error);

  if (routing == NULL)
    return NULL;
  switch (format)
    {
    case PMOD_TRACE_EXPORT_CSV:
      return export_csv (routing);
    case PMOD_TRACE_EXPORT_NPY:
      return export_npy (routing);
    default:
      return export_json (routing);
    }
}

char *
pmod_trace_export_settings (GBytes *records, guint32 run, GError **error)
{
  g_autoptr (Routing) self = routing_new (records, run, error);
  GString *text;

  if (self == NULL)
    return NULL;
  text = g_string_new (NULL);
  pmod_json_write_open (text, NULL, '{');
  pmod_json_write_string (text, "source", "trace");
  pmod_json_write_int (text, "generation", (gint64)self->begin->generation);
  pmod_json_write_string (text, "policy", pmod_policy_name ((PmodPolicy)self->begin->policy));
  pmod_json_write_bool (text, "question_first", self->begin->question_first);
  pmod_json_write_open (text, "ratio", '[');
  for (int l = 0; l < self->begin->n_layers; l++)
    pmod_json_write_double (text, NULL, is_plain (self, l) ? NAN : self->begin->ratio[l]);
  pmod_json_write_close (text, ']');
  pmod_json_write_close (text, '}');
  return g_string_free (text, FALSE);
}
