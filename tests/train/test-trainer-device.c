/* A run of the trainer on a device: the losses of the CPU, the same bits when it is stopped and
 * resumed, states that go from one to the other, and what goes wrong leaves a usable state.
 *
 * The device is the emulated one, whose memory the host cannot touch, and slow. */
#include <math.h>
#include <string.h>

#include "emulated-device.h"
#include "training-run.h"

/* Everything that a step does, of the smallest size: both optimizers, routed layers, words, routers
 * that are taught. In F32, so that the two differ by the order of their sums alone. */
static const char recipe_text[] = "[recipe]\n"
                                  "name=device\n"
                                  "f32=true\n"
                                  "every=1\n"
                                  "validation=3\n"
                                  "save_every=2\n"
                                  "[model]\n"
                                  "image_size=56\n"
                                  "vision_hidden=16\n"
                                  "vision_layers=1\n"
                                  "vision_heads=2\n"
                                  "vision_ffn=16\n"
                                  "hidden=16\n"
                                  "layers=4\n"
                                  "heads=2\n"
                                  "ffn=16\n"
                                  "vocab=420\n"
                                  "[data scenes]\n"
                                  "kind=scenes\n"
                                  "art=false\n"
                                  "text_tokens=24\n"
                                  "[stage words]\n"
                                  "data=scenes\n"
                                  "steps=2\n"
                                  "batch=3\n"
                                  "parts=tower;projector;embedding\n"
                                  "answers=0\n"
                                  "words=1\n"
                                  "places=0.3\n"
                                  "muon_rate=0.002\n"
                                  "adam_rate=0.0002\n"
                                  "[stage answers]\n"
                                  "data=scenes\n"
                                  "steps=3\n"
                                  "batch=3\n"
                                  "device_micro=2\n"
                                  "words=0.3\n"
                                  "routers=0.1\n"
                                  "muon_rate=0.002\n"
                                  "adam_rate=0.0002\n";

/* --- The CPU's losses ----------------------------------------------------------------------- */

/* A forward pass of two F32 implementations is good to this, as that of the golden values is, which
 * is six times as deep (test-golden-gradients.c). */
#define FORWARD 1e-5

/* So far, as a share of its size, two F32 implementations of a step may be apart: the roundings of
 * Muon's products through its five iterations (test-ten-steps.c). AdamW's are far below. */
#define STEP 4.3e-4

/* The recipe's rates and what they are for: 37 matrices of 16 rows, q, k and v each by itself, none
 * with more rows than columns, and fewer than ADAM_MOST other weights. */
#define MUON_RATE 0.002
#define MUON_ROWS (37 * 16)
#define ADAM_RATE 0.0002
#define ADAM_MOST 7500

/* No step moves the weights by more: a matrix of Muon's has singular values of up to 1.2, an
 * element of AdamW's is about 1 at most, times the rate. */
static double
longest_step (void)
{
  return hypot (1.2 * MUON_RATE * sqrt (MUON_ROWS), ADAM_RATE * sqrt (ADAM_MOST));
}

static double
value_of (const GArray *values, guint i)
{
  return g_array_index (values, double, i);
}

/* After k steps the weights are apart by at most k STEP longest_step(); along the gradient, the
 * worst direction, the loss is then apart by that times the gradient's norm. */
static void
compare_losses (const TrainingRun *cpu, const TrainingRun *device, guint first)
{
  double steepest = 0;

  g_assert_cmpuint (device->losses->len + first, ==, cpu->losses->len);
  for (guint i = 0; i < cpu->norms->len; i++)
    steepest = MAX (steepest, value_of (cpu->norms, i));
  for (guint i = 0; i < device->losses->len; i++)
    {
      double want = value_of (cpu->losses, i + first), got = value_of (device->losses, i);
      double bound = FORWARD * want + (i + first) * STEP * longest_step () * steepest;

      g_test_message ("step %u: loss %.9g, on the CPU %.9g: apart %.2g, bound %.2g; gradient %.7g, "
                      "on the CPU %.7g",
                      i + first + 1, got, want, fabs (got - want), bound,
                      value_of (device->norms, i), value_of (cpu->norms, i + first));
      g_assert_true (fabs (got - want) <= bound);
      g_assert_true (isfinite (bound));
    }
}

static void
set_up (TrainingRun *self, PmodDevice device)
{
  pmod_emulated_set_device (&pmod_emulated_device);
  training_run_set_up (self, recipe_text);
  self->device = device;
}

/* All memory of the device was given back. */
static void
tear_down (TrainingRun *self)
{
  PmodEmulatedUse use;

  pmod_emulated_get_use (&use);
  g_assert_cmpint (use.n_blocks, ==, 0);
  g_assert_cmpint (use.n_streams, ==, 0);
  training_run_tear_down (self);
}

/* Three that are also the CPU's, whole; parts, which resume; and one that goes from the CPU to the
 * device. */
static void
test_losses (void)
{
  g_autoptr (GError) error = NULL;
  TrainingRun cpu, device, parts;

  set_up (&cpu, PMOD_DEVICE_CPU);
  set_up (&device, PMOD_DEVICE_CUDA);
  set_up (&parts, PMOD_DEVICE_CUDA);
  training_run (&cpu, FALSE, 1, &error);
  g_assert_no_error (error);
  training_run (&device, FALSE, 1, &error);
  g_assert_no_error (error);
  compare_losses (&cpu, &device, 0);

  /* In the middle of each stage; then with the device that is chosen where it was before. */
  parts.stop_after = 1;
  g_assert_false (training_run (&parts, FALSE, 1, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
  g_clear_error (&error);
  parts.device = PMOD_DEVICE_AUTO;
  parts.stop_after = 2;
  g_assert_false (training_run (&parts, TRUE, 1, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
  g_clear_error (&error);
  parts.stop_after = -1;
  g_assert_true (training_run (&parts, TRUE, 2, &error));
  g_assert_no_error (error);
  training_run_assert_same (&device, &parts, "training/state.safetensors");
  training_run_assert_same (&device, &parts, "model.safetensors");
  g_assert_cmpstr (device.log->str, ==, parts.log->str);
  tear_down (&cpu);
  tear_down (&device);
  tear_down (&parts);
}

/* From the CPU to the device, and back. */
static void
test_between (void)
{
  g_autoptr (GError) error = NULL;
  TrainingRun cpu, moved;

  set_up (&cpu, PMOD_DEVICE_CPU);
  set_up (&moved, PMOD_DEVICE_CPU);
  training_run (&cpu, FALSE, 1, &error);
  g_assert_no_error (error);
  moved.stop_after = 2;
  g_assert_false (training_run (&moved, FALSE, 1, &error));
  g_clear_error (&error);
  moved.device = PMOD_DEVICE_CUDA;
  moved.stop_after = 2;
  g_assert_false (training_run (&moved, TRUE, 1, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_CANCELLED);
  g_clear_error (&error);
  moved.device = PMOD_DEVICE_CPU;
  moved.stop_after = -1;
  g_assert_true (training_run (&moved, TRUE, 1, &error));
  g_assert_no_error (error);
  compare_losses (&cpu, &moved, 0);
  tear_down (&cpu);
  tear_down (&moved);
}

/* --- What may go wrong ---------------------------------------------------------------------- */

/* Nothing is stepped or written any more: what is on the disk is what was there. */
static void
test_not_finite (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) state = NULL, after = NULL, model = NULL, model_after = NULL;
  TrainingRun self;

  set_up (&self, PMOD_DEVICE_CUDA);
  self.stop_after = 1;
  g_assert_false (training_run (&self, FALSE, 1, &error));
  g_clear_error (&error);
  training_run_poison_state (&self);
  state = training_run_read_file (&self, "training/state.safetensors");
  model = training_run_read_file (&self, "model.safetensors");
  self.stop_after = -1;
  g_assert_false (training_run (&self, TRUE, 1, &error));
  g_assert_error (error, PMOD_ERROR, PMOD_ERROR_NUMBER);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "stage words, step 2"));
  after = training_run_read_file (&self, "training/state.safetensors");
  model_after = training_run_read_file (&self, "model.safetensors");
  g_assert_true (g_bytes_equal (state, after));
  g_assert_true (g_bytes_equal (model, model_after));
  tear_down (&self);
}

/* A card that is too small: refused, named, and the CPU is another way. */
static void
test_no_room (void)
{
  g_autoptr (GError) error = NULL;
  PmodEmulatedDevice small = pmod_emulated_device;
  TrainingRun self;

  set_up (&self, PMOD_DEVICE_CUDA);
  small.total_bytes = 4 << 20;
  pmod_emulated_set_device (&small);
  g_assert_false (training_run (&self, FALSE, 1, &error));
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "no room for"));
  tear_down (&self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trainer-device/losses", test_losses);
  g_test_add_func ("/trainer-device/between", test_between);
  g_test_add_func ("/trainer-device/not-finite", test_not_finite);
  g_test_add_func ("/trainer-device/no-room", test_no_room);
  return g_test_run ();
}
