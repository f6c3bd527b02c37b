/* Counts of what routers kept. With O object patches of V, k kept and h of both kinds:
 *
 *   recall     sum h / sum O      its chance     sum (k O / V) / sum O
 *   precision  sum h / sum k      its chance     sum (k O / V) / sum k
 *   lift       sum h / sum (k O / V), the same for both
 *
 * Sums are over the pictures that show an object at all. */
#include "pmod-eval-routes.h"

#include "pmod-eval-stats.h"

#include <math.h>

typedef struct
{
  gboolean never_read;
  gint64 n_pictures;
  gint64 n_tokens;
  gint64 n_kept;
  gint64 n_saturated;
  gint64 n_tied;
  PmodEvalHistogram logits; /* |z| */

  gint64 n_objects;      /* O */
  gint64 n_kept_objects; /* k, of pictures that show an object */
  GArray *hits;          /* double, h of each of those pictures */
  GArray *chances;       /* double, k O / V */
} Layer;

struct _PmodEvalRoutes
{
  Layer *layers[PMOD_MAX_LAYERS]; /* NULL where none was added */
};

PmodEvalRoutes *
pmod_eval_routes_new (void)
{
  return g_new0 (PmodEvalRoutes, 1);
}

void
pmod_eval_routes_free (PmodEvalRoutes *self)
{
  for (int i = 0; i < PMOD_MAX_LAYERS; i++)
    if (self->layers[i] != NULL)
      {
        g_array_unref (self->layers[i]->hits);
        g_array_unref (self->layers[i]->chances);
        g_free (self->layers[i]);
      }
  g_free (self);
}

static void
add_objects (Layer *self, const PmodRecordRoute *route, const guint8 *is_object)
{
  double hits = 0, chance;
  int n_objects = 0;

  for (int i = 0; i < route->n_vision; i++)
    {
      n_objects += is_object[i];
      hits += is_object[i] && pmod_record_route_kept (route, i);
    }
  if (n_objects == 0)
    return;
  chance = (double)route->n_kept * n_objects / route->n_vision;
  self->n_objects += n_objects;
  self->n_kept_objects += route->n_kept;
  g_array_append_val (self->hits, hits);
  g_array_append_val (self->chances, chance);
}

void
pmod_eval_routes_add (PmodEvalRoutes *self,
                      const PmodRecordRoute *route,
                      const PmodEvalPicture *picture)
{
  const float *logits = pmod_record_route_logits (route);
  Layer *layer = self->layers[route->header.layer];

  if (layer == NULL)
    {
      layer = self->layers[route->header.layer] = g_new0 (Layer, 1);
      layer->hits = g_array_new (FALSE, FALSE, sizeof (double));
      layer->chances = g_array_new (FALSE, FALSE, sizeof (double));
    }
  layer->never_read = route->never_read != 0;
  layer->n_pictures++;
  layer->n_tokens += route->n_vision;
  layer->n_kept += route->n_kept;
  layer->n_saturated += route->n_saturated;
  layer->n_tied += route->n_ties > 0;
  for (int i = 0; i < route->n_vision; i++)
    pmod_eval_histogram_add (&layer->logits, fabs ((double)logits[i]));
  if (picture->is_object != NULL && picture->n_patches == route->n_vision)
    add_objects (layer, route, picture->is_object);
}

static double
sum (const GArray *numbers)
{
  double total = 0;

  for (guint i = 0; i < numbers->len; i++)
    total += g_array_index (numbers, double, i);
  return total;
}

static double
share (double part, gint64 whole)
{
  return whole > 0 ? part / (double)whole : NAN;
}

static PmodEvalLayer
report (const Layer *self, int layer)
{
  double hits = sum (self->hits), chance = sum (self->chances);

  return (PmodEvalLayer){
    .layer = layer,
    .never_read = self->never_read,
    .recall = share (hits, self->n_objects),
    .recall_chance = share (chance, self->n_objects),
    .precision = share (hits, self->n_kept_objects),
    .precision_chance = share (chance, self->n_kept_objects),
    .lift = pmod_eval_ratio ((const double *)(gpointer)self->hits->data,
                             (const double *)(gpointer)self->chances->data, self->hits->len),
    .kept = share ((double)self->n_kept, self->n_tokens),
    .median_logit = pmod_eval_histogram_median (&self->logits),
    .saturated = share ((double)self->n_saturated, self->n_tokens),
    .tied_cuts = share ((double)self->n_tied, self->n_pictures),
  };
}

PmodEvalLayer *
pmod_eval_routes_report (const PmodEvalRoutes *self, int *n_layers)
{
  GArray *layers = g_array_new (FALSE, FALSE, sizeof (PmodEvalLayer));

  for (int i = 0; i < PMOD_MAX_LAYERS; i++)
    if (self->layers[i] != NULL)
      {
        PmodEvalLayer layer = report (self->layers[i], i);

        g_array_append_val (layers, layer);
      }
  *n_layers = (int)layers->len;
  return (PmodEvalLayer *)(gpointer)g_array_free (layers, FALSE);
}
