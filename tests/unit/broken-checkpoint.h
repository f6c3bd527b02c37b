/* For tests: copies of the fixture checkpoints that are broken in one place. */
#pragma once

#include "pmod-checkpoint.h"

G_BEGIN_DECLS

/* One tensor of a safetensors file in memory, to be changed and written again. */
typedef struct
{
  char *name;
  char *dtype;
  char *shape; /* "[2,3]" */
  GByteArray *bytes;
} BrokenItem;

typedef enum
{
  BROKEN_REMOVE,       /* the tensor name */
  BROKEN_RENAME,       /* to argument */
  BROKEN_RESHAPE,      /* to argument, its bytes cut or filled up with zeros */
  BROKEN_DTYPE,        /* to argument, its bytes four times as many */
  BROKEN_ADD,          /* a tensor name of shape argument, F16 zeros */
  BROKEN_KEY,          /* name of config.json to argument (NULL: removed) */
  BROKEN_TOWER_REMOVE, /* the same in the tower's directory */
  BROKEN_TOWER_RESHAPE,
  BROKEN_TOWER_ADD,
  BROKEN_TOWER_KEY,
} BrokenChange;

/* Of BrokenItem, in the order of the data. */
GPtrArray *broken_read (const char *path);
void broken_write (GPtrArray *items, const char *path);
guint broken_find (GPtrArray *items, const char *name);

/* The first five changes, to items. */
void broken_change (GPtrArray *items, BrokenChange change, const char *name, const char *argument);

/* Sets a key of a JSON file to the JSON text value, or removes it (NULL). */
void broken_set_key (const char *path, const char *key, const char *value);

/* A new directory with ckpt/, a copy of the fixture, and tiny-clip-336/, a copy of the tower.
 * (transfer full) */
char *broken_copy_fixture (const char *fixture);
void broken_remove (char *root);

/* Fails the test unless opening failed with code and a message that has the given part. */
void broken_expect (const char *what,
                    PmodCheckpoint *checkpoint,
                    GError *error,
                    PmodErrorCode code,
                    const char *message);

G_END_DECLS
