/* An answer's text as blocks that can be shown one below the other: CommonMark, read by cmark.
 *
 * What lies within another is told by each block itself, so that two readings of a growing text can
 * be compared one by one. Nothing that a text says is taken for more than text: raw HTML and images
 * are shown as words, only addresses of http and https become links. No widgets; any thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What of a text is shown at most; a last block says how much more there is. */
#define PMOD_MARKDOWN_MAX_BYTES 65536

typedef enum
{
  PMOD_BLOCK_TEXT,
  PMOD_BLOCK_HEADING,
  PMOD_BLOCK_CODE,
  PMOD_BLOCK_RULE,
  PMOD_BLOCK_LEFT_OUT, /* the text goes on, but is not shown further */
} PmodBlockKind;

typedef struct
{
  PmodBlockKind kind;
  int level;      /* of a heading, 1 to 6 */
  gboolean close; /* little room above: within a list, or the block before goes on */
  gboolean opens; /* a quote begins with it */
  char *inside;   /* what it lies in, from the outside: 'q' a quote, 'l' a list's item */
  char *marker;   /* before the first block of an item: a dot, "3."; NULL elsewhere */
  char *markup;   /* TEXT, HEADING: as GtkLabel takes it, with links */
  char *plain;    /* the same without markup; CODE: the code, without its last line break */
  char *language; /* CODE: as the text says; NULL: it says nothing */
  gsize left_out; /* LEFT_OUT: bytes */
} PmodBlock;

/* text: any bytes. growing: more will come; a last line that may yet become something else is held
 * back. (element-type PmodBlock) (transfer full) */
GPtrArray *pmod_markdown_parse (const char *text, gboolean growing);

gboolean pmod_block_equal (const PmodBlock *a, const PmodBlock *b);
/* Whether b can be shown by changing the words of what shows a. */
gboolean pmod_block_is_alike (const PmodBlock *a, const PmodBlock *b);

G_END_DECLS
