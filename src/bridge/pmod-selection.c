/* PmodSelection: see pmod-selection.h. */
#include "config.h"

#include "pmod-selection.h"

#define PLAY_INTERVAL_MS 700 /* long enough to see what changed */

struct _PmodSelection
{
  GObject parent_instance;

  PmodRun *run;
  gulong run_changed_id;
  int layer;
  int n_layers; /* of the runs so far: a model with other layers starts at its own default */
  guint play_id;
  int picture;
  int plane; /* -1: the finest */
  int hover;
  int held;
  PmodView view;
  gboolean bare;
  guint rule;
  double zoom;
  double center_x, center_y;
};

enum
{
  PROP_RUN = 1,
  PROP_LAYER,
  PROP_PLAYING,
  PROP_PICTURE,
  PROP_PLANE,
  PROP_HOVER,
  PROP_HELD,
  PROP_VIEW,
  PROP_BARE,
  PROP_ZOOM,
  PROP_RULE,
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
  g_clear_handle_id (&self->play_id, g_source_remove);

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
    case PROP_PLAYING:
      g_value_set_boolean (value, self->play_id != 0);
      break;
    case PROP_PICTURE:
      g_value_set_int (value, pmod_selection_get_picture (self));
      break;
    case PROP_PLANE:
      g_value_set_int (value, self->plane);
      break;
    case PROP_HOVER:
      g_value_set_int (value, self->hover);
      break;
    case PROP_HELD:
      g_value_set_int (value, self->held);
      break;
    case PROP_VIEW:
      g_value_set_int (value, (int)self->view);
      break;
    case PROP_BARE:
      g_value_set_boolean (value, self->bare);
      break;
    case PROP_ZOOM:
      g_value_set_double (value, self->zoom);
      break;
    case PROP_RULE:
      g_value_set_uint (value, self->rule);
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
    case PROP_PLAYING:
      pmod_selection_set_playing (self, g_value_get_boolean (value));
      break;
    case PROP_PICTURE:
      pmod_selection_set_picture (self, g_value_get_int (value));
      break;
    case PROP_PLANE:
      pmod_selection_set_plane (self, g_value_get_int (value));
      break;
    case PROP_HOVER:
      pmod_selection_set_hover (self, g_value_get_int (value));
      break;
    case PROP_HELD:
      pmod_selection_set_held (self, g_value_get_int (value));
      break;
    case PROP_VIEW:
      pmod_selection_set_view (self, (PmodView)g_value_get_int (value));
      break;
    case PROP_BARE:
      pmod_selection_set_bare (self, g_value_get_boolean (value));
      break;
    case PROP_RULE:
      if (self->rule == g_value_get_uint (value))
        return;
      self->rule = g_value_get_uint (value);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
install_properties (GObjectClass *object_class)
{
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  props[PROP_RUN] = g_param_spec_object ("run", NULL, NULL, PMOD_TYPE_RUN, flags);
  props[PROP_LAYER] = g_param_spec_int ("layer", NULL, NULL, 0, G_MAXINT, 0, flags);
  props[PROP_PLAYING] = g_param_spec_boolean ("playing", NULL, NULL, FALSE, flags);
  props[PROP_PICTURE] = g_param_spec_int ("picture", NULL, NULL, 0, G_MAXINT, 0, flags);
  props[PROP_PLANE] = g_param_spec_int ("plane", NULL, NULL, -1, G_MAXINT, -1, flags);
  props[PROP_HOVER] = g_param_spec_int ("hover", NULL, NULL, -1, G_MAXINT, -1, flags);
  props[PROP_HELD] = g_param_spec_int ("held", NULL, NULL, -1, G_MAXINT, -1, flags);
  props[PROP_VIEW] = g_param_spec_int ("view", NULL, NULL, 0, PMOD_VIEW_PICTURE, 0, flags);
  props[PROP_BARE] = g_param_spec_boolean ("bare", NULL, NULL, FALSE, flags);
  /* PmodFlopsRule: how compute is counted. */
  props[PROP_RULE] = g_param_spec_uint ("rule", NULL, NULL, 0, PMOD_FLOPS_ALL, 0, flags);
  /* Notified when the centre moves, too. */
  props[PROP_ZOOM] = g_param_spec_double ("zoom", NULL, NULL, 1, PMOD_ZOOM_MAX, 1,
                                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
pmod_selection_class_init (PmodSelectionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = pmod_selection_dispose;
  object_class->get_property = pmod_selection_get_property;
  object_class->set_property = pmod_selection_set_property;
  install_properties (object_class);

  /* The run grew, or is another one. */
  signals[RUN_CHANGED] = g_signal_new ("run-changed", PMOD_TYPE_SELECTION, G_SIGNAL_RUN_LAST, 0,
                                       NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
pmod_selection_init (PmodSelection *self)
{
  self->plane = -1;
  self->hover = -1;
  self->held = -1;
  self->zoom = 1;
  self->center_x = self->center_y = 0.5;
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

/* Places that the run's grid does not have. Between two runs there is none: those stay. */
static void
drop_places (PmodSelection *self)
{
  PmodRunPlane grid;

  if (!pmod_selection_get_grid (self, &grid))
    return;
  if (self->hover >= grid.rows * grid.cols)
    pmod_selection_set_hover (self, -1);
  if (self->held >= grid.rows * grid.cols)
    pmod_selection_set_held (self, -1);
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
  drop_places (self);
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

static void
set_layer (PmodSelection *self, int layer)
{
  int n_layers = self->run ? pmod_run_get_n_layers (self->run) : 0;

  /* Before there is a run, the curve of ratios can be walked already. */
  layer = n_layers > 0 ? CLAMP (layer, 0, n_layers - 1) : MAX (layer, 0);
  if (self->layer == layer)
    return;
  self->layer = layer;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LAYER]);
}

void
pmod_selection_set_layer (PmodSelection *self, int layer)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));

  pmod_selection_set_playing (self, FALSE);
  set_layer (self, layer);
}

/* --- Layer after layer ------------------------------------------------------------------------ */

static gboolean
is_last (PmodSelection *self)
{
  return !self->run || self->layer >= pmod_run_get_n_layers (self->run) - 1;
}

static gboolean
play_cb (gpointer user_data)
{
  PmodSelection *self = user_data;

  set_layer (self, self->layer + 1);
  if (!is_last (self))
    return G_SOURCE_CONTINUE;
  self->play_id = 0;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PLAYING]);
  return G_SOURCE_REMOVE;
}

gboolean
pmod_selection_get_playing (PmodSelection *self)
{
  g_return_val_if_fail (PMOD_IS_SELECTION (self), FALSE);
  return self->play_id != 0;
}

void
pmod_selection_set_playing (PmodSelection *self, gboolean playing)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));

  if ((self->play_id != 0) == (playing != FALSE))
    return;
  if (playing)
    {
      if (!self->run || pmod_run_get_n_layers (self->run) < 2)
        return;
      if (is_last (self))
        set_layer (self, 0);
      self->play_id = g_timeout_add (PLAY_INTERVAL_MS, play_cb, self);
    }
  else
    g_clear_handle_id (&self->play_id, g_source_remove);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PLAYING]);
}

void
pmod_selection_step (PmodSelection *self)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));
  pmod_selection_set_layer (self, is_last (self) ? 0 : self->layer + 1);
}

/* --- Places in the picture -------------------------------------------------------------------- */

int
pmod_selection_get_picture (PmodSelection *self)
{
  int n_pictures;

  g_return_val_if_fail (PMOD_IS_SELECTION (self), 0);

  n_pictures = self->run ? pmod_run_get_n_pictures (self->run) : 0;
  return CLAMP (self->picture, 0, MAX (n_pictures - 1, 0));
}

static void
forget_places (PmodSelection *self)
{
  pmod_selection_set_hover (self, -1);
  pmod_selection_set_held (self, -1);
}

void
pmod_selection_reset_places (PmodSelection *self)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));

  forget_places (self);
  pmod_selection_zoom_at (self, 1, 0.5, 0.5);
}

void
pmod_selection_set_picture (PmodSelection *self, int picture)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));

  if (self->picture == picture)
    return;
  self->picture = picture;
  pmod_selection_reset_places (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PICTURE]);
}

int
pmod_selection_get_plane (PmodSelection *self)
{
  int n_planes;

  g_return_val_if_fail (PMOD_IS_SELECTION (self), 0);

  n_planes = self->run ? pmod_run_get_n_planes (self->run, pmod_selection_get_picture (self)) : 0;
  return self->plane >= 0 && self->plane < n_planes ? self->plane : n_planes - 1;
}

void
pmod_selection_set_plane (PmodSelection *self, int plane)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));

  if (self->plane == plane)
    return;
  self->plane = plane;
  forget_places (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_PLANE]);
}

gboolean
pmod_selection_get_grid (PmodSelection *self, PmodRunPlane *grid)
{
  g_return_val_if_fail (PMOD_IS_SELECTION (self), FALSE);

  return self->run && pmod_run_get_plane (self->run, pmod_selection_get_picture (self),
                                          pmod_selection_get_plane (self), grid);
}

int
pmod_selection_get_token (PmodSelection *self, int cell)
{
  PmodRunPlane grid;

  if (!pmod_selection_get_grid (self, &grid) || grid.first < 0 || cell < 0 ||
      cell >= grid.rows * grid.cols)
    return -1;
  return pmod_run_plane_get_token (&grid, cell / grid.cols, cell % grid.cols);
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

int
pmod_selection_get_held (PmodSelection *self)
{
  g_return_val_if_fail (PMOD_IS_SELECTION (self), -1);
  return self->held;
}

void
pmod_selection_set_held (PmodSelection *self, int cell)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));

  if (self->held == cell)
    return;
  self->held = cell;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_HELD]);
}

void
pmod_selection_move_held (PmodSelection *self, int rows, int cols)
{
  PmodRunPlane grid;
  int row, col;

  if (!pmod_selection_get_grid (self, &grid))
    return;
  if (self->held < 0)
    {
      pmod_selection_set_held (self, self->hover >= 0 ? self->hover
                                                      : grid.rows / 2 * grid.cols + grid.cols / 2);
      return;
    }
  row = CLAMP (self->held / grid.cols + rows, 0, grid.rows - 1);
  col = CLAMP (self->held % grid.cols + cols, 0, grid.cols - 1);
  pmod_selection_set_held (self, row * grid.cols + col);
}

int
pmod_selection_get_cell (PmodSelection *self)
{
  g_return_val_if_fail (PMOD_IS_SELECTION (self), -1);
  return self->hover >= 0 ? self->hover : self->held;
}

/* --- How it is shown -------------------------------------------------------------------------- */

PmodView
pmod_selection_get_view (PmodSelection *self)
{
  g_return_val_if_fail (PMOD_IS_SELECTION (self), PMOD_VIEW_MASK);
  return self->view;
}

void
pmod_selection_set_view (PmodSelection *self, PmodView view)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));

  if (self->view == view)
    return;
  self->view = view;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_VIEW]);
}

gboolean
pmod_selection_get_bare (PmodSelection *self)
{
  g_return_val_if_fail (PMOD_IS_SELECTION (self), FALSE);
  return self->bare;
}

void
pmod_selection_set_bare (PmodSelection *self, gboolean bare)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));

  bare = bare != FALSE;
  if (self->bare == bare)
    return;
  self->bare = bare;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_BARE]);
}

/* The frame is always full: no part of it lies beyond the picture. */
static void
set_zoom (PmodSelection *self, double zoom, double x, double y)
{
  double half;

  zoom = CLAMP (zoom, 1, PMOD_ZOOM_MAX);
  half = 0.5 / zoom;
  x = CLAMP (x, half, 1 - half);
  y = CLAMP (y, half, 1 - half);
  if (zoom == self->zoom && x == self->center_x && y == self->center_y)
    return;
  self->zoom = zoom;
  self->center_x = x;
  self->center_y = y;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ZOOM]);
}

double
pmod_selection_get_zoom (PmodSelection *self)
{
  g_return_val_if_fail (PMOD_IS_SELECTION (self), 1);
  return self->zoom;
}

void
pmod_selection_get_center (PmodSelection *self, double *x, double *y)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));
  *x = self->center_x;
  *y = self->center_y;
}

void
pmod_selection_unproject (PmodSelection *self, double frame_x, double frame_y, double *x, double *y)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));
  *x = self->center_x + (frame_x - 0.5) / self->zoom;
  *y = self->center_y + (frame_y - 0.5) / self->zoom;
}

void
pmod_selection_zoom_at (PmodSelection *self, double zoom, double frame_x, double frame_y)
{
  double x, y;

  zoom = CLAMP (zoom, 1, PMOD_ZOOM_MAX);
  pmod_selection_unproject (self, frame_x, frame_y, &x, &y);
  set_zoom (self, zoom, x - (frame_x - 0.5) / zoom, y - (frame_y - 0.5) / zoom);
}

void
pmod_selection_pan (PmodSelection *self, double frame_dx, double frame_dy)
{
  g_return_if_fail (PMOD_IS_SELECTION (self));
  set_zoom (self, self->zoom, self->center_x - frame_dx / self->zoom,
            self->center_y - frame_dy / self->zoom);
}
