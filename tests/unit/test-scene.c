/* Scenes: the same bytes from the same numbers; labels that agree with the pixels; answers that
 * agree with the objects, worked out here anew; answers that cannot be guessed. The library's own
 * drawings need no network; where the art of data/recipes has been fetched, it is tested as well.
 */
#include "config.h"
#include "pmod-scene.h"

#include <string.h>

#define N_SCENES 2000

typedef struct
{
  PmodSceneArt *own;
  PmodSceneArt *train, *held_out;             /* NULL where nothing was fetched */
  PmodSceneArt *large_train, *large_held_out; /* likewise, of nouns-m.tsv */
} Fixture;

static const PmodSceneOptions plain = PMOD_SCENE_OPTIONS_INIT;

static PmodSceneArt *
open_art (const char *table, PmodSceneRole role)
{
  g_autofree char *cache = g_build_filename (g_get_user_cache_dir (), "strata", "art", NULL);
  g_autofree char *recipes = g_build_filename (STRATA_SOURCE_DIR, "data", "recipes", NULL);
  g_autoptr (GError) error = NULL;
  PmodSceneArt *art = pmod_scene_art_new (recipes, table, cache, role, &error);

  if (art == NULL)
    {
      g_assert_error (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_IO);
      g_test_message ("no art: %s", error->message);
    }
  return art;
}

static gboolean
same_scene (const PmodScene *a, const PmodScene *b)
{
  int size = pmod_scene_get_size (a), n_a, n_b;
  const PmodSceneQuestion *of_a = pmod_scene_get_questions (a, &n_a);
  const PmodSceneQuestion *of_b = pmod_scene_get_questions (b, &n_b);
  const PmodScenePatch *patches_a = pmod_scene_get_patches (a, &size);
  const PmodScenePatch *patches_b = pmod_scene_get_patches (b, &size);
  gboolean same = n_a == n_b;

  for (int i = 0; same && i < size * size; i++)
    same = patches_a[i].class_idx == patches_b[i].class_idx &&
           patches_a[i].colour_idx == patches_b[i].colour_idx &&
           patches_a[i].cell_idx == patches_b[i].cell_idx &&
           patches_a[i].cover == patches_b[i].cover;
  for (int i = 0; same && i < n_a; i++)
    same = strcmp (of_a[i].question, of_b[i].question) == 0 &&
           strcmp (of_a[i].answer, of_b[i].answer) == 0;
  size = pmod_scene_get_size (a);
  return same && memcmp (pmod_scene_get_pixels (a), pmod_scene_get_pixels (b),
                         3 * (gsize)size * (gsize)size) == 0;
}

#define N_THREADED 24

typedef struct
{
  const PmodSceneArt *art;
  PmodSceneOptions options;
  gboolean backwards;
  PmodScene *scenes[N_THREADED];
} Job;

static gpointer
make_scenes (gpointer data)
{
  Job *job = data;

  for (int k = 0; k < N_THREADED; k++)
    {
      int i = job->backwards ? N_THREADED - 1 - k : k;

      job->scenes[i] = pmod_scene_new (job->art, 7, (guint64)i, &job->options);
    }
  return NULL;
}

static void
test_deterministic (gconstpointer data)
{
  const Fixture *fixture = data;
  PmodSceneArt *art = fixture->train != NULL ? fixture->train : fixture->own;
  Job jobs[2] = { { art, plain, FALSE }, { art, plain, TRUE } };
  GThread *threads[2];

  for (int i = 0; i < 2; i++)
    {
      jobs[i].options.mosaic = 0.3;
      threads[i] = g_thread_new ("scenes", make_scenes, &jobs[i]);
    }
  for (int i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  for (int i = 0; i < N_THREADED; i++)
    {
      g_autoptr (PmodScene) again = pmod_scene_new (art, 7, (guint64)i, &jobs[0].options);

      g_assert_true (same_scene (jobs[0].scenes[i], jobs[1].scenes[i]));
      g_assert_true (same_scene (jobs[0].scenes[i], again));
      g_assert_true (i == 0 || !same_scene (jobs[0].scenes[i], jobs[0].scenes[i - 1]));
    }
  for (int i = 0; i < N_THREADED; i++)
    {
      pmod_scene_free (jobs[0].scenes[i]);
      pmod_scene_free (jobs[1].scenes[i]);
    }
}

/* Neither another split nor another seed ever shows the same picture. */
static void
test_splits (gconstpointer data)
{
  const Fixture *fixture = data;
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  PmodSceneOptions options = plain;
  int n = 0;

  options.size = 56;
  for (int split = 0; split < 3; split++)
    for (guint64 seed = 0; seed < 3; seed++)
      for (guint64 i = 0; i < 100; i++, n++)
        {
          g_autoptr (PmodScene) scene = NULL;

          options.split = (PmodSceneSplit)split;
          scene = pmod_scene_new (fixture->own, seed, i, &options);
          g_hash_table_add (seen, g_compute_checksum_for_data (G_CHECKSUM_SHA256,
                                                               pmod_scene_get_pixels (scene),
                                                               3 * 56 * 56));
        }
  g_assert_cmpuint (g_hash_table_size (seen), ==, n);
}

static int
nearest_colour (const guint8 *pixel)
{
  static const guint8 colours[PMOD_SCENE_N_COLOURS][3] = {
    { 220, 40, 40 },   { 50, 170, 60 }, { 45, 80, 220 },   { 245, 215, 45 }, { 140, 60, 180 },
    { 245, 140, 190 }, { 25, 25, 25 },  { 248, 248, 248 }, { 125, 75, 40 },  { 135, 135, 135 },
  };
  int best = 0, least = G_MAXINT;

  for (int i = 0; i < PMOD_SCENE_N_COLOURS; i++)
    {
      int sum = 0;

      for (int c = 0; c < 3; c++)
        sum += (pixel[c] - colours[i][c]) * (pixel[c] - colours[i][c]);
      if (sum < least)
        {
          least = sum;
          best = i;
        }
    }
  return best;
}

/* Every shape but the ring has ink at its centre, of its colour; the patch there says so. */
static void
test_pixels (gconstpointer data)
{
  const Fixture *fixture = data;
  int n_shapes = 0, n_backgrounds = 0;

  for (int i = 0; i < 400; i++)
    {
      g_autoptr (PmodScene) scene = pmod_scene_new (fixture->own, 3, (guint64)i, &plain);
      int n, side, size = pmod_scene_get_size (scene);
      const PmodSceneObject *objects = pmod_scene_get_objects (scene, &n);
      const PmodScenePatch *patches = pmod_scene_get_patches (scene, &side);
      const guint8 *rgb = pmod_scene_get_pixels (scene);

      for (int k = 0; k < n; k++)
        {
          const PmodSceneObject *object = &objects[k];
          int x = object->x + object->w / 2, y = object->y + object->h / 2;

          if (object->class_idx < 0 || object->class_idx == PMOD_SCENE_N_SHAPES - 1)
            continue;
          n_shapes++;
          g_assert_cmpint (nearest_colour (rgb + 3 * (y * size + x)), ==, object->colour_idx);
          g_assert_cmpint (patches[y / 14 * side + x / 14].class_idx, ==, object->class_idx);
          g_assert_cmpint (patches[y / 14 * side + x / 14].colour_idx, ==, object->colour_idx);
          g_assert_cmpint (patches[y / 14 * side + x / 14].cell_idx, ==, object->cell_idx);
        }
      for (int k = 0; k < side * side; k++)
        {
          int x = k % side * 14, y = k / side * 14;
          gboolean near = FALSE;

          g_assert_cmpint (patches[k].class_idx >= 0, <=, patches[k].cover >= 20);
          for (int o = 0; o < n; o++)
            near |= x < objects[o].x + objects[o].w + 2 && objects[o].x - 2 < x + 14 &&
                    y < objects[o].y + objects[o].h + 2 && objects[o].y - 2 < y + 14;
          g_assert_true (near || patches[k].cover == 0);
        }
      if (pmod_scene_get_background (scene) >= 0)
        {
          /* Grain may move a pixel: most of a row tells. */
          int votes[PMOD_SCENE_N_COLOURS] = { 0 };

          n_backgrounds++;
          for (int k = 0; k < side * side; k++)
            if (patches[k].cover == 0)
              votes[nearest_colour (rgb + 3 * ((k / side * 14 + 7) * size + k % side * 14 + 7))]++;
          for (int c = 0; c < PMOD_SCENE_N_COLOURS; c++)
            g_assert_cmpint (votes[c], <=, votes[pmod_scene_get_background (scene)]);
        }
    }
  g_test_message ("%d shapes, %d plain backgrounds", n_shapes, n_backgrounds);
  g_assert_cmpint (n_shapes, >, 300);
  g_assert_cmpint (n_backgrounds, >, 100);
}

/* The cell by the rule that a reader of the picture would use: thirds, with the middle a little
 * smaller. */
static int
cell_of (const PmodSceneObject *object, int size)
{
  double u = (object->x + object->w / 2.0) / size, v = (object->y + object->h / 2.0) / size;
  int column = u < 0.36 ? 0 : u <= 0.64 ? 1 : 2, row = v < 0.36 ? 0 : v <= 0.64 ? 1 : 2;

  return 3 * row + column;
}

static const char *
name_of (const PmodSceneArt *art, const PmodSceneObject *object)
{
  return object->class_idx < 0 ? "text" : pmod_scene_art_get_class_name (art, object->class_idx);
}

static gboolean
mentions (const char *text, const char *word)
{
  g_autofree char *low_text = g_ascii_strdown (text, -1), *low_word = g_ascii_strdown (word, -1);

  return strstr (low_text, low_word) != NULL;
}

static int
count_class (const PmodSceneObject *objects, int n, int class_idx)
{
  int found = 0;

  for (int i = 0; i < n; i++)
    found += objects[i].class_idx == class_idx;
  return found;
}

static const char *const numbers[] = { "Zero.", "One.", "Two.", "Three.", "Four.", "Five." };

/* An answer names an object if it holds its name, its colour and its text. */
static void
assert_names (const PmodSceneArt *art, const PmodSceneObject *object, const char *answer)
{
  g_assert_true (mentions (answer, name_of (art, object)));
  if (object->class_idx < 0)
    g_assert_nonnull (strstr (answer, object->text));
  else if (object->colour_idx >= 0)
    g_assert_true (mentions (answer, pmod_scene_colour_name (object->colour_idx)));
}

static int
along (const PmodSceneObject *a, const PmodSceneObject *b, int direction)
{
  int dx = 2 * b->x + b->w - 2 * a->x - a->w, dy = 2 * b->y + b->h - 2 * a->y - a->h;
  const int values[4] = { -dx, dx, -dy, dy };

  return values[direction];
}

static void
check_relation (const PmodSceneArt *art,
                const PmodSceneObject *objects,
                int n,
                const PmodSceneQuestion *question)
{
  static const char *const words[4] = { "left of", "right of", "above", "below" };
  const PmodSceneObject *subject = &objects[question->subject];
  int found = -1;

  g_assert_true (mentions (question->question, words[question->other]));
  g_assert_true (mentions (question->question, name_of (art, subject)));
  g_assert_cmpint (count_class (objects, n, subject->class_idx), ==, 1);
  for (int i = 0; i < n; i++)
    if (i != question->subject && along (subject, &objects[i], question->other) > 2 * 0.06 * 168)
      {
        g_assert_cmpint (found, <, 0);
        found = i;
      }
  g_assert_cmpint (found, >=, 0);
  assert_names (art, &objects[found], question->answer);
}

/* Whether no name of two objects is a part of the other: "dog", "hot dog". */
static gboolean
are_names_apart (const PmodSceneArt *art, const PmodSceneObject *objects, int n)
{
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++)
      if (k != i && mentions (name_of (art, &objects[k]), name_of (art, &objects[i])))
        return FALSE;
  return TRUE;
}

static const char *
find_name (const PmodSceneArt *art, const PmodSceneObject *object, const char *low)
{
  g_autofree char *name = g_ascii_strdown (name_of (art, object), -1);

  return strstr (low, name);
}

/* Every object is named, in the order of the columns of cells where no two are alike. */
static void
check_describe (const PmodSceneArt *art,
                const PmodSceneObject *objects,
                int n,
                const PmodSceneQuestion *question)
{
  g_autofree char *low = g_ascii_strdown (question->answer, -1);

  for (int i = 0; i < n; i++)
    if (count_class (objects, n, objects[i].class_idx) != 1)
      return;
  for (int i = 0; i < n; i++)
    assert_names (art, &objects[i], question->answer);
  if (!are_names_apart (art, objects, n))
    return;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++)
      if (objects[i].cell_idx % 3 < objects[k].cell_idx % 3)
        g_assert_true (find_name (art, &objects[i], low) < find_name (art, &objects[k], low));
}

static void
check_group (const PmodSceneArt *art,
             const PmodSceneObject *objects,
             int n,
             const PmodSceneQuestion *question)
{
  const char *group = pmod_scene_art_get_class_group (art, question->subject);
  gboolean there = FALSE;

  for (int i = 0; i < n; i++)
    there |= objects[i].class_idx >= 0 &&
             g_strcmp0 (pmod_scene_art_get_class_group (art, objects[i].class_idx), group) == 0;
  g_assert_cmpstr (question->answer, ==, there ? "Yes." : "No.");
}

static void
check_bigger (const PmodSceneArt *art,
              const PmodSceneObject *objects,
              const PmodSceneQuestion *question)
{
  const PmodSceneObject *a = &objects[question->subject], *b = &objects[question->other];
  gboolean first = MAX (a->w, a->h) > MAX (b->w, b->h);
  g_autofree char *answer = g_strdup_printf ("The %s.", name_of (art, first ? a : b));

  g_assert_true (mentions (question->question, name_of (art, a)));
  g_assert_true (mentions (question->question, name_of (art, b)));
  g_assert_cmpstr (question->answer, ==, answer);
}

static void
check_place (const PmodSceneArt *art,
             const PmodSceneObject *objects,
             int n,
             const PmodSceneQuestion *question)
{
  static const char *const places[9] = {
    "At the top left.",    "At the top.",    "At the top right.",
    "On the left.",        "In the center.", "On the right.",
    "At the bottom left.", "At the bottom.", "At the bottom right.",
  };
  int found = -1;

  if (question->kind == PMOD_SCENE_WHERE)
    {
      const PmodSceneObject *object = &objects[question->subject];

      g_assert_cmpint (count_class (objects, n, object->class_idx), ==, 1);
      g_assert_true (mentions (question->question, name_of (art, object)));
      g_assert_cmpstr (question->answer, ==, places[cell_of (object, 168)]);
      return;
    }
  for (int i = 0; i < n; i++)
    if (cell_of (&objects[i], 168) == question->subject)
      {
        g_assert_cmpint (found, <, 0);
        found = i;
      }
  g_assert_cmpint (found, >=, 0);
  g_assert_true (mentions (question->question, pmod_scene_cell_name (question->subject)));
  assert_names (art, &objects[found], question->answer);
}

static void
check_text (const PmodSceneObject *object, const PmodSceneQuestion *question)
{
  g_autofree char *answer = g_strconcat (object->text, ".", NULL);

  g_assert_cmpstr (question->answer, ==, answer);
}

static void
check_colour (int colour_idx, const PmodSceneQuestion *question)
{
  g_autofree char *answer = g_strconcat (pmod_scene_colour_name (colour_idx), ".", NULL);

  answer[0] = g_ascii_toupper (answer[0]);
  g_assert_cmpstr (question->answer, ==, answer);
}

static void
check_question (const PmodSceneArt *art, const PmodScene *scene, const PmodSceneQuestion *question)
{
  int n;
  const PmodSceneObject *objects = pmod_scene_get_objects (scene, &n);

  switch (question->kind)
    {
    case PMOD_SCENE_WHAT:
      g_assert_cmpint (n, ==, 1);
      assert_names (art, &objects[0], question->answer);
      break;
    case PMOD_SCENE_DESCRIBE:
      check_describe (art, objects, n, question);
      break;
    case PMOD_SCENE_COUNT:
      g_assert_cmpstr (question->answer, ==, numbers[count_class (objects, n, question->subject)]);
      break;
    case PMOD_SCENE_COUNT_ALL:
      g_assert_cmpint (count_class (objects, n, -1), ==, 0);
      g_assert_cmpstr (question->answer, ==, numbers[n]);
      break;
    case PMOD_SCENE_EXIST:
      g_assert_true (
          mentions (question->question, pmod_scene_art_get_class_name (art, question->subject)));
      g_assert_cmpstr (question->answer, ==,
                       count_class (objects, n, question->subject) > 0 ? "Yes." : "No.");
      break;
    case PMOD_SCENE_WHERE:
    case PMOD_SCENE_AT:
      check_place (art, objects, n, question);
      break;
    case PMOD_SCENE_COLOUR:
      g_assert_cmpint (count_class (objects, n, objects[question->subject].class_idx), ==, 1);
      check_colour (objects[question->subject].colour_idx, question);
      break;
    case PMOD_SCENE_BACKGROUND:
      check_colour (pmod_scene_get_background (scene), question);
      break;
    case PMOD_SCENE_BIGGER:
      check_bigger (art, objects, question);
      break;
    case PMOD_SCENE_RELATION:
      check_relation (art, objects, n, question);
      break;
    case PMOD_SCENE_GROUP:
      check_group (art, objects, n, question);
      break;
    case PMOD_SCENE_READ:
      check_text (&objects[question->subject], question);
      break;
    default:
      g_assert_cmpint (question->kind, ==, PMOD_SCENE_UNSURE);
      g_assert_true (pmod_scene_is_unsure (scene));
      g_assert_cmpstr (question->answer, ==, "I am not sure.");
    }
}

/* How often each answer was given, by kind. */
static GHashTable *
ask_scenes (const PmodSceneArt *art, PmodSceneSplit split, int kinds[PMOD_SCENE_N_KINDS])
{
  GHashTable *answers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  PmodSceneOptions options = plain;

  options.split = split;
  for (int i = 0; i < N_SCENES; i++)
    {
      g_autoptr (PmodScene) scene = pmod_scene_new (art, 11, (guint64)i, &options);
      int n;
      const PmodSceneQuestion *questions = pmod_scene_get_questions (scene, &n);

      g_assert_cmpint (n, <=, options.max_questions);
      for (int k = 0; k < n; k++)
        {
          char *key = g_strdup_printf ("%s %s", pmod_scene_kind_name (questions[k].kind),
                                       questions[k].answer);
          int before = GPOINTER_TO_INT (g_hash_table_lookup (answers, key));

          check_question (art, scene, &questions[k]);
          kinds[questions[k].kind]++;
          g_hash_table_replace (answers, key, GINT_TO_POINTER (before + 1));
        }
    }
  return answers;
}

static double
share (GHashTable *answers, const int *kinds, PmodSceneKind kind, const char *answer)
{
  g_autofree char *key = g_strdup_printf ("%s %s", pmod_scene_kind_name (kind), answer);
  double part = (double)GPOINTER_TO_INT (g_hash_table_lookup (answers, key)) / MAX (1, kinds[kind]);

  g_test_message ("%-10s %-20s %.3f of %d", pmod_scene_kind_name (kind), answer, part, kinds[kind]);
  return part;
}

/* The likeliest answer of a kind: what a model that sees nothing would get right. */
static double
prior (GHashTable *answers, const int *kinds, PmodSceneKind kind)
{
  g_autofree char *prefix = g_strdup_printf ("%s ", pmod_scene_kind_name (kind));
  GHashTableIter iter;
  gpointer key, value;
  int most = 0;

  g_hash_table_iter_init (&iter, answers);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (g_str_has_prefix (key, prefix))
      most = MAX (most, GPOINTER_TO_INT (value));
  g_test_message ("%-10s %5d questions, likeliest answer %.3f", pmod_scene_kind_name (kind),
                  kinds[kind], (double)most / MAX (1, kinds[kind]));
  return (double)most / MAX (1, kinds[kind]);
}

/* Bounds: the share that is meant, and over three standard deviations of a share of a thousand. */
static void
check_balance (const PmodSceneArt *art, PmodSceneSplit split)
{
  static const double most[PMOD_SCENE_N_KINDS] = {
    [PMOD_SCENE_WHAT] = 0.05,   [PMOD_SCENE_AT] = 0.05,        [PMOD_SCENE_DESCRIBE] = 0.05,
    [PMOD_SCENE_COUNT] = 0.25,  [PMOD_SCENE_COUNT_ALL] = 0.40, [PMOD_SCENE_EXIST] = 0.55,
    [PMOD_SCENE_WHERE] = 0.17,  [PMOD_SCENE_COLOUR] = 0.20,    [PMOD_SCENE_BACKGROUND] = 0.16,
    [PMOD_SCENE_BIGGER] = 0.20, [PMOD_SCENE_RELATION] = 0.10,  [PMOD_SCENE_GROUP] = 0.55,
    [PMOD_SCENE_READ] = 0.05,   [PMOD_SCENE_UNSURE] = 1.01,
  };
  int kinds[PMOD_SCENE_N_KINDS] = { 0 };
  g_autoptr (GHashTable) answers = ask_scenes (art, split, kinds);

  for (int kind = 0; kind < PMOD_SCENE_N_KINDS; kind++)
    {
      double likeliest = prior (answers, kinds, (PmodSceneKind)kind);

      if (pmod_scene_art_get_n_nouns (art) > 0)
        {
          g_assert_cmpint (kinds[kind], >, 100);
          g_assert_cmpfloat (likeliest, <, most[kind]);
        }
    }
  for (int i = 0; i < 6; i++)
    g_assert_cmpfloat (share (answers, kinds, PMOD_SCENE_COUNT, numbers[i]), >, 0.10);
  g_assert_cmpfloat_with_epsilon (share (answers, kinds, PMOD_SCENE_EXIST, "Yes."), 0.5, 0.05);
}

static void
test_answers (gconstpointer data)
{
  const Fixture *fixture = data;
  check_balance (fixture->own, PMOD_SCENE_SPLIT_TRAIN);
}

static void
test_answers_art (gconstpointer data)
{
  const Fixture *fixture = data;
  if (fixture->train == NULL || fixture->held_out == NULL)
    {
      g_test_skip ("the art has not been fetched: data/recipes/fetch-art");
      return;
    }
  check_balance (fixture->train, PMOD_SCENE_SPLIT_TRAIN);
  check_balance (fixture->held_out, PMOD_SCENE_SPLIT_TEST);
}

static void
test_answers_large (gconstpointer data)
{
  const Fixture *fixture = data;
  if (fixture->large_train == NULL || fixture->large_held_out == NULL)
    {
      g_test_skip ("the art has not been fetched: data/recipes/fetch-art");
      return;
    }
  check_balance (fixture->large_train, PMOD_SCENE_SPLIT_TRAIN);
  check_balance (fixture->large_held_out, PMOD_SCENE_SPLIT_TEST);
}

/* No style has both roles, and every object is of a style of its art. */
static void
test_styles (gconstpointer data)
{
  const Fixture *fixture = data;
  static const char *const held_out[] = { "openmoji", "emojione-v1", NULL };

  if (fixture->train == NULL || fixture->held_out == NULL)
    {
      g_test_skip ("the art has not been fetched: data/recipes/fetch-art");
      return;
    }
  g_assert_cmpint (pmod_scene_art_get_n_styles (fixture->train), ==, 7);
  g_assert_cmpint (pmod_scene_art_get_n_styles (fixture->held_out), ==, 2);
  for (int i = 0; i < 7; i++)
    g_assert_false (g_strv_contains (held_out, pmod_scene_art_get_style_name (fixture->train, i)));
  for (int i = 0; i < 2; i++)
    g_assert_true (
        g_strv_contains (held_out, pmod_scene_art_get_style_name (fixture->held_out, i)));
  g_assert_cmpint (pmod_scene_art_get_n_classes (fixture->train), ==,
                   pmod_scene_art_get_n_classes (fixture->held_out));
}

/* Nearly every patch of a mosaic has a label, a good part of them characters that are big enough.
 */
static void
test_mosaic (gconstpointer data)
{
  const Fixture *fixture = data;
  PmodSceneOptions options = plain;
  int n_things = 0, n_characters = 0, n_labelled = 0, n_patches = 0;

  options.mosaic = 1;
  options.unsure = 0;
  for (int i = 0; i < 200; i++)
    {
      g_autoptr (PmodScene) scene = pmod_scene_new (fixture->own, 5, (guint64)i, &options);
      int n, side, n_questions;
      const PmodSceneObject *objects = pmod_scene_get_objects (scene, &n);
      const PmodScenePatch *patches = pmod_scene_get_patches (scene, &side);

      pmod_scene_get_questions (scene, &n_questions);
      g_assert_cmpint (n_questions, ==, 0);
      for (int k = 0; k < n; k++)
        if (objects[k].text[0] != '\0')
          {
            n_characters++;
            g_assert_cmpint (objects[k].h, >=, 20);
            g_assert_cmpstr (pmod_scene_art_get_class_name (fixture->own, objects[k].class_idx), ==,
                             objects[k].text);
          }
      n_things += n;
      n_patches += side * side;
      for (int k = 0; k < side * side; k++)
        n_labelled += patches[k].class_idx >= 0;
    }
  g_test_message ("%d of %d things are characters, %d of %d patches labelled", n_characters,
                  n_things, n_labelled, n_patches);
  g_assert_cmpint (4 * n_characters, >=, n_things);
  g_assert_cmpint (2 * n_labelled, >=, n_patches);
}

int
main (int argc, char **argv)
{
  Fixture fixture = { NULL };
  int status;

  g_test_init (&argc, &argv, NULL);
  fixture.own = pmod_scene_art_new (NULL, NULL, NULL, PMOD_SCENE_ROLE_TRAIN, NULL);
  fixture.train = open_art (NULL, PMOD_SCENE_ROLE_TRAIN);
  fixture.held_out = open_art (NULL, PMOD_SCENE_ROLE_HELD_OUT);
  fixture.large_train = open_art ("nouns-m.tsv", PMOD_SCENE_ROLE_TRAIN);
  fixture.large_held_out = open_art ("nouns-m.tsv", PMOD_SCENE_ROLE_HELD_OUT);
  g_test_add_data_func ("/scene/deterministic", &fixture, test_deterministic);
  g_test_add_data_func ("/scene/splits", &fixture, test_splits);
  g_test_add_data_func ("/scene/pixels", &fixture, test_pixels);
  g_test_add_data_func ("/scene/answers", &fixture, test_answers);
  g_test_add_data_func ("/scene/answers-art", &fixture, test_answers_art);
  g_test_add_data_func ("/scene/answers-large", &fixture, test_answers_large);
  g_test_add_data_func ("/scene/styles", &fixture, test_styles);
  g_test_add_data_func ("/scene/mosaic", &fixture, test_mosaic);
  status = g_test_run ();
  pmod_scene_art_free (fixture.own);
  pmod_scene_art_free (fixture.train);
  pmod_scene_art_free (fixture.held_out);
  pmod_scene_art_free (fixture.large_train);
  pmod_scene_art_free (fixture.large_held_out);
  return status;
}
