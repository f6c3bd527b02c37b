/* PmodMessage: see pmod-message.h. */
#include "config.h"

#include "pmod-message.h"

struct _PmodMessage
{
  GObject parent_instance;

  char *text;
  char *key;
  PmodRun *run;
  GPtrArray *pictures; /* NULL: none */
  gboolean interrupted;
  guint position;
  guint version;
  guint n_versions;
  gboolean shown;
};

enum
{
  PROP_VERSION = 1,
  PROP_N_VERSIONS,
  PROP_SHOWN,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodMessage, pmod_message, G_TYPE_OBJECT)

static void
pmod_message_finalize (GObject *object)
{
  PmodMessage *self = PMOD_MESSAGE (object);

  g_clear_object (&self->run);
  g_clear_pointer (&self->pictures, g_ptr_array_unref);
  g_free (self->text);
  g_free (self->key);

  G_OBJECT_CLASS (pmod_message_parent_class)->finalize (object);
}

static void
pmod_message_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodMessage *self = PMOD_MESSAGE (object);

  switch (id)
    {
    case PROP_VERSION:
      g_value_set_uint (value, self->version);
      break;
    case PROP_N_VERSIONS:
      g_value_set_uint (value, self->n_versions);
      break;
    case PROP_SHOWN:
      g_value_set_boolean (value, self->shown);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_message_class_init (PmodMessageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = pmod_message_finalize;
  object_class->get_property = pmod_message_get_property;

  props[PROP_VERSION] = g_param_spec_uint ("version", NULL, NULL, 0, G_MAXUINT, 0, flags);
  props[PROP_N_VERSIONS] = g_param_spec_uint ("n-versions", NULL, NULL, 1, G_MAXUINT, 1, flags);
  props[PROP_SHOWN] = g_param_spec_boolean ("shown", NULL, NULL, FALSE, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
pmod_message_init (PmodMessage *self)
{
  self->n_versions = 1;
}

PmodMessage *
pmod_message_new_question (const char *text)
{
  PmodMessage *self = g_object_new (PMOD_TYPE_MESSAGE, NULL);

  self->text = g_strdup (text);
  return self;
}

PmodMessage *
pmod_message_new_answer (PmodRun *run, const char *key)
{
  PmodMessage *self = g_object_new (PMOD_TYPE_MESSAGE, NULL);

  self->run = g_object_ref (run);
  self->key = g_strdup (key);
  return self;
}

PmodRun *
pmod_message_get_run (PmodMessage *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE (self), NULL);
  return self->run;
}

void
pmod_message_set_pictures (PmodMessage *self, GPtrArray *pictures)
{
  g_return_if_fail (PMOD_IS_MESSAGE (self));

  g_clear_pointer (&self->pictures, g_ptr_array_unref);
  if (pictures && pictures->len > 0)
    self->pictures = g_ptr_array_ref (pictures);
}

GPtrArray *
pmod_message_get_pictures (PmodMessage *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE (self), NULL);
  return self->pictures;
}

const char *
pmod_message_get_key (PmodMessage *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE (self), NULL);
  return self->key;
}

gboolean
pmod_message_get_interrupted (PmodMessage *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE (self), FALSE);
  return self->interrupted;
}

void
pmod_message_set_interrupted (PmodMessage *self, gboolean interrupted)
{
  g_return_if_fail (PMOD_IS_MESSAGE (self));
  self->interrupted = interrupted;
}

const char *
pmod_message_get_text (PmodMessage *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE (self), NULL);
  return self->run ? pmod_run_get_text (self->run) : self->text;
}

guint
pmod_message_get_position (PmodMessage *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE (self), 0);
  return self->position;
}

guint
pmod_message_get_version (PmodMessage *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE (self), 0);
  return self->version;
}

guint
pmod_message_get_n_versions (PmodMessage *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE (self), 1);
  return self->n_versions;
}

void
pmod_message_set_place (PmodMessage *self, guint position, guint version, guint n_versions)
{
  g_return_if_fail (PMOD_IS_MESSAGE (self));
  g_return_if_fail (version < n_versions);

  self->position = position;
  if (self->version == version && self->n_versions == n_versions)
    return;
  self->version = version;
  self->n_versions = n_versions;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_VERSION]);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_N_VERSIONS]);
}

gboolean
pmod_message_get_shown (PmodMessage *self)
{
  g_return_val_if_fail (PMOD_IS_MESSAGE (self), FALSE);
  return self->shown;
}

void
pmod_message_set_shown (PmodMessage *self, gboolean shown)
{
  g_return_if_fail (PMOD_IS_MESSAGE (self));

  if (self->shown == shown)
    return;
  self->shown = shown;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SHOWN]);
}
