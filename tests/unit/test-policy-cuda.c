/* Policies that choose by states, on a device: the CPU's masks, also where what an earlier run left
 * is used again. On the emulated device, of whose memory the host reads nothing. */
#include <string.h>

#include "device-check.h"

typedef struct
{
  int n_routed;
  int n_vision;
  guint8 kept[PMOD_MAX_LAYERS][64];
} Masks;

static void
on_record (const PmodRecord *record, gpointer data)
{
  const PmodRecordRoute *route = (const PmodRecordRoute *)record;
  Masks *masks = data;

  if (record->type != PMOD_RECORD_ROUTE)
    return;
  g_assert_cmpint (route->n_vision, ==, 64);
  masks->n_routed++;
  for (int i = 0; i < 64; i++)
    masks->kept[record->layer][i] = (guint8)pmod_record_route_kept (route, i);
}

static PmodContext *
open_context (PmodDevice device)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "fixtures", "demo-v0", NULL);
  PmodModelOptions options = { .device = device, .precision = PMOD_PRECISION_F32 };
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodModel) model = pmod_model_open (path, &options, NULL, NULL, &error);

  g_assert_no_error (error);
  return device_new_context (model);
}

static void
run (PmodContext *context,
     PmodImage *image,
     const char *text,
     PmodPolicy policy,
     PmodPaint *paint,
     Masks *masks)
{
  PmodModel *model = pmod_context_get_model (context);
  const PmodConfig *config = pmod_model_get_config (model);
  const PmodTurn turn = { PMOD_ROLE_USER, text };
  g_autoptr (PmodTrace) trace = pmod_trace_new (PMOD_TRACE_WANTS_DEFAULT, on_record, masks);
  g_autoptr (GError) error = NULL;
  g_autoptr (PmodPrompt) prompt = NULL;
  PmodParams params;

  memset (masks, 0, sizeof *masks);
  prompt = pmod_prompt_new_chat (pmod_model_get_tokenizer (model), config->conversation, &turn, 1,
                                 &image, 1, &error);
  g_assert_no_error (error);
  pmod_params_init (&params, config);
  params.routing.policy = policy;
  params.routing.paint = paint;
  g_assert_true (pmod_context_prefill (context, prompt, &params, trace, &error));
  g_assert_no_error (error);
  g_assert_cmpint (masks->n_routed, ==, 4);
}

static void
test_masks (void)
{
  static const PmodPolicy policies[] = { PMOD_POLICY_ROUTER, PMOD_POLICY_NORM,
                                         PMOD_POLICY_ATTENTION, PMOD_POLICY_LAST,
                                         PMOD_POLICY_PAINTED };
  static const char *const questions[] = { "What is this?", "Where is the red star?" };
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "fixtures", "images", "square.jpg", NULL);
  g_autoptr (PmodImage) image = pmod_image_load (path, PMOD_IMAGE_DEFAULT, NULL);
  g_autoptr (PmodPaint) none = pmod_paint_new (64), paint = NULL;
  g_autoptr (PmodContext) cpu = NULL, cuda = NULL;
  guint8 states[64];

  pmod_emulated_set_device (&pmod_emulated_device);
  cpu = open_context (PMOD_DEVICE_CPU);
  cuda = open_context (PMOD_DEVICE_CUDA);
  for (int i = 0; i < 64; i++)
    states[i] = (guint8)(i % 7 == 0 ? PMOD_PAINT_SKIP : i % 5 == 0 ? PMOD_PAINT_KEEP : 0);
  paint = pmod_paint_with (none, PMOD_PAINT_ALL_LAYERS, states);
  for (guint i = 0; i < G_N_ELEMENTS (policies); i++)
    for (int q = 0; q < 2; q++)
      {
        Masks expected, got;

        run (cpu, image, questions[q], policies[i], paint, &expected);
        run (cuda, image, questions[q], policies[i], paint, &got);
        g_test_message ("%s, \"%s\"", pmod_policy_name (policies[i]), questions[q]);
        g_assert_cmpmem (got.kept, sizeof got.kept, expected.kept, sizeof expected.kept);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy-cuda/masks", test_masks);
  return g_test_run ();
}
