/* Pictures with questions and answers that are known to be right, made from a seed: what the
 * trainer learns from and the evaluation asks. The only header of this library. It knows no model,
 * no tokens and no files but the art; it starts no threads.
 *
 * The same art, seed, split, index and options give the same bytes, on any thread. An art is
 * immutable once it is there: any number of threads may make scenes of one. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define PMOD_SCENE_ERROR (pmod_scene_error_quark ())

typedef enum
{
  PMOD_SCENE_ERROR_IO,     /* a file cannot be read */
  PMOD_SCENE_ERROR_FORMAT, /* a table or an icon is not what it must be */
} PmodSceneErrorCode;

GQuark pmod_scene_error_quark (void);

/* Which drawings an art holds: never those of both roles. */
typedef enum
{
  PMOD_SCENE_ROLE_TRAIN,
  PMOD_SCENE_ROLE_HELD_OUT,
} PmodSceneRole;

/* No two splits ever use the same random numbers, whatever the seed. */
typedef enum
{
  PMOD_SCENE_SPLIT_TRAIN,
  PMOD_SCENE_SPLIT_VALIDATION,
  PMOD_SCENE_SPLIT_TEST,
} PmodSceneSplit;

typedef enum
{
  PMOD_SCENE_WHAT,
  PMOD_SCENE_AT,
  PMOD_SCENE_DESCRIBE,
  PMOD_SCENE_COUNT,
  PMOD_SCENE_COUNT_ALL,
  PMOD_SCENE_EXIST,
  PMOD_SCENE_WHERE,
  PMOD_SCENE_COLOUR,
  PMOD_SCENE_BACKGROUND,
  PMOD_SCENE_BIGGER,
  PMOD_SCENE_RELATION,
  PMOD_SCENE_GROUP,
  PMOD_SCENE_READ,
  PMOD_SCENE_UNSURE,
  PMOD_SCENE_N_KINDS,
} PmodSceneKind;

const char *pmod_scene_kind_name (PmodSceneKind kind);

/* Colours of shapes, letters and plain backgrounds. */
#define PMOD_SCENE_N_COLOURS 10
#define PMOD_SCENE_N_CELLS 9
/* Classes are shapes, then characters, then nouns: those of an art without nouns come first. */
#define PMOD_SCENE_N_SHAPES 8
#define PMOD_SCENE_N_CHARACTERS 32 /* A-Z and 2-9: O and 0, I and 1 cannot be told apart */

typedef struct _PmodSceneArt PmodSceneArt;
typedef struct _PmodScene PmodScene;

/* recipes: the directory of art.ini and of the table of nouns, whose file name is table (NULL:
 * nouns.tsv); NULL for shapes and characters alone.
 * cache: where data/recipes/fetch-art put the styles; all styles of the role must be there. */
PmodSceneArt *pmod_scene_art_new (
    const char *recipes, const char *table, const char *cache, PmodSceneRole role, GError **error);
void pmod_scene_art_free (PmodSceneArt *self);

/* Where fetch-art puts the styles when no directory is named. (transfer full) */
char *pmod_scene_art_get_default_cache (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodSceneArt, pmod_scene_art_free)

int pmod_scene_art_get_n_classes (const PmodSceneArt *self);
const char *pmod_scene_art_get_class_name (const PmodSceneArt *self, int class_idx);
int pmod_scene_art_get_n_nouns (const PmodSceneArt *self);
int pmod_scene_art_get_n_styles (const PmodSceneArt *self);
const char *pmod_scene_art_get_style_name (const PmodSceneArt *self, int style_idx);
/* Nouns that a style has a drawing of. */
int pmod_scene_art_count_nouns (const PmodSceneArt *self, int style_idx);
/* The group of a noun ("animal"; "-" where people would disagree), or NULL for the other classes.
 */
const char *pmod_scene_art_get_class_group (const PmodSceneArt *self, int class_idx);

const char *pmod_scene_colour_name (int colour_idx);
/* Cells are rows of three from the top: "top left" ... "center" ... "bottom right". */
const char *pmod_scene_cell_name (int cell_idx);

/* Pixels a side of a patch, and of scenes. */
#define PMOD_SCENE_PATCH 14
#define PMOD_SCENE_MIN_SIZE (4 * PMOD_SCENE_PATCH)
#define PMOD_SCENE_MAX_SIZE (32 * PMOD_SCENE_PATCH)

/* Whether scenes of size pixels a side are made: a multiple of a patch between the two. */
gboolean pmod_scene_is_size (int size);

/* PmodScenePatch.cover from which on a patch is said to show an object: a quarter. */
#define PMOD_SCENE_OBJECT_COVER (PMOD_SCENE_PATCH * PMOD_SCENE_PATCH / 4)

typedef struct
{
  int size;             /* S: pixels a side, one of pmod_scene_is_size() */
  PmodSceneSplit split; /* with the index: which random numbers */
  double mosaic;        /* share of mosaics: grids for the vision tower, without questions */
  double unsure;        /* share of pictures that show nothing known */
  int max_questions;    /* at most that many a scene */
  double lifelike;      /* share of those that show nothing known that look like photographs */
} PmodSceneOptions;

#define PMOD_SCENE_OPTIONS_INIT                                                                    \
  {                                                                                                \
    168, PMOD_SCENE_SPLIT_TRAIN, 0, 0.06, 10, 0                                                    \
  }

/* One thing in a picture. */
typedef struct
{
  int class_idx;  /* -1 for text of one to three characters */
  int colour_idx; /* of shapes, characters and text, else -1 */
  int style_idx;  /* of nouns, else -1 */
  int cell_idx;   /* where its centre lies, well inside the cell; in mosaics -1 near a border */
  int x, y, w, h; /* what its ink may cover, in pixels; in mosaics it may reach over the edge */
  char text[4];   /* upper case; empty but for text */
} PmodSceneObject;

/* What a patch of 14 x 14 pixels shows. */
typedef struct
{
  gint16 class_idx; /* the class of most of its ink, if that is a tenth of the patch; else -1 */
  gint8 colour_idx; /* its colour, where that class has one; else -1 */
  gint8 cell_idx;   /* its object's; -1 where class_idx is */
  guint8 cover;     /* how much of the patch is ink of any object, 0..196 */
} PmodScenePatch;

typedef struct
{
  PmodSceneKind kind;
  char *question;
  char *answer;
  int subject; /* COUNT, EXIST: a class. GROUP: a group's first class. AT: a cell. WHAT, WHERE,
                  COLOUR, BIGGER, RELATION, READ: an object. Else -1 */
  int other;   /* BIGGER: the second object. RELATION: 0 left of, 1 right of, 2 above, 3 below the
                  subject. Else -1 */
} PmodSceneQuestion;

/* Never NULL. */
PmodScene *pmod_scene_new (const PmodSceneArt *art,
                           guint64 seed,
                           guint64 index,
                           const PmodSceneOptions *options);
void pmod_scene_free (PmodScene *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodScene, pmod_scene_free)

int pmod_scene_get_size (const PmodScene *self);
/* RGB, [S, S, 3], rows without padding. */
const guint8 *pmod_scene_get_pixels (const PmodScene *self);
const PmodSceneObject *pmod_scene_get_objects (const PmodScene *self, int *n_objects);
/* [S/14, S/14] */
const PmodScenePatch *pmod_scene_get_patches (const PmodScene *self, int *side);
const PmodSceneQuestion *pmod_scene_get_questions (const PmodScene *self, int *n_questions);
/* The colour of a plain background, else -1. */
int pmod_scene_get_background (const PmodScene *self);
/* TRUE for pictures that show nothing known: every answer is "I am not sure." */
gboolean pmod_scene_is_unsure (const PmodScene *self);

G_END_DECLS
