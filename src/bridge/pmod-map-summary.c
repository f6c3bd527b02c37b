/* PmodMapSummary: words for PmodMapRegions. See pmod-map-summary.h. */
#include "config.h"

#include "pmod-map-summary.h"

#include <glib/gi18n.h>

#include "pmod-map-regions.h"

#define MOST 0.6        /* of what is kept, ... */
#define SMALL_AREA 0.45 /* ... in so little of the picture: "mostly" there */
#define AS_FULL 0.75    /* of a region: it is named with that one */
#define EMPTY 0.25      /* of what it would hold if all were spread evenly: hardly any */
#define N_PLACES_MOST 3 /* in one sentence */
#define N_ENDS_MOST 3   /* sentences on where the depth ends */
#define DEPTH_STEP 0.5  /* layers: less is no difference */
#define NEAR 0.15       /* of the distance between two extremes */

/* --- Places ---------------------------------------------------------------------------------- */

/* A set of regions: one bit each. */
typedef guint Places;

#define BIT(region) (1u << (region))
#define ALL_PLACES (BIT (PMOD_MAP_N_REGIONS) - 1)

/* Where something is in a picture; what a sentence's "%s" takes. */
static const char *const region_names[PMOD_MAP_N_REGIONS] = {
  NC_ ("where in a picture", "at the top left"),     NC_ ("where in a picture", "at the top"),
  NC_ ("where in a picture", "at the top right"),    NC_ ("where in a picture", "at the left"),
  NC_ ("where in a picture", "in the centre"),       NC_ ("where in a picture", "at the right"),
  NC_ ("where in a picture", "at the bottom left"),  NC_ ("where in a picture", "at the bottom"),
  NC_ ("where in a picture", "at the bottom right"),
};

/* Three in a line have one name. */
static const struct
{
  Places places;
  const char *name;
} lines[] = {
  { BIT (0) | BIT (1) | BIT (2), NC_ ("where in a picture", "in the upper third") },
  { BIT (6) | BIT (7) | BIT (8), NC_ ("where in a picture", "in the lower third") },
  { BIT (0) | BIT (3) | BIT (6), NC_ ("where in a picture", "in the left third") },
  { BIT (2) | BIT (5) | BIT (8), NC_ ("where in a picture", "in the right third") },
  { BIT (3) | BIT (4) | BIT (5), NC_ ("where in a picture", "from left to right in the middle") },
  { BIT (1) | BIT (4) | BIT (7), NC_ ("where in a picture", "from top to bottom in the middle") },
};

static const char *
translate_place (const char *name)
{
  return g_dpgettext2 (NULL, "where in a picture", name);
}

/* Their names in reading order, a line's at its first region. */
static GPtrArray *
name_places (Places places, gboolean right_to_left)
{
  GPtrArray *names = g_ptr_array_new ();
  const char *at[PMOD_MAP_N_REGIONS] = { NULL };

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    if ((places & lines[i].places) == lines[i].places)
      {
        places &= ~lines[i].places;
        at[g_bit_nth_lsf (lines[i].places, -1)] = lines[i].name;
      }
  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    if (places & BIT (i))
      at[i] = region_names[i];
  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    {
      const char *name = at[right_to_left ? i / 3 * 3 + 2 - i % 3 : i];

      if (name)
        g_ptr_array_add (names, (gpointer)translate_place (name));
    }
  return names;
}

static char *
join (GPtrArray *names)
{
  GString *list = g_string_new (g_ptr_array_index (names, 0));

  for (guint i = 1; i < names->len; i++)
    {
      g_autofree char *before = g_strdup (list->str);

      if (i + 1 < names->len)
        /* Translators: of a list of places, all but the last; and then the last */
        g_string_printf (list, C_ ("list of places", "%s, %s"), before,
                         (const char *)g_ptr_array_index (names, i));
      else
        g_string_printf (list, C_ ("list of places", "%s and %s"), before,
                         (const char *)g_ptr_array_index (names, i));
    }
  return g_string_free (list, FALSE);
}

static char *
list_places (Places places, gboolean right_to_left)
{
  g_autoptr (GPtrArray) names = NULL;

  if (places == 0)
    return NULL;
  names = name_places (places, right_to_left);
  return join (names);
}

static int
count_names (Places places)
{
  g_autoptr (GPtrArray) names = name_places (places, FALSE);

  return (int)names->len;
}

static gboolean
is_few (Places places)
{
  return count_names (places) <= N_PLACES_MOST;
}

/* --- Where most of them are ------------------------------------------------------------------ */

static int
sum (const int *numbers)
{
  int total = 0;

  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    total += numbers[i];
  return total;
}

/* The region that is fullest of those not taken, or -1. */
static int
find_fullest (const int *found, const int *parts, Places taken)
{
  int best = -1;

  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    if (!(taken & BIT (i)) && found[i] > 0 &&
        (best < 0 || found[i] * parts[best] > found[best] * parts[i]))
      best = i;
  return best;
}

/* The fullest regions that hold most of what was found, and those nearly as full as the last of
 * them, where that is a small part of the picture; else 0: it lies all over it. whole: nothing lies
 * elsewhere. */
static Places
find_most (const int *found, const int *parts, gboolean *whole)
{
  int n_found = sum (found), n_parts = sum (parts);
  int taken = 0, area = 0;
  double last = 0; /* the share of a region that is kept */
  Places places = 0;

  for (;;)
    {
      int region = find_fullest (found, parts, places);
      double share = region >= 0 ? (double)found[region] / parts[region] : 0;

      if (region < 0 || (taken >= MOST * n_found && share < AS_FULL * last))
        break;
      places |= BIT (region);
      taken += found[region];
      area += parts[region];
      last = share;
    }
  *whole = taken == n_found;
  return area <= SMALL_AREA * n_parts && is_few (places) ? places : 0;
}

/* Regions that have hardly their share of what lies all over the picture. */
static Places
find_empty (const int *found, const int *parts)
{
  double mean = (double)sum (found) / MAX (sum (parts), 1);
  Places places = 0;

  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    if (parts[i] > 0 && found[i] <= EMPTY * mean * parts[i])
      places |= BIT (i);
  return is_few (places) ? places : 0;
}

static char *
say_spread (const int *found, const int *parts, gboolean right_to_left)
{
  g_autofree char *empty = list_places (find_empty (found, parts), right_to_left);

  if (!empty)
    return g_strdup (C_ ("where in a picture", "spread over the picture"));
  return g_strdup_printf (C_ ("where in a picture", "spread over the picture, hardly any %s"),
                          empty);
}

/* "mostly in the centre"; NULL where nothing was found. */
static char *
say_where (const int *found, const int *parts, gboolean right_to_left)
{
  gboolean whole;
  Places places = find_most (found, parts, &whole);
  g_autofree char *list = list_places (places, right_to_left);

  if (sum (found) == 0)
    return NULL;
  if (!list)
    return say_spread (found, parts, right_to_left);
  if (whole)
    return g_steal_pointer (&list);
  /* Translators: %s is one place in the picture or several, such as "in the centre" */
  return g_strdup_printf (C_ ("where in a picture", "mostly %s"), list);
}

/* Regions near the highest (sign 1) or lowest (-1) of their values. */
static Places
find_extreme (const double *values, const int *parts, int sign)
{
  double best = -G_MAXDOUBLE, worst = G_MAXDOUBLE;
  Places places = 0;

  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    if (parts[i] > 0)
      {
        best = MAX (best, sign * values[i]);
        worst = MIN (worst, sign * values[i]);
      }
  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    if (parts[i] > 0 && sign * values[i] >= best - NEAR * (best - worst))
      places |= BIT (i);
  return places;
}

static double
get_spread (const double *values, const int *parts)
{
  double low = G_MAXDOUBLE, high = -G_MAXDOUBLE;

  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    if (parts[i] > 0)
      {
        low = MIN (low, values[i]);
        high = MAX (high, values[i]);
      }
  return high - low;
}

/* --- Sentences ------------------------------------------------------------------------------- */

static void
take (GString *text, char *sentence)
{
  if (sentence && *sentence)
    {
      if (text->len > 0)
        g_string_append_c (text, ' ');
      g_string_append (text, sentence);
    }
  g_free (sentence);
}

static char *
say_which_picture (const PmodMapSubject *subject)
{
  int n_pictures = pmod_run_get_n_pictures (subject->run);
  int n_planes = pmod_run_get_n_planes (subject->run, subject->picture);
  g_autofree char *picture = n_pictures > 1 ? g_strdup_printf (_ ("This is picture %d of %d."),
                                                               subject->picture + 1, n_pictures)
                                            : NULL;
  const char *plane = n_planes < 2         ? NULL
                      : subject->plane > 0 ? _ ("It is read in tiles here.")
                                           : _ ("It is read as a whole here.");

  return picture && plane ? g_strdup_printf ("%s %s", picture, plane)
                          : g_strdup (picture ? picture : plane);
}

/* Not where other pictures, tiles, the ends of lines, or text are chosen among, too. */
static gboolean
is_all (const PmodMapRegions *regions, const PmodRunLayer *info)
{
  return regions->n_parts == info->n_vision;
}

static char *
say_kept (const PmodMapSubject *subject, const PmodRunLayer *info, const PmodMapRegions *regions)
{
  g_autofree char *where = say_where (regions->kept, regions->parts, subject->right_to_left);

  if (info->n_kept == info->n_vision)
    return g_strdup_printf (_ ("Layer %d keeps all %d parts."), subject->layer, info->n_vision);
  if (is_all (regions, info) && where)
    return g_strdup_printf (_ ("Layer %d keeps %d of %d parts, %s."), subject->layer, info->n_kept,
                            info->n_vision, where);
  if (is_all (regions, info))
    return g_strdup_printf (_ ("Layer %d keeps %d of %d parts."), subject->layer, info->n_kept,
                            info->n_vision);
  if (where)
    return g_strdup_printf (
        _ ("Layer %d keeps %d of %d parts. Of the %d shown here it keeps %d, %s."), subject->layer,
        info->n_kept, info->n_vision, regions->n_parts, regions->n_kept, where);
  return g_strdup_printf (_ ("Layer %d keeps %d of %d parts. Of the %d shown here it keeps %d."),
                          subject->layer, info->n_kept, info->n_vision, regions->n_parts,
                          regions->n_kept);
}

static char *
say_padding (const PmodMapRegions *regions)
{
  if (regions->n_kept_padding == 0)
    return NULL;
  return g_strdup_printf (g_dngettext (NULL, "%d of them is padding beside the picture.",
                                       "%d of them are padding beside the picture.",
                                       regions->n_kept_padding),
                          regions->n_kept_padding);
}

static char *
say_choice (const PmodMapSubject *subject, const PmodRunLayer *info)
{
  if (info->never_read)
    return g_strdup (_ ("That is no learned choice: nothing reads the last layer\342\200\231s "
                        "picture."));
  if (!info->by_router)
    return g_strdup (_ ("Not the router chose, but what was set in its place."));
  return NULL;
}

static char *
say_weights (const PmodMapSubject *subject, const PmodMapRegions *regions)
{
  Places places = find_extreme (regions->weights, regions->parts, 1);
  g_autofree char *list = NULL;
  float low, high;

  pmod_run_get_weight_range (subject->run, subject->layer, &low, &high);
  if (low == high)
    return g_strdup_printf (_ ("All its weights are %.3f."), (double)low);
  if (!is_few (places))
    return g_strdup_printf (_ ("Its weights go from %.3f to %.3f."), (double)low, (double)high);
  list = list_places (places, subject->right_to_left);
  return g_strdup_printf (_ ("Its weights go from %.3f to %.3f; on average they are highest %s."),
                          (double)low, (double)high, list);
}

/* Of the regions that still keep something, where these are quicker named than those that ended. */
static char *
say_end (int layer, Places ended, Places left, gboolean right_to_left)
{
  g_autofree char *ended_list = list_places (ended, right_to_left);
  g_autofree char *left_list = list_places (left, right_to_left);

  if (!left_list)
    return g_strdup_printf (_ ("From layer %d on nothing is kept here."), layer);
  if (count_names (left) < count_names (ended))
    return g_strdup_printf (_ ("From layer %d on parts are kept only %s."), layer, left_list);
  return g_strdup_printf (_ ("From layer %d on nothing is kept %s."), layer, ended_list);
}

/* The regions that end first come first; the rest is left to the depth map. */
static void
say_ends (GString *text, const PmodMapSubject *subject, const PmodMapDepths *depths)
{
  int n_said = 0;
  Places left = 0;

  for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
    left |= depths->parts[i] > 0 ? BIT (i) : 0;
  for (int l = 0; l < pmod_run_get_n_layers (subject->run) && n_said < N_ENDS_MOST; l++)
    {
      Places ended = 0;

      for (int i = 0; i < PMOD_MAP_N_REGIONS; i++)
        ended |= depths->ends[i] == l ? BIT (i) : 0;
      if (!ended)
        continue;
      left &= ~ended;
      take (text, say_end (l, ended, left, subject->right_to_left));
      n_said++;
    }
  if (n_said > 0 && depths->unread_differs)
    take (text, g_strdup (_ ("The last layer, which never learned to choose, is left out there.")));
}

static char *
say_always (const PmodMapSubject *subject, const PmodMapDepths *depths)
{
  int n_always = sum (depths->always);
  g_autofree char *where = say_where (depths->always, depths->parts, subject->right_to_left);
  gboolean all = depths->unread < 0;

  if (depths->n_routed < (all ? 2 : 3))
    return NULL;
  if (!where)
    return g_strdup (all ? _ ("No part is kept in every routed layer.")
                         : _ ("No part is kept in every routed layer but the last."));
  return g_strdup_printf (
      all ? g_dngettext (NULL, "%d part is kept in every routed layer, %s.",
                         "%d parts are kept in every routed layer, %s.", n_always)
          : g_dngettext (NULL, "%d part is kept in every routed layer but the last, %s.",
                         "%d parts are kept in every routed layer but the last, %s.", n_always),
      n_always, where);
}

static char *
say_never (const PmodMapSubject *subject, const PmodMapDepths *depths)
{
  int n_never = sum (depths->never);
  g_autofree char *where = say_where (depths->never, depths->parts, subject->right_to_left);

  if (!where)
    return NULL;
  return g_strdup_printf (
      g_dngettext (NULL, "%d part is kept in none, %s.", "%d parts are kept in none, %s.", n_never),
      n_never, where);
}

static void
say_depth (GString *text, const PmodMapSubject *subject, const PmodMapDepths *depths)
{
  Places most = find_extreme (depths->depths, depths->parts, 1);
  Places least = find_extreme (depths->depths, depths->parts, -1);
  g_autofree char *most_list = list_places (most, subject->right_to_left);
  g_autofree char *least_list = list_places (least, subject->right_to_left);

  take (text,
        g_strdup_printf (g_dngettext (NULL, "On average a part is kept in %.1f of %d routed layer.",
                                      "On average a part is kept in %.1f of %d routed layers.",
                                      depths->n_routed),
                         depths->depth, depths->n_routed));
  if (get_spread (depths->depths, depths->parts) < DEPTH_STEP)
    {
      take (text, g_strdup (_ ("The depth is much the same everywhere.")));
      return;
    }
  if (is_few (most))
    take (text, g_strdup_printf (_ ("The depth is greatest %s."), most_list));
  if (is_few (least))
    take (text, g_strdup_printf (_ ("The depth is least %s."), least_list));
}

static char *
say_dependence (PmodRun *run)
{
  if (pmod_run_get_question_first (run) || pmod_run_is_by_question (run))
    return g_strdup (_ ("Another question may give another map."));
  return g_strdup (_ ("The question does not change this map."));
}

static int
count_routed (PmodRun *run)
{
  int n_routed = 0;

  for (int l = 0; l < pmod_run_get_n_layers (run); l++)
    {
      PmodRunLayer info;

      n_routed += pmod_run_get_layer (run, l, &info) && info.routed;
    }
  return n_routed;
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodMapSubject
pmod_map_subject_from_selection (PmodSelection *selection, gboolean right_to_left)
{
  return (
      PmodMapSubject){ pmod_selection_get_run (selection),   pmod_selection_get_picture (selection),
                       pmod_selection_get_plane (selection), pmod_selection_get_layer (selection),
                       pmod_selection_get_view (selection),  right_to_left };
}

static void
say_layer (GString *text, const PmodMapSubject *subject, const PmodRunLayer *info)
{
  PmodMapRegions regions;

  if (!info->ready)
    take (text, g_strdup_printf (_ ("Layer %d is not computed yet."), subject->layer));
  else if (!info->routed)
    take (text, g_strdup_printf (_ ("Layer %d has no router: it keeps all %d parts."),
                                 subject->layer, info->n_vision));
  else if (!pmod_map_regions_count (subject->run, subject->picture, subject->plane, subject->layer,
                                    &regions))
    take (text, g_strdup (_ ("No router chooses among these parts.")));
  else
    {
      take (text, say_kept (subject, info, &regions));
      take (text, say_padding (&regions));
      take (text, say_choice (subject, info));
      if (subject->view == PMOD_VIEW_WEIGHTS)
        take (text, say_weights (subject, &regions));
    }
}

char *
pmod_map_summary_new (const PmodMapSubject *subject)
{
  g_autoptr (GString) text = g_string_new (NULL);
  PmodMapDepths depths;
  PmodRunLayer info;
  gboolean whole;

  if (!subject->run || subject->view == PMOD_VIEW_PICTURE ||
      !pmod_run_get_layer (subject->run, subject->layer, &info) ||
      pmod_run_get_n_pictures (subject->run) == 0)
    return g_strdup ("");
  if (count_routed (subject->run) == 0)
    return g_strdup (_ ("No layer of this run has a router: every part goes through all of them."));
  whole = pmod_map_depths_count (subject->run, subject->picture, subject->plane, &depths);
  take (text, say_which_picture (subject));
  if (subject->view != PMOD_VIEW_DEPTH)
    say_layer (text, subject, &info);
  else if (whole)
    say_depth (text, subject, &depths);
  else
    take (text, g_strdup (_ ("Not all layers have chosen yet.")));
  if (whole)
    {
      say_ends (text, subject, &depths);
      take (text, say_always (subject, &depths));
      if (subject->view == PMOD_VIEW_DEPTH)
        take (text, say_never (subject, &depths));
      take (text, say_dependence (subject->run));
    }
  return g_strdup (text->str);
}

char *
pmod_map_summary_new_short (const PmodMapSubject *subject)
{
  PmodMapRegions regions;
  g_autofree char *where = NULL;

  if (!subject->run || !pmod_map_regions_count (subject->run, subject->picture, subject->plane,
                                                subject->layer, &regions))
    return NULL;
  where = say_where (regions.kept, regions.parts, subject->right_to_left);
  if (!where)
    return g_strdup (_ ("Nothing of this picture is kept."));
  /* Translators: %s is where in the picture, such as "mostly in the centre" */
  return g_strdup_printf (_ ("Kept: %s."), where);
}
