/* Reads the options that several subcommands take.
 *
 * GLib's parser takes them apart; the values are read here, so that every wrong one is refused
 * with the option's name, what was expected and what came, before a model is opened. */
#include "cli-options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_UPPER 0.85 /* of the two decays, where the checkpoint was trained with neither */
#define DEFAULT_LOWER 0.15
#define MAX_THREADS 1024

typedef struct
{
  const char *name;
  int value; /* -1: a name of the contract that this build does not do */
} Choice;

static const Choice devices[] = {
  { "auto", PMOD_DEVICE_AUTO },
  { "cpu", PMOD_DEVICE_CPU },
  { "cuda", PMOD_DEVICE_CUDA },
  { NULL },
};

static const Choice dtypes[] = {
  { "auto", PMOD_PRECISION_AUTO },
  { "f32", PMOD_PRECISION_F32 },
  { "bf16", PMOD_PRECISION_BF16 },
  { "f16", PMOD_PRECISION_F16 },
  { "q8", -1 },
  { "q4", -1 },
  { NULL },
};

static const Choice cpu_levels[] = {
  { "best", PMOD_CPU_LEVEL_BEST },
  { "portable", PMOD_CPU_LEVEL_PORTABLE },
  { "avx2", PMOD_CPU_LEVEL_AVX2 },
  { "avx512", PMOD_CPU_LEVEL_AVX512 },
  { "avx512-bf16", PMOD_CPU_LEVEL_AVX512_BF16 },
  { NULL },
};

static const Choice policies[] = {
  { "router", PMOD_POLICY_ROUTER },
  { "random", PMOD_POLICY_RANDOM },
  { "inverse", PMOD_POLICY_INVERSE },
  { "grid", PMOD_POLICY_GRID },
  { "first", PMOD_POLICY_FIRST },
  { "norm", PMOD_POLICY_NORM },
  { "attention", PMOD_POLICY_ATTENTION },
  { "last", PMOD_POLICY_LAST },
  { "painted", PMOD_POLICY_PAINTED },
  { "dense", -1 },
  { "duplication", -1 },
  { NULL },
};

static const Choice exif_modes[] = {
  { "apply", PMOD_IMAGE_DEFAULT },
  { "ignore", PMOD_IMAGE_IGNORE_EXIF },
  { NULL },
};

static char *
join_supported (const Choice *choices)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; choices[i].name != NULL; i++)
    if (choices[i].value >= 0)
      g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "", choices[i].name);
  return g_string_free (names, FALSE);
}

/* A name that the contract knows and this build does not do is no wrong usage. */
static gboolean
read_choice (
    const char *option, const char *text, const Choice *choices, int *value, GError **error)
{
  g_autofree char *supported = join_supported (choices);

  for (guint i = 0; text != NULL && choices[i].name != NULL; i++)
    {
      if (strcmp (choices[i].name, text) != 0)
        continue;
      if (choices[i].value < 0)
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                       "%s: this build has %s, not \"%s\"", option, supported, text);
          return FALSE;
        }
      *value = choices[i].value;
      return TRUE;
    }
  if (text == NULL)
    return TRUE;
  g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "%s: expected one of %s, got \"%s\"", option,
               supported, text);
  return FALSE;
}

static gboolean
read_device (CliOptions *self, GError **error)
{
  const CliOptionTexts *texts = &self->texts;
  int device = PMOD_DEVICE_AUTO;
  int precision = PMOD_PRECISION_AUTO;
  int level = PMOD_CPU_LEVEL_BEST;
  gint64 n_threads = 0;

  if (!read_choice ("--device", texts->device, devices, &device, error) ||
      !read_choice ("--dtype", texts->dtype, dtypes, &precision, error) ||
      !read_choice ("--cpu-level", texts->cpu_level, cpu_levels, &level, error))
    return FALSE;
  if (texts->threads != NULL &&
      !cli_read_int ("--threads", texts->threads, 1, MAX_THREADS, &n_threads, error))
    return FALSE;
  if (texts->memory_limit != NULL &&
      !cli_read_bytes ("--memory-limit", texts->memory_limit, &self->model.memory_limit, error))
    return FALSE;
  self->model.device = (PmodDevice)device;
  self->model.precision = (PmodPrecision)precision;
  self->model.cpu_level = (PmodCpuLevelOption)level;
  self->model.n_threads = (int)n_threads;
  self->model.vision_tower = texts->vision_tower;
  self->model.skip_finite_check = self->skip_finite_check;
  return TRUE;
}

/* LAYER=RATIO or LAYER=plain */
static gboolean
read_ratio (CliOptions *self, const char *text, GError **error)
{
  const char *equals = strchr (text, '=');
  g_autofree char *layer_text = equals != NULL ? g_strndup (text, (gsize)(equals - text)) : NULL;
  gint64 layer;

  if (equals == NULL)
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                   "--ratio: expected LAYER=RATIO or LAYER=plain, got \"%s\"", text);
      return FALSE;
    }
  if (!cli_read_int ("--ratio, the layer", layer_text, 0, PMOD_MAX_LAYERS - 1, &layer, error))
    return FALSE;
  if (strcmp (equals + 1, "plain") == 0)
    {
      self->ratio[layer] = PMOD_RATIO_PLAIN;
      return TRUE;
    }
  return cli_read_double ("--ratio, the share", equals + 1, 0, 1, &self->ratio[layer], error);
}

static gboolean
read_schedule (CliOptions *self, GError **error)
{
  const char *text = self->texts.schedule;

  if (text == NULL || strcmp (text, "trained") == 0)
    return TRUE;
  self->has_schedule = TRUE;
  if (pmod_schedule_kind_from_name (text, &self->schedule))
    return TRUE;
  g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
               "--schedule: expected trained, dense, shiftedcos, shiftedlinear, interleave, "
               "deep_all, deep_all_include_last or constant, got \"%s\"",
               text);
  return FALSE;
}

static gboolean
read_norm (CliOptions *self, GError **error)
{
  g_autoptr (GError) local = NULL;
  const char *text = self->texts.norm;

  if (text == NULL || strcmp (text, "trained") == 0)
    return TRUE;
  self->has_norm = TRUE;
  if (pmod_router_norm_parse (&self->norm, text, &local))
    return TRUE;
  g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "--norm: %s", local->message);
  return FALSE;
}

/* A mask is what the policy "painted" chooses by, and only that. */
static gboolean
read_paint (CliOptions *self, GError **error)
{
  const CliOptionTexts *texts = &self->texts;

  if (texts->paint == NULL && self->policy == PMOD_POLICY_PAINTED)
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                   "--policy painted: expected --paint FILE beside it, got nothing");
      return FALSE;
    }
  if (texts->paint == NULL)
    return TRUE;
  if (texts->policy != NULL && self->policy != PMOD_POLICY_PAINTED)
    {
      g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE,
                   "--paint: expected the policy painted beside it, got \"%s\"", texts->policy);
      return FALSE;
    }
  self->policy = PMOD_POLICY_PAINTED;
  self->paint = pmod_paint_load (texts->paint, error);
  return self->paint != NULL;
}

static gboolean
read_routing (CliOptions *self, GError **error)
{
  const CliOptionTexts *texts = &self->texts;
  int policy = PMOD_POLICY_ROUTER;

  if (!read_schedule (self, error) || !read_norm (self, error) ||
      !read_choice ("--policy", texts->policy, policies, &policy, error))
    return FALSE;
  self->policy = (PmodPolicy)policy;
  if (!read_paint (self, error))
    return FALSE;
  if (texts->factor != NULL &&
      !cli_read_double ("--factor", texts->factor, -1, 2, &self->factor, error))
    return FALSE;
  if (texts->upper != NULL && !cli_read_double ("--upper", texts->upper, 0, 2, &self->upper, error))
    return FALSE;
  if (texts->lower != NULL && !cli_read_double ("--lower", texts->lower, 0, 1, &self->lower, error))
    return FALSE;
  for (char **ratio = texts->ratios; ratio != NULL && *ratio != NULL; ratio++)
    {
      g_auto (GStrv) parts = g_strsplit (*ratio, ",", -1);

      for (guint i = 0; parts[i] != NULL; i++)
        if (!read_ratio (self, parts[i], error))
          return FALSE;
    }
  return TRUE;
}

static void
set_sampling (const CliOptions *self, PmodSampling *sampling)
{
  sampling->temperature = self->temperature;
  sampling->top_k = (int)self->top_k;
  sampling->top_p = self->top_p;
  sampling->seed = (guint64)self->seed;
  if (self->max_new_tokens > 0)
    sampling->max_new_tokens = (int)self->max_new_tokens;
}

/* The engine knows its own ranges; asked now, a wrong value costs no loading. */
static gboolean
check_sampling (const CliOptions *self, GError **error)
{
  g_autoptr (GError) local = NULL;
  PmodSampling sampling = { 0 };

  set_sampling (self, &sampling);
  if (pmod_sampling_check (&sampling, &local))
    return TRUE;
  g_set_error_literal (error, CLI_ERROR, CLI_ERROR_USAGE, local->message);
  return FALSE;
}

static gboolean
read_sampling (CliOptions *self, GError **error)
{
  const CliOptionTexts *texts = &self->texts;

  if (texts->max_new_tokens != NULL && !cli_read_int ("--max-new-tokens", texts->max_new_tokens, 1,
                                                      G_MAXINT32, &self->max_new_tokens, error))
    return FALSE;
  if (texts->temperature != NULL &&
      !cli_read_double ("--temperature", texts->temperature, 0, 100, &self->temperature, error))
    return FALSE;
  if (texts->top_k != NULL &&
      !cli_read_int ("--top-k", texts->top_k, 0, G_MAXINT32, &self->top_k, error))
    return FALSE;
  if (texts->top_p != NULL && !cli_read_double ("--top-p", texts->top_p, 0, 1, &self->top_p, error))
    return FALSE;
  if (texts->seed != NULL &&
      !cli_read_int ("--seed", texts->seed, 0, G_MAXINT64, &self->seed, error))
    return FALSE;
  return check_sampling (self, error);
}

static gboolean
read_values (CliOptions *self, GError **error)
{
  int exif = PMOD_IMAGE_DEFAULT;

  if (!read_device (self, error) || !read_routing (self, error) || !read_sampling (self, error) ||
      !read_choice ("--exif", self->texts.exif, exif_modes, &exif, error))
    return FALSE;
  self->image_flags = (PmodImageFlags)exif;
  return TRUE;
}

/* --- The tables ------------------------------------------------------------------------------- */

/* Texts are taken as file names are: GLib would otherwise read them in the locale's encoding and
 * refuse an UTF-8 question in the C locale. */
#define TEXT(name, target, help, value)                                                            \
  {                                                                                                \
    name, 0, 0, G_OPTION_ARG_FILENAME, target, help, value                                         \
  }
#define TEXTS(name, target, help, value)                                                           \
  {                                                                                                \
    name, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, target, help, value                                   \
  }
#define FLAG(name, target, help)                                                                   \
  {                                                                                                \
    name, 0, 0, G_OPTION_ARG_NONE, target, help, NULL                                              \
  }

static void
add_group (GOptionContext *context,
           const char *name,
           const char *title,
           const GOptionEntry *entries)
{
  GOptionGroup *group = g_option_group_new (name, title, title, NULL, NULL);

  g_option_group_add_entries (group, entries);
  g_option_context_add_group (context, group);
}

static void
add_device (GOptionContext *context, CliOptions *self)
{
  CliOptionTexts *texts = &self->texts;
  const GOptionEntry entries[] = {
    TEXT ("device", &texts->device, "auto, cpu or cuda (auto)", "D"),
    TEXT ("threads", &texts->threads, "Threads of the CPU (one for each core)", "N"),
    TEXT ("dtype", &texts->dtype,
          "auto, f32, bf16 or, on a card, f16: what products are computed in (auto)", "T"),
    TEXT ("cpu-level", &texts->cpu_level,
          "best, portable, avx2, avx512 or avx512-bf16: instructions to use (best)", "L"),
    TEXT ("memory-limit", &texts->memory_limit,
          "Bytes that may be used, such as 14G (what is free)", "BYTES"),
    TEXT ("vision-tower", &texts->vision_tower,
          "The vision tower's directory, where the checkpoint does not hold it", "DIR"),
    FLAG ("skip-finite-check", &self->skip_finite_check,
          "Do not look for NaN and infinity in the weights"),
    { NULL },
  };

  add_group (context, "device", "Machine and model:", entries);
}

static void
add_routing (GOptionContext *context, CliOptions *self)
{
  CliOptionTexts *texts = &self->texts;
  const GOptionEntry entries[] = {
    TEXT ("schedule", &texts->schedule,
          "trained, dense, shiftedcos, shiftedlinear, interleave, deep_all, "
          "deep_all_include_last or constant (trained)",
          "S"),
    TEXT ("factor", &texts->factor,
          "R: shifts the shares of the two decays; the share of the others", "R"),
    TEXT ("upper", &texts->upper, "Of the two decays: layers above this share are plain", "U"),
    TEXT ("lower", &texts->lower, "Of the two decays: no layer keeps a smaller share", "L"),
    TEXTS ("ratio", &texts->ratios,
           "The share that one layer keeps, or \"plain\"; repeated, or separated by commas",
           "LAYER=R"),
    TEXT ("norm", &texts->norm,
          "trained, or tanh, sigmoid, softmax or none with _SCALE_BIAS, as in tanh_0.2_1 (trained)",
          "NORM"),
    TEXT (
        "policy", &texts->policy,
        "Who chooses the kept tokens: router, random, inverse, grid, first, norm, attention, last "
        "or painted (router)",
        "P"),
    TEXT ("paint", &texts->paint, "The mask that the policy painted chooses by", "FILE"),
    { NULL },
  };

  add_group (context, "routing",
             "Routing (as the checkpoint was trained, where left out):", entries);
}

static void
add_sampling (GOptionContext *context, CliOptions *self)
{
  CliOptionTexts *texts = &self->texts;
  const GOptionEntry entries[] = {
    TEXT ("max-new-tokens", &texts->max_new_tokens, "Longest answer, in tokens (256)", "N"),
    TEXT ("temperature", &texts->temperature, "0 takes the likeliest token (0)", "T"),
    TEXT ("top-k", &texts->top_k, "Draw from the N likeliest tokens, 0 from all (0)", "N"),
    TEXT ("top-p", &texts->top_p, "Draw from the likeliest tokens that sum up to P (1)", "P"),
    TEXT ("seed", &texts->seed, "Of the draws, and of the policy random (0)", "N"),
    { NULL },
  };

  add_group (context, "sampling", "Answer:", entries);
}

static void
add_pictures (GOptionContext *context, CliOptions *self)
{
  const GOptionEntry entries[] = {
    TEXTS ("image", &self->images, "A picture; may be repeated", "FILE"),
    TEXT ("exif", &self->texts.exif, "apply or ignore the orientation of photographs (apply)",
          "MODE"),
    { NULL },
  };

  add_group (context, "pictures", "Pictures:", entries);
}

static void
add_record (GOptionContext *context, CliOptions *self)
{
  const GOptionEntry entries[] = {
    TEXT ("json", &self->json, "Write the record of the run; - is standard output", "FILE"),
    FLAG ("full", &self->full, "With the record: logits, and the routers' logits and weights"),
    TEXT ("trace", &self->trace, "Write the binary trace, for pmod trace", "FILE"),
    FLAG ("progress", &self->progress, "Report progress even where this is no terminal"),
    { NULL },
  };

  add_group (context, "record", "Records:", entries);
}

/* The main group holds no option that is shown, since GLib would put it last. */
static GOptionContext *
new_context (CliOptions *self,
             CliOptionGroups groups,
             const GOptionEntry *own,
             const char *usage,
             const char *summary)
{
  GOptionContext *context = g_option_context_new (usage);
  GOptionGroup *first = g_option_group_new ("options", "Options:", "Options", NULL, NULL);
  const GOptionEntry help[] = {
    { "help", 'h', 0, G_OPTION_ARG_NONE, &self->help, "Show this help", NULL },
    { NULL },
  };
  const GOptionEntry rest[] = {
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self->rest, NULL, NULL },
    { NULL },
  };

  /* GLib's own help ends the program and leaves the groups out. */
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_summary (context, summary);
  g_option_context_add_main_entries (context, rest, NULL);
  if (own != NULL)
    g_option_group_add_entries (first, own);
  g_option_group_add_entries (first, help);
  g_option_context_add_group (context, first);
  if (groups & CLI_OPTIONS_PICTURES)
    add_pictures (context, self);
  if (groups & CLI_OPTIONS_SAMPLING)
    add_sampling (context, self);
  if (groups & CLI_OPTIONS_ROUTING)
    add_routing (context, self);
  if (groups & CLI_OPTIONS_DEVICE)
    add_device (context, self);
  if (groups & CLI_OPTIONS_RECORD)
    add_record (context, self);
  return context;
}

/* --- Public ----------------------------------------------------------------------------------- */

CliOptions *
cli_options_new (char **args,
                 CliOptionGroups groups,
                 const GOptionEntry *own,
                 const char *usage,
                 const char *summary,
                 GError **error)
{
  g_autoptr (CliOptions) self = g_new0 (CliOptions, 1);
  g_autoptr (GOptionContext) context = new_context (self, groups, own, usage, summary);
  g_auto (GStrv) copy = g_strdupv (args);
  g_autofree char *program = g_strconcat ("pmod ", args[0], NULL);
  g_autoptr (GError) local = NULL;

  self->factor = self->upper = self->lower = NAN;
  self->top_p = 1;
  for (int i = 0; i < PMOD_MAX_LAYERS; i++)
    self->ratio[i] = NAN;

  if (!g_option_context_parse_strv (context, &copy, &local))
    {
      g_set_error_literal (error, CLI_ERROR, CLI_ERROR_USAGE, local->message);
      return NULL;
    }
  if (self->help)
    {
      g_autofree char *text = NULL;

      g_set_prgname (program);
      text = g_option_context_get_help (context, FALSE, NULL);
      fputs (text, stdout);
      return g_steal_pointer (&self);
    }
  if (!read_values (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
cli_options_free (CliOptions *self)
{
  CliOptionTexts *texts = &self->texts;
  char *const strings[] = {
    texts->device, texts->threads, texts->dtype,  texts->cpu_level,      texts->memory_limit,
    texts->norm,   texts->policy,  texts->factor, texts->max_new_tokens, texts->vision_tower,
    texts->upper,  texts->lower,   texts->top_k,  texts->temperature,    texts->schedule,
    texts->top_p,  texts->seed,    texts->exif,   texts->paint,          self->json,
    self->trace,
  };

  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (strings[i]);
  g_clear_pointer (&self->paint, pmod_paint_unref);
  g_strfreev (texts->ratios);
  g_strfreev (self->images);
  g_strfreev (self->rest);
  g_free (self);
}

const char *
cli_options_get_one (const CliOptions *self, const char *what, GError **error)
{
  if (self->rest != NULL && self->rest[0] != NULL && self->rest[1] == NULL)
    return self->rest[0];
  if (self->rest == NULL || self->rest[0] == NULL)
    g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "expected %s, got nothing", what);
  else
    g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "expected only %s, got \"%s\" as well", what,
                 self->rest[1]);
  return NULL;
}

static gboolean
refuse_if_given (double value, const char *option, PmodScheduleKind kind, GError **error)
{
  if (isnan (value))
    return TRUE;
  g_set_error (error, CLI_ERROR, CLI_ERROR_USAGE, "%s has no meaning for the schedule \"%s\"",
               option, pmod_schedule_kind_name (kind));
  return FALSE;
}

static gboolean
apply_schedule (const CliOptions *self, PmodSchedule *schedule, int n_layers, GError **error)
{
  if (self->has_schedule)
    {
      if (pmod_schedule_is_decay (self->schedule) && !pmod_schedule_is_decay (schedule->kind))
        {
          schedule->upper = DEFAULT_UPPER;
          schedule->lower = DEFAULT_LOWER;
          if (schedule->span <= 0)
            schedule->span = MAX (n_layers - 1, 1);
        }
      schedule->kind = self->schedule;
    }
  if (schedule->kind == PMOD_SCHEDULE_DENSE &&
      !refuse_if_given (self->factor, "--factor", schedule->kind, error))
    return FALSE;
  if (!pmod_schedule_is_decay (schedule->kind) &&
      (!refuse_if_given (self->upper, "--upper", schedule->kind, error) ||
       !refuse_if_given (self->lower, "--lower", schedule->kind, error)))
    return FALSE;
  if (!isnan (self->factor))
    schedule->factor = self->factor;
  if (!isnan (self->upper))
    schedule->upper = self->upper;
  if (!isnan (self->lower))
    schedule->lower = self->lower;
  return TRUE;
}

gboolean
cli_options_get_params (const CliOptions *self,
                        const PmodConfig *config,
                        PmodParams *params,
                        GError **error)
{
  pmod_params_init (params, config);
  if (!apply_schedule (self, &params->routing.schedule, config->n_layers, error))
    return FALSE;
  for (int i = 0; i < PMOD_MAX_LAYERS; i++)
    if (!isnan (self->ratio[i]))
      {
        if (i >= config->n_layers)
          {
            g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                         "--ratio: layer %d: the model has the layers 0 to %d", i,
                         config->n_layers - 1);
            return FALSE;
          }
        params->routing.ratio[i] = self->ratio[i];
      }
  if (self->has_norm)
    params->routing.norm = self->norm;
  params->routing.policy = self->policy;
  params->routing.seed = (guint64)self->seed;
  params->routing.paint = self->paint;

  set_sampling (self, &params->sampling);
  return TRUE;
}
