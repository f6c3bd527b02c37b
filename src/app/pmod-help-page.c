/* Reads what our own pages use of Mallard; tests/lint/help.py sees to it that they use nothing
 * else. */
#include "config.h"

#include "pmod-help-page.h"

#include <gio/gio.h>
#include <pango/pango.h>
#include <string.h>

typedef struct
{
  PmodHelpPage *page;
  PmodHelpBlock *block; /* that text goes to, or NULL */
  GString *text;        /* its markup so far; of a row, the cell's */
  GPtrArray *cells;     /* of the row */
  GString *plain;       /* of what is in <info> */
  char *mark;           /* for the next paragraph */
  GArray *counts;       /* of each list that is open: -1 for bullets, else steps so far */
  int sections;
  int terms; /* lists of terms that are open */
  int indent;
  gboolean in_info;
  gboolean in_note;
  gboolean sort_title;
  gboolean in_sequence; /* of keys or menus */
} Reader;

/* --- Blocks ---------------------------------------------------------------------------------- */

static void
block_free (gpointer data)
{
  PmodHelpBlock *block = data;

  g_free (block->text);
  g_free (block->mark);
  g_free (block->source);
  g_strfreev (block->cells);
  g_free (block);
}

static PmodHelpBlock *
begin_block (Reader *self, PmodHelpKind kind)
{
  PmodHelpBlock *block = g_new0 (PmodHelpBlock, 1);

  block->kind = kind;
  block->indent = self->indent;
  block->note = self->in_note;
  block->mark = g_steal_pointer (&self->mark);
  g_ptr_array_add (self->page->blocks, block);
  self->block = block;
  g_string_truncate (self->text, 0);
  return block;
}

static void
end_block (Reader *self)
{
  if (!self->block)
    return;
  self->block->text = g_strdup (g_strstrip (self->text->str));
  self->block = NULL;
}

static const char *
find (const char **names, const char **values, const char *name)
{
  for (int i = 0; names[i]; i++)
    if (g_str_equal (names[i], name))
      return values[i];
  return NULL;
}

/* --- What stands in a line ------------------------------------------------------------------- */

static const struct
{
  const char *element;
  const char *open;
  const char *close;
} inlines[] = {
  { "em", "<i>", "</i>" },    { "gui", "<b>", "</b>" },    { "key", "<b>", "</b>" },
  { "cmd", "<tt>", "</tt>" }, { "file", "<tt>", "</tt>" }, { "input", "<tt>", "</tt>" },
};

static gboolean
begin_inline (Reader *self, const char *element, const char **names, const char **values)
{
  if (g_str_equal (element, "keyseq") || g_str_equal (element, "guiseq"))
    {
      self->in_sequence = TRUE;
      return TRUE;
    }
  if (g_str_equal (element, "link"))
    {
      const char *xref = find (names, values, "xref");
      g_autofree char *href =
          xref ? g_strconcat ("page:", xref, NULL) : g_strdup (find (names, values, "href"));
      g_autofree char *tag = g_markup_printf_escaped ("<a href=\"%s\">", href ? href : "");

      g_string_append (self->text, tag);
      return TRUE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (inlines); i++)
    if (g_str_equal (element, inlines[i].element))
      {
        if (self->in_sequence && g_str_has_suffix (self->text->str, "</b>"))
          g_string_append (self->text, g_str_equal (element, "key") ? "+" : " \342\200\272 ");
        g_string_append (self->text, inlines[i].open);
        return TRUE;
      }
  return FALSE;
}

static gboolean
end_inline (Reader *self, const char *element)
{
  if (g_str_equal (element, "keyseq") || g_str_equal (element, "guiseq"))
    {
      self->in_sequence = FALSE;
      return TRUE;
    }
  if (g_str_equal (element, "link"))
    {
      g_string_append (self->text, "</a>");
      return TRUE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (inlines); i++)
    if (g_str_equal (element, inlines[i].element))
      {
        g_string_append (self->text, inlines[i].close);
        return TRUE;
      }
  return FALSE;
}

/* Line breaks and indents of the file are one space. */
static void
append_words (Reader *self, const char *text, gsize length)
{
  g_autofree char *escaped = g_markup_escape_text (text, (gssize)length);
  GString *to = self->text;

  for (const char *c = escaped; *c; c++)
    if (!g_ascii_isspace (*c))
      g_string_append_c (to, *c);
    else if (to->len > 0 && to->str[to->len - 1] != ' ')
      g_string_append_c (to, ' ');
}

/* --- Elements -------------------------------------------------------------------------------- */

static void
begin_item (Reader *self)
{
  int *count = &g_array_index (self->counts, int, self->counts->len - 1);

  g_free (self->mark);
  self->mark = *count < 0 ? g_strdup ("\342\200\242") : g_strdup_printf ("%d.", ++*count);
}

static void
begin_list (Reader *self, gboolean steps)
{
  int count = steps ? 0 : -1;

  g_array_append_val (self->counts, count);
  self->indent++;
}

static void
begin_title (Reader *self, const char **names, const char **values)
{
  if (self->in_info)
    {
      self->sort_title = g_strcmp0 (find (names, values, "type"), "sort") == 0;
      g_string_truncate (self->plain, 0);
    }
  else if (self->terms > 0)
    begin_block (self, PMOD_HELP_TERM)->indent--;
  else
    begin_block (self, self->sections > 0 || self->in_note ? PMOD_HELP_HEADING : PMOD_HELP_TITLE);
}

static void
begin_element (GMarkupParseContext *context,
               const char *element,
               const char **names,
               const char **values,
               gpointer user_data,
               GError **error)
{
  Reader *self = user_data;

  if (self->block && begin_inline (self, element, names, values))
    return;
  if (g_str_equal (element, "info"))
    self->in_info = TRUE;
  else if (g_str_equal (element, "title"))
    begin_title (self, names, values);
  else if (g_str_equal (element, "desc"))
    {
      g_string_truncate (self->plain, 0);
      if (!self->in_info)
        begin_block (self, PMOD_HELP_CAPTION);
    }
  else if (g_str_equal (element, "section"))
    self->sections++;
  else if (g_str_equal (element, "note"))
    self->in_note = TRUE;
  else if (g_str_equal (element, "list") || g_str_equal (element, "steps"))
    begin_list (self, g_str_equal (element, "steps"));
  else if (g_str_equal (element, "terms"))
    {
      self->terms++;
      self->indent++;
    }
  else if (g_str_equal (element, "item") && self->counts->len > 0)
    begin_item (self);
  else if (g_str_equal (element, "p") && !self->cells &&
           !(self->block && self->block->kind == PMOD_HELP_FIGURE))
    begin_block (self, PMOD_HELP_PARAGRAPH);
  else if (g_str_equal (element, "code"))
    begin_block (self, PMOD_HELP_CODE);
  else if (g_str_equal (element, "media"))
    begin_block (self, PMOD_HELP_FIGURE)->source = g_strdup (find (names, values, "src"));
  else if (g_str_equal (element, "tr"))
    {
      begin_block (self, PMOD_HELP_ROW);
      self->cells = g_ptr_array_new ();
    }
  else if (g_str_equal (element, "td"))
    g_string_truncate (self->text, 0);
}

static void
end_info (Reader *self, const char *element)
{
  g_strstrip (self->plain->str);
  if (g_str_equal (element, "info"))
    self->in_info = FALSE;
  else if (g_str_equal (element, "desc"))
    self->page->about = g_strdup (self->plain->str);
  else if (g_str_equal (element, "title") && self->sort_title)
    self->page->order = g_strdup (self->plain->str);
}

static void
end_title (Reader *self)
{
  PmodHelpBlock *block = self->block;

  end_block (self);
  if (block->kind != PMOD_HELP_TITLE || self->page->title)
    return;
  pango_parse_markup (block->text, -1, 0, NULL, &self->page->title, NULL, NULL);
}

static void
end_element (GMarkupParseContext *context, const char *element, gpointer user_data, GError **error)
{
  Reader *self = user_data;

  if (self->in_info)
    {
      end_info (self, element);
      return;
    }
  if (self->block && end_inline (self, element))
    return;
  if (g_str_equal (element, "title"))
    end_title (self);
  else if (g_str_equal (element, "section"))
    self->sections--;
  else if (g_str_equal (element, "note"))
    self->in_note = FALSE;
  else if (g_str_equal (element, "list") || g_str_equal (element, "steps"))
    {
      g_array_set_size (self->counts, self->counts->len - 1);
      self->indent--;
    }
  else if (g_str_equal (element, "terms"))
    {
      self->terms--;
      self->indent--;
    }
  else if (g_str_equal (element, "td"))
    g_ptr_array_add (self->cells, g_strdup (g_strstrip (self->text->str)));
  else if (g_str_equal (element, "tr"))
    {
      g_ptr_array_add (self->cells, NULL);
      self->block->cells = (char **)g_ptr_array_free (g_steal_pointer (&self->cells), FALSE);
      self->block = NULL;
    }
  else if ((g_str_equal (element, "p") && !self->cells) || g_str_equal (element, "desc") ||
           g_str_equal (element, "code") || g_str_equal (element, "media"))
    end_block (self);
}

static void
add_text (GMarkupParseContext *context,
          const char *text,
          gsize length,
          gpointer user_data,
          GError **error)
{
  Reader *self = user_data;

  if (self->in_info)
    g_string_append_len (self->plain, text, (gssize)length);
  else if (self->block && self->block->kind == PMOD_HELP_CODE)
    {
      g_autofree char *escaped = g_markup_escape_text (text, (gssize)length);

      g_string_append (self->text, escaped);
    }
  else if (self->block)
    append_words (self, text, length);
}

/* --- Pages ----------------------------------------------------------------------------------- */

static gboolean
parse (PmodHelpPage *page, GBytes *bytes, GError **error)
{
  static const GMarkupParser parser = { begin_element, end_element, add_text, NULL, NULL };
  Reader reader = { .page = page };
  g_autoptr (GMarkupParseContext) context = NULL;
  gboolean parsed;

  reader.text = g_string_new (NULL);
  reader.plain = g_string_new (NULL);
  reader.counts = g_array_new (FALSE, FALSE, sizeof (int));
  context = g_markup_parse_context_new (&parser, 0, &reader, NULL);
  parsed = g_markup_parse_context_parse (context, g_bytes_get_data (bytes, NULL),
                                         (gssize)g_bytes_get_size (bytes), error) &&
           g_markup_parse_context_end_parse (context, error);
  g_string_free (reader.text, TRUE);
  g_string_free (reader.plain, TRUE);
  g_array_unref (reader.counts);
  g_free (reader.mark);
  if (reader.cells)
    g_ptr_array_free (reader.cells, TRUE);
  return parsed;
}

PmodHelpPage *
pmod_help_page_load (const char *name, GError **error)
{
  g_autofree char *path = g_strconcat (PMOD_HELP_PATH, name, ".page", NULL);
  g_autoptr (GBytes) bytes = g_resources_lookup_data (path, G_RESOURCE_LOOKUP_FLAGS_NONE, error);
  g_autoptr (PmodHelpPage) page = g_new0 (PmodHelpPage, 1);

  page->name = g_strdup (name);
  page->blocks = g_ptr_array_new_with_free_func (block_free);
  if (!bytes || !parse (page, bytes, error))
    return NULL;
  if (!page->title)
    page->title = g_strdup (name);
  return g_steal_pointer (&page);
}

void
pmod_help_page_free (PmodHelpPage *self)
{
  g_free (self->name);
  g_free (self->title);
  g_free (self->about);
  g_free (self->order);
  g_ptr_array_unref (self->blocks);
  g_free (self);
}

static int
compare_order (gconstpointer a, gconstpointer b)
{
  const PmodHelpPage *first = *(PmodHelpPage *const *)a;
  const PmodHelpPage *second = *(PmodHelpPage *const *)b;

  return g_strcmp0 (first->order, second->order);
}

GPtrArray *
pmod_help_page_load_all (void)
{
  GPtrArray *pages = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_help_page_free);
  g_auto (GStrv) files =
      g_resources_enumerate_children (PMOD_HELP_PATH, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

  for (int i = 0; files && files[i]; i++)
    {
      g_autofree char *name = g_str_has_suffix (files[i], ".page")
                                  ? g_strndup (files[i], strlen (files[i]) - strlen (".page"))
                                  : NULL;
      PmodHelpPage *page =
          name && !g_str_equal (name, "index") ? pmod_help_page_load (name, NULL) : NULL;

      if (page)
        g_ptr_array_add (pages, page);
    }
  g_ptr_array_sort (pages, compare_order);
  return pages;
}
