/* config.json of a checkpoint and of its vision tower, read, checked and typed.
 *
 * Every number is checked against a sane range here, so that nothing later overflows: the rest of
 * the engine trusts these values. */
#pragma once

#include "pmod-error.h"
#include "pmod-schedule.h"

G_BEGIN_DECLS

#define PMOD_IMAGE_TOKEN (-200) /* stands for a picture in a list of token ids */
#define PMOD_MAX_PINPOINTS 64

typedef enum
{
  PMOD_ROUTER_NORM_TANH,
  PMOD_ROUTER_NORM_SIGMOID,
  PMOD_ROUTER_NORM_SOFTMAX,
  PMOD_ROUTER_NORM_NONE,
} PmodRouterFunction;

/* w = scale * f (z) + bias */
typedef struct
{
  PmodRouterFunction function;
  double scale;
  double bias;
} PmodRouterNorm;

typedef enum
{
  PMOD_IMAGE_PAD,    /* pad to a square, resize to one tile */
  PMOD_IMAGE_SQUARE, /* shortest edge to the tile, centre crop */
  PMOD_IMAGE_ANYRES, /* the whole picture as one tile, and a grid of tiles */
} PmodImageMode;

/* Which tokens a router may skip (config key mod_target_token_type). */
typedef enum
{
  PMOD_TARGET_VISION,    /* "vision_all": all vision tokens, newlines included */
  PMOD_TARGET_VISION_HR, /* "vision_hr": all but the first tile of an anyres picture */
  PMOD_TARGET_ALL,       /* "all": text too */
} PmodTarget;

typedef struct
{
  int hidden; /* Dv */
  int n_layers;
  int n_heads;
  int ffn;
  int image_size; /* S: a tile is S x S pixels */
  int patch_size; /* p: S/p x S/p patches a tile */
  double layer_norm_eps;
  gboolean quick_gelu; /* else exact GELU */
  float image_mean[3]; /* preprocessor_config.json; of pixels in 0 .. 1 */
  float image_std[3];
  double rescale_factor; /* 1/255 */
} PmodVisionConfig;

typedef struct
{
  char *model_type; /* "pmod_llava_llama" */

  /* decoder */
  int n_layers;
  int hidden; /* D */
  int n_heads;
  int n_kv_heads;
  int head_dim;
  int ffn;
  int vocab;
  int context_length; /* tokens: the smaller of max_position_embeddings and
                         tokenizer_model_max_length */
  double rms_norm_eps;
  double rope_theta;
  gboolean tie_word_embeddings;
  int bos_token;
  int eos_token;

  /* pictures */
  gboolean has_vision; /* FALSE: a text-only checkpoint; vision is then zero */
  PmodVisionConfig vision;
  char *vision_tower;       /* as config.json names it; nullable */
  int vision_select_layer;  /* < 0; -2: the output of the second-to-last block; -1: of the last */
  gboolean vision_keep_cls; /* mm_vision_select_feature is "cls_patch" */
  PmodImageMode image_mode;
  int n_pinpoints;
  int pinpoints[PMOD_MAX_PINPOINTS][2]; /* width, height in pixels */
  gboolean unpad;                       /* mm_patch_merge_type is "spatial_unpad" */
  int max_num_patches;                  /* 0: no limit */

  /* routing, as trained */
  PmodSchedule schedule;
  PmodRouterNorm router_norm;
  PmodTarget target;
  gboolean router_bias;
  gboolean has_router[PMOD_MAX_LAYERS]; /* found in the checkpoint; from the schedule until then */

  char *conversation;        /* "vicuna_v1" where the key is absent */
  gboolean single_questions; /* "strata_single_questions": trained on one question each, so what
                              * was said before only misleads it and is left out of the prompt */
} PmodConfig;

/* Reads DIR/config.json, and the tower's config.json and preprocessor_config.json from tower_dir
 * (nullable: the directory that mm_vision_tower names, relative to DIR or to DIR's parent). */
PmodConfig *pmod_config_load (const char *dir, const char *tower_dir, GError **error);

/* The same from text; tower_json and preprocessor_json are nullable, then CLIP ViT-L/14-336. */
PmodConfig *pmod_config_parse (const char *json,
                               gssize length,
                               const char *tower_json,
                               gssize tower_length,
                               const char *preprocessor_json,
                               gssize preprocessor_length,
                               GError **error);

/* A built-in shape: "llava-1.5-7b" or "llava-next-7b". */
PmodConfig *pmod_config_new_preset (const char *name, GError **error);

PmodConfig *pmod_config_copy (const PmodConfig *self);

/* No layer is routed. */
void pmod_config_make_dense (PmodConfig *self);
void pmod_config_free (PmodConfig *self);

/* Weights of the whole checkpoint, tower and projector included. */
guint64 pmod_config_n_parameters (const PmodConfig *self);

/* The directory that name (config key mm_vision_tower) means for a checkpoint in dir: name itself,
 * or relative to dir or to dir's parent. (transfer full) (nullable) */
char *pmod_config_find_tower (const char *dir, const char *name);

/* Blocks of the tower that vision_select_layer needs; those after them are never run. */
int pmod_config_n_tower_blocks (const PmodConfig *self);

/* Patches of one tile, (S/p)^2. */
int pmod_config_tile_tokens (const PmodConfig *self);

/* Leading vision tokens of a picture that routers may never skip: under vision_hr the whole
 * picture, first tile of an anyres one. */
int pmod_config_n_always_kept (const PmodConfig *self);

/* The first layer that has a router, or n_layers. */
int pmod_config_first_router (const PmodConfig *self);

/* "8-31", "1,3,5": the layers that have a router, for messages. (transfer full) */
char *pmod_config_describe_routers (const PmodConfig *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodConfig, pmod_config_free)

G_END_DECLS
