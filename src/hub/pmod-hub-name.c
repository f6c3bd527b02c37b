/* Names that come from a server or a user: which are taken, and how they are shown. Nothing that
 * leaves the folder, hides in it or writes to a terminal gets past here. */
#include "pmod-hub-private.h"

#include <string.h>

#define MAX_NAME 96
#define MAX_PATH 400
#define MAX_QUOTED 100

GQuark
pmod_hub_error_quark (void)
{
  return g_quark_from_static_string ("pmod-hub-error-quark");
}

/* Letters, digits, ".", "_" and "-", not beginning with a "." or "-" */
static gboolean
is_plain_name (const char *name, gsize length)
{
  if (length == 0 || length > MAX_NAME || !(g_ascii_isalnum (name[0]) || name[0] == '_'))
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (name[i]) && name[i] != '_' && name[i] != '-' && name[i] != '.')
      return FALSE;
  return TRUE;
}

gboolean
pmod_hub_is_safe_path (const char *path)
{
  if (path == NULL || strlen (path) > MAX_PATH)
    return FALSE;
  for (;;)
    {
      gsize length = strcspn (path, "/");

      if (!is_plain_name (path, length))
        return FALSE;
      if (path[length] == '\0')
        return TRUE;
      path += length + 1;
    }
}

gboolean
pmod_hub_is_repo (const char *name)
{
  const char *slash = strchr (name, '/');

  return slash != NULL && strchr (slash + 1, '/') == NULL && pmod_hub_is_safe_path (name) &&
         strstr (name, "..") == NULL;
}

gboolean
pmod_hub_split_repo (const char *text, char **repo, char **revision, GError **error)
{
  const char *at = strchr (text, '@');
  g_autofree char *name = at != NULL ? g_strndup (text, (gsize)(at - text)) : g_strdup (text);
  const char *wanted = at != NULL ? at + 1 : "main";
  g_autofree char *quoted = pmod_hub_quote (text);

  if (!pmod_hub_is_repo (name))
    g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_ARGUMENT,
                 "repository: expected OWNER/NAME or OWNER/NAME@REVISION, got %s", quoted);
  else if (!pmod_hub_is_safe_path (wanted))
    g_set_error (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_ARGUMENT,
                 "revision: expected a branch, a tag or a commit after the @, got %s", quoted);
  else
    {
      *repo = g_steal_pointer (&name);
      *revision = g_strdup (wanted);
      return TRUE;
    }
  return FALSE;
}

char *
pmod_hub_quote (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize)strnlen (text, MAX_QUOTED + 1));
  GString *quoted = g_string_new ("\"");
  const char *p;

  for (p = valid; *p != '\0' && p - valid < MAX_QUOTED; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      g_string_append_unichar (quoted, g_unichar_isprint (c) ? c : '?');
    }
  g_string_append (quoted, *p != '\0' ? "...\"" : "\"");
  return g_string_free (quoted, FALSE);
}

char *
pmod_hub_format_bytes (guint64 bytes)
{
  static const char *const units[] = { "kB", "MB", "GB", "TB", "PB" };
  double value = (double)bytes / 1000;
  guint unit = 0;

  if (bytes < 1000)
    return g_strdup_printf ("%" G_GUINT64_FORMAT " bytes", bytes);
  for (; value >= 1000 && unit + 1 < G_N_ELEMENTS (units); unit++)
    value /= 1000;
  return g_strdup_printf ("%.2f %s", value, units[unit]);
}

gboolean
pmod_hub_is_hex (const char *text, gsize length)
{
  if (text == NULL || strlen (text) != length)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isdigit (text[i]) && !(text[i] >= 'a' && text[i] <= 'f'))
      return FALSE;
  return TRUE;
}

gboolean
pmod_hub_check_cancelled (GCancellable *cancellable, GError **error)
{
  if (!g_cancellable_is_cancelled (cancellable))
    return TRUE;
  g_set_error_literal (error, PMOD_HUB_ERROR, PMOD_HUB_ERROR_CANCELLED,
                       "stopped; what is there stays, and the same command goes on from it");
  return FALSE;
}

char *
pmod_hub_dup_folder (const char *repo, GError **error)
{
  g_autofree char *name = NULL;
  g_autofree char *revision = NULL;

  if (strchr (repo, '/') == NULL && is_plain_name (repo, strlen (repo)))
    return g_build_filename (g_get_user_data_dir (), "strata", "models", repo, NULL);
  if (!pmod_hub_split_repo (repo, &name, &revision, error))
    return NULL;
  return g_build_filename (g_get_user_data_dir (), "strata", "models", strchr (name, '/') + 1,
                           NULL);
}
