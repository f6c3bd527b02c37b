/* PmodTokenPopover: see pmod-token-popover.h. */
#include "config.h"

#include "pmod-token-popover.h"

#include <glib/gi18n.h>

#include "pmod-chance-row.h"
#include "pmod-token-text.h"

struct _PmodTokenPopover
{
  GtkPopover parent_instance;

  GtkLabel *text;
  GtkLabel *share;
  GtkWidget *given;
  GtkListBox *list;
  GtkLabel *hint;
  GtkEventController *motion;
};

enum
{
  CHOSEN,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (PmodTokenPopover, pmod_token_popover, GTK_TYPE_POPOVER)

static void
activated_cb (PmodTokenPopover *self, GtkListBoxRow *row)
{
  g_signal_emit (self, signals[CHOSEN], 0, gtk_list_box_row_get_index (row));
}

static void
pmod_token_popover_class_init (PmodTokenPopoverClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  signals[CHOSEN] = g_signal_new ("chosen", PMOD_TYPE_TOKEN_POPOVER, G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/strata/Strata/pmod-token-popover.ui");
  gtk_widget_class_bind_template_child (widget_class, PmodTokenPopover, text);
  gtk_widget_class_bind_template_child (widget_class, PmodTokenPopover, share);
  gtk_widget_class_bind_template_child (widget_class, PmodTokenPopover, given);
  gtk_widget_class_bind_template_child (widget_class, PmodTokenPopover, list);
  gtk_widget_class_bind_template_child (widget_class, PmodTokenPopover, hint);
  gtk_widget_class_bind_template_child (widget_class, PmodTokenPopover, motion);
  gtk_widget_class_bind_template_callback (widget_class, activated_cb);
}

static void
pmod_token_popover_init (PmodTokenPopover *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
pmod_token_popover_new (void)
{
  return g_object_new (PMOD_TYPE_TOKEN_POPOVER, NULL);
}

static void
fill_list (PmodTokenPopover *self, PmodRun *run, int index, int id, gboolean can_choose)
{
  PmodRunChance chance;
  GtkWidget *row;

  while ((row = gtk_widget_get_first_child (GTK_WIDGET (self->list))))
    gtk_list_box_remove (self->list, row);
  for (int i = 0; pmod_run_get_alternative (run, index, i, &chance); i++)
    {
      g_autofree char *text = NULL;
      gboolean after_space;
      gboolean ends = pmod_run_read_piece (&chance, &text, &after_space) == PMOD_TOKEN_END;

      gtk_list_box_append (
          self->list,
          pmod_chance_row_new (&chance, chance.id == id, can_choose && chance.id != id && !ends));
    }
}

void
pmod_token_popover_show (PmodTokenPopover *self, PmodRun *run, int index, gboolean can_choose)
{
  g_autofree char *text = NULL, *share = NULL;
  PmodRunToken token;

  g_return_if_fail (PMOD_IS_TOKEN_POPOVER (self));

  if (!pmod_run_get_answer_token (run, index, &token))
    return;
  text = pmod_token_text_say (&token.chance);
  share = pmod_token_text_chance (token.chance.probability);
  gtk_label_set_label (self->text, text);
  gtk_label_set_label (self->share, share);
  gtk_widget_set_visible (self->given, token.given);
  fill_list (self, run, index, token.chance.id, can_choose);
  gtk_widget_set_visible (GTK_WIDGET (self->list), token.n_alternatives > 0);
  gtk_label_set_label (self->hint,
                       can_choose ? _ ("Choose another to go on") : _ ("Of an earlier answer"));
  gtk_widget_set_visible (GTK_WIDGET (self->hint), token.n_alternatives > 0);
}

gboolean
pmod_token_popover_enter (PmodTokenPopover *self)
{
  g_return_val_if_fail (PMOD_IS_TOKEN_POPOVER (self), FALSE);

  for (GtkWidget *row = gtk_widget_get_first_child (GTK_WIDGET (self->list)); row;
       row = gtk_widget_get_next_sibling (row))
    if (gtk_list_box_row_get_activatable (GTK_LIST_BOX_ROW (row)))
      return gtk_widget_grab_focus (row);
  return FALSE;
}

gboolean
pmod_token_popover_is_used (PmodTokenPopover *self)
{
  g_return_val_if_fail (PMOD_IS_TOKEN_POPOVER (self), FALSE);
  return gtk_event_controller_motion_contains_pointer (
             GTK_EVENT_CONTROLLER_MOTION (self->motion)) ||
         gtk_widget_get_focus_child (GTK_WIDGET (self->list)) != NULL;
}
