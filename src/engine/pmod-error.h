/* The engine's error domain. Messages say what, where, expected and got. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define PMOD_ERROR (pmod_error_quark ())

typedef enum
{
  PMOD_ERROR_IO,          /* a file cannot be opened, read or written */
  PMOD_ERROR_FORMAT,      /* a file's contents are not what they must be */
  PMOD_ERROR_UNSUPPORTED, /* well formed, but not something this engine does */
  PMOD_ERROR_ARGUMENT,    /* a parameter or prompt is out of range */
  PMOD_ERROR_MEMORY,      /* it does not fit */
  PMOD_ERROR_CONTEXT,     /* more tokens than the context holds */
  PMOD_ERROR_DEVICE,      /* a backend failed */
  PMOD_ERROR_NUMBER,      /* NaN or infinity where a number must be */
  PMOD_ERROR_CANCELLED,   /* the caller asked to stop */
} PmodErrorCode;

GQuark pmod_error_quark (void);

/* Text from a file made fit for a message: in quotes, valid UTF-8, printable, cut where it is
 * long. (transfer full) */
char *pmod_error_quote (const char *text);

/* Progress of anything that takes long. done and total are bytes unless the caller of the
 * function says otherwise; total may be 0 while unknown. Return FALSE to cancel. Called on the
 * thread that does the work. */
typedef gboolean (*PmodProgressFunc) (const char *what,
                                      guint64 done,
                                      guint64 total,
                                      gpointer user_data);

G_END_DECLS
