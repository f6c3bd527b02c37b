/* A painted mask: rows of states, shared between versions, and the file that holds them. */
#include "pmod-paint.h"

#include <string.h>

#include "pmod-error.h"
#include "pmod-json.h"

#define SCHEMA 1
#define MAX_VISION (1 << 24)
#define MAX_FILE_BYTES (64u << 20)

/* Row 0 is that of all layers, row i + 1 of layer i. */
#define N_ROWS (PMOD_MAX_LAYERS + 1)

struct _PmodPaint
{
  gatomicrefcount n_refs;
  int n_vision;
  GBytes *rows[N_ROWS]; /* [n_vision], or NULL: nothing painted, and so every row that is there has
                           something painted */
};

/* --- Life ------------------------------------------------------------------------------------- */

PmodPaint *
pmod_paint_new (int n_vision)
{
  PmodPaint *self = g_new0 (PmodPaint, 1);

  g_atomic_ref_count_init (&self->n_refs);
  self->n_vision = MAX (n_vision, 0);
  return self;
}

PmodPaint *
pmod_paint_ref (PmodPaint *self)
{
  g_atomic_ref_count_inc (&self->n_refs);
  return self;
}

void
pmod_paint_unref (PmodPaint *self)
{
  if (!g_atomic_ref_count_dec (&self->n_refs))
    return;
  for (int i = 0; i < N_ROWS; i++)
    g_clear_pointer (&self->rows[i], g_bytes_unref);
  g_free (self);
}

static gboolean
is_layer (int layer)
{
  return layer == PMOD_PAINT_ALL_LAYERS || (layer >= 0 && layer < PMOD_MAX_LAYERS);
}

/* NULL where nothing is painted. */
static GBytes *
new_row (const guint8 *states, int n)
{
  gboolean is_empty = TRUE;

  for (int i = 0; i < n; i++)
    {
      g_return_val_if_fail (states[i] <= PMOD_PAINT_SKIP, NULL);
      is_empty = is_empty && states[i] == PMOD_PAINT_NONE;
    }
  return is_empty ? NULL : g_bytes_new (states, (gsize)n);
}

PmodPaint *
pmod_paint_with (const PmodPaint *self, int layer, const guint8 *states)
{
  PmodPaint *other = pmod_paint_new (self->n_vision);

  g_return_val_if_fail (is_layer (layer), other);

  for (int i = 0; i < N_ROWS; i++)
    if (i == layer + 1)
      other->rows[i] = states != NULL ? new_row (states, self->n_vision) : NULL;
    else if (self->rows[i] != NULL)
      other->rows[i] = g_bytes_ref (self->rows[i]);
  return other;
}

/* --- What is painted -------------------------------------------------------------------------- */

int
pmod_paint_get_n_vision (const PmodPaint *self)
{
  return self->n_vision;
}

const guint8 *
pmod_paint_get_states (const PmodPaint *self, int layer)
{
  g_return_val_if_fail (is_layer (layer), NULL);

  return self->rows[layer + 1] != NULL ? g_bytes_get_data (self->rows[layer + 1], NULL) : NULL;
}

PmodPaintState
pmod_paint_get (const PmodPaint *self, int layer, int token)
{
  const guint8 *own = pmod_paint_get_states (self, layer);
  const guint8 *all = pmod_paint_get_states (self, PMOD_PAINT_ALL_LAYERS);

  g_return_val_if_fail (layer >= 0 && token >= 0 && token < self->n_vision, PMOD_PAINT_NONE);

  if (own != NULL && own[token] != PMOD_PAINT_NONE)
    return (PmodPaintState)own[token];
  return all != NULL ? (PmodPaintState)all[token] : PMOD_PAINT_NONE;
}

gboolean
pmod_paint_is_empty (const PmodPaint *self)
{
  for (int i = 0; i < N_ROWS; i++)
    if (self->rows[i] != NULL)
      return FALSE;
  return TRUE;
}

static gboolean
is_same_row (GBytes *a, GBytes *b)
{
  return a == b || (a != NULL && b != NULL && g_bytes_equal (a, b));
}

gboolean
pmod_paint_equal (const PmodPaint *a, const PmodPaint *b)
{
  if (a == b)
    return TRUE;
  if (a == NULL || b == NULL)
    return pmod_paint_is_empty (a != NULL ? a : b);
  if (a->n_vision != b->n_vision)
    return FALSE;
  for (int i = 0; i < N_ROWS; i++)
    if (!is_same_row (a->rows[i], b->rows[i]))
      return FALSE;
  return TRUE;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* One object of the file, where it stands in it, and who reads it. */
typedef struct
{
  const char *name; /* of the file */
  int n_vision;
  guint8 *states; /* [n_vision] of the row that is being read */
} Reader;

static gboolean
expect (const Reader *self,
        const char *where,
        const char *expected,
        const PmodJson *got,
        GError **error)
{
  g_autofree char *text = got != NULL ? pmod_json_describe (got) : g_strdup ("nothing");

  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: %s: expected %s, got %s", self->name,
               where, expected, text);
  return FALSE;
}

static gboolean
read_int (const Reader *self,
          const char *where,
          const PmodJson *value,
          gint64 min,
          gint64 max,
          int *result,
          GError **error)
{
  g_autofree char *expected = NULL;

  if (value != NULL && value->type == PMOD_JSON_INTEGER && value->integer >= min &&
      value->integer <= max)
    {
      *result = (int)value->integer;
      return TRUE;
    }
  expected =
      g_strdup_printf ("a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, min, max);
  return expect (self, where, expected, value, error);
}

/* Only members of names, NULL-terminated. */
static gboolean
check_members (const Reader *self,
               const char *where,
               const PmodJson *object,
               const char *const *names,
               GError **error)
{
  const PmodJson *member;

  if (object == NULL || object->type != PMOD_JSON_OBJECT)
    return expect (self, where, "an object", object, error);
  member = pmod_json_first (object);
  for (guint32 i = 0; i < object->n_children; i++, member = pmod_json_next (member))
    if (!g_strv_contains (names, member->key))
      {
        g_autofree char *known = g_strjoinv (", ", (char **)names);
        g_autofree char *quoted = pmod_error_quote (member->key);

        g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: %s: expected only %s, got %s",
                     self->name, where, known, quoted);
        return FALSE;
      }
  return TRUE;
}

/* "keep" or "skip" of object, which may lack it. */
static gboolean
read_tokens (Reader *self,
             const char *where,
             const PmodJson *object,
             const char *key,
             PmodPaintState state,
             GError **error)
{
  g_autofree char *place = g_strdup_printf ("%s, %s", where, key);
  const PmodJson *list = pmod_json_find (object, key), *item;
  int token;

  if (list == NULL)
    return TRUE;
  if (list->type != PMOD_JSON_ARRAY)
    return expect (self, place, "a list of tokens", list, error);
  item = pmod_json_first (list);
  for (guint32 i = 0; i < list->n_children; i++, item = pmod_json_next (item))
    {
      if (!read_int (self, place, item, 0, (gint64)self->n_vision - 1, &token, error))
        return FALSE;
      if (self->states[token] != PMOD_PAINT_NONE)
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                       "%s: %s: expected each token once, got %d twice", self->name, where, token);
          return FALSE;
        }
      self->states[token] = (guint8)state;
    }
  return TRUE;
}

/* Takes paint and returns it with the row of layer that object describes; NULL on an error. */
static PmodPaint *
read_row (Reader *self,
          PmodPaint *paint,
          const char *where,
          const PmodJson *object,
          int layer,
          GError **error)
{
  g_autoptr (PmodPaint) before = paint;

  memset (self->states, PMOD_PAINT_NONE, (gsize)self->n_vision);
  if (!read_tokens (self, where, object, "keep", PMOD_PAINT_KEEP, error) ||
      !read_tokens (self, where, object, "skip", PMOD_PAINT_SKIP, error))
    return NULL;
  return pmod_paint_with (before, layer, self->states);
}

static PmodPaint *
read_layers (Reader *self, PmodPaint *paint, const PmodJson *list, GError **error)
{
  static const char *const names[] = { "layer", "keep", "skip", NULL };
  g_autoptr (PmodPaint) owned = paint;
  gboolean seen[PMOD_MAX_LAYERS] = { FALSE };
  const PmodJson *item;
  int layer;

  if (list->type != PMOD_JSON_ARRAY)
    {
      expect (self, "layers", "a list of objects", list, error);
      return NULL;
    }
  item = pmod_json_first (list);
  for (guint32 i = 0; i < list->n_children; i++, item = pmod_json_next (item))
    {
      g_autofree char *where = g_strdup_printf ("layers, entry %u", i);

      if (!check_members (self, where, item, names, error) ||
          !read_int (self, where, pmod_json_find (item, "layer"), 0, PMOD_MAX_LAYERS - 1, &layer,
                     error))
        return NULL;
      if (seen[layer])
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                       "%s: layers: expected each layer once, got %d twice", self->name, layer);
          return NULL;
        }
      seen[layer] = TRUE;
      owned = read_row (self, g_steal_pointer (&owned), where, item, layer, error);
      if (owned == NULL)
        return NULL;
    }
  return g_steal_pointer (&owned);
}

static PmodPaint *
read_document (const PmodJsonDocument *document, GError **error)
{
  static const char *const names[] = { "schema", "n_vision", "all", "layers", NULL };
  static const char *const of_all[] = { "keep", "skip", NULL };
  const PmodJson *root = pmod_json_root (document), *all, *layers;
  g_autofree guint8 *states = NULL;
  g_autoptr (PmodPaint) paint = NULL;
  Reader self = { .name = pmod_json_get_name (document) };
  int schema;

  if (!check_members (&self, "the file", root, names, error) ||
      !read_int (&self, "schema", pmod_json_find (root, "schema"), SCHEMA, SCHEMA, &schema,
                 error) ||
      !read_int (&self, "n_vision", pmod_json_find (root, "n_vision"), 1, MAX_VISION,
                 &self.n_vision, error))
    return NULL;
  self.states = states = g_new0 (guint8, self.n_vision);
  paint = pmod_paint_new (self.n_vision);
  all = pmod_json_find (root, "all");
  layers = pmod_json_find (root, "layers");
  if (all != NULL)
    {
      if (!check_members (&self, "all", all, of_all, error))
        return NULL;
      paint = read_row (&self, g_steal_pointer (&paint), "all", all, PMOD_PAINT_ALL_LAYERS, error);
    }
  if (paint != NULL && layers != NULL)
    paint = read_layers (&self, g_steal_pointer (&paint), layers, error);
  return g_steal_pointer (&paint);
}

PmodPaint *
pmod_paint_parse (const char *text, gssize length, const char *name, GError **error)
{
  g_autoptr (PmodJsonDocument) document = pmod_json_parse (text, length, name, error);

  return document != NULL ? read_document (document, error) : NULL;
}

PmodPaint *
pmod_paint_load (const char *path, GError **error)
{
  g_autoptr (PmodJsonDocument) document = pmod_json_load (path, MAX_FILE_BYTES, error);

  return document != NULL ? read_document (document, error) : NULL;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static void
write_tokens (GString *text, const char *key, const guint8 *states, int n, PmodPaintState state)
{
  const char *separator = "";

  g_string_append_printf (text, "\"%s\": [", key);
  for (int i = 0; i < n; i++)
    if (states[i] == state)
      {
        g_string_append_printf (text, "%s%d", separator, i);
        separator = ", ";
      }
  g_string_append_c (text, ']');
}

static void
write_row (GString *text, const PmodPaint *self, int layer)
{
  const guint8 *states = pmod_paint_get_states (self, layer);

  write_tokens (text, "keep", states, self->n_vision, PMOD_PAINT_KEEP);
  g_string_append (text, ", ");
  write_tokens (text, "skip", states, self->n_vision, PMOD_PAINT_SKIP);
}

char *
pmod_paint_to_text (const PmodPaint *self)
{
  GString *text = g_string_new (NULL);
  const char *separator = "\n    { ";

  g_string_append_printf (text, "{\n  \"schema\": %d,\n  \"n_vision\": %d", SCHEMA, self->n_vision);
  if (pmod_paint_get_states (self, PMOD_PAINT_ALL_LAYERS) != NULL)
    {
      g_string_append (text, ",\n  \"all\": { ");
      write_row (text, self, PMOD_PAINT_ALL_LAYERS);
      g_string_append (text, " }");
    }
  g_string_append (text, ",\n  \"layers\": [");
  for (int layer = 0; layer < PMOD_MAX_LAYERS; layer++)
    if (pmod_paint_get_states (self, layer) != NULL)
      {
        g_string_append_printf (text, "%s\"layer\": %d, ", separator, layer);
        write_row (text, self, layer);
        g_string_append (text, " }");
        separator = ",\n    { ";
      }
  g_string_append (text, "]\n}\n");
  return g_string_free (text, FALSE);
}

gboolean
pmod_paint_save (const PmodPaint *self, const char *path, GError **error)
{
  g_autofree char *text = pmod_paint_to_text (self);
  g_autoptr (GError) local = NULL;

  /* Nobody reads half a file: GLib puts the whole one in the other's place. */
  if (g_file_set_contents (path, text, -1, &local))
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: cannot write: %s", path, local->message);
  return FALSE;
}
