/* PmodSelection: run, layer, plane, hover. See pmod-selection.h. */
#include "config.h"

#include "pmod-selection.h"

struct _PmodSelection
{
  GObject parent_instance;

  PmodRun *run;
  gulong run_changed_id;
  int layer;
  int n_layers; /* of the runs so far: a model with other layers starts at its own default */
  int plane;    /* -1: the finest */
  int hover;
};

enum
{
  PROP_RUN = 1,
  PROP_LAYER,
  PROP_PLANE,
  PROP_HOVER,
  N_PROPS
};

enum
{
  RUN_CHANGED,
  N_SIGNALS
};

static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodSelection, pmod_selection, G_TYPE_OBJECT)

static void
pmod_selection_dispose (GObject *object)
{
  PmodSelection *self = PMOD_SELECTION (object);

  if (self->run)
    g_clear_signal_handler (&self->run_changed_id, self->run);
  g_clear_object (&self->run);

  G_OBJECT_CLASS (pmod_selection_parent_class)->dispose (object);
}

static void
pmod_selection_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodSelection *self = PMOD_SELECTION (object);

  switch (id)
    {
    case PROP_RUN:
      g_value_set_object (value, self->run);
      break;
    case PROP_LAYER:
      g_value_set_int (value, self->layer);
      break;
    case PROP_PLANE:
      g_value_set_int (value, self->plane);
      break;
    case PROP_HOVER:
      g_value_set_int (value, self->hover);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_selection_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodSelection *self = PMOD_SELECTION (object);

  switch (id)
    {
    case PROP_RUN:
      pmod_selection_set_run (self, g_value_get_object (value));
      break;
    case PROP_LAYER:
      pmod_selection_set_layer (self, g_value_get_int (value));
      break;
    case PROP_PLANE:
      pmod_selection_set_plane (self, g_value_get_int (value));
      break;
    case PROP_HOVER:
      pmod_selection_set_hover (self, g_value_get_int (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_selection_class_init (PmodSelectionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_selection_dispose;
  object_class->get_property = pmod_selection_get_property;
  object_class->set_property = pmod_selection_set_property;

  props[PROP_RUN] = g_param_spec_object ("run", NULL, NULL, PMOD_TYPE_RUN, flags);
  props[PROP_LAYER] = g_param_spec_int ("layer", NULL, NULL, 0, G_MAXINT, 0, flags);
  props[PROP_PLANE] = g_param_spec_int ("plane", NULL, NULL, -1, G_MAXINT, -1, flags);
  props[PROP_HOVER] = g_param_spec_int ("hover", NULL, NULL, -1, G_MAXINT, -1, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  /* The run grew, or is another one. */
  signals[RUN_CHANGED] = g_signal_new ("run-changed", PMOD_TYPE_SELECTION, G_SIGNAL_RUN_LAST, 0,
                                       NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
pmod_selection_init (PmodSelection *self)
{
  self->plane = -1;
  self->hover = -1;
}

/* The first layer that skips at least half: there is something to see, and it is early enough
 * that the picture is still recognised. */
static int
default_layer (PmodRun *run)
{
  int n_layers = pmod_run_get_n_layers (run);
  int first_routed = -1;

  for (int l = 0; l < n_layers; l++)
    {
      PmodRunLayer info;

      pmod_run_get_layer (run, l, &info);
      if (info.routed && first_routed < 0)
        first_routed = l;
      if (info.routed && info.ratio <= 0.5)
        return l;
    }
  return MAX (first_routed, 0);
}

static void
run_changed_cb (PmodSelection *self)
{
  int n_layers = self->run ? pmod_run_get_n_layers (self->run) : 0;

  if (n_layers > 0 && pmod_run_get_n_vision (self->run) > 0 && n_layers != self->n_layers)
    {
      self->n_layers = n_layers;
      pmod_selection_set_layer (self, default_layer (self->run));
    }
  else if (n_layers > 0 && self->layer >= n_layers)
    pmod_selection_set_layer (self, n_layers - 1);
  g_signal_emit (self, signals[RUN_CHANGED], 0);
}

PmodSelection *
pmod_selection_new (void)
{
  return g_object_new (PMOD_TYPE_SELECTION, NULL);
}

PmodRun *
pmod_selection_get_run (PmodSelection *self)
{
  g_return_val_if_fail (PMOD_IS_SELECTION (self), NULL);
  return self->run;
}

void
pmod_selection_set_run (PmodSelection *self, PmodRun *run)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));

  if (self->run == run)
    return;
  if (self->run)
    g_clear_signal_handler (&self->run_changed_id, self->run);
  g_set_object (&self->run, run);
  if (run)
    self->run_changed_id =
        g_signal_connect_swapped (run, "changed", G_CALLBACK (run_changed_cb), self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_RUN]);
  run_changed_cb (self);
}

int
pmod_selection_get_layer (PmodSelection *self)
{
  g_return_val_if_fail (PMOD_IS_SELECTION (self), 0);
  return self->layer;
}

void
pmod_selection_set_layer (PmodSelection *self, int layer)
{
  int n_layers;

  g_return_if_fail (PMOD_IS_SELECTION (self));

  n_layers = self->run ? pmod_run_get_n_layers (self->run) : 0;
  /* Before there is a run, the curve of ratios can be walked already. */
  layer = n_layers > 0 ? CLAMP (layer, 0, n_layers - 1) : MAX (layer, 0);
  if (self->layer == layer)
    return;
  self->layer = layer;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LAYER]);
}

int
pmod_selection_get_plane (PmodSelection *self)
{
  int n_planes;

  g_return_val_if_fail (PMOD_IS_SELECTION (self), 0);

  n_planes = self->run ? pmod_run_get_n_planes (self->run) : 0;
  return self->plane >= 0 && self->plane < n_planes ? self->plane : n_planes - 1;
}

void
pmod_selection_set_plane (PmodSelection *self, int plane)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));

  if (self->plane == plane)
    return;
  self->plane = plane;
  pmod_selection_set_hover (self, -1);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PLANE]);
}

int
pmod_selection_get_hover (PmodSelection *self)
{
  g_return_val_if_fail (PMOD_IS_SELECTION (self), -1);
  return self->hover;
}

void
pmod_selection_set_hover (PmodSelection *self, int cell)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));

  if (self->hover == cell)
    return;
  self->hover = cell;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_HOVER]);
}
