/* Frames: their headers and what JSON they hold. Not here: reading a stream of them, nor records
 * (pmod-remote-stream.c). */
#include "config.h"

#include "pmod-remote-private.h"

#include <math.h>
#include <string.h>

#define MAX_JSON_BYTES (16u << 20)

/* In the order of PmodRemoteFrame. */
static const struct
{
  char letters[5];
  guint32 max_bytes;
} kinds[] = {
  { "wait", 0 },
  { "recs", 256u << 20 },
  { "logi", 4u << 22 }, /* the largest vocabulary that a configuration may have */
  { "poin", MAX_JSON_BYTES },
  { "done", MAX_JSON_BYTES },
  { "fail", MAX_JSON_BYTES },
};

/* In the order of PmodErrorCode. */
static const char *const code_names[] = { "io",      "format", "unsupported", "argument", "memory",
                                          "context", "device", "number",      "cancelled" };

void
pmod_remote_frame_append (GByteArray *bytes, PmodRemoteFrame frame, gconstpointer data, gsize size)
{
  guint32 length = GUINT32_TO_LE ((guint32)size);

  g_byte_array_append (bytes, (const guint8 *)kinds[frame].letters, 4);
  g_byte_array_append (bytes, (const guint8 *)&length, sizeof length);
  if (size > 0)
    g_byte_array_append (bytes, data, (guint)size);
}

static void
append_text (GByteArray *bytes, PmodRemoteFrame frame, GString *text)
{
  pmod_remote_frame_append (bytes, frame, text->str, text->len);
  g_string_free (text, TRUE);
}

void
pmod_remote_frame_append_point (GByteArray *bytes, const PmodSweepPoint *point)
{
  GString *text = g_string_new (NULL);

  pmod_json_write_open (text, NULL, '{');
  pmod_json_write_int (text, "index", point->index);
  pmod_json_write_double (text, "paper", point->flops.paper);
  pmod_json_write_double (text, "paper_dense", point->flops.paper_dense);
  pmod_json_write_double (text, "all", point->flops.all);
  pmod_json_write_double (text, "all_dense", point->flops.all_dense);
  pmod_json_write_int (text, "kv_bytes", (gint64)point->kv_bytes);
  pmod_json_write_int (text, "kv_bytes_dense", (gint64)point->kv_bytes_dense);
  pmod_json_write_double (text, "divergence", point->divergence);
  pmod_json_write_string (text, "text", point->answer != NULL ? point->answer->text->str : NULL);
  pmod_json_write_close (text, '}');
  append_text (bytes, PMOD_REMOTE_FRAME_POINT, text);
}

void
pmod_remote_frame_append_done (GByteArray *bytes, PmodFinish finish, const char *answer)
{
  GString *text = g_string_new (NULL);

  pmod_json_write_open (text, NULL, '{');
  pmod_json_write_string (text, "finish", pmod_finish_name (finish));
  pmod_json_write_string (text, "text", answer);
  pmod_json_write_close (text, '}');
  append_text (bytes, PMOD_REMOTE_FRAME_DONE, text);
}

void
pmod_remote_frame_append_fail (GByteArray *bytes, const GError *error)
{
  GString *text = g_string_new (NULL);
  const char *code = PMOD_REMOTE_CODE_PICTURE;

  if (error != NULL)
    code = error->domain == PMOD_ERROR && (guint)error->code < G_N_ELEMENTS (code_names)
               ? code_names[error->code]
               : "io";
  pmod_json_write_open (text, NULL, '{');
  pmod_json_write_string (text, "code", code);
  pmod_json_write_string (text, "message",
                          error != NULL ? error->message : "a picture is not there any more");
  pmod_json_write_close (text, '}');
  append_text (bytes, PMOD_REMOTE_FRAME_FAIL, text);
}

/* --- Reading ---------------------------------------------------------------------------------- */

gboolean
pmod_remote_frame_read_header (const guint8 *header,
                               PmodRemoteFrame *frame,
                               gsize *size,
                               GError **error)
{
  g_autofree char *letters = g_strndup ((const char *)header, 4);
  g_autofree char *quoted = NULL;
  guint32 length;

  memcpy (&length, header + 4, sizeof length);
  length = GUINT32_FROM_LE (length);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (memcmp (header, kinds[i].letters, 4) == 0 && length <= kinds[i].max_bytes)
      {
        *frame = (PmodRemoteFrame)i;
        *size = length;
        return TRUE;
      }
  quoted = pmod_error_quote (letters);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT,
               "expected a frame of a run, got %s of %u bytes", quoted, length);
  return FALSE;
}

static gboolean
finish (PmodRemoteKeys *keys, GError **error)
{
  if (keys->error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&keys->error));
  return FALSE;
}

gboolean
pmod_remote_frame_read_point (const guint8 *data,
                              gsize size,
                              PmodRemotePoint *point,
                              GError **error)
{
  g_autoptr (PmodJsonDocument) document =
      pmod_json_parse ((const char *)data, (gssize)size, "point", error);
  PmodRemoteKeys keys = { "point", document != NULL ? pmod_json_root (document) : NULL, NULL };
  const double *values[] = { &point->flops.paper, &point->flops.paper_dense, &point->flops.all,
                             &point->flops.all_dense, &point->divergence };

  *point = (PmodRemotePoint){ 0 };
  if (document == NULL)
    return FALSE;
  point->index = (int)pmod_remote_keys_int (&keys, "index", PMOD_SWEEP_REFERENCE, G_MAXINT);
  point->flops.paper = pmod_remote_keys_double (&keys, "paper");
  point->flops.paper_dense = pmod_remote_keys_double (&keys, "paper_dense");
  point->flops.all = pmod_remote_keys_double (&keys, "all");
  point->flops.all_dense = pmod_remote_keys_double (&keys, "all_dense");
  point->kv_bytes = (guint64)pmod_remote_keys_int (&keys, "kv_bytes", 0, G_MAXINT64);
  point->kv_bytes_dense = (guint64)pmod_remote_keys_int (&keys, "kv_bytes_dense", 0, G_MAXINT64);
  point->divergence = pmod_remote_keys_double (&keys, "divergence");
  for (guint i = 0; i < G_N_ELEMENTS (values) && keys.error == NULL; i++)
    if (!(*values[i] >= 0))
      pmod_remote_keys_expect (&keys, "point", "no negative numbers", keys.object);
  if (keys.error == NULL)
    point->text = g_strdup (pmod_remote_keys_string (&keys, "text", TRUE));
  return finish (&keys, error);
}

gboolean
pmod_remote_frame_read_done (const guint8 *data,
                             gsize size,
                             PmodRemoteResult *result,
                             GError **error)
{
  g_autoptr (PmodJsonDocument) document =
      pmod_json_parse ((const char *)data, (gssize)size, "end", error);
  PmodRemoteKeys keys = { "end", document != NULL ? pmod_json_root (document) : NULL, NULL };
  const char *name;
  int code = PMOD_FINISH_EOS;

  if (document == NULL)
    return FALSE;
  name = pmod_remote_keys_string (&keys, "finish", FALSE);
  while (code < PMOD_FINISH_ERROR && strcmp (pmod_finish_name ((PmodFinish)code), name) != 0)
    code++;
  if (code == PMOD_FINISH_ERROR)
    pmod_remote_keys_expect (&keys, "finish", "how an answer ends",
                             pmod_remote_keys_find (&keys, "finish"));
  result->finish = (PmodFinish)code;
  if (keys.error == NULL)
    result->text = g_strdup (pmod_remote_keys_string (&keys, "text", TRUE));
  return finish (&keys, error);
}

void
pmod_remote_frame_read_fail (const guint8 *data, gsize size, gboolean *picture, GError **error)
{
  g_autoptr (PmodJsonDocument) document =
      pmod_json_parse ((const char *)data, (gssize)size, "failure", error);
  PmodRemoteKeys keys = { "failure", document != NULL ? pmod_json_root (document) : NULL, NULL };
  const char *code, *message;
  int i = 0, n = (int)G_N_ELEMENTS (code_names);

  if (document == NULL)
    return;
  code = pmod_remote_keys_string (&keys, "code", FALSE);
  message = pmod_remote_keys_string (&keys, "message", FALSE);
  if (!finish (&keys, error))
    return;
  *picture = strcmp (code, PMOD_REMOTE_CODE_PICTURE) == 0;
  while (i < n && strcmp (code_names[i], code) != 0)
    i++;
  g_set_error (error, PMOD_ERROR, i < n ? i : PMOD_ERROR_IO, "%.2000s", message);
}
