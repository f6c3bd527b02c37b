/* What the store hands out and takes: conversations, messages, folders, hits. Plain copies. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  PMOD_STORE_USER,
  PMOD_STORE_ASSISTANT,
  PMOD_STORE_SYSTEM,
} PmodStoreRole;

typedef enum
{
  PMOD_STORE_COMPLETE,
  PMOD_STORE_GROWING, /* being written; only while its process lives */
  PMOD_STORE_PARTIAL, /* its process ended before the answer did */
  PMOD_STORE_STOPPED, /* by the user */
  PMOD_STORE_FAILED,  /* see error */
} PmodStoreState;

typedef struct
{
  gint64 id;
  char *uuid;
  char *title;
  gint64 folder;     /* 0: none */
  char *folder_name; /* NULL: none */
  gint64 leaf;       /* the last message of the branch that is shown; 0: none */
  gint64 created_us; /* by the clock, which may have jumped; the order is change's */
  gint64 change;     /* grows with every change of any conversation */
  gboolean deleted;
  char *system; /* what stands before its questions; NULL: what the model was trained with */
} PmodStoreConversation;

/* Messages are a tree: an answer that was asked for again is another child of its question. */
typedef struct
{
  gint64 id;
  gint64 conversation;
  gint64 parent; /* 0: the first */
  PmodStoreRole role;
  PmodStoreState state;
  gint64 created_us;
  char *text;
  char *model;     /* of an answer; nullable */
  char *settings;  /* JSON; nullable */
  char *error;     /* nullable */
  GBytes *trace;   /* packed; NULL where there is none or it was not asked for */
  char **pictures; /* hashes, in their order */
} PmodStoreMessage;

typedef struct
{
  gint64 id;
  char *name;
  guint n_conversations; /* without deleted ones */
} PmodStoreFolder;

typedef struct
{
  gint64 conversation;
  gint64 message;
  char *title;
  char *excerpt; /* what was found stands between U+2068 and U+2069 */
} PmodStoreHit;

typedef struct
{
  char *hash; /* SHA-256 of bytes, in hexadecimal */
  char *name;
  GBytes *bytes; /* of the file that was opened */
} PmodStorePicture;

void pmod_store_picture_free (PmodStorePicture *self);
void pmod_store_conversation_free (PmodStoreConversation *self);
void pmod_store_message_free (PmodStoreMessage *self);
void pmod_store_folder_free (PmodStoreFolder *self);
void pmod_store_hit_free (PmodStoreHit *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodStoreConversation, pmod_store_conversation_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodStoreMessage, pmod_store_message_free)

G_END_DECLS
