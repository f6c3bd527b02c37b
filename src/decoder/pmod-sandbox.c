/* The walls: resource limits, and a list of the system calls that decoding needs. What is not on
 * the list fails with EPERM rather than kills, so that a library which looks for a locale's file
 * goes on without it. What is on it takes no path, no address and no other process. */
#include "pmod-sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pmod-image-wire.h"

/* On descriptors that are open, on memory and time. */
static const int allowed[] = {
  SCMP_SYS (read),           SCMP_SYS (readv),
  SCMP_SYS (pread64),        SCMP_SYS (write),
  SCMP_SYS (writev),         SCMP_SYS (lseek),
  SCMP_SYS (fstat),          SCMP_SYS (close),
  SCMP_SYS (munmap),         SCMP_SYS (mremap),
  SCMP_SYS (madvise),        SCMP_SYS (brk),
  SCMP_SYS (futex),          SCMP_SYS (sched_yield),
  SCMP_SYS (clock_gettime),  SCMP_SYS (clock_nanosleep),
  SCMP_SYS (nanosleep),      SCMP_SYS (gettimeofday),
  SCMP_SYS (getrandom),      SCMP_SYS (getpid),
  SCMP_SYS (gettid),         SCMP_SYS (rt_sigaction),
  SCMP_SYS (rt_sigprocmask), SCMP_SYS (rt_sigreturn),
  SCMP_SYS (sigaltstack),    SCMP_SYS (restart_syscall),
  SCMP_SYS (exit),           SCMP_SYS (exit_group),
};

static int
allow_calls (scmp_filter_ctx filter)
{
  int result = 0;

  for (guint i = 0; i < G_N_ELEMENTS (allowed) && result == 0; i++)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, allowed[i], 0);
  /* No memory that can be executed. */
  if (result == 0)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (mmap), 1,
                               SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  if (result == 0)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (mprotect), 1,
                               SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  /* What newer C libraries make of fstat(): the descriptor itself, no path. */
  if (result == 0)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (newfstatat), 1,
                               SCMP_A3 (SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
  /* abort(): signals for this process alone. */
  if (result == 0)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (tgkill), 1,
                               SCMP_A0 (SCMP_CMP_EQ, (scmp_datum_t)getpid ()));
  return result;
}

static gboolean
fail (const char *what, int number, GError **error)
{
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
               PMOD_IMAGE_REPLY_NAME ": expected a system that can isolate the decoder; cannot %s: "
                                     "%s",
               what, g_strerror (number));
  return FALSE;
}

static gboolean
set_limits (GError **error)
{
  const struct
  {
    __rlimit_resource_t resource;
    rlim_t value;
  } limits[] = {
    { RLIMIT_CPU, PMOD_IMAGE_MAX_CPU_S },       { RLIMIT_FSIZE, PMOD_IMAGE_MAX_OUTPUT },
    { RLIMIT_NOFILE, PMOD_IMAGE_FD_REPLY + 1 }, { RLIMIT_CORE, 0 },
#ifndef __SANITIZE_ADDRESS__ /* which reserves terabytes */
    { RLIMIT_AS, PMOD_IMAGE_MAX_MEMORY },
#endif
  };

  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      struct rlimit limit = { limits[i].value, limits[i].value };

      if (setrlimit (limits[i].resource, &limit) != 0)
        return fail ("limit its resources", errno, error);
    }
  return TRUE;
}

gboolean
pmod_sandbox_enter (GError **error)
{
  scmp_filter_ctx filter;
  int result;

  if (prctl (PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl (PR_SET_DUMPABLE, 0) != 0)
    return fail ("bind it to its caller", errno, error);
  if (!set_limits (error))
    return FALSE;
  filter = seccomp_init (SCMP_ACT_ERRNO (EPERM));
  if (filter == NULL)
    return fail ("make a filter", ENOMEM, error);
  result = allow_calls (filter);
  if (result == 0)
    result = seccomp_load (filter);
  seccomp_release (filter);
  return result == 0 || fail ("load a filter", -result, error);
}
