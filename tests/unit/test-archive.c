/* Saved runs: what goes in comes out bit for bit; what others may have made of one is refused with
 * a reason, and never crashes. */
#include "pmod-archive.h"
#include "pmod-error.h"
#include "pmod-schedule.h"
#include "pmod-trace.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#define WIDTH 7
#define HEIGHT 5

static void
collect_cb (const PmodRecord *record, gpointer user_data)
{
  g_byte_array_append (user_data, (const guint8 *)record, record->size);
}

static GBytes *
make_trace (void)
{
  GByteArray *bytes = g_byte_array_new ();
  g_autoptr (PmodTrace) trace = NULL;
  PmodRecordRunBegin *begin;

  g_byte_array_append (bytes, (const guint8 *)PMOD_TRACE_MAGIC, strlen (PMOD_TRACE_MAGIC));
  trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, collect_cb, bytes);
  pmod_trace_begin_run (trace);
  begin = pmod_trace_append (trace, PMOD_RECORD_RUN_BEGIN, -1, sizeof *begin + sizeof (double));
  begin->n_layers = 1;
  begin->n_tokens = 4;
  begin->ratio[0] = PMOD_RATIO_PLAIN;
  pmod_trace_commit (trace, begin);
  return g_byte_array_free_to_bytes (bytes);
}

static PmodArchive *
make_archive (gboolean with_picture)
{
  PmodArchive *archive = pmod_archive_new ();
  const char *const texts[] = { "What \"is\" it?\n", "A b\303\244r.", "Where?", "", NULL };
  guint8 rgb[WIDTH * HEIGHT * 3];

  for (guint i = 0; i < sizeof rgb; i++)
    rgb[i] = (guint8)(i * 37);
  archive->trace = make_trace ();
  archive->texts = g_strdupv ((char **)texts);
  archive->model = g_strdup ("demo");
  archive->config_sha256 = g_strdup ("00ff");
  archive->device = g_strdup ("a processor");
  archive->precision = g_strdup ("bf16");
  if (with_picture)
    {
      archive->image = pmod_image_new (WIDTH, HEIGHT, WIDTH * 3, rgb);
      archive->picture_name = g_strdup ("b\303\244r.png");
    }
  return archive;
}

static GBytes *
write_archive (gboolean with_picture)
{
  g_autoptr (PmodArchive) archive = make_archive (with_picture);
  g_autoptr (GError) error = NULL;
  GBytes *bytes = pmod_archive_write (archive, &error);

  g_assert_no_error (error);
  return bytes;
}

static void
test_round_trip (void)
{
  for (int with_picture = 0; with_picture < 2; with_picture++)
    {
      g_autoptr (PmodArchive) before = make_archive (with_picture);
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = pmod_archive_write (before, &error);
      g_autoptr (PmodArchive) after = pmod_archive_read (bytes, "test", &error);

      g_assert_no_error (error);
      g_assert_true (g_bytes_equal (before->trace, after->trace));
      g_assert_cmpuint (g_bytes_get_size (after->records), ==,
                        g_bytes_get_size (after->trace) - strlen (PMOD_TRACE_MAGIC));
      g_assert_true (
          g_strv_equal ((const char *const *)before->texts, (const char *const *)after->texts));
      g_assert_cmpstr (before->settings, ==, after->settings);
      g_assert_cmpstr (after->model, ==, "demo");
      g_assert_cmpstr (after->config_sha256, ==, "00ff");
      g_assert_cmpstr (after->device, ==, "a processor");
      g_assert_cmpstr (after->precision, ==, "bf16");
      g_assert_cmpstr (after->created, ==, before->created);
      g_assert_nonnull (after->version);
      if (with_picture)
        {
          g_assert_cmpint (pmod_image_get_width (after->image), ==, WIDTH);
          g_assert_cmpmem (pmod_image_get_rgb (after->image), WIDTH * HEIGHT * 3,
                           pmod_image_get_rgb (before->image), WIDTH * HEIGHT * 3);
          g_assert_cmpstr (after->picture_name, ==, "b\303\244r.png");
        }
      else
        g_assert_null (after->image);
    }
}

/* Those of later questions, in their order; facts of one that is not there are refused. */
static void
test_more_pictures (void)
{
  g_autoptr (PmodArchive) before = make_archive (TRUE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (PmodArchive) after = NULL;

  before->more = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_image_unref);
  before->more_names = g_new0 (char *, 3);
  for (int i = 0; i < 2; i++)
    {
      guint8 pixels[6] = { (guint8)(10 * i), 20, 30, 40, 50, 60 };

      g_ptr_array_add (before->more, pmod_image_new (2, 1, 6, pixels));
      before->more_names[i] = g_strdup_printf ("more-%d.png", i);
    }
  bytes = pmod_archive_write (before, &error);
  g_assert_no_error (error);
  after = pmod_archive_read (bytes, "test", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (after->more->len, ==, 2);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpstr (after->more_names[i], ==, before->more_names[i]);
      g_assert_cmpuint (pmod_image_get_hash (after->more->pdata[i]), ==,
                        pmod_image_get_hash (before->more->pdata[i]));
    }
}

/* --- Hostile ones ----------------------------------------------------------------------------- */

typedef struct
{
  char *name;
  GBytes *bytes;
  gboolean is_link;
} Member;

static void
member_clear (gpointer data)
{
  Member *member = data;

  g_free (member->name);
  g_bytes_unref (member->bytes);
}

static la_ssize_t
append_cb (struct archive *zip, void *data, const void *buffer, size_t size)
{
  g_byte_array_append (data, buffer, (guint)size);
  return (la_ssize_t)size;
}

static GBytes *
pack (GArray *members)
{
  GByteArray *bytes = g_byte_array_new ();
  struct archive *zip = archive_write_new ();

  archive_write_set_format_zip (zip);
  archive_write_set_bytes_in_last_block (zip, 1);
  archive_write_open (zip, bytes, NULL, append_cb, NULL);
  for (guint i = 0; i < members->len; i++)
    {
      Member *member = &g_array_index (members, Member, i);
      struct archive_entry *entry = archive_entry_new ();

      archive_entry_set_pathname (entry, member->name);
      archive_entry_set_filetype (entry, member->is_link ? AE_IFLNK : AE_IFREG);
      if (member->is_link)
        archive_entry_set_symlink (entry, "/etc/passwd");
      archive_entry_set_perm (entry, 0644);
      archive_entry_set_size (entry,
                              member->is_link ? 0 : (la_int64_t)g_bytes_get_size (member->bytes));
      g_assert_cmpint (archive_write_header (zip, entry), >=, ARCHIVE_WARN);
      if (!member->is_link)
        archive_write_data (zip, g_bytes_get_data (member->bytes, NULL),
                            g_bytes_get_size (member->bytes));
      archive_entry_free (entry);
    }
  archive_write_close (zip);
  archive_write_free (zip);
  return g_byte_array_free_to_bytes (bytes);
}

/* The members of a good one, to be spoiled. */
static GArray *
unpack (GBytes *bytes)
{
  GArray *members = g_array_new (FALSE, TRUE, sizeof (Member));
  struct archive *zip = archive_read_new ();
  struct archive_entry *entry;

  g_array_set_clear_func (members, member_clear);
  archive_read_support_format_zip (zip);
  archive_read_open_memory (zip, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  while (archive_read_next_header (zip, &entry) == ARCHIVE_OK)
    {
      gsize size = (gsize)archive_entry_size (entry);
      guint8 *data = g_malloc (size + 1);
      Member member = { g_strdup (archive_entry_pathname (entry)), NULL, FALSE };

      g_assert_cmpint (archive_read_data (zip, data, size), ==, (la_ssize_t)size);
      member.bytes = g_bytes_new_take (data, size);
      g_array_append_val (members, member);
    }
  archive_read_free (zip);
  return members;
}

static Member *
find (GArray *members, const char *name)
{
  for (guint i = 0; i < members->len; i++)
    if (strcmp (g_array_index (members, Member, i).name, name) == 0)
      return &g_array_index (members, Member, i);
  g_assert_not_reached ();
}

static void
set_bytes (Member *member, GBytes *bytes)
{
  g_bytes_unref (member->bytes);
  member->bytes = bytes;
}

/* Writes other words into a text member, as often as they stand there. */
static void
replace (GArray *members, const char *name, const char *from, const char *to)
{
  Member *member = find (members, name);
  gsize size;
  const char *data = g_bytes_get_data (member->bytes, &size);
  g_autofree char *text = g_strndup (data, size);
  GString *changed = g_string_new (text);

  g_assert_cmpuint (g_string_replace (changed, from, to, 0), >, 0);
  set_bytes (member, g_string_free_to_bytes (changed));
}

/* Tells the list of a member's new bytes, so that only what they say is wrong. */
static void
relist (GArray *members, const char *name, GBytes *bytes)
{
  Member *member = find (members, name);
  g_autofree char *old_hash = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, member->bytes);
  g_autofree char *hash = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);
  g_autofree char *old_size = g_strdup_printf ("\"name\":\"%s\",\"size\":%" G_GSIZE_FORMAT ",",
                                               name, g_bytes_get_size (member->bytes));
  g_autofree char *size = g_strdup_printf ("\"name\":\"%s\",\"size\":%" G_GSIZE_FORMAT ",", name,
                                           g_bytes_get_size (bytes));

  replace (members, "manifest.json", old_hash, hash);
  replace (members, "manifest.json", old_size, size);
  set_bytes (member, bytes);
}

static void
add (GArray *members, const char *name, GBytes *bytes)
{
  Member member = { g_strdup (name), bytes, FALSE };

  g_array_append_val (members, member);
}

static void
remove_member (GArray *members, const char *name)
{
  g_array_remove_index (members, (guint)(find (members, name) - (Member *)members->data));
}

static void
lack_trace (GArray *members)
{
  remove_member (members, "run.trace");
}

static void
lack_picture (GArray *members)
{
  remove_member (members, "picture.png");
}

static void
lack_manifest (GArray *members)
{
  remove_member (members, "manifest.json");
}

static void
lack_all (GArray *members)
{
  g_array_set_size (members, 0);
}

static void
twice (GArray *members)
{
  add (members, "run.trace", g_bytes_ref (find (members, "run.trace")->bytes));
}

static void
escape (GArray *members)
{
  add (members, "../../etc/evil", g_bytes_new_static ("x", 1));
}

static void
absolute (GArray *members)
{
  add (members, "/tmp/evil", g_bytes_new_static ("x", 1));
}

static void
link_member (GArray *members)
{
  find (members, "settings.json")->is_link = TRUE;
}

static void
list_unknown (GArray *members)
{
  replace (members, "manifest.json", "\"settings.json\"", "\"../settings.json\"");
}

static void
list_twice (GArray *members)
{
  replace (members, "manifest.json", "\"settings.json\"", "\"run.trace\"");
}

static void
list_huge (GArray *members)
{
  replace (members, "manifest.json",
           "\"name\":\"run.trace\",\"size\":", "\"name\":\"run.trace\",\"size\":99999999");
}

static void
list_negative (GArray *members)
{
  replace (members, "manifest.json",
           "\"name\":\"run.trace\",\"size\":", "\"name\":\"run.trace\",\"size\":-");
}

static void
other_schema (GArray *members)
{
  replace (members, "manifest.json", "\"schema\":1", "\"schema\":3");
}

static void
invent_more (GArray *members)
{
  replace (members, "manifest.json", "\"members\":", "\"more_pictures\":[{}],\"members\":");
}

static void
other_kind (GArray *members)
{
  replace (members, "manifest.json", "strata-run", "strata-fun");
}

static void
no_json (GArray *members)
{
  replace (members, "manifest.json", "{", "<");
}

/* A quarter of a gigabyte of zeroes, which packs into 260 kB. */
static void
bomb (GArray *members)
{
  set_bytes (find (members, "settings.json"), g_bytes_new_take (g_malloc0 (1 << 28), 1 << 28));
}

static void
bomb_manifest (GArray *members)
{
  set_bytes (find (members, "manifest.json"), g_bytes_new_take (g_malloc0 (1 << 25), 1 << 25));
}

static void
wrong_hash (GArray *members)
{
  Member *member = find (members, "run.trace");
  gsize size = g_bytes_get_size (member->bytes);
  guint8 *data = g_memdup2 (g_bytes_get_data (member->bytes, NULL), size);

  data[size - 1] ^= 1;
  set_bytes (member, g_bytes_new_take (data, size));
}

static void
shorter (GArray *members)
{
  Member *member = find (members, "run.trace");

  set_bytes (member, g_bytes_new_from_bytes (member->bytes, 0, 8));
}

static void
no_trace (GArray *members)
{
  relist (members, "run.trace", g_bytes_new_static ("PMODTRC0", 8));
}

static void
damaged_trace (GArray *members)
{
  relist (members, "run.trace", g_bytes_new_static ("PMODTRC1 and no record at all...", 32));
}

static void
no_turns (GArray *members)
{
  relist (members, "conversation.json", g_bytes_new_static ("{\"turns\":[{\"question\":1}]}", 26));
}

static void
no_object (GArray *members)
{
  relist (members, "settings.json", g_bytes_new_static ("[1]", 3));
}

static void
no_png (GArray *members)
{
  relist (members, "picture.png", g_bytes_new_static ("GIF", 3));
}

static void
other_pixels (GArray *members)
{
  replace (members, "manifest.json", "rgb_sha256\":\"", "rgb_sha256\":\"0");
}

static void
no_facts (GArray *members)
{
  replace (members, "manifest.json", "\"picture\":{", "\"pictures\":{");
}

static const struct
{
  void (*spoil) (GArray *members);
  const char *words;
} hostile[] = {
  { lack_trace, "it lacks run.trace" },
  { lack_picture, "it lacks picture.png" },
  { lack_manifest, "expected manifest.json first" },
  { lack_all, "not a saved run" },
  { twice, "it holds \"run.trace\" twice" },
  { escape, "it holds \"../../etc/evil\", which its list does not name" },
  { absolute, "it holds \"/tmp/evil\", which its list does not name" },
  { link_member, "settings.json is no plain file" },
  { list_unknown, "names \"../settings.json\", which is no part" },
  { list_twice, "its list names \"run.trace\" twice" },
  { list_huge, "run.trace: expected at most 268435456 bytes" },
  { list_negative, "expected the size of \"run.trace\"" },
  { other_schema, "another version: expected schema 1 or 2, got 3" },
  { invent_more, "expected picture-2.png and its facts together" },
  { other_kind, "expected the kind \"strata-run\"" },
  { no_json, "manifest.json" },
  { bomb, "settings.json: expected at most" },
  { bomb_manifest, "manifest.json: expected at most 16777216 bytes" },
  { wrong_hash, "run.trace: its SHA-256" },
  { shorter, "run.trace: expected" },
  { no_trace, "a trace of another version" },
  { damaged_trace, "run.trace: trace, record at byte" },
  { no_turns, "expected text as \"question\"" },
  { no_object, "settings.json: expected an object" },
  { no_png, "picture.png" },
  { other_pixels, "its pixels are not those of the run" },
  { no_facts, "its facts together" },
};

static void
test_hostile (void)
{
  g_autoptr (GBytes) good = write_archive (TRUE);

  for (guint i = 0; i < G_N_ELEMENTS (hostile); i++)
    {
      g_autoptr (GArray) members = unpack (good);
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodArchive) archive = NULL;

      g_assert_cmpuint (members->len, ==, 5);
      hostile[i].spoil (members);
      bytes = pack (members);
      archive = pmod_archive_read (bytes, "bad.strata", &error);
      g_assert_null (archive);
      g_assert_nonnull (error);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, hostile[i].words));
      g_assert_nonnull (strstr (error->message, "bad.strata"));
    }
}

/* A bomb whose headers say that it is small: stopped while it unpacks. */
static void
test_lying_bomb (void)
{
  g_autoptr (GBytes) good = write_archive (TRUE);
  g_autoptr (GArray) members = unpack (good);
  g_autoptr (GBytes) packed = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodArchive) archive = NULL;
  const guint32 lie = GUINT32_TO_LE (10);
  guint8 *data, *name;
  gsize size;
  int n_lies = 0;

  bomb (members);
  packed = pack (members);
  size = g_bytes_get_size (packed);
  data = g_memdup2 (g_bytes_get_data (packed, NULL), size);
  for (name = memmem (data, size, "settings.json", 13); name != NULL;
       name = memmem (name + 13, size - (gsize)(name + 13 - data), "settings.json", 13))
    {
      /* Unpacked size: 22 bytes into the local header, 24 into the directory's. */
      if (memcmp (name - 30, "PK\003\004", 4) == 0)
        memcpy (name - 30 + 22, &lie, sizeof lie);
      else if (memcmp (name - 46, "PK\001\002", 4) == 0)
        memcpy (name - 46 + 24, &lie, sizeof lie);
      else
        continue;
      n_lies++;
    }
  g_assert_cmpint (n_lies, ==, 2);
  bytes = g_bytes_new_take (data, size);
  archive = pmod_archive_read (bytes, "bomb", &error);
  g_assert_null (archive);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "bytes, got more"));
}

/* As unpacked and packed by the test, none of the spoilers at work: it is they that are refused. */
static void
test_packed_again (void)
{
  g_autoptr (GBytes) good = write_archive (TRUE);
  g_autoptr (GArray) members = unpack (good);
  g_autoptr (GBytes) bytes = pack (members);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodArchive) archive = pmod_archive_read (bytes, "again", &error);

  g_assert_no_error (error);
}

static void
test_cut_off (void)
{
  g_autoptr (GBytes) good = write_archive (TRUE);
  gsize size = g_bytes_get_size (good);

  for (gsize cut = 0; cut < size; cut++)
    {
      g_autoptr (GBytes) part = g_bytes_new (g_bytes_get_data (good, NULL), cut);
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodArchive) archive = pmod_archive_read (part, "cut", &error);

      g_assert_null (archive);
      g_assert_nonnull (error);
    }
}

/* A changed byte is refused, or it was one that means nothing (a date, a mode): then all is as it
 * was. */
static void
test_changed (void)
{
  g_autoptr (GBytes) good = write_archive (TRUE);
  g_autoptr (PmodArchive) before = pmod_archive_read (good, "good", NULL);
  gsize size = g_bytes_get_size (good);
  guint n_refused = 0;

  for (gsize at = 0; at < size; at++)
    {
      guint8 *data = g_memdup2 (g_bytes_get_data (good, NULL), size);
      g_autoptr (GBytes) bytes = g_bytes_new_take (data, size);
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodArchive) archive = NULL;

      data[at] ^= 0x55;
      archive = pmod_archive_read (bytes, "changed", &error);
      g_assert_true ((archive == NULL) == (error != NULL));
      n_refused += archive == NULL;
      if (archive != NULL)
        {
          g_assert_true (g_bytes_equal (before->trace, archive->trace));
          g_assert_cmpstr (before->settings, ==, archive->settings);
          g_assert_true (g_strv_equal ((const char *const *)before->texts,
                                       (const char *const *)archive->texts));
        }
    }
  g_test_message ("%u of %" G_GSIZE_FORMAT " changed bytes refused", n_refused, size);
  g_assert_cmpuint (n_refused, >, size / 2);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/archive/round-trip", test_round_trip);
  g_test_add_func ("/archive/more-pictures", test_more_pictures);
  g_test_add_func ("/archive/packed-again", test_packed_again);
  g_test_add_func ("/archive/hostile", test_hostile);
  g_test_add_func ("/archive/lying-bomb", test_lying_bomb);
  g_test_add_func ("/archive/cut-off", test_cut_off);
  g_test_add_func ("/archive/changed", test_changed);
  return g_test_run ();
}
