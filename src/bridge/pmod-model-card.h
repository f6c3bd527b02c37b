/* What the window may know of a loaded model: plain facts, immutable, reference counted.
 *
 * Written by the engine's thread when a model is open, then shared. */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* The engine's own description of it: see pmod-model-card-private.h. */
typedef struct _PmodModelFacts PmodModelFacts;

#define PMOD_TYPE_MODEL_CARD (pmod_model_card_get_type ())

typedef struct
{
  char *name;
  char *path;   /* of its folder; NULL on a server */
  char *server; /* the address of the server that has it; NULL on this computer */
  char *note;   /* config key "strata_note": what a user must know of this checkpoint; nullable */
  char *about; /* config key "strata_about": what kind of model this is, in a few words; nullable */
  char *system; /* what stands before each conversation, as it was trained; "": nothing */
  char *precision;
  char *device;
  char *fallback; /* why it is not on a better device, or NULL */
  int n_layers;
  int n_routed;
  int context_length;
  gboolean has_vision;
  gboolean single_questions; /* it is not told what was said before */
  gboolean has_beside;       /* PMOD_SESSION_BESIDE_LANE is there */
  guint64 weight_bytes;
  guint64 load_ns;
  PmodModelFacts *facts;
} PmodModelCard;

GType pmod_model_card_get_type (void);
PmodModelCard *pmod_model_card_new (void);
PmodModelCard *pmod_model_card_ref (PmodModelCard *self);
void pmod_model_card_unref (PmodModelCard *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodModelCard, pmod_model_card_unref)

G_END_DECLS
