/* Answers of a dense model, for others to the same question to be compared with. For PmodChat only;
 * main thread. */
#pragma once

#include "pmod-message.h"
#include "pmod-model-card.h"
#include "pmod-picture.h"

G_BEGIN_DECLS

typedef struct _PmodDenseAnswers PmodDenseAnswers;

PmodDenseAnswers *pmod_dense_answers_new (void);
void pmod_dense_answers_free (PmodDenseAnswers *self);

/* What two answers must share, so that their times can be told beside each other. texts: as for
 * pmod_session_ask(). model, picture: nullable. */
char *
pmod_dense_answers_make_key (PmodModelCard *model, PmodPicture *picture, const GPtrArray *texts);

/* run is to answer the question of key: tells it of a dense answer to that, if there is one. */
void pmod_dense_answers_join (PmodDenseAnswers *self, PmodRun *run, const char *key);

/* run has ended; it is one of messages. Where it is a whole dense answer, it stands beside the
 * others to its question, those before it and those to come. */
void pmod_dense_answers_add (PmodDenseAnswers *self, PmodRun *run, GListModel *messages);

G_END_DECLS
