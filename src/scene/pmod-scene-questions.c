/* Questions about a scene and their answers. Whatever could be answered in two ways is not asked.
 * Not here: how things are called. */
#include "pmod-scene-private.h"

#include <math.h>
#include <string.h>

/* Shares of the side: how far apart centres are where one is left of the other, and how near where
 * it is neither. */
#define CLEARLY_BESIDE 0.14
#define HARDLY_BESIDE 0.05
#define CLEARLY_BIGGER 1.3

static const char *const kind_names[PMOD_SCENE_N_KINDS] = {
  "what",   "at",         "describe", "count",    "count-all", "exist", "where",
  "colour", "background", "bigger",   "relation", "group",     "read",  "unsure",
};

const char *
pmod_scene_kind_name (PmodSceneKind kind)
{
  g_return_val_if_fail (kind < PMOD_SCENE_N_KINDS, NULL);
  return kind_names[kind];
}

/* Ways to ask; $1 and $2 are what is asked about. */
static const char *const ways[PMOD_SCENE_N_KINDS][6] = {
  [PMOD_SCENE_WHAT] = { "What is this?", "What is in the picture?", "What do you see?",
                        "What is shown here?", "What can you see in this image?",
                        "Which object is this?" },
  [PMOD_SCENE_AT] = { "What is $1?", "What do you see $1?", "Which object is $1?" },
  [PMOD_SCENE_DESCRIBE] = { "Describe the picture.", "Describe the image.", "List all objects.",
                            "What is in the picture, from left to right?",
                            "Which objects are in the image?", "List everything in the picture." },
  [PMOD_SCENE_COUNT] = { "How many $1 are there?", "How many $1 do you see?", "Count the $1.",
                         "How many $1 are in the picture?", "What is the number of $1?" },
  [PMOD_SCENE_COUNT_ALL] = { "How many objects are there?", "How many things are in the picture?",
                             "Count the objects.", "How many objects do you see?" },
  [PMOD_SCENE_EXIST] = { "Do you see $1?", "Can you see $1 in the picture?",
                         "Does the picture show $1?", "$2 $1?", "$2 $1 in the picture?" },
  [PMOD_SCENE_WHERE] = { "Where $2 the $1?", "Where in the picture $2 the $1?",
                         "Where do you see the $1?", "In which part of the image $2 the $1?" },
  [PMOD_SCENE_COLOUR] = { "What color is the $1?", "Which color is the $1?",
                          "What is the color of the $1?", "What colour is the $1?",
                          "Which color does the $1 have?" },
  [PMOD_SCENE_BACKGROUND] = { "What color is the background?", "Which color is the background?",
                              "What is the background color?",
                              "What colour does the background have?" },
  [PMOD_SCENE_BIGGER] = { "Which is bigger, the $1 or the $2?", "What is larger, the $1 or the $2?",
                          "Which one is bigger: the $1 or the $2?" },
  [PMOD_SCENE_RELATION] = { "What is $2 the $1?", "Which object is $2 the $1?",
                            "What do you see $2 the $1?" },
  [PMOD_SCENE_GROUP] = { "Is there $1 in the picture?", "Do you see $1?", "Does the image show $1?",
                         "Is there $1?" },
  [PMOD_SCENE_READ] = { "What does the text say?", "Read the text.", "What is written here?",
                        "What does it say?", "Which letters or digits do you see?" },
};

static void
append_way (GString *to, const char *way, const char *one, const char *two)
{
  for (const char *c = way; *c != '\0'; c++)
    if (c[0] == '$')
      {
        g_string_append (to, c[1] == '1' ? one : two);
        c++;
      }
    else
      g_string_append_c (to, *c);
  /* A way may begin with what it asks about. */
  to->str[0] = g_ascii_toupper (to->str[0]);
}

static const char *
pick_way (Random *random, PmodSceneKind kind)
{
  int n = 0;

  while (n < (int)G_N_ELEMENTS (ways[kind]) && ways[kind][n] != NULL)
    n++;
  return ways[kind][random_int (random, n)];
}

/* People do not always write as they should. */
static void
loosen (Random *random, GString *question)
{
  double how = random_unit (random);

  if (how < 0.07)
    g_string_ascii_down (question);
  if (how > 0.04 && how < 0.12)
    g_string_truncate (question, question->len - 1);
}

/* Takes the answer: a phrase without its capital and its full stop. */
static PmodSceneQuestion *
add (PmodScene *self, PmodSceneKind kind, const char *one, const char *two, char *answer)
{
  PmodSceneQuestion question = { kind, NULL, NULL, -1, -1 };
  g_autoptr (GString) text = g_string_new (NULL);

  append_way (text, pick_way (&self->random, kind), one, two);
  loosen (&self->random, text);
  question.question = g_strdup (text->str);
  question.answer = g_strconcat (answer, ".", NULL);
  question.answer[0] = g_ascii_toupper (question.answer[0]);
  g_free (answer);
  g_array_append_val (self->questions, question);
  return &g_array_index (self->questions, PmodSceneQuestion, self->questions->len - 1);
}

static int
count_class (const PmodScene *self, int class_idx)
{
  int n = 0;

  for (int i = 0; i < self->n_objects; i++)
    n += self->objects[i].class_idx == class_idx;
  return n;
}

static gboolean
is_unique (const PmodScene *self, int object_idx)
{
  return count_class (self, self->objects[object_idx].class_idx) == 1;
}

static gboolean
has_text (const PmodScene *self)
{
  return count_class (self, -1) > 0;
}

static const char *
name_of (const PmodScene *self, int object_idx)
{
  return scene_words_name (self->art, &self->objects[object_idx]);
}

static const char *
verb_of (const PmodScene *self, int object_idx)
{
  return scene_words_is_plural (self->art, self->objects[object_idx].class_idx) ? "are" : "is";
}

/* Left to right by columns of cells, from the top within one: cells cannot be mistaken, pixels can.
 */
static int
compare_places (const PmodSceneObject *a, const PmodSceneObject *b)
{
  if (a->cell_idx % 3 != b->cell_idx % 3)
    return a->cell_idx % 3 - b->cell_idx % 3;
  if (a->cell_idx != b->cell_idx)
    return a->cell_idx - b->cell_idx;
  return (2 * a->x + a->w) - (2 * b->x + b->w);
}

static gboolean
is_alike (const PmodSceneObject *a, const PmodSceneObject *b)
{
  return a->class_idx >= 0 && a->class_idx == b->class_idx && a->colour_idx == b->colour_idx;
}

static void
sort_objects (const PmodScene *self, int *order)
{
  for (int i = 0; i < self->n_objects; i++)
    {
      int k = i;

      for (; k > 0 && compare_places (&self->objects[i], &self->objects[order[k - 1]]) < 0; k--)
        order[k] = order[k - 1];
      order[k] = i;
    }
}

/* "two dogs, a red circle and the text A7": what is alike is named where it comes first. */
static char *
describe (const PmodScene *self)
{
  int order[MAX_OBJECTS];
  g_autoptr (GPtrArray) parts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) text = g_string_new (NULL);

  sort_objects (self, order);
  for (int i = 0; i < self->n_objects; i++)
    {
      const PmodSceneObject *object = &self->objects[order[i]];
      gboolean named = FALSE;
      int n = 0;

      for (int k = 0; k < self->n_objects; k++)
        {
          gboolean alike = k == i || is_alike (object, &self->objects[order[k]]);

          named |= alike && k < i;
          n += alike;
        }
      if (!named)
        g_ptr_array_add (parts, scene_words_many (self->art, object, n));
    }
  for (guint i = 0; i < parts->len; i++)
    g_string_append_printf (text, "%s%s",
                            i == 0                ? ""
                            : i == parts->len - 1 ? " and "
                                                  : ", ",
                            (char *)g_ptr_array_index (parts, i));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
ask_whole (PmodScene *self)
{
  if (self->n_objects == 1 && !has_text (self))
    add (self, PMOD_SCENE_WHAT, "", "", scene_words_one (self->art, &self->objects[0]))->subject =
        0;
  add (self, PMOD_SCENE_DESCRIBE, "", "", describe (self));
  if (!has_text (self) && (self->n_objects > 1 || random_chance (&self->random, 0.3)))
    add (self, PMOD_SCENE_COUNT_ALL, "", "", g_strdup (scene_words_number (self->n_objects)));
  if (self->background >= 0)
    add (self, PMOD_SCENE_BACKGROUND, "", "", g_strdup (pmod_scene_colour_name (self->background)));
}

/* A class that is not there and could not be taken for what is; half the time of the same group. */
static int
pick_absent (PmodScene *self)
{
  const PmodSceneObject *near = &self->objects[random_int (&self->random, self->n_objects)];
  gboolean same_group = near->class_idx >= 0 && random_chance (&self->random, 0.5);

  for (int i = 0; i < 200; i++)
    {
      int class_idx = scene_pick_class (self);
      gboolean clash = FALSE;

      for (int k = 0; k < self->n_objects; k++)
        clash |= self->objects[k].class_idx == class_idx ||
                 scene_similar (self->art, self->objects[k].class_idx, class_idx);
      if (same_group && i < 100)
        clash |= g_strcmp0 (pmod_scene_art_get_class_group (self->art, class_idx),
                            pmod_scene_art_get_class_group (self->art, near->class_idx)) != 0;
      if (!clash)
        return class_idx;
    }
  return -1;
}

static int
pick_present (PmodScene *self)
{
  int class_idx;

  do
    class_idx = self->objects[random_int (&self->random, self->n_objects)].class_idx;
  while (class_idx < 0);
  return class_idx;
}

/* Text is no class: where there is nothing else, yes could never be the answer, so nothing is
 * asked. */
static void
ask_exist (PmodScene *self, gboolean yes)
{
  g_autofree char *one = NULL;
  int class_idx;

  if (count_class (self, -1) == self->n_objects)
    return;
  class_idx = yes ? pick_present (self) : pick_absent (self);
  if (class_idx < 0)
    return;
  one = scene_words_class (self->art, class_idx);
  add (self, PMOD_SCENE_EXIST, one,
       scene_words_is_plural (self->art, class_idx) ? "are there" : "is there",
       g_strdup (yes ? "yes" : "no"))
      ->subject = class_idx;
}

/* Most scenes have one of a kind, few have five: asking seldom for the former makes every number
 * about as likely as the others. */
static void
ask_count (PmodScene *self, int class_idx)
{
  static const double shares[] = { 0.12, 0.07, 0.9, 0.9, 1, 1 };
  int n = count_class (self, class_idx);
  g_autofree char *many = NULL;

  if (!random_chance (&self->random, shares[n]))
    return;
  many = scene_words_plural (self->art, class_idx);
  add (self, PMOD_SCENE_COUNT, many, "", g_strdup (scene_words_number (n)))->subject = class_idx;
}

static void
ask_counts (PmodScene *self)
{
  int absent = pick_absent (self);

  for (int i = 0; i < self->n_objects; i++)
    {
      int class_idx = self->objects[i].class_idx;
      gboolean asked = class_idx < 0;

      for (int k = 0; k < i; k++)
        asked |= self->objects[k].class_idx == class_idx;
      if (!asked)
        ask_count (self, class_idx);
    }
  if (absent >= 0)
    ask_count (self, absent);
}

static const char *const groups[][2] = {
  { "animal", "an animal" },     { "food", "food" },     { "drink", "a drink" },
  { "vehicle", "a vehicle" },    { "plant", "a plant" }, { "instrument", "a musical instrument" },
  { "clothes", "any clothing" },
};

/* Food may be an animal or a plant, and a drink may be food, depending on whom one asks; "-" may be
 * of any group. */
static gboolean
is_blurred (const char *absent, const char *present)
{
  static const char *const pairs[][2] = {
    { "plant", "food" }, { "food", "plant" },  { "food", "drink" },
    { "drink", "food" }, { "food", "animal" },
  };

  if (g_strcmp0 (present, "-") == 0)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    if (g_str_equal (pairs[i][0], absent) && g_strcmp0 (pairs[i][1], present) == 0)
      return TRUE;
  return FALSE;
}

static int
first_of_group (const PmodSceneArt *art, const char *group)
{
  for (int i = 0; i < pmod_scene_art_get_n_classes (art); i++)
    if (g_strcmp0 (pmod_scene_art_get_class_group (art, i), group) == 0)
      return i;
  return -1;
}

/* What a group is to a scene. */
typedef enum
{
  GROUP_ABSENT,
  GROUP_BLURRED,
  GROUP_PRESENT,
} GroupState;

static GroupState
find_group (const PmodScene *self, const char *group)
{
  GroupState state = GROUP_ABSENT;

  for (int i = 0; i < self->n_objects; i++)
    {
      int class_idx = self->objects[i].class_idx;
      const char *got =
          class_idx < 0 ? NULL : pmod_scene_art_get_class_group (self->art, class_idx);

      if (g_strcmp0 (got, group) == 0)
        return GROUP_PRESENT;
      if (is_blurred (group, got))
        state = GROUP_BLURRED;
    }
  return state;
}

/* Only where some group is there: elsewhere the answer would always be no. */
static void
ask_group (PmodScene *self)
{
  int lists[2][G_N_ELEMENTS (groups)], n[2] = { 0 };
  int there = random_chance (&self->random, 0.5);
  const char *const *group;

  for (int i = 0; i < (int)G_N_ELEMENTS (groups); i++)
    {
      GroupState state = find_group (self, groups[i][0]);

      if (state != GROUP_BLURRED && first_of_group (self->art, groups[i][0]) >= 0)
        lists[state == GROUP_PRESENT][n[state == GROUP_PRESENT]++] = i;
    }
  if (n[0] == 0 || n[1] == 0)
    return;
  group = groups[lists[there][random_int (&self->random, n[there])]];
  add (self, PMOD_SCENE_GROUP, group[1], "", g_strdup (there ? "yes" : "no"))->subject =
      first_of_group (self->art, group[0]);
}

/* "At the top" may well mean its corners too: then it is asked only where those are empty. */
static gboolean
is_there (int cell, int asked)
{
  if (asked == 1 || asked == 7)
    return cell / 3 == asked / 3;
  if (asked == 3 || asked == 5)
    return cell % 3 == asked % 3;
  return cell == asked;
}

static void
ask_place (PmodScene *self, int object_idx)
{
  const PmodSceneObject *object = &self->objects[object_idx];
  int here = 0;

  for (int i = 0; i < self->n_objects; i++)
    here += is_there (self->objects[i].cell_idx, object->cell_idx);
  add (self, PMOD_SCENE_WHERE, name_of (self, object_idx), verb_of (self, object_idx),
       g_strdup (scene_words_place (object->cell_idx)))
      ->subject = object_idx;
  if (here == 1 && self->n_objects > 1)
    add (self, PMOD_SCENE_AT, scene_words_place (object->cell_idx), "",
         scene_words_one (self->art, object))
        ->subject = object->cell_idx;
}

/* How far `b` lies in a direction from `a`, as a share of the side. */
static double
beside (const PmodScene *self, const PmodSceneObject *a, const PmodSceneObject *b, int direction)
{
  double dx = (b->x + b->w / 2.0) - (a->x + a->w / 2.0);
  double dy = (b->y + b->h / 2.0) - (a->y + a->h / 2.0);
  double along[4] = { -dx, dx, -dy, dy };

  return along[direction] / self->canvas.size;
}

/* Asked only where one thing clearly is there and every other clearly is not. */
static void
ask_relation (PmodScene *self, int object_idx)
{
  static const char *const words[4] = { "left of", "right of", "above", "below" };
  int direction = random_int (&self->random, 4), found = -1;

  for (int i = 0; i < self->n_objects; i++)
    {
      double far = beside (self, &self->objects[object_idx], &self->objects[i], direction);

      if (i == object_idx || far < HARDLY_BESIDE)
        continue;
      if (far < CLEARLY_BESIDE || found >= 0)
        return;
      found = i;
    }
  if (found >= 0)
    {
      PmodSceneQuestion *question =
          add (self, PMOD_SCENE_RELATION, name_of (self, object_idx), words[direction],
               scene_words_one (self->art, &self->objects[found]));

      question->subject = object_idx;
      question->other = direction;
    }
}

static gboolean
ask_bigger (PmodScene *self, int a, int b)
{
  const PmodSceneObject *one = &self->objects[a], *two = &self->objects[b];
  double big_one = MAX (one->w, one->h), big_two = MAX (two->w, two->h);
  PmodSceneQuestion *question;

  if (one->class_idx < 0 || two->class_idx < 0 ||
      MAX (big_one, big_two) < CLEARLY_BIGGER * MIN (big_one, big_two))
    return FALSE;
  question = add (self, PMOD_SCENE_BIGGER, name_of (self, a), name_of (self, b),
                  g_strconcat ("the ", name_of (self, big_one > big_two ? a : b), NULL));
  question->subject = a;
  question->other = b;
  return TRUE;
}

/* About single things that can be told from the others by their names. */
static void
ask_unique (PmodScene *self)
{
  int unique[MAX_OBJECTS], n = 0;

  for (int i = 0; i < self->n_objects; i++)
    if (is_unique (self, i))
      unique[n++] = i;
  random_shuffle (&self->random, unique, n);
  for (int i = 0; i < MIN (n, 2); i++)
    ask_place (self, unique[i]);
  for (int i = 0; i < MIN (n, 3); i++)
    ask_relation (self, unique[i]);
  for (int i = 0; i + 1 < n; i++)
    if (ask_bigger (self, unique[i], unique[i + 1]))
      break;
  for (int i = 0; i < n; i++)
    {
      const PmodSceneObject *object = &self->objects[unique[i]];

      if (object->colour_idx >= 0)
        add (self, PMOD_SCENE_COLOUR, name_of (self, unique[i]), "",
             g_strdup (pmod_scene_colour_name (object->colour_idx)))
            ->subject = unique[i];
      if (object->class_idx < 0)
        add (self, PMOD_SCENE_READ, "", "", g_strdup (object->text))->subject = unique[i];
    }
}

/* What would be asked about any picture, with the one honest answer. */
static void
ask_unsure (PmodScene *self)
{
  static const PmodSceneKind like[] = { PMOD_SCENE_WHAT, PMOD_SCENE_DESCRIBE, PMOD_SCENE_COUNT_ALL,
                                        PMOD_SCENE_WHAT };

  for (guint i = 0; i < G_N_ELEMENTS (like); i++)
    add (self, like[i], "", "", g_strdup ("I am not sure"))->kind = PMOD_SCENE_UNSURE;
}

static void
keep_some (PmodScene *self, int max_questions)
{
  GArray *questions = self->questions;

  while ((int)questions->len > max_questions)
    g_array_remove_index_fast (questions, (guint)random_int (&self->random, (int)questions->len));
}

void
scene_ask (PmodScene *self, int max_questions)
{
  if (self->unsure)
    ask_unsure (self);
  else if (self->n_objects > 0)
    {
      ask_whole (self);
      ask_exist (self, TRUE);
      ask_exist (self, FALSE);
      ask_counts (self);
      ask_group (self);
      ask_unique (self);
    }
  keep_some (self, max_questions);
}
