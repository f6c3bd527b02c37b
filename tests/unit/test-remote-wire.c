/* What a window and a server say to each other: parameters, pictures and requests survive the way
 * exactly, and what is malformed, slow or a lie is an error that says so and hangs nobody. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "pmod-engine.h"
#include "pmod-remote-wire.h"
#include "remote-check.h"

#define MODEL "demo-v0"

static PmodModel *model;
static PmodContext *context;

/* --- There and back --------------------------------------------------------------------------- */

static PmodParams *
make_params (int seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32)seed);
  PmodParams *params = g_new0 (PmodParams, 1);
  g_autoptr (PmodPaint) blank = pmod_paint_new (64);
  guint8 states[64];

  pmod_params_init (params, pmod_model_get_config (model));
  params->generation = ((guint64)g_rand_int (random) << 32) | g_rand_int (random);
  params->routing.schedule.kind = (PmodScheduleKind)(seed % (PMOD_SCHEDULE_CONSTANT + 1));
  params->routing.schedule.factor = g_rand_double (random);
  params->routing.schedule.upper = g_rand_double (random);
  params->routing.schedule.lower = g_rand_double_range (random, 0, 1e-7);
  params->routing.norm.scale = g_rand_double (random) / 3;
  params->routing.norm.bias = -g_rand_double (random);
  params->routing.policy = (PmodPolicy)(seed % PMOD_N_POLICIES);
  params->routing.seed = G_MAXUINT64 - g_rand_int (random);
  for (int i = 0; i < seed % 7; i++)
    params->routing.ratio[g_rand_int_range (random, 0, PMOD_MAX_LAYERS)] =
        i % 2 ? PMOD_RATIO_PLAIN : g_rand_double (random);
  for (int i = 0; i < 64; i++)
    states[i] = (guint8)g_rand_int_range (random, 0, 3);
  params->routing.paint = seed % 3 ? pmod_paint_with (blank, seed % 5 - 1, states) : NULL;
  params->sampling.temperature = g_rand_double (random);
  params->sampling.top_p = g_rand_double_range (random, 1e-300, 1);
  params->sampling.top_k = seed;
  params->sampling.seed = (guint64)seed << 60;
  params->sampling.n_alternatives = seed % PMOD_MAX_ALTERNATIVES;
  return params;
}

static void
check_equal (const PmodParams *a, const PmodParams *b)
{
  const PmodSchedule *s = &a->routing.schedule, *t = &b->routing.schedule;
  const PmodSampling *x = &a->sampling, *y = &b->sampling;
  const double doubles[][2] = {
    { s->factor, t->factor },
    { s->upper, t->upper },
    { s->lower, t->lower },
    { a->routing.norm.scale, b->routing.norm.scale },
    { a->routing.norm.bias, b->routing.norm.bias },
    { x->temperature, y->temperature },
    { x->top_p, y->top_p },
  };

  g_assert_true (pmod_paint_equal (a->routing.paint, b->routing.paint));
  g_assert_true ((a->routing.paint == NULL) == (b->routing.paint == NULL));
  for (int i = 0; i < PMOD_MAX_LAYERS; i++)
    if (!isnan (a->routing.ratio[i]) || !isnan (b->routing.ratio[i]))
      g_assert_cmpmem (&a->routing.ratio[i], sizeof (double), &b->routing.ratio[i],
                       sizeof (double));
  for (guint i = 0; i < G_N_ELEMENTS (doubles); i++)
    g_assert_cmpmem (&doubles[i][0], sizeof (double), &doubles[i][1], sizeof (double));
  g_assert_cmpuint (a->generation, ==, b->generation);
  g_assert_cmpint (s->kind, ==, t->kind);
  g_assert_cmpint (s->span, ==, t->span);
  g_assert_cmpint (a->routing.norm.function, ==, b->routing.norm.function);
  g_assert_cmpint (a->routing.policy, ==, b->routing.policy);
  g_assert_cmpuint (a->routing.seed, ==, b->routing.seed);
  g_assert_cmpint (x->top_k, ==, y->top_k);
  g_assert_cmpuint (x->seed, ==, y->seed);
  g_assert_cmpint (x->max_new_tokens, ==, y->max_new_tokens);
  g_assert_cmpint (x->n_alternatives, ==, y->n_alternatives);
}

static void
test_params (void)
{
  for (int seed = 0; seed < 200; seed++)
    {
      PmodParams *params = make_params (seed), back;
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (PmodJsonDocument) document = NULL;
      g_autoptr (GError) error = NULL;

      pmod_remote_params_write (text, NULL, params);
      document = pmod_json_parse (text->str, -1, "params", &error);
      g_assert_no_error (error);
      g_assert_true (pmod_remote_params_read (pmod_json_root (document), "params", &back, &error));
      g_assert_no_error (error);
      check_equal (params, &back);
      pmod_params_clear (params);
      pmod_params_clear (&back);
      g_free (params);
    }
}

static PmodImage *
make_image (int width, int height)
{
  g_autofree guint8 *rgb = g_malloc ((gsize)width * height * 3);

  for (int i = 0; i < width * height * 3; i++)
    rgb[i] = (guint8)(i * 31 + i / 7);
  return pmod_image_new (width, height, (gsize)width * 3, rgb);
}

static void
test_pictures (void)
{
  static const int sizes[][2] = { { 1, 1 }, { 1, 50 }, { 50, 1 }, { 333, 217 } };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      int width = sizes[i][0], height = sizes[i][1];
      g_autoptr (PmodImage) image = make_image (width, height);
      g_autoptr (GBytes) packed = pmod_remote_picture_pack (image, &error);
      g_autoptr (PmodImage) back = NULL;
      gsize size;
      const guint8 *data = g_bytes_get_data (packed, &size);

      back = pmod_remote_picture_unpack (data, size, width, height, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (pmod_image_get_rgb (image), (gsize)width * height * 3,
                       pmod_image_get_rgb (back), (gsize)width * height * 3);
      /* More or fewer pixels than its size says, and half of it. */
      g_assert_null (pmod_remote_picture_unpack (data, size, width, height + 1, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
      g_clear_error (&error);
      g_assert_null (pmod_remote_picture_unpack (data, size / 2, width, height, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
      g_clear_error (&error);
      if (height == 1)
        continue;
      g_assert_null (pmod_remote_picture_unpack (data, size, width, height - 1, &error));
      g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
      g_clear_error (&error);
    }
}

static GBytes *
write_request (PmodImage *image, PmodParams *params)
{
  char *texts[] = { (char *)"What \"is\" this?\n", (char *)"A dog.", (char *)"Where?", NULL };
  g_autoptr (GPtrArray) images = g_ptr_array_new ();
  const gboolean sent[] = { FALSE, TRUE };
  PmodRemoteAsk ask = { .lane = 2, .params = *params, .texts = texts, .images = images };
  g_autoptr (GError) error = NULL;
  GBytes *body;

  g_ptr_array_add (images, image);
  g_ptr_array_add (images, image);
  ask.question_first = TRUE;
  ask.settings = params;
  ask.n_settings = 1;
  body = pmod_remote_request_write (&ask, "abc", "model", sent, &error);
  g_assert_no_error (error);
  return body;
}

static void
test_request (void)
{
  PmodParams *params = make_params (17);
  g_autoptr (PmodImage) image = make_image (20, 10);
  g_autoptr (GBytes) body = write_request (image, params);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodRemoteRequest) request = pmod_remote_request_read (body, &error);
  g_autoptr (PmodImage) back = NULL;

  g_assert_no_error (error);
  g_assert_cmpstr (request->client, ==, "abc");
  g_assert_cmpint (request->ask.lane, ==, 2);
  g_assert_cmpuint (g_strv_length (request->ask.texts), ==, 3);
  g_assert_cmpstr (request->ask.texts[0], ==, "What \"is\" this?\n");
  g_assert_true (request->ask.question_first);
  g_assert_false (request->ask.only_read);
  check_equal (params, &request->ask.params);
  check_equal (params, &request->ask.settings[0]);
  g_assert_cmpuint (request->pictures->len, ==, 2);
  g_assert_cmpuint (g_array_index (request->pictures, PmodRemotePictureRef, 1).bytes, ==, 0);
  back = pmod_remote_request_unpack (request, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pmod_image_get_hash (back), ==, pmod_image_get_hash (image));
  pmod_params_clear (params);
  g_free (params);
}

/* Cut anywhere, or with any byte changed: an error or another request, never more. */
static void
test_broken_requests (void)
{
  PmodParams *params = make_params (5);
  g_autoptr (PmodImage) image = make_image (20, 10);
  g_autoptr (GBytes) body = write_request (image, params);
  gsize size;
  const guint8 *data = g_bytes_get_data (body, &size);

  for (gsize n = 0; n < size; n++)
    {
      g_autoptr (GBytes) cut = g_bytes_new (data, n);
      g_autoptr (GError) error = NULL;

      g_assert_null (pmod_remote_request_read (cut, &error));
      g_assert_nonnull (error);
    }
  for (gsize n = 0; n < size; n++)
    {
      guint8 *copy = g_memdup2 (data, size);
      g_autoptr (GBytes) changed = NULL;
      g_autoptr (PmodRemoteRequest) request = NULL;

      copy[n] ^= (guint8)(1 + n % 255);
      changed = g_bytes_new_take (copy, size);
      request = pmod_remote_request_read (changed, NULL);
      for (guint i = 0; request != NULL && i < request->pictures->len; i++)
        {
          g_autoptr (PmodImage) got =
              g_array_index (request->pictures, PmodRemotePictureRef, i).bytes > 0
                  ? pmod_remote_request_unpack (request, i, NULL)
                  : NULL;

          /* What its hash does not tell of is never taken for the picture. */
          if (got != NULL)
            g_assert_cmpuint (pmod_image_get_hash (got), ==, pmod_image_get_hash (image));
        }
    }
  pmod_params_clear (params);
  g_free (params);
}

/* --- Liars ------------------------------------------------------------------------------------ */

static char *facts_text;

typedef struct
{
  GByteArray *records;
  GCancellable *cancellable;
} Sink;

static void
record_cb (const PmodRecord *record, gpointer user_data)
{
  Sink *sink = user_data;

  g_byte_array_append (sink->records, (const guint8 *)record, record->size);
}

static void
frame_cb (const PmodRecord *record, gpointer user_data)
{
  pmod_remote_frame_append (user_data, PMOD_REMOTE_FRAME_RECORDS, record, record->size);
}

/* The frames of a real run, its end included. */
static GByteArray *
make_frames (void)
{
  GByteArray *frames = g_byte_array_new ();
  PmodParams params;
  g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, frame_cb, frames);
  const PmodTurn turn = { PMOD_ROLE_USER, "What is this?" };
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodPrompt) prompt =
      pmod_prompt_new_chat (pmod_model_get_tokenizer (model),
                            pmod_model_get_config (model)->conversation, &turn, 1, NULL, 0, &error);
  g_autoptr (PmodAnswer) answer = NULL;

  g_assert_no_error (error);
  pmod_params_init (&params, pmod_model_get_config (model));
  params.generation = 7;
  params.sampling.max_new_tokens = 8;
  answer = pmod_context_answer (context, prompt, &params, trace, NULL, NULL, &error);
  g_assert_no_error (error);
  pmod_remote_frame_append_done (frames, answer->finish, answer->text->str);
  return frames;
}

static gboolean
cancel_cb (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_REMOVE;
}

static gpointer
cancel_later (gpointer cancellable)
{
  g_usleep (200 * 1000);
  cancel_cb (cancellable);
  return NULL;
}

/* A run against a liar who replies so. error: what came of it, NULL where all was well. */
static GError *
run_against (const LiarReply *reply, guint64 generation, gboolean cancels)
{
  g_autoptr (GBytes) facts = g_bytes_new_static (facts_text, strlen (facts_text));
  const LiarReply honest = { NULL, facts, LIAR_CLOSES };
  RemoteLiar *liar = remote_liar_new (&honest, reply);
  GError *error = NULL;
  g_autoptr (PmodRemote) remote =
      pmod_remote_open (remote_liar_get_address (liar), NULL, NULL, &error);
  char *texts[] = { (char *)"What is this?", NULL };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Sink sink = { g_byte_array_new (), cancellable };
  const PmodRemoteSink functions = { record_cb, NULL, NULL, &sink };
  PmodRemoteAsk ask = { .texts = texts };
  g_auto (PmodRemoteResult) result = { 0 };
  GThread *thread = cancels ? g_thread_new ("cancel", cancel_later, cancellable) : NULL;

  g_assert_no_error (error);
  pmod_params_init (&ask.params, pmod_model_get_config (model));
  ask.params.generation = generation;
  if (pmod_remote_run (remote, &ask, &functions, &result, cancellable, &error))
    g_assert_cmpuint (sink.records->len, >, 0);
  if (thread != NULL)
    {
      g_thread_join (thread);
      /* The server sees that nobody waits any more. */
      for (int i = 0; i < 200 && remote_liar_count_left (liar) == 0; i++)
        g_usleep (10 * 1000);
      g_assert_cmpint (remote_liar_count_left (liar), ==, 1);
    }
  g_byte_array_unref (sink.records);
  g_clear_pointer (&remote, pmod_remote_free);
  remote_liar_free (liar);
  return error;
}

static void
check_lie (GByteArray *frames, LiarEnd end, guint64 generation, const char *why)
{
  g_autoptr (GBytes) body = g_bytes_new (frames->data, frames->len);
  const LiarReply reply = { NULL, body, end };
  g_autoptr (GError) error = run_against (&reply, generation, FALSE);

  if (why == NULL)
    g_assert_no_error (error);
  else if (error == NULL || strstr (error->message, why) == NULL)
    g_error ("expected \"%s\" in \"%s\"", why, error ? error->message : "no error");
}

static void
test_honest (void)
{
  g_autoptr (GByteArray) frames = make_frames ();

  check_lie (frames, LIAR_CLOSES, 7, NULL);
  /* Slow, and right. */
  check_lie (frames, LIAR_DRIPS, 7, NULL);
}

static void
test_lies (void)
{
  static const guint8 nonsense[] = { 'n', 'o', 'p', 'e', 1, 0, 0, 0, 0 };
  static const guint8 huge[] = { 'd', 'o', 'n', 'e', 255, 255, 255, 255 };
  g_autoptr (GByteArray) good = make_frames ();
  g_autoptr (GByteArray) empty = g_byte_array_new ();
  g_autoptr (GByteArray) lie = g_byte_array_new ();
  PmodRecordStage stage = { { sizeof stage, PMOD_RECORD_STAGE, -1, 1, 0, 0 }, 0 };
  /* The first frame is RUN_BEGIN's. */
  gsize first = PMOD_REMOTE_HEADER_BYTES + ((PmodRecord *)(good->data + 8))->size;

  check_lie (empty, LIAR_CLOSES, 7, "ended in the middle");
  check_lie (good, LIAR_CLOSES, 8, "other parameters");

  g_byte_array_append (lie, nonsense, sizeof nonsense);
  check_lie (lie, LIAR_CLOSES, 7, "expected a frame");
  g_byte_array_set_size (lie, 0);
  g_byte_array_append (lie, huge, sizeof huge);
  check_lie (lie, LIAR_HANGS, 7, "expected a frame");

  g_byte_array_set_size (lie, 0);
  pmod_remote_frame_append (lie, PMOD_REMOTE_FRAME_RECORDS, &stage, sizeof stage);
  check_lie (lie, LIAR_HANGS, 7, "before the run's beginning");

  g_byte_array_set_size (lie, 0);
  g_byte_array_append (lie, good->data, (guint)first);
  g_byte_array_append (lie, good->data, (guint)first);
  check_lie (lie, LIAR_HANGS, 7, "second beginning");

  g_byte_array_set_size (lie, 0);
  g_byte_array_append (lie, good->data, (guint)first);
  stage.stage = 77;
  pmod_remote_frame_append (lie, PMOD_REMOTE_FRAME_RECORDS, &stage, sizeof stage);
  check_lie (lie, LIAR_HANGS, 7, "its stage cannot be right");

  g_byte_array_set_size (lie, 0);
  g_byte_array_append (lie, good->data, (guint)first);
  pmod_remote_frame_append (lie, PMOD_REMOTE_FRAME_LOGITS, &stage, sizeof stage);
  check_lie (lie, LIAR_HANGS, 7, "bytes of logits");

  g_byte_array_set_size (lie, 0);
  pmod_remote_frame_append_done (lie, PMOD_FINISH_EOS, "made up");
  check_lie (lie, LIAR_CLOSES, 7, "never began");

  g_byte_array_set_size (lie, 0);
  pmod_remote_frame_append (lie, PMOD_REMOTE_FRAME_DONE, "{]", 2);
  check_lie (lie, LIAR_CLOSES, 7, "end");

  g_byte_array_set_size (lie, 0);
  pmod_remote_frame_append (lie, PMOD_REMOTE_FRAME_FAIL, "{\"code\":\"x\",\"message\":\"no\"}", 27);
  check_lie (lie, LIAR_CLOSES, 7, "no");
}

/* Cut after any frame's beginning, and every byte of the first frames changed. */
static void
test_broken_streams (void)
{
  g_autoptr (GByteArray) good = make_frames ();
  int n_refused = 0;

  for (guint i = 0; i < good->len; i += 97)
    {
      g_autoptr (GByteArray) cut = g_byte_array_new ();

      g_byte_array_append (cut, good->data, i);
      check_lie (cut, LIAR_CLOSES, 7, "ended in the middle");
    }
  for (guint i = 0; i < MIN (good->len, 400); i += 3)
    {
      g_autoptr (GByteArray) changed = g_byte_array_new ();
      g_autoptr (GBytes) body = NULL;
      LiarReply reply = { NULL, NULL, LIAR_CLOSES };
      g_autoptr (GError) error = NULL;

      g_byte_array_append (changed, good->data, good->len);
      changed->data[i] ^= 0xa5;
      reply.body = body = g_bytes_new (changed->data, changed->len);
      error = run_against (&reply, 7, FALSE);
      n_refused += error != NULL;
    }
  g_assert_cmpint (n_refused, >, 30);
}

static void
test_cancel (void)
{
  g_autoptr (GByteArray) good = make_frames ();
  g_autoptr (GBytes) half = g_bytes_new (good->data, good->len / 2);
  const LiarReply reply = { NULL, half, LIAR_HANGS };
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GError) error = run_against (&reply, 7, TRUE);

  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
  g_test_message ("stopped after %.0f ms", (g_get_monotonic_time () - start) / 1e3);
}

/* With -m slow: a server that says nothing more is given up after 15 s. */
static void
test_silence (void)
{
  g_autoptr (GByteArray) good = make_frames ();
  gint64 start = g_get_monotonic_time ();
  double seconds;

  g_byte_array_set_size (good, good->len / 2);
  check_lie (good, LIAR_HANGS, 7, "fell silent");
  seconds = (double)(g_get_monotonic_time () - start) / 1e6;
  g_test_message ("given up after %.1f s", seconds);
  g_assert_cmpfloat (seconds, >, 14);
}

static void
check_status (const char *head, const char *body, const char *why)
{
  g_autoptr (GBytes) bytes = g_bytes_new (body, strlen (body));
  const LiarReply reply = { head, bytes, LIAR_CLOSES };
  g_autoptr (GError) error = run_against (&reply, 7, FALSE);

  if (error == NULL || strstr (error->message, why) == NULL)
    g_error ("expected \"%s\" in \"%s\"", why, error ? error->message : "no error");
}

static void
test_statuses (void)
{
  check_status ("HTTP/1.1 404 Not Found\r\n", "nothing", "another program or another version");
  check_status ("HTTP/1.1 409 Conflict\r\n", "{}", "another model");
  check_status ("HTTP/1.1 401 Unauthorized\r\n", "{}", "a token is needed");
  check_status ("HTTP/1.1 500 Oops\r\n", "{\"error\":{\"message\":\"on fire\"}}", "on fire");
  check_status ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n", "",
                "another program or another version");
  check_status ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", "<html>", "another program");
  check_status ("HTTP nonsense\r\n", "", "no answer");
}

/* --- Facts ------------------------------------------------------------------------------------ */

static void
check_facts (const char *text, const char *why)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodRemoteFacts) facts = pmod_remote_facts_read (text, strlen (text), &error);

  g_assert_null (facts);
  if (strstr (error->message, why) == NULL)
    g_error ("expected \"%s\" in \"%s\"", why, error->message);
}

static char *
replace (const char *from, const char *to)
{
  GString *text = g_string_new (facts_text);

  g_assert_cmpuint (g_string_replace (text, from, to, 1), ==, 1);
  return g_string_free (text, FALSE);
}

static void
test_facts (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodRemoteFacts) facts =
      pmod_remote_facts_read (facts_text, strlen (facts_text), &error);
  const PmodConfig *config = pmod_model_get_config (model);
  g_autofree char *version = replace ("\"protocol\":1", "\"protocol\":2");
  g_autofree char *trace = replace ("PMODTRC1", "PMODTRC9");
  g_autofree char *order = replace ("little", "middle");
  g_autofree char *routers = replace ("\"routers\":[2", "\"routers\":[99");
  g_autofree char *broken = replace ("hidden_size", "hidden_sigh");

  g_assert_no_error (error);
  g_assert_cmpmem (facts->config->has_router, sizeof config->has_router, config->has_router,
                   sizeof config->has_router);
  g_assert_cmpint (facts->config->vocab, ==, config->vocab);
  g_assert_cmpmem (&facts->config->vision, sizeof config->vision, &config->vision,
                   sizeof config->vision);
  check_facts (version, "expected protocol 1");
  check_facts (trace, "PMODTRC9");
  check_facts (order, "middle endian");
  check_facts (routers, "routers");
  check_facts (broken, "hidden_size");
  check_facts ("{}", "protocol");
  check_facts ("[]", "protocol");
  check_facts ("", "");
}

static void
check_address (const char *text, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *got = pmod_remote_dup_address (text, &error);

  g_assert_cmpstr (got, ==, expected);
  g_assert_true ((got == NULL) == (error != NULL));
}

static void
test_addresses (void)
{
  check_address ("http://127.0.0.1:8375", "http://127.0.0.1:8375");
  check_address (" http://localhost:8375/v1/ ", "http://localhost:8375");
  check_address ("http://[::1]:8375/", "http://[::1]:8375");
  check_address ("https://example.org/gpu/v1", "https://example.org/gpu");
  check_address ("HTTP://127.0.0.1", "http://127.0.0.1");
  check_address ("http://example.org", NULL);
  check_address ("http://127.0.0.1.example.org", NULL);
  check_address ("ftp://127.0.0.1", NULL);
  check_address ("https://a:b@example.org", NULL);
  check_address ("https://example.org/#x", NULL);
  check_address ("demo", NULL);
}

int
main (int argc, char **argv)
{
  g_autofree char *path = NULL;
  g_autofree char *hash = NULL;
  g_autoptr (GError) error = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  path = g_test_build_filename (G_TEST_DIST, "fixtures", MODEL, NULL);
  model = pmod_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  context = pmod_context_new (model, &error);
  g_assert_no_error (error);
  facts_text = pmod_remote_facts_write (model, NULL, 1 << 20, &hash, &error);
  g_assert_no_error (error);

  g_test_add_func ("/remote-wire/params", test_params);
  g_test_add_func ("/remote-wire/pictures", test_pictures);
  g_test_add_func ("/remote-wire/request", test_request);
  g_test_add_func ("/remote-wire/broken-requests", test_broken_requests);
  g_test_add_func ("/remote-wire/facts", test_facts);
  g_test_add_func ("/remote-wire/addresses", test_addresses);
  g_test_add_func ("/remote-wire/honest", test_honest);
  g_test_add_func ("/remote-wire/lies", test_lies);
  g_test_add_func ("/remote-wire/broken-streams", test_broken_streams);
  g_test_add_func ("/remote-wire/cancel", test_cancel);
  g_test_add_func ("/remote-wire/statuses", test_statuses);
  if (g_test_slow ())
    g_test_add_func ("/remote-wire/silence", test_silence);
  result = g_test_run ();
  g_free (facts_text);
  pmod_context_free (context);
  pmod_model_unref (model);
  return result;
}
