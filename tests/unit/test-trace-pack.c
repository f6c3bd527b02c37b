/* Packed traces: maps to the bit, weights to 1/255 of their range, and damaged bytes refused. */
#include "config.h"

#include <gio/gio.h>
#include <math.h>
#include <string.h>

#include "pmod-engine.h"

static void
collect_cb (const PmodRecord *record, gpointer data)
{
  g_byte_array_append (data, (const guint8 *)record, record->size);
}

static void
write_route (PmodTrace *trace, int layer, int n, GRand *random, float only)
{
  gsize size = sizeof (PmodRecordRoute) + 8 * (gsize)n + 4 * (((gsize)n + 31) / 32);
  PmodRecordRoute *route = pmod_trace_append (trace, PMOD_RECORD_ROUTE, layer, size);
  float *floats = (float *)(gpointer)route->data;
  guint32 *bits = (guint32 *)(gpointer)(floats + 2 * n);

  route->ratio = 0.5;
  route->n_vision = n;
  route->margin = 0.25f;
  for (int i = 0; i < n; i++)
    {
      gboolean kept = g_rand_boolean (random);

      floats[i] = (float)g_rand_double_range (random, -9, 9);
      floats[n + i] = isnan (only) ? (float)g_rand_double_range (random, -0.2, 0.2) : only;
      bits[i / 32] |= (guint32)kept << (i % 32);
      route->n_kept += kept;
    }
  pmod_trace_commit (trace, route);
}

/* Layers of n tokens with drawn weights, one whose weights are all the same, and a token. */
static GBytes *
make_records (int n)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (PmodTrace) trace = pmod_trace_new (G_MAXUINT32, collect_cb, bytes);
  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  PmodRecordToken *token;
  PmodRecordState *state;

  pmod_trace_begin_run (trace);
  for (int l = 0; l < 3; l++)
    write_route (trace, l, n, random, l == 2 ? 0.125f : NAN);
  state = pmod_trace_append (trace, PMOD_RECORD_STATE, -1, sizeof *state + 4);
  state->n_dims = 1;
  state->shape[0] = 1;
  pmod_trace_commit (trace, state);
  token = pmod_trace_append (trace, PMOD_RECORD_TOKEN, -1, sizeof *token + 3);
  token->id = 17;
  token->text_bytes = 3;
  memcpy (token->alternatives, "dog", 3);
  pmod_trace_commit (trace, token);
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

static const PmodRecord *
next (GBytes *records, gsize *offset)
{
  g_autoptr (GError) error = NULL;
  gsize size;
  const guint8 *data = g_bytes_get_data (records, &size);
  const PmodRecord *record = pmod_trace_next (data, size, offset, &error);

  g_assert_no_error (error);
  return record;
}

static void
compare_route (const PmodRecordRoute *before, const PmodRecordRoute *after)
{
  const float *a = pmod_record_route_weights (before), *b = pmod_record_route_weights (after);
  float low = INFINITY, high = -INFINITY;

  g_assert_cmpint (after->n_vision, ==, before->n_vision);
  g_assert_cmpint (after->n_kept, ==, before->n_kept);
  g_assert_cmpfloat (after->ratio, ==, before->ratio);
  g_assert_cmpfloat (after->margin, ==, before->margin);
  g_assert_true (after->header.flags & PMOD_RECORD_FLAG_ROUNDED);
  for (int i = 0; i < before->n_vision; i++)
    {
      low = MIN (low, a[i]);
      high = MAX (high, a[i]);
    }
  for (int i = 0; i < before->n_vision; i++)
    {
      g_assert_cmpint (pmod_record_route_kept (before, i), ==, pmod_record_route_kept (after, i));
      /* Half a step, and what F32 rounds. */
      g_assert_cmpfloat (fabsf (a[i] - b[i]), <=, (high - low) / 255 * 0.5001f + 1e-7f);
      g_assert_true (isnan (pmod_record_route_logits (after)[i]));
    }
}

static void
test_round_trip (void)
{
  static const int sizes[] = { 0, 1, 31, 32, 33, 576, 2928 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) records = make_records (sizes[i]);
      g_autoptr (GBytes) packed = pmod_trace_pack (records, &error);
      g_autoptr (GBytes) again = packed ? pmod_trace_unpack (packed, &error) : NULL;
      gsize a = 0, b = 0;
      const PmodRecord *token;

      g_assert_no_error (error);
      for (int l = 0; l < 3; l++)
        compare_route ((const PmodRecordRoute *)next (records, &a),
                       (const PmodRecordRoute *)next (again, &b));
      g_assert_cmpint (next (records, &a)->type, ==, PMOD_RECORD_STATE);
      token = next (again, &b);
      g_assert_cmpint (token->type, ==, PMOD_RECORD_TOKEN);
      g_assert_cmpint (memcmp (token, next (records, &a), token->size), ==, 0);
      g_assert_null (next (again, &b));
      if (sizes[i] > 500)
        g_assert_cmpuint (g_bytes_get_size (packed), <, g_bytes_get_size (records) / 5);
    }
}

/* A weight that is no number makes its layer's weights unknown, and nothing else. */
static void
test_not_finite (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) records = make_records (40);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GBytes) broken = NULL, packed = NULL, again = NULL;
  PmodRecordRoute *route;
  const PmodRecordRoute *after;
  gsize size, offset = 0;
  gconstpointer data = g_bytes_get_data (records, &size);

  g_byte_array_append (bytes, data, (guint)size);
  route = (PmodRecordRoute *)(gpointer)bytes->data;
  ((float *)(gpointer)route->data)[40 + 7] = INFINITY;
  broken = g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
  packed = pmod_trace_pack (broken, &error);
  again = pmod_trace_unpack (packed, &error);
  g_assert_no_error (error);
  after = (const PmodRecordRoute *)next (again, &offset);
  g_assert_true (isnan (pmod_record_route_weights (after)[3]));
  after = (const PmodRecordRoute *)next (again, &offset);
  g_assert_false (isnan (pmod_record_route_weights (after)[3]));
}

/* Every cut and every flipped byte is an error or other records, never a crash. */
static void
test_damaged (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) records = make_records (33);
  g_autoptr (GBytes) packed = pmod_trace_pack (records, &error);
  g_autoptr (GBytes) nothing = g_bytes_new_static ("PMODTRC1", 8);
  gsize size;
  const guint8 *data = g_bytes_get_data (packed, &size);

  for (gsize cut = 0; cut < size; cut++)
    {
      g_autoptr (GBytes) part = g_bytes_new (data, cut);

      g_assert_null (pmod_trace_unpack (part, &error));
      g_assert_nonnull (error);
      g_clear_error (&error);
    }
  for (gsize i = 0; i < size; i++)
    {
      g_autofree guint8 *copy = g_memdup2 (data, size);
      g_autoptr (GBytes) flipped = NULL, unpacked = NULL;

      copy[i] ^= 0x55;
      flipped = g_bytes_new (copy, size);
      unpacked = pmod_trace_unpack (flipped, NULL);
    }
  g_assert_null (pmod_trace_unpack (nothing, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/trace-pack/round-trip", test_round_trip);
  g_test_add_func ("/trace-pack/not-finite", test_not_finite);
  g_test_add_func ("/trace-pack/damaged", test_damaged);
  return g_test_run ();
}
