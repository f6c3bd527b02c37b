/* Traces small enough to be kept with every answer: the maps to the bit, the weights rounded.
 *
 * A packed trace is deflated records in which a ROUTE record's numbers are one byte a token: which
 * tokens were kept is exact, a weight is rounded to 1/255 of its layer's range, and logits are left
 * out. STATE records are left out too. 24 routed layers of 576 tokens: 14 kB and less instead of
 * 113 kB. */
#pragma once

#include "pmod-error.h"
#include "pmod-trace.h"

G_BEGIN_DECLS

/* records: without the magic, as pmod_trace_load() returns them. NULL where they are damaged. */
GBytes *pmod_trace_pack (GBytes *records, GError **error);

/* Records again; those that were rounded carry PMOD_RECORD_FLAG_ROUNDED, and their logits are NAN.
 * packed may hold anything: what is not a packed trace, or more than 1 GiB of one, is an error. */
GBytes *pmod_trace_unpack (GBytes *packed, GError **error);

G_END_DECLS
