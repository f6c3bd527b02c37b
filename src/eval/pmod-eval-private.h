/* What the files of this directory share: a task's contents, and pictures with their questions,
 * wherever they come from. */
#pragma once

#include "pmod-eval.h"

G_BEGIN_DECLS

/* --- pmod-eval-task.c ------------------------------------------------------------------------- */

typedef enum
{
  PMOD_EVAL_SOURCE_SCENES,
  PMOD_EVAL_SOURCE_JSONL,
} PmodEvalSourceKind;

typedef enum
{
  PMOD_EVAL_ART_TRAIN,
  PMOD_EVAL_ART_HELD_OUT,
  PMOD_EVAL_ART_NONE, /* shapes and characters alone, which need no file */
} PmodEvalArt;

struct _PmodEvalTask
{
  char *name;
  char *path;
  char *title;
  PmodEvalSourceKind source;
  PmodEvalMetric metric;
  char *prompt; /* "{question}" and "{choices}" stand for a question's own */
  int max_new_tokens;

  /* scenes */
  int split; /* PmodSceneSplit */
  PmodEvalArt art;
  char *nouns; /* file name of the table of what is drawn, beside art.ini; NULL: the usual one */
  int count;
  guint64 seed;
  double unsure;     /* share of pictures that show nothing known */
  double lifelike;   /* of those, share of pictures that look like photographs */
  int max_questions; /* of a scene, before kinds are picked out */
  guint32 kinds;     /* 1 << PmodSceneKind */

  /* jsonl */
  char *answers; /* path */
  char *images;  /* directory */
};

/* --- Pictures --------------------------------------------------------------------------------- */

typedef struct
{
  GPtrArray *images;    /* PmodImage; none, one, or those that are shown together */
  guint8 *is_object;    /* [n_patches] in rows; NULL where unknown */
  int n_patches;        /* of a scene */
  GPtrArray *questions; /* PmodEvalQuestion; may be none */
} PmodEvalPicture;

PmodEvalPicture *pmod_eval_picture_new (void);
void pmod_eval_picture_free (PmodEvalPicture *self);

/* Takes expected; copies the rest. */
PmodEvalQuestion *
pmod_eval_question_new (const char *id, const char *kind, const char *question, char **expected);
void pmod_eval_question_free (PmodEvalQuestion *self);

/* Where pictures come from. One of the two, by the task. */
typedef struct _PmodEvalScenes PmodEvalScenes;
typedef struct _PmodEvalJsonl PmodEvalJsonl;

/* --- pmod-eval-scenes.c ----------------------------------------------------------------------- */

/* art: as in PmodEvalOptions. */
PmodEvalScenes *pmod_eval_scenes_new (const PmodEvalTask *task, const char *art, GError **error);
void pmod_eval_scenes_free (PmodEvalScenes *self);

/* Whether scenes can be as large as the pictures that config reads. */
gboolean pmod_eval_scenes_check_size (const PmodConfig *config, GError **error);
PmodEvalPicture *pmod_eval_scenes_get (const PmodEvalScenes *self, int size, int index);

/* --- pmod-eval-jsonl.c ------------------------------------------------------------------------ */

/* Reads every line; pictures are opened when they are needed. */
PmodEvalJsonl *pmod_eval_jsonl_new (const PmodEvalTask *task, GError **error);
void pmod_eval_jsonl_free (PmodEvalJsonl *self);
int pmod_eval_jsonl_get_n_pictures (const PmodEvalJsonl *self);

/* With copies of the questions. */
PmodEvalPicture *pmod_eval_jsonl_get (const PmodEvalJsonl *self, int index, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodEvalPicture, pmod_eval_picture_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodEvalQuestion, pmod_eval_question_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodEvalScenes, pmod_eval_scenes_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodEvalJsonl, pmod_eval_jsonl_free)

G_END_DECLS
