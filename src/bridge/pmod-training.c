/* PmodTraining: see pmod-training.h. */
#include "config.h"

#include "pmod-training.h"

#include <math.h>
#include <string.h>

#include "pmod-engine.h"
#include "pmod-records.h"

/* What pmod-trainer.c calls its traces, and what one that is still written ends with. */
#define PIECE_PREFIX "from-stage-"
#define PART ".part"

struct _PmodTraining
{
  GObject parent_instance;

  GArray *points; /* PmodTrainingPoint */
};

G_DEFINE_FINAL_TYPE (PmodTraining, pmod_training, G_TYPE_OBJECT)

static void
pmod_training_finalize (GObject *object)
{
  g_array_unref (PMOD_TRAINING (object)->points);

  G_OBJECT_CLASS (pmod_training_parent_class)->finalize (object);
}

static void
pmod_training_class_init (PmodTrainingClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pmod_training_finalize;
}

static void
pmod_training_init (PmodTraining *self)
{
}

/* --- One trace ------------------------------------------------------------------------------- */

static GArray *
new_points (void)
{
  return g_array_new (FALSE, FALSE, sizeof (PmodTrainingPoint));
}

/* The losses of checked records. */
static GArray *
list_points (GBytes *records, gboolean *has_run)
{
  GArray *points = new_points ();
  gsize n_bytes, offset = 0;
  const guint8 *bytes = g_bytes_get_data (records, &n_bytes);
  const PmodRecord *record;

  *has_run = FALSE;
  while ((record = pmod_trace_next (bytes, n_bytes, &offset, NULL)))
    {
      const PmodRecordLoss *loss = (const PmodRecordLoss *)(gconstpointer)record;

      *has_run |= record->type == PMOD_RECORD_RUN_BEGIN;
      if (record->type == PMOD_RECORD_LOSS)
        {
          PmodTrainingPoint point = { loss->step, loss->loss, loss->accuracy };

          g_array_append_val (points, point);
        }
    }
  return points;
}

gboolean
pmod_training_is_in (GBytes *records)
{
  gboolean has_run;
  g_autoptr (GArray) points = list_points (records, &has_run);

  return points->len > 0 && !has_run;
}

/* --- All traces of a run --------------------------------------------------------------------- */

typedef struct
{
  GArray *points;
  gint64 changed_us; /* when the file was last written */
} Piece;

static void
clear_piece (Piece *piece)
{
  g_array_unref (piece->points);
}

static gint64
first_step (const Piece *piece)
{
  return g_array_index (piece->points, PmodTrainingPoint, 0).step;
}

static gint
compare_pieces (gconstpointer a, gconstpointer b)
{
  const Piece *one = a, *two = b;

  if (one->changed_us != two->changed_us)
    return one->changed_us < two->changed_us ? -1 : 1;
  return (first_step (one) > first_step (two)) - (first_step (one) < first_step (two));
}

static gint64
when_changed (GFile *file)
{
  g_autoptr (GFileInfo) info = g_file_query_info (
      file, G_FILE_ATTRIBUTE_TIME_MODIFIED "," G_FILE_ATTRIBUTE_TIME_MODIFIED_USEC,
      G_FILE_QUERY_INFO_NONE, NULL, NULL);
  g_autoptr (GDateTime) when = info ? g_file_info_get_modification_date_time (info) : NULL;

  return when ? g_date_time_to_unix (when) * G_USEC_PER_SEC + g_date_time_get_microsecond (when)
              : 0;
}

/* Of a trace that is still written, or of the same when it was finished meanwhile. */
static GBytes *
load_records (GFile *file, GError **error)
{
  g_autoptr (GError) why = NULL;
  GBytes *records = pmod_records_load (file, &why);
  const char *path = g_file_peek_path (file);

  if (!records && path && g_str_has_suffix (path, PART))
    {
      g_autofree char *finished = g_strndup (path, strlen (path) - strlen (PART));

      records = pmod_trace_load (finished, NULL);
    }
  if (!records)
    g_propagate_error (error, g_steal_pointer (&why));
  return records;
}

/* A trace without losses adds nothing. */
static gboolean
add_piece (GArray *pieces, GFile *file, GError **error)
{
  g_autoptr (GBytes) records = load_records (file, error);
  Piece piece;
  gboolean has_run;

  if (!records)
    return FALSE;
  piece = (Piece){ list_points (records, &has_run), when_changed (file) };
  if (piece.points->len > 0)
    g_array_append_val (pieces, piece);
  else
    clear_piece (&piece);
  return TRUE;
}

static gboolean
is_piece (const char *name)
{
  return name && g_str_has_prefix (name, PIECE_PREFIX) && pmod_records_is_trace (name);
}

/* The other traces beside file; one that cannot be read is left out. */
static void
add_siblings (GArray *pieces, GFile *file)
{
  g_autofree char *name = g_file_get_basename (file);
  g_autoptr (GFile) folder = g_file_get_parent (file);
  g_autoptr (GFileEnumerator) children = NULL;
  GFile *child;
  GFileInfo *info;

  if (!is_piece (name) || !folder)
    return;
  children = g_file_enumerate_children (folder, G_FILE_ATTRIBUTE_STANDARD_NAME,
                                        G_FILE_QUERY_INFO_NONE, NULL, NULL);
  while (children && g_file_enumerator_iterate (children, &info, &child, NULL, NULL) && info)
    if (is_piece (g_file_info_get_name (info)) && !g_file_equal (child, file))
      add_piece (pieces, child, NULL);
}

/* Whether a point of an older piece is told again by what begins with first; a stage's beginning
 * has the number of the last step of the stage before. */
static gboolean
is_told_again (const PmodTrainingPoint *point, const PmodTrainingPoint *first)
{
  return point->step > first->step ||
         (point->step == first->step && (!isnan (first->loss) || isnan (point->loss)));
}

/* Each piece takes the place of everything from its first step on that was written before it. */
static GArray *
join (GArray *pieces)
{
  GArray *points = new_points ();

  g_array_sort (pieces, compare_pieces);
  for (guint i = 0; i < pieces->len; i++)
    {
      const Piece *piece = &g_array_index (pieces, Piece, i);
      const PmodTrainingPoint *first = &g_array_index (piece->points, PmodTrainingPoint, 0);

      while (points->len > 0 &&
             is_told_again (&g_array_index (points, PmodTrainingPoint, points->len - 1), first))
        g_array_set_size (points, points->len - 1);
      g_array_append_vals (points, piece->points->data, piece->points->len);
    }
  return points;
}

static void
load_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_autoptr (GArray) pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  GError *error = NULL;

  g_array_set_clear_func (pieces, (GDestroyNotify)clear_piece);
  if (!add_piece (pieces, data, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  add_siblings (pieces, data);
  if (pieces->len > 0)
    g_task_return_pointer (task, join (pieces), (GDestroyNotify)g_array_unref);
  else
    g_task_return_new_error (task, PMOD_ERROR, PMOD_ERROR_FORMAT,
                             "trace: expected losses of a training run, got none");
}

void
pmod_training_load_async (GFile *file,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_task_data (task, g_object_ref (file), g_object_unref);
  g_task_run_in_thread (task, load_thread);
}

PmodTraining *
pmod_training_load_finish (GAsyncResult *result, GError **error)
{
  GArray *points = g_task_propagate_pointer (G_TASK (result), error);
  PmodTraining *self;

  if (!points)
    return NULL;
  self = g_object_new (PMOD_TYPE_TRAINING, NULL);
  self->points = points;
  return self;
}

const PmodTrainingPoint *
pmod_training_get_points (PmodTraining *self, int *n_points)
{
  g_return_val_if_fail (PMOD_IS_TRAINING (self), NULL);

  *n_points = (int)self->points->len;
  return (const PmodTrainingPoint *)(gpointer)self->points->data;
}
