/* PmodWindow's inside, for its own files: pmod-window.c has what it shows, pmod-window-actions.c
 * what its actions do. */
#pragma once

#include "pmod-window.h"

#include "pmod-catalog.h"
#include "pmod-chat.h"
#include "pmod-download.h"
#include "pmod-exporter.h"
#include "pmod-live.h"
#include "pmod-picture-opener.h"
#include "pmod-selection.h"

struct _PmodWindow
{
  AdwApplicationWindow parent_instance;

  GSettings *settings; /* nullable */
  PmodSession *session;
  PmodChat *chat;
  PmodSelection *selection;
  PmodLive *live;
  PmodPictureOpener *opener;
  PmodPictureOpener *adder; /* of pictures that come with the next question */
  PmodExporter *exporter;
  GtkFileChooserNative *folder_chooser;
  GtkWidget *sweep_window;  /* weak: while it is open */
  GtkWidget *server_dialog; /* the same */
  PmodCatalog *catalog;
  PmodDownload *download;
  GtkWidget *models_window; /* weak: while it is open */
  GtkWidget *model_button;

  AdwToastOverlay *toasts;
  AdwLeaflet *leaflet;
  GtkWidget *side;
  GtkStack *pages;
  GtkWidget *chat_pane;
  GtkStack *stack;
  GtkRevealer *loading;
  GtkLabel *loading_label;
  GtkProgressBar *loading_bar;
  GtkRevealer *remark;
  GtkLabel *remark_label;
};

void pmod_window_install_actions (GtkWidgetClass *klass);

/* pmod-window-models.c: the list of models, and what is downloaded. */
void pmod_window_install_model_actions (GtkWidgetClass *klass);
void pmod_window_start_models (PmodWindow *self);
void pmod_window_end_models (PmodWindow *self);

/* See the property. */
const char *pmod_window_get_pane (PmodWindow *self);
void pmod_window_set_pane (PmodWindow *self, const char *name);
