/* The stream of one run, frame by frame: nothing in it is believed before it was looked at. */
#include "config.h"

#include "pmod-remote-private.h"

#include <string.h>

/* Of the records of one run: more than the longest answer of the largest context has. */
#define MAX_RUN_BYTES (1u << 30)

typedef struct
{
  GInputStream *stream;
  const PmodRemoteFacts *facts;
  const PmodRemoteAsk *ask;
  const PmodRemoteSink *sink;
  GCancellable *cancellable;

  guint8 *data; /* of the newest frame, aligned as records must be */
  gsize capacity;
  guint64 total; /* bytes of records */
  gboolean begun;
  gboolean has_first_word;
} Reader;

/* FALSE at the end of the stream, too: it may end only behind a frame that says so. */
static gboolean
read_exactly (Reader *self, guint8 *bytes, gsize size, GError **error)
{
  g_autoptr (GError) local = NULL;
  gsize n_read = 0;

  if (g_input_stream_read_all (self->stream, bytes, size, &n_read, self->cancellable, &local) &&
      n_read == size)
    return TRUE;
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "stopped");
  else if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_IO,
                         "the server fell silent in the middle of the answer");
  else
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO,
                 "the connection to the server ended in the middle of the answer%s%s",
                 local != NULL ? ": " : "", local != NULL ? local->message : "");
  return FALSE;
}

static gboolean
read_frame (Reader *self, PmodRemoteFrame *frame, gsize *size, GError **error)
{
  guint8 header[PMOD_REMOTE_HEADER_BYTES];

  if (!read_exactly (self, header, sizeof header, error) ||
      !pmod_remote_frame_read_header (header, frame, size, error))
    return FALSE;
  if (*size > self->capacity)
    {
      g_free (self->data);
      self->capacity = *size;
      self->data = g_malloc (self->capacity);
    }
  return *size == 0 || read_exactly (self, self->data, *size, error);
}

/* --- Records ---------------------------------------------------------------------------------- */

static const char *
find_fault (Reader *self, const PmodRecord *record)
{
  const PmodRecordRunBegin *begin = (const PmodRecordRunBegin *)record;
  const PmodConfig *config = self->facts->config;

  if (self->ask->settings != NULL)
    return "records of a sweep";
  if (!self->begun && record->type != PMOD_RECORD_RUN_BEGIN)
    return "a record before the run's beginning";
  switch (record->type)
    {
    case PMOD_RECORD_RUN_BEGIN:
      if (self->begun)
        return "a second beginning";
      if (begin->n_layers != config->n_layers || begin->hidden != config->hidden)
        return "a run of another model";
      if (begin->generation != self->ask->params.generation)
        return "a run with other parameters";
      return NULL;
    case PMOD_RECORD_LOSS:
    case PMOD_RECORD_STATE:
      return "a record that was not asked for";
    default:
      return record->layer >= config->n_layers ? "a layer that the model does not have" : NULL;
    }
}

static gboolean
take_records (Reader *self, gsize size, GError **error)
{
  g_autoptr (GError) local = NULL;
  const PmodRecord *record;
  gsize offset = 0;

  self->total += size;
  if (self->total > MAX_RUN_BYTES)
    {
      g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                           "the server sends records without an end");
      return FALSE;
    }
  while ((record = pmod_trace_next (self->data, size, &offset, &local)) != NULL)
    {
      const char *fault = find_fault (self, record);

      if (fault != NULL)
        {
          g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "the server sent %s", fault);
          return FALSE;
        }
      self->begun = TRUE;
      self->has_first_word = self->has_first_word || record->type == PMOD_RECORD_TOKEN;
      self->sink->record (record, self->sink->user_data);
    }
  if (local == NULL)
    return TRUE;
  g_propagate_prefixed_error (error, g_steal_pointer (&local),
                              "the server sent what is no record: ");
  return FALSE;
}

static gboolean
take_logits (Reader *self, gsize size, GError **error)
{
  gsize expected = (gsize)self->facts->config->vocab * sizeof (float);

  if (size != expected || !self->ask->wants_logits || !self->has_first_word)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                   "the server sent %" G_GSIZE_FORMAT " bytes of logits, expected %" G_GSIZE_FORMAT
                   " after the first word",
                   size, self->ask->wants_logits ? expected : 0);
      return FALSE;
    }
  if (self->sink->logits != NULL)
    self->sink->logits ((const float *)self->data, self->sink->user_data);
  return TRUE;
}

static gboolean
take_point (Reader *self, gsize size, GError **error)
{
  PmodRemotePoint point;
  gboolean go_on = TRUE;

  if (!pmod_remote_frame_read_point (self->data, size, &point, error))
    return FALSE;
  if (point.index >= self->ask->n_settings || self->sink->point == NULL)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "the server sent point %d of %d",
                 point.index, self->ask->n_settings);
  else
    {
      go_on = self->sink->point (&point, self->sink->user_data);
      if (!go_on)
        g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_CANCELLED, "stopped");
    }
  go_on = go_on && point.index < self->ask->n_settings && self->sink->point != NULL;
  g_free (point.text);
  return go_on;
}

/* What was asked for is there, if it was not stopped. */
static gboolean
take_done (Reader *self, gsize size, PmodRemoteResult *result, GError **error)
{
  if (!pmod_remote_frame_read_done (self->data, size, result, error))
    return FALSE;
  if (self->begun || self->ask->settings != NULL || result->finish == PMOD_FINISH_CANCELLED)
    return TRUE;
  g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
                       "the server sent the end of a run that never began");
  return FALSE;
}

/* --- All of it -------------------------------------------------------------------------------- */

/* *done: whether that was the end. */
static gboolean
take_frame (
    Reader *self, PmodRemoteResult *result, gboolean *picture, gboolean *done, GError **error)
{
  PmodRemoteFrame frame;
  gsize size;

  if (!read_frame (self, &frame, &size, error))
    return FALSE;
  switch (frame)
    {
    case PMOD_REMOTE_FRAME_RECORDS:
      return take_records (self, size, error);
    case PMOD_REMOTE_FRAME_LOGITS:
      return take_logits (self, size, error);
    case PMOD_REMOTE_FRAME_POINT:
      return take_point (self, size, error);
    case PMOD_REMOTE_FRAME_DONE:
      *done = TRUE;
      return take_done (self, size, result, error);
    case PMOD_REMOTE_FRAME_FAIL:
      pmod_remote_frame_read_fail (self->data, size, picture, error);
      return FALSE;
    case PMOD_REMOTE_FRAME_WAIT:
    default:
      return TRUE;
    }
}

gboolean
pmod_remote_stream_read (GInputStream *stream,
                         const PmodRemoteFacts *facts,
                         const PmodRemoteAsk *ask,
                         const PmodRemoteSink *sink,
                         PmodRemoteResult *result,
                         gboolean *picture,
                         GCancellable *cancellable,
                         GError **error)
{
  Reader self = { stream, facts, ask, sink, cancellable, NULL, 0, 0, FALSE, FALSE };
  gboolean done = FALSE, good = TRUE;
  guint8 tail[64];

  while (good && !done)
    good = take_frame (&self, result, picture, &done, error);
  g_free (self.data);
  if (!good)
    return FALSE;
  /* To the end, so that the connection can be used again; what else comes is nobody's. Not skipped:
   * libsoup 3.2 stumbles over one byte of that in chunks. */
  g_input_stream_read (stream, tail, sizeof tail, cancellable, NULL);
  return TRUE;
}
