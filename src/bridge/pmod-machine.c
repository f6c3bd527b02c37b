/* PmodMachine: see pmod-machine.h. What a look has found is handed over whole. */
#include "config.h"

#include "pmod-machine-private.h"

#include <gio/gio.h>
#include <string.h>

/* What a look finds. */
typedef struct
{
  PmodDeviceInfo *cpu;
  PmodDeviceInfo *cuda;
  char *cuda_reason;
} Found;

struct _PmodMachine
{
  GObject parent_instance;

  PmodDevice device;
  PmodPrecision precision;
  Found *found; /* NULL until something is known */
  GCancellable *looking;
};

enum
{
  PROP_DEVICE = 1,
  PROP_PRECISION,
  N_PROPS
};

enum
{
  CHANGED,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

static const char *const device_names[] = {
  [PMOD_DEVICE_AUTO] = "auto",
  [PMOD_DEVICE_CPU] = "cpu",
  [PMOD_DEVICE_CUDA] = "cuda",
};

static const char *const precision_names[] = {
  [PMOD_PRECISION_AUTO] = "auto",
  [PMOD_PRECISION_F32] = "f32",
  [PMOD_PRECISION_BF16] = "bf16",
  [PMOD_PRECISION_F16] = "f16",
};

G_DEFINE_FINAL_TYPE (PmodMachine, pmod_machine, G_TYPE_OBJECT)

/* The first, where it is none of names. */
static guint
find_name (const char *const *names, guint n, const char *name)
{
  for (guint i = 0; i < n; i++)
    if (g_strcmp0 (names[i], name) == 0)
      return i;
  return 0;
}

/* --- Looking --------------------------------------------------------------------------------- */

static void
found_free (Found *found)
{
  g_clear_pointer (&found->cpu, pmod_device_info_free);
  g_clear_pointer (&found->cuda, pmod_device_info_free);
  g_free (found->cuda_reason);
  g_free (found);
}

/* The reason alone: the rest is for the command line. */
static char *
take_reason (const char *message)
{
  const char *prefix = "device cuda: ";
  const char *end = strstr (message, "; --device");

  if (g_str_has_prefix (message, prefix))
    message += strlen (prefix);
  return end ? g_strndup (message, (gsize)(end - message)) : g_strdup (message);
}

static void
look_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  PmodModelOptions options = { .device = PMOD_DEVICE_CPU };
  Found *found = g_new0 (Found, 1);
  g_autoptr (GError) error = NULL;

  found->cpu = pmod_device_info_new (&options, NULL);
  options.device = PMOD_DEVICE_CUDA;
  found->cuda = pmod_device_info_new (&options, &error);
  if (error)
    found->cuda_reason = take_reason (error->message);
  g_task_return_pointer (task, found, (GDestroyNotify)found_free);
}

static void
found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PmodMachine *self = PMOD_MACHINE (source);
  Found *found = g_task_propagate_pointer (G_TASK (result), NULL);

  /* A newer look is under way, or nobody wants to know any more. */
  if (!found)
    return;
  g_clear_pointer (&self->found, found_free);
  self->found = found;
  g_clear_object (&self->looking);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
pmod_machine_look (PmodMachine *self)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (PMOD_IS_MACHINE (self));

  if (self->looking)
    g_cancellable_cancel (self->looking);
  g_clear_object (&self->looking);
  self->looking = g_cancellable_new ();
  task = g_task_new (self, self->looking, found_cb, NULL);
  g_task_run_in_thread (task, look_thread);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_machine_finalize (GObject *object)
{
  PmodMachine *self = PMOD_MACHINE (object);

  g_clear_pointer (&self->found, found_free);
  g_clear_object (&self->looking);

  G_OBJECT_CLASS (pmod_machine_parent_class)->finalize (object);
}

static void
pmod_machine_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodMachine *self = PMOD_MACHINE (object);

  switch (id)
    {
    case PROP_DEVICE:
      g_value_set_string (value, pmod_machine_get_device (self));
      break;
    case PROP_PRECISION:
      g_value_set_string (value, pmod_machine_get_precision (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_machine_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodMachine *self = PMOD_MACHINE (object);

  switch (id)
    {
    case PROP_DEVICE:
      pmod_machine_set_device (self, g_value_get_string (value));
      break;
    case PROP_PRECISION:
      pmod_machine_set_precision (self, g_value_get_string (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_machine_class_init (PmodMachineClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->finalize = pmod_machine_finalize;
  object_class->get_property = pmod_machine_get_property;
  object_class->set_property = pmod_machine_set_property;

  props[PROP_DEVICE] = g_param_spec_string ("device", NULL, NULL, "auto", flags);
  props[PROP_PRECISION] = g_param_spec_string ("precision", NULL, NULL, "auto", flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  /* Another choice, or something is known that was not. */
  signals[CHANGED] = g_signal_new ("changed", PMOD_TYPE_MACHINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
}

static void
pmod_machine_init (PmodMachine *self)
{
}

/* --- Public ---------------------------------------------------------------------------------- */

PmodMachine *
pmod_machine_new (void)
{
  return g_object_new (PMOD_TYPE_MACHINE, NULL);
}

const char *
pmod_machine_get_device (PmodMachine *self)
{
  g_return_val_if_fail (PMOD_IS_MACHINE (self), NULL);
  return device_names[self->device];
}

void
pmod_machine_set_device (PmodMachine *self, const char *name)
{
  PmodDevice device = (PmodDevice)find_name (device_names, G_N_ELEMENTS (device_names), name);

  g_return_if_fail (PMOD_IS_MACHINE (self));

  if (self->device == device)
    return;
  self->device = device;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_DEVICE]);
  g_signal_emit (self, signals[CHANGED], 0);
}

const char *
pmod_machine_get_precision (PmodMachine *self)
{
  g_return_val_if_fail (PMOD_IS_MACHINE (self), NULL);
  return precision_names[self->precision];
}

void
pmod_machine_set_precision (PmodMachine *self, const char *name)
{
  PmodPrecision precision =
      (PmodPrecision)find_name (precision_names, G_N_ELEMENTS (precision_names), name);

  g_return_if_fail (PMOD_IS_MACHINE (self));

  if (self->precision == precision)
    return;
  self->precision = precision;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PRECISION]);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
pmod_machine_get_options (PmodMachine *self, PmodModelOptions *options)
{
  *options = (PmodModelOptions){ .device = self->device, .precision = self->precision };
}

const char *
pmod_machine_get_cpu_name (PmodMachine *self)
{
  g_return_val_if_fail (PMOD_IS_MACHINE (self), NULL);
  return self->found && self->found->cpu ? self->found->cpu->name : NULL;
}

const char *
pmod_machine_get_cuda_name (PmodMachine *self)
{
  g_return_val_if_fail (PMOD_IS_MACHINE (self), NULL);
  return self->found && self->found->cuda ? self->found->cuda->name : NULL;
}

const char *
pmod_machine_get_cuda_reason (PmodMachine *self)
{
  g_return_val_if_fail (PMOD_IS_MACHINE (self), NULL);
  return self->found ? self->found->cuda_reason : NULL;
}

const char *
pmod_machine_get_cpu_precision (PmodMachine *self)
{
  g_return_val_if_fail (PMOD_IS_MACHINE (self), NULL);
  if (!self->found || !self->found->cpu)
    return NULL;
  return self->found->cpu->bf16_native ? "bf16" : "f32";
}

/* The one that a model would come to now. */
static const PmodDeviceInfo *
get_chosen (PmodMachine *self)
{
  if (!self->found)
    return NULL;
  if (self->device == PMOD_DEVICE_CPU || (self->device == PMOD_DEVICE_AUTO && !self->found->cuda))
    return self->found->cpu;
  return self->found->cuda;
}

guint64
pmod_machine_get_free (PmodMachine *self)
{
  const PmodDeviceInfo *info;

  g_return_val_if_fail (PMOD_IS_MACHINE (self), 0);
  info = get_chosen (self);
  return info ? info->free : 0;
}

guint64
pmod_machine_get_total (PmodMachine *self)
{
  const PmodDeviceInfo *info;

  g_return_val_if_fail (PMOD_IS_MACHINE (self), 0);
  info = get_chosen (self);
  return info ? info->total : 0;
}
