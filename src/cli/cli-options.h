/* Options that several subcommands take, read and checked as far as that is possible without a
 * model. */
#pragma once

#include "cli.h"

G_BEGIN_DECLS

typedef enum
{
  CLI_OPTIONS_DEVICE = 1 << 0,
  CLI_OPTIONS_ROUTING = 1 << 1,
  CLI_OPTIONS_SAMPLING = 1 << 2,
  CLI_OPTIONS_PICTURES = 1 << 3,
  CLI_OPTIONS_RECORD = 1 << 4,
} CliOptionGroups;

/* Texts as they were given, NULL where left out. */
typedef struct
{
  char *device;
  char *threads;
  char *dtype;
  char *cpu_level;
  char *memory_limit;
  char *vision_tower;
  char *schedule;
  char *factor;
  char *upper;
  char *lower;
  char **ratios;
  char *norm;
  char *policy;
  char *paint;
  char *max_new_tokens;
  char *temperature;
  char *top_k;
  char *top_p;
  char *seed;
  char *exif;
} CliOptionTexts;

typedef struct
{
  CliOptionTexts texts;
  char **rest;   /* what is no option */
  gboolean help; /* was printed; there is nothing more to do */

  PmodModelOptions model;
  gboolean skip_finite_check;

  gboolean has_schedule; /* else as trained */
  PmodScheduleKind schedule;
  double factor; /* NAN where left out; so are the next two */
  double upper;
  double lower;
  double ratio[PMOD_MAX_LAYERS]; /* as in PmodRouting */
  gboolean has_norm;
  PmodRouterNorm norm;
  PmodPolicy policy;
  PmodPaint *paint; /* nullable */

  double temperature;
  gint64 top_k;
  double top_p;
  gint64 seed;
  gint64 max_new_tokens; /* 0: left out */

  char **images;
  PmodImageFlags image_flags;

  char *json;
  char *trace;
  gboolean full;
  gboolean progress;
} CliOptions;

/* args: the subcommand's name, then what follows it. own: the options that only this subcommand
 * has, nullable. usage: what follows the options, such as "MODEL". */
CliOptions *cli_options_new (char **args,
                             CliOptionGroups groups,
                             const GOptionEntry *own,
                             const char *usage,
                             const char *summary,
                             GError **error);
void cli_options_free (CliOptions *self);

/* The only word that is no option. NULL with a usage error where it is missing or not alone. */
const char *cli_options_get_one (const CliOptions *self, const char *what, GError **error);

/* What the checkpoint was trained with, changed as the options say. The paint stays theirs. */
gboolean cli_options_get_params (const CliOptions *self,
                                 const PmodConfig *config,
                                 PmodParams *params,
                                 GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliOptions, cli_options_free)

G_END_DECLS
