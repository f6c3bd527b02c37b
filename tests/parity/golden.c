/* Reading golden values, capturing a run, and measuring the distance between the two. */
#include "golden.h"

#include <math.h>
#include <string.h>

char *
golden_path (const char *path)
{
  return g_test_build_filename (G_TEST_DIST, "fixtures", path, NULL);
}

JsonNode *
golden_load_json (const char *path)
{
  g_autofree char *full = golden_path (path);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;

  json_parser_load_from_file (parser, full, &error);
  g_assert_no_error (error);
  return json_parser_steal_root (parser);
}

PmodSafetensors *
golden_load (const char *path)
{
  g_autofree char *full = golden_path (path);
  g_autoptr (GError) error = NULL;
  PmodSafetensors *file = pmod_safetensors_open (full, &error);

  g_assert_no_error (error);
  return file;
}

static const void *
find (PmodSafetensors *file, const char *name, PmodDtype dtype, gsize *n)
{
  const PmodSafetensorsEntry *entry = pmod_safetensors_find (file, name);

  if (entry == NULL)
    return NULL;
  g_assert_true (entry->supported);
  g_assert_cmpint (entry->tensor.dtype, ==, dtype);
  if (n != NULL)
    *n = (gsize)pmod_tensor_n_elements (&entry->tensor);
  return entry->tensor.data;
}

const float *
golden_floats (PmodSafetensors *file, const char *name, gsize *n)
{
  return find (file, name, PMOD_DTYPE_F32, n);
}

const gint32 *
golden_ints (PmodSafetensors *file, const char *name, gsize *n)
{
  return find (file, name, PMOD_DTYPE_I32, n);
}

/* --- Distance ------------------------------------------------------------------------------- */

GoldenDistance
golden_compare (const float *got, const float *expected, gsize n)
{
  GoldenDistance distance = { .n = n };
  double sum = 0;
  double norm = 0;

  for (gsize i = 0; i < n; i++)
    {
      double difference = (double)got[i] - (double)expected[i];

      if (!isfinite (got[i]) || !isfinite (expected[i]))
        distance.n_bad++;
      distance.max_abs = MAX (distance.max_abs, fabs (difference));
      sum += difference * difference;
      norm += (double)expected[i] * (double)expected[i];
    }
  distance.rel_l2 = norm > 0 ? sqrt (sum / norm) : sqrt (sum);
  return distance;
}

void
golden_add (GoldenDistance *sum, const GoldenDistance *part)
{
  sum->n += part->n;
  sum->n_bad += part->n_bad;
  sum->max_abs = MAX (sum->max_abs, part->max_abs);
  sum->rel_l2 = MAX (sum->rel_l2, part->rel_l2);
}

void
golden_assert (const char *what, const GoldenDistance *distance, double tolerance)
{
  g_test_message ("%-16s max-abs %.2e (<= %.0e)  rel-L2 %.2e (<= %.0e)  non-finite %zu of %zu",
                  what, distance->max_abs, tolerance, distance->rel_l2, TOLERANCE_REL_L2,
                  distance->n_bad, distance->n);
  g_assert_cmpuint (distance->n, >, 0);
  g_assert_cmpuint (distance->n_bad, ==, 0);
  g_assert_cmpfloat (distance->max_abs, <=, tolerance);
  g_assert_cmpfloat (distance->rel_l2, <=, TOLERANCE_REL_L2);
}

/* --- Capture -------------------------------------------------------------------------------- */

static GPtrArray *
new_arrays (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);
}

GoldenCapture *
golden_capture_new (const PmodConfig *config)
{
  GoldenCapture *self = g_new0 (GoldenCapture, 1);

  self->n_layers = config->n_layers;
  self->hidden = config->hidden;
  self->layers = new_arrays ();
  self->steps = new_arrays ();
  self->logits = new_arrays ();
  self->vision = new_arrays ();
  self->projector = new_arrays ();
  self->keys = new_arrays ();
  self->values = new_arrays ();
  self->routes = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_set_size (self->routes, config->n_layers);
  self->kv_prefill = g_array_new (FALSE, TRUE, sizeof (int));
  g_array_set_size (self->kv_prefill, config->n_layers);
  self->in_prefill = TRUE;
  return self;
}

void
golden_capture_free (GoldenCapture *self)
{
  g_ptr_array_unref (self->layers);
  g_ptr_array_unref (self->steps);
  g_ptr_array_unref (self->logits);
  g_ptr_array_unref (self->vision);
  g_ptr_array_unref (self->projector);
  g_ptr_array_unref (self->keys);
  g_ptr_array_unref (self->values);
  g_ptr_array_unref (self->routes);
  g_array_unref (self->kv_prefill);
  g_clear_pointer (&self->embeds, g_array_unref);
  g_clear_pointer (&self->norm, g_array_unref);
  g_free (self);
}

static GArray *
copy_floats (const PmodRecordState *record)
{
  guint n = 1;
  GArray *array = g_array_new (FALSE, FALSE, sizeof (float));

  for (int i = 0; i < record->n_dims; i++)
    n *= (guint)record->shape[i];
  return g_array_append_vals (array, record->data, n);
}

static void
capture_layer (GoldenCapture *self, const PmodRecordState *record)
{
  g_autoptr (GArray) data = copy_floats (record);

  if (self->in_prefill)
    {
      g_ptr_array_add (self->layers, g_steal_pointer (&data));
      return;
    }
  if (record->header.layer == 0)
    g_ptr_array_add (self->steps, g_array_new (FALSE, FALSE, sizeof (float)));
  g_array_append_vals (self->steps->pdata[self->steps->len - 1], data->data, data->len);
}

static void
capture_state (GoldenCapture *self, const PmodRecordState *record)
{
  switch ((PmodStateKind)record->kind)
    {
    case PMOD_STATE_EMBEDS:
      self->n_tokens = (int)record->shape[0];
      self->embeds = copy_floats (record);
      break;
    case PMOD_STATE_LAYER:
      capture_layer (self, record);
      break;
    case PMOD_STATE_NORM:
      if (self->norm == NULL)
        self->norm = copy_floats (record);
      break;
    case PMOD_STATE_LOGITS:
      g_ptr_array_add (self->logits, copy_floats (record));
      break;
    case PMOD_STATE_VISION:
      g_ptr_array_add (self->vision, copy_floats (record));
      break;
    case PMOD_STATE_PROJECTOR:
      g_ptr_array_add (self->projector, copy_floats (record));
      break;
    case PMOD_STATE_KEYS:
      g_ptr_array_add (self->keys, copy_floats (record));
      break;
    case PMOD_STATE_VALUES:
      g_ptr_array_add (self->values, copy_floats (record));
      break;
    case PMOD_STATE_PIXELS:
      break;
    }
}

void
golden_capture_record (const PmodRecord *record, gpointer capture)
{
  GoldenCapture *self = capture;

  if (record->type == PMOD_RECORD_STATE)
    capture_state (self, (const PmodRecordState *)record);
  else if (record->type == PMOD_RECORD_ROUTE)
    {
      g_free (self->routes->pdata[record->layer]);
      self->routes->pdata[record->layer] = g_memdup2 (record, record->size);
    }
  else if (record->type == PMOD_RECORD_KV && self->in_prefill)
    g_array_index (self->kv_prefill, int, record->layer) = ((const PmodRecordKv *)record)->length;
  else if (record->type == PMOD_RECORD_STAGE &&
           ((const PmodRecordStage *)record)->stage == PMOD_STAGE_PREFILL)
    self->in_prefill = FALSE;
}
