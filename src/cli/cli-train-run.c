/* pmod train: the run. One block of lines for every look at the validation sample. */
#include "config.h"

#include "cli-train.h"

#include <math.h>
#include <stdio.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "cli.h"
#include "pmod-train.h"

/* --- Reports -------------------------------------------------------------------------------- */

static void
print_share (const char *name, double share)
{
  if (!isnan (share))
    printf ("  %s %.1f %%", name, 100 * share);
}

static char *
format_left (double seconds)
{
  int minutes = (int)(seconds / 60 + 0.5);

  return minutes < 60 ? g_strdup_printf ("%d min", minutes)
                      : g_strdup_printf ("%d h %02d min", minutes / 60, minutes % 60);
}

static void
print_kinds (const PmodTrainerReport *report)
{
  gboolean any = FALSE;

  for (int i = 0; i < report->n_kinds; i++)
    if (report->kinds != NULL && report->n_asked[i] > 0)
      {
        printf ("%s %s %.0f", any ? "," : "   ", report->kinds[i],
                100.0 * report->n_right[i] / report->n_asked[i]);
        any = TRUE;
      }
  if (any)
    printf ("\n");
}

static void
print_report (const PmodTrainerReport *report, gpointer user_data)
{
  g_autofree char *left = format_left (report->seconds_left);

  printf ("%s %" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, report->stage, report->step,
          report->n_steps);
  if (report->step > 0)
    printf ("  loss %.4f  gradient %.3g  rate %.3f", report->loss, report->gradient_norm,
            report->rate);
  print_share ("tokens", report->token_accuracy);
  printf ("  |  validation:");
  print_share ("answers", report->accuracy);
  print_share ("patches", report->patch_accuracy);
  print_share ("places", report->place_accuracy);
  print_share ("saturated", report->saturated);
  print_share ("tied cuts", report->tied);
  if (report->step > 0)
    printf ("  |  %.0f tokens/s  %.0f GFLOP/s, %.0f %% of the machine  waited %.1f %%  %s left",
            report->tokens_per_second, report->flops_per_second / 1e9,
            100 * report->flops_per_second / report->peak_flops_per_second, 100 * report->waited,
            left);
  printf ("%s\n", report->saved ? "  saved" : "");
  print_kinds (report);
  fflush (stdout);
}

static gboolean
should_stop (gpointer user_data)
{
  return cli_interrupt_pending ();
}

/* --- The command ---------------------------------------------------------------------------- */

/* Samples of some hundred kilobytes come and go by the hundred: given back to the system each time,
 * their pages would be cleared and mapped again for the next, 3 % of the time of a small model. */
static void
keep_memory (void)
{
#ifdef __GLIBC__
  mallopt (M_MMAP_THRESHOLD, 64 << 20);
  mallopt (M_TRIM_THRESHOLD, 512 << 20);
#endif
}

static void
print_beginning (const PmodRecipe *recipe, const PmodTrainer *trainer, const char *output)
{
  g_autofree char *size = cli_format_count ((double)pmod_trainer_get_n_weights (trainer));

  printf ("%s: %s weights, ", recipe->name, size);
  if (pmod_trainer_get_device (trainer) != NULL)
    printf ("on %s", pmod_trainer_get_device (trainer));
  else
    printf ("%d workers", pmod_trainer_get_n_workers (trainer));
  printf (", into %s\n", output);
  if (pmod_trainer_get_fallback (trainer) != NULL)
    printf ("On the CPU, not on %s\n", pmod_trainer_get_fallback (trainer));
  fflush (stdout);
}

gboolean
cli_train_run (const char *path, const CliTrainArguments *arguments, GError **error)
{
  g_autoptr (PmodRecipe) recipe = NULL;
  g_autoptr (PmodTrainer) trainer = NULL;
  PmodTrainerOptions options = { .output = arguments->output,
                                 .art = arguments->art,
                                 .resume = arguments->resume,
                                 .n_threads = (int)arguments->n_threads,
                                 .device = arguments->device,
                                 .device_idx = (int)arguments->device_idx };

  keep_memory ();
  recipe = pmod_recipe_load (path, error);
  if (recipe == NULL)
    return FALSE;
  trainer = pmod_trainer_new (recipe, &options, error);
  if (trainer == NULL)
    return FALSE;
  print_beginning (recipe, trainer, arguments->output);
  return pmod_trainer_run (trainer, print_report, should_stop, NULL, error);
}
