/* See pmod-run-origin.h. */
#include "config.h"

#include "pmod-run-origin.h"

#include "pmod-picture-private.h"
#include "pmod-settings.h"

#define MODEL_KEY "strata-run-model"
#define SETTINGS_KEY "strata-run-settings"
#define UNWRITTEN_KEY "strata-run-unwritten-settings"
#define OUTSIDE_KEY "strata-run-outside-training"
#define PICTURES_KEY "strata-run-pictures"
#define HASH_KEY "strata-run-config-hash"

void
pmod_run_set_model (PmodRun *run, PmodModelCard *card)
{
  g_return_if_fail (PMOD_IS_RUN (run));

  g_object_set_data_full (G_OBJECT (run), MODEL_KEY, card ? pmod_model_card_ref (card) : NULL,
                          card ? (GDestroyNotify)pmod_model_card_unref : NULL);
}

PmodModelCard *
pmod_run_get_model (PmodRun *run)
{
  g_return_val_if_fail (PMOD_IS_RUN (run), NULL);
  return g_object_get_data (G_OBJECT (run), MODEL_KEY);
}

void
pmod_run_set_settings (PmodRun *run, const char *json)
{
  g_return_if_fail (PMOD_IS_RUN (run));

  g_object_set_data (G_OBJECT (run), UNWRITTEN_KEY, NULL);
  g_object_set_data_full (G_OBJECT (run), SETTINGS_KEY, g_strdup (json), g_free);
}

void
pmod_run_take_settings (PmodRun *run, PmodSettings *settings)
{
  g_return_if_fail (PMOD_IS_RUN (run));

  g_object_set_data_full (G_OBJECT (run), UNWRITTEN_KEY, settings,
                          (GDestroyNotify)pmod_settings_free);
}

const char *
pmod_run_get_settings (PmodRun *run)
{
  PmodSettings *unwritten;

  g_return_val_if_fail (PMOD_IS_RUN (run), NULL);

  unwritten = g_object_get_data (G_OBJECT (run), UNWRITTEN_KEY);
  if (unwritten)
    {
      g_autofree char *json = pmod_settings_to_json (unwritten);

      pmod_run_set_settings (run, json);
    }
  return g_object_get_data (G_OBJECT (run), SETTINGS_KEY);
}

void
pmod_run_set_outside_training (PmodRun *run, gboolean outside_training)
{
  g_return_if_fail (PMOD_IS_RUN (run));

  g_object_set_data (G_OBJECT (run), OUTSIDE_KEY, GINT_TO_POINTER (outside_training));
}

gboolean
pmod_run_get_outside_training (PmodRun *run)
{
  g_return_val_if_fail (PMOD_IS_RUN (run), FALSE);
  return GPOINTER_TO_INT (g_object_get_data (G_OBJECT (run), OUTSIDE_KEY));
}

void
pmod_run_set_config_hash (PmodRun *run, const char *hash)
{
  g_return_if_fail (PMOD_IS_RUN (run));

  g_object_set_data_full (G_OBJECT (run), HASH_KEY, g_strdup (hash), g_free);
}

const char *
pmod_run_get_config_hash (PmodRun *run)
{
  g_return_val_if_fail (PMOD_IS_RUN (run), NULL);
  return g_object_get_data (G_OBJECT (run), HASH_KEY);
}

void
pmod_run_set_pictures (PmodRun *run, PmodPicture *pictures)
{
  g_return_if_fail (PMOD_IS_RUN (run));

  g_object_set_data_full (G_OBJECT (run), PICTURES_KEY, pictures ? g_object_ref (pictures) : NULL,
                          pictures ? g_object_unref : NULL);
}

PmodPicture *
pmod_run_get_shown (PmodRun *run, int i)
{
  PmodPicture *pictures;

  g_return_val_if_fail (PMOD_IS_RUN (run), NULL);

  pictures = g_object_get_data (G_OBJECT (run), PICTURES_KEY);
  if (!pictures || i < 0 || (guint)i >= pmod_picture_get_n_parts (pictures))
    return NULL;
  return pmod_picture_get_part (pictures, (guint)i);
}
