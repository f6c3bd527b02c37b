/* PmodBundle: see pmod-bundle.h.
 *
 * Owners: a saving thread owns copies of everything but the picture, which is immutable; a loading
 * thread owns the bundle until it returns it. */
#include "config.h"

#include "pmod-bundle.h"

#include "pmod-engine.h"
#include "pmod-output.h"
#include "pmod-picture-private.h"
#include "pmod-run-origin.h"
#include "pmod-run-private.h"

struct _PmodBundle
{
  GObject parent_instance;

  PmodPicture *picture;
  PmodRun *run;
  GPtrArray *answers; /* PmodRun */
  char **texts;
  char *settings;
};

G_DEFINE_FINAL_TYPE (PmodBundle, pmod_bundle, G_TYPE_OBJECT)

static void
pmod_bundle_finalize (GObject *object)
{
  PmodBundle *self = PMOD_BUNDLE (object);

  g_clear_object (&self->picture);
  g_clear_object (&self->run);
  g_clear_pointer (&self->answers, g_ptr_array_unref);
  g_clear_pointer (&self->texts, g_strfreev);
  g_clear_pointer (&self->settings, g_free);

  G_OBJECT_CLASS (pmod_bundle_parent_class)->finalize (object);
}

static void
pmod_bundle_class_init (PmodBundleClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pmod_bundle_finalize;
}

static void
pmod_bundle_init (PmodBundle *self)
{
  self->answers = g_ptr_array_new_with_free_func (g_object_unref);
}

gboolean
pmod_bundle_is_bundle (const char *name)
{
  return g_str_has_suffix (name, PMOD_ARCHIVE_SUFFIX);
}

/* --- Saving ---------------------------------------------------------------------------------- */

typedef struct
{
  PmodArchive *archive;
  char *config_path; /* nullable */
  GFile *file;
} SaveJob;

static void
save_job_free (SaveJob *job)
{
  pmod_archive_free (job->archive);
  g_free (job->config_path);
  g_object_unref (job->file);
  g_free (job);
}

/* Of a model whose folder is gone by now the hash stays unknown. */
static char *
hash_file (const char *path)
{
  g_autofree char *contents = NULL;
  gsize length;

  if (!path || !g_file_get_contents (path, &contents, &length, NULL))
    return NULL;
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)contents, length);
}

static void
save_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SaveJob *job = data;
  g_autoptr (GBytes) bytes = NULL;
  GError *error = NULL;

  if (!job->archive->config_sha256)
    job->archive->config_sha256 = hash_file (job->config_path);
  bytes = pmod_archive_write (job->archive, &error);
  if (bytes && pmod_output_write (job->file, bytes, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* Those behind the first. */
static void
take_more (PmodArchive *archive, PmodRun *run)
{
  PmodPicture *picture;

  archive->more = g_ptr_array_new_with_free_func ((GDestroyNotify)pmod_image_unref);
  archive->more_names = g_new0 (char *, PMOD_ARCHIVE_MAX_MORE + 1);
  for (guint i = 0; i < PMOD_ARCHIVE_MAX_MORE; i++)
    {
      picture = pmod_run_get_shown (run, (int)i + 1);
      if (!picture)
        return;
      g_ptr_array_add (archive->more, pmod_image_ref (pmod_picture_get_image (picture)));
      archive->more_names[i] = g_strdup (pmod_picture_get_name (picture));
    }
}

static void
take_origin (SaveJob *job, PmodRun *run)
{
  PmodModelCard *card = pmod_run_get_model (run);

  job->archive->settings = g_strdup (pmod_run_get_settings (run));
  if (!card)
    return;
  job->archive->model = g_strdup (card->name);
  job->archive->device = g_strdup (card->device);
  job->archive->precision = g_strdup (card->precision);
  job->archive->config_sha256 = g_strdup (pmod_run_get_config_hash (run));
  if (card->path)
    job->config_path = g_build_filename (card->path, "config.json", NULL);
}

void
pmod_bundle_save_async (PmodRun *run,
                        PmodPicture *picture,
                        const char *const *texts,
                        GFile *file,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  SaveJob *job;

  g_return_if_fail (PMOD_IS_RUN (run) && pmod_run_is_finished (run));

  task = g_task_new (NULL, cancellable, callback, user_data);
  job = g_new0 (SaveJob, 1);
  job->file = g_object_ref (file);
  job->archive = pmod_archive_new ();
  job->archive->trace = pmod_run_dup_trace (run);
  job->archive->texts = g_strdupv ((char **)texts);
  if (!picture)
    picture = pmod_run_get_shown (run, 0);
  if (picture)
    {
      take_more (job->archive, run);
      job->archive->image = pmod_image_ref (pmod_picture_get_image (picture));
      job->archive->picture_name = g_strdup (pmod_picture_get_name (picture));
    }
  take_origin (job, run);
  g_task_set_task_data (task, job, (GDestroyNotify)save_job_free);
  g_task_run_in_thread (task, save_thread);
}

gboolean
pmod_bundle_save_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- Loading --------------------------------------------------------------------------------- */

static PmodArchive *
read_archive (GFile *file, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = g_file_get_path (file);

  if (path)
    return pmod_archive_load (path, error);
  g_set_error (error, PMOD_ERROR, PMOD_ERROR_IO, "a saved run must be a local file");
  return NULL;
}

static PmodModelCard *
make_card (const PmodArchive *archive)
{
  PmodModelCard *card = pmod_model_card_new ();

  card->name = g_strdup (archive->model);
  card->device = g_strdup (archive->device);
  card->precision = g_strdup (archive->precision);
  return card;
}

/* answer: of the run's question; NULL where none was asked. */
static PmodRun *
make_run (const PmodArchive *archive, const char *answer, GError **error)
{
  g_autoptr (PmodRun) run = pmod_run_new_from_records_as (archive->records, answer, error);
  g_autoptr (PmodModelCard) card = make_card (archive);

  if (!run)
    return NULL;
  pmod_run_set_settings (run, archive->settings);
  if (archive->model)
    pmod_run_set_model (run, card);
  pmod_run_set_config_hash (run, archive->config_sha256);
  return g_steal_pointer (&run);
}

static void
take_answers (PmodBundle *self)
{
  int n_turns = pmod_bundle_get_n_turns (self);

  for (int i = 0; i < n_turns - 1; i++)
    {
      PmodRun *answer = pmod_run_new ();

      pmod_run_finish (answer, PMOD_RUN_DONE, self->texts[2 * i + 1], NULL);
      g_ptr_array_add (self->answers, answer);
    }
  if (n_turns > 0)
    g_ptr_array_add (self->answers, g_object_ref (self->run));
}

static PmodPicture *
make_picture (const PmodImage *image, const char *name)
{
  int width = pmod_image_get_width (image);

  return pmod_picture_new_rgb (name ? name : "", width, pmod_image_get_height (image),
                               (gsize)width * 3, pmod_image_get_rgb (image));
}

static void
take_pictures (PmodBundle *self, const PmodArchive *archive)
{
  g_autoptr (GPtrArray) pictures = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (PmodPicture) joined = NULL;

  self->picture = make_picture (archive->image, archive->picture_name);
  g_ptr_array_add (pictures, g_object_ref (self->picture));
  for (guint i = 0; i < archive->more->len; i++)
    g_ptr_array_add (pictures, make_picture (archive->more->pdata[i], archive->more_names[i]));
  joined = pmod_picture_join (pictures);
  pmod_run_set_pictures (self->run, joined);
}

static PmodBundle *
read_bundle (GFile *file, GCancellable *cancellable, GError **error)
{
  g_autoptr (PmodBundle) self = g_object_new (PMOD_TYPE_BUNDLE, NULL);
  g_autoptr (PmodArchive) archive = read_archive (file, cancellable, error);
  guint n_texts;

  if (!archive)
    return NULL;
  n_texts = g_strv_length (archive->texts);
  self->run = make_run (archive, n_texts > 0 ? archive->texts[n_texts - 1] : NULL, error);
  if (!self->run)
    return NULL;
  self->texts = g_steal_pointer (&archive->texts);
  self->settings = g_steal_pointer (&archive->settings);
  take_answers (self);
  if (archive->image)
    take_pictures (self, archive);
  return g_steal_pointer (&self);
}

static void
load_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;
  PmodBundle *self = read_bundle (source, cancellable, &error);

  if (self)
    g_task_return_pointer (task, self, g_object_unref);
  else
    g_task_return_error (task, error);
}

void
pmod_bundle_load_async (GFile *file,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (file, cancellable, callback, user_data);

  g_task_run_in_thread (task, load_thread);
}

PmodBundle *
pmod_bundle_load_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- What it holds --------------------------------------------------------------------------- */

PmodPicture *
pmod_bundle_get_picture (PmodBundle *self)
{
  g_return_val_if_fail (PMOD_IS_BUNDLE (self), NULL);
  return self->picture;
}

PmodRun *
pmod_bundle_get_run (PmodBundle *self)
{
  g_return_val_if_fail (PMOD_IS_BUNDLE (self), NULL);
  return self->run;
}

int
pmod_bundle_get_n_turns (PmodBundle *self)
{
  g_return_val_if_fail (PMOD_IS_BUNDLE (self), 0);
  return (int)g_strv_length (self->texts) / 2;
}

const char *
pmod_bundle_get_question (PmodBundle *self, int turn)
{
  g_return_val_if_fail (PMOD_IS_BUNDLE (self), NULL);
  g_return_val_if_fail (turn >= 0 && turn < pmod_bundle_get_n_turns (self), NULL);
  return self->texts[2 * turn];
}

PmodRun *
pmod_bundle_get_answer (PmodBundle *self, int turn)
{
  g_return_val_if_fail (PMOD_IS_BUNDLE (self), NULL);
  g_return_val_if_fail (turn >= 0 && turn < pmod_bundle_get_n_turns (self), NULL);
  return g_ptr_array_index (self->answers, turn);
}

const char *
pmod_bundle_get_settings (PmodBundle *self)
{
  g_return_val_if_fail (PMOD_IS_BUNDLE (self), NULL);
  return self->settings;
}
