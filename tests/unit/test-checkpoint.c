/* Every fixture checkpoint opens and agrees with the others; copies of them, each broken in one
 * place, are refused with a message that says where. */
#include "broken-checkpoint.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static char *
fixture_path (const char *dir, const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "fixtures", dir, name, NULL);
}

static PmodCheckpoint *
open_fixture (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", name, NULL);
  PmodCheckpoint *checkpoint = pmod_checkpoint_open (path, NULL, &error);

  g_assert_no_error (error);
  return checkpoint;
}

/* --- Good ones -------------------------------------------------------------------------------- */

static void
test_fixtures (void)
{
  static const struct
  {
    const char *dir;
    guint n_tensors, n_shards;
    gboolean tower_inside;
    const char *dtypes, *routers;
  } cases[] = {
    { "tiny-pmod-llava-v1.5", 396, 1, FALSE, "F16, F32", "8-31" },
    { "tiny-pmod-llava-v1.5-bf16-sharded", 396, 2, FALSE, "BF16, F32", "8-31" },
    { "tiny-pmod-llava-next", 397, 1, TRUE, "F16", "8-31" },
    { "tiny-pmod-12layer", 176, 1, FALSE, "F16, F32", "8-11" },
    { "tiny-pmod-12layer-interleave", 180, 1, FALSE, "F16, F32", "1,3,5,7,9,11" },
    { "demo-v0", 137, 1, TRUE, "BF16", "2-5" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PmodCheckpoint) checkpoint = open_fixture (cases[i].dir);
      const PmodConfig *config = pmod_checkpoint_get_config (checkpoint);
      g_autofree char *routers = pmod_config_describe_routers (config);
      g_autofree char *dtypes = pmod_checkpoint_describe_dtypes (checkpoint);
      int routed = pmod_config_first_router (config);

      g_assert_cmpuint (pmod_checkpoint_get_n_tensors (checkpoint), ==, cases[i].n_tensors);
      g_assert_cmpuint (pmod_checkpoint_get_n_shards (checkpoint), ==, cases[i].n_shards);
      g_assert_cmpint (pmod_checkpoint_is_tower_inside (checkpoint), ==, cases[i].tower_inside);
      g_assert_cmpstr (routers, ==, cases[i].routers);
      g_assert_cmpstr (dtypes, ==, cases[i].dtypes);
      g_assert_nonnull (pmod_checkpoint_get_layer (checkpoint, 0, "mlp.up_proj.weight"));
      g_assert_null (pmod_checkpoint_get_layer (checkpoint, 0, "router.router.weight"));
      g_assert_nonnull (pmod_checkpoint_get_layer (checkpoint, routed, "router.router.weight"));
      g_assert_nonnull (pmod_checkpoint_get_layer (checkpoint, routed, "mlp.up_proj.weight"));
      g_assert_null (pmod_checkpoint_get_layer (checkpoint, 300, "mlp.up_proj.weight"));
      g_assert_nonnull (pmod_checkpoint_get_tower (checkpoint, "pre_layrnorm.weight"));
      g_assert_null (pmod_checkpoint_get_tower (checkpoint, "no_such"));
      g_assert_null (pmod_checkpoint_get (checkpoint, "no_such"));
    }
}

/* A checkpoint that holds all there is: parameters by the configuration, by the files' bytes. */
static void
test_count (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodCheckpoint) next = open_fixture ("tiny-pmod-llava-next");
  g_autofree char *path = fixture_path ("tiny-pmod-llava-next", "model.safetensors");
  g_autoptr (PmodSafetensors) file = pmod_safetensors_open (path, &error);
  guint64 n_bytes = 0;

  g_assert_no_error (error);
  for (guint i = 0; i < pmod_safetensors_get_n_entries (file); i++)
    n_bytes += pmod_safetensors_get_entry (file, i)->n_bytes;
  g_assert_cmpuint (pmod_config_n_parameters (pmod_checkpoint_get_config (next)), ==, n_bytes / 2);
  /* All but the tower's last block and its norm. */
  g_assert_cmpuint (pmod_checkpoint_get_bytes (next), <, n_bytes);
}

static guint32
widen (const PmodTensor *tensor, gsize i)
{
  guint32 bits;
  guint16 half;

  if (tensor->dtype == PMOD_DTYPE_F32)
    {
      memcpy (&bits, (const guint8 *)tensor->data + 4 * i, 4);
      return bits;
    }
  memcpy (&half, (const guint8 *)tensor->data + 2 * i, 2);
  if (tensor->dtype == PMOD_DTYPE_BF16)
    return (guint32)half << 16;
  {
    int exponent = (half >> 10) & 31;
    double fraction = half & 0x3ff;
    float value =
        (float)(exponent ? ldexp (fraction + 1024, exponent - 25) : ldexp (fraction, -24));

    value = half & 0x8000 ? -value : value;
    memcpy (&bits, &value, 4);
    return bits;
  }
}

static gsize
count_elements (const PmodTensor *tensor)
{
  gsize n = 1;

  for (int i = 0; i < tensor->n_dims; i++)
    n *= (gsize)tensor->shape[i];
  return n;
}

/* The same numbers in one F16 file and in two BF16 shards. */
static void
test_same_numbers (void)
{
  g_autoptr (PmodCheckpoint) single = open_fixture ("tiny-pmod-llava-v1.5");
  g_autoptr (PmodCheckpoint) sharded = open_fixture ("tiny-pmod-llava-v1.5-bf16-sharded");
  g_autofree char *path = fixture_path ("tiny-pmod-llava-v1.5", "model.safetensors");
  g_autoptr (PmodSafetensors) file = pmod_safetensors_open (path, NULL);
  gsize n_total = 0;

  for (guint i = 0; i < pmod_safetensors_get_n_entries (file); i++)
    {
      const char *name = pmod_safetensors_get_entry (file, i)->name;
      const PmodTensor *a = pmod_checkpoint_get (single, name);
      const PmodTensor *b = pmod_checkpoint_get (sharded, name);
      gsize n = count_elements (a);

      g_assert_cmpint (a->dtype, ==, PMOD_DTYPE_F16);
      g_assert_cmpint (b->dtype, ==, PMOD_DTYPE_BF16);
      g_assert_cmpuint (count_elements (b), ==, n);
      for (gsize e = 0; e < n; e++)
        if (widen (a, e) != widen (b, e))
          g_error ("%s [%zu]: 0x%08x, 0x%08x", name, e, widen (a, e), widen (b, e));
      n_total += n;
    }
  g_test_message ("%zu numbers, equal to the last bit", n_total);
  g_assert_cmpuint (n_total, >, 1000000);
}

/* --- Changed ones ----------------------------------------------------------------------------- */

typedef struct
{
  const char *what;
  const char *fixture;
  BrokenChange change;
  const char *name, *argument;
  const char *message; /* NULL: it opens all the same */
} Case;

#define V15 "tiny-pmod-12layer"
#define NEXT "tiny-pmod-llava-next"
#define TOWER_IN "model.vision_tower.vision_tower.vision_model."

static const Case cases[] = {
  { "unchanged", V15, BROKEN_RENAME, "model.norm.weight", "model.norm.weight", NULL },
  { "missing", V15, BROKEN_REMOVE, "model.norm.weight", NULL,
    "missing tensors (1): \"model.norm.weight\"" },
  { "renamed", V15, BROKEN_RENAME, "model.norm.weight", "model.norm.scale",
    "missing tensors (1): \"model.norm.weight\"; unexpected tensors (1): \"model.norm.scale\"" },
  { "missing of a plain layer", V15, BROKEN_REMOVE, "model.layers.3.mlp.up_proj.weight", NULL,
    "\"model.layers.3.mlp.up_proj.weight\"" },
  { "unexpected", V15, BROKEN_ADD, "model.layers.3.self_attn.q_proj.bias", "[64]",
    "unexpected tensors (1): \"model.layers.3.self_attn.q_proj.bias\"" },
  { "layer beyond the last", V15, BROKEN_ADD, "model.layers.12.mlp.up_proj.weight", "[128,64]",
    "unexpected" },
  { "one layer fewer", V15, BROKEN_KEY, "num_hidden_layers", "11", "unexpected tensors (11)" },
  { "one layer more", V15, BROKEN_KEY, "num_hidden_layers", "13",
    "missing tensors (11): \"model.layers.12.router.router.weight\"" },
  { "wrong shape", V15, BROKEN_RESHAPE, "model.layers.9.decoder_layer.self_attn.k_proj.weight",
    "[32,64]",
    "model.layers.9.decoder_layer.self_attn.k_proj.weight: expected F32, F16 or BF16 [64,64], got "
    "F16 [32,64]" },
  { "transposed", V15, BROKEN_RESHAPE, "model.layers.2.mlp.down_proj.weight", "[128,64]",
    "expected F32, F16 or BF16 [64,128], got F16 [128,64]" },
  { "one dimension more", V15, BROKEN_RESHAPE, "model.norm.weight", "[1,64]",
    "expected F32, F16 or BF16 [64], got F16 [1,64]" },
  { "five dimensions", V15, BROKEN_RESHAPE, "model.norm.weight", "[1,1,1,1,64]",
    "got F16 of 5 dimensions" },
  { "empty", V15, BROKEN_RESHAPE, "model.norm.weight", "[0]", "got F16 [0]" },
  { "vocabulary mismatch", V15, BROKEN_RESHAPE, "model.embed_tokens.weight", "[500,64]",
    "model.embed_tokens.weight: expected F32, F16 or BF16 [512,64], got F16 [500,64] (vocab_size" },
  { "vocab_size mismatch", V15, BROKEN_KEY, "vocab_size", "600",
    "expected F32, F16 or BF16 [600,64]" },
  { "kv heads mismatch", V15, BROKEN_KEY, "num_key_value_heads", "2",
    "self_attn.k_proj.weight: expected F32, F16 or BF16 [32,64]" },
  { "integers", V15, BROKEN_DTYPE, "model.norm.weight", "I64",
    "expected F32, F16 or BF16 [64], got I64 [64]" },
  { "doubles", V15, BROKEN_DTYPE, "model.norm.weight", "F64", "got F64" },

  { "router gone", V15, BROKEN_REMOVE, "model.layers.9.router.router.weight", NULL,
    "layer 9: expected router.router.weight beside the decoder_layer. names" },
  { "router's bias gone", V15, BROKEN_REMOVE, "model.layers.9.router.router.bias", NULL,
    "\"model.layers.9.router.router.bias\"" },
  { "router's bias not enabled", V15, BROKEN_KEY, "mod_bias_enabled", "false",
    "unexpected tensors (4)" },
  { "router of two rows", V15, BROKEN_RESHAPE, "model.layers.9.router.router.weight", "[2,64]",
    "router.router.weight: expected F32, F16 or BF16 [1,64]" },
  { "router on a plain layer", V15, BROKEN_ADD, "model.layers.3.router.router.weight", "[1,64]",
    "layer 3: expected decoder_layer. in the names" },
  { "schedule routes a layer without router", V15, BROKEN_KEY, "mod_target_layers", "\"deep_all\"",
    "layer 2: expected a router, as mod_target_layers in config.json routes this layer" },
  { "schedule leaves layers with routers out", V15, BROKEN_KEY, "mod_target_layers",
    "\"shiftedcos_decay_0.75_0.15\"", NULL },
  { "constant schedule takes the routers there are", V15, BROKEN_KEY, "mod_target_layers",
    "\"constant\"", NULL },

  { "lm_head gone", V15, BROKEN_REMOVE, "lm_head.weight", NULL, "\"lm_head.weight\"" },
  { "lm_head beside tied embeddings", V15, BROKEN_KEY, "tie_word_embeddings", "true", NULL },
  { "inverse frequencies", V15, BROKEN_ADD, "model.layers.0.self_attn.rotary_emb.inv_freq", "[8]",
    NULL },
  { "newline without unpad", V15, BROKEN_ADD, "model.image_newline", "[64]", NULL },
  { "newline gone", NEXT, BROKEN_REMOVE, "model.image_newline", NULL, "\"model.image_newline\"" },
  { "projector gone", V15, BROKEN_REMOVE, "model.mm_projector.2.bias", NULL,
    "\"model.mm_projector.2.bias\"" },

  { "position ids inside", NEXT, BROKEN_ADD, TOWER_IN "embeddings.position_ids", "[1,577]", NULL },
  { "tower's last norm gone", NEXT, BROKEN_REMOVE, TOWER_IN "post_layernorm.weight", NULL, NULL },
  { "unread block's part gone", NEXT, BROKEN_REMOVE, TOWER_IN "encoder.layers.3.mlp.fc1.bias", NULL,
    NULL },
  { "read block's part gone", NEXT, BROKEN_REMOVE, TOWER_IN "encoder.layers.2.mlp.fc1.bias", NULL,
    "encoder.layers.2.mlp.fc1.bias\"" },
  { "unread block is read", NEXT, BROKEN_KEY, "mm_vision_select_layer", "-1", NULL },
  { "read block has a part more", NEXT, BROKEN_ADD, TOWER_IN "encoder.layers.1.mlp.fc3.bias",
    "[64]", "unexpected" },
  { "tower's block beyond the last", NEXT, BROKEN_ADD, TOWER_IN "encoder.layers.4.mlp.fc1.bias",
    "[64]", "unexpected" },
  { "tower's position embedding", NEXT, BROKEN_RESHAPE,
    TOWER_IN "embeddings.position_embedding.weight", "[50,32]",
    "expected F32, F16 or BF16 [577,32]" },
  { "tower inside, other heads", NEXT, BROKEN_TOWER_KEY, "hidden_size", "48", "mm_hidden_size" },

  { "tower's part gone", V15, BROKEN_TOWER_REMOVE, "vision_model.pre_layrnorm.bias", NULL,
    "tiny-clip-336: missing tensors (1): \"vision_model.pre_layrnorm.bias\"" },
  { "tower's patches", V15, BROKEN_TOWER_RESHAPE, "vision_model.embeddings.patch_embedding.weight",
    "[32,3,7,7]", "expected F32, F16 or BF16 [32,3,14,14], got F32 [32,3,7,7]" },
  { "tower's last norm gone", V15, BROKEN_TOWER_REMOVE, "vision_model.post_layernorm.bias", NULL,
    NULL },
  { "tower with something else", V15, BROKEN_TOWER_ADD, "vision_model.head.weight", "[2]",
    "unexpected tensors (1): \"vision_model.head.weight\"" },
  { "text only, but a projector", V15, BROKEN_KEY, "mm_vision_tower", NULL,
    "unexpected tensors (4)" },
};

static void
apply (const char *root, const Case *c)
{
  gboolean tower = c->change >= BROKEN_TOWER_REMOVE;
  const char *dir = tower ? "tiny-clip-336" : "ckpt";
  g_autofree char *config = g_build_filename (root, dir, "config.json", NULL);
  g_autofree char *weights = g_build_filename (root, dir, "model.safetensors", NULL);
  g_autoptr (GPtrArray) items = NULL;

  if (c->change == BROKEN_KEY)
    {
      broken_set_key (config, c->name, c->argument);
      return;
    }
  if (c->change == BROKEN_TOWER_KEY)
    {
      g_autofree char *text = NULL;
      g_autofree char *flat = g_strdup_printf (
          "{\"hidden_size\": %s, \"num_hidden_layers\": 4, \"num_attention_heads\": 2, "
          "\"intermediate_size\": 64, \"image_size\": 336, \"patch_size\": 14}",
          c->argument);

      g_assert_true (g_file_set_contents (config, flat, -1, NULL));
      return;
    }
  items = broken_read (weights);
  broken_change (items,
                 c->change == BROKEN_TOWER_REMOVE    ? BROKEN_REMOVE
                 : c->change == BROKEN_TOWER_RESHAPE ? BROKEN_RESHAPE
                 : c->change == BROKEN_TOWER_ADD     ? BROKEN_ADD
                                                     : c->change,
                 c->name, c->argument);
  broken_write (items, weights);
}

static void
test_changed (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Case *c = &cases[i];
      char *root = broken_copy_fixture (c->fixture);
      g_autofree char *dir = g_build_filename (root, "ckpt", NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodCheckpoint) checkpoint = NULL;

      apply (root, c);
      checkpoint = pmod_checkpoint_open (dir, NULL, &error);
      if (c->message)
        broken_expect (c->what, checkpoint, error, PMOD_ERROR_FORMAT, c->message);
      else if (error)
        g_error ("%s: %s", c->what, error->message);
      broken_remove (root);
    }
}

static void
test_kept_routers (void)
{
  static const char *const schedules[] = { "\"shiftedcos_decay_0.75_0.15\"", "\"constant\"" };

  for (gsize i = 0; i < G_N_ELEMENTS (schedules); i++)
    {
      char *root = broken_copy_fixture (V15);
      g_autofree char *dir = g_build_filename (root, "ckpt", NULL);
      g_autofree char *config = g_build_filename (dir, "config.json", NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodCheckpoint) checkpoint = NULL;
      g_autofree char *routers = NULL;

      broken_set_key (config, "mod_target_layers", schedules[i]);
      checkpoint = pmod_checkpoint_open (dir, NULL, &error);
      g_assert_no_error (error);
      routers = pmod_config_describe_routers (pmod_checkpoint_get_config (checkpoint));
      g_assert_cmpstr (routers, ==, "8-11");
      broken_remove (root);
    }
}

/* The plain names of LLaMA: no routers, no pictures. */
static void
test_plain_llama (void)
{
  char *root = broken_copy_fixture (V15);
  g_autofree char *dir = g_build_filename (root, "ckpt", NULL);
  g_autofree char *config = g_build_filename (dir, "config.json", NULL);
  g_autofree char *weights = g_build_filename (dir, "model.safetensors", NULL);
  g_autoptr (GPtrArray) items = broken_read (weights);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodCheckpoint) checkpoint = NULL;

  for (guint i = items->len; i-- > 0;)
    {
      BrokenItem *item = g_ptr_array_index (items, i);
      char *inner = strstr (item->name, "decoder_layer.");

      if (strstr (item->name, "router") || strstr (item->name, "mm_projector"))
        g_ptr_array_remove_index (items, i);
      else if (inner)
        memmove (inner, inner + 14, strlen (inner + 14) + 1);
    }
  broken_write (items, weights);
  broken_set_key (config, "model_type", "\"llama\"");
  checkpoint = pmod_checkpoint_open (dir, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (pmod_checkpoint_get_config (checkpoint)->has_vision);
  g_assert_cmpuint (pmod_checkpoint_get_n_tensors (checkpoint), ==, 3 + 12 * 9);
  g_assert_null (pmod_checkpoint_get_tower (checkpoint, "pre_layrnorm.weight"));
  g_assert_nonnull (pmod_checkpoint_get_layer (checkpoint, 11, "self_attn.q_proj.weight"));
  broken_remove (root);
}

/* --- The published size ----------------------------------------------------------------------- */

/* The header of one file of F16 tensors, in the order in which they were added. */
typedef struct
{
  GString *text;
  guint64 n_bytes;
} Header;

static void
add_tensor (Header *header, guint64 n_out, guint64 n_in, const char *format, ...)
{
  g_autofree char *name = NULL;
  guint64 n_bytes = 2 * n_out * MAX (n_in, 1);
  va_list args;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);
  g_string_append_printf (header->text, "%s\"%s\":{\"dtype\":\"F16\",\"shape\":[%" G_GUINT64_FORMAT,
                          header->n_bytes ? "," : "", name, n_out);
  if (n_in)
    g_string_append_printf (header->text, ",%" G_GUINT64_FORMAT, n_in);
  g_string_append_printf (header->text,
                          "],\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}",
                          header->n_bytes, header->n_bytes + n_bytes);
  header->n_bytes += n_bytes;
}

static void
add_affine (Header *header, guint64 n_out, guint64 n_in, const char *prefix, const char *name)
{
  add_tensor (header, n_out, n_in, "%s%s.weight", prefix, name);
  add_tensor (header, n_out, 0, "%s%s.bias", prefix, name);
}

static void
add_published_layer (Header *header, int layer)
{
  g_autofree char *p =
      g_strdup_printf ("model.layers.%d.%s", layer, layer >= 8 ? "decoder_layer." : "");

  for (const char *c = "qkvo"; *c; c++)
    add_tensor (header, 4096, 4096, "%sself_attn.%c_proj.weight", p, *c);
  add_tensor (header, 11008, 4096, "%smlp.gate_proj.weight", p);
  add_tensor (header, 11008, 4096, "%smlp.up_proj.weight", p);
  add_tensor (header, 4096, 11008, "%smlp.down_proj.weight", p);
  add_tensor (header, 4096, 0, "%sinput_layernorm.weight", p);
  add_tensor (header, 4096, 0, "%spost_attention_layernorm.weight", p);
  if (layer < 8)
    return;
  add_tensor (header, 1, 4096, "model.layers.%d.router.router.weight", layer);
  add_tensor (header, 1, 0, "model.layers.%d.router.router.bias", layer);
}

static void
add_published_tower (Header *header)
{
  add_tensor (header, 1024, 0, TOWER_IN "embeddings.class_embedding");
  add_tensor (header, 577, 1024, TOWER_IN "embeddings.position_embedding.weight");
  add_affine (header, 1024, 0, TOWER_IN, "pre_layrnorm");
  add_affine (header, 1024, 0, TOWER_IN, "post_layernorm");
  for (int i = 0; i < 24; i++)
    {
      g_autofree char *p = g_strdup_printf (TOWER_IN "encoder.layers.%d.", i);

      add_affine (header, 1024, 0, p, "layer_norm1");
      add_affine (header, 1024, 0, p, "layer_norm2");
      add_affine (header, 1024, 1024, p, "self_attn.q_proj");
      add_affine (header, 1024, 1024, p, "self_attn.k_proj");
      add_affine (header, 1024, 1024, p, "self_attn.v_proj");
      add_affine (header, 1024, 1024, p, "self_attn.out_proj");
      add_affine (header, 4096, 1024, p, "mlp.fc1");
      add_affine (header, 1024, 4096, p, "mlp.fc2");
    }
}

/* All tensors of the published 7B checkpoint, in a file of holes. */
static gboolean
write_published (const char *path)
{
  Header header = { g_string_new ("12345678{"), 0 };
  gboolean ok;
  guint64 length;

  add_tensor (&header, 32000, 4096, "model.embed_tokens.weight");
  add_tensor (&header, 32000, 4096, "lm_head.weight");
  add_tensor (&header, 4096, 0, "model.norm.weight");
  for (int i = 0; i < 32; i++)
    add_published_layer (&header, i);
  add_affine (&header, 4096, 1024, "model.", "mm_projector.0");
  add_affine (&header, 4096, 4096, "model.", "mm_projector.2");
  add_published_tower (&header);
  g_string_append_printf (header.text,
                          ",\"" TOWER_IN "embeddings.patch_embedding.weight\":{\"dtype\":\"F16\","
                          "\"shape\":[1024,3,14,14],\"data_offsets\":[%" G_GUINT64_FORMAT
                          ",%" G_GUINT64_FORMAT "]}}",
                          header.n_bytes, header.n_bytes + 2 * 1024 * 3 * 14 * 14);
  header.n_bytes += 2 * 1024 * 3 * 14 * 14;
  length = GUINT64_TO_LE ((guint64)header.text->len - 8);
  memcpy (header.text->str, &length, 8);
  g_assert_true (g_file_set_contents (path, header.text->str, (gssize)header.text->len, NULL));
  ok = truncate (path, (off_t)(header.text->len + header.n_bytes)) == 0;
  g_string_free (header.text, TRUE);
  return ok;
}

/* Its config.json names the tower on the hub; the tower is in the checkpoint, its shape known. */
static void
test_published (void)
{
  char *root = broken_copy_fixture ("tiny-pmod-llava-v1.5");
  g_autofree char *dir = g_build_filename (root, "ckpt", NULL);
  g_autofree char *config = g_build_filename (dir, "config.json", NULL);
  g_autofree char *weights = g_build_filename (dir, "model.safetensors", NULL);
  static const char *const keys[][2] = {
    { "hidden_size", "4096" },
    { "intermediate_size", "11008" },
    { "num_attention_heads", "32" },
    { "num_key_value_heads", "32" },
    { "vocab_size", "32000" },
    { "mm_hidden_size", "1024" },
    { "mm_vision_tower", "\"openai/clip-vit-large-patch14-336\"" },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodCheckpoint) checkpoint = NULL;
  g_autoptr (GTimer) timer = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    broken_set_key (config, keys[i][0], keys[i][1]);
  if (write_published (weights))
    {
      timer = g_timer_new ();
      checkpoint = pmod_checkpoint_open (dir, NULL, &error);
      g_assert_no_error (error);
      g_test_message ("opened in %.1f ms", 1000 * g_timer_elapsed (timer, NULL));
      g_assert_true (pmod_checkpoint_is_tower_inside (checkpoint));
      /* Without the tower's last block and last norm: 12,596,224 + 2,048 of 7,063,001,112. */
      g_assert_cmpuint (pmod_checkpoint_get_bytes (checkpoint), ==,
                        2 * (G_GUINT64_CONSTANT (7063001112) - 12596224 - 2048));
      g_assert_cmpuint (pmod_config_n_parameters (pmod_checkpoint_get_config (checkpoint)), ==,
                        G_GUINT64_CONSTANT (7063001112));
    }
  else
    g_test_skip ("the file system holds no sparse file of 14 GB");
  broken_remove (root);
}

/* --- Finite numbers --------------------------------------------------------------------------- */

static void
test_fixtures_finite (void)
{
  g_autoptr (PmodCheckpoint) checkpoint = open_fixture ("tiny-pmod-llava-v1.5");
  g_autofree char *path = fixture_path ("tiny-pmod-llava-v1.5", "model.safetensors");
  g_autoptr (PmodSafetensors) file = pmod_safetensors_open (path, NULL);
  g_autoptr (GTimer) timer = g_timer_new ();
  gsize n_bytes = 0;

  for (guint i = 0; i < pmod_safetensors_get_n_entries (file); i++)
    {
      const PmodSafetensorsEntry *entry = pmod_safetensors_get_entry (file, i);
      const PmodTensor *tensor = pmod_checkpoint_get (checkpoint, entry->name);
      g_autoptr (GError) error = NULL;

      g_assert_true (pmod_checkpoint_check_finite (checkpoint, tensor, &error));
      g_assert_no_error (error);
      n_bytes += entry->n_bytes;
      pmod_checkpoint_forget (checkpoint, tensor);
    }
  g_test_message ("%zu bytes, %.1f GB/s", n_bytes, n_bytes / g_timer_elapsed (timer, NULL) / 1e9);
}

static void
test_not_finite (void)
{
  static const struct
  {
    const char *dtype;
    guint32 bits;
    guint idx;
    const char *message; /* NULL: finite */
  } values[] = {
    { "F32", 0x7fc00000, 0, "got NaN at index 0" },
    { "F32", 0x7f800001, 40000, "got NaN at index 40000" },
    { "F32", 0x7f800000, 81919, "got infinity at index 81919" },
    { "F32", 0xff800000, 4096, "got -infinity at index 4096" },
    { "F32", 0x7f7fffff, 4095, NULL },
    { "BF16", 0x7f80, 5, "got infinity at index 5" },
    { "BF16", 0xff81, 81918, "got NaN at index 81918" },
    { "BF16", 0x7f7f, 5, NULL },
    { "F16", 0x7c00, 4097, "got infinity at index 4097" },
    { "F16", 0xfe00, 1, "got NaN at index 1" },
    { "F16", 0x7bff, 1, NULL },
    { "F16", 0x7f80, 77, "got NaN at index 77" },
  };
  char *root = broken_copy_fixture (V15);
  g_autofree char *dir = g_build_filename (root, "ckpt", NULL);
  g_autofree char *config = g_build_filename (dir, "config.json", NULL);
  g_autofree char *weights = g_build_filename (dir, "model.safetensors", NULL);

  broken_set_key (config, "vocab_size", "1280");
  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autoptr (GPtrArray) items = broken_read (weights);
      g_autoptr (GError) error = NULL;
      g_autoptr (PmodCheckpoint) checkpoint = NULL;
      gsize size = strcmp (values[i].dtype, "F32") == 0 ? 4 : 2;
      const char *const names[] = { "model.embed_tokens.weight", "lm_head.weight" };
      gboolean finite;

      for (gsize n = 0; n < 2; n++)
        {
          BrokenItem *item = g_ptr_array_index (items, broken_find (items, names[n]));

          g_free (item->dtype);
          g_free (item->shape);
          item->dtype = g_strdup (values[i].dtype);
          item->shape = g_strdup ("[1280,64]");
          g_byte_array_set_size (item->bytes, (guint)(1280 * 64 * size));
          memset (item->bytes->data, 0, item->bytes->len);
          if (n == 0)
            memcpy (item->bytes->data + values[i].idx * size, &values[i].bits, size);
        }
      broken_write (items, weights);
      checkpoint = pmod_checkpoint_open (dir, NULL, &error);
      g_assert_no_error (error);
      finite = pmod_checkpoint_check_finite (checkpoint, pmod_checkpoint_get (checkpoint, names[0]),
                                             &error);
      g_assert_cmpint (finite, ==, values[i].message == NULL);
      if (!finite)
        {
          g_assert_error (error, PMOD_ERROR, PMOD_ERROR_NUMBER);
          g_assert_nonnull (strstr (error->message, "model.embed_tokens.weight"));
          g_assert_nonnull (strstr (error->message, values[i].message));
        }
    }
  broken_remove (root);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/checkpoint/fixtures", test_fixtures);
  g_test_add_func ("/checkpoint/count", test_count);
  g_test_add_func ("/checkpoint/same-numbers", test_same_numbers);
  g_test_add_func ("/checkpoint/changed", test_changed);
  g_test_add_func ("/checkpoint/kept-routers", test_kept_routers);
  g_test_add_func ("/checkpoint/plain-llama", test_plain_llama);
  g_test_add_func ("/checkpoint/published", test_published);
  g_test_add_func ("/checkpoint/fixtures-finite", test_fixtures_finite);
  g_test_add_func ("/checkpoint/not-finite", test_not_finite);
  return g_test_run ();
}
