/* What the subcommands of pmod share: their signatures, exit codes, and how values are read and
 * written. The command line knows pmod-engine.h and nothing behind it. */
#pragma once

#include <json-glib/json-glib.h>

#include "pmod-engine.h"

G_BEGIN_DECLS

/* Wrong usage: exit code 2. Every other error is exit code 1. */
#define CLI_ERROR (cli_error_quark ())

typedef enum
{
  CLI_ERROR_USAGE,
  CLI_ERROR_OUTPUT, /* standard output cannot be written */
} CliErrorCode;

GQuark cli_error_quark (void);

/* A subcommand. args holds what follows "pmod", its own name first. FALSE with an error. */
typedef gboolean (*CliCommandFunc) (char **args, GError **error);

gboolean cli_info (char **args, GError **error);
gboolean cli_run (char **args, GError **error);
gboolean cli_chat (char **args, GError **error);
gboolean cli_flops (char **args, GError **error);
gboolean cli_trace (char **args, GError **error);
gboolean cli_bench (char **args, GError **error);
gboolean cli_train (char **args, GError **error);
gboolean cli_eval (char **args, GError **error);
gboolean cli_serve (char **args, GError **error);
gboolean cli_sweep (char **args, GError **error);
gboolean cli_pull (char **args, GError **error);

/* --- Values ----------------------------------------------------------------------------------- */

/* Readers of an option's text. Wrong text and a value outside of min .. max are usage errors that
 * name the option, what was expected and what came. */
gboolean cli_read_int (
    const char *option, const char *text, gint64 min, gint64 max, gint64 *value, GError **error);
gboolean cli_read_double (
    const char *option, const char *text, double min, double max, double *value, GError **error);

/* "1000000", "512M", "14G": powers of 1024. */
gboolean cli_read_bytes (const char *option, const char *text, guint64 *value, GError **error);

/* "14.13 GB", "8.38 TFLOP", "7.06 G", "1.25 s". (transfer full) */
char *cli_format_bytes (double bytes);
char *cli_format_flops (double flops);
char *cli_format_count (double count);
char *cli_format_ms (double ms);

/* Whether the terminal shows more than ASCII. */
gboolean cli_is_utf8 (void);

/* --- Output ----------------------------------------------------------------------------------- */

/* Flushes standard output; FALSE where something written to it was lost. */
gboolean cli_flush (GError **error);

/* Writes text there at once. */
gboolean cli_write (const char *text, GError **error);

/* Members of a JSON object. What is not finite becomes null; text that is not UTF-8 is mended. */
void cli_json_double (JsonBuilder *builder, const char *name, double value);
void cli_json_int (JsonBuilder *builder, const char *name, gint64 value);
void cli_json_bool (JsonBuilder *builder, const char *name, gboolean value);
void cli_json_string (JsonBuilder *builder, const char *name, const char *value);

/* The finished text, with a newline. (transfer full) */
char *cli_json_text (JsonBuilder *builder, gboolean pretty);

/* Opens "{" and writes "schema" and "version"; the other one prints what was built and closed. */
JsonBuilder *cli_json_begin (void);
gboolean cli_json_print (JsonBuilder *builder, GError **error);

/* A file that is opened for writing before the work that fills it, so that a path that cannot be
 * written fails early. What it held stays until the write. "-" is standard output. */
typedef struct _CliOutput CliOutput;

CliOutput *cli_output_new (const char *path, GError **error);
gboolean cli_output_is_stdout (const CliOutput *self);

/* Puts text in place of what the file held before the first write, and after it later. */
gboolean cli_output_write (CliOutput *self, const char *text, GError **error);
gboolean cli_output_write_data (CliOutput *self, const char *data, gsize size, GError **error);

/* A file that did not exist and was never written is removed. */
void cli_output_free (CliOutput *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliOutput, cli_output_free)

/* --- Interruption ----------------------------------------------------------------------------- */

/* Takes SIGINT and SIGTERM: the first one is remembered, a second one ends the program. A write
 * to a closed pipe becomes an error. */
void cli_interrupt_init (void);
gboolean cli_interrupt_pending (void);
void cli_interrupt_clear (void);

/* --- Progress --------------------------------------------------------------------------------- */

/* A line on standard error about work that takes over a second, where that is a terminal or
 * always is set. */
typedef struct _CliProgress CliProgress;

CliProgress *cli_progress_new (gboolean always);

/* On a terminal, once: that model is not where it could be, and why. */
void cli_progress_note_device (CliProgress *self, const PmodModel *model);
void cli_progress_free (CliProgress *self);

/* Starts the clock anew: the next work. */
void cli_progress_begin (CliProgress *self);

/* unit_bytes: done and total are bytes, else counted things. */
void cli_progress_update (
    CliProgress *self, const char *what, guint64 done, guint64 total, gboolean unit_bytes);

/* Removes the line. */
void cli_progress_end (CliProgress *self);

/* A PmodProgressFunc with a CliProgress as user_data: stops on an interruption. */
gboolean cli_progress_func (const char *what, guint64 done, guint64 total, gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliProgress, cli_progress_free)

G_END_DECLS
