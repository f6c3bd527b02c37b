/* What a plan is for: to measure, to fetch, to check. The order of a fetch: lock the folder, see
 * what is there, see that the rest fits, note the plan, bring every part to its end, and only then
 * put them all into their places. */
#include "pmod-hub-private.h"

#include <unistd.h>

/* The disk keeps so much for itself and others. */
#define SPARE_BYTES (64 * 1000 * 1000)

static guint64
add_saturated (guint64 a, guint64 b)
{
  guint64 sum;

  return g_uint64_checked_add (&sum, a, b) ? sum : G_MAXUINT64;
}

/* Bytes of entry that are there by size: in its place or in its part. */
static guint64
bytes_there (const PmodHubPlan *plan, const PmodHubEntry *entry)
{
  g_autofree char *path = pmod_hub_dup_path (plan, entry);
  g_autofree char *part = pmod_hub_dup_part (plan, entry);
  gint64 size = pmod_hub_file_size (path);

  if (size < 0 || (guint64)size != entry->size)
    size = pmod_hub_file_size (part);
  return size >= 0 && (guint64)size <= entry->size ? (guint64)size : 0;
}

gboolean
pmod_hub_plan_measure (const PmodHubPlan *self, PmodHubSpace *space, GError **error)
{
  *space = (PmodHubSpace){ 0 };
  if (!pmod_hub_folder_check_owner (self, error))
    return FALSE;
  for (guint i = 0; i < self->entries->len; i++)
    {
      const PmodHubEntry *entry = g_ptr_array_index (self->entries, i);

      space->total = add_saturated (space->total, entry->size);
      space->there = add_saturated (space->there, bytes_there (self, entry));
    }
  space->missing = space->total - space->there;
  space->free = pmod_hub_folder_free_bytes (self);
  return TRUE;
}

/* --- Looking ---------------------------------------------------------------------------------- */

/* Entries that are missing or wrong; their reasons into reasons, nullable. */
static GPtrArray *
find_wrong (PmodHubPlan *self,
            GPtrArray *reasons,
            PmodHubReporter *reporter,
            GCancellable *cancellable,
            GError **error)
{
  g_autoptr (GPtrArray) wrong = g_ptr_array_new ();

  for (guint i = 0; i < self->entries->len; i++)
    {
      PmodHubEntry *entry = g_ptr_array_index (self->entries, i);
      g_autofree char *path = pmod_hub_dup_path (self, entry);
      g_autoptr (GError) local = NULL;
      g_autofree char *reason = pmod_hub_verify (entry, path, reporter, cancellable, &local);

      if (local != NULL && local->code == PMOD_HUB_ERROR_CANCELLED)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
      if (reason == NULL)
        continue;
      g_ptr_array_add (wrong, entry);
      if (reasons != NULL)
        g_ptr_array_add (reasons,
                         local != NULL ? g_strdup (local->message) : g_steal_pointer (&reason));
    }
  return g_steal_pointer (&wrong);
}

/* Bytes that hashing will read: of files in their places that have the right size. */
static guint64
bytes_to_hash (const PmodHubPlan *self)
{
  guint64 sum = 0;

  for (guint i = 0; i < self->entries->len; i++)
    {
      const PmodHubEntry *entry = g_ptr_array_index (self->entries, i);
      g_autofree char *path = pmod_hub_dup_path (self, entry);

      if (pmod_hub_file_size (path) == (gint64)entry->size)
        sum = add_saturated (sum, entry->size);
    }
  return sum;
}

GPtrArray *
pmod_hub_plan_check (PmodHubPlan *self,
                     PmodHubProgressFunc progress,
                     gpointer user_data,
                     GCancellable *cancellable,
                     GError **error)
{
  PmodHubReporter reporter = { .func = progress, .user_data = user_data };
  g_autoptr (GPtrArray) reasons = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) wrong = NULL;

  reporter.progress.total = bytes_to_hash (self);
  wrong = find_wrong (self, reasons, &reporter, cancellable, error);
  return wrong != NULL ? g_steal_pointer (&reasons) : NULL;
}

/* --- Fetching --------------------------------------------------------------------------------- */

static gboolean
check_space (const PmodHubPlan *self, GPtrArray *wrong, guint64 *missing, GError **error)
{
  guint64 free_bytes = pmod_hub_folder_free_bytes (self);
  g_autofree char *missing_text = NULL;
  g_autofree char *free_text = NULL;
  g_autofree char *short_text = NULL;

  *missing = 0;
  for (guint i = 0; i < wrong->len; i++)
    {
      const PmodHubEntry *entry = g_ptr_array_index (wrong, i);
      g_autofree char *part = pmod_hub_dup_part (self, entry);
      gint64 size = pmod_hub_file_size (part);
      guint64 there = size >= 0 && (guint64)size <= entry->size ? (guint64)size : 0;

      *missing = add_saturated (*missing, entry->size - there);
    }
  if (*missing == 0 || add_saturated (*missing, SPARE_BYTES) <= free_bytes)
    return TRUE;
  missing_text = pmod_hub_format_bytes (*missing);
  free_text = pmod_hub_format_bytes (free_bytes);
  short_text = pmod_hub_format_bytes (add_saturated (*missing, SPARE_BYTES) - free_bytes);
  g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_SPACE,
               "%s: does not fit: %s to write and 64 MB to spare, %s free: %s too little",
               self->folder, missing_text, free_text, short_text);
  return FALSE;
}

static gboolean
fetch_all (PmodHubPlan *self,
           GPtrArray *wrong,
           PmodHubReporter *reporter,
           GCancellable *cancellable,
           GError **error)
{
  g_autoptr (PmodHubHttp) http =
      pmod_hub_http_new (self->endpoint, self->allow_http, self->token, error);

  if (http == NULL)
    return FALSE;
  for (guint i = 0; i < wrong->len; i++)
    if (!pmod_hub_check_cancelled (cancellable, error) ||
        !pmod_hub_fetch (http, self, g_ptr_array_index (wrong, i), reporter, cancellable, error))
      return FALSE;
  return TRUE;
}

static gboolean
fetch_locked (PmodHubPlan *self,
              PmodHubReporter *reporter,
              GCancellable *cancellable,
              GError **error)
{
  g_autoptr (GPtrArray) wrong = NULL;
  guint64 missing;

  reporter->progress.total = bytes_to_hash (self);
  wrong = find_wrong (self, NULL, reporter, cancellable, error);
  if (wrong == NULL || !check_space (self, wrong, &missing, error) ||
      !pmod_hub_manifest_write (self, error) || !pmod_hub_folder_prepare (self, error))
    return FALSE;
  reporter->progress.done = 0;
  reporter->progress.total = missing;
  return fetch_all (self, wrong, reporter, cancellable, error) &&
         pmod_hub_folder_install (self, wrong, error);
}

gboolean
pmod_hub_plan_fetch (PmodHubPlan *self,
                     PmodHubProgressFunc progress,
                     gpointer user_data,
                     GCancellable *cancellable,
                     GError **error)
{
  PmodHubReporter reporter = { .func = progress, .user_data = user_data };
  gboolean done;
  int lock;

  if (!pmod_hub_folder_check_owner (self, error))
    return FALSE;
  lock = pmod_hub_folder_lock (self, error);
  if (lock < 0)
    return FALSE;
  done = pmod_hub_folder_check_owner (self, error) &&
         fetch_locked (self, &reporter, cancellable, error);
  close (lock);
  return done;
}
