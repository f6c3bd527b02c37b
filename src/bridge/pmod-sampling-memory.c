/* See pmod-sampling-memory.h. */
#include "config.h"

#include "pmod-sampling-memory.h"

static void
recall (PmodTuning *tuning, GSettings *settings)
{
  pmod_tuning_freeze (tuning);
  pmod_tuning_set_temperature (tuning, g_settings_get_double (settings, "temperature"));
  pmod_tuning_set_top_k (tuning, g_settings_get_int (settings, "top-k"));
  pmod_tuning_set_top_p (tuning, g_settings_get_double (settings, "top-p"));
  pmod_tuning_set_sampling_seed (tuning, g_settings_get_uint64 (settings, "sampling-seed"));
  pmod_tuning_set_max_tokens (tuning, g_settings_get_int (settings, "longest-answer"));
  pmod_tuning_thaw (tuning);
}

/* Keys that hold their value already are not written. */
static void
keep (PmodTuning *tuning, GSettings *settings)
{
  double temperature = pmod_tuning_get_temperature (tuning);
  double top_p = pmod_tuning_get_top_p (tuning);
  int top_k = pmod_tuning_get_top_k (tuning);
  guint64 seed = pmod_tuning_get_sampling_seed (tuning);
  int longest = pmod_tuning_get_max_tokens (tuning);

  if (temperature != g_settings_get_double (settings, "temperature"))
    g_settings_set_double (settings, "temperature", temperature);
  if (top_k != g_settings_get_int (settings, "top-k"))
    g_settings_set_int (settings, "top-k", top_k);
  if (top_p != g_settings_get_double (settings, "top-p"))
    g_settings_set_double (settings, "top-p", top_p);
  if (seed != g_settings_get_uint64 (settings, "sampling-seed"))
    g_settings_set_uint64 (settings, "sampling-seed", seed);
  if (longest != g_settings_get_int (settings, "longest-answer"))
    g_settings_set_int (settings, "longest-answer", longest);
}

static void
changed_cb (PmodTuning *tuning, guint change, gpointer user_data)
{
  if (change & PMOD_TUNING_MODEL)
    recall (tuning, user_data);
  else if (change & PMOD_TUNING_SAMPLING)
    keep (tuning, user_data);
}

void
pmod_sampling_memory_attach (PmodTuning *tuning, GSettings *settings)
{
  g_return_if_fail (PMOD_IS_TUNING (tuning));
  g_return_if_fail (G_IS_SETTINGS (settings));

  g_signal_connect_data (tuning, "changed", G_CALLBACK (changed_cb), g_object_ref (settings),
                         (GClosureNotify)(void (*) (void))g_object_unref, 0);
  if (pmod_tuning_get_model (tuning))
    recall (tuning, settings);
}
