/* Recipes: what a short one and a long one mean, and one wrong line at a time. */
#include "pmod-recipe.h"

#include <glib/gstdio.h>
#include <string.h>

#define MODEL_GROUP                                                                                \
  "[model]\nimage_size=168\nvision_hidden=192\nvision_layers=4\nvision_heads=6\nvision_ffn=768\n"  \
  "hidden=192\nlayers=6\nheads=6\nffn=512\nvocab=1280\n"
#define DATA_GROUP "[data scenes]\nkind=scenes\n"
#define STAGE_GROUP "[stage all]\ndata=scenes\nsteps=10\n"
#define SHORT "[recipe]\nname=test\n" MODEL_GROUP DATA_GROUP STAGE_GROUP

/* Writes text into a file of its own and loads that. */
static PmodRecipe *
load (const char *text, char **dir, GError **error)
{
  g_autofree char *made = g_dir_make_tmp ("pmod-recipe-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (made, "test.ini", NULL);
  g_autoptr (GError) local = NULL;
  PmodRecipe *recipe;

  g_file_set_contents (path, text, -1, &local);
  g_assert_no_error (local);
  recipe = pmod_recipe_load (path, error);
  g_unlink (path);
  g_rmdir (made);
  if (dir)
    *dir = g_steal_pointer (&made);
  return recipe;
}

static PmodRecipe *
load_good (const char *text, char **dir)
{
  g_autoptr (GError) error = NULL;
  PmodRecipe *recipe = load (text, dir, &error);

  g_assert_no_error (error);
  return recipe;
}

static void
test_defaults (void)
{
  g_autoptr (PmodRecipe) recipe = load_good (SHORT, NULL);
  const PmodRecipeData *data = pmod_recipe_find_data (recipe, "scenes");

  g_assert_cmpstr (recipe->name, ==, "test");
  g_assert_null (recipe->about);
  g_assert_null (recipe->base);
  g_assert_cmpuint (recipe->seed, ==, 1);
  g_assert_cmpstr (recipe->nouns, ==, "nouns.tsv");
  g_assert_false (recipe->dense || recipe->recompute || recipe->f32);
  g_assert_cmpint (recipe->every, ==, 100);
  g_assert_cmpint (recipe->validation, ==, 64);
  g_assert_cmpint (recipe->save_every, ==, 100);
  g_assert_cmpint (recipe->vocab, ==, 1280);
  g_assert_cmpint (recipe->n_data, ==, 1);
  g_assert_nonnull (data);
  g_assert_null (pmod_recipe_find_data (recipe, "other"));
  g_assert_cmpint (data->kind, ==, PMOD_DATA_SCENES);
  g_assert_true (data->art);
  g_assert_cmpfloat (data->mosaic, ==, 0);
  g_assert_cmpfloat (data->unsure, ==, 0.06);
  g_assert_cmpfloat (data->lifelike, ==, 0);
  g_assert_cmpint (data->max_questions, ==, 10);
  g_assert_cmpint (data->text_tokens, ==, 112);
}

static void
test_stage_defaults (void)
{
  g_autoptr (PmodRecipe) recipe = load_good (SHORT, NULL);
  const PmodRecipeStage *stage = &recipe->stages[0];

  g_assert_cmpint (recipe->n_stages, ==, 1);
  g_assert_cmpstr (stage->name, ==, "all");
  g_assert_cmpstr (stage->data, ==, "scenes");
  g_assert_cmpint (stage->steps, ==, 10);
  g_assert_cmpint (stage->batch, ==, 32);
  g_assert_cmpint (stage->micro, ==, 4);
  g_assert_cmpuint (stage->parts, ==, PMOD_PART_ALL);
  g_assert_cmpfloat (stage->answers, ==, 1);
  g_assert_cmpfloat (stage->words, ==, 0);
  g_assert_cmpfloat (stage->colours, ==, 0.3);
  g_assert_cmpfloat (stage->background, ==, 0.2);
  g_assert_cmpfloat (stage->routers, ==, 0);
  g_assert_cmpfloat (stage->muon_rate, ==, 0.02);
  g_assert_cmpfloat (stage->adam_rate, ==, 0.0015);
  g_assert_cmpfloat (stage->muon_momentum, ==, 0.95);
  g_assert_cmpfloat (stage->muon_decay, ==, 0.01);
  g_assert_cmpfloat (stage->beta1, ==, 0.9);
  g_assert_cmpfloat (stage->beta2, ==, 0.98);
  g_assert_cmpfloat (stage->adam_decay, ==, 0.05);
  g_assert_cmpfloat (stage->warm_up, ==, 0.04);
  g_assert_cmpfloat (stage->floor, ==, 0.03);
  g_assert_cmpfloat (stage->clip, ==, 1);
  for (int i = 0; i < PMOD_N_PARTS; i++)
    g_assert_cmpfloat (stage->part_rate[i], ==, 1 << i == PMOD_PART_ROUTERS ? 0.01 : 1);
}

static void
test_model_defaults (void)
{
  g_autoptr (PmodRecipe) recipe = load_good (SHORT, NULL);
  const PmodConfig *config = recipe->config;
  g_autofree char *routers = pmod_config_describe_routers (config);

  g_assert_cmpstr (config->model_type, ==, "pmod_llava_llama");
  g_assert_cmpint (config->n_kv_heads, ==, 6);
  g_assert_cmpint (config->head_dim, ==, 32);
  g_assert_cmpint (config->vocab, ==, 1280);
  g_assert_cmpint (config->context_length, ==, 1024);
  g_assert_cmpfloat (config->rms_norm_eps, ==, 1e-5);
  g_assert_cmpfloat (config->rope_theta, ==, 10000);
  g_assert_true (config->tie_word_embeddings);
  g_assert_cmpint (config->bos_token, ==, 1);
  g_assert_cmpint (config->eos_token, ==, 2);
  g_assert_true (config->has_vision);
  g_assert_cmpint (config->vision.patch_size, ==, 14);
  g_assert_cmpfloat (config->vision.layer_norm_eps, ==, 1e-5);
  g_assert_cmpfloat (config->vision.image_mean[2], ==, 0.5f);
  g_assert_cmpfloat (config->vision.image_std[0], ==, (float)0.25098039215686274);
  g_assert_cmpfloat (config->vision.rescale_factor, ==, 1.0 / 255.0);
  g_assert_cmpint (config->vision_select_layer, ==, -1);
  g_assert_cmpint (config->image_mode, ==, PMOD_IMAGE_PAD);
  g_assert_cmpint (config->schedule.kind, ==, PMOD_SCHEDULE_SHIFTEDCOS);
  g_assert_cmpfloat (config->schedule.factor, ==, 0.5);
  g_assert_cmpint (config->schedule.span, ==, 5);
  g_assert_cmpfloat (config->router_norm.scale, ==, 0.2);
  g_assert_true (config->router_bias);
  g_assert_cmpint (config->target, ==, PMOD_TARGET_VISION);
  g_assert_cmpstr (config->conversation, ==, "user-assistant");
  g_assert_false (config->single_questions);
  g_assert_cmpstr (routers, ==, "2-5");
}

static void
test_long (void)
{
  g_autofree char *dir = NULL;
  g_autofree char *base = NULL;
  g_autofree char *file = NULL;
  g_autofree char *folder = NULL;
  g_autoptr (PmodRecipe) recipe = load_good (
      "# a comment\n\n[recipe]\nname = My pictures\nabout = It knows \303\204pfel; and more\n"
      "seed=18446744073709551615\nnouns=nouns-m.tsv\nbase = "
      "../models/x\ndense=true\nrecompute=true\nf32 = true\n"
      "every=1\nvalidation=2\nsave_every=3\n"
      "[data a]\nkind=conversations\nfile=/data/a.json\nimages=/pictures\n"
      "[data b]\nkind=conversations\nfile=sub/b.json\n"
      "[data c]\nkind=scenes\nart=false\nmosaic=0.5\nunsure=0\nlifelike=0.25\n"
      "max_questions=1\ntext_tokens=8\n"
      "[stage one]\ndata=c\nsteps=5\nparts=tower; projector;\nanswers=0\nwords=1\nrate.tower=0.3\n"
      "muon_rate=0\n[stage two]\ndata=b\nsteps=1\nbatch=7\nmicro=2\nparts=routers\nanswers=1e-1\n",
      &dir);

  base = g_canonicalize_filename ("../models/x", dir);
  file = g_build_filename (dir, "sub/b.json", NULL);
  folder = g_build_filename (dir, "sub", NULL);
  g_assert_cmpstr (recipe->about, ==, "It knows \303\204pfel; and more");
  g_assert_cmpuint (recipe->seed, ==, G_MAXUINT64);
  g_assert_cmpstr (recipe->nouns, ==, "nouns-m.tsv");
  g_assert_cmpstr (recipe->base, ==, base);
  g_assert_null (recipe->config);
  g_assert_cmpint (recipe->vocab, ==, 0);
  g_assert_true (recipe->dense && recipe->recompute && recipe->f32);
  g_assert_cmpint (recipe->save_every, ==, 3);
  g_assert_cmpint (recipe->n_data, ==, 3);
  g_assert_cmpint (recipe->data[0].kind, ==, PMOD_DATA_CONVERSATIONS);
  g_assert_cmpstr (recipe->data[0].images, ==, "/pictures");
  g_assert_cmpstr (recipe->data[1].file, ==, file);
  g_assert_cmpstr (recipe->data[1].images, ==, folder);
  g_assert_false (recipe->data[2].art);
  g_assert_cmpfloat (recipe->data[2].lifelike, ==, 0.25);
  g_assert_cmpint (recipe->n_stages, ==, 2);
  g_assert_cmpuint (recipe->stages[0].parts, ==, PMOD_PART_TOWER | PMOD_PART_PROJECTOR);
  g_assert_cmpfloat (recipe->stages[0].part_rate[0], ==, 0.3);
  g_assert_cmpfloat (recipe->stages[0].muon_rate, ==, 0);
  g_assert_cmpstr (recipe->stages[1].name, ==, "two");
  g_assert_cmpuint (recipe->stages[1].parts, ==, PMOD_PART_ROUTERS);
  g_assert_cmpfloat (recipe->stages[1].answers, ==, 0.1);
}

static void
test_model_choices (void)
{
  g_autoptr (PmodRecipe) recipe = load_good (
      "[recipe]\nname=test\n" MODEL_GROUP
      "kv_heads=2\ncontext=200\nschedule=interleave\nfactor=0.3\n"
      "norm=sigmoid_1_0\ntied=false\nconversation=vicuna_v1\nsingle_questions=true\n" DATA_GROUP
          STAGE_GROUP,
      NULL);
  g_autoptr (PmodRecipe) dense =
      load_good ("[recipe]\nname=test\ndense=true\n" MODEL_GROUP DATA_GROUP STAGE_GROUP, NULL);

  g_assert_cmpint (recipe->config->n_kv_heads, ==, 2);
  g_assert_cmpint (recipe->config->context_length, ==, 200);
  g_assert_cmpint (recipe->config->schedule.kind, ==, PMOD_SCHEDULE_INTERLEAVE);
  g_assert_cmpfloat (recipe->config->schedule.factor, ==, 0.3);
  g_assert_cmpint (recipe->config->router_norm.function, ==, PMOD_ROUTER_NORM_SIGMOID);
  g_assert_false (recipe->config->tie_word_embeddings);
  g_assert_cmpstr (recipe->config->conversation, ==, "vicuna_v1");
  g_assert_true (recipe->config->single_questions);
  g_assert_cmpint (pmod_config_first_router (dense->config), ==, 6);
}

/* A name stays a name unless there is a directory of that name beside the recipe. */
static void
test_base_name (void)
{
  g_autofree char *dir = g_dir_make_tmp ("pmod-recipe-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "test.ini", NULL);
  g_autofree char *beside = g_build_filename (dir, "demo", NULL);
  g_autoptr (PmodRecipe) installed = NULL;
  g_autoptr (PmodRecipe) own = NULL;
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, "[recipe]\nname=x\nbase=demo\n" DATA_GROUP STAGE_GROUP, -1, &error);
  g_assert_no_error (error);
  installed = pmod_recipe_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (installed->base, ==, "demo");
  g_assert_cmpint (g_mkdir (beside, 0777), ==, 0);
  own = pmod_recipe_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (own->base, ==, beside);
  g_unlink (path);
  g_rmdir (beside);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

static void
test_bundled (void)
{
  static const char *const names[] = { "demo-s", "demo-m" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *file = g_strconcat (names[i], ".ini", NULL);
      g_autofree char *path =
          g_test_build_filename (G_TEST_DIST, "..", "data", "recipes", file, NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodRecipe) recipe = pmod_recipe_load (path, &error);
      g_autofree char *dir = NULL;
      g_autofree char *table = NULL;

      g_assert_no_error (error);
      dir = g_path_get_dirname (path);
      table = g_build_filename (dir, recipe->nouns, NULL);
      g_assert_true (g_file_test (table, G_FILE_TEST_IS_REGULAR));
      g_assert_cmpstr (recipe->name, ==, names[i]);
      g_assert_cmpint (recipe->n_stages, ==, 3);
      g_assert_cmpuint (recipe->stages[2].anew, ==, PMOD_PART_ROUTERS);
    }
}

static void
test_part_names (void)
{
  g_assert_cmpstr (pmod_part_name (PMOD_PART_TOWER), ==, "tower");
  g_assert_cmpstr (pmod_part_name (PMOD_PART_HEAD), ==, "head");
}

/* --- Bad ones --------------------------------------------------------------------------------- */

/* In SHORT, old replaced by new; or, where old is NULL, new after it. */
static const struct
{
  const char *old, *new, *message;
} bad[] = {
  { "name=test", "about=x", "test.ini: [recipe] name: expected a value, got nothing" },
  { "name=test", "name=", "[recipe] name: expected some text, got \"\"" },
  { "[recipe]", "[recipes]", "expected a group [recipe], got none" },
  { "name=test", "name=test\nnmae=x",
    "[recipe]: expected the key name, about, seed, nouns, base, dense, recompute, f32, every, "
    "validation "
    "or save_every, got \"nmae\"" },
  { "name=test", "name=test\nname=x", "test.ini:3: [recipe] name is there for the second time" },
  { "name=test", "name=test\nseed=-1", "[recipe] seed: expected a whole number from 0" },
  { "name=test", "name=test\nnouns=", "[recipe] nouns: expected some text, got \"\"" },
  { "name=test", "name=test\nevery=0",
    "[recipe] every: expected a whole number from 1 to 100000000, got \"0\"" },
  { "name=test", "name=test\nvalidation=1.5", "[recipe] validation: expected a whole number" },
  { "name=test", "name=test\nsave_every=1e3", "[recipe] save_every: expected a whole number" },
  { "name=test", "name=test\ndense=yes", "[recipe] dense: expected true or false, got \"yes\"" },
  { "name=test", "name=test\nbase=x",
    "expected either [recipe] base or a group [model], got both" },
  { MODEL_GROUP, "", "expected either [recipe] base or a group [model], got neither" },
  { "name=test", "name=\xff", "expected UTF-8, got other bytes" },
  { "name=test", "name=test\nnonsense", "test.ini: " },
  { NULL, "[other]\n", "got [other]" },
  { NULL, "[stage]\n", "got [stage]" },
  { NULL, "[stage a b]\n", "names are letters, digits, '-', '_' and '.', got [stage a b]" },
  { NULL, "[data ../x]\nkind=scenes\n", "got [data ../x]" },

  { "image_size=168", "", "[model] image_size: expected a value, got nothing" },
  { "image_size=168", "image_size=13", "image_size: expected a whole number from 14 to 4096" },
  { "image_size=168", "image_size=169",
    "[model]: the tower's config.json: image_size: expected a "
    "multiple of patch_size 14, got 169" },
  { "image_size=168", "image_size=448",
    "[model] context: expected more than the 1024 tokens of a "
    "picture, got 1024" },
  { "vision_heads=6", "vision_heads=5", "expected a multiple of num_attention_heads 5" },
  { "layers=6\nheads", "layers=257\nheads", "layers: expected a whole number from 1 to 256" },
  { "hidden=192\nlayers", "hidden=196\nlayers",
    "[model] hidden: expected a multiple of heads 6, got 196" },
  { "ffn=512", "ffn=512\nkv_heads=4", "num_key_value_heads: expected a divisor" },
  { "vocab=1280", "vocab=259", "vocab: expected a whole number from 260" },
  { "vocab=1280", "vocab=1280\nschedule=cosine", "[model]: schedule: expected dense" },
  { "vocab=1280", "vocab=1280\nfactor=0", "factor: expected a number above 0 and at most 2" },
  { "vocab=1280", "vocab=1280\nnorm=relu", "[model]: router norm: expected" },
  { "vocab=1280", "vocab=1280\nconversation=llama_2",
    "conversation: expected vicuna_v1 or user-assistant, got \"llama_2\"" },
  { "vocab=1280", "vocab=1280\nhead_dim=32", "got \"head_dim\"" },

  { "kind=scenes", "", "[data scenes] kind: expected a value, got nothing" },
  { "kind=scenes", "kind=pictures", "[data scenes] kind: expected scenes or conversations" },
  { "kind=scenes", "kind=scenes\nfile=x", "[data scenes]: expected the key kind, art" },
  { "kind=scenes", "kind=scenes\nmosaic=1.1", "mosaic: expected a number from 0 to 1" },
  { "kind=scenes", "kind=scenes\nunsure=nan", "unsure: expected a number from 0 to 1" },
  { "kind=scenes", "kind=scenes\nlifelike=2", "lifelike: expected a number from 0 to 1" },
  { "kind=scenes", "kind=scenes\nunsure=0x0", "unsure: expected a number from 0 to 1" },
  { "kind=scenes", "kind=conversations", "[data scenes] file: expected a value" },
  { "kind=scenes", "kind=conversations\nfile=x\nart=true",
    "expected the key kind, file or images" },
  { NULL, DATA_GROUP, "[data scenes] is there for the second time" },

  { STAGE_GROUP, "", "expected at least one group [stage NAME], got none" },
  { NULL, STAGE_GROUP, "test.ini:19: [stage all] is there for the second time" },
  { "data=scenes", "data=other",
    "[stage all] data: expected the name of a group [data NAME], got \"other\"" },
  { "steps=10", "", "[stage all] steps: expected a value, got nothing" },
  { "steps=10", "steps=0", "[stage all] steps: expected a whole number from 1" },
  { "steps=10", "steps=10\nbatch=0", "batch: expected a whole number from 1 to 65536" },
  { "steps=10", "steps=10\nmicro=0", "micro: expected a whole number from 1 to 65536" },
  { "steps=10", "steps=10\nparts=tower;layers",
    "parts: expected tower;projector;embedding;decoder;routers;head, got \"tower;layers\"" },
  { "steps=10", "steps=10\nparts=", "parts: expected tower;" },
  { "steps=10", "steps=10\nparts=tower;;head", "parts: expected tower;" },
  { "steps=10", "steps=10\nanswers=-1", "answers: expected a number from 0 to 1000, got \"-1\"" },
  { "steps=10", "steps=10\nanswers=0", "[stage all]: expected answers, words or routers above 0" },
  { "steps=10", "steps=10\nmuon_rate=1e9", "muon_rate: expected a number from 0 to 10" },
  { "steps=10", "steps=10\nadam_rate=0", "adam_rate: expected a number above 0 and at most 10" },
  { "steps=10", "steps=10\nbeta2=1", "beta2: expected a number from 0 to 0.9999, got \"1\"" },
  { DATA_GROUP STAGE_GROUP,
    "[data a]\nkind=conversations\nfile=x\n[stage one]\ndata=a\nsteps=1\nwords=0.1\n",
    "[stage one] data: expected scenes where words or routers are above 0, got \"a\"" },
  { "steps=10", "steps=10\nwarm_up=2", "warm_up: expected a number from 0 to 0.9" },
  { "steps=10", "steps=10\nclip=0", "clip: expected a number above 0" },
  { "steps=10", "steps=10\nrate.tower=x", "rate.tower: expected a number from 0 to 1000" },
  { "steps=10", "steps=10\nrate.layers=1", "got \"rate.layers\"" },
};

static void
test_bad (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GString) text = g_string_new (SHORT);
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodRecipe) recipe = NULL;

      if (bad[i].old)
        g_assert_cmpuint (g_string_replace (text, bad[i].old, bad[i].new, 1), ==, 1);
      else
        g_string_append (text, bad[i].new);
      recipe = load (text->str, NULL, &error);
      if (recipe)
        g_error ("%s was accepted", bad[i].new);
      g_test_message ("%s", error->message);
      if (error->domain != PMOD_ERROR || !strstr (error->message, bad[i].message))
        g_error ("expected \"%s\", got \"%s\"", bad[i].message, error->message);
    }
}

static void
test_missing (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pmod_recipe_load ("/nonexistent.ini", &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_IO);
  g_clear_error (&error);
  g_assert_null (load ("", NULL, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/recipe/defaults", test_defaults);
  g_test_add_func ("/recipe/stage-defaults", test_stage_defaults);
  g_test_add_func ("/recipe/model-defaults", test_model_defaults);
  g_test_add_func ("/recipe/long", test_long);
  g_test_add_func ("/recipe/model-choices", test_model_choices);
  g_test_add_func ("/recipe/base-name", test_base_name);
  g_test_add_func ("/recipe/bundled", test_bundled);
  g_test_add_func ("/recipe/part-names", test_part_names);
  g_test_add_func ("/recipe/bad", test_bad);
  g_test_add_func ("/recipe/missing", test_missing);
  return g_test_run ();
}
