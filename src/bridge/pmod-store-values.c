/* The store's plain values. See pmod-store-values.h. */
#include "config.h"

#include "pmod-store-values.h"

void
pmod_store_picture_free (PmodStorePicture *self)
{
  g_free (self->hash);
  g_free (self->name);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_free (self);
}

void
pmod_store_conversation_free (PmodStoreConversation *self)
{
  g_free (self->uuid);
  g_free (self->title);
  g_free (self->system);
  g_free (self->folder_name);
  g_free (self);
}

void
pmod_store_message_free (PmodStoreMessage *self)
{
  g_free (self->text);
  g_free (self->model);
  g_free (self->settings);
  g_free (self->error);
  g_clear_pointer (&self->trace, g_bytes_unref);
  g_strfreev (self->pictures);
  g_free (self);
}

void
pmod_store_folder_free (PmodStoreFolder *self)
{
  g_free (self->name);
  g_free (self);
}

void
pmod_store_hit_free (PmodStoreHit *self)
{
  g_free (self->title);
  g_free (self->excerpt);
  g_free (self);
}
