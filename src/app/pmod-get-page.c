/* PmodGetPage: see pmod-get-page.h. */
#include "config.h"

#include "pmod-get-page.h"

#include <glib/gi18n.h>

#include "pmod-download-words.h"

#define SPARE_BYTES (64 * 1000 * 1000) /* that a download leaves on the disk */
#define SHORT_COMMIT 12

struct _PmodGetPage
{
  AdwBin parent_instance;

  PmodDownload *download;
  GSignalGroup *signals;

  GtkEditable *repo;
  GtkWidget *look;
  AdwExpanderRow *source;
  GtkEditable *server;
  GtkEditable *tower;
  AdwPreferencesGroup *published;
  AdwPreferencesGroup *plan;
  AdwActionRow *fetch_row;
  GtkLabel *fetch;
  AdwActionRow *disk_row;
  GtkLabel *disk;
  AdwExpanderRow *files;
  GtkLabel *files_label;
  GtkWidget *work;
  GtkLabel *status;
  GtkProgressBar *bar;
  GtkWidget *stop;
  GtkButton *start;
  GtkWidget *use;
};

enum
{
  PROP_DOWNLOAD = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodGetPage, pmod_get_page, ADW_TYPE_BIN)

/* --- What would be fetched ---------------------------------------------------------------------
 */

static void
update_files (PmodGetPage *self, const PmodDownloadPlan *plan)
{
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autofree char *title = g_strdup_printf (
      g_dngettext (GETTEXT_PACKAGE, "%u file", "%u files", plan->n_files), plan->n_files);
  g_autofree char *left = g_format_size (plan->left_out_bytes);
  g_autofree char *left_out =
      plan->n_left_out > 0
          ? g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u more, %s, is not needed",
                                          "%u more, %s, are not needed", plan->n_left_out),
                             plan->n_left_out, left)
          : g_strdup ("");

  for (guint i = 0; i < plan->n_files; i++)
    {
      guint64 bytes = 0;
      const char *path = pmod_download_get_file (self->download, i, &bytes);
      g_autofree char *size = g_format_size (bytes);

      if (path)
        g_string_append_printf (lines, "%s%s  %s", i > 0 ? "\n" : "", path, size);
    }
  /* Their names lie with the thread while it works. */
  if (lines->len > 0)
    gtk_label_set_label (self->files_label, lines->str);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->files), title);
  adw_expander_row_set_subtitle (self->files, left_out);
}

static gboolean
has_room (const PmodDownloadPlan *plan)
{
  return plan->missing == 0 || plan->missing + SPARE_BYTES <= plan->free;
}

static void
update_sizes (PmodGetPage *self, const PmodDownloadPlan *plan)
{
  g_autofree char *missing = g_format_size (plan->missing);
  g_autofree char *total = g_format_size (plan->total);
  g_autofree char *there = g_format_size (plan->there);
  g_autofree char *room = g_format_size (plan->free);
  g_autofree char *parts = plan->there > 0
                               ? g_strdup_printf (_ ("%s of %s are there already"), there, total)
                               : g_strdup ("");

  gtk_label_set_label (self->fetch, missing);
  adw_action_row_set_subtitle (self->fetch_row, parts);
  gtk_label_set_label (self->disk, room);
  if (has_room (plan))
    gtk_widget_remove_css_class (GTK_WIDGET (self->disk), "error");
  else
    gtk_widget_add_css_class (GTK_WIDGET (self->disk), "error");
}

static void
update_plan (PmodGetPage *self)
{
  const char *folder = pmod_download_get_folder (self->download);
  const char *commit = pmod_download_get_commit (self->download);
  g_autofree char *from = NULL;
  PmodDownloadPlan plan;
  gboolean planned = pmod_download_get_plan (self->download, &plan);

  gtk_widget_set_visible (GTK_WIDGET (self->plan), planned);
  if (!planned)
    return;
  adw_preferences_group_set_title (self->plan, pmod_download_get_name (self->download));
  update_files (self, &plan);
  /* While it works these stand as they were. */
  if (!folder || !commit)
    return;
  from = g_strdup_printf (_ ("Commit %.*s from %s"), SHORT_COMMIT, commit,
                          pmod_download_get_server (self->download));
  adw_preferences_group_set_description (self->plan, from);
  adw_action_row_set_subtitle (self->disk_row, folder);
  update_sizes (self, &plan);
}

/* --- What goes on ------------------------------------------------------------------------------
 */

/* NULL: there is nothing to begin. */
static const char *
get_start_label (PmodGetPage *self)
{
  PmodDownloadPlan plan;

  if (!pmod_download_get_plan (self->download, &plan))
    return NULL;
  switch (pmod_download_get_state (self->download))
    {
    case PMOD_DOWNLOAD_PLANNED:
      return plan.missing > 0 ? _ ("Download") : _ ("Verify");
    case PMOD_DOWNLOAD_STOPPED:
    case PMOD_DOWNLOAD_FAILED:
      return _ ("Go On");
    default:
      return NULL;
    }
}

static char *
describe_room (const PmodDownloadPlan *plan)
{
  g_autofree char *missing = g_format_size (plan->missing + SPARE_BYTES);
  g_autofree char *room = g_format_size (plan->free);

  return g_strdup_printf (_ ("It does not fit on the disk: %s are needed, 64 MB to spare among "
                             "them, and %s are free."),
                          missing, room);
}

static void
update_work (PmodGetPage *self)
{
  PmodDownloadState state = pmod_download_get_state (self->download);
  gboolean busy = pmod_download_get_busy (self->download);
  const char *label = get_start_label (self);
  double fraction = pmod_download_get_fraction (self->download);
  g_autofree char *text = pmod_download_describe (self->download);
  PmodDownloadPlan plan;
  gboolean fits;

  pmod_download_get_plan (self->download, &plan);
  fits = has_room (&plan);
  if (state == PMOD_DOWNLOAD_PLANNED && !fits)
    {
      g_free (text);
      text = describe_room (&plan);
    }
  gtk_widget_set_visible (self->work, state != PMOD_DOWNLOAD_IDLE);
  gtk_label_set_label (self->status, text);
  gtk_widget_set_visible (GTK_WIDGET (self->status), *text != '\0');
  gtk_widget_set_visible (GTK_WIDGET (self->bar), state == PMOD_DOWNLOAD_FETCHING);
  gtk_progress_bar_set_fraction (self->bar, MAX (fraction, 0));
  gtk_widget_set_visible (self->stop, busy);
  gtk_widget_set_visible (GTK_WIDGET (self->start), label != NULL);
  gtk_widget_set_sensitive (GTK_WIDGET (self->start), fits);
  if (label)
    gtk_button_set_label (self->start, label);
  gtk_widget_set_visible (self->use, state == PMOD_DOWNLOAD_DONE);
}

static void
update (PmodGetPage *self)
{
  gboolean busy = self->download && pmod_download_get_busy (self->download);
  const char *text = gtk_editable_get_text (self->repo);

  gtk_widget_set_sensitive (self->look, !busy && *text != '\0');
}

static void
changed_cb (PmodGetPage *self)
{
  update (self);
  update_plan (self);
  update_work (self);
}

static void
server_changed_cb (PmodGetPage *self)
{
  const char *server = pmod_download_get_server (self->download);
  gboolean is_default = g_str_equal (server, pmod_download_get_default_server ());

  adw_expander_row_set_subtitle (self->source, server);
  gtk_editable_set_text (self->server, is_default ? "" : server);
}

/* --- What is asked for -------------------------------------------------------------------------
 */

static void
server_cb (PmodGetPage *self)
{
  pmod_download_set_server (self->download, gtk_editable_get_text (self->server));
}

static void
look_cb (PmodGetPage *self)
{
  const char *repo = gtk_editable_get_text (self->repo);

  if (*repo == '\0')
    return;
  server_cb (self);
  pmod_download_look (self->download, repo, gtk_editable_get_text (self->tower));
}

static void
stop_cb (PmodGetPage *self)
{
  pmod_download_stop (self->download);
}

static void
start_cb (PmodGetPage *self)
{
  pmod_download_start (self->download);
}

static void
use_cb (PmodGetPage *self)
{
  const char *folder = pmod_download_get_folder (self->download);

  if (folder)
    gtk_widget_activate_action (GTK_WIDGET (self), "models.use", "s", folder);
}

static void
published_cb (AdwActionRow *row, gpointer user_data)
{
  PmodGetPage *self = user_data;

  gtk_editable_set_text (self->repo, adw_preferences_row_get_title (ADW_PREFERENCES_ROW (row)));
  gtk_widget_grab_focus (self->look);
}

static void
add_published (PmodGetPage *self)
{
  for (const PmodPublishedModel *model = pmod_download_list_published (); model->repo; model++)
    {
      g_autofree char *size = g_format_size (model->bytes);
      g_autofree char *subtitle =
          g_strdup_printf (_ ("%d layers \302\267 %s"), model->n_layers, size);
      GtkWidget *row = adw_action_row_new ();

      adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), model->repo);
      adw_action_row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
      gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), TRUE);
      g_signal_connect_object (row, "activated", G_CALLBACK (published_cb), self, 0);
      adw_preferences_group_add (self->published, row);
    }
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_get_page_dispose (GObject *object)
{
  PmodGetPage *self = PMOD_GET_PAGE (object);

  g_clear_object (&self->signals);
  g_clear_object (&self->download);

  G_OBJECT_CLASS (pmod_get_page_parent_class)->dispose (object);
}

static void
pmod_get_page_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_DOWNLOAD:
      g_value_set_object (value, PMOD_GET_PAGE (object)->download);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_get_page_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodGetPage *self = PMOD_GET_PAGE (object);

  switch (id)
    {
    case PROP_DOWNLOAD:
      if (!g_set_object (&self->download, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->signals, self->download);
      if (self->download)
        {
          server_changed_cb (self);
          changed_cb (self);
        }
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
bind_children (GtkWidgetClass *klass)
{
  gtk_widget_class_bind_template_child (klass, PmodGetPage, repo);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, look);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, source);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, server);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, tower);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, published);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, plan);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, fetch_row);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, fetch);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, disk_row);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, disk);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, files);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, files_label);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, work);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, status);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, bar);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, stop);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, start);
  gtk_widget_class_bind_template_child (klass, PmodGetPage, use);
  gtk_widget_class_bind_template_callback (klass, update);
  gtk_widget_class_bind_template_callback (klass, look_cb);
  gtk_widget_class_bind_template_callback (klass, server_cb);
  gtk_widget_class_bind_template_callback (klass, stop_cb);
  gtk_widget_class_bind_template_callback (klass, start_cb);
  gtk_widget_class_bind_template_callback (klass, use_cb);
}

static void
pmod_get_page_class_init (PmodGetPageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = pmod_get_page_dispose;
  object_class->get_property = pmod_get_page_get_property;
  object_class->set_property = pmod_get_page_set_property;

  props[PROP_DOWNLOAD] =
      g_param_spec_object ("download", NULL, NULL, PMOD_TYPE_DOWNLOAD,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (GTK_WIDGET_CLASS (klass),
                                               "/io/github/strata/Strata/pmod-get-page.ui");
  bind_children (GTK_WIDGET_CLASS (klass));
}

static void
pmod_get_page_init (PmodGetPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->signals = g_signal_group_new (PMOD_TYPE_DOWNLOAD);
  g_signal_group_connect_swapped (self->signals, "changed", G_CALLBACK (changed_cb), self);
  g_signal_group_connect_swapped (self->signals, "notify::server", G_CALLBACK (server_changed_cb),
                                  self);
  add_published (self);
}
