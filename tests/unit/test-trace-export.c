/* Routing in formats of others: a trace with a known mask gives the known values, wherever a token
 * lies; what cannot be exported says why. */
#include "pmod-error.h"
#include "pmod-json.h"
#include "pmod-params.h"
#include "pmod-schedule.h"
#include "pmod-trace-export.h"
#include "pmod-trace.h"

#include <math.h>
#include <string.h>

#define N_LAYERS 3

static void
collect_cb (const PmodRecord *record, gpointer user_data)
{
  g_byte_array_append (user_data, (const guint8 *)record, record->size);
}

static void
write_begin (PmodTrace *trace, int n_tokens, int n_vision)
{
  PmodRecordRunBegin *begin = pmod_trace_append (trace, PMOD_RECORD_RUN_BEGIN, -1,
                                                 sizeof *begin + N_LAYERS * sizeof (double));

  begin->generation = 7;
  begin->n_layers = N_LAYERS;
  begin->n_tokens = n_tokens;
  begin->n_vision = n_vision;
  begin->policy = PMOD_POLICY_GRID;
  begin->ratio[0] = PMOD_RATIO_PLAIN;
  begin->ratio[1] = 0.5;
  begin->ratio[2] = 0.25;
  pmod_trace_commit (trace, begin);
}

/* Coarse 1 x 2, then 2 x 3 with a newline after each row: 10 tokens from first_token on. */
static void
write_image (PmodTrace *trace, int index, int first_token)
{
  PmodRecordImage *image = pmod_trace_append (trace, PMOD_RECORD_IMAGE, -1, sizeof *image);

  image->index = index;
  image->width = 30;
  image->height = 20;
  image->n_tiles = image->grid_rows = image->grid_cols = 1;
  image->first_token = first_token;
  image->n_tokens = 10;
  image->n_planes = 2;
  image->planes[0] = (PmodPlane){ first_token, 1, 2, 0, 0, -0.25f, 1, 1.25f };
  image->planes[1] = (PmodPlane){ first_token + 2, 2, 3, 1, 0, 0, 1, 1 };
  pmod_trace_commit (trace, image);
}

/* Keeps every third token; weight 1 + t / 8, logit -t / 4. */
static void
write_route (PmodTrace *trace, int layer, int n_vision)
{
  gsize n_words = (gsize)(n_vision + 31) / 32;
  PmodRecordRoute *route =
      pmod_trace_append (trace, PMOD_RECORD_ROUTE, layer,
                         sizeof *route + (gsize)n_vision * 8 + n_words * sizeof (guint32));
  float *logit = (float *)route->data;
  guint32 *kept = (guint32 *)route->data + 2 * n_vision;

  route->ratio = 0.5;
  route->n_vision = n_vision;
  route->margin = 0.125f;
  for (int t = 0; t < n_vision; t++)
    {
      logit[t] = -(float)t / 4;
      logit[n_vision + t] = 1 + (float)t / 8;
      if (t % 3 == 0)
        {
          kept[t / 32] |= 1u << (t % 32);
          route->n_kept++;
        }
    }
  pmod_trace_commit (trace, route);
}

/* n_vision: 20 = all of two pictures', 16 = without their coarse tiles, 30 = every token. */
static GBytes *
record_run (int n_vision, gboolean whole)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, collect_cb, bytes);
  PmodRecordRunEnd *end;

  pmod_trace_begin_run (trace);
  write_begin (trace, 30, n_vision);
  write_image (trace, 0, 5);
  write_image (trace, 1, 17);
  write_route (trace, 1, n_vision);
  if (whole)
    {
      write_route (trace, 2, n_vision);
      end = pmod_trace_append (trace, PMOD_RECORD_RUN_END, -1, sizeof *end);
      end->finish = PMOD_FINISH_EOS;
      pmod_trace_commit (trace, end);
    }
  return g_bytes_new (bytes->data, bytes->len);
}

static GBytes *export(int n_vision, gboolean whole, PmodTraceExport format)
{
  g_autoptr (GBytes) records = record_run (n_vision, whole);
  g_autoptr (GError) error = NULL;
  GBytes *bytes = pmod_trace_export (records, 0, format, &error);

  g_assert_no_error (error);
  return bytes;
}

static char **
export_lines (int n_vision, gboolean whole)
{
  g_autoptr (GBytes) bytes = export(n_vision, whole, PMOD_TRACE_EXPORT_CSV);
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);
  g_autofree char *text = g_strndup (data, size);

  g_assert_true (g_str_has_suffix (text, "\n"));
  text[size - 1] = '\0';
  return g_strsplit (text, "\n", -1);
}

static void
test_csv (void)
{
  g_auto (GStrv) all = export_lines (20, TRUE);
  g_auto (GStrv) fine = export_lines (16, TRUE);
  g_auto (GStrv) every = export_lines (30, TRUE);
  g_auto (GStrv) half = export_lines (20, FALSE);

  g_assert_cmpstr (all[0], ==, "layer,token,picture,plane,row,col,kept,weight,logit,ratio");
  g_assert_cmpuint (g_strv_length (all), ==, 1 + N_LAYERS * 20);
  g_assert_cmpstr (all[1], ==, "0,0,0,0,0,0,1,1,,1");
  g_assert_cmpstr (all[1 + 20], ==, "1,0,0,0,0,0,1,1,-0,0.5");
  g_assert_cmpstr (all[1 + 20 + 1], ==, "1,1,0,0,0,1,0,1.125,-0.25,0.5");
  g_assert_cmpstr (all[1 + 20 + 4], ==, "1,4,0,1,0,2,0,1.5,-1,0.5");
  g_assert_cmpstr (all[1 + 20 + 5], ==, "1,5,-1,-1,-1,-1,0,1.625,-1.25,0.5"); /* a newline */
  g_assert_cmpstr (all[1 + 20 + 6], ==, "1,6,0,1,1,0,1,1.75,-1.5,0.5");
  g_assert_cmpstr (all[1 + 40 + 10], ==, "2,10,1,0,0,0,0,2.25,-2.5,0.25");

  g_assert_cmpstr (fine[1 + 16], ==, "1,0,0,1,0,0,1,1,-0,0.5");
  g_assert_cmpstr (fine[1 + 16 + 8], ==, "1,8,1,1,0,0,0,2,-2,0.5");

  g_assert_cmpstr (every[1 + 30 + 4], ==, "1,4,-1,-1,-1,-1,0,1.5,-1,0.5"); /* text */
  g_assert_cmpstr (every[1 + 30 + 5], ==, "1,5,0,0,0,0,0,1.625,-1.25,0.5");

  /* A layer that the run never came to has no rows. */
  g_assert_cmpuint (g_strv_length (half), ==, 1 + 2 * 20);
}

static void
test_json (void)
{
  g_autoptr (GBytes) bytes = export(20, FALSE, PMOD_TRACE_EXPORT_JSON);
  g_autoptr (GError) error = NULL;
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);
  g_autoptr (PmodJsonDocument) document = pmod_json_parse (data, (gssize)size, "export", &error);
  const PmodJson *root, *layer, *kept, *place;

  g_assert_no_error (error);
  root = pmod_json_root (document);
  g_assert_cmpint (pmod_json_find (root, "schema")->integer, ==, 1);
  g_assert_cmpstr (pmod_json_find (root, "kind")->string, ==, "strata-routing");
  g_assert_cmpstr (pmod_json_find (root, "policy")->string, ==, "grid");
  g_assert_cmpint (pmod_json_find (root, "generation")->integer, ==, 7);
  g_assert_cmpint (pmod_json_find (root, "finish")->type, ==, PMOD_JSON_NULL);
  g_assert_cmpuint (pmod_json_find (root, "pictures")->n_children, ==, 2);
  place = pmod_json_find (pmod_json_find (root, "tokens"), "col");
  g_assert_cmpuint (place->n_children, ==, 20);

  layer = pmod_json_first (pmod_json_find (root, "layers"));
  g_assert_false (pmod_json_find (layer, "routed")->boolean);
  g_assert_cmpuint (pmod_json_find (layer, "kept")->n_children, ==, 20);
  g_assert_cmpuint (pmod_json_find (layer, "logit")->n_children, ==, 0);
  layer = pmod_json_next (layer);
  kept = pmod_json_find (layer, "kept");
  g_assert_cmpuint (kept->n_children, ==, 7);
  kept = pmod_json_first (kept);
  for (int i = 0; i < 7; i++, kept = pmod_json_next (kept))
    g_assert_cmpint (kept->integer, ==, 3 * i);
  layer = pmod_json_next (layer);
  g_assert_false (pmod_json_find (layer, "recorded")->boolean);
  g_assert_cmpuint (pmod_json_find (layer, "kept")->n_children, ==, 0);
}

/* A member's data: behind its name, a header of numpy's and padding to 64 bytes. */
static const guint8 *
find_array (const guint8 *data, gsize size, const char *name, const char *descr)
{
  g_autofree char *file = g_strconcat (name, ".npy", NULL);
  const guint8 *found = memmem (data, size, file, strlen (file));
  const guint8 *header;
  guint16 length;

  g_assert_nonnull (found);
  header = found + strlen (file);
  g_assert_cmpmem (header, 8, "\x93NUMPY\x01\x00", 8);
  memcpy (&length, header + 8, sizeof length);
  g_assert_cmpint ((10 + length) % 64, ==, 0);
  g_assert_nonnull (memmem (header + 10, length, descr, strlen (descr)));
  return header + 10 + length;
}

static void
test_npy (void)
{
  g_autoptr (GBytes) bytes = export(20, FALSE, PMOD_TRACE_EXPORT_NPY);
  g_autoptr (GBytes) again = export(20, FALSE, PMOD_TRACE_EXPORT_NPY);
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  const guint8 *kept =
      find_array (data, size, "kept", "'|u1', 'fortran_order': False, 'shape': (3,20,)");
  const guint8 *weight = find_array (data, size, "weight", "'<f4'");
  const guint8 *logit = find_array (data, size, "logit", "'<f4'");
  const guint8 *col =
      find_array (data, size, "col", "'<i4', 'fortran_order': False, 'shape': (20,)");

  g_assert_true (g_bytes_equal (bytes, again));
  for (int l = 0; l < N_LAYERS; l++)
    for (int t = 0; t < 20; t++)
      {
        float w, z;

        memcpy (&w, weight + (20 * l + t) * 4, 4);
        memcpy (&z, logit + (20 * l + t) * 4, 4);
        g_assert_cmpint (kept[20 * l + t], ==, l == 0 || (l == 1 && t % 3 == 0));
        g_assert_true (l == 2 ? isnan (w) : w == (l == 0 ? 1 : 1 + (float)t / 8));
        g_assert_true (l == 1 ? z == -(float)t / 4 : isnan (z));
      }
  for (int t = 0; t < 20; t++)
    {
      const int expected[10] = { 0, 1, 0, 1, 2, -1, 0, 1, 2, -1 };
      gint32 value;

      memcpy (&value, col + 4 * t, 4);
      g_assert_cmpint (value, ==, expected[t % 10]);
    }
}

static void
check_refused (GBytes *records, guint32 run, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = pmod_trace_export (records, run, PMOD_TRACE_EXPORT_CSV, &error);

  g_assert_null (bytes);
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, words));
}

static void
test_refused (void)
{
  g_autoptr (GBytes) good = record_run (20, TRUE);
  g_autoptr (GBytes) empty = g_bytes_new (NULL, 0);
  g_autoptr (GByteArray) wide = g_byte_array_new ();
  g_autoptr (GByteArray) other = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  PmodTraceExport format;

  {
    g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, collect_cb, wide);

    pmod_trace_begin_run (trace);
    write_begin (trace, 1 << 28, 1 << 28);
  }
  {
    g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, collect_cb, other);

    pmod_trace_begin_run (trace);
    write_begin (trace, 30, 20);
    write_route (trace, 1, 19);
  }
  {
    g_autoptr (GBytes) wide_bytes = g_bytes_new (wide->data, wide->len);
    g_autoptr (GBytes) other_bytes = g_bytes_new (other->data, other->len);

    check_refused (good, 2, "no run 2");
    check_refused (empty, 0, "no run");
    check_refused (wide_bytes, 0, "at most 4000000");
    check_refused (other_bytes, 0, "layer 1: expected 20 vision tokens, got 19");
  }
  g_assert_false (pmod_trace_export_parse ("xls", &format, &error));
  g_assert_nonnull (strstr (error->message, "csv, npy or json"));
}

static void
test_settings (void)
{
  g_autoptr (GBytes) records = record_run (20, TRUE);
  g_autofree char *settings = pmod_trace_export_settings (records, 0, NULL);

  g_assert_cmpstr (settings, ==,
                   "{\"source\":\"trace\",\"generation\":7,\"policy\":\"grid\","
                   "\"question_first\":false,\"ratio\":[null,0.5,0.25]}");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trace-export/csv", test_csv);
  g_test_add_func ("/trace-export/json", test_json);
  g_test_add_func ("/trace-export/npy", test_npy);
  g_test_add_func ("/trace-export/refused", test_refused);
  g_test_add_func ("/trace-export/settings", test_settings);
  return g_test_run ();
}
