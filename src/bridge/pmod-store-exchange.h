/* Conversations as files: JSON that comes back to the byte, Markdown to be read.
 *
 * The JSON (schema 1) holds everything: branches, pictures and packed traces in base64.
 *
 *   { "strata_conversation": 1, "uuid", "title", "system" (where it has one),
 *     "folder" (where it lies in one), "created_us",
 *     "leaf": place in messages or null,
 *     "pictures": [ { "hash": SHA-256 of the bytes, "name", "bytes" } ],
 *     "messages": [ { "parent": place of an earlier message or null,
 *                     "role": "user" | "assistant" | "system",
 *                     "state": "complete" | "partial" | "stopped" | "failed",
 *                     "created_us", "text", "model", "settings", "error" (each nullable),
 *                     "pictures": [hash], "trace": packed, nullable } ] }
 *
 * An answer that is still growing is written as "partial". */
#pragma once

#include "pmod-store-db.h"

G_BEGIN_DECLS

char *pmod_store_export_json (PmodStoreDb *db, gint64 conversation, GError **error);

/* The branch that is shown. */
char *pmod_store_export_markdown (PmodStoreDb *db, gint64 conversation, GError **error);

/* Adds what pmod_store_export_json() wrote, all of it or nothing; *conversation is its new id. text
 * may hold anything: what is not as above is an error that names the place. */
gboolean pmod_store_import_json (
    PmodStoreDb *db, const char *text, gssize length, gint64 *conversation, GError **error);

G_END_DECLS
