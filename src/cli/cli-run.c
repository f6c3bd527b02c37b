/* pmod run: one question, one answer. */
#include "cli-session.h"

typedef struct
{
  char *prompt;
  char *begin; /* nullable */
  gboolean raw;
  gboolean question_first;
} Arguments;

static PmodPrompt *
make_prompt (const CliSession *session,
             const Arguments *arguments,
             const GPtrArray *images,
             GError **error)
{
  PmodModel *model = cli_session_get_model (session);
  PmodTokenizer *tokenizer = pmod_model_get_tokenizer (model);
  PmodImage *const *pictures = (PmodImage *const *)images->pdata;
  const PmodTurn turn = { PMOD_ROLE_USER, arguments->prompt };

  if (arguments->raw)
    return pmod_prompt_new_raw (tokenizer, arguments->prompt, pictures, (int)images->len, error);
  return pmod_prompt_new_chat_full (
      tokenizer, pmod_model_get_config (model)->conversation, &turn, 1, pictures, (int)images->len,
      arguments->question_first ? PMOD_PROMPT_QUESTION_FIRST : PMOD_PROMPT_DEFAULT, error);
}

/* What can be told without the model. */
static gboolean
check_prompt (const Arguments *arguments, GError **error)
{
  if (arguments->raw && arguments->question_first)
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                   "--question-first: expected no --raw-prompt, which says itself where pictures "
                   "stand");
      return FALSE;
    }
  if (arguments->raw && arguments->begin != NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                   "--begin: expected no --raw-prompt, whose end is how the answer begins");
      return FALSE;
    }
  return cli_check_prompt (arguments->prompt, error);
}

static gboolean
run (const char *model, const Arguments *arguments, const CliOptions *options, GError **error)
{
  g_autoptr (GPtrArray) images = NULL;
  g_autoptr (CliSession) session = NULL;
  g_autoptr (PmodPrompt) prompt = NULL;
  g_autoptr (PmodAnswer) answer = NULL;

  images = cli_load_images (options->images, options->image_flags, error);
  if (images == NULL)
    return FALSE;
  session = cli_session_new (model, options, error);
  if (session == NULL)
    return FALSE;
  prompt = make_prompt (session, arguments, images, error);
  if (prompt == NULL || (arguments->begin != NULL &&
                         !pmod_prompt_begin_with_text (
                             prompt, pmod_model_get_tokenizer (cli_session_get_model (session)),
                             arguments->begin, error)))
    return FALSE;
  answer = cli_session_answer (session, prompt, error);
  if (answer == NULL || !cli_session_close (session, error))
    return FALSE;
  if (answer->finish == PMOD_FINISH_CANCELLED)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "cancelled after %u new tokens",
                   answer->ids->len - (guint)answer->n_begun);
      return FALSE;
    }
  return TRUE;
}

gboolean
cli_run (char **args, GError **error)
{
  Arguments arguments = { NULL };
  const GOptionEntry entries[] = {
    { "prompt", 0, 0, G_OPTION_ARG_FILENAME, &arguments.prompt,
      "The question; \"<image>\" stands for a picture (which else comes first)", "TEXT" },
    { "begin", 0, 0, G_OPTION_ARG_FILENAME, &arguments.begin,
      "How the answer begins; the model goes on from there", "TEXT" },
    { "raw-prompt", 0, 0, G_OPTION_ARG_NONE, &arguments.raw,
      "Take the prompt as it is, without the conversation's template", NULL },
    { "question-first", 0, 0, G_OPTION_ARG_NONE, &arguments.question_first,
      "Put the question before the picture, so that routing depends on it", NULL },
    { NULL },
  };
  g_autoptr (CliOptions) options =
      cli_options_new (args,
                       CLI_OPTIONS_DEVICE | CLI_OPTIONS_ROUTING | CLI_OPTIONS_SAMPLING |
                           CLI_OPTIONS_PICTURES | CLI_OPTIONS_RECORD,
                       entries, "MODEL",
                       "Asks one question; the answer goes to standard output while it grows.\n"
                       "Ctrl-C stops it: what was said stays, and the exit code is 1.",
                       error);
  g_autofree char *prompt = arguments.prompt;
  g_autofree char *begin = arguments.begin;
  const char *model;

  if (options == NULL || options->help)
    return options != NULL;
  model = cli_options_get_one (options, "a model", error);
  return model != NULL && check_prompt (&arguments, error) &&
         run (model, &arguments, options, error);
}
