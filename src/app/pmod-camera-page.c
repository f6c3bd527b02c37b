/* PmodCameraPage: see pmod-camera-page.h. */
#include "config.h"

#include "pmod-camera-page.h"

#include <glib/gi18n.h>

struct _PmodCameraPage
{
  AdwBin parent_instance;

  PmodLive *live;

  AdwStatusPage *page;
  GtkWidget *again;
};

enum
{
  PROP_LIVE = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodCameraPage, pmod_camera_page, ADW_TYPE_BIN)

const char *
pmod_camera_page_title (PmodCamera *camera)
{
  PmodCameraState state = pmod_camera_get_state (camera);
  PmodCameraDevice *device = pmod_camera_get_device (camera);
  gboolean film = device && pmod_camera_device_get_kind (device) == PMOD_CAMERA_KIND_FILE;

  switch (state)
    {
    case PMOD_CAMERA_STARTING:
      return film ? _ ("Starting the Film\342\200\246") : _ ("Starting the Camera\342\200\246");
    case PMOD_CAMERA_ENDED:
      return _ ("The Film Is Over");
    case PMOD_CAMERA_REFUSED:
      return _ ("No Permission for the Camera");
    case PMOD_CAMERA_GONE:
      return film ? _ ("The Film Has Stopped") : _ ("The Camera Is Gone");
    case PMOD_CAMERA_ERROR:
      return film ? _ ("The Film Cannot Be Played") : _ ("The Camera Cannot Be Used");
    case PMOD_CAMERA_STOPPED:
    case PMOD_CAMERA_PLAYING:
    default:
      return _ ("Camera");
    }
}

/* What went wrong stays in sight while it is tried again: nothing jumps. */
static void
update (PmodCameraPage *self)
{
  PmodCamera *camera = pmod_live_get_camera (self->live);
  PmodCameraState state = pmod_camera_get_state (camera);
  const char *message = pmod_camera_get_message (camera);
  g_autofree char *escaped = message ? g_markup_escape_text (message, -1) : NULL;

  adw_status_page_set_icon_name (self->page, "camera-web-symbolic");
  adw_status_page_set_title (self->page, pmod_camera_page_title (camera));
  if (state == PMOD_CAMERA_STARTING)
    return;
  adw_status_page_set_description (self->page, escaped);
  gtk_widget_set_visible (self->again, message != NULL);
}

/* Before it is let go of: it may end then, and say so. */
static void
disconnect (PmodCameraPage *self)
{
  g_signal_handlers_disconnect_by_data (pmod_live_get_camera (self->live), self);
}

static void
set_live (PmodCameraPage *self, PmodLive *live)
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
      g_signal_connect_object (camera, "notify::state", G_CALLBACK (update), self,
                               G_CONNECT_SWAPPED);
      g_signal_connect_object (camera, "notify::message", G_CALLBACK (update), self,
                               G_CONNECT_SWAPPED);
      update (self);
    }
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LIVE]);
}

static void
pmod_camera_page_dispose (GObject *object)
{
  PmodCameraPage *self = PMOD_CAMERA_PAGE (object);

  set_live (self, NULL);

  G_OBJECT_CLASS (pmod_camera_page_parent_class)->dispose (object);
}

static void
pmod_camera_page_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodCameraPage *self = PMOD_CAMERA_PAGE (object);

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
pmod_camera_page_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodCameraPage *self = PMOD_CAMERA_PAGE (object);

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
pmod_camera_page_class_init (PmodCameraPageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = pmod_camera_page_dispose;
  object_class->get_property = pmod_camera_page_get_property;
  object_class->set_property = pmod_camera_page_set_property;

  props[PROP_LIVE] =
      g_param_spec_object ("live", NULL, NULL, PMOD_TYPE_LIVE,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-camera-page.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodCameraPage, page);
  gtk_widget_class_bind_template_child (widget_class, PmodCameraPage, again);
}

static void
pmod_camera_page_init (PmodCameraPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
