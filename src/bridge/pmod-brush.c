/* PmodBrush: see pmod-brush.h. Owned by its chat, and so without a reference to it. */
#include "config.h"

#include "pmod-brush.h"

struct _PmodBrush
{
  GObject parent_instance;

  PmodTuning *tuning;
  gboolean active;
  int size;
  gboolean all_layers;
};

enum
{
  PROP_ACTIVE = 1,
  PROP_SIZE,
  PROP_ALL_LAYERS,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodBrush, pmod_brush, G_TYPE_OBJECT)

static void
pmod_brush_dispose (GObject *object)
{
  g_clear_object (&PMOD_BRUSH (object)->tuning);
  G_OBJECT_CLASS (pmod_brush_parent_class)->dispose (object);
}

static void
pmod_brush_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodBrush *self = PMOD_BRUSH (object);

  switch (id)
    {
    case PROP_ACTIVE:
      g_value_set_boolean (value, self->active);
      break;
    case PROP_SIZE:
      g_value_set_int (value, self->size);
      break;
    case PROP_ALL_LAYERS:
      g_value_set_boolean (value, self->all_layers);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_brush_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodBrush *self = PMOD_BRUSH (object);

  switch (id)
    {
    case PROP_ACTIVE:
      pmod_brush_set_active (self, g_value_get_boolean (value));
      break;
    case PROP_SIZE:
      pmod_brush_set_size (self, g_value_get_int (value));
      break;
    case PROP_ALL_LAYERS:
      pmod_brush_set_all_layers (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_brush_class_init (PmodBrushClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_brush_dispose;
  object_class->get_property = pmod_brush_get_property;
  object_class->set_property = pmod_brush_set_property;

  props[PROP_ACTIVE] = g_param_spec_boolean ("active", NULL, NULL, FALSE, flags);
  props[PROP_SIZE] = g_param_spec_int ("size", NULL, NULL, 1, PMOD_BRUSH_MAX_SIZE, 1, flags);
  props[PROP_ALL_LAYERS] = g_param_spec_boolean ("all-layers", NULL, NULL, TRUE, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
pmod_brush_init (PmodBrush *self)
{
  self->size = 1;
  self->all_layers = TRUE;
}

PmodBrush *
pmod_brush_get (PmodChat *chat)
{
  static const char key[] = "pmod-brush";
  PmodBrush *self = g_object_get_data (G_OBJECT (chat), key);

  if (self)
    return self;
  self = g_object_new (PMOD_TYPE_BRUSH, NULL);
  self->tuning = g_object_ref (pmod_session_get_tuning (pmod_chat_get_session (chat)));
  g_object_set_data_full (G_OBJECT (chat), key, self, g_object_unref);
  return self;
}

PmodTuning *
pmod_brush_get_tuning (PmodBrush *self)
{
  g_return_val_if_fail (PMOD_IS_BRUSH (self), NULL);
  return self->tuning;
}

/* --- Values ---------------------------------------------------------------------------------- */

gboolean
pmod_brush_get_active (PmodBrush *self)
{
  g_return_val_if_fail (PMOD_IS_BRUSH (self), FALSE);
  return self->active;
}

void
pmod_brush_set_active (PmodBrush *self, gboolean active)
{
  g_return_if_fail (PMOD_IS_BRUSH (self));

  active = active != FALSE;
  if (self->active == active)
    return;
  self->active = active;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ACTIVE]);
}

int
pmod_brush_get_size (PmodBrush *self)
{
  g_return_val_if_fail (PMOD_IS_BRUSH (self), 1);
  return self->size;
}

void
pmod_brush_set_size (PmodBrush *self, int size)
{
  g_return_if_fail (PMOD_IS_BRUSH (self));

  size = CLAMP (size, 1, PMOD_BRUSH_MAX_SIZE);
  if (self->size == size)
    return;
  self->size = size;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SIZE]);
}

gboolean
pmod_brush_get_all_layers (PmodBrush *self)
{
  g_return_val_if_fail (PMOD_IS_BRUSH (self), TRUE);
  return self->all_layers;
}

void
pmod_brush_set_all_layers (PmodBrush *self, gboolean all_layers)
{
  g_return_if_fail (PMOD_IS_BRUSH (self));

  all_layers = all_layers != FALSE;
  if (self->all_layers == all_layers)
    return;
  self->all_layers = all_layers;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ALL_LAYERS]);
}

/* --- Paint ----------------------------------------------------------------------------------- */

gboolean
pmod_brush_get_grid (PmodSelection *selection, PmodRunPlane *grid)
{
  return selection && pmod_selection_get_grid (selection, grid) && grid->first >= 0;
}

gboolean
pmod_brush_can_paint (PmodBrush *self, PmodSelection *selection)
{
  PmodRunPlane grid;
  PmodRunLayer info;

  g_return_val_if_fail (PMOD_IS_BRUSH (self), FALSE);

  if (!pmod_brush_get_grid (selection, &grid))
    return FALSE;
  return self->all_layers || (pmod_run_get_layer (pmod_selection_get_run (selection),
                                                  pmod_selection_get_layer (selection), &info) &&
                              info.routed);
}

void
pmod_brush_paint (PmodBrush *self, PmodSelection *selection, int cell, PmodTuningPaint paint)
{
  int tokens[PMOD_BRUSH_MAX_SIZE * PMOD_BRUSH_MAX_SIZE];
  PmodRunPlane grid;
  int row, col, n = 0;

  g_return_if_fail (PMOD_IS_BRUSH (self));

  if (!pmod_brush_can_paint (self, selection) || !pmod_brush_get_grid (selection, &grid) ||
      cell < 0 || cell >= grid.rows * grid.cols)
    return;
  row = cell / grid.cols - (self->size - 1) / 2;
  col = cell % grid.cols - (self->size - 1) / 2;
  for (int i = MAX (row, 0); i < MIN (row + self->size, grid.rows); i++)
    for (int j = MAX (col, 0); j < MIN (col + self->size, grid.cols); j++)
      tokens[n++] = pmod_run_plane_get_token (&grid, i, j);
  pmod_tuning_paint_tokens (
      self->tuning, pmod_run_get_n_vision (pmod_selection_get_run (selection)),
      self->all_layers ? PMOD_TUNING_ALL_LAYERS : pmod_selection_get_layer (selection), tokens, n,
      paint);
}

PmodTuningPaint
pmod_brush_get_painted (PmodBrush *self, PmodSelection *selection, int cell)
{
  PmodRunPlane grid;

  g_return_val_if_fail (PMOD_IS_BRUSH (self), PMOD_TUNING_UNPAINTED);

  if (!pmod_brush_get_grid (selection, &grid) || cell < 0 || cell >= grid.rows * grid.cols ||
      pmod_tuning_get_paint_size (self->tuning) !=
          pmod_run_get_n_vision (pmod_selection_get_run (selection)))
    return PMOD_TUNING_UNPAINTED;
  return pmod_tuning_get_painted (
      self->tuning, pmod_selection_get_layer (selection),
      pmod_run_plane_get_token (&grid, cell / grid.cols, cell % grid.cols));
}
