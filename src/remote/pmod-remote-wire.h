/* The form in which pmod serve and a window on another machine talk: for both sides.
 *
 *   GET  /v1/strata       the facts of the model, as JSON
 *   POST /v1/strata/runs  a run. The body is one line of JSON, then the pictures' packed bytes; the
 *                         answer is a stream of frames
 *
 * A frame is four letters, the size of what follows as a 32-bit number (little endian), and that:
 *
 *   wait  nothing: the run is alive, but has nothing to say (at least every
 *         PMOD_REMOTE_BEAT_SECONDS)
 *   recs  whole records of the trace, the bytes of pmod-trace.h
 *   logi  F32 [vocab]: what the first word was drawn from
 *   poin  one point of a sweep, JSON
 *   done  the end, JSON: {"finish": NAME, "text": TEXT or null}
 *   fail  the end, JSON: {"code": NAME, "message": TEXT}
 *
 * To stop a run is to close its connection. */
#pragma once

#include "pmod-remote.h"

G_BEGIN_DECLS

#define PMOD_REMOTE_PROTOCOL 1
#define PMOD_REMOTE_PATH "/v1/strata"
#define PMOD_REMOTE_RUNS_PATH "/v1/strata/runs"
#define PMOD_REMOTE_STREAM_TYPE "application/x-strata-frames"
#define PMOD_REMOTE_BEAT_SECONDS 3

/* In a failure's "code", beside those of PmodErrorCode: the request left out the bytes of a picture
 * that the server does not have (any more). */
#define PMOD_REMOTE_CODE_PICTURE "picture"

/* --- Parameters ------------------------------------------------------------------------------- */

/* As one JSON object, exactly: what is read back is equal to the last bit. */
void pmod_remote_params_write (GString *text, const char *name, const PmodParams *params);
gboolean pmod_remote_params_read (const PmodJson *object,
                                  const char *where,
                                  PmodParams *params,
                                  GError **error);

/* --- Pictures --------------------------------------------------------------------------------- */

/* Pixels, each less the one to its left, deflated. (transfer full) */
GBytes *pmod_remote_picture_pack (const PmodImage *image, GError **error);
PmodImage *
pmod_remote_picture_unpack (const guint8 *bytes, gsize size, int width, int height, GError **error);

/* --- Requests --------------------------------------------------------------------------------- */

typedef struct
{
  int width;
  int height;
  guint64 hash; /* pmod_image_get_hash() */
  gsize bytes;  /* in the body, 0: the server has it */
  gsize offset; /* of them in the body */
} PmodRemotePictureRef;

typedef struct
{
  PmodRemoteAsk ask; /* owned; its images are not there yet: see pictures */
  char *client;      /* who asks: letters and digits; lanes of two clients have nothing in common */
  char *model;
  GArray *pictures; /* PmodRemotePictureRef */
  GBytes *body;
} PmodRemoteRequest;

/* sent: whether the server has image i already. (transfer full) */
GBytes *pmod_remote_request_write (const PmodRemoteAsk *ask,
                                   const char *client,
                                   const char *model,
                                   const gboolean *sent,
                                   GError **error);

/* UNSUPPORTED where it is of another version of the protocol or the trace. */
PmodRemoteRequest *pmod_remote_request_read (GBytes *body, GError **error);
void pmod_remote_request_free (PmodRemoteRequest *self);

/* Picture i of the body. FORMAT where it is not what its hash says. */
PmodImage *pmod_remote_request_unpack (const PmodRemoteRequest *self, guint i, GError **error);

/* --- Facts ------------------------------------------------------------------------------------ */

/* Of an open model, whose configuration is read from its folder once more. tower: as
 * PmodModelOptions. (transfer full) (nullable: on error) */
char *pmod_remote_facts_write (
    PmodModel *model, const char *tower, guint64 max_body, char **model_hash, GError **error);
PmodRemoteFacts *pmod_remote_facts_read (const char *text, gsize length, GError **error);

/* --- Frames ----------------------------------------------------------------------------------- */

typedef enum
{
  PMOD_REMOTE_FRAME_WAIT,
  PMOD_REMOTE_FRAME_RECORDS,
  PMOD_REMOTE_FRAME_LOGITS,
  PMOD_REMOTE_FRAME_POINT,
  PMOD_REMOTE_FRAME_DONE,
  PMOD_REMOTE_FRAME_FAIL,
} PmodRemoteFrame;

void
pmod_remote_frame_append (GByteArray *bytes, PmodRemoteFrame frame, gconstpointer data, gsize size);
void pmod_remote_frame_append_point (GByteArray *bytes, const PmodSweepPoint *point);
void pmod_remote_frame_append_done (GByteArray *bytes, PmodFinish finish, const char *text);
/* error NULL: of a picture that is not there. */
void pmod_remote_frame_append_fail (GByteArray *bytes, const GError *error);

#define PMOD_REMOTE_HEADER_BYTES 8

/* Of the header [8]: FORMAT where there is no such frame or it would be too large. */
gboolean pmod_remote_frame_read_header (const guint8 *header,
                                        PmodRemoteFrame *frame,
                                        gsize *size,
                                        GError **error);
gboolean pmod_remote_frame_read_point (const guint8 *data,
                                       gsize size,
                                       PmodRemotePoint *point,
                                       GError **error);
gboolean pmod_remote_frame_read_done (const guint8 *data,
                                      gsize size,
                                      PmodRemoteResult *result,
                                      GError **error);
/* Sets error to what failed there; *picture: whether it is that a picture is not there. */
void
pmod_remote_frame_read_fail (const guint8 *data, gsize size, gboolean *picture, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodRemoteRequest, pmod_remote_request_free)

G_END_DECLS
