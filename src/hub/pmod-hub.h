/* Published checkpoints, brought from a Hugging Face-compatible server into a folder.
 *
 * The only header of this room that others include, and the only room that uses a network: nothing
 * here runs unless it is called. Every function blocks and may be called on any thread; a plan is
 * used by one thread at a time. What is downloaded is written beside its place, hashed on the way,
 * and put into its place only when all of it is there and as the server listed it. A pull that was
 * stopped, by whatever, goes on where it was when it is made again. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define PMOD_HUB_ENDPOINT "https://huggingface.co"
#define PMOD_HUB_ERROR (pmod_hub_error_quark ())

typedef enum
{
  PMOD_HUB_ERROR_ARGUMENT, /* a name, address or option that cannot be */
  PMOD_HUB_ERROR_NETWORK,  /* no connection, or it broke again and again */
  PMOD_HUB_ERROR_DENIED,   /* the server wants a token, or another one */
  PMOD_HUB_ERROR_MISSING,  /* no such repository, revision or file, or none that can be used */
  PMOD_HUB_ERROR_SERVER,   /* an answer that is not one to what was asked */
  PMOD_HUB_ERROR_CONTENT,  /* bytes, lengths or names that are not what they must be */
  PMOD_HUB_ERROR_SPACE,    /* it does not fit on the disk */
  PMOD_HUB_ERROR_FILE,     /* the folder or a file in it cannot be read or written */
  PMOD_HUB_ERROR_BUSY,     /* somebody else fills the folder */
  PMOD_HUB_ERROR_CANCELLED,
} PmodHubErrorCode;

GQuark pmod_hub_error_quark (void);

typedef struct
{
  const char *repo;     /* "OWNER/NAME" or "OWNER/NAME@REVISION" */
  const char *folder;   /* where the model goes; NULL: pmod_hub_dup_folder() */
  const char *endpoint; /* NULL: PMOD_HUB_ENDPOINT */
  gboolean allow_http;  /* the endpoint may be http although it is not this machine */
  const char *tower;    /* NULL: what config.json names; "none"; or a repository as above */
  const char *token;    /* nullable; sent to the endpoint alone, and only over https or loopback */
} PmodHubOptions;

typedef enum
{
  PMOD_HUB_PHASE_CHECK,    /* hashing what is there */
  PMOD_HUB_PHASE_DOWNLOAD, /* bytes from the server */
  PMOD_HUB_PHASE_WAIT,     /* before the next attempt */
} PmodHubPhase;

typedef struct
{
  PmodHubPhase phase;
  const char *file; /* path in the folder */
  guint64 done;     /* bytes of all files of this phase */
  guint64 total;
} PmodHubProgress;

/* Called on the thread that works. A GCancellable stops the work. */
typedef void (*PmodHubProgressFunc) (const PmodHubProgress *progress, gpointer user_data);

typedef struct
{
  const char *path; /* in the folder, and safe to print */
  guint64 size;
} PmodHubFile;

typedef struct
{
  guint64 total;   /* bytes of all files */
  guint64 there;   /* of these, by size, in the folder already */
  guint64 missing; /* to download and to write */
  guint64 free;    /* on the disk that the folder is or would be on */
} PmodHubSpace;

typedef struct _PmodHubPlan PmodHubPlan;

/* The user's folder for a repository, or for the name of an installed model. (transfer full) */
char *pmod_hub_dup_folder (const char *repo, GError **error);

/* Asks the server what repo holds and chooses what the engine needs. Writes nothing. */
PmodHubPlan *
pmod_hub_plan_new (const PmodHubOptions *options, GCancellable *cancellable, GError **error);

/* What an earlier pull noted in the folder: to check or repair it. Asks nobody. Here options->repo
 * may be the name of an installed model, or NULL where a folder is given. */
PmodHubPlan *pmod_hub_plan_load (const PmodHubOptions *options, GError **error);

/* Folders of the user's models that a pull made or began to fill. (transfer full) */
char **pmod_hub_list_folders (void);

void pmod_hub_plan_free (PmodHubPlan *self);

const char *pmod_hub_plan_get_repo (const PmodHubPlan *self);
const char *pmod_hub_plan_get_commit (const PmodHubPlan *self);
const char *pmod_hub_plan_get_folder (const PmodHubPlan *self);

/* Of a plan that was loaded: whether the pull that noted it came to its end. */
gboolean pmod_hub_plan_get_finished (const PmodHubPlan *self);
guint pmod_hub_plan_get_n_files (const PmodHubPlan *self);
PmodHubFile pmod_hub_plan_get_file (const PmodHubPlan *self, guint i);

/* What the repository holds besides and the engine has no use for. */
void pmod_hub_plan_get_left_out (const PmodHubPlan *self, guint *n_files, guint64 *bytes);

/* Looks at sizes only. */
gboolean pmod_hub_plan_measure (const PmodHubPlan *self, PmodHubSpace *space, GError **error);

/* Downloads what is not there or is wrong. Refused before the first byte where it does not fit. */
gboolean pmod_hub_plan_fetch (PmodHubPlan *self,
                              PmodHubProgressFunc progress,
                              gpointer user_data,
                              GCancellable *cancellable,
                              GError **error);

/* Hashes every file. One line for each that is missing or wrong: (transfer full) (nullable: on
 * error) */
GPtrArray *pmod_hub_plan_check (PmodHubPlan *self,
                                PmodHubProgressFunc progress,
                                gpointer user_data,
                                GCancellable *cancellable,
                                GError **error);

/* Whether pmod_hub_plan_remove() would: a folder of the user's models that a pull made. */
gboolean pmod_hub_is_own_folder (const char *folder);

/* Bytes that pmod_hub_plan_remove() would make free. */
guint64 pmod_hub_plan_get_room (const PmodHubPlan *self);

/* Removes what the pull brought, and the folder where nothing else is left in it. Where that fails,
 * or is broken off by whatever, what is left is a model to nobody: an unfinished pull. */
gboolean pmod_hub_plan_remove (PmodHubPlan *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodHubPlan, pmod_hub_plan_free)

G_END_DECLS
