/* A sample picture to begin with: its thumbnail, and the action that opens it. */
#pragma once

#include <gtk/gtk.h>

#include "pmod-sample.h"

G_BEGIN_DECLS

#define PMOD_TYPE_SAMPLE_BUTTON (pmod_sample_button_get_type ())
G_DECLARE_FINAL_TYPE (PmodSampleButton, pmod_sample_button, PMOD, SAMPLE_BUTTON, GtkButton)

GtkWidget *pmod_sample_button_new (PmodSample *sample);

G_END_DECLS
