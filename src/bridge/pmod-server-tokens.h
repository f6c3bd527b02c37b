/* What servers want to be told, by their addresses: in memory alone. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _PmodServerTokens PmodServerTokens;

PmodServerTokens *pmod_server_tokens_new (void);
void pmod_server_tokens_free (PmodServerTokens *self);

void pmod_server_tokens_tell (PmodServerTokens *self, const char *address, const char *token);

/* What was told last for address, else what the environment says. (nullable) */
char *pmod_server_tokens_dup (PmodServerTokens *self, const char *address);

G_END_DECLS
