/* See pmod-late-text.h. */
#include "config.h"

#include "pmod-late-text.h"

#define DELAY_MS 300

typedef struct
{
  GtkWidget *widget; /* it owns this */
  PmodLateTextFunc func;
  guint source_id;
} LateText;

static void
free_late_text (gpointer data)
{
  LateText *late = data;

  g_clear_handle_id (&late->source_id, g_source_remove);
  g_free (late);
}

static gboolean
come_cb (gpointer data)
{
  LateText *late = data;

  late->source_id = 0;
  late->func (late->widget);
  return G_SOURCE_REMOVE;
}

void
pmod_late_text_queue (GtkWidget *widget, PmodLateTextFunc func)
{
  static const char key[] = "pmod-late-text";
  LateText *late = g_object_get_data (G_OBJECT (widget), key);

  if (!late)
    {
      late = g_new0 (LateText, 1);
      late->widget = widget;
      late->func = func;
      g_object_set_data_full (G_OBJECT (widget), key, late, free_late_text);
    }
  if (late->source_id == 0)
    late->source_id = g_timeout_add_full (G_PRIORITY_LOW, DELAY_MS, come_cb, late, NULL);
}
