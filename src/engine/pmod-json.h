/* A strict reader of small JSON files: configurations and safetensors headers.
 *
 * Stricter than most on purpose: a key that stands twice in an object, text after the value,
 * invalid UTF-8, numbers that JSON does not have (NaN) and deep nesting are errors that name the
 * line and the last key. Values lie in one flat array, each object or array followed by what it
 * holds, so that reading needs memory in proportion to the text and no recursion afterwards. */
#pragma once

#include "pmod-error.h"

G_BEGIN_DECLS

#define PMOD_JSON_MAX_DEPTH 64
#define PMOD_JSON_MAX_VALUES (4 * 1000 * 1000)

typedef enum
{
  PMOD_JSON_NULL,
  PMOD_JSON_BOOLEAN,
  PMOD_JSON_INTEGER, /* fits in 64 bits and has neither fraction nor exponent */
  PMOD_JSON_NUMBER,  /* any other number; finite */
  PMOD_JSON_STRING,  /* holds no zero byte */
  PMOD_JSON_ARRAY,
  PMOD_JSON_OBJECT,
} PmodJsonType;

typedef struct
{
  PmodJsonType type;
  guint32 n_children;
  guint32 span;    /* values in the array that belong to this one, itself included */
  const char *key; /* in an object, else NULL */
  union
  {
    gboolean boolean;
    gint64 integer;
    double number;
    const char *string;
  };
} PmodJson;

typedef struct _PmodJsonDocument PmodJsonDocument;

/* length in bytes, or -1; name stands in messages. */
PmodJsonDocument *
pmod_json_parse (const char *text, gssize length, const char *name, GError **error);
PmodJsonDocument *pmod_json_load (const char *path, guint64 max_bytes, GError **error);
void pmod_json_document_free (PmodJsonDocument *self);

const PmodJson *pmod_json_root (const PmodJsonDocument *self);
const char *pmod_json_get_name (const PmodJsonDocument *self);

/* for (i = 0, v = pmod_json_first (a); i < a->n_children; i++, v = pmod_json_next (v)) */
const PmodJson *pmod_json_first (const PmodJson *parent);
const PmodJson *pmod_json_next (const PmodJson *value);

/* NULL where object has no such key or is none; object may be NULL. */
const PmodJson *pmod_json_find (const PmodJson *object, const char *key);

/* The value as messages show it: its text where it is short, else its type. (transfer full) */
char *pmod_json_describe (const PmodJson *value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodJsonDocument, pmod_json_document_free)

G_END_DECLS
