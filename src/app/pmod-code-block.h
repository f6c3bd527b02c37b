/* Code in an answer: as it is, in letters of one width, with a button that copies it.
 *
 * Long lines are not broken: it scrolls sideways for itself, and follows the cursor. */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define PMOD_TYPE_CODE_BLOCK (pmod_code_block_get_type ())
G_DECLARE_FINAL_TYPE (PmodCodeBlock, pmod_code_block, PMOD, CODE_BLOCK, AdwBin)

/* language: nullable. */
GtkWidget *pmod_code_block_new (const char *language);
void pmod_code_block_set_code (PmodCodeBlock *self, const char *code);

G_END_DECLS
