/* Deleting a model, asked for twice: see pmod-model-delete.h. An answer instead of an undo: what
 * takes gigabytes is deleted for the room that it leaves. */
#include "config.h"

#include "pmod-model-delete.h"

#include <adwaita.h>
#include <glib/gi18n.h>

#include "pmod-preferences.h"

typedef struct
{
  GWeakRef window;
  PmodCatalog *catalog;
  PmodModelEntry *entry;
} Question;

static void
question_free (gpointer data, GClosure *closure)
{
  Question *question = data;

  g_weak_ref_clear (&question->window);
  g_object_unref (question->catalog);
  g_object_unref (question->entry);
  g_free (question);
}

static void
deleted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GtkWindow) window = user_data;
  g_autoptr (GError) error = NULL;
  GtkWidget *dialog;

  if (pmod_catalog_delete_finish (PMOD_CATALOG (source), result, &error) ||
      !gtk_widget_get_visible (GTK_WIDGET (window)))
    return;
  dialog = adw_message_dialog_new (window, _ ("Not everything was deleted"), error->message);
  adw_message_dialog_add_response (ADW_MESSAGE_DIALOG (dialog), "close", _ ("_Close"));
  gtk_window_present (GTK_WINDOW (dialog));
}

/* So that the next start does not look for it. */
static void
forget (PmodModelEntry *entry)
{
  g_autoptr (GSettings) settings = pmod_preferences_new ();
  g_autofree char *remembered = settings ? g_settings_get_string (settings, "model") : NULL;

  if (remembered && (g_str_equal (remembered, pmod_model_entry_get_model (entry)) ||
                     g_str_equal (remembered, pmod_model_entry_get_path (entry))))
    g_settings_reset (settings, "model");
}

static void
response_cb (AdwMessageDialog *dialog, const char *response, gpointer user_data)
{
  Question *question = user_data;
  g_autoptr (GtkWindow) window = g_weak_ref_get (&question->window);

  if (!g_str_equal (response, "delete") || !window)
    return;
  forget (question->entry);
  pmod_catalog_delete_async (question->catalog, question->entry, deleted_cb,
                             g_steal_pointer (&window));
}

static char *
describe (PmodCatalog *catalog, PmodModelEntry *entry)
{
  PmodModelSheet *sheet = pmod_model_entry_get_sheet (entry);
  g_autofree char *size = g_format_size (pmod_model_entry_get_room (entry));
  g_autofree char *room = g_strdup_printf (_ ("%s on the disk become free."), size);
  g_autofree char *origin =
      sheet && sheet->origin
          ? g_strdup_printf (_ ("To have it again is to download it again, from %s."),
                             sheet->origin)
          : g_strdup (_ ("To have it again is to download it again."));
  const char *use =
      pmod_catalog_is_used (catalog, entry) ? _ ("It is in use, and is unloaded first.") : NULL;

  return use ? g_strjoin (" ", use, room, origin, NULL) : g_strjoin (" ", room, origin, NULL);
}

void
pmod_model_delete_ask (GtkWindow *parent, PmodCatalog *catalog, PmodModelEntry *entry)
{
  g_autofree char *body = describe (catalog, entry);
  g_autofree char *heading = g_strdup_printf (_ ("Delete %s?"), pmod_model_entry_get_name (entry));
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (parent, heading, body));
  Question *question = g_new0 (Question, 1);

  g_weak_ref_init (&question->window, parent);
  question->catalog = g_object_ref (catalog);
  question->entry = g_object_ref (entry);
  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "delete", _ ("_Delete"), NULL);
  adw_message_dialog_set_response_appearance (dialog, "delete", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (dialog, "cancel");
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_signal_connect_data (dialog, "response", G_CALLBACK (response_cb), question, question_free, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}
