/* An evaluation while it runs and after, for the file that runs it and the one that reports. */
#pragma once

#include "pmod-eval-routes.h"

G_BEGIN_DECLS

typedef struct
{
  char *text;
  double score;
} PmodEvalAnswer;

typedef struct
{
  char *name;
  PmodContext *context; /* shared with an earlier subject of the same model */
  gboolean owns_context;
  PmodParams params;
  GArray *answers; /* PmodEvalAnswer, one for each question */
  PmodEvalRoutes *routes;
  GByteArray *pending; /* ROUTE records of the picture at hand */
} PmodEvalSubject;

struct _PmodEval
{
  const PmodEvalTask *task;
  PmodEvalScenes *scenes; /* one of the two */
  PmodEvalJsonl *jsonl;
  int n_wanted; /* pictures */

  GPtrArray *subjects;  /* PmodEvalSubject */
  GPtrArray *questions; /* PmodEvalQuestion, of all pictures scored */
  GArray *ends;         /* int: after each picture, how many questions there were */
  int n_seen;           /* pictures, those without a question of the task too */
  gboolean is_complete;

  /* while it runs */
  PmodEvalSubject *subject;
  const PmodEvalPicture *picture;
  gboolean takes_routes; /* the picture's first question */
  gboolean is_stopped;
  PmodProgressFunc progress;
  gpointer user_data;
};

G_END_DECLS
