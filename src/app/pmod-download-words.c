/* See pmod-download-words.h. */
#include "config.h"

#include "pmod-download-words.h"

#include <glib/gi18n.h>
#include <math.h>

#define MINUTE 60.0
#define HOUR 3600.0

double
pmod_download_get_fraction (PmodDownload *download)
{
  PmodDownloadProgress progress;

  pmod_download_get_progress (download, &progress);
  if (progress.total == 0)
    return -1;
  return CLAMP ((double)progress.done / (double)progress.total, 0, 1);
}

static char *
describe_time (double seconds)
{
  gulong n;

  if (seconds < 0)
    return NULL;
  if (seconds < MINUTE)
    return g_strdup (_ ("less than a minute left"));
  if (seconds < HOUR)
    {
      n = (gulong)ceil (seconds / MINUTE);
      return g_strdup_printf (
          g_dngettext (GETTEXT_PACKAGE, "%lu minute left", "%lu minutes left", n), n);
    }
  n = (gulong)lround (seconds / HOUR);
  return g_strdup_printf (
      g_dngettext (GETTEXT_PACKAGE, "about %lu hour left", "about %lu hours left", n), n);
}

/* "1.2 GB of 14.1 GB · 12.0 MB/s · 18 minutes left" */
static char *
describe_bytes (const PmodDownloadProgress *progress)
{
  g_autofree char *done = g_format_size (progress->done);
  g_autofree char *total = g_format_size (progress->total);
  g_autofree char *time = describe_time (progress->seconds_left);
  g_autofree char *speed = g_format_size ((guint64)progress->speed);

  if (progress->speed <= 0)
    return g_strdup_printf (_ ("%s of %s"), done, total);
  if (!time)
    return g_strdup_printf (_ ("%s of %s \302\267 %s/s"), done, total, speed);
  return g_strdup_printf (_ ("%s of %s \302\267 %s/s \302\267 %s"), done, total, speed, time);
}

static char *
describe_progress (PmodDownload *download)
{
  PmodDownloadProgress progress;
  g_autofree char *bytes = NULL;

  pmod_download_get_progress (download, &progress);
  bytes = describe_bytes (&progress);
  switch (progress.phase)
    {
    case PMOD_DOWNLOAD_HASHES:
      if (progress.total == 0)
        return g_strdup (_ ("Looking at what is there\342\200\246"));
      return g_strdup_printf (_ ("Comparing what is there with its hashes: %s"), bytes);
    case PMOD_DOWNLOAD_PAUSE:
      return g_strdup_printf (_ ("The connection broke; trying again shortly. %s"), bytes);
    case PMOD_DOWNLOAD_BYTES:
    default:
      return g_strdup_printf (_ ("Downloading: %s"), bytes);
    }
}

static const char *
describe_problem (PmodDownloadProblem problem)
{
  switch (problem)
    {
    case PMOD_DOWNLOAD_PROBLEM_NAME:
      return _ ("This cannot be a repository or a server.");
    case PMOD_DOWNLOAD_PROBLEM_NETWORK:
      return _ ("The server cannot be reached, or the connection broke again and again. What is "
                "there stays, and Go On continues from it.");
    case PMOD_DOWNLOAD_PROBLEM_DENIED:
      return _ ("The server does not give this to everybody. A token goes into HF_TOKEN before "
                "Strata is started.");
    case PMOD_DOWNLOAD_PROBLEM_MISSING:
      return _ ("There is nothing that can be used.");
    case PMOD_DOWNLOAD_PROBLEM_TOWER:
      return _ ("The checkpoint\342\200\231s vision tower cannot be had. Another repository can be "
                "named under Server.");
    case PMOD_DOWNLOAD_PROBLEM_SERVER:
      return _ ("The server answers what was not asked.");
    case PMOD_DOWNLOAD_PROBLEM_CONTENT:
      return _ ("What the server sent is not what it had announced; it was thrown away.");
    case PMOD_DOWNLOAD_PROBLEM_SPACE:
      return _ ("It does not fit on the disk. Nothing was downloaded.");
    case PMOD_DOWNLOAD_PROBLEM_BUSY:
      return _ ("Another program downloads this model now.");
    case PMOD_DOWNLOAD_PROBLEM_FILE:
    case PMOD_DOWNLOAD_PROBLEM_NONE:
    default:
      return _ ("A file or folder cannot be used.");
    }
}

static char *
describe_wrong (PmodDownload *download)
{
  const char *const *wrong = pmod_download_get_wrong (download);
  guint n = wrong ? g_strv_length ((char **)wrong) : 0;
  g_autofree char *lines = wrong ? g_strjoinv ("\n", (char **)wrong) : g_strdup ("");

  return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE,
                                       "%u file is missing or wrong. Repair fetches it again.\n%s",
                                       "%u files are missing or wrong. Repair fetches them "
                                       "again.\n%s",
                                       n),
                          n, lines);
}

static char *
describe_right (PmodDownload *download)
{
  PmodDownloadPlan plan;

  pmod_download_get_plan (download, &plan);
  return g_strdup_printf (
      g_dngettext (GETTEXT_PACKAGE, "The %u file is byte for byte as %s listed it.",
                   "All %u files are byte for byte as %s listed them.", plan.n_files),
      plan.n_files, pmod_download_get_name (download));
}

char *
pmod_download_describe (PmodDownload *download)
{
  switch (pmod_download_get_state (download))
    {
    case PMOD_DOWNLOAD_LOOKING:
      return g_strdup_printf (_ ("Asking %s\342\200\246"), pmod_download_get_server (download));
    case PMOD_DOWNLOAD_FETCHING:
    case PMOD_DOWNLOAD_CHECKING:
      return describe_progress (download);
    case PMOD_DOWNLOAD_DONE:
      return g_strdup_printf (_ ("%s is complete, and every hash is right."),
                              pmod_download_get_name (download));
    case PMOD_DOWNLOAD_RIGHT:
      return describe_right (download);
    case PMOD_DOWNLOAD_WRONG:
      return describe_wrong (download);
    case PMOD_DOWNLOAD_STOPPED:
      return g_strdup (_ ("Stopped. What is there stays, and Go On continues from it."));
    case PMOD_DOWNLOAD_FAILED:
      return g_strdup_printf ("%s\n%s", describe_problem (pmod_download_get_problem (download)),
                              pmod_download_get_error (download));
    case PMOD_DOWNLOAD_IDLE:
    case PMOD_DOWNLOAD_PLANNED:
    default:
      return g_strdup ("");
    }
}

char *
pmod_download_describe_short (PmodDownload *download)
{
  double fraction = MAX (pmod_download_get_fraction (download), 0);

  return g_strdup_printf (_ ("Downloading %s, %d %%"), pmod_download_get_name (download),
                          (int)(100 * fraction));
}
