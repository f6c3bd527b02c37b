/* A token in words: on the page, for screen readers, and the chance that it had. Pure functions. */
#pragma once

#include "pmod-run-tokens.h"

G_BEGIN_DECLS

/* What the page shows: "red", signs for what cannot be seen. *after_space: a space precedes it.
 * (transfer full) */
char *pmod_token_text_show (const PmodRunChance *chance, gboolean *after_space);

/* "red", "line break" (transfer full) */
char *pmod_token_text_say (const PmodRunChance *chance);

/* "93 %", "0.4 %", "< 0.1 %" (transfer full) */
char *pmod_token_text_chance (double probability);

/* "red, 93 %" (transfer full) */
char *pmod_token_text_name (const PmodRunChance *chance);

G_END_DECLS
