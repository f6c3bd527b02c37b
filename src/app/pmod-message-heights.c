/* See pmod-message-heights.h. Sums are made when they are asked for: thousands of additions take
 * less than a row's first measurement. */
#include "config.h"

#include "pmod-message-heights.h"

#include <string.h>

/* A row without its text, a line, and how wide its letters are, in pixels. */
#define GUESS_ROW 70
#define GUESS_LINE 20
#define GUESS_LETTER 7.5
#define GUESS_WIDTH 380
#define MAX_LINES 4000

typedef struct
{
  int height;
  guint n_bytes;
  guint n_lines;
} Item;

struct _PmodMessageHeights
{
  GArray *items;
  double origin;
  guint anchor;
  int width;
};

static Item *
get_item (PmodMessageHeights *self, guint position)
{
  return &g_array_index (self->items, Item, position);
}

static void
guess (PmodMessageHeights *self, Item *item)
{
  double per_line = MAX (self->width / GUESS_LETTER, 10);

  item->height =
      (int)(GUESS_ROW + GUESS_LINE * MIN (item->n_lines + item->n_bytes / per_line, MAX_LINES));
}

static Item
make_item (PmodMessageHeights *self, const char *text)
{
  Item item = { .n_bytes = (guint)strlen (text), .n_lines = 1 };

  for (const char *end = strchr (text, '\n'); end; end = strchr (end + 1, '\n'))
    item.n_lines++;
  guess (self, &item);
  return item;
}

PmodMessageHeights *
pmod_message_heights_new (void)
{
  PmodMessageHeights *self = g_new0 (PmodMessageHeights, 1);

  self->items = g_array_new (FALSE, TRUE, sizeof (Item));
  self->width = GUESS_WIDTH;
  return self;
}

void
pmod_message_heights_free (PmodMessageHeights *self)
{
  g_array_unref (self->items);
  g_free (self);
}

guint
pmod_message_heights_get_n (PmodMessageHeights *self)
{
  return self->items->len;
}

double
pmod_message_heights_get_origin (PmodMessageHeights *self)
{
  return self->origin;
}

double
pmod_message_heights_get_top (PmodMessageHeights *self, guint position)
{
  double top = self->origin;

  for (guint i = 0; i < position; i++)
    top += get_item (self, i)->height;
  return top;
}

int
pmod_message_heights_get (PmodMessageHeights *self, guint position)
{
  return get_item (self, position)->height;
}

double
pmod_message_heights_get_end (PmodMessageHeights *self)
{
  return pmod_message_heights_get_top (self, self->items->len);
}

guint
pmod_message_heights_find (PmodMessageHeights *self, double y)
{
  double top = self->origin;
  guint i = 0;

  while (i + 1 < self->items->len && top + get_item (self, i)->height <= y)
    top += get_item (self, i++)->height;
  return i;
}

guint
pmod_message_heights_get_anchor (PmodMessageHeights *self)
{
  return self->anchor;
}

void
pmod_message_heights_set_anchor (PmodMessageHeights *self, guint position)
{
  self->anchor = position;
}

void
pmod_message_heights_set (PmodMessageHeights *self, guint position, int height)
{
  Item *item = get_item (self, position);

  if (position < self->anchor)
    self->origin -= height - item->height;
  item->height = height;
}

void
pmod_message_heights_splice (PmodMessageHeights *self,
                             guint position,
                             guint n_removed,
                             const char *const *texts,
                             guint n_added)
{
  double end = pmod_message_heights_get_end (self);
  gboolean above = position + n_removed <= self->anchor;

  g_array_remove_range (self->items, position, n_removed);
  for (guint i = 0; i < n_added; i++)
    {
      Item item = make_item (self, texts[i]);

      g_array_insert_val (self->items, position + i, item);
    }
  if (above && self->anchor > 0)
    {
      self->origin -= pmod_message_heights_get_end (self) - end;
      self->anchor += n_added - n_removed;
    }
  else if (self->anchor >= position)
    self->anchor = MIN (position, MAX (self->items->len, 1) - 1);
  if (self->items->len == 0)
    self->origin = 0;
}

void
pmod_message_heights_set_width (PmodMessageHeights *self, int width)
{
  double top = pmod_message_heights_get_top (self, self->anchor);

  self->width = width;
  for (guint i = 0; i < self->items->len; i++)
    guess (self, get_item (self, i));
  self->origin += top - pmod_message_heights_get_top (self, self->anchor);
}

void
pmod_message_heights_move (PmodMessageHeights *self, double by)
{
  self->origin += by;
}
