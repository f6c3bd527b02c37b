/* JSON text, piece by piece, onto a GString: the little that exports and bundles need. The reader
 * is pmod-json.h.
 *
 * Commas follow from the character before, so that whoever writes names only what stands there.
 * name is NULL inside arrays. What is not finite becomes null; text that is not UTF-8 is mended. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

void pmod_json_write_open (GString *text, const char *name, char bracket);
void pmod_json_write_close (GString *text, char bracket);
void pmod_json_write_int (GString *text, const char *name, gint64 value);
void pmod_json_write_bool (GString *text, const char *name, gboolean value);
void pmod_json_write_double (GString *text, const char *name, double value);

/* The shortest text of a finite number that reads back as the same F64, or F32, with an exponent
 * where it needs one. buffer [G_ASCII_DTOSTR_BUF_SIZE]; returned. */
const char *pmod_json_format_double (char *buffer, double value);
const char *pmod_json_format_float (char *buffer, float value);

void pmod_json_write_float (GString *text, const char *name, float value);

/* value: nullable. */
void pmod_json_write_string (GString *text, const char *name, const char *value);

/* value: JSON text of its own. */
void pmod_json_write_raw (GString *text, const char *name, const char *value);

G_END_DECLS
