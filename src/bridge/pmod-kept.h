/* Messages on their way to the disk: what PmodKeeper says of one and what the store knows it by.
 *
 * Made and changed on the main thread, written on the store's; each is shared by both and knows
 * what it follows, so that one can be written before the id of the one before is known. */
#pragma once

#include "pmod-message.h"
#include "pmod-picture.h"
#include "pmod-store.h"

G_BEGIN_DECLS

typedef struct _PmodKept PmodKept;

/* A message that is to come. parent: what it follows; NULL: it begins a conversation. */
PmodKept *pmod_kept_new (PmodKept *parent, PmodStoreRole role, const char *text);
/* Another version of sibling: it follows what that follows. */
PmodKept *pmod_kept_new_beside (PmodKept *sibling, PmodStoreRole role, const char *text);
/* One that is on disk. */
PmodKept *pmod_kept_new_there (gint64 conversation, gint64 id);

/* The answer that question has none of on disk: one that was cut before its first word. It comes
 * there with the next question that follows it. */
PmodKept *pmod_kept_new_missing (PmodKept *question);
PmodKept *pmod_kept_ref (PmodKept *self);
void pmod_kept_unref (PmodKept *self);

/* Before it is written; each nullable. system: of what begins a conversation. Pictures: in the
 * order in which they are added; the first of what begins a conversation is the conversation's own.
 */
void pmod_kept_add_picture (PmodKept *self, PmodPicture *picture);
void pmod_kept_set_system (PmodKept *self, const char *system);
void pmod_kept_set_origin (PmodKept *self, const char *model, const char *settings);

/* 0: not on disk yet. Any thread. */
gint64 pmod_kept_get_conversation (PmodKept *self);
gint64 pmod_kept_get_id (PmodKept *self);

/* Writes question, where it is not on disk yet, and the beginning of answer, which follows it.
 * done: as of pmod_store_write(). */
void pmod_kept_add (
    PmodStore *store, PmodKept *question, PmodKept *answer, PmodStoreDone done, gpointer user_data);

/* What answer says now. records: without a trace's magic, packed on the store's thread; error,
 * records: nullable. Of several that wait only the last is written. */
void pmod_kept_update (PmodStore *store,
                       PmodKept *answer,
                       PmodStoreState state,
                       const char *text,
                       const char *error,
                       GBytes *records);

/* Writes that its conversation ends with it where it is shown, and what stands before the
 * conversation's questions (nullable). See pmod-kept-branch.c. */
void pmod_kept_show (PmodStore *store, PmodKept *self);
/* Nothing follows it. */
void pmod_kept_remove (PmodStore *store, PmodKept *self);
void pmod_kept_tell_system (PmodStore *store, PmodKept *self, const char *system);

/* The one that stands for message, or NULL. kept is shared. */
PmodKept *pmod_kept_find (PmodMessage *message);
void pmod_kept_attach (PmodKept *self, PmodMessage *message);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodKept, pmod_kept_unref)

G_END_DECLS
