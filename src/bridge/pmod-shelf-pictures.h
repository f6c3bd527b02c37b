/* A conversation's pictures on their way back from the disk: which question showed which, their
 * bytes, and then they themselves. For PmodShelf alone.
 *
 * Owners: the store's thread notes and reads, the main thread then decodes and hands out; never
 * both at once. */
#pragma once

#include "pmod-picture.h"
#include "pmod-store-db.h"
#include "pmod-thread.h"

G_BEGIN_DECLS

typedef struct _PmodShelfPictures PmodShelfPictures;

PmodShelfPictures *pmod_shelf_pictures_new (void);
void pmod_shelf_pictures_free (PmodShelfPictures *self);

/* question shows hashes (nullable). begins: the first of them is the conversation's own. */
void pmod_shelf_pictures_note (PmodShelfPictures *self,
                               PmodMessage *question,
                               char **hashes,
                               gboolean begins);
gboolean pmod_shelf_pictures_read (PmodShelfPictures *self, PmodStoreDb *db, GError **error);

/* done: at once where there are none; with the first error, if any. Pictures that cannot be decoded
 * are left out. */
void pmod_shelf_pictures_load (PmodShelfPictures *self,
                               GCancellable *cancellable,
                               void (*done) (const GError *error, gpointer user_data),
                               gpointer user_data);

/* Each question of thread gets those that it brought, each answer's run those that it is about.
 * Returns the conversation's own. (nullable) (transfer none) */
PmodPicture *pmod_shelf_pictures_hand_out (PmodShelfPictures *self, PmodThread *thread);

G_END_DECLS
