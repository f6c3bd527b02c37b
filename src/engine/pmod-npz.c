/* See pmod-npz.h. Sources: numpy's numpy.lib.format; PKWARE's APPNOTE.TXT, 4.3. */
#include "pmod-npz.h"

#include <string.h>

/* numpy pads its header so that the data begins at a multiple of this. */
#define NPY_ALIGNMENT 64

/* 1 January 1980, the first day that a zip knows: the same arrays give the same file. */
#define ZIP_DATE ((1 << 5) | 1)
#define ZIP_VERSION 20

struct _PmodNpz
{
  GByteArray *members;
  GByteArray *directory;
  guint n_members;
};

PmodNpz *
pmod_npz_new (void)
{
  PmodNpz *self = g_new0 (PmodNpz, 1);

  self->members = g_byte_array_new ();
  self->directory = g_byte_array_new ();
  return self;
}

void
pmod_npz_free (PmodNpz *self)
{
  g_clear_pointer (&self->members, g_byte_array_unref);
  g_byte_array_unref (self->directory);
  g_free (self);
}

static void
put_16 (GByteArray *bytes, guint value)
{
  const guint16 little = GUINT16_TO_LE ((guint16)value);

  g_byte_array_append (bytes, (const guint8 *)&little, sizeof little);
}

static void
put_32 (GByteArray *bytes, guint32 value)
{
  const guint32 little = GUINT32_TO_LE (value);

  g_byte_array_append (bytes, (const guint8 *)&little, sizeof little);
}

/* CRC-32 of zip, four bits at a time: crc holds what came before, 0 at first. */
static guint32
add_crc (guint32 crc, const guint8 *data, gsize n_bytes)
{
  static const guint32 table[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
  };

  crc = ~crc;
  for (gsize i = 0; i < n_bytes; i++)
    {
      crc ^= data[i];
      crc = (crc >> 4) ^ table[crc & 15];
      crc = (crc >> 4) ^ table[crc & 15];
    }
  return ~crc;
}

/* Magic, version 1.0, length of what follows, and the description as Python's literal. */
static GByteArray *
make_header (const char *descr, int n_dims, const gsize *shape)
{
  const guint8 magic[] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0 };
  GByteArray *header = g_byte_array_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  gsize before = sizeof magic + 2;

  g_string_append_printf (text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (int i = 0; i < n_dims; i++)
    g_string_append_printf (text, "%" G_GSIZE_FORMAT ",", shape[i]);
  g_string_append (text, "), }");
  while ((before + text->len + 1) % NPY_ALIGNMENT != 0)
    g_string_append_c (text, ' ');
  g_string_append_c (text, '\n');

  g_byte_array_append (header, magic, sizeof magic);
  put_16 (header, (guint)text->len);
  g_byte_array_append (header, (const guint8 *)text->str, (guint)text->len);
  return header;
}

/* What the local header and the directory say alike. */
static void
put_facts (GByteArray *bytes, guint32 crc, guint32 size, gsize name_length)
{
  put_16 (bytes, ZIP_VERSION);
  put_16 (bytes, 0); /* flags */
  put_16 (bytes, 0); /* stored */
  put_16 (bytes, 0); /* time */
  put_16 (bytes, ZIP_DATE);
  put_32 (bytes, crc);
  put_32 (bytes, size);
  put_32 (bytes, size);
  put_16 (bytes, (guint)name_length);
  put_16 (bytes, 0); /* nothing extra */
}

void
pmod_npz_add (PmodNpz *self,
              const char *name,
              const char *descr,
              int n_dims,
              const gsize *shape,
              gconstpointer data,
              gsize n_bytes)
{
  g_autoptr (GByteArray) header = NULL;
  g_autofree char *file = NULL;
  guint32 crc, size, offset;

  g_return_if_fail (n_dims >= 1 && n_dims <= PMOD_NPZ_MAX_DIMS);
  g_return_if_fail (n_bytes < G_MAXUINT32 / 2 && self->members->len < G_MAXUINT32 / 2);

  header = make_header (descr, n_dims, shape);
  file = g_strdup_printf ("%s.npy", name);
  crc = add_crc (add_crc (0, header->data, header->len), data, n_bytes);
  size = header->len + (guint32)n_bytes;
  offset = self->members->len;

  put_32 (self->members, 0x04034b50);
  put_facts (self->members, crc, size, strlen (file));
  g_byte_array_append (self->members, (const guint8 *)file, (guint)strlen (file));
  g_byte_array_append (self->members, header->data, header->len);
  g_byte_array_append (self->members, data, (guint)n_bytes);

  put_32 (self->directory, 0x02014b50);
  put_16 (self->directory, ZIP_VERSION);
  put_facts (self->directory, crc, size, strlen (file));
  put_16 (self->directory, 0); /* no comment */
  put_16 (self->directory, 0); /* disk */
  put_16 (self->directory, 0); /* attributes, twice */
  put_32 (self->directory, 0);
  put_32 (self->directory, offset);
  g_byte_array_append (self->directory, (const guint8 *)file, (guint)strlen (file));
  self->n_members++;
}

GBytes *
pmod_npz_finish (PmodNpz *self)
{
  guint32 offset = self->members->len;

  g_byte_array_append (self->members, self->directory->data, self->directory->len);
  put_32 (self->members, 0x06054b50);
  put_16 (self->members, 0); /* this disk, that of the directory */
  put_16 (self->members, 0);
  put_16 (self->members, self->n_members);
  put_16 (self->members, self->n_members);
  put_32 (self->members, self->directory->len);
  put_32 (self->members, offset);
  put_16 (self->members, 0); /* no comment */
  return g_byte_array_free_to_bytes (g_steal_pointer (&self->members));
}
