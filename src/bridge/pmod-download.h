/* A checkpoint on its way from a server: what would be fetched, fetching it, and comparing what was
 * fetched with its hashes.
 *
 * Main thread only. One thing at a time is done, on a thread of its own, and nothing of it unless
 * it is asked for; asking while something is done does nothing. The last unref stops and joins the
 * thread: what is there stays, and the next time goes on from it. */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

typedef enum
{
  PMOD_DOWNLOAD_IDLE,
  PMOD_DOWNLOAD_LOOKING,  /* asks the server what it has */
  PMOD_DOWNLOAD_PLANNED,  /* it is known what would be fetched, and nothing was */
  PMOD_DOWNLOAD_FETCHING, /* hashes what is there, then fetches */
  PMOD_DOWNLOAD_DONE,     /* all is there and right */
  PMOD_DOWNLOAD_CHECKING, /* hashes, and asks nobody */
  PMOD_DOWNLOAD_RIGHT,    /* every file is as the server listed it */
  PMOD_DOWNLOAD_WRONG,    /* some are not: pmod_download_get_wrong() */
  PMOD_DOWNLOAD_STOPPED,
  PMOD_DOWNLOAD_FAILED, /* pmod_download_get_error() */
} PmodDownloadState;

/* What goes on in FETCHING and CHECKING. */
typedef enum
{
  PMOD_DOWNLOAD_HASHES,
  PMOD_DOWNLOAD_BYTES,
  PMOD_DOWNLOAD_PAUSE, /* before another attempt */
} PmodDownloadPhase;

typedef enum
{
  PMOD_DOWNLOAD_PROBLEM_NONE,
  PMOD_DOWNLOAD_PROBLEM_NAME,    /* of a repository, or an address, that cannot be */
  PMOD_DOWNLOAD_PROBLEM_NETWORK, /* going on later may work */
  PMOD_DOWNLOAD_PROBLEM_DENIED,
  PMOD_DOWNLOAD_PROBLEM_MISSING,
  PMOD_DOWNLOAD_PROBLEM_TOWER, /* the same, of its vision tower */
  PMOD_DOWNLOAD_PROBLEM_SERVER,
  PMOD_DOWNLOAD_PROBLEM_CONTENT, /* wrong bytes; they were thrown away */
  PMOD_DOWNLOAD_PROBLEM_SPACE,
  PMOD_DOWNLOAD_PROBLEM_FILE,
  PMOD_DOWNLOAD_PROBLEM_BUSY, /* another program fills the folder */
} PmodDownloadProblem;

/* Of the plan; bytes. */
typedef struct
{
  guint64 total;
  guint64 there;
  guint64 missing;
  guint64 free; /* on the disk */
  guint n_files;
  guint n_left_out; /* files of the repository that are not needed */
  guint64 left_out_bytes;
} PmodDownloadPlan;

/* A checkpoint that is known to be published, for whoever would not know a name. */
typedef struct
{
  const char *repo; /* NULL ends a list */
  guint64 bytes;    /* of its weights */
  int n_layers;
} PmodPublishedModel;

typedef struct
{
  PmodDownloadPhase phase;
  guint64 done; /* bytes of this phase */
  guint64 total;
  double speed;        /* bytes a second, over the last seconds; 0: not known yet */
  double seconds_left; /* < 0: not known */
} PmodDownloadProgress;

#define PMOD_TYPE_DOWNLOAD (pmod_download_get_type ())
G_DECLARE_FINAL_TYPE (PmodDownload, pmod_download, PMOD, DOWNLOAD, GObject)

PmodDownload *pmod_download_new (void);

/* Where models come from if nobody says otherwise. */
const char *pmod_download_get_default_server (void);

/* Asks nobody: these were looked up when this was written. */
const PmodPublishedModel *pmod_download_list_published (void);

/* A property, too; "" or NULL is the default. Counts from the next that is asked for on. */
void pmod_download_set_server (PmodDownload *self, const char *server);
const char *pmod_download_get_server (PmodDownload *self);

/* repo: "OWNER/NAME" or "OWNER/NAME@REVISION". tower: NULL or "" is what config.json names. Asks
 * the server what it has; ends in PLANNED. */
void pmod_download_look (PmodDownload *self, const char *repo, const char *tower);

/* Of a plan: fetches what is missing of it, or goes on after it was stopped or failed. */
void pmod_download_start (PmodDownload *self);

/* Fetches what is missing or wrong of a model that was downloaded once, or began to be. */
void pmod_download_repair (PmodDownload *self, const char *folder);

/* Compares it with its hashes, without a network; ends in RIGHT or WRONG. */
void pmod_download_check (PmodDownload *self, const char *folder);

/* What is there stays. The state changes when it has stopped. */
void pmod_download_stop (PmodDownload *self);

/* Back to IDLE, unless something is done. */
void pmod_download_forget (PmodDownload *self);

/* A property; "changed" tells of progress as well, a few times a second. */
PmodDownloadState pmod_download_get_state (PmodDownload *self);
gboolean pmod_download_get_busy (PmodDownload *self);

/* What was asked for: "OWNER/NAME", or a folder's name where that is all that is known. */
const char *pmod_download_get_name (PmodDownload *self);

/* NULL, 0 and FALSE while there is no plan. */
const char *pmod_download_get_commit (PmodDownload *self);
const char *pmod_download_get_folder (PmodDownload *self);
gboolean pmod_download_get_plan (PmodDownload *self, PmodDownloadPlan *plan);
const char *pmod_download_get_file (PmodDownload *self, guint i, guint64 *bytes);

void pmod_download_get_progress (PmodDownload *self, PmodDownloadProgress *progress);

/* "" unless FAILED. */
PmodDownloadProblem pmod_download_get_problem (PmodDownload *self);
const char *pmod_download_get_error (PmodDownload *self);

/* Lines, of WRONG; else NULL. */
const char *const *pmod_download_get_wrong (PmodDownload *self);

G_END_DECLS
