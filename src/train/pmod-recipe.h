/* A recipe: a key file that says what is trained, on what, how long. Documented key by key in
 * data/doc/training.md. Everything is checked when it is read: unknown groups and keys, numbers out
 * of range; the error names the file, the group, the key, what was expected and got. */
#pragma once

#include "pmod-config.h"

G_BEGIN_DECLS

typedef enum
{
  PMOD_DATA_SCENES,        /* made by src/scene from a seed */
  PMOD_DATA_CONVERSATIONS, /* LLaVA's JSON and a folder of pictures */
} PmodDataKind;

/* [data NAME] */
typedef struct
{
  char *name;
  PmodDataKind kind;
  /* scenes */
  gboolean art;      /* nouns in the styles of art.ini; FALSE: shapes and characters alone */
  double mosaic;     /* share of grids without questions */
  double unsure;     /* share of pictures that show nothing known */
  double lifelike;   /* of those, share of pictures that look like photographs */
  int max_questions; /* of one picture */
  int text_tokens;   /* rows of text after the picture, padded to as many; what does not fit is
                        left out */
  /* conversations */
  char *file;   /* absolute, or relative to the recipe */
  char *images; /* folder */
} PmodRecipeData;

/* Parts of the network, by which weights are frozen: "tower", "projector", "embedding" (the head
 * too where they are tied), "decoder" (layers and the last norm), "routers", "head". */
typedef enum
{
  PMOD_PART_TOWER = 1 << 0,
  PMOD_PART_PROJECTOR = 1 << 1,
  PMOD_PART_EMBEDDING = 1 << 2,
  PMOD_PART_DECODER = 1 << 3,
  PMOD_PART_ROUTERS = 1 << 4,
  PMOD_PART_HEAD = 1 << 5,
  PMOD_PART_ALL = (1 << 6) - 1,
} PmodPart;

#define PMOD_N_PARTS 6

/* [stage NAME] */
typedef struct
{
  char *name;
  char *data;       /* name of a [data] group */
  int steps;        /* of the optimizer */
  int batch;        /* samples a step */
  int micro;        /* samples that one worker runs at a time: a matter of speed and memory alone */
  int device_micro; /* likewise on a device; 0: all of the batch */
  guint parts;      /* PmodPart that learn; the others are frozen */
  guint anew;       /* PmodPart whose weights begin as a new network's */
  double answers;   /* weight of the loss of the answers' tokens; 0: the decoder is not run */
  double words;     /* weight of the loss that reads patches by the embeddings of what they show */
  double colours;   /* of which for colours, relative to the classes */
  double places;    /* and for places likewise */
  double background; /* weight of a background patch, relative to an object's */
  double routers;    /* weight of the loss that teaches routers where objects are (not p-MoD's) */
  double muon_rate;  /* of hidden matrices; 0: AdamW takes them too */
  double adam_rate;  /* of everything else */
  double part_rate[PMOD_N_PARTS]; /* factor of both, by part */
  double muon_momentum, muon_decay;
  double beta1, beta2, adam_decay; /* decay of matrices and embeddings; not of norms and biases */
  double warm_up;                  /* share of the steps */
  double floor;                    /* share of the rate that is left at the end of the cosine */
  double clip;                     /* largest norm of all gradients together */
} PmodRecipeStage;

typedef struct
{
  char *path;
  char *name;
  char *about; /* config key strata_about */
  guint64 seed;
  char *nouns; /* file name of the table of what scenes show, beside art.ini */
  char *base;  /* a checkpoint to go on from: absolute, or an installed model's name; or NULL */
  PmodConfig *config; /* [model]; NULL where base gives it */
  int vocab;          /* pieces that the tokenizer is trained for; 0 where base gives it */
  gboolean dense;     /* no layer is routed: the twin to compare with */
  gboolean recompute; /* keep each block's input alone and run it again for its gradient */
  gboolean f32;       /* products in F32, not BF16 */
  int every;          /* steps between two looks at the validation sample */
  int validation;     /* samples of it */
  int save_every;     /* steps between two saved states */
  PmodRecipeData *data;
  int n_data;
  PmodRecipeStage *stages;
  int n_stages;
} PmodRecipe;

PmodRecipe *pmod_recipe_load (const char *path, GError **error);
void pmod_recipe_free (PmodRecipe *self);

const PmodRecipeData *pmod_recipe_find_data (const PmodRecipe *self, const char *name);

/* "tower", ... of one bit of PmodPart. */
const char *pmod_part_name (PmodPart part);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodRecipe, pmod_recipe_free)

G_END_DECLS
