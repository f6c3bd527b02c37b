/* Token ids with a mark for each picture, to a sample with the pictures' rows in place. */
#pragma once

#include "pmod-sample.h"

G_BEGIN_DECLS

/* ids [n] with PMOD_IMAGE_TOKEN for each of n_images pictures, whose pixels are taken. learnt [n]:
 * which answer the token belongs to that it is to be learnt for, or -1; NULL: none. The first token
 * of a sequence is never learnt. One dialogue: first is NULL. A sample without pictures has no
 * targets, as the reference runs it dense. */
PmodSample *pmod_sample_new_merged (const PmodConfig *config,
                                    const gint32 *ids,
                                    const gint32 *learnt,
                                    int n,
                                    PmodPixels *const *pixels,
                                    int n_images);

G_END_DECLS
