/* The angles of rotary position embedding, for inference and for training. */
#pragma once

#include "pmod-config.h"

G_BEGIN_DECLS

/* table [context_length, head_dim]: cos of position * theta^(-2i/head_dim) for i in
 * [0, head_dim/2), then sin; angles rounded to F32 as the reference does. Source:
 * LlamaRotaryEmbedding of transformers 4.37. (transfer full) */
float *pmod_rope_new_table (const PmodConfig *config);

G_END_DECLS
