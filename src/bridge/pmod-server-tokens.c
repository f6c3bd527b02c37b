/* PmodServerTokens: see pmod-server-tokens.h. */
#include "config.h"

#include "pmod-server-tokens.h"

#include "pmod-remote.h"

struct _PmodServerTokens
{
  GHashTable *told; /* address -> token */
};

/* One server's address, however it was typed. */
static char *
dup_key (const char *address)
{
  char *key = pmod_remote_dup_address (address, NULL);

  return key ? key : g_strdup (address);
}

PmodServerTokens *
pmod_server_tokens_new (void)
{
  PmodServerTokens *self = g_new0 (PmodServerTokens, 1);

  self->told = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

void
pmod_server_tokens_free (PmodServerTokens *self)
{
  g_hash_table_unref (self->told);
  g_free (self);
}

void
pmod_server_tokens_tell (PmodServerTokens *self, const char *address, const char *token)
{
  g_hash_table_insert (self->told, dup_key (address), g_strdup (token));
}

char *
pmod_server_tokens_dup (PmodServerTokens *self, const char *address)
{
  g_autofree char *key = dup_key (address);
  const char *told = g_hash_table_lookup (self->told, key);

  return told ? g_strdup (told) : pmod_remote_dup_known_token ();
}
