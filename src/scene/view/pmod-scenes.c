/* Writes scenes as pictures with their questions, for people to look at, and tells how many a
 * second of processor time makes. A program beside the library, not part of it. */
#include "config.h"
#include "pmod-scene.h"

#include <cairo.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <stdlib.h>
#include <time.h>

typedef struct
{
  char *art, *recipes, *nouns, *output;
  gboolean held_out, own;
  int n, sheet;
  gint64 seed;
  PmodSceneOptions scene;
} Options;

static cairo_surface_t *
surface_of (const PmodScene *scene)
{
  int size = pmod_scene_get_size (scene);
  const guint8 *rgb = pmod_scene_get_pixels (scene);
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, size, size);
  guint8 *data = cairo_image_surface_get_data (surface);
  int stride = cairo_image_surface_get_stride (surface);

  cairo_surface_flush (surface);
  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++, rgb += 3)
      ((guint32 *)(gpointer)(data + (gsize)y * stride))[x] =
          (guint32)rgb[0] << 16 | (guint32)rgb[1] << 8 | rgb[2];
  cairo_surface_mark_dirty (surface);
  return surface;
}

static gboolean
save_surface (cairo_surface_t *surface, const char *path)
{
  cairo_status_t status = cairo_surface_write_to_png (surface, path);

  if (status != CAIRO_STATUS_SUCCESS)
    g_printerr ("pmod-scenes: %s: %s\n", path, cairo_status_to_string (status));
  return status == CAIRO_STATUS_SUCCESS;
}

static void
add_objects (JsonBuilder *json, const PmodSceneArt *art, const PmodScene *scene)
{
  int n;
  const PmodSceneObject *objects = pmod_scene_get_objects (scene, &n);

  json_builder_set_member_name (json, "objects");
  json_builder_begin_array (json);
  for (int i = 0; i < n; i++)
    {
      const PmodSceneObject *object = &objects[i];
      const char *name = object->class_idx < 0
                             ? object->text
                             : pmod_scene_art_get_class_name (art, object->class_idx);
      const char *colour =
          object->colour_idx < 0 ? "-" : pmod_scene_colour_name (object->colour_idx);
      const char *style =
          object->style_idx < 0 ? "-" : pmod_scene_art_get_style_name (art, object->style_idx);
      g_autofree char *line =
          g_strdup_printf ("%s, %s, %s, %s, %dx%d at %d,%d", name, colour, style,
                           object->cell_idx < 0 ? "-" : pmod_scene_cell_name (object->cell_idx),
                           object->w, object->h, object->x, object->y);

      json_builder_add_string_value (json, line);
    }
  json_builder_end_array (json);
}

static void
add_questions (JsonBuilder *json, const PmodScene *scene)
{
  int n;
  const PmodSceneQuestion *questions = pmod_scene_get_questions (scene, &n);

  json_builder_set_member_name (json, "questions");
  json_builder_begin_array (json);
  for (int i = 0; i < n; i++)
    {
      json_builder_begin_object (json);
      json_builder_set_member_name (json, "kind");
      json_builder_add_string_value (json, pmod_scene_kind_name (questions[i].kind));
      json_builder_set_member_name (json, "question");
      json_builder_add_string_value (json, questions[i].question);
      json_builder_set_member_name (json, "answer");
      json_builder_add_string_value (json, questions[i].answer);
      json_builder_end_object (json);
    }
  json_builder_end_array (json);
}

static gboolean
save_json (const PmodSceneArt *art, const PmodScene *scene, const char *path)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GError) error = NULL;

  json_builder_begin_object (json);
  add_objects (json, art, scene);
  add_questions (json, scene);
  json_builder_end_object (json);
  root = json_builder_get_root (json);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  if (json_generator_to_file (generator, path, &error))
    return TRUE;
  g_printerr ("pmod-scenes: %s\n", error->message);
  return FALSE;
}

static gboolean
save (const PmodSceneArt *art, const PmodScene *scene, const char *folder, int i)
{
  g_autofree char *png = g_strdup_printf ("%s/%06d.png", folder, i);
  g_autofree char *json = g_strdup_printf ("%s/%06d.json", folder, i);
  cairo_surface_t *surface = surface_of (scene);
  gboolean ok = save_surface (surface, png) && save_json (art, scene, json);

  cairo_surface_destroy (surface);
  return ok;
}

/* The first sheet * sheet scenes on one picture. */
static gboolean
save_sheet (const PmodSceneArt *art, const Options *options)
{
  int step = options->scene.size + 4, side = options->sheet * step;
  cairo_surface_t *sheet = cairo_image_surface_create (CAIRO_FORMAT_RGB24, side, side);
  cairo_t *cr = cairo_create (sheet);
  g_autofree char *path = g_build_filename (options->output, "sheet.png", NULL);
  gboolean ok;

  for (int i = 0; i < options->sheet * options->sheet; i++)
    {
      g_autoptr (PmodScene) scene =
          pmod_scene_new (art, (guint64)options->seed, (guint64)i, &options->scene);
      cairo_surface_t *one = surface_of (scene);

      cairo_set_source_surface (cr, one, i % options->sheet * step, i / options->sheet * step);
      cairo_paint (cr);
      cairo_surface_destroy (one);
    }
  ok = save_surface (sheet, path);
  cairo_destroy (cr);
  cairo_surface_destroy (sheet);
  return ok;
}

static gboolean
make_scenes (const PmodSceneArt *art, const Options *options)
{
  clock_t start, spent = 0;
  gint64 questions = 0;

  for (int i = 0; i < options->n; i++)
    {
      g_autoptr (PmodScene) scene = NULL;
      int n_questions;

      start = clock ();
      scene = pmod_scene_new (art, (guint64)options->seed, (guint64)i, &options->scene);
      spent += clock () - start;
      pmod_scene_get_questions (scene, &n_questions);
      questions += n_questions;
      if (options->output != NULL && !save (art, scene, options->output, i))
        return FALSE;
    }
  g_print ("%d scenes of %d px, %.1f questions each, %.0f scenes per CPU second\n", options->n,
           options->scene.size, (double)questions / options->n,
           options->n / MAX (1e-6, (double)spent / CLOCKS_PER_SEC));
  return options->sheet == 0 || options->output == NULL || save_sheet (art, options);
}

static gboolean
parse (int argc, char **argv, Options *options, GError **error)
{
  gboolean validation = FALSE;
  const GOptionEntry entries[] = {
    { "n", 'n', 0, G_OPTION_ARG_INT, &options->n, "How many scenes (100)", "N" },
    { "size", 's', 0, G_OPTION_ARG_INT, &options->scene.size, "Pixels a side (168)", "PIXELS" },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &options->seed, "Seed (1)", "SEED" },
    { "mosaic", 0, 0, G_OPTION_ARG_DOUBLE, &options->scene.mosaic, "Share of mosaics", "SHARE" },
    { "unsure", 0, 0, G_OPTION_ARG_DOUBLE, &options->scene.unsure, "Share of textures", "SHARE" },
    { "lifelike", 0, 0, G_OPTION_ARG_DOUBLE, &options->scene.lifelike, "Of those, like photographs",
      "SHARE" },
    { "own", 0, 0, G_OPTION_ARG_NONE, &options->own, "Shapes and characters alone", NULL },
    { "held-out", 0, 0, G_OPTION_ARG_NONE, &options->held_out, "Held-out styles", NULL },
    { "validation", 0, 0, G_OPTION_ARG_NONE, &validation, "Validation scenes", NULL },
    { "art", 0, 0, G_OPTION_ARG_FILENAME, &options->art, "Where fetch-art put it", "DIRECTORY" },
    { "recipes", 0, 0, G_OPTION_ARG_FILENAME, &options->recipes, "Its tables", "DIRECTORY" },
    { "nouns", 0, 0, G_OPTION_ARG_FILENAME, &options->nouns, "One of them (nouns.tsv)", "FILE" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &options->output, "Write PNG and JSON",
      "DIRECTORY" },
    { "sheet", 0, 0, G_OPTION_ARG_INT, &options->sheet, "And a sheet of N x N", "N" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context, "Makes scenes to look at, and times it.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, error))
    return FALSE;
  if (options->scene.size < 56 || options->scene.size > 448 || options->scene.size % 14 != 0 ||
      options->n < 1 || options->sheet < 0 || options->sheet > 40)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "expected a size of 56 to 448 that 14 divides, a number of 1 or more and a "
                   "sheet of at most 40");
      return FALSE;
    }
  if (options->held_out)
    options->scene.split = PMOD_SCENE_SPLIT_TEST;
  else if (validation)
    options->scene.split = PMOD_SCENE_SPLIT_VALIDATION;
  return TRUE;
}

int
main (int argc, char **argv)
{
  Options options = { .n = 100, .seed = 1, .scene = PMOD_SCENE_OPTIONS_INIT };
  g_autoptr (PmodSceneArt) art = NULL;
  g_autoptr (GError) error = NULL;

  if (!parse (argc, argv, &options, &error))
    {
      g_printerr ("pmod-scenes: %s\n", error->message);
      return 2;
    }
  if (options.art == NULL)
    options.art = pmod_scene_art_get_default_cache ();
  if (options.recipes == NULL)
    options.recipes = g_build_filename (STRATA_SOURCE_DIR, "data", "recipes", NULL);
  art = pmod_scene_art_new (options.own ? NULL : options.recipes, options.nouns, options.art,
                            options.held_out ? PMOD_SCENE_ROLE_HELD_OUT : PMOD_SCENE_ROLE_TRAIN,
                            &error);
  if (art == NULL)
    {
      g_printerr ("pmod-scenes: %s\n", error->message);
      if (g_error_matches (error, PMOD_SCENE_ERROR, PMOD_SCENE_ERROR_IO))
        g_printerr ("Fetch the art with data/recipes/fetch-art, or use --own.\n");
      return 1;
    }
  for (int i = 0; i < pmod_scene_art_get_n_styles (art); i++)
    g_print ("%-18s %d of %d nouns\n", pmod_scene_art_get_style_name (art, i),
             pmod_scene_art_count_nouns (art, i), pmod_scene_art_get_n_nouns (art));
  if (options.output != NULL && g_mkdir_with_parents (options.output, 0777) != 0)
    {
      g_printerr ("pmod-scenes: %s: %s\n", options.output, g_strerror (errno));
      return 1;
    }
  return make_scenes (art, &options) ? 0 : 1;
}
