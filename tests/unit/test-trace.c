/* Records written, read back, cut short and damaged; files that cannot be written. */
#include "pmod-error.h"
#include "pmod-schedule.h"
#include "pmod-trace.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static void
collect_cb (const PmodRecord *record, gpointer user_data)
{
  g_byte_array_append (user_data, (const guint8 *)record, record->size);
}

static void
add_route (PmodTrace *trace, int layer, int n_vision, int n_kept)
{
  gsize n_words = (gsize)(n_vision + 31) / 32;
  PmodRecordRoute *route = pmod_trace_append (trace, PMOD_RECORD_ROUTE, layer,
                                              sizeof *route + 8 * (gsize)n_vision + 4 * n_words);
  float *values = (float *)route->data;
  guint32 *bits = (guint32 *)route->data + 2 * n_vision;

  route->ratio = 0.5;
  route->n_vision = n_vision;
  route->n_kept = n_kept;
  for (int i = 0; i < n_vision; i++)
    {
      values[i] = (float)i - 3;
      values[n_vision + i] = 1 + 0.01f * (float)i;
      if (i >= n_vision - n_kept)
        bits[i / 32] |= 1u << (i % 32);
    }
  pmod_trace_commit (trace, route);
}

static void
add_token (PmodTrace *trace, const char *text)
{
  gsize n_bytes = strlen (text);
  PmodRecordToken *token = pmod_trace_append (
      trace, PMOD_RECORD_TOKEN, -1, sizeof *token + 2 * sizeof (PmodAlternative) + n_bytes);

  token->id = 77;
  token->logprob = -0.25f;
  token->n_alternatives = 2;
  token->alternatives[0] = (PmodAlternative){ 77, -0.25f };
  token->alternatives[1] = (PmodAlternative){ 5, -2.0f };
  token->text_bytes = (gint32)n_bytes;
  memcpy ((char *)pmod_record_token_text (token), text, n_bytes);
  pmod_trace_commit (trace, token);
}

static void
add_image (PmodTrace *trace)
{
  PmodRecordImage *image = pmod_trace_append (trace, PMOD_RECORD_IMAGE, -1, sizeof *image);

  image->width = 500;
  image->height = 300;
  image->n_tiles = image->grid_rows = image->grid_cols = 1;
  image->first_token = 4;
  image->n_tokens = 40;
  image->n_planes = 1;
  image->planes[0] = (PmodPlane){ 4, 8, 4, 1, 0, -0.25f, 1, 1.25f };
  pmod_trace_commit (trace, image);
}

/* One record of each type. */
static void
write_run (PmodTrace *trace)
{
  PmodRecordRunBegin *begin;
  PmodRecordStage *stage;
  PmodRecordKv *kv;
  PmodRecordLoss *loss;
  PmodRecordRunEnd *end;
  PmodRecordState *state;

  pmod_trace_begin_run (trace);
  begin = pmod_trace_append (trace, PMOD_RECORD_RUN_BEGIN, -1, sizeof *begin + 3 * sizeof (double));
  begin->generation = 9;
  begin->n_layers = 3;
  begin->n_tokens = 50;
  begin->n_vision = 40;
  begin->ratio[0] = PMOD_RATIO_PLAIN;
  begin->ratio[1] = 1;
  begin->ratio[2] = 0.5;
  pmod_trace_commit (trace, begin);
  add_image (trace);
  stage = pmod_trace_append (trace, PMOD_RECORD_STAGE, 2, sizeof *stage);
  stage->stage = PMOD_STAGE_LAYER;
  stage->duration_ns = 12345;
  stage->all = 1e12;
  pmod_trace_commit (trace, stage);
  add_route (trace, 2, 40, 20);
  kv = pmod_trace_append (trace, PMOD_RECORD_KV, 2, sizeof *kv);
  kv->length = 30;
  kv->length_dense = 50;
  kv->header.flags |= PMOD_RECORD_FLAG_REUSED;
  pmod_trace_commit (trace, kv);
  add_token (trace, "caf\303\251");
  loss = pmod_trace_append (trace, PMOD_RECORD_LOSS, -1, sizeof *loss);
  loss->step = 3;
  loss->accuracy = NAN;
  pmod_trace_commit (trace, loss);
  state = pmod_trace_append (trace, PMOD_RECORD_STATE, 1, sizeof *state + 5 * sizeof (float));
  state->kind = PMOD_STATE_LAYER;
  state->n_dims = 2;
  state->shape[0] = 1;
  state->shape[1] = 5;
  state->data[4] = 4.5f;
  pmod_trace_commit (trace, state);
  end = pmod_trace_append (trace, PMOD_RECORD_RUN_END, -1, sizeof *end);
  end->finish = PMOD_FINISH_LENGTH;
  pmod_trace_commit (trace, end);
}

static GByteArray *
record_run (void)
{
  GByteArray *bytes = g_byte_array_new ();
  g_autoptr (PmodTrace) trace = pmod_trace_new (G_MAXUINT32, collect_cb, bytes);

  write_run (trace);
  return bytes;
}

static char *
temporary_path (const char *name)
{
  g_autofree char *directory = g_dir_make_tmp ("pmod-trace-XXXXXX", NULL);

  g_assert_nonnull (directory);
  return g_build_filename (directory, name, NULL);
}

static void
remove_temporary (const char *path)
{
  g_autofree char *directory = g_path_get_dirname (path);

  g_unlink (path);
  g_assert_cmpint (g_rmdir (directory), ==, 0); /* nothing else may be left in it */
}

/* --- Contents ------------------------------------------------------------------------------- */

static void
test_round_trip (void)
{
  g_autoptr (GByteArray) bytes = record_run ();
  gsize offset = 0;
  guint64 last_time = 0;
  GError *error = NULL;
  guint seen = 0, n_records = 0;
  const PmodRecord *record;

  while ((record = pmod_trace_next (bytes->data, bytes->len, &offset, &error)) != NULL)
    {
      g_assert_cmpuint (record->run, ==, 1);
      g_assert_cmpuint (record->time_ns, >=, last_time);
      last_time = record->time_ns;
      seen |= PMOD_TRACE_WANTS (record->type);
      n_records++;
      if (record->type == PMOD_RECORD_ROUTE)
        {
          const PmodRecordRoute *route = (const PmodRecordRoute *)record;

          g_assert_cmpint (record->layer, ==, 2);
          g_assert_cmpfloat (pmod_record_route_logits (route)[39], ==, 36);
          g_assert_cmpfloat (pmod_record_route_weights (route)[0], ==, 1);
          for (int i = 0; i < 40; i++)
            g_assert_cmpint (pmod_record_route_kept (route, i), ==, i >= 20);
        }
      if (record->type == PMOD_RECORD_TOKEN)
        {
          const PmodRecordToken *token = (const PmodRecordToken *)record;

          g_assert_cmpmem (pmod_record_token_text (token), token->text_bytes, "caf\303\251", 5);
          g_assert_cmpint (token->alternatives[1].id, ==, 5);
        }
      if (record->type == PMOD_RECORD_KV)
        g_assert_cmpuint (record->flags, ==, PMOD_RECORD_FLAG_REUSED);
      if (record->type == PMOD_RECORD_STATE)
        g_assert_cmpfloat (((const PmodRecordState *)record)->data[4], ==, 4.5f);
    }
  g_assert_no_error (error);
  g_assert_cmpuint (n_records, ==, 9);
  g_assert_cmphex (seen, ==, PMOD_TRACE_WANTS_DEFAULT | PMOD_TRACE_WANTS (PMOD_RECORD_STATE));
  g_assert_cmpuint (offset, ==, bytes->len);
}

static void
test_wants (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (PmodTrace) trace =
      pmod_trace_new (PMOD_TRACE_WANTS (PMOD_RECORD_KV), collect_cb, bytes);

  g_assert_false (pmod_trace_wants (NULL, PMOD_RECORD_KV));
  g_assert_true (pmod_trace_wants (trace, PMOD_RECORD_KV));
  g_assert_false (pmod_trace_wants (trace, PMOD_RECORD_ROUTE));
  g_assert_null (pmod_trace_append (trace, PMOD_RECORD_ROUTE, 0, sizeof (PmodRecordRoute)));
  g_assert_null (pmod_trace_append (trace, PMOD_RECORD_KV, 0, (gsize)PMOD_TRACE_MAX_RECORD + 1));
  pmod_trace_set_func (trace, NULL, NULL);
  g_assert_false (pmod_trace_wants (trace, PMOD_RECORD_KV));
}

/* Every prefix of a trace is either whole records or an error, never a read beyond the end: each
 * prefix lies in a block of its own, so that the address sanitizer sees one. */
static void
test_truncation (void)
{
  g_autoptr (GByteArray) bytes = record_run ();

  for (gsize n = 0; n <= bytes->len; n++)
    {
      g_autofree guint8 *copy = g_memdup2 (bytes->data, n);
      gsize offset = 0;
      GError *error = NULL;

      while (pmod_trace_next (copy, n, &offset, &error) != NULL)
        ;
      if (offset < n)
        g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
      else
        g_assert_no_error (error);
      g_clear_error (&error);
    }
}

/* Touches everything that a checked record promises. */
static double
read_all (const PmodRecord *record)
{
  double sum = 0;

  if (record->type == PMOD_RECORD_ROUTE)
    {
      const PmodRecordRoute *route = (const PmodRecordRoute *)record;
      for (int i = 0; i < route->n_vision; i++)
        sum += pmod_record_route_logits (route)[i] + pmod_record_route_weights (route)[i] +
               pmod_record_route_kept (route, i);
    }
  else if (record->type == PMOD_RECORD_TOKEN)
    {
      const PmodRecordToken *token = (const PmodRecordToken *)record;
      for (int i = 0; i < token->n_alternatives; i++)
        sum += token->alternatives[i].logprob;
      for (int i = 0; i < token->text_bytes; i++)
        sum += pmod_record_token_text (token)[i];
    }
  else if (record->type == PMOD_RECORD_RUN_BEGIN)
    {
      const PmodRecordRunBegin *begin = (const PmodRecordRunBegin *)record;
      for (int i = 0; i < begin->n_layers; i++)
        sum += begin->ratio[i];
    }
  else if (record->type == PMOD_RECORD_STATE)
    {
      const PmodRecordState *state = (const PmodRecordState *)record;
      gint64 n = 1;
      for (int i = 0; i < state->n_dims; i++)
        n *= state->shape[i];
      for (gint64 i = 0; i < n; i++)
        sum += state->data[i];
    }
  return sum;
}

static void
test_bit_flips (void)
{
  g_autoptr (GByteArray) bytes = record_run ();
  guint n_found = 0;
  double sum = 0;

  for (gsize bit = 0; bit < (gsize)bytes->len * 8; bit++)
    {
      g_autofree guint8 *copy = g_memdup2 (bytes->data, bytes->len);
      gsize offset = 0;
      GError *error = NULL;
      const PmodRecord *record;

      copy[bit / 8] ^= (guint8)(1 << (bit % 8));
      while ((record = pmod_trace_next (copy, bytes->len, &offset, &error)) != NULL)
        sum += read_all (record);
      n_found += error != NULL;
      g_clear_error (&error);
    }
  g_test_message ("%u of %u single-bit flips are noticed (sum %g)", n_found, bytes->len * 8, sum);
  /* Most bits are measured numbers, which may be anything; counts and sizes are found. */
  g_assert_cmpuint (n_found, >, 500);
}

/* Rows without a cell take no tokens, but whoever walks over them takes for ever. */
static void
test_empty_rows (void)
{
  g_autoptr (GByteArray) bytes = record_run ();
  PmodRecordImage image;
  gsize offset = 0;
  GError *error = NULL;

  for (;;)
    {
      const PmodRecord *record = pmod_trace_next (bytes->data, bytes->len, &offset, NULL);

      g_assert_nonnull (record);
      if (record->type != PMOD_RECORD_IMAGE)
        continue;
      memcpy (&image, record, sizeof image);
      break;
    }
  image.planes[0].rows = G_MAXINT32;
  image.planes[0].cols = image.planes[0].newlines = 0;
  offset = 0;
  g_assert_null (pmod_trace_next ((const guint8 *)&image, sizeof image, &offset, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
  g_clear_error (&error);
}

static void
flip (GByteArray *bytes, PmodRecordType type, gsize field, gint32 value, gboolean good)
{
  g_autofree guint8 *copy = g_memdup2 (bytes->data, bytes->len);
  gsize offset = 0, start = 0;
  GError *error = NULL;
  const PmodRecord *record;

  while ((record = pmod_trace_next (copy, bytes->len, &offset, NULL))->type != type)
    start = offset;
  memcpy (copy + start + field, &value, sizeof value);
  offset = start;
  record = pmod_trace_next (copy, bytes->len, &offset, &error);
  g_assert_true ((record != NULL) == good);
  g_assert_true ((error == NULL) == good);
  g_clear_error (&error);
}

#define FIELD(type, field) G_STRUCT_OFFSET (type, field)

/* A flag, and traces from before there was one. */
static void
test_by_question (void)
{
  PmodRecordRunBegin begin = { 0 };

  g_assert_false (pmod_record_is_by_question (&begin));
  begin.question_first = 1;
  g_assert_true (pmod_record_is_by_question (&begin));
  begin.question_first = 0;
  begin.header.flags = PMOD_RECORD_FLAG_REUSED;
  g_assert_false (pmod_record_is_by_question (&begin));
  begin.header.flags |= PMOD_RECORD_FLAG_BY_QUESTION;
  g_assert_true (pmod_record_is_by_question (&begin));
}

static void
test_lies (void)
{
  g_autoptr (GByteArray) bytes = record_run ();

  flip (bytes, PMOD_RECORD_ROUTE, FIELD (PmodRecordRoute, n_vision), G_MAXINT32, FALSE);
  flip (bytes, PMOD_RECORD_ROUTE, FIELD (PmodRecordRoute, n_vision), -1, FALSE);
  flip (bytes, PMOD_RECORD_ROUTE, FIELD (PmodRecordRoute, n_kept), 21, FALSE);
  flip (bytes, PMOD_RECORD_ROUTE, FIELD (PmodRecordRoute, header.layer), -1, FALSE);
  flip (bytes, PMOD_RECORD_TOKEN, FIELD (PmodRecordToken, n_alternatives), G_MAXINT32, FALSE);
  flip (bytes, PMOD_RECORD_TOKEN, FIELD (PmodRecordToken, text_bytes), 6, FALSE);
  flip (bytes, PMOD_RECORD_RUN_BEGIN, FIELD (PmodRecordRunBegin, n_layers), 100000, FALSE);
  flip (bytes, PMOD_RECORD_RUN_BEGIN, FIELD (PmodRecordRunBegin, n_vision), 51, FALSE);
  flip (bytes, PMOD_RECORD_IMAGE, FIELD (PmodRecordImage, n_planes), 3, FALSE);
  flip (bytes, PMOD_RECORD_IMAGE, FIELD (PmodRecordImage, planes[0].rows), 9, FALSE);
  flip (bytes, PMOD_RECORD_IMAGE, FIELD (PmodRecordImage, planes[0].cols), G_MAXINT32, FALSE);
  flip (bytes, PMOD_RECORD_STAGE, FIELD (PmodRecordStage, stage), PMOD_N_STAGES, FALSE);
  flip (bytes, PMOD_RECORD_STATE, FIELD (PmodRecordState, n_dims), 5, FALSE);
  flip (bytes, PMOD_RECORD_STATE, FIELD (PmodRecordState, shape[0]), 7, FALSE);
  flip (bytes, PMOD_RECORD_RUN_END, FIELD (PmodRecordRunEnd, finish), 17, FALSE);
  flip (bytes, PMOD_RECORD_KV, FIELD (PmodRecordKv, length), -1, FALSE);
  /* More tokens than any context, whose sums would not fit. */
  flip (bytes, PMOD_RECORD_RUN_BEGIN, FIELD (PmodRecordRunBegin, n_tokens), G_MAXINT32, FALSE);
  flip (bytes, PMOD_RECORD_IMAGE, FIELD (PmodRecordImage, n_tokens), G_MAXINT32, FALSE);
  flip (bytes, PMOD_RECORD_IMAGE, FIELD (PmodRecordImage, first_token), G_MAXINT32, FALSE);
  flip (bytes, PMOD_RECORD_TOKEN, FIELD (PmodRecordToken, index), G_MAXINT32, FALSE);
  flip (bytes, PMOD_RECORD_RUN_END, FIELD (PmodRecordRunEnd, n_new_tokens), G_MAXINT32, FALSE);
  flip (bytes, PMOD_RECORD_RUN_END, FIELD (PmodRecord, size), 28, FALSE);
  flip (bytes, PMOD_RECORD_RUN_END, FIELD (PmodRecord, size), 0, FALSE);
  /* A type from a later program passes and can be skipped. */
  flip (bytes, PMOD_RECORD_RUN_END, FIELD (PmodRecord, type), 0xffff0000 | 1000, TRUE);
}

/* --- Files ---------------------------------------------------------------------------------- */

static void
test_file (void)
{
  g_autofree char *path = temporary_path ("run.trace");
  g_autofree char *part = g_strconcat (path, ".part", NULL);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GBytes) loaded = NULL;
  GError *error = NULL;
  PmodTrace *trace = pmod_trace_new_file (path, G_MAXUINT32, &error);
  gsize length;
  gconstpointer data;

  g_assert_no_error (error);
  pmod_trace_set_func (trace, collect_cb, bytes);
  for (int i = 0; i < 100; i++)
    write_run (trace);
  add_route (trace, 0, 100000, 50000); /* larger than the first buffer */
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (part, G_FILE_TEST_EXISTS));
  g_assert_true (pmod_trace_close (trace, &error));
  g_assert_no_error (error);
  g_assert_true (pmod_trace_close (trace, &error));
  pmod_trace_free (trace);

  loaded = pmod_trace_load (path, &error);
  g_assert_no_error (error);
  data = g_bytes_get_data (loaded, &length);
  g_assert_cmpmem (data, length, bytes->data, bytes->len);
  remove_temporary (path);
}

static void
test_abandoned_file (void)
{
  g_autofree char *path = temporary_path ("run.trace");
  GError *error = NULL;
  PmodTrace *trace = pmod_trace_new_file (path, G_MAXUINT32, &error);

  g_assert_no_error (error);
  write_run (trace);
  pmod_trace_free (trace);
  remove_temporary (path);
}

static void
test_unwritable (void)
{
  g_autofree char *path = temporary_path ("missing");
  g_autofree char *below = g_build_filename (path, "run.trace", NULL);
  g_autofree char *directory = g_path_get_dirname (path);
  GError *error = NULL;

  g_assert_null (pmod_trace_new_file (below, G_MAXUINT32, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_assert_nonnull (strstr (error->message, below));
  g_clear_error (&error);
  g_assert_null (pmod_trace_new_file (directory, G_MAXUINT32, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_clear_error (&error);
  remove_temporary (path);
}

static void
test_disk_full (void)
{
  GError *error = NULL;
  g_autoptr (PmodTrace) trace = NULL;
  PmodRecordKv *kv;
  guint n_written = 0;

  if (!g_file_test ("/dev/full", G_FILE_TEST_EXISTS))
    {
      g_test_skip ("no /dev/full here");
      return;
    }
  trace = pmod_trace_new_file ("/dev/full", G_MAXUINT32, &error);
  g_assert_no_error (error);
  /* More than the buffer holds, so that the failure comes in the middle. */
  while ((kv = pmod_trace_append (trace, PMOD_RECORD_KV, 0, sizeof *kv)) != NULL)
    {
      pmod_trace_commit (trace, kv);
      g_assert_cmpuint (++n_written, <, 100000);
    }
  g_assert_false (pmod_trace_wants (trace, PMOD_RECORD_KV));
  g_assert_false (pmod_trace_close (trace, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_assert_nonnull (strstr (error->message, g_strerror (ENOSPC)));
  g_assert_true (g_file_test ("/dev/full", G_FILE_TEST_EXISTS));
  g_clear_error (&error);
}

static void
assert_not_loaded (const char *contents, gssize length, int code)
{
  g_autofree char *path = temporary_path ("run.trace");
  GError *error = NULL;

  g_assert_true (g_file_set_contents (path, contents, length, NULL));
  g_assert_null (pmod_trace_load (path, &error));
  g_assert_error (error, PMOD_ERROR, code);
  g_assert_nonnull (strstr (error->message, path));
  g_test_message ("%s", error->message);
  g_clear_error (&error);
  remove_temporary (path);
}

static void
test_bad_files (void)
{
  g_autofree char *missing = temporary_path ("run.trace");
  GError *error = NULL;

  g_assert_null (pmod_trace_load (missing, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_clear_error (&error);
  g_assert_null (pmod_trace_load ("/dev/zero", &error)); /* would never end */
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_clear_error (&error);
  remove_temporary (missing);

  assert_not_loaded ("", 0, PMOD_ERROR_FORMAT);
  assert_not_loaded ("PMODTRC", 7, PMOD_ERROR_FORMAT);
  assert_not_loaded ("\211PNG\r\n\032\n", 8, PMOD_ERROR_FORMAT);
  assert_not_loaded ("PMODTRC2", 8, PMOD_ERROR_UNSUPPORTED);
  assert_not_loaded ("PMODTRC1xyz", 11, PMOD_ERROR_FORMAT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trace/round-trip", test_round_trip);
  g_test_add_func ("/trace/wants", test_wants);
  g_test_add_func ("/trace/truncation", test_truncation);
  g_test_add_func ("/trace/bit-flips", test_bit_flips);
  g_test_add_func ("/trace/lies", test_lies);
  g_test_add_func ("/trace/by-question", test_by_question);
  g_test_add_func ("/trace/empty-rows", test_empty_rows);
  g_test_add_func ("/trace/file", test_file);
  g_test_add_func ("/trace/abandoned-file", test_abandoned_file);
  g_test_add_func ("/trace/unwritable", test_unwritable);
  g_test_add_func ("/trace/disk-full", test_disk_full);
  g_test_add_func ("/trace/bad-files", test_bad_files);
  return g_test_run ();
}
