/* What the routed layers of one subject kept, summed up over pictures from ROUTE records. For this
 * directory's own files. */
#pragma once

#include "pmod-eval-private.h"

G_BEGIN_DECLS

typedef struct _PmodEvalRoutes PmodEvalRoutes;

PmodEvalRoutes *pmod_eval_routes_new (void);
void pmod_eval_routes_free (PmodEvalRoutes *self);

/* Adds another picture's records; two of one layer are not expected. The picture's object patches
 * are compared where it has as many patches as the record has vision tokens. */
void pmod_eval_routes_add (PmodEvalRoutes *self,
                           const PmodRecordRoute *route,
                           const PmodEvalPicture *picture);

/* Of the layers that routed, in order. (transfer full) */
PmodEvalLayer *pmod_eval_routes_report (const PmodEvalRoutes *self, int *n_layers);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodEvalRoutes, pmod_eval_routes_free)

G_END_DECLS
