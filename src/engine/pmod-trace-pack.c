/* Packing and unpacking of recorded runs. See pmod-trace-pack.h. */
#include "pmod-trace-pack.h"

#include <gio/gio.h>
#include <math.h>
#include <string.h>

#define PACKED_MAGIC "PMODPCK1"
#define PACKED_MAX_BYTES ((gsize)1 << 30)

/* In place of PMOD_RECORD_ROUTE; never in a trace. */
#define PACKED_ROUTE 0x8004

typedef struct
{
  PmodRecordRoute route; /* size and type are the packed record's */
  float low;             /* the smallest weight, which 0 stands for */
  float high;            /* the largest, 255; NAN where a weight was not finite */
  /* guint32 kept[(n_vision + 31) / 32]; guint8 weight[n_vision] */
  guint8 data[];
} PackedRoute;

G_STATIC_ASSERT (sizeof (PackedRoute) == sizeof (PmodRecordRoute) + 8);

static gsize
kept_bytes (int n_vision)
{
  return 4 * (((gsize)n_vision + 31) / 32);
}

static gsize
round_up (gsize size)
{
  return (size + 7) & ~(gsize)7;
}

static gsize
packed_size (int n_vision)
{
  return round_up (sizeof (PackedRoute) + kept_bytes (n_vision) + (gsize)n_vision);
}

static gsize
route_size (int n_vision)
{
  return round_up (sizeof (PmodRecordRoute) + 8 * (gsize)n_vision + kept_bytes (n_vision));
}

/* size zeroed bytes at the end of bytes. */
static gpointer
extend (GByteArray *bytes, gsize size)
{
  guint before = bytes->len;

  g_byte_array_set_size (bytes, before + (guint)size);
  memset (bytes->data + before, 0, size);
  return bytes->data + before;
}

static void
pack_route (GByteArray *bytes, const PmodRecordRoute *route)
{
  int n = route->n_vision;
  const float *weights = pmod_record_route_weights (route);
  PackedRoute *packed = extend (bytes, packed_size (n));
  guint8 *rounded = packed->data + kept_bytes (n);
  float low = n > 0 ? weights[0] : 0, high = low;
  gboolean finite = TRUE;

  for (int i = 0; i < n; i++)
    {
      finite &= isfinite (weights[i]) != 0;
      low = MIN (low, weights[i]);
      high = MAX (high, weights[i]);
    }
  packed->route = *route;
  packed->route.header.size = (guint32)packed_size (n);
  packed->route.header.type = PACKED_ROUTE;
  packed->low = finite ? low : NAN;
  packed->high = finite ? high : NAN;
  memcpy (packed->data, weights + n, kept_bytes (n));
  if (!finite || high == low)
    return;
  for (int i = 0; i < n; i++)
    rounded[i] = (guint8)lroundf ((weights[i] - low) / (high - low) * 255);
}

static const char *
unpack_route (GByteArray *bytes, const PackedRoute *packed)
{
  int n = packed->route.n_vision;
  const guint8 *rounded;
  PmodRecordRoute *route;
  float *floats;

  if (n < 0 || packed->route.header.size != packed_size (n))
    return "size";
  if (bytes->len + route_size (n) > PACKED_MAX_BYTES)
    return "size of the whole";
  rounded = packed->data + kept_bytes (n);
  route = extend (bytes, route_size (n));
  memcpy (route, &packed->route, sizeof *route);
  route->header.size = (guint32)route_size (n);
  route->header.type = PMOD_RECORD_ROUTE;
  route->header.flags |= PMOD_RECORD_FLAG_ROUNDED;
  floats = (float *)(gpointer)route->data;
  for (int i = 0; i < n; i++)
    {
      floats[i] = NAN;
      floats[n + i] = packed->low + (packed->high - packed->low) * (float)rounded[i] / 255;
    }
  memcpy (floats + 2 * n, packed->data, kept_bytes (n));
  return NULL;
}

static GBytes *
convert (GConverter *converter, gconstpointer data, gsize size, gsize max_bytes, GError **error)
{
  g_autoptr (GInputStream) source = g_memory_input_stream_new_from_data (data, (gssize)size, NULL);
  g_autoptr (GInputStream) stream = g_converter_input_stream_new (source, converter);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 part[65536];
  gssize n;

  while ((n = g_input_stream_read (stream, part, sizeof part, NULL, error)) > 0)
    {
      if (bytes->len + (gsize)n > max_bytes)
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                       "packed trace: expected at most %" G_GSIZE_FORMAT " bytes of records",
                       max_bytes);
          return NULL;
        }
      g_byte_array_append (bytes, part, (guint)n);
    }
  return n < 0 ? NULL : g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

GBytes *
pmod_trace_pack (GBytes *records, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GConverter) deflate = NULL;
  g_autoptr (GBytes) deflated = NULL;
  const PmodRecord *record;
  const guint8 *data;
  gsize size, offset = 0;
  GError *failure = NULL;

  data = g_bytes_get_data (records, &size);
  while ((record = pmod_trace_next (data, size, &offset, &failure)))
    {
      if (record->type == PMOD_RECORD_ROUTE)
        pack_route (bytes, (const PmodRecordRoute *)record);
      else if (record->type != PMOD_RECORD_STATE)
        g_byte_array_append (bytes, (const guint8 *)record, record->size);
    }
  if (failure)
    {
      g_propagate_error (error, failure);
      return NULL;
    }
  deflate = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 6));
  deflated = convert (deflate, bytes->data, bytes->len, PACKED_MAX_BYTES, error);
  if (!deflated)
    return NULL;
  g_byte_array_set_size (bytes, 0);
  g_byte_array_append (bytes, (const guint8 *)PACKED_MAGIC, strlen (PACKED_MAGIC));
  data = g_bytes_get_data (deflated, &size);
  g_byte_array_append (bytes, data, (guint)size);
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

/* Every record is as large as it says and inside; what it says beside that is checked once it is
 * an ordinary one. */
static const char *
unpack_records (GByteArray *bytes, const guint8 *data, gsize size)
{
  gsize offset = 0;

  while (offset < size)
    {
      const PmodRecord *record = (const PmodRecord *)(gconstpointer)(data + offset);
      const char *wrong;

      if (size - offset < sizeof *record || record->size < sizeof *record ||
          record->size % 8 != 0 || record->size > size - offset)
        return "size";
      if (record->type != PACKED_ROUTE)
        g_byte_array_append (bytes, data + offset, record->size);
      else if (record->size < sizeof (PackedRoute))
        return "size";
      else if ((wrong = unpack_route (bytes, (const PackedRoute *)record)))
        return wrong;
      offset += record->size;
    }
  return NULL;
}

GBytes *
pmod_trace_unpack (GBytes *packed, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GConverter) inflate =
      G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB));
  g_autoptr (GBytes) inflated = NULL;
  gsize magic = strlen (PACKED_MAGIC), size, offset = 0;
  const char *data = g_bytes_get_data (packed, &size);
  const char *wrong;
  GError *failure = NULL;

  if (size < magic || memcmp (data, PACKED_MAGIC, magic) != 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "packed trace: expected it to begin with \"%s\"", PACKED_MAGIC);
      return NULL;
    }
  inflated = convert (inflate, data + magic, size - magic, PACKED_MAX_BYTES, error);
  if (!inflated)
    {
      g_prefix_error (error, "packed trace: ");
      return NULL;
    }
  data = g_bytes_get_data (inflated, &size);
  wrong = unpack_records (bytes, (const guint8 *)data, size);
  if (wrong)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "packed trace: the %s of a record cannot be right", wrong);
      return NULL;
    }
  while (pmod_trace_next (bytes->data, bytes->len, &offset, &failure))
    ;
  if (failure)
    {
      g_propagate_error (error, failure);
      return NULL;
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}
