/* A page of the help (Mallard, data/help), read into blocks that can be shown one below the other.
 * No widgets. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  PMOD_HELP_TITLE,
  PMOD_HELP_HEADING,
  PMOD_HELP_PARAGRAPH,
  PMOD_HELP_TERM,
  PMOD_HELP_CODE,
  PMOD_HELP_FIGURE, /* text describes it */
  PMOD_HELP_CAPTION,
  PMOD_HELP_ROW, /* of a table: cells */
} PmodHelpKind;

typedef struct
{
  PmodHelpKind kind;
  char *text;   /* Pango markup; links are "page:NAME" or URLs. NULL for a row */
  char *mark;   /* before the text: a bullet, a number; nullable */
  char *source; /* of a figure: a path below the page's folder; nullable */
  char **cells; /* of a row, Pango markup; nullable */
  int indent;
  gboolean note; /* in a note */
} PmodHelpBlock;

typedef struct
{
  char *name;
  char *title;       /* plain */
  char *about;       /* plain, what the page is about; nullable */
  char *order;       /* pages are sorted by it; nullable */
  GPtrArray *blocks; /* PmodHelpBlock */
} PmodHelpPage;

/* Of the program's resources; what they hold is ours, so an error is one of its own.
 * (transfer full) (nullable) */
PmodHelpPage *pmod_help_page_load (const char *name, GError **error);
void pmod_help_page_free (PmodHelpPage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodHelpPage, pmod_help_page_free)

/* All but the first, in their order. (element-type PmodHelpPage) (transfer full) */
GPtrArray *pmod_help_page_load_all (void);

#define PMOD_HELP_PATH "/io/github/strata/Strata/help/"

G_END_DECLS
