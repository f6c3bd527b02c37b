/* The shape that flops and bench work on: a preset, an installed model, or a directory; and a
 * prompt of so many vision and text tokens. */
#pragma once

#include "cli-options.h"

G_BEGIN_DECLS

typedef struct
{
  PmodConfig *config;
  char *name;      /* as it was asked for */
  char *directory; /* NULL: a built-in preset */
  gint64 n_vision;
  gint64 n_text;
  gint64 n_tiles;
} CliShape;

/* Options of the shape, as they were given. */
typedef struct
{
  char *preset;
  char *vision_tokens;
  char *text_tokens;
  char *tiles;
} CliShapeTexts;

/* The entries for these, to be put among a subcommand's own. */
#define CLI_SHAPE_ENTRIES(texts)                                                                   \
  { "preset",                                                                                      \
    0,                                                                                             \
    0,                                                                                             \
    G_OPTION_ARG_FILENAME,                                                                         \
    &(texts)->preset,                                                                              \
    "llava-1.5-7b, llava-next-7b, or a model's name or directory",                                 \
    "NAME" },                                                                                      \
      { "vision-tokens",                                                                           \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_FILENAME,                                                                     \
        &(texts)->vision_tokens,                                                                   \
        "Vision tokens of the prompt (those of a square picture)",                                 \
        "N" },                                                                                     \
      { "text-tokens",                                                                             \
        0,                                                                                         \
        0,                                                                                         \
        G_OPTION_ARG_FILENAME,                                                                     \
        &(texts)->text_tokens,                                                                     \
        "Text tokens of the prompt (58, as the paper counts)",                                     \
        "N" },                                                                                     \
  {                                                                                                \
    "tiles", 0, 0, G_OPTION_ARG_FILENAME, &(texts)->tiles,                                         \
        "Tiles that go through the vision tower (vision tokens / tokens of a tile)", "N"           \
  }

/* fallback: the shape where none is named; NULL makes that a usage error. A shape has no weights,
 * so that any layer may be routed. */
CliShape *cli_shape_new (const CliOptions *options,
                         const CliShapeTexts *texts,
                         const char *fallback,
                         GError **error);
void cli_shape_free (CliShape *self);
void cli_shape_texts_clear (CliShapeTexts *self);

/* "8-31, 33": the layers whose ratio is not PMOD_RATIO_PLAIN; "none". (transfer full) */
char *cli_describe_routed (const double *ratios, int n_layers);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliShape, cli_shape_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliShapeTexts, cli_shape_texts_clear)

G_END_DECLS
