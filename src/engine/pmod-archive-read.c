/* A saved run, read: what others may have made, so that every size, name and hash is checked. See
 * pmod-archive.h. */
#include "pmod-archive-private.h"

#include "pmod-file.h"
#include "pmod-json.h"
#include "pmod-trace.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

/* Unpacked so much at a time. */
#define BLOCK_BYTES (64 * 1024)

static const struct
{
  const char *name;
  gint64 max_bytes;
} known[] = {
  { PMOD_ARCHIVE_TRACE, PMOD_ARCHIVE_MAX_TRACE },
  { PMOD_ARCHIVE_CONVERSATION, PMOD_ARCHIVE_MAX_TEXT },
  { PMOD_ARCHIVE_SETTINGS, PMOD_ARCHIVE_MAX_TEXT },
  { PMOD_ARCHIVE_PICTURE, PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-2.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-3.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-4.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-5.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-6.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-7.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-8.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-9.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-10.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-11.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-12.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-13.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-14.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-15.png", PMOD_ARCHIVE_MAX_PICTURE },
  { "picture-16.png", PMOD_ARCHIVE_MAX_PICTURE },
};

#define N_KNOWN ((int)G_N_ELEMENTS (known))
#define N_NEEDED 3 /* those before the pictures */

G_STATIC_ASSERT (G_N_ELEMENTS (known) == N_NEEDED + 1 + PMOD_ARCHIVE_MAX_MORE);

typedef struct
{
  const char *name; /* of the whole file */
  struct archive *zip;
  PmodJsonDocument *manifest;
  const PmodJson *listed[G_N_ELEMENTS (known)]; /* in the manifest */
  GBytes *bytes[G_N_ELEMENTS (known)];
} Reader;

static gboolean fail (const Reader *self, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
fail (const Reader *self, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: not a saved run: %s", self->name, what);
  return FALSE;
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* NULL with an error where key is no text; where it may be null or missing, "" stands for that. */
static const char *
find_text (
    const Reader *self, const PmodJson *object, const char *key, gboolean optional, GError **error)
{
  const PmodJson *value = pmod_json_find (object, key);

  if (value != NULL && value->type == PMOD_JSON_STRING)
    return value->string;
  if (optional && (value == NULL || value->type == PMOD_JSON_NULL))
    return "";
  fail (self, error, "expected text as \"%s\"", key);
  return NULL;
}

/* A member's text. */
static PmodJsonDocument *
parse (const Reader *self, GBytes *bytes, const char *member, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s: %s", self->name, member);
  gsize size;
  const char *text = g_bytes_get_data (bytes, &size);

  return pmod_json_parse (size > 0 ? text : "", (gssize)size, name, error);
}

static gboolean
copy_text (const Reader *self, const PmodJson *object, const char *key, char **copy, GError **error)
{
  const char *text = find_text (self, object, key, TRUE, error);

  if (text == NULL)
    return FALSE;
  *copy = *text != '\0' ? g_strdup (text) : NULL;
  return TRUE;
}

static int
find_known (const char *name)
{
  for (int i = 0; i < N_KNOWN; i++)
    if (strcmp (name, known[i].name) == 0)
      return i;
  return -1;
}

/* One of "members": an index of known. */
static gboolean
take_listed (Reader *self, const PmodJson *member, GError **error)
{
  const char *name = find_text (self, member, "name", FALSE, error);
  const PmodJson *size = pmod_json_find (member, "size");
  const char *hash = name != NULL ? find_text (self, member, "sha256", FALSE, error) : NULL;
  g_autofree char *quoted = name != NULL ? pmod_error_quote (name) : NULL;
  int i;

  if (name == NULL || hash == NULL)
    return FALSE;
  i = find_known (name);
  if (i < 0)
    return fail (self, error, "its list names %s, which is no part of one", quoted);
  if (self->listed[i] != NULL)
    return fail (self, error, "its list names %s twice", quoted);
  if (size == NULL || size->type != PMOD_JSON_INTEGER || size->integer < 0)
    return fail (self, error, "expected the size of %s in bytes", quoted);
  if (size->integer > known[i].max_bytes)
    return fail (self, error,
                 "%s: expected at most %" G_GINT64_FORMAT " bytes, its list says %" G_GINT64_FORMAT,
                 name, known[i].max_bytes, size->integer);
  self->listed[i] = member;
  return TRUE;
}

static gboolean
take_manifest (Reader *self, GBytes *bytes, GError **error)
{
  const PmodJson *root, *schema, *members, *member;
  const char *kind;

  self->manifest = parse (self, bytes, PMOD_ARCHIVE_MANIFEST, error);
  if (self->manifest == NULL)
    return FALSE;
  root = pmod_json_root (self->manifest);
  kind = find_text (self, root, "kind", FALSE, error);
  if (kind == NULL)
    return FALSE;
  schema = pmod_json_find (root, "schema");
  if (strcmp (kind, PMOD_ARCHIVE_KIND) != 0 || schema == NULL || schema->type != PMOD_JSON_INTEGER)
    return fail (self, error, "expected the kind \"" PMOD_ARCHIVE_KIND "\" and a schema");
  if (schema->integer != PMOD_ARCHIVE_SCHEMA && schema->integer != PMOD_ARCHIVE_SCHEMA_MORE)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_UNSUPPORTED,
                   "%s: a saved run of another version: expected schema %d or %d, "
                   "got %" G_GINT64_FORMAT,
                   self->name, PMOD_ARCHIVE_SCHEMA, PMOD_ARCHIVE_SCHEMA_MORE, schema->integer);
      return FALSE;
    }
  members = pmod_json_find (root, "members");
  if (members == NULL || members->type != PMOD_JSON_ARRAY)
    return fail (self, error, "expected \"members\", a list");
  member = pmod_json_first (members);
  for (guint32 i = 0; i < members->n_children; i++, member = pmod_json_next (member))
    if (!take_listed (self, member, error))
      return FALSE;
  for (int i = 0; i < N_NEEDED; i++)
    if (self->listed[i] == NULL)
      return fail (self, error, "its list lacks %s", known[i].name);
  return TRUE;
}

/* --- Unpacking -------------------------------------------------------------------------------- */

/* At most max_bytes of the current member, whatever its header claims. */
static GBytes *
unpack (
    Reader *self, struct archive_entry *entry, const char *name, gint64 max_bytes, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree guint8 *block = g_malloc (BLOCK_BYTES);
  la_ssize_t n;

  if (archive_entry_filetype (entry) != AE_IFREG)
    return fail (self, error, "%s is no plain file", name), NULL;
  if (archive_entry_is_encrypted (entry))
    return fail (self, error, "%s is encrypted", name), NULL;
  if (archive_entry_size_is_set (entry) && archive_entry_size (entry) > max_bytes)
    return fail (self, error,
                 "%s: expected at most %" G_GINT64_FORMAT " bytes, got %" G_GINT64_FORMAT, name,
                 max_bytes, (gint64)archive_entry_size (entry)),
           NULL;
  while ((n = archive_read_data (self->zip, block, BLOCK_BYTES)) > 0)
    {
      if ((gint64)bytes->len + n > max_bytes)
        return fail (self, error, "%s: expected at most %" G_GINT64_FORMAT " bytes, got more", name,
                     max_bytes),
               NULL;
      g_byte_array_append (bytes, block, (guint)n);
    }
  if (n < 0)
    return fail (self, error, "%s: damaged or cut off: %s", name, archive_error_string (self->zip)),
           NULL;
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

static gboolean
take_member (Reader *self, struct archive_entry *entry, const char *name, GError **error)
{
  g_autofree char *quoted = pmod_error_quote (name);
  g_autofree char *hash = NULL;
  int i = find_known (name);
  gint64 size;

  if (i < 0 || self->listed[i] == NULL)
    return fail (self, error, "it holds %s, which its list does not name", quoted);
  if (self->bytes[i] != NULL)
    return fail (self, error, "it holds %s twice", quoted);
  size = pmod_json_find (self->listed[i], "size")->integer;
  self->bytes[i] = unpack (self, entry, known[i].name, size, error);
  if (self->bytes[i] == NULL)
    return FALSE;
  if ((gint64)g_bytes_get_size (self->bytes[i]) != size)
    return fail (self, error, "%s: expected %" G_GINT64_FORMAT " bytes, got %" G_GSIZE_FORMAT,
                 known[i].name, size, g_bytes_get_size (self->bytes[i]));
  hash = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, self->bytes[i]);
  if (g_ascii_strcasecmp (hash, pmod_json_find (self->listed[i], "sha256")->string) != 0)
    return fail (self, error, "%s: its SHA-256 is not the one that was written with it",
                 known[i].name);
  return TRUE;
}

static gboolean
take_entry (Reader *self, struct archive_entry *entry, GError **error)
{
  const char *name = archive_entry_pathname (entry);
  g_autoptr (GBytes) bytes = NULL;

  if (name == NULL)
    return fail (self, error, "it holds something whose name is no text");
  if (self->manifest != NULL)
    return take_member (self, entry, name, error);
  if (strcmp (name, PMOD_ARCHIVE_MANIFEST) != 0)
    return fail (self, error, "expected %s first", PMOD_ARCHIVE_MANIFEST);
  bytes = unpack (self, entry, PMOD_ARCHIVE_MANIFEST, PMOD_ARCHIVE_MAX_TEXT, error);
  return bytes != NULL && take_manifest (self, bytes, error);
}

static gboolean
read_members (Reader *self, GBytes *bytes, GError **error)
{
  struct archive_entry *entry;
  gsize size;
  const void *data = g_bytes_get_data (bytes, &size);
  int status;

  /* By the directory at its end alone, so that what is cut off is noticed at once. */
  archive_read_support_format_zip_seekable (self->zip);
  if (archive_read_open_memory (self->zip, data, size) != ARCHIVE_OK)
    return fail (self, error, "no zip, or one that is cut off");
  while ((status = archive_read_next_header (self->zip, &entry)) == ARCHIVE_OK)
    if (!take_entry (self, entry, error))
      return FALSE;
  if (status != ARCHIVE_EOF)
    return fail (self, error, "no zip, or one that is damaged or cut off: %s",
                 archive_error_string (self->zip));
  if (self->manifest == NULL)
    return fail (self, error, "it is empty");
  for (int i = 0; i < N_KNOWN; i++)
    if (self->listed[i] != NULL && self->bytes[i] == NULL)
      return fail (self, error, "it lacks %s", known[i].name);
  return TRUE;
}

/* --- What the members say --------------------------------------------------------------------- */

static gboolean
take_trace (const Reader *self, PmodArchive *archive, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s: %s", self->name, PMOD_ARCHIVE_TRACE);

  archive->trace = g_bytes_ref (self->bytes[find_known (PMOD_ARCHIVE_TRACE)]);
  archive->records = pmod_trace_parse (archive->trace, name, error);
  return archive->records != NULL;
}

static gboolean
take_conversation (const Reader *self, PmodArchive *archive, GError **error)
{
  GBytes *bytes = self->bytes[find_known (PMOD_ARCHIVE_CONVERSATION)];
  g_autoptr (PmodJsonDocument) document = parse (self, bytes, PMOD_ARCHIVE_CONVERSATION, error);
  g_autoptr (GStrvBuilder) texts = g_strv_builder_new ();
  const PmodJson *turns, *turn;

  if (document == NULL)
    return FALSE;
  turns = pmod_json_find (pmod_json_root (document), "turns");
  if (turns == NULL || turns->type != PMOD_JSON_ARRAY)
    return fail (self, error, "%s: expected \"turns\", a list", PMOD_ARCHIVE_CONVERSATION);
  turn = pmod_json_first (turns);
  for (guint32 i = 0; i < turns->n_children; i++, turn = pmod_json_next (turn))
    {
      const char *question = find_text (self, turn, "question", FALSE, error);
      const char *answer = question ? find_text (self, turn, "answer", FALSE, error) : NULL;

      if (answer == NULL)
        return FALSE;
      g_strv_builder_add (texts, question);
      g_strv_builder_add (texts, answer);
    }
  archive->texts = g_strv_builder_end (texts);
  return TRUE;
}

static gboolean
take_settings (const Reader *self, PmodArchive *archive, GError **error)
{
  GBytes *bytes = self->bytes[find_known (PMOD_ARCHIVE_SETTINGS)];
  g_autoptr (PmodJsonDocument) document = parse (self, bytes, PMOD_ARCHIVE_SETTINGS, error);

  if (document == NULL)
    return FALSE;
  if (pmod_json_root (document)->type != PMOD_JSON_OBJECT)
    return fail (self, error, "%s: expected an object", PMOD_ARCHIVE_SETTINGS);
  archive->settings = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  return TRUE;
}

static gboolean
take_facts (const Reader *self, PmodArchive *archive, GError **error)
{
  const PmodJson *root = pmod_json_root (self->manifest);
  const PmodJson *engine = pmod_json_find (root, "engine");
  const PmodJson *model = pmod_json_find (root, "model");

  return copy_text (self, root, "created", &archive->created, error) &&
         copy_text (self, root, "strata", &archive->version, error) &&
         copy_text (self, engine, "device", &archive->device, error) &&
         copy_text (self, engine, "precision", &archive->precision, error) &&
         copy_text (self, model, "name", &archive->model, error) &&
         copy_text (self, model, "config_sha256", &archive->config_sha256, error);
}

/* The member of that name, of which facts (nullable) tell; *image stays NULL where there is
 * neither.
 */
static gboolean
take_image (const Reader *self,
            const char *member,
            const PmodJson *facts,
            char **name,
            PmodImage **image,
            GError **error)
{
  GBytes *png = self->bytes[find_known (member)];
  const char *expected;
  g_autofree char *hash = NULL;
  gboolean named = facts != NULL && facts->type == PMOD_JSON_OBJECT;

  if (named != (png != NULL))
    return fail (self, error, "expected %s and its facts together", member);
  if (png == NULL)
    return TRUE;
  if (!copy_text (self, facts, "name", name, error))
    return FALSE;
  expected = find_text (self, facts, "rgb_sha256", FALSE, error);
  if (expected == NULL)
    return FALSE;
  *image = pmod_image_load_bytes (png, PMOD_IMAGE_IGNORE_EXIF, error);
  if (*image == NULL)
    {
      g_prefix_error (error, "%s: %s: ", self->name, member);
      return FALSE;
    }
  hash = pmod_archive_hash_pixels (*image);
  if (g_ascii_strcasecmp (hash, expected) != 0)
    return fail (self, error, "%s: its pixels are not those of the run", member);
  return TRUE;
}

static gboolean
take_picture (const Reader *self, PmodArchive *archive, GError **error)
{
  return take_image (self, PMOD_ARCHIVE_PICTURE,
                     pmod_json_find (pmod_json_root (self->manifest), "picture"),
                     &archive->picture_name, &archive->image, error);
}

/* In their order, without gaps. */
static gboolean
take_more (const Reader *self, PmodArchive *archive, GError **error)
{
  const PmodJson *list = pmod_json_find (pmod_json_root (self->manifest), "more_pictures");
  gboolean there = list != NULL && list->type == PMOD_JSON_ARRAY && archive->image != NULL;
  const PmodJson *facts = there ? pmod_json_first (list) : NULL;

  archive->more = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_image_unref);
  archive->more_names = g_new0 (char *, PMOD_ARCHIVE_MAX_MORE + 1);
  for (int i = 0; i < PMOD_ARCHIVE_MAX_MORE; i++)
    {
      g_autofree char *member = pmod_archive_dup_more_name (i);
      gboolean named = there && (guint32)i < list->n_children;
      char *name = NULL;
      PmodImage *image = NULL;

      if (!take_image (self, member, named ? facts : NULL, &name, &image, error))
        {
          g_clear_pointer (&image, pmod_image_unref);
          g_free (name);
          return FALSE;
        }
      if (image == NULL)
        continue;
      archive->more_names[archive->more->len] = name != NULL ? name : g_strdup ("");
      g_ptr_array_add (archive->more, image);
      facts = pmod_json_next (facts);
    }
  if (there && list->n_children > archive->more->len)
    return fail (self, error, "expected at most %d more pictures", PMOD_ARCHIVE_MAX_MORE);
  return TRUE;
}

/* --- Public ----------------------------------------------------------------------------------- */

PmodArchive *
pmod_archive_read (GBytes *bytes, const char *name, GError **error)
{
  g_autoptr (PmodArchive) archive = pmod_archive_new ();
  Reader reader = { name, archive_read_new (), NULL, { NULL }, { NULL } };
  gboolean done = read_members (&reader, bytes, error) && take_facts (&reader, archive, error) &&
                  take_trace (&reader, archive, error) &&
                  take_conversation (&reader, archive, error) &&
                  take_settings (&reader, archive, error) &&
                  take_picture (&reader, archive, error) && take_more (&reader, archive, error);

  archive_read_free (reader.zip);
  g_clear_pointer (&reader.manifest, pmod_json_document_free);
  for (int i = 0; i < N_KNOWN; i++)
    g_clear_pointer (&reader.bytes[i], g_bytes_unref);
  return done ? g_steal_pointer (&archive) : NULL;
}

PmodArchive *
pmod_archive_load (const char *path, GError **error)
{
  g_autoptr (GMappedFile) map = pmod_file_map (path, PMOD_ARCHIVE_MAX_FILE, error);
  g_autoptr (GBytes) bytes = NULL;

  if (map == NULL)
    return NULL;
  /* A copy: the file may change while it is read. */
  bytes = g_bytes_new (g_mapped_file_get_contents (map), g_mapped_file_get_length (map));
  return pmod_archive_read (bytes, path, error);
}
