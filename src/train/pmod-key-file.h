/* A key file read strictly into structs: a table names each key of a group, its range, what it is
 * where it is absent, and where it goes. Whatever is not in the table is refused. Messages name the
 * file, the group, the key, what was expected and got. For the trainer's own files. */
#pragma once

#include "pmod-error.h"

G_BEGIN_DECLS

typedef enum
{
  PMOD_KEY_INT,    /* int */
  PMOD_KEY_SEED,   /* guint64 */
  PMOD_KEY_NUMBER, /* double */
  PMOD_KEY_FLAG,   /* gboolean: "true" or "false" */
  PMOD_KEY_TEXT,   /* char *, not empty */
  PMOD_KEY_PATH,   /* char *, absolute: relative ones are relative to the key file */
  PMOD_KEY_CHOICE, /* int: the index in choices */
  PMOD_KEY_SET,    /* guint: bits of choices, separated by semicolons */
} PmodKeyType;

typedef struct
{
  const char *name;
  PmodKeyType type;
  gsize offset; /* in the struct */
  /* Of INT and NUMBER. */
  double least;
  double most;
  gboolean above;             /* the number must be greater than least */
  double fallback;            /* of INT, SEED, NUMBER, FLAG, CHOICE and SET */
  const char *const *choices; /* of CHOICE, SET and, where a text must be one of them, TEXT */
  const char *text;           /* fallback of TEXT and PATH; NULL: the field is left alone */
  gboolean required;
} PmodKey;

typedef struct _PmodKeyFile PmodKeyFile;

/* Refuses groups and keys that stand twice, which GKeyFile would join. */
PmodKeyFile *pmod_key_file_load (const char *path, GError **error);
void pmod_key_file_free (PmodKeyFile *self);

const char *pmod_key_file_get_path (const PmodKeyFile *self);

/* path, absolute: a relative one is relative to the key file. (transfer full) */
char *pmod_key_file_resolve (const PmodKeyFile *self, const char *path);

/* In their order. (transfer none) */
const char *const *pmod_key_file_get_groups (const PmodKeyFile *self);
gboolean pmod_key_file_has_group (const PmodKeyFile *self, const char *group);

/* NULL where it is absent. (transfer full) */
char *pmod_key_file_get_value (const PmodKeyFile *self, const char *group, const char *key);

/* Fills target, whose strings are its owner's to free, even on failure. */
gboolean pmod_key_file_read (const PmodKeyFile *self,
                             const char *group,
                             const PmodKey *keys,
                             gsize n_keys,
                             gpointer target,
                             GError **error);

/* Sets error to "FILE: [group] key: expected EXPECTED, got VALUE"; returns FALSE. value: NULL for
 * nothing. */
gboolean pmod_key_file_refuse (const PmodKeyFile *self,
                               const char *group,
                               const char *key,
                               const char *expected,
                               const char *value,
                               GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodKeyFile, pmod_key_file_free)

G_END_DECLS
