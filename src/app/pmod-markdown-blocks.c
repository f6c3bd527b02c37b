/* See pmod-markdown-blocks.h. One pass over cmark's tree, which it walks without recursion. */
#include "config.h"

#include "pmod-markdown-blocks.h"

#include <cmark.h>
#include <string.h>

/* A label lays out all of its text whenever that grows. */
#define MAX_PART_BYTES 4096
/* Deeper ones are shown, but not set in further. */
#define MAX_INSIDE 6
#define MAX_TAGS 16
/* Of a line that may still become a rule, a heading, an item or a fence. */
#define MAX_HELD_MARKS 8
#define MAX_HELD_FENCE 48

typedef struct
{
  gboolean ordered;
  gboolean tight;
  char delimiter;
  guint number; /* of the next item */
  guint n_blocks;
} List;

typedef struct
{
  GPtrArray *blocks;
  GString *inside;
  GArray *lists;   /* List, from the outside */
  char *marker;    /* of an item whose first block has not come */
  GString *markup; /* of the block that is being read */
  GString *plain;
  GPtrArray *tags;  /* what is open, as it was opened; "" where nothing was written */
  gboolean opens;   /* a quote has begun */
  gboolean goes_on; /* the block is the rest of one that was too long */
  int image_depth;
} Reader;

static void
block_free (gpointer data)
{
  PmodBlock *block = data;

  g_free (block->inside);
  g_free (block->marker);
  g_free (block->markup);
  g_free (block->plain);
  g_free (block->language);
  g_free (block);
}

/* --- Blocks ---------------------------------------------------------------------------------- */

static List *
get_list (Reader *reader)
{
  return reader->lists->len > 0 ? &g_array_index (reader->lists, List, reader->lists->len - 1)
                                : NULL;
}

static PmodBlock *
add_block (Reader *reader, PmodBlockKind kind)
{
  PmodBlock *block = g_new0 (PmodBlock, 1);
  List *outer = reader->lists->len > 0 ? &g_array_index (reader->lists, List, 0) : NULL;
  List *list = get_list (reader);

  block->kind = kind;
  block->inside = g_strndup (reader->inside->str, MIN (reader->inside->len, MAX_INSIDE));
  block->marker = g_steal_pointer (&reader->marker);
  block->close = reader->goes_on || (list && list->tight && outer->n_blocks > 0);
  block->opens = reader->opens;
  reader->opens = FALSE;
  if (outer)
    outer->n_blocks++;
  g_ptr_array_add (reader->blocks, block);
  return block;
}

/* An item that begins with a list, or has nothing in it. */
static void
flush_marker (Reader *reader)
{
  PmodBlock *block;

  if (!reader->marker)
    return;
  block = add_block (reader, PMOD_BLOCK_TEXT);
  block->markup = g_strdup ("");
  block->plain = g_strdup ("");
}

/* What the tag "<a href=...>" is closed with. */
static void
append_closing (GString *markup, const char *tag)
{
  if (*tag)
    g_string_append_printf (markup, "</%.*s>", (int)strcspn (tag + 1, " >"), tag + 1);
}

static PmodBlock *
end_text (Reader *reader, PmodBlockKind kind, int level)
{
  PmodBlock *block = add_block (reader, kind);

  for (guint i = reader->tags->len; i > 0; i--)
    append_closing (reader->markup, reader->tags->pdata[i - 1]);
  block->level = level;
  block->markup = g_strdup (reader->markup->str);
  block->plain = g_strdup (reader->plain->str);
  g_string_truncate (reader->markup, 0);
  g_string_truncate (reader->plain, 0);
  reader->goes_on = FALSE;
  return block;
}

static void
split_text (Reader *reader)
{
  end_text (reader, PMOD_BLOCK_TEXT, 0);
  reader->goes_on = TRUE;
  for (guint i = 0; i < reader->tags->len; i++)
    g_string_append (reader->markup, reader->tags->pdata[i]);
}

/* --- Words ----------------------------------------------------------------------------------- */

static void
append_words (Reader *reader, const char *text, gsize n)
{
  g_autofree char *escaped = g_markup_escape_text (text, (gssize)n);

  g_string_append (reader->markup, escaped);
  g_string_append_len (reader->plain, text, (gssize)n);
}

/* Where a text of more than room bytes can be divided: after a space, or else between characters.
 */
static gsize
find_division (const char *text, gsize room)
{
  const char *at = text + room;

  while (at > text && ((guchar)*at & 0xC0) == 0x80)
    at--;
  for (const char *space = at; space > text && space + 200 > at; space--)
    if (space[-1] == ' ' || space[-1] == '\n')
      return (gsize)(space - text);
  return (gsize)(at - text);
}

static void
add_words (Reader *reader, const char *text)
{
  gsize left = text ? strlen (text) : 0;

  while (reader->plain->len + left > MAX_PART_BYTES)
    {
      gsize n = find_division (text, MAX_PART_BYTES - reader->plain->len);

      append_words (reader, text, n);
      split_text (reader);
      text += n;
      left -= n;
    }
  if (left > 0)
    append_words (reader, text, left);
}

/* tag: taken. */
static void
open_tag (Reader *reader, char *tag)
{
  if (reader->tags->len >= MAX_TAGS)
    *tag = '\0';
  g_string_append (reader->markup, tag);
  g_ptr_array_add (reader->tags, tag);
}

static void
close_tag (Reader *reader)
{
  append_closing (reader->markup, reader->tags->pdata[reader->tags->len - 1]);
  g_ptr_array_set_size (reader->tags, (int)reader->tags->len - 1);
}

static gboolean
may_be_opened (const char *address)
{
  g_autofree char *scheme = address ? g_uri_parse_scheme (address) : NULL;

  return scheme &&
         (g_ascii_strcasecmp (scheme, "http") == 0 || g_ascii_strcasecmp (scheme, "https") == 0);
}

/* A link in a link or in a picture's words is none; neither is one that cannot be followed. */
static gboolean
is_link (Reader *reader, cmark_node *node)
{
  return reader->image_depth == 0 && may_be_opened (cmark_node_get_url (node));
}

static void
enter_link (Reader *reader, cmark_node *node)
{
  g_autofree char *address = NULL;
  g_autofree char *title = NULL;

  if (!is_link (reader, node))
    {
      open_tag (reader, g_strdup (""));
      return;
    }
  address = g_markup_escape_text (cmark_node_get_url (node), -1);
  /* A label takes it for markup once more when it shows it. */
  title = g_markup_escape_text (address, -1);
  open_tag (reader, g_strdup_printf ("<a href=\"%s\" title=\"%s\">", address, title));
}

/* Where words would lead cannot be hidden behind them. */
static void
leave_link (Reader *reader, cmark_node *node)
{
  const char *address = cmark_node_get_url (node);

  close_tag (reader);
  if (is_link (reader, node) || !address || !*address)
    return;
  add_words (reader, " (");
  add_words (reader, address);
  add_words (reader, ")");
}

static void
enter_image (Reader *reader, cmark_node *node)
{
  reader->image_depth++;
  if (!cmark_node_first_child (node))
    add_words (reader, cmark_node_get_url (node));
}

static void
read_inline (Reader *reader, cmark_node *node, gboolean enters)
{
  switch (cmark_node_get_type (node))
    {
    case CMARK_NODE_TEXT:
    case CMARK_NODE_HTML_INLINE:
      add_words (reader, cmark_node_get_literal (node));
      break;
    case CMARK_NODE_SOFTBREAK: /* as it was written */
    case CMARK_NODE_LINEBREAK:
      add_words (reader, "\n");
      break;
    case CMARK_NODE_CODE:
      open_tag (reader, g_strdup ("<tt>"));
      add_words (reader, cmark_node_get_literal (node));
      close_tag (reader);
      break;
    case CMARK_NODE_EMPH:
    case CMARK_NODE_STRONG:
      if (enters)
        open_tag (reader, g_strdup (cmark_node_get_type (node) == CMARK_NODE_EMPH ? "<i>" : "<b>"));
      else
        close_tag (reader);
      break;
    case CMARK_NODE_LINK:
      (enters ? enter_link : leave_link) (reader, node);
      break;
    case CMARK_NODE_IMAGE:
      if (enters)
        enter_image (reader, node);
      else
        reader->image_depth--;
      break;
    default:
      break;
    }
}

/* --- The tree -------------------------------------------------------------------------------- */

static void
enter_list (Reader *reader, cmark_node *node)
{
  List list = { 0 };

  flush_marker (reader);
  list.ordered = cmark_node_get_list_type (node) == CMARK_ORDERED_LIST;
  list.tight = cmark_node_get_list_tight (node) != 0;
  list.delimiter = cmark_node_get_list_delim (node) == CMARK_PAREN_DELIM ? ')' : '.';
  list.number = (guint)MAX (cmark_node_get_list_start (node), 0);
  g_array_append_val (reader->lists, list);
}

static void
enter_item (Reader *reader)
{
  static const char *dots[] = { "\342\200\242", "\342\227\246", "\342\226\252" };
  List *list = get_list (reader);
  guint depth = MIN (reader->lists->len, G_N_ELEMENTS (dots)) - 1;

  reader->marker = list->ordered ? g_strdup_printf ("%u%c", list->number++, list->delimiter)
                                 : g_strdup (dots[depth]);
  g_string_append_c (reader->inside, 'l');
}

static void
leave_inside (Reader *reader)
{
  flush_marker (reader);
  g_string_truncate (reader->inside, reader->inside->len - 1);
}

static void
add_code (Reader *reader, cmark_node *node)
{
  PmodBlock *block = add_block (reader, PMOD_BLOCK_CODE);
  const char *info = cmark_node_get_fence_info (node);
  gsize n = info ? strcspn (info, " \t{,") : 0;

  block->plain = g_strdup (cmark_node_get_literal (node));
  if (g_str_has_suffix (block->plain, "\n"))
    block->plain[strlen (block->plain) - 1] = '\0';
  if (n > 0)
    block->language = g_strndup (info, n);
}

static void
add_html (Reader *reader, cmark_node *node)
{
  g_autofree char *text = g_strdup (cmark_node_get_literal (node));

  add_words (reader, g_strchomp (text));
  end_text (reader, PMOD_BLOCK_TEXT, 0);
}

static void
read_node (Reader *reader, cmark_node *node, gboolean enters)
{
  switch (cmark_node_get_type (node))
    {
    case CMARK_NODE_BLOCK_QUOTE:
      if (enters)
        {
          flush_marker (reader);
          reader->opens = !strchr (reader->inside->str, 'q');
          g_string_append_c (reader->inside, 'q');
        }
      else
        leave_inside (reader);
      break;
    case CMARK_NODE_LIST:
      if (enters)
        enter_list (reader, node);
      else
        g_array_set_size (reader->lists, reader->lists->len - 1);
      break;
    case CMARK_NODE_ITEM:
      (enters ? enter_item : leave_inside) (reader);
      break;
    case CMARK_NODE_CODE_BLOCK:
      add_code (reader, node);
      break;
    case CMARK_NODE_HTML_BLOCK:
      add_html (reader, node);
      break;
    case CMARK_NODE_PARAGRAPH:
      if (!enters)
        end_text (reader, PMOD_BLOCK_TEXT, 0);
      break;
    case CMARK_NODE_HEADING:
      if (!enters)
        end_text (reader, PMOD_BLOCK_HEADING, cmark_node_get_heading_level (node));
      break;
    case CMARK_NODE_THEMATIC_BREAK:
      add_block (reader, PMOD_BLOCK_RULE);
      break;
    default:
      read_inline (reader, node, enters);
    }
}

static void
read_tree (GPtrArray *blocks, cmark_node *document)
{
  Reader reader = { .blocks = blocks,
                    .inside = g_string_new (NULL),
                    .lists = g_array_new (FALSE, FALSE, sizeof (List)),
                    .markup = g_string_new (NULL),
                    .plain = g_string_new (NULL),
                    .tags = g_ptr_array_new_with_free_func (g_free) };
  cmark_iter *iter = cmark_iter_new (document);
  cmark_event_type event;

  while ((event = cmark_iter_next (iter)) != CMARK_EVENT_DONE)
    read_node (&reader, cmark_iter_get_node (iter), event == CMARK_EVENT_ENTER);
  cmark_iter_free (iter);
  g_string_free (reader.inside, TRUE);
  g_array_unref (reader.lists);
  g_string_free (reader.markup, TRUE);
  g_string_free (reader.plain, TRUE);
  g_ptr_array_unref (reader.tags);
  g_free (reader.marker);
}

/* --- Texts that grow ------------------------------------------------------------------------- */

/* "Words" and below it "-" is a heading, until " item" makes an item of it; "**" alone is a rule
 * that wants to be words. Such a line is not shown before it tells what it is. */
static void
hold_back (GString *text)
{
  char *line = strrchr (text->str, '\n');
  const char *first;

  line = line ? line + 1 : text->str;
  first = line + strspn (line, " \t>");
  if ((g_str_has_prefix (first, "```") || g_str_has_prefix (first, "~~~"))
          ? strlen (first) <= MAX_HELD_FENCE
          : strlen (first) <= MAX_HELD_MARKS &&
                strspn (first, " \t-=*_#`~+>0123456789.)![<") == strlen (first))
    g_string_truncate (text, (gsize)(line - text->str));
}

static gsize
get_shown_bytes (const char *text, gsize n_bytes)
{
  if (n_bytes <= PMOD_MARKDOWN_MAX_BYTES)
    return n_bytes;
  return find_division (text, PMOD_MARKDOWN_MAX_BYTES);
}

GPtrArray *
pmod_markdown_parse (const char *text, gboolean growing)
{
  g_autoptr (GPtrArray) blocks = g_ptr_array_new_with_free_func (block_free);
  gsize n_bytes = strlen (text);
  gsize n_shown = get_shown_bytes (text, n_bytes);
  g_autofree char *valid = g_utf8_make_valid (text, (gssize)n_shown);
  g_autoptr (GString) shown = g_string_new (valid);
  cmark_node *document;

  if (growing && n_shown == n_bytes)
    hold_back (shown);
  document = cmark_parse_document (shown->str, shown->len, CMARK_OPT_DEFAULT);
  read_tree (blocks, document);
  cmark_node_free (document);
  if (n_shown < n_bytes)
    {
      PmodBlock *block = g_new0 (PmodBlock, 1);

      block->kind = PMOD_BLOCK_LEFT_OUT;
      block->inside = g_strdup ("");
      block->left_out = n_bytes - n_shown;
      g_ptr_array_add (blocks, block);
    }
  return g_steal_pointer (&blocks);
}

gboolean
pmod_block_is_alike (const PmodBlock *a, const PmodBlock *b)
{
  return a->kind == b->kind && a->level == b->level && a->close == b->close &&
         a->opens == b->opens && g_strcmp0 (a->inside, b->inside) == 0 &&
         g_strcmp0 (a->marker, b->marker) == 0 && g_strcmp0 (a->language, b->language) == 0;
}

gboolean
pmod_block_equal (const PmodBlock *a, const PmodBlock *b)
{
  return pmod_block_is_alike (a, b) && a->left_out == b->left_out &&
         g_strcmp0 (a->markup, b->markup) == 0 && g_strcmp0 (a->plain, b->plain) == 0;
}
