/* A stage in words. See pmod-span-words.h. */
#include "config.h"

#include "pmod-span-words.h"

#include <glib/gi18n.h>

#include "pmod-format.h"

static char *
name_span (const PmodRunSpan *span)
{
  switch (span->kind)
    {
    case PMOD_SPAN_PREPROCESS:
      return g_strdup (_ ("Preparing the picture"));
    case PMOD_SPAN_VISION:
      return g_strdup (_ ("Vision tower"));
    case PMOD_SPAN_PROJECTOR:
      return g_strdup (_ ("Projector"));
    case PMOD_SPAN_LAYER:
      return g_strdup_printf (_ ("Layer %d"), span->layer);
    case PMOD_SPAN_HEAD:
      return g_strdup (_ ("Head"));
    case PMOD_SPAN_TOKEN:
    default:
      return g_strdup_printf (_ ("Token %d"), span->n_tokens + 1);
    }
}

char *
pmod_span_describe (PmodRun *run, const PmodRunSpan *span)
{
  g_autofree char *name = name_span (span);
  g_autofree char *time = span->reused
                              ? g_strdup_printf (_ ("%d tokens known from before"), span->n_tokens)
                              : pmod_format_time (span->duration_ns);
  PmodRunLayer info;

  if (span->kind == PMOD_SPAN_LAYER && pmod_run_get_layer (run, span->layer, &info) && info.routed)
    return g_strdup_printf (_ ("%s \302\267 %s \302\267 keeps %d of %d"), name, time, info.n_kept,
                            info.n_vision);
  return g_strdup_printf (_ ("%s \302\267 %s"), name, time);
}
