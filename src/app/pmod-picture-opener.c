/* PmodPictureOpener: see pmod-picture-opener.h. */
#include "config.h"

#include "pmod-picture-opener.h"

#include <glib/gi18n.h>

#include "pmod-bundle.h"
#include "pmod-records.h"
#include "pmod-screenshot.h"
#include "pmod-training.h"

struct _PmodPictureOpener
{
  GObject parent_instance;

  PmodChat *chat;
  GCancellable *cancellable; /* of the newest request */
  GtkFileChooserNative *chooser;

  gboolean adds;
  GQueue waiting; /* GFile, to be added after the one that is read */
  gboolean reads;
  PmodPictureOpener *adder; /* nullable */
  GtkWidget *place;         /* weak; with adder */
};

enum
{
  OPENED,
  FAILED,
  REMARKED,
  TRAINING,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodPictureOpener, pmod_picture_opener, G_TYPE_OBJECT)

static void
pmod_picture_opener_dispose (GObject *object)
{
  PmodPictureOpener *self = PMOD_PICTURE_OPENER (object);

  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  if (self->chooser)
    gtk_native_dialog_destroy (GTK_NATIVE_DIALOG (self->chooser));
  g_clear_object (&self->chooser);
  g_clear_object (&self->adder);
  g_clear_weak_pointer (&self->place);
  g_queue_clear_full (&self->waiting, g_object_unref);
  g_clear_object (&self->chat);

  G_OBJECT_CLASS (pmod_picture_opener_parent_class)->dispose (object);
}

static void
pmod_picture_opener_class_init (PmodPictureOpenerClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = pmod_picture_opener_dispose;

  /* (file): about to be read. */
  signals[OPENED] = g_signal_new ("opened", PMOD_TYPE_PICTURE_OPENER, G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 1, G_TYPE_FILE);
  /* (title, message) */
  signals[FAILED] = g_signal_new ("failed", PMOD_TYPE_PICTURE_OPENER, G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
  /* (title) */
  signals[REMARKED] = g_signal_new ("remarked", PMOD_TYPE_PICTURE_OPENER, G_SIGNAL_RUN_LAST, 0,
                                    NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  /* (file): a trace of training, for pmod_training_load_async() */
  signals[TRAINING] = g_signal_new ("training", PMOD_TYPE_PICTURE_OPENER, G_SIGNAL_RUN_LAST, 0,
                                    NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_FILE);
}

static void
pmod_picture_opener_init (PmodPictureOpener *self)
{
  g_queue_init (&self->waiting);
}

/* --- Reading --------------------------------------------------------------------------------- */

static GCancellable *
begin_request (PmodPictureOpener *self)
{
  /* Each that is added is meant to come. */
  if (self->adds && self->cancellable)
    return self->cancellable;
  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  self->cancellable = g_cancellable_new ();
  return self->cancellable;
}

static void
fail (PmodPictureOpener *self, const char *title, const GError *error)
{
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_signal_emit (self, signals[FAILED], 0, title, error->message);
}

static void read_next (PmodPictureOpener *self);

static void
add (PmodPictureOpener *self, PmodPicture *picture)
{
  g_autofree char *title = NULL;

  if (pmod_chat_attach (self->chat, picture))
    return;
  title =
      g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "At most %d picture is asked about",
                                    "At most %d pictures are asked about", PMOD_CHAT_MAX_PICTURES),
                       PMOD_CHAT_MAX_PICTURES);
  g_signal_emit (self, signals[REMARKED], 0, title);
}

static void
picture_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PmodPictureOpener) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodPicture) picture = pmod_picture_load_finish (result, &error);

  if (!picture)
    fail (self, _ ("This picture cannot be opened"), error);
  else if (self->chat && self->adds)
    add (self, picture);
  else if (self->chat)
    pmod_chat_open_picture (self->chat, picture);
}

static void
next_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PmodPictureOpener) self = user_data;

  picture_loaded_cb (source, result, g_object_ref (self));
  self->reads = FALSE;
  read_next (self);
}

/* One after the other, so that they come in their order. */
static void
read_next (PmodPictureOpener *self)
{
  g_autoptr (GFile) file = self->reads ? NULL : g_queue_pop_head (&self->waiting);

  if (!file)
    return;
  self->reads = TRUE;
  pmod_picture_load_file_async (file, begin_request (self), next_loaded_cb, g_object_ref (self));
}

static void
records_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PmodPictureOpener) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) records = pmod_records_load_finish (result, &error);
  g_autoptr (PmodRun) run = NULL;

  if (records && pmod_training_is_in (records))
    {
      g_signal_emit (self, signals[TRAINING], 0, source);
      return;
    }
  run = records ? pmod_run_new_from_records (records, &error) : NULL;
  if (!run)
    fail (self, _ ("This recorded run cannot be opened"), error);
  else if (self->chat)
    pmod_chat_show_run (self->chat, run);
}

static void
bundle_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PmodPictureOpener) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodBundle) bundle = pmod_bundle_load_finish (result, &error);

  if (!bundle)
    fail (self, _ ("This saved run cannot be opened"), error);
  else if (self->chat)
    pmod_chat_show_bundle (self->chat, bundle);
}

void
pmod_picture_opener_open (PmodPictureOpener *self, GFile *file)
{
  g_autofree char *base = NULL;

  g_return_if_fail (PMOD_IS_PICTURE_OPENER (self));
  g_return_if_fail (G_IS_FILE (file));

  base = g_file_get_basename (file);
  g_signal_emit (self, signals[OPENED], 0, file);
  if (base && pmod_records_is_trace (base))
    pmod_records_load_async (file, begin_request (self), records_loaded_cb, g_object_ref (self));
  else if (base && pmod_bundle_is_bundle (base))
    pmod_bundle_load_async (file, begin_request (self), bundle_loaded_cb, g_object_ref (self));
  else if (self->adds)
    {
      g_queue_push_tail (&self->waiting, g_object_ref (file));
      read_next (self);
    }
  else
    pmod_picture_load_file_async (file, begin_request (self), picture_loaded_cb,
                                  g_object_ref (self));
}

void
pmod_picture_opener_open_first (PmodPictureOpener *self, GFile *file, guint n_files)
{
  g_autofree char *title = NULL;

  pmod_picture_opener_open (self, file);
  if (n_files <= 1)
    return;
  title = g_strdup_printf (_ ("One picture at a time: the first of %u files"), n_files);
  g_signal_emit (self, signals[REMARKED], 0, title);
}

/* --- Choosing -------------------------------------------------------------------------------- */

static void
chosen_cb (GtkNativeDialog *dialog, int response, gpointer user_data)
{
  PmodPictureOpener *self = user_data;
  g_autoptr (GListModel) files = gtk_file_chooser_get_files (GTK_FILE_CHOOSER (dialog));
  guint n_files = response == GTK_RESPONSE_ACCEPT ? g_list_model_get_n_items (files) : 0;

  g_clear_object (&self->chooser);
  for (guint i = 0; i < n_files; i++)
    {
      g_autoptr (GFile) file = g_list_model_get_item (files, i);

      pmod_picture_opener_open (self, file);
    }
}

void
pmod_picture_opener_choose (PmodPictureOpener *self, GtkWindow *parent, GFile *folder)
{
  g_autoptr (GtkFileFilter) pictures = gtk_file_filter_new ();
  g_autoptr (GtkFileFilter) runs = gtk_file_filter_new ();

  g_return_if_fail (PMOD_IS_PICTURE_OPENER (self));

  if (self->chooser)
    return;
  gtk_file_filter_set_name (pictures, _ ("Pictures"));
  gtk_file_filter_add_mime_type (pictures, "image/*");
  gtk_file_filter_set_name (runs, _ ("Recorded and saved runs"));
  gtk_file_filter_add_pattern (runs, "*.strata");
  gtk_file_filter_add_pattern (runs, "*.trace");
  gtk_file_filter_add_pattern (runs, "*.trace.part");

  self->chooser = gtk_file_chooser_native_new (
      self->adds ? _ ("Add a Picture") : _ ("Open a Picture"), parent, GTK_FILE_CHOOSER_ACTION_OPEN,
      self->adds ? _ ("_Add") : _ ("_Open"), _ ("_Cancel"));
  gtk_file_chooser_set_select_multiple (GTK_FILE_CHOOSER (self->chooser), self->adds);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (self->chooser), TRUE);
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (self->chooser), pictures);
  if (!self->adds)
    gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (self->chooser), runs);
  if (folder)
    gtk_file_chooser_set_current_folder (GTK_FILE_CHOOSER (self->chooser), folder, NULL);
  g_signal_connect_object (self->chooser, "response", G_CALLBACK (chosen_cb), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
}

/* --- Screenshots ----------------------------------------------------------------------------- */

static void
taken_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PmodPictureOpener) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GFile) file = pmod_screenshot_take_finish (result, &error);

  if (!file)
    fail (self, _ ("No screenshot was taken"), error);
  else if (self->chat)
    pmod_picture_load_file_async (file, begin_request (self), picture_loaded_cb,
                                  g_object_ref (self));
}

void
pmod_picture_opener_take_screenshot (PmodPictureOpener *self)
{
  g_return_if_fail (PMOD_IS_PICTURE_OPENER (self));

  pmod_screenshot_take_async (begin_request (self), taken_cb, g_object_ref (self));
}

/* --- Clipboard and drops --------------------------------------------------------------------- */

/* What is taken, encoded as another program has it: GTK's own textures would be decoded in this
 * process. */
static const char *picture_types[] = {
  "image/png", "image/jpeg", "image/webp", "image/tiff", "image/gif", "image/bmp", NULL,
};

/* Who takes what comes in at widget (nullable). */
static PmodPictureOpener *
choose_opener (PmodPictureOpener *self, GtkWidget *widget)
{
  gboolean there = self->place && widget &&
                   (widget == self->place || gtk_widget_is_ancestor (widget, self->place));

  if (!there || pmod_chat_get_read_only (self->chat) ||
      g_list_model_get_n_items (pmod_chat_get_messages (self->chat)) == 0)
    return self;
  return self->adder;
}

static gboolean
has_files (GdkContentFormats *formats)
{
  return gdk_content_formats_contain_gtype (formats, GDK_TYPE_FILE_LIST) ||
         gdk_content_formats_contain_mime_type (formats, "text/uri-list");
}

static gboolean
has_picture (GdkContentFormats *formats)
{
  for (const char **type = picture_types; *type; type++)
    if (gdk_content_formats_contain_mime_type (formats, *type))
      return TRUE;
  return FALSE;
}

static void
stream_pasted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PmodPictureOpener) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GInputStream) stream =
      gdk_clipboard_read_finish (GDK_CLIPBOARD (source), result, NULL, &error);

  if (!stream)
    fail (self, _ ("The clipboard has no picture that can be read"), error);
  else
    pmod_picture_load_stream_async (stream, _ ("Pasted picture"), begin_request (self),
                                    picture_loaded_cb, g_object_ref (self));
}

static gboolean
open_value (PmodPictureOpener *self, const GValue *value)
{
  if (G_VALUE_HOLDS (value, GDK_TYPE_FILE_LIST))
    {
      GSList *files = g_value_get_boxed (value);
      guint n_files = g_slist_length (files);

      if (n_files == 0)
        return FALSE;
      for (GSList *link = files; self->adds && link; link = link->next)
        pmod_picture_opener_open (self, link->data);
      if (!self->adds)
        pmod_picture_opener_open_first (self, files->data, n_files);
      return TRUE;
    }
  return FALSE;
}

static void
files_pasted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (PmodPictureOpener) self = user_data;
  g_autoptr (GError) error = NULL;
  const GValue *value = gdk_clipboard_read_value_finish (GDK_CLIPBOARD (source), result, &error);

  if (!value)
    fail (self, _ ("The clipboard has no file that can be read"), error);
  else
    open_value (self, value);
}

gboolean
pmod_picture_opener_paste (PmodPictureOpener *self, GdkClipboard *clipboard)
{
  g_autoptr (GdkContentFormats) formats = NULL;

  g_return_val_if_fail (PMOD_IS_PICTURE_OPENER (self), FALSE);

  if (self->place)
    self = choose_opener (self, gtk_root_get_focus (gtk_widget_get_root (self->place)));
  formats = gdk_content_formats_union_serialize_mime_types (
      gdk_content_formats_ref (gdk_clipboard_get_formats (clipboard)));
  if (has_files (formats))
    gdk_clipboard_read_value_async (clipboard, GDK_TYPE_FILE_LIST, G_PRIORITY_DEFAULT, NULL,
                                    files_pasted_cb, g_object_ref (self));
  else if (has_picture (formats))
    gdk_clipboard_read_async (clipboard, picture_types, G_PRIORITY_DEFAULT, NULL, stream_pasted_cb,
                              g_object_ref (self));
  else
    return FALSE;
  return TRUE;
}

/* A drop while what it brings is read. */
typedef struct
{
  PmodPictureOpener *opener;
  GdkDrop *drop;
} Drop;

static void
drop_finish (Drop *self, gboolean taken)
{
  gdk_drop_finish (self->drop, taken ? GDK_ACTION_COPY : 0);
  g_object_unref (self->drop);
  g_object_unref (self->opener);
  g_free (self);
}

static void
files_dropped_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Drop *self = user_data;
  g_autoptr (GError) error = NULL;
  const GValue *value = gdk_drop_read_value_finish (GDK_DROP (source), result, &error);

  if (!value)
    fail (self->opener, _ ("This picture cannot be opened"), error);
  drop_finish (self, value && open_value (self->opener, value));
}

/* Only now is everything read: the other program keeps it until the drop is finished. */
static void
drop_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Drop *self = user_data;

  picture_loaded_cb (source, result, g_object_ref (self->opener));
  drop_finish (self, TRUE);
}

static void
stream_dropped_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Drop *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GInputStream) stream = gdk_drop_read_finish (GDK_DROP (source), result, NULL, &error);

  if (stream)
    {
      pmod_picture_load_stream_async (stream, _ ("Dropped picture"), begin_request (self->opener),
                                      drop_loaded_cb, self);
      return;
    }
  fail (self->opener, _ ("This picture cannot be opened"), error);
  drop_finish (self, FALSE);
}

static gboolean
drop_cb (GtkDropTargetAsync *target, GdkDrop *drop, double x, double y, gpointer user_data)
{
  PmodPictureOpener *opener = user_data;
  GdkContentFormats *formats = gdk_drop_get_formats (drop);
  Drop *self;

  if (!has_files (formats) && !has_picture (formats))
    return FALSE;
  opener = choose_opener (
      opener, gtk_widget_pick (gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (target)), x,
                               y, GTK_PICK_DEFAULT));
  self = g_new (Drop, 1);
  self->opener = g_object_ref (opener);
  self->drop = g_object_ref (drop);
  if (has_files (formats))
    gdk_drop_read_value_async (drop, GDK_TYPE_FILE_LIST, G_PRIORITY_DEFAULT, NULL, files_dropped_cb,
                               self);
  else
    gdk_drop_read_async (drop, picture_types, G_PRIORITY_DEFAULT, NULL, stream_dropped_cb, self);
  return TRUE;
}

void
pmod_picture_opener_accept_drops (PmodPictureOpener *self, GtkWidget *widget)
{
  GdkContentFormatsBuilder *builder;
  GtkDropTargetAsync *target;

  g_return_if_fail (PMOD_IS_PICTURE_OPENER (self));

  builder = gdk_content_formats_builder_new ();
  gdk_content_formats_builder_add_gtype (builder, GDK_TYPE_FILE_LIST);
  gdk_content_formats_builder_add_mime_type (builder, "text/uri-list");
  for (const char **type = picture_types; *type; type++)
    gdk_content_formats_builder_add_mime_type (builder, *type);
  target = gtk_drop_target_async_new (gdk_content_formats_builder_free_to_formats (builder),
                                      GDK_ACTION_COPY);
  /* Before the entry, which would take the names of the files as words. */
  gtk_event_controller_set_propagation_phase (GTK_EVENT_CONTROLLER (target), GTK_PHASE_CAPTURE);
  g_signal_connect_object (target, "drop", G_CALLBACK (drop_cb), self, 0);
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (target));
}

PmodPictureOpener *
pmod_picture_opener_new (PmodChat *chat)
{
  PmodPictureOpener *self = g_object_new (PMOD_TYPE_PICTURE_OPENER, NULL);

  self->chat = g_object_ref (chat);
  return self;
}

PmodPictureOpener *
pmod_picture_opener_new_adding (PmodChat *chat)
{
  PmodPictureOpener *self = pmod_picture_opener_new (chat);

  self->adds = TRUE;
  return self;
}

void
pmod_picture_opener_set_adder (PmodPictureOpener *self, PmodPictureOpener *adder, GtkWidget *place)
{
  g_return_if_fail (PMOD_IS_PICTURE_OPENER (self));
  g_return_if_fail (PMOD_IS_PICTURE_OPENER (adder));

  g_set_object (&self->adder, adder);
  g_set_weak_pointer (&self->place, place);
}
