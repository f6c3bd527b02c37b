/* PmodComposerBar: see pmod-composer-bar.h. */
#include "config.h"

#include "pmod-composer-bar.h"

#include <glib/gi18n.h>

#include "pmod-context-meter.h"
#include "pmod-system-button.h"

/* Where fewer tokens are left for the answer than a sentence takes, it is said. */
#define SENTENCE_TOKENS 32

struct _PmodComposerBar
{
  AdwBin parent_instance;

  PmodChat *chat;
  PmodContextMeter *meter; /* the chat's */
  GtkLabel *label;
};

enum
{
  PROP_CHAT = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodComposerBar, pmod_composer_bar, ADW_TYPE_BIN)

/* --- The meter ------------------------------------------------------------------------------- */

static char *
describe_tokens (int needed, int limit)
{
  int room = limit - needed;

  if (room < SENTENCE_TOKENS)
    return g_strdup_printf (_ ("%d of %d tokens, %d left"), needed, limit, room);
  return g_strdup_printf (_ ("%d of %d tokens"), needed, limit);
}

/* Those of the next question. */
static guint
count_pictures (PmodComposerBar *self)
{
  GListModel *messages = pmod_chat_get_messages (self->chat);

  return pmod_chat_count_pictures (self->chat, g_list_model_get_n_items (messages));
}

/* Behind tokens (nullable). The published models and the bundled one have seen no more than one
 * picture at a time. */
static char *
describe_pictures (const char *tokens, guint n_pictures)
{
  g_autofree char *pictures = g_strdup_printf (
      g_dngettext (GETTEXT_PACKAGE, "%u picture; the model was trained on one at a time",
                   "%u pictures; the model was trained on one at a time", n_pictures),
      n_pictures);

  return tokens ? g_strdup_printf (_ ("%s \302\267 %s"), tokens, pictures)
                : g_steal_pointer (&pictures);
}

static char *
describe_many_parts (gboolean single_questions, int needed, int limit)
{
  g_autofree char *sum = g_strdup_printf (
      single_questions ? _ ("The pictures and this question take %d of the %d tokens that the "
                            "model holds. It is not told what was said before.")
                       : _ ("The pictures, what was said and this question take %d of the %d "
                            "tokens that the model holds."),
      needed, limit);

  return g_strdup_printf (
      "%s %s", sum,
      _ ("Models of this kind are trained on one picture at a time: take what is said about "
         "several as an experiment."));
}

static char *
describe_parts (PmodComposerBar *self, guint n_pictures, int needed, int limit)
{
  PmodModelCard *model = pmod_session_get_model (pmod_chat_get_session (self->chat));

  if (n_pictures > 1)
    return describe_many_parts (model && model->single_questions, needed, limit);
  return g_strdup_printf (model && model->single_questions
                              ? _ ("The picture and this question take %d of the %d tokens that "
                                   "the model holds. It is not told what was said before.")
                              : _ ("The picture, what was said and this question take %d of the %d "
                                   "tokens that the model holds."),
                          needed, limit);
}

/* While a count is on its way the one before stays, so that nothing flickers. */
static void
update (PmodComposerBar *self)
{
  int needed = pmod_context_meter_get_needed (self->meter);
  int limit = pmod_context_meter_get_limit (self->meter);
  gboolean fits = pmod_context_meter_get_fits (self->meter);
  guint n_pictures = count_pictures (self);
  g_autofree char *text = NULL;
  g_autofree char *parts = needed >= 0 ? describe_parts (self, n_pictures, needed, limit) : NULL;
  const char *shown;

  gtk_widget_set_visible (GTK_WIDGET (self), !pmod_chat_get_read_only (self->chat));
  if (!fits)
    text = pmod_context_meter_explain (self->meter, needed);
  else if (needed >= 0)
    text = describe_tokens (needed, limit);
  if (fits && n_pictures > 1)
    {
      char *tokens = text;

      text = describe_pictures (tokens, n_pictures);
      g_free (tokens);
    }
  shown = text ? text : "";
  gtk_label_set_label (self->label, shown);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->label), parts);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->label), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  fits && parts ? parts : shown, -1);
  gtk_widget_add_css_class (GTK_WIDGET (self->label), fits ? "dim-label" : "error");
  gtk_widget_remove_css_class (GTK_WIDGET (self->label), fits ? "error" : "dim-label");
}

static void
set_chat (PmodComposerBar *self, PmodChat *chat)
{
  if (!g_set_object (&self->chat, chat))
    return;
  if (chat)
    {
      self->meter = pmod_context_meter_get (chat);
      g_signal_connect_object (self->meter, "changed", G_CALLBACK (update), self,
                               G_CONNECT_SWAPPED);
      g_signal_connect_object (chat, "notify::read-only", G_CALLBACK (update), self,
                               G_CONNECT_SWAPPED);
      update (self);
    }
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_CHAT]);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_composer_bar_dispose (GObject *object)
{
  g_clear_object (&PMOD_COMPOSER_BAR (object)->chat);

  G_OBJECT_CLASS (pmod_composer_bar_parent_class)->dispose (object);
}

static void
pmod_composer_bar_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, PMOD_COMPOSER_BAR (object)->chat);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_composer_bar_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_CHAT:
      set_chat (PMOD_COMPOSER_BAR (object), g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_composer_bar_class_init (PmodComposerBarClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_composer_bar_dispose;
  object_class->get_property = pmod_composer_bar_get_property;
  object_class->set_property = pmod_composer_bar_set_property;

  props[PROP_CHAT] =
      g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  g_type_ensure (PMOD_TYPE_SYSTEM_BUTTON);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-composer-bar.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodComposerBar, label);
}

static void
pmod_composer_bar_init (PmodComposerBar *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
