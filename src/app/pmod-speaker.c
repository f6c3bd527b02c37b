/* PmodSpeaker: see pmod-speaker.h. */
#include "config.h"

#include "pmod-speaker.h"

#include <glib/gi18n.h>
#include <string.h>

#include "pmod-markdown-blocks.h"
#include "pmod-sentences.h"

/* How often a growing text is looked at. */
#define LOOK_MS 250
/* What saying a letter takes; slower readers are interrupted between sentences, not in one. */
#define LETTER_MS 50
#define MAX_REST_MS 12000
/* Sentences that came meanwhile are said together, as long as they are not longer than this. */
#define MAX_TOGETHER 240

struct _PmodSpeaker
{
  GtkWidget parent_instance;

  PmodChat *chat;
  PmodRun *run;   /* that is said, until all of it was taken */
  gsize from;     /* how much of its words was taken */
  GQueue waiting; /* sentences */
  char *sentence; /* that is said */
  guint look;     /* timeouts; 0: none */
  guint rest;
};

enum
{
  PROP_CHAT = 1,
  PROP_SENTENCE,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodSpeaker, pmod_speaker, GTK_TYPE_WIDGET)

/* --- What is said ---------------------------------------------------------------------------- */

/* Code is not read out. */
static void
append_code (GString *words, const PmodBlock *block)
{
  int n_lines = 1;

  for (const char *end = strchr (block->plain, '\n'); end; end = strchr (end + 1, '\n'))
    n_lines++;
  g_string_append_printf (
      words, g_dngettext (GETTEXT_PACKAGE, "Code, %d line.", "Code, %d lines.", (gulong)n_lines),
      n_lines);
}

/* A line's end within a paragraph is none of a sentence. */
static void
append_text (GString *words, const PmodBlock *block)
{
  g_autofree char *text = g_strdup (block->plain);

  g_string_append (words, g_strdelimit (text, "\n", ' '));
}

static char *
make_words (const char *text, gboolean growing)
{
  g_autoptr (GPtrArray) blocks = pmod_markdown_parse (text, growing);
  GString *words = g_string_new (NULL);

  for (guint i = 0; i < blocks->len; i++)
    {
      const PmodBlock *block = blocks->pdata[i];
      gboolean last = i + 1 == blocks->len;

      if (block->kind == PMOD_BLOCK_CODE && !(last && growing))
        append_code (words, block);
      else if (block->kind == PMOD_BLOCK_TEXT || block->kind == PMOD_BLOCK_HEADING)
        append_text (words, block);
      /* Only the rest of a long paragraph goes on where it was divided. */
      if (!last && (*block->inside || !((const PmodBlock *)blocks->pdata[i + 1])->close))
        g_string_append_c (words, '\n');
    }
  return g_string_free (words, FALSE);
}

static void
set_sentence (PmodSpeaker *self, const char *sentence)
{
  g_free (self->sentence);
  self->sentence = g_strdup (sentence);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, sentence,
                                  -1);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SENTENCE]);
}

/* Headings and items have no full stops, and would run into what follows. */
static void
add_sentence (GString *together, const char *sentence)
{
  const char *end = together->str + together->len;

  if (together->len > 0)
    g_string_append (together,
                     g_unichar_isalnum (g_utf8_get_char (g_utf8_prev_char (end))) ? ". " : " ");
  g_string_append (together, sentence);
}

static gboolean
rested_cb (gpointer user_data)
{
  PmodSpeaker *self = user_data;
  g_autoptr (GString) together = g_string_new (NULL);
  glong rest_ms;

  self->rest = 0;
  while (!g_queue_is_empty (&self->waiting) &&
         (together->len == 0 ||
          together->len + strlen (g_queue_peek_head (&self->waiting)) <= MAX_TOGETHER))
    {
      g_autofree char *sentence = g_queue_pop_head (&self->waiting);

      add_sentence (together, sentence);
    }
  if (together->len == 0)
    return G_SOURCE_REMOVE;
  rest_ms = MIN (g_utf8_strlen (together->str, -1) * LETTER_MS, MAX_REST_MS);
  self->rest = g_timeout_add ((guint)rest_ms, rested_cb, self);
  set_sentence (self, together->str);
  return G_SOURCE_REMOVE;
}

/* --- Answers --------------------------------------------------------------------------------- */

static void changed_cb (PmodSpeaker *self);

static void
forget_run (PmodSpeaker *self)
{
  g_clear_handle_id (&self->look, g_source_remove);
  if (self->run)
    g_signal_handlers_disconnect_by_func (self->run, changed_cb, self);
  g_clear_object (&self->run);
}

static void
look (PmodSpeaker *self)
{
  gboolean growing = !pmod_run_is_finished (self->run);
  g_autofree char *words = make_words (pmod_run_get_text (self->run), growing);
  g_auto (GStrv) sentences = pmod_sentences_split (words, growing, &self->from);

  for (char **sentence = sentences; *sentence; sentence++)
    g_queue_push_tail (&self->waiting, g_strdup (*sentence));
  if (!growing)
    forget_run (self);
  if (self->rest == 0)
    rested_cb (self);
}

static gboolean
look_cb (gpointer user_data)
{
  PmodSpeaker *self = user_data;

  self->look = 0;
  look (self);
  return G_SOURCE_REMOVE;
}

static void
changed_cb (PmodSpeaker *self)
{
  if (pmod_run_is_finished (self->run))
    {
      g_clear_handle_id (&self->look, g_source_remove);
      look (self);
    }
  else if (self->look == 0)
    self->look = g_timeout_add (LOOK_MS, look_cb, self);
}

/* Whatever was to be said of another answer is no longer worth it. */
static void
fall_silent (PmodSpeaker *self)
{
  forget_run (self);
  g_clear_handle_id (&self->rest, g_source_remove);
  g_queue_clear_full (&self->waiting, g_free);
  self->from = 0;
}

static void
answering_cb (PmodSpeaker *self, PmodMessage *question, PmodMessage *answer)
{
  fall_silent (self);
  self->run = g_object_ref (pmod_message_get_run (answer));
  g_signal_connect_swapped (self->run, "changed", G_CALLBACK (changed_cb), self);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
set_chat (PmodSpeaker *self, PmodChat *chat)
{
  fall_silent (self);
  if (self->chat)
    g_signal_handlers_disconnect_by_func (self->chat, answering_cb, self);
  g_set_object (&self->chat, chat);
  if (chat)
    g_signal_connect_swapped (chat, "answering", G_CALLBACK (answering_cb), self);
}

static void
pmod_speaker_dispose (GObject *object)
{
  set_chat (PMOD_SPEAKER (object), NULL);

  G_OBJECT_CLASS (pmod_speaker_parent_class)->dispose (object);
}

static void
pmod_speaker_finalize (GObject *object)
{
  g_free (PMOD_SPEAKER (object)->sentence);

  G_OBJECT_CLASS (pmod_speaker_parent_class)->finalize (object);
}

static void
pmod_speaker_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodSpeaker *self = PMOD_SPEAKER (object);

  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_SENTENCE:
      g_value_set_string (value, self->sentence);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_speaker_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodSpeaker *self = PMOD_SPEAKER (object);

  switch (id)
    {
    case PROP_CHAT:
      set_chat (self, g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_speaker_class_init (PmodSpeakerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_speaker_dispose;
  object_class->finalize = pmod_speaker_finalize;
  object_class->get_property = pmod_speaker_get_property;
  object_class->set_property = pmod_speaker_set_property;

  props[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT,
                                          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  props[PROP_SENTENCE] =
      g_param_spec_string ("sentence", NULL, NULL, "", G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-speaker.ui");
  gtk_widget_class_set_css_name (widget_class, "speaker");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_LOG);
}

static void
pmod_speaker_init (PmodSpeaker *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_queue_init (&self->waiting);
  self->sentence = g_strdup ("");
}

const char *
pmod_speaker_get_sentence (PmodSpeaker *self)
{
  g_return_val_if_fail (PMOD_IS_SPEAKER (self), NULL);
  return self->sentence;
}
