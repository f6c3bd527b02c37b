/* Conversations about pictures as samples: LLaVA's JSON and a folder, for fine-tuning on one's own
 * pictures. The format is described in data/doc/training.md. */
#pragma once

#include "pmod-config.h"
#include "pmod-source.h"
#include "pmod-tokenizer.h"

G_BEGIN_DECLS

/* Reads and checks the whole of file at once; images is the folder of its pictures. Samples are in
 * the file's order; each is one sequence with all of its turns. Borrows config and tokenizer, which
 * must outlive it. Errors name the line and the id of the first bad sample and say how many more
 * are bad: see pmod-conversation-file.h; also samples that are longer than the context, and
 * pictures for a model that sees none. What pictures hold is found out when a sample is made. */
PmodSource *pmod_conversations_new (const char *file,
                                    const char *images,
                                    const PmodConfig *config,
                                    PmodTokenizer *tokenizer,
                                    GError **error);

G_END_DECLS
