/* PmodPresets: see pmod-presets.h. A group of the file is one preset:
 *
 *   [preset-1]
 *   name=Half of everything
 *   schedule=constant                as in config.json
 *   factor=0.5
 *   norm=tanh_0.2_1                  as in config.json
 *   policy=router
 *   seed=0
 *   question-first=false
 *   ratio-9=0.25                     of layer 9, or "plain"
 *   paint={...}                      as in a file of pmod run --paint; only where there is some */
#include "config.h"

#include "pmod-presets.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "pmod-tuning-private.h"

#define N_BUILT_IN 3
#define MAX_NAME 80 /* characters */

struct _PmodPreset
{
  GObject parent_instance;

  PmodPresetKind kind;
  char *name;
  char *group; /* of the file; NULL: built in */
  PmodRouting routing;
  gboolean question_first;
};

enum
{
  PRESET_PROP_NAME = 1,
  N_PRESET_PROPS
};

static GParamSpec *preset_props[N_PRESET_PROPS];

G_DEFINE_FINAL_TYPE (PmodPreset, pmod_preset, G_TYPE_OBJECT)

struct _PmodPresets
{
  GObject parent_instance;

  char *path;
  char *problem;
  char *aside; /* where a file that could not be read went; NULL: there was none */
  GListStore *list;
  PmodTuning *probe; /* presets are compared by what they make of a model */
};

enum
{
  PROP_PROBLEM = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodPresets, pmod_presets, G_TYPE_OBJECT)

/* --- One preset ------------------------------------------------------------------------------ */

static void
pmod_preset_finalize (GObject *object)
{
  PmodPreset *self = PMOD_PRESET (object);

  pmod_routing_clear (&self->routing);
  g_free (self->name);
  g_free (self->group);

  G_OBJECT_CLASS (pmod_preset_parent_class)->finalize (object);
}

static void
pmod_preset_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PRESET_PROP_NAME)
    g_value_set_string (value, PMOD_PRESET (object)->name);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
pmod_preset_class_init (PmodPresetClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = pmod_preset_finalize;
  object_class->get_property = pmod_preset_get_property;
  preset_props[PRESET_PROP_NAME] =
      g_param_spec_string ("name", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PRESET_PROPS, preset_props);
}

static void
pmod_preset_init (PmodPreset *self)
{
}

static PmodPreset *
preset_new (PmodPresetKind kind, const char *name)
{
  PmodPreset *self = g_object_new (PMOD_TYPE_PRESET, NULL);

  self->kind = kind;
  self->name = g_strdup (name);
  return self;
}

const char *
pmod_preset_get_name (PmodPreset *self)
{
  g_return_val_if_fail (PMOD_IS_PRESET (self), NULL);
  return self->name;
}

PmodPresetKind
pmod_preset_get_kind (PmodPreset *self)
{
  g_return_val_if_fail (PMOD_IS_PRESET (self), PMOD_PRESET_TRAINED);
  return self->kind;
}

/* --- From the file --------------------------------------------------------------------------- */

static gboolean refuse (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
refuse (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (PMOD_ERROR, PMOD_ERROR_FORMAT, format, args));
  va_end (args);
  return FALSE;
}

/* Every layer's own ratio: keys "ratio-9". */
static gboolean
read_ratios (GKeyFile *file, const char *group, double *ratio, GError **error)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, group, NULL, NULL);

  for (int l = 0; l < PMOD_MAX_LAYERS; l++)
    ratio[l] = NAN;
  for (char **key = keys; *key; key++)
    {
      g_autofree char *text = NULL;
      guint64 layer;
      char *end = NULL;

      if (!g_str_has_prefix (*key, "ratio-"))
        continue;
      if (!g_ascii_string_to_unsigned (*key + 6, 10, 0, PMOD_MAX_LAYERS - 1, &layer, NULL))
        return refuse (error, "%s: expected a layer from 0 to %d", *key, PMOD_MAX_LAYERS - 1);
      text = g_key_file_get_string (file, group, *key, error);
      if (!text)
        return FALSE;
      ratio[layer] = strcmp (text, "plain") == 0 ? PMOD_RATIO_PLAIN : g_ascii_strtod (text, &end);
      if (end && (*end != '\0' || end == text || !(ratio[layer] >= 0 && ratio[layer] <= 1)))
        return refuse (error, "%s: expected a number from 0 to 1 or plain, got \"%.80s\"", *key,
                       text);
    }
  return TRUE;
}

static gboolean
read_policy (GKeyFile *file, const char *group, PmodRouting *routing, GError **error)
{
  g_autofree char *name = g_key_file_get_string (file, group, "policy", error);
  g_autofree char *paint = NULL;

  if (!name)
    return FALSE;
  if (!pmod_policy_from_name (name, &routing->policy))
    return refuse (error, "policy: no such policy, \"%.80s\"", name);
  if (!g_key_file_has_key (file, group, "paint", NULL))
    return TRUE;
  paint = g_key_file_get_string (file, group, "paint", error);
  routing->paint = paint ? pmod_paint_parse (paint, -1, "paint", error) : NULL;
  return routing->paint != NULL;
}

static gboolean
read_schedule (GKeyFile *file, const char *group, PmodRouting *routing, GError **error)
{
  g_autofree char *schedule = g_key_file_get_string (file, group, "schedule", error);
  g_autofree char *norm = schedule ? g_key_file_get_string (file, group, "norm", error) : NULL;
  GError *why = NULL;

  if (!schedule || !norm || !pmod_schedule_parse (&routing->schedule, schedule, error) ||
      !pmod_router_norm_parse (&routing->norm, norm, error))
    return FALSE;
  routing->schedule.factor = g_key_file_get_double (file, group, "factor", &why);
  if (why)
    {
      g_propagate_error (error, why);
      return FALSE;
    }
  if (!isfinite (routing->schedule.factor) || routing->schedule.factor < 0)
    return refuse (error, "factor: expected a number of 0 or more, got %g",
                   routing->schedule.factor);
  return TRUE;
}

/* NULL and why, naming the file and the group, where something in it is not as it should be. */
static PmodPreset *
read_preset (PmodPresets *self, GKeyFile *file, const char *group, GError **error)
{
  g_autofree char *name = g_key_file_get_string (file, group, "name", error);
  g_autoptr (PmodPreset) preset = preset_new (PMOD_PRESET_SAVED, name);

  preset->group = g_strdup (group);
  if (!name || !read_schedule (file, group, &preset->routing, error) ||
      !read_policy (file, group, &preset->routing, error) ||
      !read_ratios (file, group, preset->routing.ratio, error))
    {
      g_prefix_error (error, "%s: [%s]: ", self->path, group);
      return NULL;
    }
  preset->routing.seed = g_key_file_get_uint64 (file, group, "seed", NULL);
  preset->question_first = g_key_file_get_boolean (file, group, "question-first", NULL);
  return g_steal_pointer (&preset);
}

static void
set_problem (PmodPresets *self, const char *problem)
{
  if (g_strcmp0 (self->problem, problem) == 0)
    return;
  g_free (self->problem);
  self->problem = g_strdup (problem);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PROBLEM]);
}

static int
compare (gconstpointer a, gconstpointer b, gpointer data)
{
  PmodPreset *first = *(PmodPreset *const *)a;
  PmodPreset *second = *(PmodPreset *const *)b;

  return g_utf8_collate (first->name, second->name);
}

/* The list's part that is the user's becomes what file says. */
static void
show_file (PmodPresets *self, GKeyFile *file)
{
  g_autoptr (GPtrArray) presets = g_ptr_array_new_with_free_func (g_object_unref);
  g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);
  g_autoptr (GError) first = NULL;

  for (char **group = groups; *group; group++)
    {
      PmodPreset *preset = read_preset (self, file, *group, first ? NULL : &first);

      if (preset)
        g_ptr_array_add (presets, preset);
    }
  g_ptr_array_sort_with_data (presets, compare, NULL);
  g_list_store_splice (self->list, N_BUILT_IN,
                       g_list_model_get_n_items (G_LIST_MODEL (self->list)) - N_BUILT_IN,
                       presets->pdata, presets->len);
  set_problem (self, first ? first->message : self->aside);
}

/* A file that is not there is an empty one. NULL: it is there and cannot be read. */
static GKeyFile *
load (PmodPresets *self, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) why = NULL;

  if (g_key_file_load_from_file (file, self->path, G_KEY_FILE_KEEP_COMMENTS, &why) ||
      g_error_matches (why, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return g_steal_pointer (&file);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT, "%s: %s", self->path, why->message);
  return NULL;
}

/* --- To the file ----------------------------------------------------------------------------- */

/* Moves a file that cannot be read to a name that is free. */
static gboolean
set_aside (PmodPresets *self, GError **error)
{
  g_autofree char *aside = g_strconcat (self->path, ".damaged", NULL);

  for (int i = 2; g_file_test (aside, G_FILE_TEST_EXISTS); i++)
    {
      g_free (aside);
      aside = g_strdup_printf ("%s.damaged-%d", self->path, i);
    }
  if (g_rename (self->path, aside) != 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: cannot be set aside: %s", self->path,
                   g_strerror (errno));
      return FALSE;
    }
  g_free (self->aside);
  self->aside =
      g_strdup_printf (_ ("The presets before could not be read; they are kept in %s"), aside);
  return TRUE;
}

/* The file as it is now, to be changed. */
static GKeyFile *
load_to_change (PmodPresets *self, GError **error)
{
  GKeyFile *file = load (self, NULL);

  if (file)
    return file;
  return set_aside (self, error) ? g_key_file_new () : NULL;
}

static gboolean
store (PmodPresets *self, GKeyFile *file, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (self->path);
  g_autofree char *text = NULL;
  gsize length;

  if (g_mkdir_with_parents (directory, 0700) != 0)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "%s: cannot be made: %s", directory,
                   g_strerror (errno));
      return FALSE;
    }
  text = g_key_file_to_data (file, &length, NULL);
  if (!g_file_set_contents_full (self->path, text, (gssize)length,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600,
                                 error))
    {
      g_prefix_error (error, "%s: ", self->path);
      return FALSE;
    }
  show_file (self, file);
  return TRUE;
}

static void
write_number (GKeyFile *file, const char *group, const char *key, double number)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_key_file_set_string (file, group, key, g_ascii_formatd (text, sizeof text, "%.12g", number));
}

static void
write_preset (GKeyFile *file, const char *group, const char *name, PmodTuning *tuning)
{
  const PmodRouting *routing = &pmod_tuning_peek_params (tuning)->routing;
  g_autofree char *schedule = pmod_schedule_to_string (&routing->schedule);
  g_autofree char *norm = pmod_router_norm_to_string (&routing->norm);

  g_key_file_remove_group (file, group, NULL);
  g_key_file_set_string (file, group, "name", name);
  g_key_file_set_string (file, group, "schedule", schedule);
  write_number (file, group, "factor", routing->schedule.factor);
  g_key_file_set_string (file, group, "norm", norm);
  g_key_file_set_string (file, group, "policy", pmod_policy_name (routing->policy));
  g_key_file_set_uint64 (file, group, "seed", routing->seed);
  if (routing->paint)
    {
      g_autofree char *paint = pmod_paint_to_text (routing->paint);

      g_key_file_set_string (file, group, "paint", paint);
    }
  g_key_file_set_boolean (file, group, "question-first", pmod_tuning_get_question_first (tuning));
  for (int l = 0; l < pmod_tuning_get_n_layers (tuning); l++)
    {
      g_autofree char *key = g_strdup_printf ("ratio-%d", l);

      if (routing->ratio[l] == PMOD_RATIO_PLAIN)
        g_key_file_set_string (file, group, key, "plain");
      else if (!isnan (routing->ratio[l]))
        write_number (file, group, key, routing->ratio[l]);
    }
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_presets_finalize (GObject *object)
{
  PmodPresets *self = PMOD_PRESETS (object);

  g_clear_object (&self->list);
  g_clear_object (&self->probe);
  g_free (self->path);
  g_free (self->problem);
  g_free (self->aside);

  G_OBJECT_CLASS (pmod_presets_parent_class)->finalize (object);
}

static void
pmod_presets_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_PROBLEM)
    g_value_set_string (value, PMOD_PRESETS (object)->problem);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
pmod_presets_class_init (PmodPresetsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = pmod_presets_finalize;
  object_class->get_property = pmod_presets_get_property;
  props[PROP_PROBLEM] =
      g_param_spec_string ("problem", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
pmod_presets_init (PmodPresets *self)
{
  const char *names[N_BUILT_IN] = { _ ("As trained"), _ ("Dense: nothing skipped"),
                                    _ ("Published p-MoD") };

  self->list = g_list_store_new (PMOD_TYPE_PRESET);
  for (int i = 0; i < N_BUILT_IN; i++)
    {
      g_autoptr (PmodPreset) preset = preset_new ((PmodPresetKind)i, names[i]);

      g_list_store_append (self->list, preset);
    }
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodPresets *
pmod_presets_new (const char *path)
{
  PmodPresets *self = g_object_new (PMOD_TYPE_PRESETS, NULL);
  g_autoptr (GKeyFile) file = NULL;
  g_autoptr (GError) error = NULL;

  self->path = path ? g_strdup (path)
                    : g_build_filename (g_get_user_config_dir (), "strata", "presets.ini", NULL);
  file = load (self, &error);
  if (file)
    show_file (self, file);
  else
    set_problem (self, error->message);
  return self;
}

GListModel *
pmod_presets_get_list (PmodPresets *self)
{
  g_return_val_if_fail (PMOD_IS_PRESETS (self), NULL);
  return G_LIST_MODEL (self->list);
}

const char *
pmod_presets_get_problem (PmodPresets *self)
{
  g_return_val_if_fail (PMOD_IS_PRESETS (self), NULL);
  return self->problem;
}

void
pmod_presets_apply (PmodPresets *self, PmodPreset *preset, PmodTuning *tuning)
{
  g_return_if_fail (PMOD_IS_PRESETS (self));
  g_return_if_fail (PMOD_IS_PRESET (preset));
  g_return_if_fail (PMOD_IS_TUNING (tuning));

  switch (preset->kind)
    {
    case PMOD_PRESET_TRAINED:
      pmod_tuning_reset (tuning);
      break;
    case PMOD_PRESET_DENSE:
      pmod_tuning_set_dense (tuning);
      break;
    case PMOD_PRESET_PUBLISHED:
      pmod_tuning_set_published (tuning);
      break;
    case PMOD_PRESET_SAVED:
    default:
      pmod_tuning_freeze (tuning);
      pmod_tuning_set_question_first (tuning, preset->question_first);
      pmod_tuning_set_routing (tuning, &preset->routing);
      pmod_tuning_thaw (tuning);
      break;
    }
}

PmodPreset *
pmod_presets_find (PmodPresets *self, PmodTuning *tuning)
{
  guint n_presets;

  g_return_val_if_fail (PMOD_IS_PRESETS (self), NULL);
  g_return_val_if_fail (PMOD_IS_TUNING (tuning), NULL);

  n_presets = g_list_model_get_n_items (G_LIST_MODEL (self->list));
  if (!self->probe || pmod_tuning_get_model (self->probe) != pmod_tuning_get_model (tuning))
    {
      g_clear_object (&self->probe);
      self->probe = pmod_tuning_copy (tuning);
    }
  for (guint i = 0; i < n_presets; i++)
    {
      g_autoptr (PmodPreset) preset = g_list_model_get_item (G_LIST_MODEL (self->list), i);

      pmod_presets_apply (self, preset, self->probe);
      if (pmod_tuning_equal (self->probe, tuning))
        return preset; /* the list holds it */
    }
  return NULL;
}

/* Of the user's presets; NULL: there is none with that name. The list holds it. */
static PmodPreset *
find_saved (PmodPresets *self, const char *name)
{
  guint n_presets = g_list_model_get_n_items (G_LIST_MODEL (self->list));

  for (guint i = N_BUILT_IN; i < n_presets; i++)
    {
      g_autoptr (PmodPreset) preset = g_list_model_get_item (G_LIST_MODEL (self->list), i);

      if (strcmp (preset->name, name) == 0)
        return preset;
    }
  return NULL;
}

/* NULL and why: names that would look like nothing, or like something else. */
static char *
clean_name (const char *name, GError **error)
{
  g_autofree char *clean = g_strstrip (g_strdup (name));

  if (*clean == '\0')
    g_set_error_literal (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, _ ("A preset needs a name"));
  else if (!g_utf8_validate (clean, -1, NULL) || g_utf8_strlen (clean, -1) > MAX_NAME)
    g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT,
                 _ ("A preset\342\200\231s name has at most %d characters"), MAX_NAME);
  else
    return g_steal_pointer (&clean);
  return NULL;
}

static char *
make_group (GKeyFile *file)
{
  for (int i = 1;; i++)
    {
      char *group = g_strdup_printf ("preset-%d", i);

      if (!g_key_file_has_group (file, group))
        return group;
      g_free (group);
    }
}

PmodPreset *
pmod_presets_save (PmodPresets *self, const char *name, PmodTuning *tuning, GError **error)
{
  g_autofree char *clean = NULL;
  g_autofree char *group = NULL;
  g_autoptr (GKeyFile) file = NULL;
  PmodPreset *same;

  g_return_val_if_fail (PMOD_IS_PRESETS (self), NULL);
  g_return_val_if_fail (PMOD_IS_TUNING (tuning), NULL);

  clean = clean_name (name, error);
  file = clean ? load_to_change (self, error) : NULL;
  if (!file)
    return NULL;
  show_file (self, file);
  same = find_saved (self, clean);
  group = same ? g_strdup (same->group) : make_group (file);
  write_preset (file, group, clean, tuning);
  if (!store (self, file, error))
    return NULL;
  same = find_saved (self, clean);
  return same ? g_object_ref (same) : NULL;
}

gboolean
pmod_presets_rename (PmodPresets *self, PmodPreset *preset, const char *name, GError **error)
{
  g_autofree char *clean = NULL;
  g_autofree char *group = NULL;
  g_autoptr (GKeyFile) file = NULL;
  PmodPreset *same;

  g_return_val_if_fail (PMOD_IS_PRESETS (self), FALSE);
  g_return_val_if_fail (PMOD_IS_PRESET (preset) && preset->group, FALSE);

  group = g_strdup (preset->group);
  clean = clean_name (name, error);
  same = clean ? find_saved (self, clean) : NULL;
  if (same && same != preset)
    {
      g_set_error (error, PMOD_ERROR, PMOD_ERROR_ARGUMENT, _ ("There is a preset named %s"), clean);
      return FALSE;
    }
  file = clean ? load_to_change (self, error) : NULL;
  if (!file)
    return FALSE;
  g_key_file_set_string (file, group, "name", clean);
  return store (self, file, error);
}

gboolean
pmod_presets_delete (PmodPresets *self, PmodPreset *preset, GError **error)
{
  g_autofree char *group = NULL;
  g_autoptr (GKeyFile) file = NULL;

  g_return_val_if_fail (PMOD_IS_PRESETS (self), FALSE);
  g_return_val_if_fail (PMOD_IS_PRESET (preset) && preset->group, FALSE);

  group = g_strdup (preset->group);
  file = load_to_change (self, error);
  if (!file)
    return FALSE;
  g_key_file_remove_group (file, group, NULL);
  return store (self, file, error);
}
