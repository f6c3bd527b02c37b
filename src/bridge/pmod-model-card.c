/* PmodModelCard: see pmod-model-card.h. */
#include "config.h"

#include "pmod-model-card-private.h"

#include <json-glib/json-glib.h>

G_DEFINE_BOXED_TYPE (PmodModelCard, pmod_model_card, pmod_model_card_ref, pmod_model_card_unref)

PmodModelFacts *
pmod_model_facts_new_for (const PmodConfig *config,
                          const PmodParams *trained,
                          guint64 kv_token_bytes)
{
  PmodModelFacts *self = g_new0 (PmodModelFacts, 1);

  self->config = pmod_config_copy (config);
  self->trained = *trained;
  self->kv_token_bytes = kv_token_bytes;
  return self;
}

static void
facts_free (PmodModelFacts *self)
{
  pmod_config_free (self->config);
  g_free (self);
}

static void
clear_card (gpointer data)
{
  PmodModelCard *self = data;

  g_free (self->name);
  g_free (self->path);
  g_free (self->server);
  g_free (self->note);
  g_free (self->about);
  g_free (self->system);
  g_free (self->precision);
  g_free (self->device);
  g_free (self->fallback);
  g_clear_pointer (&self->facts, facts_free);
}

PmodModelCard *
pmod_model_card_new (void)
{
  return g_atomic_rc_box_new0 (PmodModelCard);
}

PmodModelCard *
pmod_model_card_ref (PmodModelCard *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
pmod_model_card_unref (PmodModelCard *self)
{
  g_atomic_rc_box_release_full (self, clear_card);
}

void
pmod_model_card_take_facts (PmodModelCard *card, PmodModelFacts *facts)
{
  const PmodConfig *config = facts->config;
  double ratios[PMOD_MAX_LAYERS];

  card->n_layers = config->n_layers;
  card->context_length = config->context_length;
  card->has_vision = config->has_vision;
  card->single_questions = config->single_questions;
  if (pmod_routing_ratios (&facts->trained.routing, config, ratios, NULL))
    for (int l = 0; l < config->n_layers; l++)
      card->n_routed += ratios[l] >= 0;
  card->facts = facts;
}

void
pmod_model_card_read_words (PmodModelCard *card)
{
  g_autofree char *file = g_build_filename (card->path, "config.json", NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *object;

  if (!json_parser_load_from_file (parser, file, NULL) ||
      !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    return;
  object = json_node_get_object (json_parser_get_root (parser));
  card->note = g_strdup (json_object_get_string_member_with_default (object, "strata_note", NULL));
  card->about =
      g_strdup (json_object_get_string_member_with_default (object, "strata_about", NULL));
}
