/* Scores models on tasks: questions about pictures, answered greedily by the engine, compared with
 * what is known to be right. The only header of this directory that others include.
 *
 * A task says which questions and how answers are scored; it is a file (data/doc/evaluation.md).
 * An evaluation asks them of one subject or several, a subject being a model with parameters, and
 * each picture's questions of all subjects before the next picture's, so that what is there when it
 * is stopped can be compared. Everything happens on the caller's thread. */
#pragma once

#include "pmod-engine.h"

G_BEGIN_DECLS

typedef enum
{
  PMOD_EVAL_METRIC_EXACT,
  PMOD_EVAL_METRIC_YES_NO,
  PMOD_EVAL_METRIC_VQA_SOFT,
  PMOD_EVAL_METRIC_CHOICE,
  PMOD_EVAL_METRIC_ANLS,
  PMOD_EVAL_METRIC_RELAXED,
} PmodEvalMetric;

#define PMOD_EVAL_N_METRICS 6

const char *pmod_eval_metric_name (PmodEvalMetric metric);

/* --- Tasks ------------------------------------------------------------------------------------ */

typedef struct _PmodEvalTask PmodEvalTask;

/* The file of that path, or the installed task of that name. The errors name file, line and key,
 * what was expected and what was found. */
PmodEvalTask *pmod_eval_task_open (const char *name_or_path, GError **error);
void pmod_eval_task_free (PmodEvalTask *self);

const char *pmod_eval_task_get_name (const PmodEvalTask *self);
const char *pmod_eval_task_get_path (const PmodEvalTask *self);
const char *pmod_eval_task_get_title (const PmodEvalTask *self);
PmodEvalMetric pmod_eval_task_get_metric (const PmodEvalTask *self);
int pmod_eval_task_get_max_new_tokens (const PmodEvalTask *self);

/* Names, sorted. (transfer full) */
char **pmod_eval_task_list_installed (void);

/* --- Evaluations ------------------------------------------------------------------------------ */

typedef struct
{
  const char *art; /* where fetch-art put the drawings; NULL: in the user's cache */
  int limit;       /* at most that many pictures; 0: as many as the task has */
} PmodEvalOptions;

typedef struct _PmodEval PmodEval;

/* Reads what the task needs. task must outlive it. */
PmodEval *pmod_eval_new (const PmodEvalTask *task, const PmodEvalOptions *options, GError **error);
void pmod_eval_free (PmodEval *self);

/* Before the run. Scenes are made at the picture size of the first subject's model. Returns the
 * subject's number, counted from 0, or -1. */
int pmod_eval_add_subject (
    PmodEval *self, const char *name, PmodModel *model, const PmodParams *params, GError **error);
int pmod_eval_get_n_subjects (const PmodEval *self);
const char *pmod_eval_get_subject_name (const PmodEval *self, int subject);

/* Asks everything, once. progress (nullable) counts pictures; it is called between layers and
 * tokens too, and where it returns FALSE the run ends with TRUE, but is not complete. On an error
 * the pictures before it are scored. */
gboolean
pmod_eval_run (PmodEval *self, PmodProgressFunc progress, gpointer user_data, GError **error);

gboolean pmod_eval_is_complete (const PmodEval *self);
int pmod_eval_get_n_pictures (const PmodEval *self); /* with a question of the task's, scored */
int pmod_eval_get_n_seen (const PmodEval *self);     /* those without one as well */
int pmod_eval_get_n_wanted (const PmodEval *self);

/* --- What was asked and answered -------------------------------------------------------------- */

typedef struct
{
  char *id;        /* of the picture or the line: "17", or what the file says */
  char *kind;      /* of a scene's question, or its category */
  char *question;  /* without the task's words around it */
  char **expected; /* one or more */
  char **choices;  /* nullable */
} PmodEvalQuestion;

int pmod_eval_get_n_questions (const PmodEval *self);
const PmodEvalQuestion *pmod_eval_get_question (const PmodEval *self, int question);
const char *pmod_eval_get_answer (const PmodEval *self, int subject, int question, double *score);

/* --- Results ---------------------------------------------------------------------------------- */

/* A number and its 95 % interval; NAN where there is none. */
typedef struct
{
  double value;
  double low;
  double high;
} PmodEvalEstimate;

typedef struct
{
  const char *name; /* a kind of question; NULL for all */
  int n;
  PmodEvalEstimate accuracy; /* mean score; Wilson's interval */
  double prior;              /* what always giving the kind's most frequent answer would score */
  const char *prior_answer;  /* NULL for all */
  double picture_accuracy;   /* pictures whose every question of it was answered rightly */
} PmodEvalGroup;

/* Of the metric yes-no; yes is the positive answer. Source: Li et al., POPE. */
typedef struct
{
  double precision;
  double recall;
  double f1;
  double yes_share;       /* answers */
  double yes_share_truth; /* expected answers */
  int n_evasive;          /* answers that begin with neither yes nor no */
} PmodEvalYesNo;

/* What a routed layer keeps, over each picture's first question. Object patches, and so the first
 * five, are known of scenes where a vision token is a patch; else they are NAN. */
typedef struct
{
  int layer;
  gboolean never_read; /* the last layer: nothing reads what it does to a picture */
  double recall;       /* object patches that were kept */
  double recall_chance;
  double precision; /* kept patches that are object patches */
  double precision_chance;
  PmodEvalEstimate
      lift;            /* recall by chance, which is also precision by its chance; over pictures */
  double kept;         /* share of the vision tokens */
  double median_logit; /* of |z|, to 1.1 % */
  double saturated;    /* share of the tokens whose |f (z)| is 1 */
  double tied_cuts;    /* share of the pictures whose cut runs through equal weights */
} PmodEvalLayer;

typedef struct
{
  PmodEvalGroup all;
  double mean_of_kinds; /* of their accuracies, each counting the same */
  double mean_prior;    /* of their priors */
  int n_kinds;
  PmodEvalGroup *kinds;
  PmodEvalYesNo yes_no;
  int n_layers; /* routed ones */
  PmodEvalLayer *layers;
} PmodEvalReport;

PmodEvalReport *pmod_eval_report_new (const PmodEval *self, int subject);
void pmod_eval_report_free (PmodEvalReport *self);

/* score of one subject minus score of the base, on the same questions. */
typedef struct
{
  PmodEvalEstimate difference; /* of the mean scores; the interval is over pictures */
  int n_better;                /* questions that subject answered better */
  int n_worse;
  int n_same_words; /* questions with the same answer, word by word */
} PmodEvalComparison;

PmodEvalComparison pmod_eval_compare (const PmodEval *self, int base, int subject);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodEvalTask, pmod_eval_task_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodEval, pmod_eval_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodEvalReport, pmod_eval_report_free)

G_END_DECLS
