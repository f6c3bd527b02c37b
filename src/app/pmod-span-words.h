/* What the window says of one stage of a run. Pure functions. */
#pragma once

#include "pmod-run.h"

G_BEGIN_DECLS

/* span: of run. "Layer 4 · 0.5 ms · keeps 55 of 144" (transfer full) */
char *pmod_span_describe (PmodRun *run, const PmodRunSpan *span);

G_END_DECLS
