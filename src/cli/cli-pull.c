/* pmod pull: downloads a published checkpoint, or checks one that was. The work is done on a thread
 * of its own, which alone prints, because a read from a server waits; the main thread only waits
 * for it and for Ctrl-C. */
#include "cli-options.h"

#include "pmod-hub.h"

#include <stdio.h>

#define POLL_US (G_USEC_PER_SEC / 20)

typedef struct
{
  /* options */
  char *to;
  char *mirror;
  char *tower;
  gboolean check;
  gboolean repair;
  gboolean dry_run;
  gboolean progress;

  PmodHubOptions hub;
  CliProgress *line;
  GCancellable *cancellable;
  GError *error;
  int is_done; /* atomic */
} Pull;

static void
pull_clear (Pull *self)
{
  g_free (self->to);
  g_free (self->mirror);
  g_free (self->tower);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->line, cli_progress_free);
  g_clear_error (&self->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pull, pull_clear)

/* --- On the worker's thread ------------------------------------------------------------------- */

static void
on_progress (const PmodHubProgress *progress, gpointer user_data)
{
  static const char *const verbs[] = {
    [PMOD_HUB_PHASE_CHECK] = "checking",
    [PMOD_HUB_PHASE_DOWNLOAD] = "downloading",
    [PMOD_HUB_PHASE_WAIT] = "trying again",
  };
  Pull *self = user_data;
  g_autofree char *what = g_strdup_printf ("%s %s", verbs[progress->phase], progress->file);

  cli_progress_update (self->line, what, progress->done, progress->total, TRUE);
}

static gboolean
show (const PmodHubPlan *plan, GError **error)
{
  guint n_files = pmod_hub_plan_get_n_files (plan);
  guint n_left_out;
  guint64 left_out;
  g_autofree char *left_out_text = NULL;
  g_autofree char *total = NULL;
  g_autofree char *there = NULL;
  g_autofree char *missing = NULL;
  g_autofree char *free_bytes = NULL;
  PmodHubSpace space;

  if (!pmod_hub_plan_measure (plan, &space, error))
    return FALSE;
  pmod_hub_plan_get_left_out (plan, &n_left_out, &left_out);
  left_out_text = cli_format_bytes ((double)left_out);
  total = cli_format_bytes ((double)space.total);
  there = cli_format_bytes ((double)space.there);
  missing = cli_format_bytes ((double)space.missing);
  free_bytes = cli_format_bytes ((double)space.free);
  printf ("%s at %.12s\n", pmod_hub_plan_get_repo (plan), pmod_hub_plan_get_commit (plan));
  for (guint i = 0; i < n_files; i++)
    {
      PmodHubFile file = pmod_hub_plan_get_file (plan, i);
      g_autofree char *size = cli_format_bytes ((double)file.size);

      printf ("  %10s  %s\n", size, file.path);
    }
  printf ("  %10s  in %u files", total, n_files);
  if (n_left_out > 0)
    printf ("; not needed: %u more, %s", n_left_out, left_out_text);
  printf ("\nInto %s\n  %s there, %s to download, %s free\n", pmod_hub_plan_get_folder (plan),
          there, missing, free_bytes);
  return cli_flush (error);
}

static gboolean
check (Pull *self, PmodHubPlan *plan, GError **error)
{
  g_autoptr (GPtrArray) wrong =
      pmod_hub_plan_check (plan, on_progress, self, self->cancellable, error);
  guint n_files = pmod_hub_plan_get_n_files (plan);

  cli_progress_end (self->line);
  if (wrong == NULL)
    return FALSE;
  for (guint i = 0; i < wrong->len; i++)
    printf ("%s\n", (const char *)g_ptr_array_index (wrong, i));
  if (wrong->len > 0)
    {
      g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CONTENT,
                   "%s: expected %u files as %s has them, got %u that are missing or wrong; "
                   "--repair fetches these",
                   pmod_hub_plan_get_folder (plan), n_files, pmod_hub_plan_get_repo (plan),
                   wrong->len);
      return FALSE;
    }
  printf ("%s: all %u files are as %s has them at %.12s\n", pmod_hub_plan_get_folder (plan),
          n_files, pmod_hub_plan_get_repo (plan), pmod_hub_plan_get_commit (plan));
  return TRUE;
}

static gboolean
fetch (Pull *self, PmodHubPlan *plan, GError **error)
{
  if (!pmod_hub_plan_fetch (plan, on_progress, self, self->cancellable, error))
    return FALSE;
  cli_progress_end (self->line);
  printf ("%s: complete, every hash is right\n", pmod_hub_plan_get_folder (plan));
  return TRUE;
}

static gboolean
work (Pull *self, GError **error)
{
  gboolean is_noted = self->check || self->repair;
  g_autoptr (PmodHubPlan) plan = is_noted
                                     ? pmod_hub_plan_load (&self->hub, error)
                                     : pmod_hub_plan_new (&self->hub, self->cancellable, error);

  if (plan == NULL)
    return FALSE;
  if (self->check)
    return check (self, plan, error);
  return show (plan, error) && (self->dry_run || fetch (self, plan, error));
}

static gpointer
run (gpointer data)
{
  Pull *self = data;

  work (self, &self->error);
  cli_progress_end (self->line);
  g_atomic_int_set (&self->is_done, 1);
  return NULL;
}

/* --- On the main thread ----------------------------------------------------------------------- */

static gboolean
check_options (const Pull *self, GError **error)
{
  const char *other = self->repair ? "--repair" : self->dry_run ? "--dry-run" : NULL;

  if (self->check && other != NULL)
    g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "expected --check or %s, got both", other);
  else if ((self->check || self->repair) && self->tower != NULL)
    g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                 "--tower: expected none with %s, which goes by what was pulled",
                 self->check ? "--check" : "--repair");
  else
    return TRUE;
  return FALSE;
}

/* The environment's settings count where no option says otherwise. */
static void
set_hub (Pull *self, const char *repo)
{
  const char *endpoint = g_getenv ("HF_ENDPOINT");

  self->hub.repo = repo;
  self->hub.folder = self->to;
  self->hub.tower = self->tower;
  self->hub.token = g_getenv ("HF_TOKEN");
  self->hub.endpoint = self->mirror;
  self->hub.allow_http = self->mirror != NULL;
  if (self->mirror == NULL && endpoint != NULL && *endpoint != '\0')
    self->hub.endpoint = endpoint;
}

static gboolean
wait_for (Pull *self, GError **error)
{
  GThread *thread = g_thread_new ("pull", run, self);

  while (!g_atomic_int_get (&self->is_done))
    {
      if (cli_interrupt_pending ())
        g_cancellable_cancel (self->cancellable);
      g_usleep (POLL_US);
    }
  g_thread_join (thread);
  if (self->error == NULL)
    return TRUE;
  if (g_error_matches (self->error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_ARGUMENT))
    g_set_error_literal (error, CLI_ERROR, CLI_ERROR_USAGE, self->error->message);
  else
    g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}

gboolean
cli_pull (char **args, GError **error)
{
  g_auto (Pull) self = { NULL };
  const GOptionEntry entries[] = {
    { "to", 0, 0, G_OPTION_ARG_FILENAME, &self.to,
      "The model's folder (strata/models/NAME in the user's data)", "DIR" },
    { "mirror", 0, 0, G_OPTION_ARG_FILENAME, &self.mirror,
      "Another server (HF_ENDPOINT, else " PMOD_HUB_ENDPOINT ")", "URL" },
    { "tower", 0, 0, G_OPTION_ARG_FILENAME, &self.tower,
      "The vision tower's repository, or none (what config.json names)", "REPO" },
    { "dry-run", 0, 0, G_OPTION_ARG_NONE, &self.dry_run, "Show what would be downloaded", NULL },
    { "check", 0, 0, G_OPTION_ARG_NONE, &self.check,
      "Compare a pulled model with its hashes; asks no server", NULL },
    { "repair", 0, 0, G_OPTION_ARG_NONE, &self.repair,
      "Download what is missing or wrong of a pulled model", NULL },
    { "progress", 0, 0, G_OPTION_ARG_NONE, &self.progress,
      "Report progress even where this is no terminal", NULL },
    { NULL },
  };
  g_autoptr (CliOptions) options = cli_options_new (
      args, 0, entries, "REPO[@REVISION]",
      "Downloads a checkpoint from a Hugging Face-compatible server: what the engine\n"
      "needs of it, compared with the server's hashes, and put into its place when all\n"
      "is there. The same command goes on where one was stopped. REPO is OWNER/NAME;\n"
      "with --check and --repair also the model's name. HF_TOKEN in the environment is\n"
      "the token for repositories that want one; it is sent to the server alone.",
      error);
  const char *repo;

  if (options == NULL || options->help)
    return options != NULL;
  repo = cli_options_get_one (options, "a repository, OWNER/NAME", error);
  if (repo == NULL || !check_options (&self, error))
    return FALSE;
  set_hub (&self, repo);
  self.line = cli_progress_new (self.progress);
  self.cancellable = g_cancellable_new ();
  return wait_for (&self, error);
}
