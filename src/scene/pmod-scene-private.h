/* What the files of this library share: random numbers, drawings, the canvas, a scene's insides. */
#pragma once

#include "pmod-scene.h"

G_BEGIN_DECLS

/* xoshiro256** (Blackman, Vigna), its state filled by SplitMix64. */
typedef struct
{
  guint64 s[4];
} Random;

void random_init (Random *self, guint64 seed, guint64 stream);
guint64 random_next (Random *self);
double random_unit (Random *self);                           /* [0, 1) */
double random_range (Random *self, double low, double high); /* [low, high) */
int random_int (Random *self, int n);                        /* 0 .. n-1 */
gboolean random_chance (Random *self, double probability);
double random_normal (Random *self); /* near enough: a sum of uniform numbers */
void random_shuffle (Random *self, int *values, int n);

#define SPRITE_SIZE 128
#define SPRITE_LEVELS 4

/* A drawing, square, its ink touching at least two opposite edges. Premultiplied RGBA; level l
 * has SPRITE_SIZE >> l pixels a side. */
typedef struct
{
  guint8 *levels[SPRITE_LEVELS];
  int ink_x, ink_y, ink_w, ink_h; /* the ink's box, of SPRITE_SIZE */
  guint8 mean[3];                 /* mean colour of the ink */
} Sprite;

/* From a premultiplied Cairo picture of any size: cropped to its ink; NULL if there is none. */
Sprite *sprite_new (const guint8 *argb, int width, int height, int stride);
void sprite_free (Sprite *self);

typedef struct
{
  char *name, *one, *many, *group;
  int *similar; /* classes never beside it */
  int n_similar;
} Noun;

#define FONT_COUNT 8

struct _PmodSceneArt
{
  GPtrArray *nouns;   /* Noun */
  GPtrArray *styles;  /* char: names, in the order of art.ini */
  GPtrArray *sprites; /* Sprite or NULL: [style, noun] */
  Sprite *shapes[PMOD_SCENE_N_SHAPES];
  Sprite *glyphs[FONT_COUNT][PMOD_SCENE_N_CHARACTERS];
  int n_fonts;
};

#define FIRST_NOUN (PMOD_SCENE_N_SHAPES + PMOD_SCENE_N_CHARACTERS)

/* pmod-scene-table.c, pmod-scene-icons.c, pmod-scene-glyphs.c: parts of an art. */
gboolean scene_table_read (PmodSceneArt *art,
                           const char *recipes,
                           const char *table,
                           PmodSceneRole role,
                           GPtrArray *icon_names,
                           GError **error);
gboolean scene_icons_read (
    PmodSceneArt *art, const char *cache, int style_idx, char **icon_names, GError **error);
void scene_glyphs_draw (PmodSceneArt *art);
void noun_free (Noun *self);

const Sprite *scene_art_sprite (const PmodSceneArt *art, int style_idx, int class_idx);
const Noun *scene_art_noun (const PmodSceneArt *art, int class_idx); /* NULL for the others */
extern const guint8 scene_colours[PMOD_SCENE_N_COLOURS][3];
char scene_character (int character);

/* Where ink is: 0 none, else 1 + an index into the inks. */
#define MAX_INKS 64
typedef struct
{
  gint16 class_idx;
  gint8 colour_idx, cell_idx;
} Ink;

typedef struct
{
  int size;
  guint8 *rgb; /* [size, size, 3] */
  guint8 *ink; /* [size, size] */
  Ink inks[MAX_INKS];
  int n_inks;
} Canvas;

/* How a drawing is put on a canvas. */
typedef struct
{
  double x, y, size; /* the square that the drawing fills */
  double angle;      /* radians */
  gboolean flip;
  float colour[3][3]; /* what becomes of its colours */
  gboolean solid;     /* drawn as a stencil in `fill` instead */
  guint8 fill[3];
  int outline; /* pixels of outline, or 0 */
  guint8 outline_fill[3];
  double shadow; /* strength of a drop shadow, or 0 */
  double bias;   /* levels coarser than needed: blur */
} Stroke;

void stroke_init (Stroke *self);
void canvas_paint (Canvas *self, const Sprite *sprite, const Stroke *stroke, Ink ink);
void canvas_mean (const Canvas *self, int x, int y, int w, int h, guint8 mean[3]);
void canvas_blur (Canvas *self);
void canvas_patches (const Canvas *self, PmodScenePatch *patches);

#define NOISE_GRID 33

/* Smooth noise: random numbers on a grid of n x n cells, and curves between them. */
typedef struct
{
  int n; /* at most NOISE_GRID - 1 */
  float values[NOISE_GRID * NOISE_GRID];
} Noise;

void noise_init (Noise *self, Random *random, int n);
float noise_at (const Noise *self, float u, float v); /* [0, 1), of [0, 1) x [0, 1) */

typedef struct
{
  int colour_idx; /* of a plain one, else -1 */
  gboolean plain;
} Background;

Background background_paint (Canvas *canvas, Random *random);
/* Pictures that show nothing that has a name: patterns and grounds; what looks like a photograph.
 */
void texture_paint (Canvas *canvas, Random *random);
void lifelike_paint (Canvas *canvas, Random *random);

#define MAX_OBJECTS 16
struct _PmodScene
{
  const PmodSceneArt *art; /* borrowed while the scene is made, then NULL */
  Random random;
  Canvas canvas;
  PmodSceneObject objects[MAX_OBJECTS];
  int n_objects;
  int background;
  gboolean unsure;
  PmodScenePatch *patches;
  GArray *questions; /* PmodSceneQuestion */
};

/* Draws a shape or a noun in its box, with everything that may vary; a shape gets a colour that
 * can be told from what lies behind it. */
void scene_place (PmodScene *self, PmodSceneObject *object);
/* The same for a row of characters, `height` pixels high; lettering_width () tells its width
 * before. */
typedef struct
{
  int font, n, characters[3];
  int height;
} Lettering;
int lettering_width (const PmodSceneArt *art, const Lettering *lettering);
void scene_place_text (PmodScene *self, const Lettering *lettering, PmodSceneObject *object);

/* The cell in whose inner part an object's centre lies, or -1. */
int scene_cell (const PmodScene *self, const PmodSceneObject *object);
/* A class that may be drawn: a noun if the art has any, sometimes a shape. */
int scene_pick_class (PmodScene *self);
int scene_pick_style (PmodScene *self, int class_idx); /* -1 for shapes */
void scene_fill_mosaic (PmodScene *self);
void scene_ask (PmodScene *self, int max_questions);

gboolean scene_similar (const PmodSceneArt *art, int a, int b);
/* Words, all new: "a red circle", "two dogs", "the text A7". */
char *scene_words_one (const PmodSceneArt *art, const PmodSceneObject *object);
char *scene_words_many (const PmodSceneArt *art, const PmodSceneObject *object, int n);
/* "a circle", "grapes"; "circles", "grapes" */
char *scene_words_class (const PmodSceneArt *art, int class_idx);
char *scene_words_plural (const PmodSceneArt *art, int class_idx);
/* "circle", "text"; borrowed */
const char *scene_words_name (const PmodSceneArt *art, const PmodSceneObject *object);
/* Whether one of it is spoken of as many: "are the grapes". */
gboolean scene_words_is_plural (const PmodSceneArt *art, int class_idx);
const char *scene_words_number (int n);       /* zero to five */
const char *scene_words_place (int cell_idx); /* "at the top left" */

G_END_DECLS
