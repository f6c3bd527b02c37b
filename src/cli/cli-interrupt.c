/* Ctrl-C. The handler only remembers; whoever works looks at the flag between two layers, two
 * tokens or two lines of input, so that nothing is called from a signal handler. */
#include "cli.h"

#include <signal.h>

/* A handler can reach nothing else than static storage. */
static volatile sig_atomic_t interrupted;

static void
on_signal (int number)
{
  if (interrupted)
    {
      signal (number, SIG_DFL);
      raise (number);
    }
  interrupted = 1;
}

void
cli_interrupt_init (void)
{
  struct sigaction action = { .sa_handler = on_signal };

  /* Without SA_RESTART, so that a read of the terminal returns. */
  sigemptyset (&action.sa_mask);
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  signal (SIGPIPE, SIG_IGN);
}

gboolean
cli_interrupt_pending (void)
{
  return interrupted != 0;
}

void
cli_interrupt_clear (void)
{
  interrupted = 0;
}
