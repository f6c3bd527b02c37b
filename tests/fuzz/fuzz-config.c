/* Bytes as config.json, the tower's config.json and preprocessor_config.json, with a zero byte
 * between them; an accepted one must be fit for everything that trusts it. */
#include "pmod-config.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check (const PmodConfig *config)
{
  g_autoptr (PmodConfig) copy = pmod_config_copy (config);
  g_autofree char *routers = pmod_config_describe_routers (copy);
  double ratios[PMOD_MAX_LAYERS];

  g_assert_true (g_utf8_validate (routers, -1, NULL));
  g_assert_cmpint (config->n_layers, >=, 1);
  g_assert_cmpint (config->n_layers, <=, PMOD_MAX_LAYERS);
  g_assert_cmpint (config->n_heads % config->n_kv_heads, ==, 0);
  g_assert_cmpint (config->head_dim % 2, ==, 0);
  g_assert_cmpint (config->eos_token, <, config->vocab);
  g_assert_true (isfinite (config->rope_theta) && config->rms_norm_eps > 0);
  g_assert_cmpuint (pmod_config_n_parameters (copy), <, G_GUINT64_CONSTANT (1) << 62);
  g_assert_cmpint (pmod_config_first_router (copy), <=, copy->n_layers);
  pmod_schedule_ratios (&config->schedule, config->n_layers, ratios);
  for (int i = 0; i < config->n_layers; i++)
    g_assert_true (ratios[i] == PMOD_RATIO_PLAIN || (ratios[i] >= 0 && ratios[i] <= 1));
  if (!config->has_vision)
    return;
  g_assert_cmpint (config->vision.image_size % config->vision.patch_size, ==, 0);
  g_assert_cmpint (config->vision.hidden % config->vision.n_heads, ==, 0);
  g_assert_cmpint (pmod_config_n_tower_blocks (config), >=, 1);
  g_assert_cmpint (pmod_config_n_tower_blocks (config), <=, config->vision.n_layers);
  for (int i = 0; i < config->n_pinpoints; i++)
    g_assert_true (config->pinpoints[i][0] > 0 && config->pinpoints[i][1] > 0);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const char *parts[3] = { (const char *)data, NULL, NULL };
  gssize lengths[3] = { (gssize)size, 0, 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodConfig) config = NULL;

  for (int i = 0; i < 2 && parts[i]; i++)
    {
      const char *zero = memchr (parts[i], 0, (gsize)lengths[i]);

      if (!zero)
        break;
      parts[i + 1] = zero + 1;
      lengths[i + 1] = lengths[i] - (zero + 1 - parts[i]);
      lengths[i] = zero - parts[i];
    }
  config =
      pmod_config_parse (parts[0], lengths[0], parts[1], lengths[1], parts[2], lengths[2], &error);
  g_assert_true ((config == NULL) == (error != NULL));
  if (config)
    check (config);
  return 0;
}
