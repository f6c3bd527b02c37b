/* What the files of this room share. See pmod-hub.h for what they do together. */
#pragma once

#include <json-glib/json-glib.h>

#include "pmod-hub.h"

G_BEGIN_DECLS

/* --- Names (pmod-hub-name.c) ------------------------------------------------------------------ */

/* A relative path of plain names: no "..", nothing hidden, nothing that a terminal or a file system
 * could take for more than a name. */
gboolean pmod_hub_is_safe_path (const char *path);
gboolean pmod_hub_is_repo (const char *name);

/* "OWNER/NAME[@REVISION]"; where no revision stands, "main". */
gboolean pmod_hub_split_repo (const char *text, char **repo, char **revision, GError **error);

/* Text from elsewhere for a message: in quotes, printable, cut where it is long. */
char *pmod_hub_quote (const char *text);

/* "14.13 GB" */
char *pmod_hub_format_bytes (guint64 bytes);

gboolean pmod_hub_is_hex (const char *text, gsize length);

/* PMOD_HUB_ERROR_CANCELLED where it was. */
gboolean pmod_hub_check_cancelled (GCancellable *cancellable, GError **error);

/* --- JSON (pmod-hub-json.c) ------------------------------------------------------------------- */

/* what stands in messages. */
JsonNode *pmod_hub_json_parse (GBytes *bytes, const char *what, GError **error);

/* NULL or -1 where there is no such member of that type. */
const char *pmod_hub_json_string (JsonObject *object, const char *name);
gint64 pmod_hub_json_size (JsonObject *object, const char *name);
JsonObject *pmod_hub_json_object (JsonObject *object, const char *name);

/* --- HTTP (pmod-hub-http.c) ------------------------------------------------------------------- */

typedef struct _PmodHubHttp PmodHubHttp;

/* What came before the body. */
typedef struct
{
  gboolean is_transient; /* with an error: the same may work a little later */
  guint retry_after;     /* seconds that the server asked to wait, 0 where it did not */
  gboolean is_partial;   /* 206: the body begins at start */
  guint64 start;
  gint64 total;  /* of the whole file, -1 where the server did not say */
  gint64 length; /* of the body, -1 where the server did not say */
  char *next;    /* the next page, nullable */
} PmodHubReply;

void pmod_hub_reply_clear (PmodHubReply *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PmodHubReply, pmod_hub_reply_clear)

PmodHubHttp *
pmod_hub_http_new (const char *endpoint, gboolean allow_http, const char *token, GError **error);
void pmod_hub_http_free (PmodHubHttp *self);

/* path: from the endpoint on, or a whole address of the endpoint. offset > 0 asks for the rest
 * from there. what stands in messages. */
GInputStream *pmod_hub_http_get (PmodHubHttp *self,
                                 const char *path,
                                 const char *what,
                                 guint64 offset,
                                 PmodHubReply *reply,
                                 GCancellable *cancellable,
                                 GError **error);

/* Attempts in a row that brought nothing. */
typedef struct
{
  guint n_failed;
} PmodHubRetry;

/* After a transient error: clears it, waits, and TRUE; else FALSE and the error stays. */
gboolean pmod_hub_retry_wait (PmodHubRetry *self,
                              const PmodHubReply *reply,
                              GCancellable *cancellable,
                              GError **error);

/* A whole body of at most max_bytes, or its first min_bytes and what came with them where these
 * are not 0; with retries. next: nullable. */
GBytes *pmod_hub_http_read (PmodHubHttp *self,
                            const char *path,
                            const char *what,
                            gsize max_bytes,
                            char **next,
                            GCancellable *cancellable,
                            GError **error);

/* The header of a safetensors file, as text. */
GBytes *pmod_hub_http_read_header (PmodHubHttp *self,
                                   const char *path,
                                   const char *what,
                                   GCancellable *cancellable,
                                   GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodHubHttp, pmod_hub_http_free)

/* --- Hashes and files of a plan ----------------------------------------------------------------
 */

/* How the server names contents: large files by SHA-256, small ones as Git does, by the SHA-1 of
 * "blob SIZE", a zero byte and the contents. */
typedef enum
{
  PMOD_HUB_HASH_SHA256,
  PMOD_HUB_HASH_GIT,
} PmodHubHashKind;

typedef struct
{
  char *path;   /* in the folder */
  char *repo;   /* where it comes from */
  char *commit; /* 40 hex digits */
  char *remote; /* path in the repository */
  guint64 size;
  PmodHubHashKind kind;
  char *hash;      /* lower case hex */
  GBytes *content; /* nullable: what planning read of it */
} PmodHubEntry;

void pmod_hub_entry_free (PmodHubEntry *self);
PmodHubEntry *pmod_hub_entry_copy (const PmodHubEntry *self);

/* "/OWNER/NAME/resolve/COMMIT/PATH", escaped. (transfer full) */
char *pmod_hub_entry_dup_url (const PmodHubEntry *self);

const char *pmod_hub_hash_name (PmodHubHashKind kind); /* as in messages */

/* A checksum that has taken what comes before the contents. */
GChecksum *pmod_hub_entry_checksum (const PmodHubEntry *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodHubEntry, pmod_hub_entry_free)

/* --- The server's list (pmod-hub-list.c) --------------------------------------------------------
 */

typedef struct
{
  char *repo;
  char *commit;
  GPtrArray *entries; /* PmodHubEntry, path and remote alike; only those with safe names */
} PmodHubList;

PmodHubList *pmod_hub_list_new (PmodHubHttp *http,
                                const char *repo,
                                const char *revision,
                                GCancellable *cancellable,
                                GError **error);
void pmod_hub_list_free (PmodHubList *self);
PmodHubEntry *pmod_hub_list_find (const PmodHubList *self, const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodHubList, pmod_hub_list_free)

/* --- The plan -----------------------------------------------------------------------------------
 */

struct _PmodHubPlan
{
  char *repo;
  char *revision; /* as it was asked for */
  char *commit;
  char *folder;
  char *endpoint;
  gboolean allow_http;
  char *token;        /* nullable */
  GPtrArray *entries; /* PmodHubEntry */
  guint n_left_out;
  guint64 left_out_bytes;
  gboolean finished; /* as noted; of a plan that was loaded */
};

/* --- Folder (pmod-hub-folder.c) and manifest (pmod-hub-manifest.c) -------------------------------
 */

#define PMOD_HUB_MANIFEST "strata-manifest.json"
#define PMOD_HUB_CONFIG "config.json"

/* Reads what a finished pull noted, or one that was stopped: entries, repository, commit. FALSE
 * with PMOD_HUB_ERROR_MISSING where there is neither. */
gboolean pmod_hub_manifest_read (PmodHubPlan *plan, gboolean *finished, GError **error);
gboolean pmod_hub_manifest_write (const PmodHubPlan *plan, GError **error); /* as unfinished */

char *pmod_hub_dup_path (const PmodHubPlan *plan, const PmodHubEntry *entry);
char *pmod_hub_dup_part (const PmodHubPlan *plan, const PmodHubEntry *entry);

/* Makes the folder, and holds a lock on it until the descriptor is closed. */
int pmod_hub_folder_lock (const PmodHubPlan *plan, GError **error);

/* Not a link to one. */
gboolean pmod_hub_is_folder (const char *path);

/* Whether path, of an entry, lies in the plan's folder and not behind a link out of it. */
gboolean pmod_hub_folder_is_inside (const PmodHubPlan *plan, const char *path);

/* By who holds it. */
void pmod_hub_folder_remove_lock (const PmodHubPlan *plan);

/* Parts of versions that nobody wants any more. */
void pmod_hub_folder_remove_leftovers (const PmodHubPlan *plan);

/* Makes the folders below it. After the manifest: they would make the folder somebody else's. */
gboolean pmod_hub_folder_prepare (const PmodHubPlan *plan, GError **error);

/* The folder is new, empty or one that a pull of the same repository made. */
gboolean pmod_hub_folder_check_owner (const PmodHubPlan *plan, GError **error);
guint64 pmod_hub_folder_free_bytes (const PmodHubPlan *plan);

/* -1 where there is no such regular file. */
gint64 pmod_hub_file_size (const char *path);

/* Puts the parts of entries into their places, config.json last, and finishes the manifest. */
gboolean pmod_hub_folder_install (const PmodHubPlan *plan, GPtrArray *entries, GError **error);

/* --- Fetching (pmod-hub-fetch.c) ----------------------------------------------------------------
 */

typedef struct
{
  PmodHubProgressFunc func; /* nullable */
  gpointer user_data;
  PmodHubProgress progress;
} PmodHubReporter;

void pmod_hub_report (PmodHubReporter *self, PmodHubPhase phase, const char *file, guint64 bytes);

/* NULL where the file at path is what entry says; else why not. *error: only what stopped it. */
char *pmod_hub_verify (const PmodHubEntry *entry,
                       const char *path,
                       PmodHubReporter *reporter,
                       GCancellable *cancellable,
                       GError **error);

/* Brings the part of entry to its end and checks it. */
gboolean pmod_hub_fetch (PmodHubHttp *http,
                         const PmodHubPlan *plan,
                         const PmodHubEntry *entry,
                         PmodHubReporter *reporter,
                         GCancellable *cancellable,
                         GError **error);

G_END_DECLS
