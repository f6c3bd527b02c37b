/* LLaVA's JSON: ids and labels of the published code, the tokens of inference, and bad files. */
#include "pmod-conversations.h"

#include <glib/gstdio.h>
#include <string.h>

#include "pmod-safetensors.h"
#include "pmod-sequence.h"

static PmodConfig *config, *next_config;
static PmodTokenizer *tokenizer;
static char *images;

static char *
fixture (const char *dir, const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "fixtures", dir, name, NULL);
}

/* Opens a file with this text, which is gone when the source is there. */
static PmodSource *
open_text (const char *text, const PmodConfig *a_config, GError **error)
{
  g_autofree char *dir = g_dir_make_tmp ("pmod-conversations-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "a.json", NULL);
  g_autoptr (GError) local = NULL;
  PmodSource *source;

  g_file_set_contents (path, text, -1, &local);
  g_assert_no_error (local);
  source = pmod_conversations_new (path, images, a_config, tokenizer, error);
  g_unlink (path);
  g_rmdir (dir);
  return source;
}

static PmodSample *
make_only (const char *text, const PmodConfig *a_config)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodSource) source = open_text (text, a_config, &error);
  PmodSample *sample;

  g_assert_no_error (error);
  g_assert_cmpuint (source->n_samples, ==, 1);
  sample = pmod_source_make (source, 5, &error);
  g_assert_no_error (error);
  return sample;
}

/* --- The published code ----------------------------------------------------------------------- */

#define QUESTION "What is shown in this image?"
#define ANSWER "A small test picture with shapes and a gradient."
#define TURNS(marks)                                                                               \
  "\"conversations\": [{\"from\": \"human\", \"value\": \"" marks QUESTION "\"},"                  \
  "{\"from\": \"gpt\", \"value\": \"" ANSWER "\"}]"

static const struct
{
  const char *name, *json;
  gboolean is_next;
} golden[] = {
  { "v1.5_landscape", "[{\"id\": \"1\", \"image\": \"landscape.png\", " TURNS ("<image>\\n") "}]",
    FALSE },
  { "v1.5_landscape", /* a mark that ends a question is brought to its front */
    "[{\"id\": 1, \"image\": [\"landscape.png\"], \"conversations\": [{\"from\": \"human\", "
    "\"value\": \" " QUESTION "\\n<image> \"}, {\"from\": \"gpt\", \"value\": \"" ANSWER "\"}]}]",
    FALSE },
  { "v1.5_text_only", "[{\"id\": \"1\", \"image\": null, " TURNS ("") "}]", FALSE },
  { "v1.5_landscape_portrait",
    "[{\"image\": [\"landscape.png\", \"portrait.png\"], " TURNS ("<image>\\n<image>\\n") "}]",
    FALSE },
  { "next_square", "[{\"id\": \"1\", \"image\": \"square.jpg\", " TURNS ("<image>\\n") "}]", TRUE },
};

static const gint32 *
find_array (const PmodSafetensors *file, const char *name, int *n)
{
  const PmodSafetensorsEntry *entry = pmod_safetensors_find (file, name);

  g_assert_nonnull (entry);
  g_assert_cmpint (entry->tensor.dtype, ==, PMOD_DTYPE_I32);
  *n = (int)entry->tensor.shape[0];
  return entry->tensor.data;
}

/* ids and labels are those before pictures are merged in, a label beside the token it asks for. */
static void
assert_merged (const PmodSample *sample, const gint32 *ids, const gint32 *labels, int n)
{
  int row = 0, picture = 0, n_labels = 0;

  for (int i = 0; i < n; i++)
    {
      if (ids[i] == PMOD_IMAGE_TOKEN)
        {
          g_assert_cmpint (sample->images[picture].first, ==, row);
          for (int j = 0; j < sample->images[picture].pixels->n_tokens; j++)
            g_assert_cmpint (sample->ids[row++], ==, -1);
          picture++;
          continue;
        }
      g_assert_cmpint (sample->ids[row], ==, ids[i]);
      if (row > 0)
        g_assert_cmpint (sample->labels[row - 1], ==, labels[i]);
      if (labels[i] != PMOD_SAMPLE_NO_LABEL)
        {
          g_assert_cmpint (sample->answers[row - 1], ==, 0);
          n_labels++;
        }
      row++;
    }
  g_assert_cmpint (row, ==, sample->n_tokens);
  g_assert_cmpint (picture, ==, sample->n_images);
  g_assert_cmpint (n_labels, ==, pmod_sample_n_labels (sample));
}

static void
test_golden (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (golden); i++)
    {
      g_autofree char *name = g_strconcat (golden[i].name, ".safetensors", NULL);
      g_autofree char *path = fixture ("golden-grad", name);
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodSafetensors) file = pmod_safetensors_open (path, &error);
      g_autoptr (PmodSample) sample = NULL;
      const gint32 *ids, *labels;
      int n, n_labels;

      g_assert_no_error (error);
      ids = find_array (file, "input_ids", &n);
      labels = find_array (file, "labels", &n_labels);
      g_assert_cmpint (n, ==, n_labels);
      sample = make_only (golden[i].json, golden[i].is_next ? next_config : config);
      assert_merged (sample, ids, labels, n);
      g_assert_cmpint (sample->n_answers, ==, 1);
      g_test_message ("%s: %d ids, %d rows", golden[i].name, n, sample->n_tokens);
    }
}

/* --- Inference -------------------------------------------------------------------------------- */

/* The sequence that inference runs for a question, from the words it was asked. */
static PmodSequence *
ask (const PmodTurn *turns, int n_turns)
{
  g_autofree char *path = g_build_filename (images, "portrait.png", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodImage) image = pmod_image_load (path, PMOD_IMAGE_DEFAULT, &error);
  g_autoptr (PmodPrompt) prompt =
      pmod_prompt_new_chat (tokenizer, config->conversation, turns, n_turns, &image, 1, &error);
  PmodSequence *sequence;

  g_assert_no_error (error);
  sequence = pmod_sequence_new (config, prompt, &error);
  g_assert_no_error (error);
  return sequence;
}

static void
test_inference (void)
{
  static const PmodTurn turns[] = {
    { PMOD_ROLE_USER, "<image>\nWho is it?" },
    { PMOD_ROLE_ASSISTANT, " Nobody </s>\nknown " },
    { PMOD_ROLE_USER, "What colour \303\204?" },
    { PMOD_ROLE_ASSISTANT, "12" },
    { PMOD_ROLE_USER, "Sure?" },
    { PMOD_ROLE_ASSISTANT, "No." },
  };
  g_autoptr (PmodSample) sample = make_only (
      "[{\"image\": \"portrait.png\", \"conversations\": ["
      "{\"from\": \"human\", \"value\": \"<image>\\nWho is it?\"},"
      "{\"from\": \"gpt\", \"value\": \" Nobody </s>\\nknown \"},"
      "{\"from\": \"human\", \"value\": \"What colour \\u00c4?\"},"
      "{\"from\": \"gpt\", \"value\": \"12\"},"
      "{\"from\": \"human\", \"value\": \"Sure?\"}, {\"from\": \"gpt\", \"value\": \"No.\"}]}]",
      config);
  int row = 0;

  g_assert_cmpint (sample->n_answers, ==, 3);
  g_assert_null (sample->first);
  g_assert_null (sample->patches);
  for (int i = 0; i < 3; i++)
    {
      g_autoptr (PmodSequence) asked = ask (turns, 2 * i + 1);

      g_assert_cmpmem (sample->ids, (gsize)asked->n_tokens * sizeof (gint32), asked->ids,
                       (gsize)asked->n_tokens * sizeof (gint32));
      g_assert_cmpmem (sample->targets, (gsize)sample->n_targets * sizeof (gint32), asked->targets,
                       (gsize)asked->n_targets * sizeof (gint32));
      /* From the last token of the question: the answer, and its end. */
      for (; row < asked->n_tokens - 1; row++)
        g_assert_cmpint (sample->labels[row], ==, PMOD_SAMPLE_NO_LABEL);
      for (; sample->labels[row] != PMOD_SAMPLE_NO_LABEL; row++)
        {
          g_assert_cmpint (sample->labels[row], ==, sample->ids[row + 1]);
          g_assert_cmpint (sample->answers[row], ==, i);
          g_assert_cmpint (sample->positions[row], ==, row);
          if (row + 2 == sample->n_tokens)
            break;
        }
      g_assert_cmpint (sample->ids[row], ==,
                       i < 2 ? pmod_tokenizer_get_eos (tokenizer) : sample->ids[row]);
    }
  g_assert_cmpint (sample->labels[row], ==, pmod_tokenizer_get_eos (tokenizer));
  g_assert_cmpint (row, ==, sample->n_tokens - 2);
}

/* --- Bad files -------------------------------------------------------------------------------- */

#define GOOD "{\"id\": \"good\", " TURNS ("") "}"
#define BAD(rest) "[" GOOD ",\n\n {\"id\": \"x7\", " rest "},\n" GOOD "]"
#define TURN(from, value) "{\"from\": \"" from "\", \"value\": " value "}"
#define SAID(turns) BAD ("\"conversations\": [" turns "]")

static const struct
{
  const char *text, *message;
} bad[] = {
  { "", "a.json:1: expected '[', the begin of a list of samples, got the end of the file" },
  { "{}", "a.json:1: expected '[', the begin of a list of samples, got '{'" },
  { "[]", "a.json:1: expected '{', the begin of a sample, got ']'" },
  { "[\n" GOOD ",\n]", "a.json:3: expected '{', the begin of a sample, got ']'" },
  { "[\n" GOOD "\n" GOOD "]", "a.json:3: expected ',' or ']' after a sample, got '{'" },
  { "[\n" GOOD "]\n x", "a.json:3: expected nothing after the list of samples, got 'x'" },
  { "[\n" GOOD ",\n{\"id\": \"}", "a.json:3: expected an object with an end" },
  { BAD ("\"a\": tru"), "a.json:3: sample number 2, in its text: line 1, byte " },
  { BAD ("\"id\": \"again\""), "this key stands twice" },
  { BAD ("\"image\": \"\xff\""),
    "a.json:3: sample number 2, in its text: byte 23: expected UTF-8" },
  { BAD ("\"a\": 1"),
    "a.json:3: sample \"x7\": conversations: expected a list of turns, got nothing" },
  { "[{\"id\": [1]}]", "a.json:1: sample number 1: id: expected a string or a whole number" },
  { "[{\"id\": 12}]", "a.json:1: sample 12: conversations" },
  { BAD ("\"conversations\": {}"), "conversations: expected a list of turns" },
  { SAID (""), "conversations: expected a gpt's turn after each human's, got 0 turns" },
  { SAID (TURN ("human", "\"a\"")), "expected a gpt's turn after each human's, got 1 turn" },
  { SAID ("3"), "conversations, turn 1: expected an object, got 3" },
  { SAID (TURN ("gpt", "\"a\"")), "conversations, turn 1, from: expected \"human\", got \"gpt\"" },
  { SAID (TURN ("human", "\"a\"") "," TURN ("human", "\"b\"")),
    "conversations, turn 2, from: expected \"gpt\", got \"human\"" },
  { SAID ("{\"value\": \"a\"}"), "turn 1, from: expected \"human\", got nothing" },
  { SAID (TURN ("human", "5")), "turn 1, value: expected a string, got 5" },
  { SAID (TURN ("human", "\" \"")), "turn 1, value: expected words, got none" },
  { SAID (TURN ("human", "\"a\"") "," TURN ("gpt", "\"\\n\"")),
    "turn 2, value: expected words, got none" },
  { SAID (TURN ("human", "\"a\"") "," TURN ("gpt", "\"<image>\"")),
    "turn 2, value: expected <image> in the human's turns alone" },
  { BAD (TURNS ("<image>\\n")), "expected one <image> for each picture, got 1 and 0 pictures" },
  { BAD ("\"image\": \"square.jpg\", " TURNS ("")),
    "sample \"x7\": expected one <image> for each picture, got 0 and 1 pictures" },
  { BAD ("\"image\": \"square.jpg\", \"conversations\": [" TURN ("human", "\"<image>\\n \"") "]"),
    "turn 1, value: expected words" },
  { BAD ("\"image\": \"none.jpg\", " TURNS ("<image>")),
    "a.json:3: sample \"x7\": image: expected a file, got none at /" },
  { BAD ("\"image\": 7, " TURNS ("<image>")), "image: expected a file's name or a list of them" },
  { BAD ("\"image\": [\"\"], " TURNS ("<image>")), "image: expected a file's name" },
};

static void
test_bad (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodSource) source = open_text (bad[i].text, config, &error);

      if (source)
        g_error ("%s was accepted", bad[i].text);
      g_test_message ("%s", error->message);
      if (!g_error_matches (error, PMOD_ERROR, PMOD_ERROR_FORMAT) ||
          !strstr (error->message, bad[i].message) || strstr (error->message, "more of"))
        g_error ("expected \"%s\", got \"%s\"", bad[i].message, error->message);
    }
}

static void
assert_refused (const char *text, const PmodConfig *a_config, int code, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (open_text (text, a_config, &error));
  g_assert_error (error, PMOD_ERROR, code);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_several_bad (void)
{
  assert_refused ("[" GOOD ",\n{\"id\": \"a\"},\n" GOOD ",\n{},{\"id\": \"b\"}]", config,
                  PMOD_ERROR_FORMAT, "a.json:2: sample \"a\": ");
  assert_refused ("[" GOOD ",\n{\"id\": \"a\"},\n" GOOD ",\n{},{\"id\": \"b\"}]", config,
                  PMOD_ERROR_FORMAT, "(and 2 more of 5 samples are bad)");
}

/* The golden conversation: 92 tokens of words, or 96 with a picture of 576 tokens. */
static void
test_context (void)
{
  g_autoptr (PmodConfig) small = pmod_config_copy (config);
  g_autoptr (PmodConfig) text_only = pmod_config_copy (config);
  g_autoptr (PmodConfig) anyres = pmod_config_copy (next_config);
  g_autoptr (PmodSample) words = NULL;
  g_autoptr (PmodSample) whole = NULL;
  g_autoptr (PmodSample) tiles = NULL;
  g_autoptr (PmodSample) as_many = NULL;

  small->context_length = 92;
  words = make_only (golden[2].json, small);
  g_assert_cmpint (words->n_tokens, ==, 92);
  g_assert_cmpint (words->n_targets, ==, 0);
  small->context_length = 91;
  assert_refused (golden[2].json, small, PMOD_ERROR_CONTEXT,
                  "a.json:1: sample \"1\": expected at most the 91 tokens that the context holds, "
                  "got 92 of text and 0 of pictures");
  small->context_length = 96 + 576;
  whole = make_only (golden[0].json, small);
  g_assert_cmpint (whole->n_tokens, ==, 96 + 576);
  g_assert_cmpint (whole->n_targets, ==, 576);
  small->context_length--;
  assert_refused (golden[0].json, small, PMOD_ERROR_CONTEXT, "got 96 of text and 576 of pictures");

  /* Fewer tokens than the largest grid has: the picture is looked at. */
  tiles = make_only (golden[4].json, anyres);
  anyres->context_length = tiles->n_tokens;
  as_many = make_only (golden[4].json, anyres);
  g_assert_cmpint (as_many->n_tokens, ==, tiles->n_tokens);
  anyres->context_length--;
  assert_refused (golden[4].json, anyres, PMOD_ERROR_CONTEXT, "got 96 of text and ");

  text_only->has_vision = FALSE;
  assert_refused (golden[0].json, text_only, PMOD_ERROR_UNSUPPORTED,
                  "sample \"1\": it has a picture, but the model has no vision tower");
}

static void
test_broken_picture (void)
{
  g_autofree char *path = fixture ("golden-grad", "manifest.json");
  g_autofree char *json = g_strdup_printf ("[" GOOD ",\n{\"id\": \"a\", \"image\": \"%s\", %s}]",
                                           path, TURNS ("<image>\\n"));
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodSource) source = open_text (json, config, &error);
  g_autoptr (PmodSample) good = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (source->n_samples, ==, 2);
  good = pmod_source_make (source, 2, &error);
  g_assert_no_error (error);
  g_assert_null (pmod_source_make (source, 1, &error));
  g_assert_nonnull (strstr (error->message, "a.json:2: sample \"a\": "));
  g_assert_nonnull (strstr (error->message, "manifest.json"));
  g_test_message ("%s", error->message);
}

int
main (int argc, char **argv)
{
  g_autofree char *dir = NULL;
  g_autofree char *next = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  dir = g_test_build_filename (G_TEST_DIST, "fixtures", "tiny-pmod-llava-v1.5", NULL);
  next = g_test_build_filename (G_TEST_DIST, "fixtures", "tiny-pmod-llava-next", NULL);
  images = g_test_build_filename (G_TEST_DIST, "fixtures", "images", NULL);
  config = pmod_config_load (dir, NULL, &error);
  g_assert_no_error (error);
  next_config = pmod_config_load (next, NULL, &error);
  g_assert_no_error (error);
  tokenizer = pmod_tokenizer_new (dir, &error);
  g_assert_no_error (error);
  g_test_add_func ("/conversations/golden", test_golden);
  g_test_add_func ("/conversations/inference", test_inference);
  g_test_add_func ("/conversations/bad", test_bad);
  g_test_add_func ("/conversations/several-bad", test_several_bad);
  g_test_add_func ("/conversations/context", test_context);
  g_test_add_func ("/conversations/broken-picture", test_broken_picture);
  status = g_test_run ();
  pmod_config_free (config);
  pmod_config_free (next_config);
  pmod_tokenizer_free (tokenizer);
  g_free (images);
  return status;
}
