/* PmodMessageList: see pmod-message-list.h.
 *
 * Rows are made, measured and thrown away while the view is allocated, so that what is drawn next
 * is whole, and a few more when there is time. Positions are of the adjustment's numbers; see
 * pmod-message-heights.h. */
#include "config.h"

#include "pmod-message-list-private.h"

#include <math.h>

#include "pmod-message-row.h"

/* How far beyond what is in sight there are rows, in heights of the view. They are made between
 * frames, so that scrolling finds them there. */
#define MARGIN_PAGES 0.5
#define MIN_PAGE 200
/* Measuring may bring further rows into sight. */
#define MAX_ROUNDS 16
/* Where it counts as being at the end, in pixels. */
#define END_ROOM 4

enum
{
  PROP_CHAT = 1,
  PROP_FOLLOW,
  N_PROPS,
  PROP_HADJUSTMENT,
  PROP_VADJUSTMENT,
  PROP_HSCROLL_POLICY,
  PROP_VSCROLL_POLICY,
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE_WITH_CODE (PmodMessageList,
                               pmod_message_list,
                               GTK_TYPE_WIDGET,
                               G_IMPLEMENT_INTERFACE (GTK_TYPE_SCROLLABLE, NULL))

/* --- Places ---------------------------------------------------------------------------------- */

double
pmod_message_list_get_value (PmodMessageList *self)
{
  return self->vadjustment ? gtk_adjustment_get_value (self->vadjustment) : 0;
}

double
pmod_message_list_get_page (PmodMessageList *self)
{
  return gtk_widget_get_height (GTK_WIDGET (self));
}

/* The adjustment follows what is known now. */
static void
place (PmodMessageList *self)
{
  double page = pmod_message_list_get_page (self);
  double first = pmod_message_heights_get_origin (self->heights);
  double height = MAX (pmod_message_heights_get_end (self->heights) - first, page);
  double last = first + height - page;
  double value = self->follow ? last : CLAMP (pmod_message_list_get_value (self), first, last);

  if (!self->vadjustment)
    return;
  self->placing = TRUE;
  gtk_adjustment_configure (self->vadjustment, value, first, first + height, page * 0.1, page * 0.9,
                            page);
  self->placing = FALSE;
}

/* --- Rows ------------------------------------------------------------------------------------ */

static void
create_row (PmodMessageList *self, guint position)
{
  g_autoptr (PmodMessage) message = g_list_model_get_item (self->model, position);
  GtkWidget *row = pmod_message_row_new (self->chat, message);
  GtkWidget *next = NULL;

  for (guint i = position + 1; i < self->rows->len && !next; i++)
    next = self->rows->pdata[i];
  self->rows->pdata[position] = row;
  pmod_message_row_set_position (PMOD_MESSAGE_ROW (row), position, self->rows->len);
  gtk_widget_insert_before (row, GTK_WIDGET (self), next);
}

static int
measure_width (PmodMessageList *self, GtkWidget *row)
{
  int minimum;

  gtk_widget_measure (row, GTK_ORIENTATION_HORIZONTAL, -1, &minimum, NULL, NULL, NULL);
  return MAX (minimum, self->width);
}

static int
measure_height (PmodMessageList *self, GtkWidget *row)
{
  int height;

  gtk_widget_measure (row, GTK_ORIENTATION_VERTICAL, measure_width (self, row), &height, NULL, NULL,
                      NULL);
  return height;
}

/* A row for position, and its height. FALSE: that is what it was thought to be. */
static gboolean
measure_row (PmodMessageList *self, guint position)
{
  int height;

  if (!self->rows->pdata[position])
    create_row (self, position);
  height = measure_height (self, self->rows->pdata[position]);
  if (height == pmod_message_heights_get (self->heights, position))
    return FALSE;
  pmod_message_heights_set (self->heights, position, height);
  return TRUE;
}

static void
allocate_row (PmodMessageList *self, guint position, double top)
{
  GtkWidget *row = self->rows->pdata[position];
  GtkAllocation box = {
    0, (int)floor (top - pmod_message_list_get_value (self)), measure_width (self, row),
    MAX (pmod_message_heights_get (self->heights, position), measure_height (self, row))
  };

  gtk_widget_size_allocate (row, &box, -1);
}

/* One round: rows for what is in sight, and for what is left to the beginning where that is near: a
 * guess too much there would move what is read when one comes to it. FALSE: nothing was found to be
 * of another size. */
static gboolean
populate_once (PmodMessageList *self)
{
  double page = MAX (pmod_message_list_get_page (self), MIN_PAGE);
  double value = pmod_message_list_get_value (self);
  double first = pmod_message_heights_get_origin (self->heights);
  double from = value - first < page ? first : value;
  double to = value + page;
  gboolean changed = FALSE;

  for (guint i = pmod_message_heights_find (self->heights, from);
       i < self->rows->len && pmod_message_heights_get_top (self->heights, i) < to; i++)
    changed |= measure_row (self, i);
  return changed;
}

/* The row beyond what is in sight that will be needed first. FALSE: all are there. */
static gboolean
find_needed (PmodMessageList *self, guint *position)
{
  double page = MAX (pmod_message_list_get_page (self), MIN_PAGE);
  double value = pmod_message_list_get_value (self);
  guint first = pmod_message_heights_find (self->heights, value - MARGIN_PAGES * page);
  guint seen = pmod_message_heights_find (self->heights, value);
  guint last = pmod_message_heights_find (self->heights, value + (1 + MARGIN_PAGES) * page);

  for (guint i = 0; first + i <= last; i++)
    {
      /* From what is in sight on outwards, above and below in turn. */
      for (int below = 0; below < 2; below++)
        {
          *position = below ? seen + i : seen - i;
          if ((below || i <= seen - first) && *position <= last && !self->rows->pdata[*position])
            return TRUE;
        }
    }
  return FALSE;
}

/* One at a time: what moves on the screen goes first. */
static gboolean
prepare_cb (gpointer user_data)
{
  PmodMessageList *self = user_data;
  guint position;

  if (self->width > 0 && self->rows->len > 0 && find_needed (self, &position))
    {
      measure_row (self, position);
      place (self);
      allocate_row (self, position, pmod_message_heights_get_top (self->heights, position));
      return G_SOURCE_CONTINUE;
    }
  self->idle = 0;
  return G_SOURCE_REMOVE;
}

/* Existing ones may have grown. */
static void
prepare (PmodMessageList *self)
{
  guint position;

  for (guint i = 0; i < self->rows->len; i++)
    if (self->rows->pdata[i])
      measure_row (self, i);
  place (self);
  if (self->idle == 0 && find_needed (self, &position))
    self->idle = g_idle_add_full (G_PRIORITY_DEFAULT_IDLE + 10, prepare_cb, self, NULL);
}

/* What went far out of sight; never what has the focus, and so a selection, nor what is written. */
static void
drop_rows (PmodMessageList *self)
{
  double page = MAX (pmod_message_list_get_page (self), MIN_PAGE);
  double from = pmod_message_list_get_value (self) - 3 * MARGIN_PAGES * page;
  double to = pmod_message_list_get_value (self) + (1 + 3 * MARGIN_PAGES) * page;
  GtkWidget *focused = gtk_widget_get_focus_child (GTK_WIDGET (self));
  double bottom = pmod_message_heights_get_origin (self->heights);

  for (guint i = 0; i < self->rows->len; i++)
    {
      double top = bottom;

      bottom += pmod_message_heights_get (self->heights, i);
      if (self->rows->pdata[i] && self->rows->pdata[i] != focused && (bottom < from || top > to) &&
          !pmod_message_row_get_editing (self->rows->pdata[i]))
        g_clear_pointer ((GtkWidget **)&self->rows->pdata[i], gtk_widget_unparent);
    }
}

/* What was in sight before stays where it was, unless it is far from what is in sight now. */
static void
choose_anchor (PmodMessageList *self, gboolean anew)
{
  guint anchor = pmod_message_heights_get_anchor (self->heights);
  double away =
      pmod_message_heights_get_top (self->heights, anchor) - pmod_message_list_get_value (self);

  if (anew || fabs (away) > 2 * MAX (pmod_message_list_get_page (self), MIN_PAGE))
    pmod_message_heights_set_anchor (
        self->heights,
        pmod_message_heights_find (self->heights, pmod_message_list_get_value (self)));
}

void
pmod_message_list_populate (PmodMessageList *self)
{
  if (self->width <= 0 || !self->model || self->rows->len == 0)
    {
      place (self);
      return;
    }
  place (self);
  choose_anchor (self, FALSE);
  for (int i = 0; i < MAX_ROUNDS; i++)
    {
      gboolean changed = populate_once (self);

      place (self);
      if (!changed)
        break;
    }
  choose_anchor (self, TRUE);
  drop_rows (self);
  prepare (self);
}

static void
allocate_rows (PmodMessageList *self)
{
  double top = pmod_message_heights_get_origin (self->heights);

  for (guint i = 0; i < self->rows->len; i++)
    {
      if (self->rows->pdata[i])
        allocate_row (self, i, top);
      top += pmod_message_heights_get (self->heights, i);
    }
}

/* Of another width everything has another height; what is at the top of the view stays there. */
static void
set_width (PmodMessageList *self, int width)
{
  guint anchor = pmod_message_heights_get_anchor (self->heights);
  double value = pmod_message_list_get_value (self);
  double top, share;

  self->width = width;
  if (self->rows->len == 0)
    return;
  top = pmod_message_heights_get_top (self->heights, anchor);
  share = (value - top) / MAX (pmod_message_heights_get (self->heights, anchor), 1);
  pmod_message_heights_set_width (self->heights, width);
  for (guint i = 0; i < self->rows->len; i++)
    if (self->rows->pdata[i])
      pmod_message_heights_set (self->heights, i, measure_height (self, self->rows->pdata[i]));
  pmod_message_heights_move (
      self->heights,
      value - top - CLAMP (share, 0, 1) * pmod_message_heights_get (self->heights, anchor));
}

static void
pmod_message_list_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  PmodMessageList *self = PMOD_MESSAGE_LIST (widget);

  if (width != self->width)
    set_width (self, width);
  pmod_message_list_populate (self);
  if (self->found && self->rows->len > 0 && width > 0 && height > 0)
    pmod_message_list_bring_found (self);
  allocate_rows (self);
}

static void
pmod_message_list_measure (GtkWidget *widget,
                           GtkOrientation orientation,
                           int for_size,
                           int *minimum,
                           int *natural,
                           int *minimum_baseline,
                           int *natural_baseline)
{
  *minimum = *natural = 0;
  if (orientation == GTK_ORIENTATION_VERTICAL)
    return;
  for (GtkWidget *row = gtk_widget_get_first_child (widget); row;
       row = gtk_widget_get_next_sibling (row))
    {
      int min_width, natural_width;

      gtk_widget_measure (row, orientation, -1, &min_width, &natural_width, NULL, NULL);
      *minimum = MAX (*minimum, min_width);
      *natural = MAX (*natural, natural_width);
    }
}

/* --- The model ------------------------------------------------------------------------------- */

static void
splice_heights (PmodMessageList *self, guint position, guint n_removed, guint n_added)
{
  g_autoptr (GPtrArray) added = g_ptr_array_new_with_free_func (g_object_unref);
  g_autofree const char **texts = g_new (const char *, n_added + 1);

  for (guint i = 0; i < n_added; i++)
    {
      g_ptr_array_add (added, g_list_model_get_item (self->model, position + i));
      texts[i] = pmod_message_get_text (added->pdata[i]);
    }
  pmod_message_heights_splice (self->heights, position, n_removed, texts, n_added);
}

static void
items_changed_cb (PmodMessageList *self, guint position, guint n_removed, guint n_added)
{
  for (guint i = position; i < position + n_removed; i++)
    if (self->rows->pdata[i])
      gtk_widget_unparent (self->rows->pdata[i]);
  if (n_removed > 0)
    g_ptr_array_remove_range (self->rows, position, n_removed);
  for (guint i = 0; i < n_added; i++)
    g_ptr_array_insert (self->rows, (int)(position + i), NULL);
  splice_heights (self, position, n_removed, n_added);
  for (guint i = 0; i < self->rows->len; i++)
    if (self->rows->pdata[i])
      pmod_message_row_set_position (self->rows->pdata[i], i, self->rows->len);
  if (self->rows->len == 0)
    self->follow = TRUE;
  gtk_widget_queue_resize (GTK_WIDGET (self));
}

static void
set_chat (PmodMessageList *self, PmodChat *chat)
{
  GListModel *model = chat ? pmod_chat_get_messages (chat) : NULL;

  if (self->model)
    g_signal_handlers_disconnect_by_func (self->model, items_changed_cb, self);
  items_changed_cb (self, 0, self->rows->len, 0);
  pmod_message_list_follow_found (self, self->chat, chat);
  g_set_object (&self->chat, chat);
  g_set_object (&self->model, model);
  if (!model)
    return;
  g_signal_connect_swapped (model, "items-changed", G_CALLBACK (items_changed_cb), self);
  items_changed_cb (self, 0, 0, g_list_model_get_n_items (model));
}

/* --- Scrolling ------------------------------------------------------------------------------- */

static void
update_follow (PmodMessageList *self)
{
  self->follow = pmod_message_list_get_value (self) + pmod_message_list_get_page (self) >=
                 gtk_adjustment_get_upper (self->vadjustment) - END_ROOM;
}

static void
value_changed_cb (PmodMessageList *self)
{
  if (self->placing)
    return;
  update_follow (self);
  gtk_widget_queue_allocate (GTK_WIDGET (self));
}

void
pmod_message_list_move (PmodMessageList *self, double value)
{
  if (!self->vadjustment)
    return;
  self->placing = TRUE;
  gtk_adjustment_set_value (self->vadjustment, value);
  self->placing = FALSE;
  update_follow (self);
  pmod_message_list_populate (self);
}

static void
set_adjustment (PmodMessageList *self, GtkAdjustment **place_of, GtkAdjustment *adjustment)
{
  if (*place_of)
    g_signal_handlers_disconnect_by_func (*place_of, value_changed_cb, self);
  g_set_object (place_of, adjustment);
  if (adjustment && place_of == &self->vadjustment)
    g_signal_connect_swapped (adjustment, "value-changed", G_CALLBACK (value_changed_cb), self);
  gtk_widget_queue_allocate (GTK_WIDGET (self));
}

void
pmod_message_list_bring (PmodMessageList *self, guint position, gboolean end)
{
  double page = pmod_message_list_get_page (self);

  for (int i = 0; i < 2; i++) /* what was a guess is measured then */
    {
      double top = pmod_message_heights_get_top (self->heights, position);
      double bottom = top + pmod_message_heights_get (self->heights, position);
      double value = pmod_message_list_get_value (self);

      if (bottom - top >= page ? !end : top < value)
        value = top;
      else if (bottom - top >= page || bottom > value + page)
        value = bottom - page;
      gtk_adjustment_set_value (self->vadjustment, value);
      pmod_message_list_populate (self);
    }
}

static gboolean
key_cb (GtkEventControllerKey *controller,
        guint keyval,
        guint keycode,
        GdkModifierType state,
        gpointer user_data)
{
  GtkWidget *widget = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (controller));

  return pmod_message_list_press (PMOD_MESSAGE_LIST (widget), keyval, state);
}

static void
focus_changed_cb (PmodMessageList *self, GParamSpec *pspec, GtkWindow *window)
{
  pmod_message_list_follow_focus (self, window);
}

static void
pmod_message_list_root (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (pmod_message_list_parent_class)->root (widget);

  g_signal_connect_swapped (gtk_widget_get_root (widget), "notify::focus-widget",
                            G_CALLBACK (focus_changed_cb), widget);
}

static void
pmod_message_list_unroot (GtkWidget *widget)
{
  g_signal_handlers_disconnect_by_func (gtk_widget_get_root (widget), focus_changed_cb, widget);

  GTK_WIDGET_CLASS (pmod_message_list_parent_class)->unroot (widget);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_message_list_dispose (GObject *object)
{
  PmodMessageList *self = PMOD_MESSAGE_LIST (object);

  g_clear_handle_id (&self->idle, g_source_remove);
  set_chat (self, NULL);
  set_adjustment (self, &self->hadjustment, NULL);
  set_adjustment (self, &self->vadjustment, NULL);

  G_OBJECT_CLASS (pmod_message_list_parent_class)->dispose (object);
}

static void
pmod_message_list_finalize (GObject *object)
{
  PmodMessageList *self = PMOD_MESSAGE_LIST (object);

  pmod_message_heights_free (self->heights);
  g_ptr_array_unref (self->rows);

  G_OBJECT_CLASS (pmod_message_list_parent_class)->finalize (object);
}

static void
pmod_message_list_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodMessageList *self = PMOD_MESSAGE_LIST (object);

  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_FOLLOW:
      g_value_set_boolean (value, self->follow);
      break;
    case PROP_HADJUSTMENT:
      g_value_set_object (value, self->hadjustment);
      break;
    case PROP_VADJUSTMENT:
      g_value_set_object (value, self->vadjustment);
      break;
    case PROP_HSCROLL_POLICY:
      g_value_set_enum (value, self->hscroll_policy);
      break;
    case PROP_VSCROLL_POLICY:
      g_value_set_enum (value, self->vscroll_policy);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_message_list_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodMessageList *self = PMOD_MESSAGE_LIST (object);

  switch (id)
    {
    case PROP_CHAT:
      set_chat (self, g_value_get_object (value));
      break;
    case PROP_FOLLOW:
      self->follow = g_value_get_boolean (value);
      gtk_widget_queue_allocate (GTK_WIDGET (self));
      break;
    case PROP_HADJUSTMENT:
      set_adjustment (self, &self->hadjustment, g_value_get_object (value));
      break;
    case PROP_VADJUSTMENT:
      set_adjustment (self, &self->vadjustment, g_value_get_object (value));
      break;
    case PROP_HSCROLL_POLICY:
      self->hscroll_policy = g_value_get_enum (value);
      break;
    case PROP_VSCROLL_POLICY:
      self->vscroll_policy = g_value_get_enum (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_message_list_class_init (PmodMessageListClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_message_list_dispose;
  object_class->finalize = pmod_message_list_finalize;
  object_class->get_property = pmod_message_list_get_property;
  object_class->set_property = pmod_message_list_set_property;
  widget_class->measure = pmod_message_list_measure;
  widget_class->size_allocate = pmod_message_list_size_allocate;
  widget_class->focus = pmod_message_list_focus;
  widget_class->root = pmod_message_list_root;
  widget_class->unroot = pmod_message_list_unroot;

  props[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT,
                                          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  props[PROP_FOLLOW] =
      g_param_spec_boolean ("follow", NULL, NULL, TRUE, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
  g_object_class_override_property (object_class, PROP_HADJUSTMENT, "hadjustment");
  g_object_class_override_property (object_class, PROP_VADJUSTMENT, "vadjustment");
  g_object_class_override_property (object_class, PROP_HSCROLL_POLICY, "hscroll-policy");
  g_object_class_override_property (object_class, PROP_VSCROLL_POLICY, "vscroll-policy");

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-message-list.ui");
  gtk_widget_class_bind_template_callback (widget_class, key_cb);
  gtk_widget_class_set_css_name (widget_class, "messagelist");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_LIST);
}

static void
pmod_message_list_init (PmodMessageList *self)
{
  self->heights = pmod_message_heights_new ();
  self->rows = g_ptr_array_new ();
  self->follow = TRUE;
  gtk_widget_init_template (GTK_WIDGET (self));
}

void
pmod_message_list_show (PmodMessageList *self, guint position)
{
  g_return_if_fail (PMOD_IS_MESSAGE_LIST (self));

  if (position < self->rows->len && self->vadjustment)
    pmod_message_list_bring (self, position, FALSE);
}
