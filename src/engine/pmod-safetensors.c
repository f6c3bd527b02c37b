/* See pmod-safetensors.h. Knows no model: names mean nothing here.
 *
 * A file is the header's length (8 bytes, little endian), the header (a JSON object: name ->
 * dtype, shape, data_offsets; "__metadata__" -> strings), then the tensors' bytes without a gap. */
#include "pmod-safetensors.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pmod-file.h"
#include "pmod-json.h"

#define LENGTH_BYTES 8
#define MAX_HEADER_BYTES (100 * 1000 * 1000)

struct _PmodSafetensors
{
  char *path;
  GMappedFile *map; /* one of map and bytes */
  GBytes *bytes;
  const guint8 *contents;
  gsize size;
  gsize data_offset;
  PmodJsonDocument *header; /* owns the names */
  GArray *entries;          /* PmodSafetensorsEntry, in the order of the data */
  GHashTable *by_name;      /* name -> entry */
};

/* Every dtype of the format whose elements are whole bytes. */
static const struct
{
  const char *name;
  guint8 size;
  gint8 dtype; /* PmodDtype, or -1 */
} dtypes[] = {
  { "F32", 4, PMOD_DTYPE_F32 },
  { "BF16", 2, PMOD_DTYPE_BF16 },
  { "F16", 2, PMOD_DTYPE_F16 },
  { "I32", 4, PMOD_DTYPE_I32 },
  { "I64", 8, PMOD_DTYPE_I64 },
  { "U8", 1, PMOD_DTYPE_U8 },
  { "BOOL", 1, -1 },
  { "I8", 1, -1 },
  { "F8_E4M3", 1, -1 },
  { "F8_E5M2", 1, -1 },
  { "F8_E8M0", 1, -1 },
  { "I16", 2, -1 },
  { "U16", 2, -1 },
  { "U32", 4, -1 },
  { "F64", 8, -1 },
  { "U64", 8, -1 },
  { "C64", 8, -1 },
};

/* What of an entry only its checks need. */
typedef struct
{
  PmodSafetensors *file;
  const char *name;
  GError **error;
} Place;

G_GNUC_PRINTF (2, 3)
static gboolean
fail (const Place *place, const char *format, ...)
{
  g_autofree char *what = NULL;
  g_autofree char *name = pmod_error_quote (place->name);
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (place->error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: tensor %s: %s", place->file->path,
               name, what);
  return FALSE;
}

static gboolean
fail_value (const Place *place, const char *key, const char *expected, const PmodJson *got)
{
  g_autofree char *text = got ? pmod_json_describe (got) : g_strdup ("nothing");

  return fail (place, "%s: expected %s, got %s", key, expected, text);
}

static gboolean
read_dtype (const Place *place, const PmodJson *value, PmodSafetensorsEntry *entry, gsize *size)
{
  if (!value || value->type != PMOD_JSON_STRING)
    return fail_value (place, "dtype", "a string", value);
  for (gsize i = 0; i < G_N_ELEMENTS (dtypes); i++)
    if (strcmp (value->string, dtypes[i].name) == 0)
      {
        entry->dtype_name = dtypes[i].name;
        entry->supported = dtypes[i].dtype >= 0;
        if (entry->supported)
          entry->tensor.dtype = (PmodDtype)dtypes[i].dtype;
        *size = dtypes[i].size;
        return TRUE;
      }
  return fail_value (place, "dtype", "F32, BF16, F16 or another known type", value);
}

/* Sets *n_bytes to the product of shape and the element's size. */
static gboolean
read_shape (const Place *place,
            const PmodJson *value,
            PmodSafetensorsEntry *entry,
            gsize element_size,
            guint64 *n_bytes)
{
  const PmodJson *dim;
  guint64 product = element_size;
  gboolean empty = FALSE;
  guint i;

  if (!value || value->type != PMOD_JSON_ARRAY)
    return fail_value (place, "shape", "an array", value);
  entry->n_file_dims = (int)value->n_children;
  if (value->n_children > PMOD_TENSOR_MAX_DIMS)
    entry->supported = FALSE;
  for (i = 0, dim = pmod_json_first (value); i < value->n_children; i++, dim = pmod_json_next (dim))
    {
      if (dim->type != PMOD_JSON_INTEGER || dim->integer < 0)
        return fail_value (place, "shape", "whole numbers from 0 up", dim);
      if (dim->integer == 0)
        empty = TRUE;
      /* A zero does not excuse the other dimensions: later products must not overflow in any
       * order. */
      else if (!g_uint64_checked_mul (&product, product, (guint64)dim->integer) ||
               product > G_MAXINT64)
        return fail (place, "shape: the product of the dimensions overflows");
      if (i < PMOD_TENSOR_MAX_DIMS)
        entry->tensor.shape[i] = dim->integer;
    }
  entry->tensor.n_dims = MIN (entry->n_file_dims, PMOD_TENSOR_MAX_DIMS);
  *n_bytes = empty ? 0 : product;
  return TRUE;
}

/* Sets *begin, relative to the data. */
static gboolean
read_offsets (const Place *place, const PmodJson *value, guint64 n_bytes, guint64 *begin)
{
  const PmodSafetensors *file = place->file;
  gint64 data_bytes = (gint64)(file->size - file->data_offset);
  const PmodJson *first, *second;

  if (!value || value->type != PMOD_JSON_ARRAY || value->n_children != 2)
    return fail_value (place, "data_offsets", "an array of 2", value);
  first = pmod_json_first (value);
  second = pmod_json_next (first);
  if (first->type != PMOD_JSON_INTEGER || first->integer < 0)
    return fail_value (place, "data_offsets", "a whole number from 0 up", first);
  if (second->type != PMOD_JSON_INTEGER || second->integer < first->integer)
    return fail_value (place, "data_offsets", "an end that is not before the begin", second);
  if (second->integer > data_bytes)
    return fail (place,
                 "data_offsets: the file holds %" G_GINT64_FORMAT
                 " bytes of data, but the tensor ends at %" G_GINT64_FORMAT
                 " (is the file cut short?)",
                 data_bytes, second->integer);
  if ((guint64)(second->integer - first->integer) != n_bytes)
    return fail (place,
                 "data_offsets: expected %" G_GUINT64_FORMAT
                 " bytes from dtype and shape, got %" G_GINT64_FORMAT,
                 n_bytes, second->integer - first->integer);
  *begin = (guint64)first->integer;
  return TRUE;
}

static gboolean
read_entry (PmodSafetensors *self, const PmodJson *value, GError **error)
{
  Place place = { self, value->key, error };
  PmodSafetensorsEntry entry = { .name = value->key };
  gsize element_size = 0;
  guint64 n_bytes = 0, begin = 0;

  if (value->type != PMOD_JSON_OBJECT || value->n_children != 3)
    return fail_value (&place, "entry", "an object of dtype, shape and data_offsets", value);
  if (!read_dtype (&place, pmod_json_find (value, "dtype"), &entry, &element_size) ||
      !read_shape (&place, pmod_json_find (value, "shape"), &entry, element_size, &n_bytes) ||
      !read_offsets (&place, pmod_json_find (value, "data_offsets"), n_bytes, &begin))
    return FALSE;

  entry.n_bytes = n_bytes;
  entry.tensor.data = (gpointer)(self->contents + self->data_offset + begin);
  g_array_append_val (self->entries, entry);
  return TRUE;
}

static gboolean
check_metadata (PmodSafetensors *self, const PmodJson *value, GError **error)
{
  Place place = { self, value->key, error };
  const PmodJson *item;
  guint i;

  if (value->type != PMOD_JSON_OBJECT)
    return fail_value (&place, "metadata", "an object of strings", value);
  for (i = 0, item = pmod_json_first (value); i < value->n_children;
       i++, item = pmod_json_next (item))
    if (item->type != PMOD_JSON_STRING)
      return fail_value (&place, "metadata", "a string", item);
  return TRUE;
}

static int
compare_places (gconstpointer a, gconstpointer b)
{
  const PmodSafetensorsEntry *x = a, *y = b;
  guintptr x_begin = (guintptr)x->tensor.data, y_begin = (guintptr)y->tensor.data;

  if (x_begin != y_begin)
    return x_begin < y_begin ? -1 : 1;
  return x->n_bytes < y->n_bytes ? -1 : x->n_bytes > y->n_bytes;
}

/* In the order of the data, each tensor must begin where the one before it ended. */
static gboolean
check_no_gaps (PmodSafetensors *self, GError **error)
{
  const guint8 *end = self->contents + self->data_offset;
  const char *before = "(the header)";

  for (guint i = 0; i < self->entries->len; i++)
    {
      const PmodSafetensorsEntry *entry = &g_array_index (self->entries, PmodSafetensorsEntry, i);
      const guint8 *begin = entry->tensor.data;

      if (begin != end)
        {
          Place place = { self, entry->name, error };
          g_autofree char *other = pmod_error_quote (before);

          return fail (&place, "data_offsets: %s %s by %" G_GSIZE_FORMAT " bytes",
                       begin < end ? "overlaps" : "leaves a gap after", other,
                       (gsize)(begin < end ? end - begin : begin - end));
        }
      end = begin + entry->n_bytes;
      before = entry->name;
    }
  if (end != self->contents + self->size)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: %" G_GSIZE_FORMAT " bytes after the last tensor", self->path,
                   (gsize)(self->contents + self->size - end));
      return FALSE;
    }
  return TRUE;
}

static gboolean
read_entries (PmodSafetensors *self, GError **error)
{
  const PmodJson *root = pmod_json_root (self->header);
  const PmodJson *value;
  guint i;

  /* pmod_json_parse() has refused duplicate names. */
  for (i = 0, value = pmod_json_first (root); i < root->n_children;
       i++, value = pmod_json_next (value))
    {
      gboolean ok = strcmp (value->key, "__metadata__") == 0 ? check_metadata (self, value, error)
                                                             : read_entry (self, value, error);

      if (!ok)
        return FALSE;
    }
  g_array_sort (self->entries, compare_places);
  if (!check_no_gaps (self, error))
    return FALSE;
  for (i = 0; i < self->entries->len; i++)
    {
      PmodSafetensorsEntry *entry = &g_array_index (self->entries, PmodSafetensorsEntry, i);

      if (!entry->supported)
        entry->tensor.data = NULL;
      g_hash_table_insert (self->by_name, (gpointer)entry->name, entry);
    }
  return TRUE;
}

/* The header's text; also sets data_offset. */
static const char *
find_header (PmodSafetensors *self, gsize *length, GError **error)
{
  guint64 n_bytes;

  if (self->size < LENGTH_BYTES)
    {
      g_set_error (
          error, PMOD_ERROR, PMOD_ERROR_FORMAT,
          "%s: expected a header's length in the first %d bytes, got a file of %" G_GSIZE_FORMAT
          " bytes",
          self->path, LENGTH_BYTES, self->size);
      return NULL;
    }
  memcpy (&n_bytes, self->contents, LENGTH_BYTES);
  n_bytes = GUINT64_FROM_LE (n_bytes);
  if (n_bytes > MAX_HEADER_BYTES || n_bytes > self->size - LENGTH_BYTES)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: header length: expected at most %" G_GSIZE_FORMAT
                   " bytes, got %" G_GUINT64_FORMAT " (not a safetensors file, or cut short?)",
                   self->path, MIN (self->size - LENGTH_BYTES, MAX_HEADER_BYTES), n_bytes);
      return NULL;
    }
  *length = (gsize)n_bytes;
  self->data_offset = LENGTH_BYTES + *length;
  return (const char *)self->contents + LENGTH_BYTES;
}

static gboolean
read_file (PmodSafetensors *self, GError **error)
{
  gsize length;
  const char *text = find_header (self, &length, error);
  g_autofree char *name = NULL;

  if (!text)
    return FALSE;
  /* The format asks for a brace at once; padding may only follow. */
  if (length == 0 || text[0] != '{')
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: header: expected '{' as its first byte, got %s", self->path,
                   length == 0 ? "an empty header" : "another");
      return FALSE;
    }
  name = g_strdup_printf ("%s: header", self->path);
  self->header = pmod_json_parse (text, (gssize)length, name, error);
  self->entries = g_array_new (FALSE, FALSE, sizeof (PmodSafetensorsEntry));
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  return self->header && read_entries (self, error);
}

PmodSafetensors *
pmod_safetensors_open (const char *path, GError **error)
{
  g_autoptr (PmodSafetensors) self = g_new0 (PmodSafetensors, 1);

  self->path = g_strdup (path);
  self->map = pmod_file_map (path, G_MAXINT64, error);
  if (!self->map)
    return NULL;
  self->contents = (const guint8 *)g_mapped_file_get_contents (self->map);
  self->size = g_mapped_file_get_length (self->map);
  return read_file (self, error) ? g_steal_pointer (&self) : NULL;
}

PmodSafetensors *
pmod_safetensors_new_from_bytes (GBytes *bytes, const char *name, GError **error)
{
  g_autoptr (PmodSafetensors) self = g_new0 (PmodSafetensors, 1);

  self->path = g_strdup (name);
  self->bytes = g_bytes_ref (bytes);
  self->contents = g_bytes_get_data (bytes, &self->size);
  return read_file (self, error) ? g_steal_pointer (&self) : NULL;
}

void
pmod_safetensors_free (PmodSafetensors *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->by_name, g_hash_table_unref);
  g_clear_pointer (&self->entries, g_array_unref);
  pmod_json_document_free (self->header);
  g_clear_pointer (&self->map, g_mapped_file_unref);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_free (self->path);
  g_free (self);
}

const char *
pmod_safetensors_get_path (const PmodSafetensors *self)
{
  return self->path;
}

guint
pmod_safetensors_get_n_entries (const PmodSafetensors *self)
{
  return self->entries->len;
}

const PmodSafetensorsEntry *
pmod_safetensors_get_entry (const PmodSafetensors *self, guint i)
{
  g_return_val_if_fail (i < self->entries->len, NULL);
  return &g_array_index (self->entries, PmodSafetensorsEntry, i);
}

const PmodSafetensorsEntry *
pmod_safetensors_find (const PmodSafetensors *self, const char *name)
{
  return g_hash_table_lookup (self->by_name, name);
}

void
pmod_safetensors_forget (PmodSafetensors *self, const PmodSafetensorsEntry *entry)
{
  gsize page = (gsize)sysconf (_SC_PAGESIZE);
  gsize begin, end;

  /* Memory that is not a map would lose its contents. */
  if (!self->map || !entry->tensor.data)
    return;
  /* Only whole pages, so that neighbours keep theirs. */
  begin = ((gsize)entry->tensor.data + page - 1) / page * page;
  end = ((gsize)entry->tensor.data + entry->n_bytes) / page * page;
  if (begin < end)
    madvise ((gpointer)begin, end - begin, MADV_DONTNEED);
}
