/* pmod: the engine without a window. Reads the subcommand, hands over to it and turns its result
 * into an exit code: 0 done, 1 it failed (one line on standard error), 2 wrong usage. */
#include "config.h"

#include "cli.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

typedef struct
{
  const char *name;
  CliCommandFunc run;
  const char *summary;
} Command;

static const Command commands[] = {
  { "info", cli_info, "What a checkpoint holds, and whether it fits; or the installed models" },
  { "run", cli_run, "One question, one answer" },
  { "chat", cli_chat, "Questions turn by turn" },
  { "flops", cli_flops, "What a prompt costs, from shapes alone" },
  { "trace", cli_trace, "Reads a recorded trace" },
  { "bench", cli_bench, "Measures a model beside this machine's own peaks" },
  { "sweep", cli_sweep, "One question under many settings, beside the trained one" },
  { "eval", cli_eval, "Scores a model on a task" },
  { "serve", cli_serve, "Answers programs on this computer, in OpenAI's shape" },
  { "train", cli_train, "Trains what a recipe describes" },
  { "pull", cli_pull, "Downloads a published checkpoint" },
};

static void
print_help (FILE *file)
{
  fputs ("Usage:\n  pmod COMMAND [OPTION…]\n\nCommands:\n", file);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    fprintf (file, "  %-8s %s\n", commands[i].name, commands[i].summary);
  fputs ("\npmod COMMAND --help tells the options. MODEL is a directory in the published layout,\n"
         "or a name that pmod info lists. Exit codes: 0 done, 1 failed, 2 wrong usage.\n",
         file);
}

static const Command *
find_command (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (commands[i].name, name) == 0)
      return &commands[i];
  return NULL;
}

/* One line, whatever the message holds. */
static int
report (const char *name, const GError *error)
{
  gboolean is_usage = g_error_matches (error, CLI_ERROR, CLI_ERROR_USAGE);
  g_autofree char *line = g_strdup (error->message);

  g_strdelimit (line, "\r\n", ' ');
  fflush (stdout);
  if (is_usage)
    fprintf (stderr, "pmod %s: %s (see pmod %s --help)\n", name, line, name);
  else
    fprintf (stderr, "pmod %s: %s\n", name, line);
  return is_usage ? 2 : 1;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  const Command *command;

  /* For the terminal's encoding only: numbers keep their point. */
  setlocale (LC_CTYPE, "");
  g_set_prgname ("pmod");
  cli_interrupt_init ();
  if (argc < 2)
    {
      print_help (stderr);
      return 2;
    }
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0)
    print_help (stdout);
  else if (strcmp (argv[1], "--version") == 0)
    puts ("pmod " STRATA_VERSION);
  else if ((command = find_command (argv[1])) != NULL)
    {
      if (!command->run (argv + 1, &error))
        return report (command->name, error);
    }
  else
    {
      fprintf (stderr, "pmod: unknown command \"%s\" (see pmod --help)\n", argv[1]);
      return 2;
    }
  if (!cli_flush (&error))
    {
      fprintf (stderr, "pmod: %s\n", error->message);
      return 1;
    }
  return 0;
}
