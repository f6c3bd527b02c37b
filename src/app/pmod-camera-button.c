/* PmodCameraButton: see pmod-camera-button.h. */
#include "config.h"

#include "pmod-camera-button.h"

#include <glib/gi18n.h>

struct _PmodCameraButton
{
  AdwBin parent_instance;

  PmodLive *live;

  GtkPopover *popover;
  GtkStack *stack;
  GtkListBox *list;
};

enum
{
  PROP_LIVE = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodCameraButton, pmod_camera_button, ADW_TYPE_BIN)

static void
update_stack (PmodCameraButton *self)
{
  PmodCamera *camera = pmod_live_get_camera (self->live);
  const char *page = "list";

  if (g_list_model_get_n_items (pmod_camera_get_devices (camera)) == 0)
    page = pmod_camera_is_listed (camera) ? "none" : "looking";
  gtk_stack_set_visible_child_name (self->stack, page);
}

static GtkWidget *
create_row (gpointer item, gpointer user_data)
{
  PmodCameraButton *self = user_data;
  PmodCameraDevice *device = item;
  gboolean film = pmod_camera_device_get_kind (device) == PMOD_CAMERA_KIND_FILE;
  gboolean used = pmod_live_get_active (self->live) &&
                  pmod_camera_get_device (pmod_live_get_camera (self->live)) == device;
  const char *name = pmod_camera_device_get_name (device);
  g_autofree char *label = used ? g_strdup_printf (_ ("%s, in use"), name) : g_strdup (name);
  GtkWidget *row = gtk_list_box_row_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 9);
  GtkWidget *text = gtk_label_new (name);

  gtk_box_append (GTK_BOX (box), gtk_image_new_from_icon_name (film ? "video-x-generic-symbolic"
                                                                    : "camera-web-symbolic"));
  gtk_label_set_ellipsize (GTK_LABEL (text), PANGO_ELLIPSIZE_END);
  gtk_label_set_max_width_chars (GTK_LABEL (text), 32);
  gtk_label_set_xalign (GTK_LABEL (text), 0);
  gtk_widget_set_hexpand (text, TRUE);
  gtk_box_append (GTK_BOX (box), text);
  if (used)
    gtk_box_append (GTK_BOX (box), gtk_image_new_from_icon_name ("object-select-symbolic"));
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  return row;
}

/* The rows are made anew: which one is in use may be another. */
static void
shown_cb (PmodCameraButton *self)
{
  PmodCamera *camera;

  if (!self->live)
    return;
  camera = pmod_live_get_camera (self->live);
  pmod_camera_look (camera);
  gtk_list_box_bind_model (self->list, pmod_camera_get_devices (camera), create_row, self, NULL);
  update_stack (self);
  gtk_widget_child_focus (GTK_WIDGET (self->list), GTK_DIR_TAB_FORWARD);
}

static void
activated_cb (PmodCameraButton *self, GtkListBoxRow *row)
{
  g_autoptr (PmodCameraDevice) device =
      g_list_model_get_item (pmod_camera_get_devices (pmod_live_get_camera (self->live)),
                             (guint)gtk_list_box_row_get_index (row));

  gtk_popover_popdown (self->popover);
  if (device)
    gtk_widget_activate_action (GTK_WIDGET (self), "win.camera", "s",
                                pmod_camera_device_get_id (device));
}

static void
off_cb (PmodCameraButton *self)
{
  gtk_popover_popdown (self->popover);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.camera-off", NULL);
}

/* Before it is let go of: it may end then, and say so. */
static void
disconnect (PmodCameraButton *self)
{
  PmodCamera *camera = pmod_live_get_camera (self->live);

  g_signal_handlers_disconnect_by_data (pmod_camera_get_devices (camera), self);
  g_signal_handlers_disconnect_by_data (camera, self);
}

static void
set_live (PmodCameraButton *self, PmodLive *live)
{
  PmodCamera *camera;

  if (self->live == live)
    return;
  if (self->live)
    disconnect (self);
  g_set_object (&self->live, live);
  if (live)
    {
      camera = pmod_live_get_camera (live);
      g_signal_connect_object (camera, "notify::listed", G_CALLBACK (update_stack), self,
                               G_CONNECT_SWAPPED);
      g_signal_connect_object (pmod_camera_get_devices (camera), "items-changed",
                               G_CALLBACK (update_stack), self, G_CONNECT_SWAPPED);
    }
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LIVE]);
}

static void
pmod_camera_button_dispose (GObject *object)
{
  PmodCameraButton *self = PMOD_CAMERA_BUTTON (object);

  if (self->list)
    gtk_list_box_bind_model (self->list, NULL, NULL, NULL, NULL);
  self->list = NULL;
  set_live (self, NULL);

  G_OBJECT_CLASS (pmod_camera_button_parent_class)->dispose (object);
}

static void
pmod_camera_button_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodCameraButton *self = PMOD_CAMERA_BUTTON (object);

  switch (id)
    {
    case PROP_LIVE:
      g_value_set_object (value, self->live);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_camera_button_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodCameraButton *self = PMOD_CAMERA_BUTTON (object);

  switch (id)
    {
    case PROP_LIVE:
      set_live (self, g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_camera_button_class_init (PmodCameraButtonClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_camera_button_dispose;
  object_class->get_property = pmod_camera_button_get_property;
  object_class->set_property = pmod_camera_button_set_property;

  props[PROP_LIVE] =
      g_param_spec_object ("live", NULL, NULL, PMOD_TYPE_LIVE,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-camera-button.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodCameraButton, popover);
  gtk_widget_class_bind_template_child (widget_class, PmodCameraButton, stack);
  gtk_widget_class_bind_template_child (widget_class, PmodCameraButton, list);
  gtk_widget_class_bind_template_callback (widget_class, shown_cb);
  gtk_widget_class_bind_template_callback (widget_class, activated_cb);
  gtk_widget_class_bind_template_callback (widget_class, off_cb);
}

static void
pmod_camera_button_init (PmodCameraButton *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
