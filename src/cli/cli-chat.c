/* pmod chat: questions turn by turn, in the terminal or from a pipe. Lines that begin with a slash
 * are commands. A turn that fails is reported and forgotten. */
#include "cli-session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_MARK "<image>\n"

typedef struct
{
  CliSession *session;
  const CliOptions *options;
  const char *system; /* nullable */
  GPtrArray *texts;   /* char *; user and assistant in turn, user first */
  GPtrArray *images;  /* PmodImage, of the whole conversation */
  guint n_pending;    /* the last of them, which no question shows yet */
  gboolean failed;
} Chat;

static void
say (const char *text)
{
  fprintf (stderr, "%s\n", text);
}

static void
report (Chat *self, GError *error)
{
  g_strdelimit (error->message, "\r\n", ' ');
  fprintf (stderr, "pmod chat: %s\n", error->message);
  self->failed = TRUE;
  g_error_free (error);
}

static void
clear (Chat *self)
{
  g_ptr_array_set_size (self->texts, 0);
  g_ptr_array_set_size (self->images, 0);
  self->n_pending = 0;
}

static void
add_image (Chat *self, const char *path)
{
  GError *error = NULL;
  PmodImage *image = pmod_image_load (path, self->options->image_flags, &error);

  if (image == NULL)
    {
      report (self, error);
      return;
    }
  g_ptr_array_add (self->images, image);
  self->n_pending++;
  fprintf (stderr, "%s: %d x %d; the next question shows it\n", path, pmod_image_get_width (image),
           pmod_image_get_height (image));
}

static PmodPrompt *
make_prompt (const Chat *self, GError **error)
{
  PmodModel *model = cli_session_get_model (self->session);
  const PmodConfig *config = pmod_model_get_config (model);
  g_autofree PmodTurn *turns = g_new0 (PmodTurn, self->texts->len);
  guint first = config->single_questions ? self->texts->len - 1 : 0;

  for (guint i = 0; i < self->texts->len; i++)
    {
      turns[i].role = i % 2 == 0 ? PMOD_ROLE_USER : PMOD_ROLE_ASSISTANT;
      turns[i].text = self->texts->pdata[i];
    }
  return pmod_prompt_new_chat_told (pmod_model_get_tokenizer (model), config->conversation,
                                    self->system, turns + first, (int)(self->texts->len - first),
                                    (PmodImage *const *)self->images->pdata, (int)self->images->len,
                                    PMOD_PROMPT_DEFAULT, error);
}

static void
add_question (Chat *self, const char *line)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < self->n_pending; i++)
    g_string_append (text, IMAGE_MARK);
  g_string_append (text, line);
  g_ptr_array_add (self->texts, g_string_free (text, FALSE));
}

static void
say_costs (const Chat *self, const PmodAnswer *answer)
{
  int n_reused;
  int n_tokens;
  double seconds;

  cli_session_get_last (self->session, &n_reused, &n_tokens, &seconds);
  fprintf (stderr, "[%u tokens in %.2f s%s; %d of the prompt's %d tokens reused]\n",
           answer->ids->len, seconds, answer->finish == PMOD_FINISH_CANCELLED ? ", stopped" : "",
           n_reused, n_tokens);
}

/* FALSE where standard output is gone, which ends the conversation. */
static gboolean
ask (Chat *self, const char *line, GError **error)
{
  g_autoptr (PmodPrompt) prompt = NULL;
  g_autoptr (PmodAnswer) answer = NULL;
  GError *local = NULL;

  add_question (self, line);
  prompt = make_prompt (self, &local);
  if (prompt != NULL)
    answer = cli_session_answer (self->session, prompt, &local);
  cli_interrupt_clear ();
  if (answer == NULL)
    {
      g_ptr_array_set_size (self->texts, (int)self->texts->len - 1);
      if (g_error_matches (local, CLI_ERROR, CLI_ERROR_OUTPUT))
        {
          g_propagate_error (error, local);
          return FALSE;
        }
      report (self, local);
      return TRUE;
    }
  g_ptr_array_add (self->texts, g_strdup (answer->text->str));
  self->n_pending = 0;
  say_costs (self, answer);
  return TRUE;
}

/* FALSE at the end of the conversation, with an error only where it failed. */
static gboolean
take_line (Chat *self, char *line, GError **error)
{
  g_strstrip (line);
  if (!g_utf8_validate (line, -1, NULL))
    {
      say ("pmod chat: expected UTF-8");
      self->failed = TRUE;
    }
  else if (strcmp (line, "/quit") == 0)
    return FALSE;
  else if (strcmp (line, "/clear") == 0)
    clear (self);
  else if (g_str_has_prefix (line, "/image "))
    add_image (self, g_strstrip (line + strlen ("/image ")));
  else if (line[0] == '/')
    say ("/image FILE shows a picture with the next question, /clear forgets the conversation, "
         "/quit ends it");
  else if (line[0] != '\0')
    return ask (self, line, error);
  return TRUE;
}

static void
show_cursor (const Chat *self)
{
  if (!isatty (STDIN_FILENO) || !isatty (STDOUT_FILENO) ||
      g_strcmp0 (self->options->json, "-") == 0)
    return;
  fputs ("> ", stdout);
  fflush (stdout);
}

static gboolean
converse (Chat *self, GError **error)
{
  gboolean is_interactive = isatty (STDIN_FILENO);
  GError *local = NULL;
  char *line = NULL;
  size_t size = 0;

  show_cursor (self);
  while (!cli_interrupt_pending () && getline (&line, &size, stdin) >= 0 &&
         take_line (self, line, &local))
    show_cursor (self);
  if (is_interactive)
    putchar ('\n');
  free (line);
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  if (self->failed && !is_interactive)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, "not every line could be answered");
      return FALSE;
    }
  return cli_session_close (self->session, error);
}

static gboolean
chat (const char *model, const char *system, const CliOptions *options, GError **error)
{
  g_autoptr (GPtrArray) images = NULL;
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (CliSession) session = NULL;
  Chat self = { .options = options, .system = system, .texts = texts };

  images = cli_load_images (options->images, options->image_flags, error);
  if (images == NULL)
    return FALSE;
  session = cli_session_new (model, options, error);
  if (session == NULL)
    return FALSE;
  self.session = session;
  self.images = images;
  self.n_pending = images->len;
  return converse (&self, error);
}

gboolean
cli_chat (char **args, GError **error)
{
  char *text = NULL;
  const GOptionEntry entries[] = {
    { "system", 0, 0, G_OPTION_ARG_FILENAME, &text,
      "What the model is told before all questions, instead of what it was trained with", "TEXT" },
    { NULL },
  };
  g_autoptr (CliOptions) options = cli_options_new (
      args,
      CLI_OPTIONS_DEVICE | CLI_OPTIONS_ROUTING | CLI_OPTIONS_SAMPLING | CLI_OPTIONS_PICTURES |
          CLI_OPTIONS_RECORD,
      entries, "MODEL",
      "Answers one question a line. /image FILE shows a picture with the next question, /clear\n"
      "forgets the conversation, /quit or the end of the input ends it. Ctrl-C stops an answer.\n"
      "With --json: one record a line.",
      error);
  g_autofree char *system = text;
  const char *model;

  if (options == NULL || options->help)
    return options != NULL;
  model = cli_options_get_one (options, "a model", error);
  return model != NULL && chat (model, system, options, error);
}
