/* Whether the walls hold: each attempt must fail. It looks at what the system did, not at what was
 * asked for, so that it fails where a rule is missing or does nothing. */
#include "pmod-sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pmod-image-wire.h"

static gboolean
try_open (void)
{
  return open ("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static gboolean
try_create (void)
{
  return open ("/tmp/pmod-sandbox-check", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

static gboolean
try_stat (void)
{
  struct stat st;

  return stat ("/etc/passwd", &st) == 0;
}

static gboolean
try_unlink (void)
{
  return unlink ("/tmp/pmod-sandbox-check") == 0 || errno == ENOENT;
}

static gboolean
try_unix_socket (void)
{
  return socket (AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static gboolean
try_internet_socket (void)
{
  return socket (AF_INET, SOCK_STREAM, 0) >= 0;
}

static gboolean
try_fork (void)
{
  pid_t pid = fork ();

  if (pid == 0)
    _exit (0);
  if (pid > 0)
    waitpid (pid, NULL, 0);
  return pid > 0;
}

static gboolean
try_exec (void)
{
  char *const none[] = { NULL };

  /* A name that is not there, so that success is ENOENT and this process goes on. */
  execve ("/nonexistent", none, none);
  return errno == ENOENT;
}

static gboolean
try_signal (void)
{
  return kill (getppid (), 0) == 0;
}

static gboolean
try_trace (void)
{
  return ptrace (PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static gboolean
try_code (void)
{
  return mmap (NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static gboolean
try_memory (void)
{
#ifdef __SANITIZE_ADDRESS__
  return FALSE;
#else
  return mmap (NULL, PMOD_IMAGE_MAX_MEMORY, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
               -1, 0) != MAP_FAILED;
#endif
}

gboolean
pmod_sandbox_check (void)
{
  const struct
  {
    const char *what;
    gboolean (*attempt) (void);
  } attempts[] = {
    { "open a file", try_open },
    { "create a file", try_create },
    { "look at a file", try_stat },
    { "remove a file", try_unlink },
    { "make a local socket", try_unix_socket },
    { "make a network socket", try_internet_socket },
    { "start a process", try_fork },
    { "become another program", try_exec },
    { "signal its caller", try_signal },
    { "trace", try_trace },
    { "make memory executable", try_code },
    { "take more memory than allowed", try_memory },
  };
  gboolean holds = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (attempts); i++)
    {
      gboolean got_out = attempts[i].attempt ();

      printf ("%s: %s\n", attempts[i].what, got_out ? "POSSIBLE" : "refused");
      holds = holds && !got_out;
    }
  return fflush (stdout) == 0 && holds;
}
