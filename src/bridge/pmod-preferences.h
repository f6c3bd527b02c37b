/* What the user prefers and what the window remembers: the keys of the one GSettings schema, and
 * how to come to it. A program of the build tree takes the schema that was built with it.
 *
 * Values are as many places' as like: each takes its own GSettings, and all see every change. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define PMOD_PREFERENCE_COLOR_SCHEME "color-scheme" /* PmodColorScheme */
#define PMOD_PREFERENCE_REDUCE_MOTION "reduce-motion"
#define PMOD_PREFERENCE_LAST_MODEL "start-with-last-model"
#define PMOD_PREFERENCE_LAST_CONVERSATION "start-with-last-conversation"
#define PMOD_PREFERENCE_KEEP "keep-conversations"
#define PMOD_PREFERENCE_COMPUTE_RULE "compute-rule" /* PmodFlopsRule */
#define PMOD_PREFERENCE_MIRROR "mirror-camera"

typedef enum
{
  PMOD_COLOR_SCHEME_SYSTEM,
  PMOD_COLOR_SCHEME_LIGHT,
  PMOD_COLOR_SCHEME_DARK,
} PmodColorScheme;

/* NULL where the schema is not installed: nothing is remembered then. (transfer full) */
GSettings *pmod_preferences_new (void);

/* Binds a key of an enumeration, both ways, to a property of type guint that holds the value's
 * place in the schema. */
void pmod_preferences_bind_choice (GSettings *settings,
                                   const char *key,
                                   gpointer object,
                                   const char *property);

G_END_DECLS
