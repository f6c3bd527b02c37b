/* Files of a checkpoint and of its tower that are missing, cut, listed wrongly or of a kind that is
 * not read. */
#include "broken-checkpoint.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARDED "tiny-pmod-llava-v1.5-bf16-sharded"
#define SHARD1 "model-00001-of-00002.safetensors"
#define SHARD2 "model-00002-of-00002.safetensors"
#define INDEX "model.safetensors.index.json"

static void
remove_shard (const char *dir)
{
  g_autofree char *path = g_build_filename (dir, SHARD2, NULL);

  g_unlink (path);
}

static void
cut_shard (const char *dir)
{
  g_autofree char *path = g_build_filename (dir, SHARD1, NULL);

  g_assert_cmpint (truncate (path, 1000000), ==, 0);
}

static void
write_index (const char *dir, const char *text)
{
  g_autofree char *path = g_build_filename (dir, INDEX, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* Replaces the first from in the index by to. */
static void
edit_index (const char *dir, const char *from, const char *to)
{
  g_autofree char *path = g_build_filename (dir, INDEX, NULL);
  g_autofree char *text = NULL;
  g_autoptr (GString) changed = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  changed = g_string_new (text);
  g_assert_cmpuint (g_string_replace (changed, from, to, 1), ==, 1);
  write_index (dir, changed->str);
}

static void
wrong_shard (const char *dir)
{
  edit_index (dir, "\"lm_head.weight\": \"" SHARD2, "\"lm_head.weight\": \"" SHARD1);
}

static void
listed_nowhere (const char *dir)
{
  edit_index (dir, "\"lm_head.weight\"", "\"lm_head.scale\"");
}

static void
not_listed (const char *dir)
{
  edit_index (dir, "\"lm_head.weight\": \"" SHARD2 "\",", "");
}

static void
outside (const char *dir)
{
  edit_index (dir, SHARD1, "sub/../../tiny-clip-336/model.safetensors");
}

static void
absolute (const char *dir)
{
  edit_index (dir, SHARD1, "/tmp/model.safetensors");
}

static void
pickle_shard (const char *dir)
{
  edit_index (dir, SHARD1, "pytorch_model-00001-of-00002.bin");
}

static void
twice_listed (const char *dir)
{
  edit_index (dir, "\"lm_head.weight\"", "\"model.embed_tokens.weight\"");
}

static void
empty_map (const char *dir)
{
  write_index (dir, "{\"weight_map\": {}}");
}

static void
no_map (const char *dir)
{
  write_index (dir, "{\"metadata\": {}}");
}

static void
number_for_a_name (const char *dir)
{
  edit_index (dir, "\"" SHARD1 "\"", "5");
}

static void
same_tensor_in_both (const char *dir)
{
  g_autofree char *path = g_build_filename (dir, SHARD2, NULL);
  g_autoptr (GPtrArray) items = broken_read (path);

  broken_change (items, BROKEN_ADD, "model.embed_tokens.weight", "[512,64]");
  broken_write (items, path);
}

static void
only_pickle (const char *dir)
{
  g_autofree char *index = g_build_filename (dir, INDEX, NULL);
  g_autofree char *shard1 = g_build_filename (dir, SHARD1, NULL);
  g_autofree char *bin = g_build_filename (dir, "pytorch_model.bin", NULL);

  g_unlink (index);
  remove_shard (dir);
  g_rename (shard1, bin);
}

static void
nothing (const char *dir)
{
  g_autofree char *index = g_build_filename (dir, INDEX, NULL);

  g_unlink (index);
}

static void
tower_is_pickle (const char *dir)
{
  g_autofree char *weights =
      g_build_filename (dir, "..", "tiny-clip-336", "model.safetensors", NULL);

  g_unlink (weights); /* pytorch_model.bin stays */
}

static void
no_tower (const char *dir)
{
  g_autofree char *config = g_build_filename (dir, "..", "tiny-clip-336", "config.json", NULL);

  g_unlink (config);
}

static void
hub_tower (const char *dir)
{
  g_autofree char *config = g_build_filename (dir, "config.json", NULL);

  broken_set_key (config, "mm_vision_tower", "\"openai/clip-vit-large-patch14-336\"");
  broken_set_key (config, "mm_hidden_size", "1024");
}

static void
no_config (const char *dir)
{
  g_autofree char *config = g_build_filename (dir, "config.json", NULL);

  g_unlink (config);
}

static void
pipe_for_weights (const char *dir)
{
  g_autofree char *path = g_build_filename (dir, SHARD1, NULL);

  g_unlink (path);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
}

static const struct
{
  const char *what;
  void (*edit) (const char *dir);
  PmodErrorCode code;
  const char *message;
} file_cases[] = {
  { "missing shard", remove_shard, PMOD_ERROR_IO, SHARD2 ": cannot open: No such file" },
  { "truncated shard", cut_shard, PMOD_ERROR_FORMAT, "(is the file cut short?)" },
  { "tensor in the other shard", wrong_shard, PMOD_ERROR_FORMAT,
    "\"lm_head.weight\": expected the file that holds this tensor, got \"" SHARD1 "\"" },
  { "tensor in no shard", listed_nowhere, PMOD_ERROR_FORMAT,
    "\"lm_head.scale\": expected the file that holds this tensor" },
  { "tensor not listed", not_listed, PMOD_ERROR_FORMAT,
    "expected the 343 tensors of its files, got 342" },
  { "shard outside the directory", outside, PMOD_ERROR_FORMAT,
    "in the same directory, got \"sub/../../tiny-clip-336/mo" },
  { "absolute shard", absolute, PMOD_ERROR_FORMAT, "got \"/tmp/model.safetensors\"" },
  { "pickle shard", pickle_shard, PMOD_ERROR_FORMAT, "got \"pytorch_model-00001-of-00002.bin\"" },
  { "listed twice", twice_listed, PMOD_ERROR_FORMAT, "this key stands twice" },
  { "empty map", empty_map, PMOD_ERROR_FORMAT, "\"weight_map\": expected an object" },
  { "no map", no_map, PMOD_ERROR_FORMAT, "\"weight_map\": expected an object" },
  { "number for a name", number_for_a_name, PMOD_ERROR_FORMAT, "got 5" },
  { "same tensor in both", same_tensor_in_both, PMOD_ERROR_FORMAT,
    "tensor \"model.embed_tokens.weight\": also in another file" },
  { "only pickle", only_pickle, PMOD_ERROR_UNSUPPORTED, "python3 -c" },
  { "neither file", nothing, PMOD_ERROR_IO, "expected model.safetensors or " INDEX },
  { "tower only pickle", tower_is_pickle, PMOD_ERROR_UNSUPPORTED, "got \"pytorch_model.bin\"" },
  { "no tower", no_tower, PMOD_ERROR_IO, "--vision-tower" },
  { "hub's tower not there", hub_tower, PMOD_ERROR_IO,
    "\"openai/clip-vit-large-patch14-336\" in it or beside it, found neither" },
  { "no config", no_config, PMOD_ERROR_IO, "config.json: cannot open: No such file" },
  { "pipe for weights", pipe_for_weights, PMOD_ERROR_IO, "got a device, pipe or socket" },
};

static void
test_files (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (file_cases); i++)
    {
      char *root = broken_copy_fixture (SHARDED);
      g_autofree char *dir = g_build_filename (root, "ckpt", NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodCheckpoint) checkpoint = NULL;

      file_cases[i].edit (dir);
      checkpoint = pmod_checkpoint_open (dir, NULL, &error);
      broken_expect (file_cases[i].what, checkpoint, error, file_cases[i].code,
                     file_cases[i].message);
      broken_remove (root);
    }
}

/* The tower inside wins over the directory that is named, whose weights are not needed. */
static void
test_tower_inside (void)
{
  char *root = broken_copy_fixture ("tiny-pmod-llava-next");
  g_autofree char *dir = g_build_filename (root, "ckpt", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodCheckpoint) inside = NULL;
  g_autoptr (PmodCheckpoint) assumed = NULL;

  tower_is_pickle (dir);
  inside = pmod_checkpoint_open (dir, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (pmod_checkpoint_is_tower_inside (inside));
  g_assert_cmpint (pmod_checkpoint_get_tower (inside, "pre_layrnorm.bias")->dtype, ==,
                   PMOD_DTYPE_F16);

  /* Without its config.json the published tower's shape is expected, and this is another. */
  hub_tower (dir);
  assumed = pmod_checkpoint_open (dir, NULL, &error);
  g_assert_null (assumed);
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "CLIP ViT-L/14-336 is expected"));
  g_test_message ("%s", error->message);
  broken_remove (root);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/shards/files", test_files);
  g_test_add_func ("/shards/tower-inside", test_tower_inside);
  return g_test_run ();
}
