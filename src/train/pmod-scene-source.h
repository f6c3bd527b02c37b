/* Scenes as samples: pictures made from a seed, with as many of their questions as fit behind each
 * other, tokenised as a conversation of one question is in inference. */
#pragma once

#include "pmod-recipe.h"
#include "pmod-scene.h"
#include "pmod-source.h"
#include "pmod-tokenizer.h"

G_BEGIN_DECLS

/* The samples of a split. Borrows art, config and tokenizer, which must outlive it. */
PmodSource *pmod_scene_source_new (const PmodSceneArt *art,
                                   const PmodRecipeData *data,
                                   guint64 seed,
                                   PmodSceneSplit split,
                                   const PmodConfig *config,
                                   PmodTokenizer *tokenizer,
                                   GError **error);

/* Lines of text such as these samples hold, for training a tokenizer: n_scenes scenes' questions
 * and answers, and every word that a class may be called by. (element-type utf8) */
GPtrArray *pmod_scene_source_list_text (const PmodSceneArt *art, guint64 seed, int n_scenes);

G_END_DECLS
