/* LLaVA's JSON of conversations: an array of
 *
 *   {"id": "1", "image": "a.jpg", "conversations": [{"from": "human", "value": "<image>\nWhat?"},
 *                                                   {"from": "gpt", "value": "A cat."}]}
 *
 * read one sample at a time, so that a file of any size needs little memory. Knows no model. For
 * the trainer's own files. */
#pragma once

#include "pmod-prompt.h"

G_BEGIN_DECLS

typedef struct _PmodConversationFile PmodConversationFile;

/* One sample. Its texts are as the reference trains on them: in a turn that has pictures, these
 * come first, each followed by a newline. */
typedef struct
{
  char *place;         /* FILE:LINE: sample "ID", for messages */
  GPtrArray *pictures; /* char *: paths, absolute */
  int n_turns;         /* even: the user's and the assistant's in alternation */
  PmodTurn *turns;     /* [n_turns] */
  GPtrArray *texts;    /* what the turns point to */
} PmodConversation;

/* Maps path and finds where its samples lie. images: the folder of pictures. Errors name the line:
 * what is no array of objects, a sample without end, no samples. */
PmodConversationFile *
pmod_conversation_file_open (const char *path, const char *images, GError **error);
void pmod_conversation_file_free (PmodConversationFile *self);

guint pmod_conversation_file_get_n (const PmodConversationFile *self);

/* Reads sample i and checks it. Any thread. Errors name the line at which the sample begins, and
 * its id: broken JSON, wrong types, turns that do not alternate or are empty, more or fewer
 * "<image>" than pictures, a picture that is not there. */
PmodConversation *
pmod_conversation_file_read (const PmodConversationFile *self, guint i, GError **error);
void pmod_conversation_free (PmodConversation *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodConversationFile, pmod_conversation_file_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodConversation, pmod_conversation_free)

G_END_DECLS
