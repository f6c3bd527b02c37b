/* Decimal numbers inside names such as "tanh_0.2_1": read strictly, written as short as exact.
 * Private to the engine. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Reads all of text: digits, one point, a leading minus. No exponent, sign word, space or name. */
gboolean pmod_number_parse (const char *text, double *value);

/* Whether text is digits, a point, digits. */
gboolean pmod_number_is_decimal (const char *text);

/* Appends the shortest decimals that read back as value; with_point: "1.0" rather than "1". */
void pmod_number_append (GString *string, double value, gboolean with_point);

G_END_DECLS
