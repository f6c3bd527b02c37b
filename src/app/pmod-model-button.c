/* PmodModelButton: see pmod-model-button.h. The menu's actions belong to the window. */
#include "config.h"

#include "pmod-model-button.h"

#include <glib/gi18n.h>
#include <string.h>

#include "pmod-download-words.h"

struct _PmodModelButton
{
  AdwBin parent_instance;

  PmodSession *session;
  GSignalGroup *signals;
  PmodDownload *download;
  GSignalGroup *download_signals;

  GtkMenuButton *button;
  GtkLabel *name;
  GtkLabel *facts;
  GtkProgressBar *bar;
};

enum
{
  PROP_SESSION = 1,
  PROP_DOWNLOAD,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodModelButton, pmod_model_button, ADW_TYPE_BIN)

static char *
describe (PmodModelCard *card)
{
  const char *host = card->server ? strstr (card->server, "://") : NULL;
  g_autofree char *size = g_format_size_full (card->weight_bytes, G_FORMAT_SIZE_IEC_UNITS);

  g_autofree char *facts = g_strdup_printf (_ ("%d layers, %d routed \302\267 %s"), card->n_layers,
                                            card->n_routed, size);

  /* Where it is comes first: that must not be cut off. */
  if (host)
    return g_strdup_printf (_ ("on %s \302\267 %s"), host + strlen ("://"), facts);
  return card->about ? g_strdup_printf ("%s \302\267 %s", card->about, facts)
                     : g_steal_pointer (&facts);
}

/* Where it lies and where it runs. */
static char *
describe_place (PmodModelCard *card)
{
  g_autofree char *why = card->fallback ? g_strdup_printf (_ ("Not on %s"), card->fallback) : NULL;

  if (card->server)
    {
      g_autofree char *where =
          g_strdup_printf (_ ("Pictures and questions go to %s"), card->server);

      return g_strjoin ("\n", where, card->device, why, NULL);
    }
  return g_strjoin ("\n", card->path, card->device, why, NULL);
}

static void
update (PmodModelButton *self)
{
  PmodModelCard *card = self->session ? pmod_session_get_model (self->session) : NULL;
  g_autofree char *facts = card ? describe (card) : NULL;
  g_autofree char *tooltip = NULL;
  g_autofree char *label = NULL;
  /* Where pictures leave this computer the header says so for as long as they do. */
  const char *here[] = { "caption", "dim-label", NULL }, *away[] = { "caption", "accent", NULL };

  gtk_label_set_label (self->name, card ? card->name : _ ("No model"));
  gtk_label_set_label (self->facts, facts ? facts : _ ("Choose one"));
  gtk_widget_set_css_classes (GTK_WIDGET (self->facts), card && card->server ? away : here);
  if (card && card->server)
    label = g_strdup_printf (_ ("Model: %s, on the server %s"), card->name, card->server);
  else
    label = g_strdup_printf (_ ("Model: %s"), card ? card->name : _ ("none"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->button), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  label, -1);
  tooltip = card ? describe_place (card) : NULL;
  gtk_widget_set_tooltip_text (GTK_WIDGET (self), tooltip);
}

/* A thin line, for as long as something comes in. */
static void
update_download (PmodModelButton *self)
{
  gboolean fetching =
      self->download && pmod_download_get_state (self->download) == PMOD_DOWNLOAD_FETCHING;
  g_autofree char *text = fetching ? pmod_download_describe_short (self->download) : NULL;

  gtk_widget_set_opacity (GTK_WIDGET (self->bar), fetching ? 1 : 0);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->bar), text);
  gtk_progress_bar_set_fraction (
      self->bar, fetching ? MAX (pmod_download_get_fraction (self->download), 0) : 0);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->bar), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  text ? text : _ ("No download"), -1);
}

/* Made anew each time: models come and go on disk. */
static void
create_menu_cb (GtkMenuButton *button, gpointer user_data)
{
  g_autoptr (GMenu) menu = g_menu_new ();
  g_autoptr (GMenu) installed = g_menu_new ();
  g_autoptr (GMenu) other = g_menu_new ();
  g_auto (GStrv) names = pmod_session_list_models ();

  for (int i = 0; names && names[i]; i++)
    {
      g_autoptr (GMenuItem) item = g_menu_item_new (names[i], NULL);

      g_menu_item_set_action_and_target (item, "win.model", "s", names[i]);
      g_menu_append_item (installed, item);
    }
  g_menu_append (other, _ ("_Models\342\200\246"), "win.models");
  g_menu_append (other, _ ("Open a _Folder\342\200\246"), "win.model-folder");
  g_menu_append (other, _ ("_Connect to a Server\342\200\246"), "win.connect-server");
  g_menu_append_section (menu, _ ("Models"), G_MENU_MODEL (installed));
  g_menu_append_section (menu, NULL, G_MENU_MODEL (other));
  gtk_menu_button_set_menu_model (button, G_MENU_MODEL (menu));
}

static void
pmod_model_button_dispose (GObject *object)
{
  PmodModelButton *self = PMOD_MODEL_BUTTON (object);

  g_clear_object (&self->download_signals);
  g_clear_object (&self->download);
  g_clear_object (&self->signals);
  g_clear_object (&self->session);

  G_OBJECT_CLASS (pmod_model_button_parent_class)->dispose (object);
}

static void
pmod_model_button_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodModelButton *self = PMOD_MODEL_BUTTON (object);

  switch (id)
    {
    case PROP_SESSION:
      g_value_set_object (value, self->session);
      break;
    case PROP_DOWNLOAD:
      g_value_set_object (value, self->download);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_model_button_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodModelButton *self = PMOD_MODEL_BUTTON (object);

  switch (id)
    {
    case PROP_SESSION:
      if (!g_set_object (&self->session, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->signals, self->session);
      update (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    case PROP_DOWNLOAD:
      if (!g_set_object (&self->download, g_value_get_object (value)))
        return;
      g_signal_group_set_target (self->download_signals, self->download);
      update_download (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_model_button_class_init (PmodModelButtonClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_model_button_dispose;
  object_class->get_property = pmod_model_button_get_property;
  object_class->set_property = pmod_model_button_set_property;

  props[PROP_SESSION] =
      g_param_spec_object ("session", NULL, NULL, PMOD_TYPE_SESSION,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  props[PROP_DOWNLOAD] =
      g_param_spec_object ("download", NULL, NULL, PMOD_TYPE_DOWNLOAD,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-model-button.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodModelButton, button);
  gtk_widget_class_bind_template_child (widget_class, PmodModelButton, name);
  gtk_widget_class_bind_template_child (widget_class, PmodModelButton, facts);
  gtk_widget_class_bind_template_child (widget_class, PmodModelButton, bar);
}

static void
pmod_model_button_init (PmodModelButton *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->signals = g_signal_group_new (PMOD_TYPE_SESSION);
  g_signal_group_connect_swapped (self->signals, "notify::model", G_CALLBACK (update), self);
  self->download_signals = g_signal_group_new (PMOD_TYPE_DOWNLOAD);
  g_signal_group_connect_swapped (self->download_signals, "changed", G_CALLBACK (update_download),
                                  self);
  update_download (self);
  gtk_menu_button_set_create_popup_func (self->button, create_menu_cb, self, NULL);
}
