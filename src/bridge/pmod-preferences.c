/* The settings' schema and its enumerations: see pmod-preferences.h. */
#include "config.h"

#include "pmod-preferences.h"

/* --- Schema ---------------------------------------------------------------------------------- */

/* (transfer full) (nullable) */
static GSettingsSchemaSource *
find_source (void)
{
  GSettingsSchemaSource *installed = g_settings_schema_source_get_default ();
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  GSettingsSchemaSource *built = NULL;

  if (self != NULL && g_str_has_prefix (self, STRATA_BUILD_DIR G_DIR_SEPARATOR_S))
    built = g_settings_schema_source_new_from_directory (STRATA_BUILD_DIR G_DIR_SEPARATOR_S "data",
                                                         installed, TRUE, NULL);
  if (built)
    return built;
  return installed ? g_settings_schema_source_ref (installed) : NULL;
}

static GSettingsSchema *
find_schema (void)
{
  GSettingsSchemaSource *source = find_source ();
  GSettingsSchema *schema =
      source ? g_settings_schema_source_lookup (source, STRATA_APP_ID, TRUE) : NULL;

  g_clear_pointer (&source, g_settings_schema_source_unref);
  return schema;
}

GSettings *
pmod_preferences_new (void)
{
  g_autoptr (GSettingsSchema) schema = find_schema ();

  return schema ? g_settings_new_full (schema, NULL, NULL) : NULL;
}

/* --- Choices --------------------------------------------------------------------------------- */

static gboolean
get_choice (GValue *value, GVariant *variant, gpointer user_data)
{
  const char *const *nicks = user_data;
  const char *chosen = g_variant_get_string (variant, NULL);

  for (guint i = 0; nicks[i]; i++)
    if (g_str_equal (nicks[i], chosen))
      {
        g_value_set_uint (value, i);
        return TRUE;
      }
  return FALSE;
}

static GVariant *
set_choice (const GValue *value, const GVariantType *type, gpointer user_data)
{
  const char *const *nicks = user_data;
  guint choice = g_value_get_uint (value);

  /* A list that is being built may have nothing selected yet. */
  return choice < g_strv_length ((char **)nicks) ? g_variant_new_string (nicks[choice]) : NULL;
}

void
pmod_preferences_bind_choice (GSettings *settings,
                              const char *key,
                              gpointer object,
                              const char *property)
{
  g_autoptr (GSettingsSchema) schema = NULL;
  g_autoptr (GSettingsSchemaKey) schema_key = NULL;
  g_autoptr (GVariant) range = NULL;
  g_autoptr (GVariant) nicks = NULL;
  const char *kind;

  g_return_if_fail (G_IS_SETTINGS (settings));

  g_object_get (settings, "settings-schema", &schema, NULL);
  schema_key = g_settings_schema_get_key (schema, key);
  range = g_settings_schema_key_get_range (schema_key);
  g_variant_get (range, "(&sv)", &kind, &nicks);
  g_return_if_fail (g_str_equal (kind, "enum"));
  g_settings_bind_with_mapping (settings, key, object, property, G_SETTINGS_BIND_DEFAULT,
                                get_choice, set_choice, g_variant_dup_strv (nicks, NULL),
                                (GDestroyNotify)g_strfreev);
}
