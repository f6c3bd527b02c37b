/* Where a run's pictures lie among the tokens that its routers see: for PmodRun only. */
#pragma once

#include "pmod-engine.h"
#include "pmod-run.h"

G_BEGIN_DECLS

typedef struct
{
  GPtrArray *images;      /* PmodRecordImage, inside the run's batches, in the prompt's order */
  gint64 n_image_tokens;  /* of all pictures */
  gint64 n_coarse_tokens; /* of all pictures' first planes, where there is more than one */
} PmodRunPictures;

void pmod_run_pictures_clear (PmodRunPictures *self);
void pmod_run_pictures_add (PmodRunPictures *self, const PmodRecordImage *image);
void pmod_run_pictures_free (PmodRunPictures *self); /* what it holds, not itself */

/* NULL where there is no such picture. */
const PmodRecordImage *pmod_run_pictures_get (const PmodRunPictures *self, int picture);
int pmod_run_pictures_count_tiles (const PmodRunPictures *self);
int pmod_run_pictures_get_n_planes (const PmodRunPictures *self, int picture);
gboolean pmod_run_pictures_get_plane (const PmodRunPictures *self,
                                      const PmodRecordRunBegin *begin,
                                      int picture,
                                      int plane,
                                      PmodRunPlane *info);

G_END_DECLS
