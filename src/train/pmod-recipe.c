/* Recipes: which groups and keys there are, their ranges, and what must fit together. Not here: how
 * a key file is read (pmod-key-file.c), how a configuration is written (pmod-config-writer.c). */
#include "pmod-recipe.h"

#include <string.h>

#include "pmod-config-writer.h"
#include "pmod-key-file.h"
#include "pmod-params.h"

#define RECIPE "recipe"
#define MODEL "model"
#define DATA "data"
#define STAGE "stage"
#define MAX_NAME 64

#define MAX_STEPS 100000000
#define MAX_SAMPLES 1000000
#define MAX_BATCH 65536
#define MAX_LOSS 1000 /* weight of a loss */
#define MAX_RATE 10
#define MAX_BETA 0.9999 /* at 1 nothing would ever move */

/* In the order of the bits of PmodPart and of PmodDataKind. */
static const char *const part_names[] = { "tower",   "projector", "embedding", "decoder",
                                          "routers", "head",      NULL };
static const char *const kind_names[] = { "scenes", "conversations", NULL };
static const char *const conversations[] = { "vicuna_v1", "user-assistant", NULL };

/* --- Tables ----------------------------------------------------------------------------------- */

#define INT(owner, field, from, to, otherwise)                                                     \
  {                                                                                                \
    .name = #field, .type = PMOD_KEY_INT, .offset = offsetof (owner, field), .least = from,        \
    .most = to, .fallback = otherwise                                                              \
  }
#define REQUIRED_INT(owner, field, from, to)                                                       \
  {                                                                                                \
    .name = #field, .type = PMOD_KEY_INT, .offset = offsetof (owner, field), .least = from,        \
    .most = to, .required = TRUE                                                                   \
  }
#define NUMBER(owner, field, from, to, otherwise)                                                  \
  {                                                                                                \
    .name = #field, .type = PMOD_KEY_NUMBER, .offset = offsetof (owner, field), .least = from,     \
    .most = to, .fallback = otherwise                                                              \
  }
#define ABOVE(owner, field, from, to, otherwise)                                                   \
  {                                                                                                \
    .name = #field, .type = PMOD_KEY_NUMBER, .offset = offsetof (owner, field), .least = from,     \
    .most = to, .above = TRUE, .fallback = otherwise                                               \
  }
#define FLAG(owner, field, otherwise)                                                              \
  {                                                                                                \
    .name = #field, .type = PMOD_KEY_FLAG, .offset = offsetof (owner, field),                      \
    .fallback = otherwise                                                                          \
  }
#define TEXT(owner, field, is_required)                                                            \
  {                                                                                                \
    .name = #field, .type = PMOD_KEY_TEXT, .offset = offsetof (owner, field),                      \
    .required = is_required                                                                        \
  }
#define TEXT_OR(owner, field, otherwise)                                                           \
  {                                                                                                \
    .name = #field, .type = PMOD_KEY_TEXT, .offset = offsetof (owner, field), .text = otherwise    \
  }
#define PATH(owner, field, is_required)                                                            \
  {                                                                                                \
    .name = #field, .type = PMOD_KEY_PATH, .offset = offsetof (owner, field),                      \
    .required = is_required                                                                        \
  }
#define RATE(part, idx, otherwise)                                                                 \
  {                                                                                                \
    .name = "rate." part, .type = PMOD_KEY_NUMBER,                                                 \
    .offset = offsetof (PmodRecipeStage, part_rate) + (idx) * sizeof (double), .least = 0,         \
    .most = MAX_LOSS, .fallback = otherwise                                                        \
  }

static const PmodKey recipe_keys[] = {
  TEXT (PmodRecipe, name, TRUE),
  TEXT (PmodRecipe, about, FALSE),
  { .name = "seed", .type = PMOD_KEY_SEED, .offset = offsetof (PmodRecipe, seed), .fallback = 1 },
  TEXT_OR (PmodRecipe, nouns, "nouns.tsv"),
  TEXT (PmodRecipe, base, FALSE),
  FLAG (PmodRecipe, dense, FALSE),
  FLAG (PmodRecipe, recompute, FALSE),
  FLAG (PmodRecipe, f32, FALSE),
  INT (PmodRecipe, every, 1, MAX_STEPS, 100),
  INT (PmodRecipe, validation, 1, MAX_SAMPLES, 64),
  INT (PmodRecipe, save_every, 1, MAX_STEPS, 100),
};

/* [model], before it is a PmodConfig. */
typedef struct
{
  int image_size, patch_size;
  int vision_hidden, vision_layers, vision_heads, vision_ffn;
  int hidden, layers, heads, kv_heads, ffn;
  int vocab, context;
  char *schedule;
  double factor;
  char *norm;
  gboolean tied;
  char *conversation;
  gboolean single_questions;
} Model;

/* Bounds far beyond what anybody trains here; pmod_config_parse() has the last word. */
static const PmodKey model_keys[] = {
  REQUIRED_INT (Model, image_size, 14, 4096),
  INT (Model, patch_size, 1, 4096, 14),
  REQUIRED_INT (Model, vision_hidden, 2, 65536),
  REQUIRED_INT (Model, vision_layers, 1, 256),
  REQUIRED_INT (Model, vision_heads, 1, 1024),
  REQUIRED_INT (Model, vision_ffn, 1, 1048576),
  REQUIRED_INT (Model, hidden, 2, 65536),
  REQUIRED_INT (Model, layers, 1, PMOD_MAX_LAYERS),
  REQUIRED_INT (Model, heads, 1, 1024),
  INT (Model, kv_heads, 1, 1024, 0), /* 0: as many as heads */
  REQUIRED_INT (Model, ffn, 1, 1048576),
  REQUIRED_INT (Model, vocab, 260, 1000000),
  INT (Model, context, 16, 1048576, 1024),
  TEXT_OR (Model, schedule, "shiftedcos_decay_0.85_0.15"),
  ABOVE (Model, factor, 0, 2, 0.5),
  TEXT_OR (Model, norm, "tanh_0.2_1"),
  FLAG (Model, tied, TRUE),
  { .name = "conversation",
    .type = PMOD_KEY_TEXT,
    .offset = offsetof (Model, conversation),
    .choices = conversations,
    .text = "user-assistant" },
  FLAG (Model, single_questions, FALSE),
};

#define KIND                                                                                       \
  {                                                                                                \
    .name = "kind", .type = PMOD_KEY_CHOICE, .offset = offsetof (PmodRecipeData, kind),            \
    .choices = kind_names, .required = TRUE                                                        \
  }

static const PmodKey scenes_keys[] = {
  KIND,
  FLAG (PmodRecipeData, art, TRUE),
  NUMBER (PmodRecipeData, mosaic, 0, 1, 0),
  NUMBER (PmodRecipeData, unsure, 0, 1, 0.06),
  NUMBER (PmodRecipeData, lifelike, 0, 1, 0),
  INT (PmodRecipeData, max_questions, 1, 64, 10),
  INT (PmodRecipeData, text_tokens, 8, 65536, 112),
};

static const PmodKey conversations_keys[] = {
  KIND,
  PATH (PmodRecipeData, file, TRUE),
  PATH (PmodRecipeData, images, FALSE),
};

static const PmodKey stage_keys[] = {
  TEXT (PmodRecipeStage, data, TRUE),
  REQUIRED_INT (PmodRecipeStage, steps, 1, MAX_STEPS),
  INT (PmodRecipeStage, batch, 1, MAX_BATCH, 32),
  INT (PmodRecipeStage, micro, 1, MAX_BATCH, 4),
  INT (PmodRecipeStage, device_micro, 1, MAX_BATCH, 0), /* 0: as many as batch */
  { .name = "parts",
    .type = PMOD_KEY_SET,
    .offset = offsetof (PmodRecipeStage, parts),
    .choices = part_names,
    .fallback = PMOD_PART_ALL },
  { .name = "anew",
    .type = PMOD_KEY_SET,
    .offset = offsetof (PmodRecipeStage, anew),
    .choices = part_names,
    .fallback = 0 },
  NUMBER (PmodRecipeStage, answers, 0, MAX_LOSS, 1),
  NUMBER (PmodRecipeStage, words, 0, MAX_LOSS, 0),
  NUMBER (PmodRecipeStage, colours, 0, MAX_LOSS, 0.3),
  NUMBER (PmodRecipeStage, places, 0, MAX_LOSS, 0),
  NUMBER (PmodRecipeStage, background, 0, MAX_LOSS, 0.2),
  NUMBER (PmodRecipeStage, routers, 0, MAX_LOSS, 0),
  NUMBER (PmodRecipeStage, muon_rate, 0, MAX_RATE, 0.02),
  ABOVE (PmodRecipeStage, adam_rate, 0, MAX_RATE, 0.0015),
  NUMBER (PmodRecipeStage, muon_momentum, 0, MAX_BETA, 0.95),
  NUMBER (PmodRecipeStage, muon_decay, 0, MAX_RATE, 0.01),
  NUMBER (PmodRecipeStage, beta1, 0, MAX_BETA, 0.9),
  NUMBER (PmodRecipeStage, beta2, 0, MAX_BETA, 0.98),
  NUMBER (PmodRecipeStage, adam_decay, 0, MAX_RATE, 0.05),
  NUMBER (PmodRecipeStage, warm_up, 0, 0.9, 0.04),
  NUMBER (PmodRecipeStage, floor, 0, 1, 0.03),
  ABOVE (PmodRecipeStage, clip, 0, 1000000, 1),
  RATE ("tower", 0, 1),
  RATE ("projector", 1, 1),
  RATE ("embedding", 2, 1),
  RATE ("decoder", 3, 1),
  /* They read the residual stream as it is, whose numbers are large. */
  RATE ("routers", 4, 0.01),
  RATE ("head", 5, 1),
};

/* --- [model] ---------------------------------------------------------------------------------- */

static void
clear_model (Model *self)
{
  g_free (self->schedule);
  g_free (self->norm);
  g_free (self->conversation);
}

/* With borrowed strings, and has_router not set. */
static void
draft_config (const Model *model, PmodConfig *draft)
{
  *draft = (PmodConfig){
    .model_type = (char *)"pmod_llava_llama",
    .n_layers = model->layers,
    .hidden = model->hidden,
    .n_heads = model->heads,
    .n_kv_heads = model->kv_heads != 0 ? model->kv_heads : model->heads,
    .head_dim = model->hidden / model->heads,
    .ffn = model->ffn,
    .vocab = model->vocab,
    .context_length = model->context,
    .rms_norm_eps = 1e-5,
    .rope_theta = 10000,
    .tie_word_embeddings = model->tied,
    .bos_token = 1,
    .eos_token = 2,
    .has_vision = TRUE,
    .vision = {
      .hidden = model->vision_hidden,
      .n_layers = model->vision_layers,
      .n_heads = model->vision_heads,
      .ffn = model->vision_ffn,
      .image_size = model->image_size,
      .patch_size = model->patch_size,
      .layer_norm_eps = 1e-5,
      .quick_gelu = TRUE,
      .rescale_factor = 1.0 / 255.0,
    },
    .vision_select_layer = -1,
    .image_mode = PMOD_IMAGE_PAD,
    .schedule = { .factor = model->factor, .span = MAX (model->layers - 1, 1) },
    .target = PMOD_TARGET_VISION,
    .router_bias = TRUE,
    .conversation = model->conversation,
    .single_questions = model->single_questions,
  };
  for (int i = 0; i < 3; i++)
    {
      draft->vision.image_mean[i] = 0.5f;
      draft->vision.image_std[i] = 64.0f / 255.0f;
    }
}

/* By the road that every other configuration takes: as text, through pmod_config_parse(). */
static PmodConfig *
parse_draft (const PmodConfig *draft, GError **error)
{
  g_autofree char *json = pmod_config_to_json (draft, NULL);
  g_autofree char *tower = pmod_config_tower_to_json (draft);
  g_autofree char *preprocessor = pmod_config_preprocessor_to_json (draft);

  return pmod_config_parse (json, -1, tower, -1, preprocessor, -1, error);
}

static PmodConfig *
make_config (const PmodKeyFile *file, const Model *model, gboolean dense, GError **error)
{
  PmodConfig draft;
  PmodConfig *config = NULL;

  if (model->hidden % model->heads != 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: [" MODEL "] hidden: expected a multiple of heads %d, got %d",
                   pmod_key_file_get_path (file), model->heads, model->hidden);
      return NULL;
    }
  draft_config (model, &draft);
  if (pmod_schedule_parse (&draft.schedule, model->schedule, error) &&
      pmod_router_norm_parse (&draft.router_norm, model->norm, error))
    {
      if (dense)
        draft.schedule.kind = PMOD_SCHEDULE_DENSE;
      config = parse_draft (&draft, error);
    }
  if (config == NULL)
    g_prefix_error (error, "%s: [" MODEL "]: ", pmod_key_file_get_path (file));
  else if (pmod_config_tile_tokens (config) >= config->context_length)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: [" MODEL "] context: expected more than the %d tokens of a picture, got %d",
                   pmod_key_file_get_path (file), pmod_config_tile_tokens (config),
                   config->context_length);
      g_clear_pointer (&config, pmod_config_free);
    }
  return config;
}

/* --- Groups ----------------------------------------------------------------------------------- */

/* A directory, or the name of an installed model, which is left as it is. */
static void
resolve_base (PmodRecipe *self, const PmodKeyFile *file)
{
  g_autofree char *path = NULL;

  if (self->base == NULL)
    return;
  path = pmod_key_file_resolve (file, self->base);
  if (strchr (self->base, G_DIR_SEPARATOR) == NULL && !g_file_test (path, G_FILE_TEST_IS_DIR))
    return;
  g_free (self->base);
  self->base = g_steal_pointer (&path);
}

static gboolean
read_recipe (PmodRecipe *self, const PmodKeyFile *file, GError **error)
{
  Model model = { 0 };
  gboolean has_model = pmod_key_file_has_group (file, MODEL);

  if (!pmod_key_file_has_group (file, RECIPE))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: expected a group [" RECIPE "], got none", self->path);
      return FALSE;
    }
  if (!pmod_key_file_read (file, RECIPE, recipe_keys, G_N_ELEMENTS (recipe_keys), self, error))
    return FALSE;
  if (has_model == (self->base != NULL))
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "%s: expected either [" RECIPE "] base or a group [" MODEL "], got %s",
                   self->path, has_model ? "both" : "neither");
      return FALSE;
    }
  resolve_base (self, file);
  if (!has_model)
    return TRUE;
  if (pmod_key_file_read (file, MODEL, model_keys, G_N_ELEMENTS (model_keys), &model, error))
    self->config = make_config (file, &model, self->dense, error);
  self->vocab = model.vocab;
  clear_model (&model);
  return self->config != NULL;
}

static gboolean
read_data (
    PmodRecipe *self, const PmodKeyFile *file, const char *group, const char *name, GError **error)
{
  g_autofree char *kind = pmod_key_file_get_value (file, group, "kind");
  PmodRecipeData *data = &self->data[self->n_data++];

  data->name = g_strdup (name);
  if (g_strcmp0 (kind, kind_names[PMOD_DATA_CONVERSATIONS]) != 0)
    return pmod_key_file_read (file, group, scenes_keys, G_N_ELEMENTS (scenes_keys), data, error);
  if (!pmod_key_file_read (file, group, conversations_keys, G_N_ELEMENTS (conversations_keys), data,
                           error))
    return FALSE;
  if (data->images == NULL)
    data->images = g_path_get_dirname (data->file);
  return TRUE;
}

static gboolean
read_stage (
    PmodRecipe *self, const PmodKeyFile *file, const char *group, const char *name, GError **error)
{
  PmodRecipeStage *stage = &self->stages[self->n_stages++];

  stage->name = g_strdup (name);
  if (!pmod_key_file_read (file, group, stage_keys, G_N_ELEMENTS (stage_keys), stage, error))
    return FALSE;
  if (stage->answers > 0 || stage->words > 0 || stage->routers > 0)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "%s: [%s]: expected answers, words or routers above 0, got nothing to learn",
               self->path, group);
  return FALSE;
}

/* "stage NAME" -> NAME where kind is "stage", else NULL. */
static const char *
match_group (const char *group, const char *kind)
{
  gsize length = strlen (kind);

  return g_str_has_prefix (group, kind) && group[length] == ' ' ? group + length + 1 : NULL;
}

/* Names stand in logs and in names of files. */
static gboolean
is_name (const char *name)
{
  gsize length = strlen (name);

  return length > 0 && length <= MAX_NAME && name[0] != '.' &&
         strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_.") == length;
}

static gboolean
read_group (PmodRecipe *self, const PmodKeyFile *file, const char *group, GError **error)
{
  const char *data = match_group (group, DATA);
  const char *stage = match_group (group, STAGE);

  if (data != NULL && is_name (data))
    return read_data (self, file, group, data, error);
  if (stage != NULL && is_name (stage))
    return read_stage (self, file, group, stage, error);
  if (strcmp (group, RECIPE) == 0 || strcmp (group, MODEL) == 0)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "%s: expected groups [" RECIPE "], [" MODEL "], [" DATA " NAME] and [" STAGE
               " NAME], where names are letters, digits, '-', '_' and '.', got [%s]",
               self->path, group);
  return FALSE;
}

/* Of a conversation's pictures nobody knows what each patch shows. */
static gboolean
check_stage (const PmodRecipe *self,
             const PmodRecipeStage *stage,
             const PmodKeyFile *file,
             GError **error)
{
  g_autofree char *group = g_strconcat (STAGE " ", stage->name, NULL);
  const PmodRecipeData *data = pmod_recipe_find_data (self, stage->data);

  if (data == NULL)
    return pmod_key_file_refuse (file, group, "data", "the name of a group [" DATA " NAME]",
                                 stage->data, error);
  if (data->kind == PMOD_DATA_SCENES || (stage->words == 0 && stage->routers == 0))
    return TRUE;
  return pmod_key_file_refuse (file, group, "data", "scenes where words or routers are above 0",
                               stage->data, error);
}

static gboolean
check_stages (const PmodRecipe *self, const PmodKeyFile *file, GError **error)
{
  for (int i = 0; i < self->n_stages; i++)
    if (!check_stage (self, &self->stages[i], file, error))
      return FALSE;
  if (self->n_stages > 0)
    return TRUE;
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "%s: expected at least one group [" STAGE " NAME], got none", self->path);
  return FALSE;
}

/* --- All of it -------------------------------------------------------------------------------- */

PmodRecipe *
pmod_recipe_load (const char *path, GError **error)
{
  g_autoptr (PmodKeyFile) file = pmod_key_file_load (path, error);
  g_autoptr (PmodRecipe) self = NULL;
  const char *const *groups;
  guint n_groups;

  if (file == NULL)
    return NULL;
  self = g_new0 (PmodRecipe, 1);
  self->path = g_strdup (path);
  groups = pmod_key_file_get_groups (file);
  n_groups = g_strv_length ((char **)groups);
  self->data = g_new0 (PmodRecipeData, MAX (n_groups, 1));
  self->stages = g_new0 (PmodRecipeStage, MAX (n_groups, 1));
  if (!read_recipe (self, file, error))
    return NULL;
  for (guint i = 0; i < n_groups; i++)
    if (!read_group (self, file, groups[i], error))
      return NULL;
  return check_stages (self, file, error) ? g_steal_pointer (&self) : NULL;
}

void
pmod_recipe_free (PmodRecipe *self)
{
  if (self == NULL)
    return;
  for (int i = 0; i < self->n_data; i++)
    {
      g_free (self->data[i].name);
      g_free (self->data[i].file);
      g_free (self->data[i].images);
    }
  for (int i = 0; i < self->n_stages; i++)
    {
      g_free (self->stages[i].name);
      g_free (self->stages[i].data);
    }
  g_free (self->path);
  g_free (self->name);
  g_free (self->about);
  g_free (self->nouns);
  g_free (self->base);
  pmod_config_free (self->config);
  g_free (self->data);
  g_free (self->stages);
  g_free (self);
}

const PmodRecipeData *
pmod_recipe_find_data (const PmodRecipe *self, const char *name)
{
  for (int i = 0; i < self->n_data; i++)
    if (strcmp (self->data[i].name, name) == 0)
      return &self->data[i];
  return NULL;
}

const char *
pmod_part_name (PmodPart part)
{
  for (int i = 0; i < PMOD_N_PARTS; i++)
    if (part == (PmodPart)(1 << i))
      return part_names[i];
  return NULL;
}
