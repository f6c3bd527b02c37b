/* PmodCompareStage: see pmod-compare-stage.h. */
#include "config.h"

#include "pmod-compare-stage.h"

#include <glib/gi18n.h>

#include "pmod-brush-overlay.h"
#include "pmod-comparison.h"
#include "pmod-difference-overlay.h"
#include "pmod-format.h"
#include "pmod-mask-view.h"
#include "pmod-pair-layout.h"
#include "pmod-policy-names.h"

/* Of one side. */
typedef struct
{
  GtkLabel *title;
  GtkLabel *cost;
  GtkLabel *answer;
} Column;

struct _PmodCompareStage
{
  AdwBin parent_instance;

  PmodChat *chat;
  PmodSelection *selection;
  PmodComparison *comparison; /* the chat's */
  PmodSelection *selection_b;
  gboolean difference;
  gboolean following; /* one selection the other: what it changes is not the user's doing */

  PmodMaskView *view_a;
  PmodMaskView *view_b;
  PmodBrushOverlay *brush;
  PmodDifferenceOverlay *difference_overlay;
  GtkWidget *beneath;
  Column a;
  Column b;
  GtkLabel *count;
};

enum
{
  PROP_CHAT = 1,
  PROP_SELECTION,
  PROP_MODE,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (PmodCompareStage, pmod_compare_stage, ADW_TYPE_BIN)

/* --- What it says ---------------------------------------------------------------------------- */

static char *
describe_kept (const char *name, PmodRun *run, int layer)
{
  PmodRunLayer info;

  if (!run || !pmod_run_get_layer (run, layer, &info) || !info.ready)
    return g_strdup (name);
  return g_strdup_printf (_ ("%s: %d of %d kept"), name, info.n_kept, info.n_vision);
}

/* Of the whole prompt, whatever of it was used again. */
static char *
describe_cost (PmodTuning *tuning, PmodRun *run)
{
  PmodTuningCost cost;
  double share;

  if (!run || !pmod_tuning_predict_run (tuning, run, &cost, NULL) || cost.paper_dense <= 0)
    return g_strdup (PMOD_FORMAT_NONE);
  share = 100 * cost.paper / cost.paper_dense;
  if (cost.paper >= 1e12)
    return g_strdup_printf (_ ("%.2f TFLOPs, %.0f %% of dense; KV %.1f MiB"), cost.paper / 1e12,
                            share, cost.kv_bytes / (1024 * 1024));
  return g_strdup_printf (_ ("%.2f GFLOPs, %.0f %% of dense; KV %.0f KiB"), cost.paper / 1e9, share,
                          cost.kv_bytes / 1024);
}

static void
show_column (
    Column *column, const char *name, PmodTuning *tuning, PmodRun *run, PmodRun *answer, int layer)
{
  g_autofree char *title = describe_kept (name, run, layer);
  g_autofree char *cost = describe_cost (tuning, run);
  const char *text = answer ? pmod_run_get_text (answer) : "";

  gtk_label_set_label (column->title, title);
  gtk_label_set_label (column->cost, cost);
  gtk_label_set_label (column->answer, text);
  gtk_widget_set_tooltip_text (GTK_WIDGET (column->answer), *text ? text : NULL);
}

/* What differs in this layer, and how far apart the first words are. */
static char *
describe_difference (PmodCompareStage *self, int layer)
{
  PmodComparisonCounts counts;
  g_autofree char *parts = NULL;
  g_autofree char *apart = NULL;
  double divergence;

  if (pmod_comparison_get_kind (self->comparison) == PMOD_COMPARISON_QUESTION_FIRST &&
      !pmod_comparison_get_answer_a (self->comparison))
    return g_strdup (_ ("Ask something: without a question both orders are the same."));
  if (!pmod_comparison_count (self->comparison, layer, &counts))
    return g_strdup (_ ("Reading\342\200\246"));
  /* The marks are those of the picture of the difference. */
  parts = g_strdup_printf (
      self->difference
          ? _ ("Layer %d: %d kept by both, \342\225\261 %d only by A, \342\225\262 %d only by B")
          : _ ("Layer %d: %d kept by both, %d only by A, %d only by B"),
      layer, counts.both, counts.only_a, counts.only_b);
  if (!pmod_comparison_get_divergence (self->comparison, &divergence))
    return g_steal_pointer (&parts);
  apart = pmod_format_small (divergence);
  return g_strdup_printf (_ ("%s. First word apart by %s nats"), parts, apart);
}

static void
update_texts (PmodCompareStage *self)
{
  PmodTuning *a = pmod_session_get_tuning (pmod_chat_get_session (self->chat));
  g_autoptr (PmodTuning) b = pmod_comparison_dup_tuning (self->comparison);
  g_autofree char *name = pmod_policy_names_describe_other (self->comparison);
  g_autofree char *name_b = g_strdup_printf (_ ("B, %s"), name);
  int layer = pmod_selection_get_layer (self->selection);
  g_autofree char *difference = describe_difference (self, layer);

  show_column (&self->a, _ ("A, as set"), a, pmod_selection_get_run (self->selection),
               pmod_comparison_get_answer_a (self->comparison), layer);
  show_column (&self->b, name_b, b, pmod_comparison_get_run (self->comparison),
               pmod_comparison_get_answer_b (self->comparison), layer);
  gtk_label_set_label (self->count, difference);
}

/* --- Following ------------------------------------------------------------------------------- */

/* How it is looked at, from one selection to the other. */
static void
copy_look (PmodSelection *from, PmodSelection *to)
{
  double zoom = pmod_selection_get_zoom (from);
  double x, y, to_x, to_y;

  pmod_selection_set_view (to, pmod_selection_get_view (from));
  pmod_selection_set_bare (to, pmod_selection_get_bare (from));
  pmod_selection_set_held (to, pmod_selection_get_held (from));
  pmod_selection_set_hover (to, pmod_selection_get_hover (from));
  pmod_selection_zoom_at (to, zoom, 0.5, 0.5);
  pmod_selection_get_center (from, &x, &y);
  pmod_selection_get_center (to, &to_x, &to_y);
  pmod_selection_pan (to, (to_x - x) * zoom, (to_y - y) * zoom);
}

/* B's own default layer, and that a picture that has just come is seen whole, is of no interest: it
 * looks where the window looks. */
static void
follow_a (PmodCompareStage *self)
{
  PmodSelection *a = self->selection, *b = self->selection_b;

  if (self->following)
    return;
  self->following = TRUE;
  g_object_set (self->view_b, "picture", pmod_comparison_get_picture (self->comparison), NULL);
  pmod_selection_set_run (b, pmod_comparison_get_run (self->comparison));
  pmod_selection_set_layer (b, pmod_selection_get_layer (a));
  pmod_selection_set_picture (b, pmod_selection_get_picture (a));
  pmod_selection_set_plane (b, pmod_selection_get_plane (a));
  copy_look (a, b);
  self->following = FALSE;
}

static void
follow_b (PmodCompareStage *self)
{
  if (self->following)
    return;
  self->following = TRUE;
  copy_look (self->selection_b, self->selection);
  self->following = FALSE;
}

static void
update (PmodCompareStage *self)
{
  gboolean active;

  if (!self->comparison || !self->selection)
    return;
  active = pmod_comparison_get_active (self->comparison);
  gtk_widget_set_visible (self->beneath, active);
  gtk_widget_set_visible (GTK_WIDGET (self->view_b), active && !self->difference);
  gtk_widget_set_visible (GTK_WIDGET (self->difference_overlay), active && self->difference);
  gtk_widget_set_visible (GTK_WIDGET (self->brush), !(active && self->difference));
  follow_a (self);
  if (active)
    update_texts (self);
}

/* Whoever points at a part of one picture, or zooms it, means both. */
static void
join_selections (PmodCompareStage *self)
{
  static const char *const looks[] = { "notify::hover", "notify::held", "notify::view",
                                       "notify::bare", "notify::zoom" };
  static const char *const of_a[] = { "notify::picture", "notify::plane" };

  for (gsize i = 0; i < G_N_ELEMENTS (looks); i++)
    {
      g_signal_connect_object (self->selection, looks[i], G_CALLBACK (follow_a), self,
                               G_CONNECT_SWAPPED);
      g_signal_connect_object (self->selection_b, looks[i], G_CALLBACK (follow_b), self,
                               G_CONNECT_SWAPPED);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (of_a); i++)
    g_signal_connect_object (self->selection, of_a[i], G_CALLBACK (follow_a), self,
                             G_CONNECT_SWAPPED);
}

static void
set_up (PmodCompareStage *self)
{
  PmodBrush *brush;

  if (!self->chat || !self->selection || self->comparison)
    return;
  self->comparison = pmod_comparison_get (self->chat);
  brush = pmod_brush_get (self->chat);
  pmod_brush_overlay_set_up (self->brush, self->view_a, self->selection, brush);
  pmod_difference_overlay_set_up (self->difference_overlay, self->view_a, self->selection,
                                  self->comparison);
  join_selections (self);
  g_signal_connect_object (self->selection, "run-changed", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->selection, "notify::layer", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->comparison, "notify::active", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->comparison, "changed", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
  update (self);
}

/* --- Lifecycle ------------------------------------------------------------------------------- */

static void
pmod_compare_stage_dispose (GObject *object)
{
  PmodCompareStage *self = PMOD_COMPARE_STAGE (object);

  self->comparison = NULL;
  g_clear_object (&self->selection_b);
  g_clear_object (&self->selection);
  g_clear_object (&self->chat);

  G_OBJECT_CLASS (pmod_compare_stage_parent_class)->dispose (object);
}

static void
pmod_compare_stage_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  PmodCompareStage *self = PMOD_COMPARE_STAGE (object);

  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_SELECTION:
      g_value_set_object (value, self->selection);
      break;
    case PROP_MODE:
      g_value_set_string (value, self->difference ? "difference" : "beside");
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
pmod_compare_stage_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  PmodCompareStage *self = PMOD_COMPARE_STAGE (object);

  switch (id)
    {
    case PROP_CHAT:
      if (g_set_object (&self->chat, g_value_get_object (value)))
        g_object_notify_by_pspec (object, pspec);
      break;
    case PROP_SELECTION:
      if (g_set_object (&self->selection, g_value_get_object (value)))
        g_object_notify_by_pspec (object, pspec);
      break;
    case PROP_MODE:
      self->difference = g_strcmp0 (g_value_get_string (value), "difference") == 0;
      update (self);
      g_object_notify_by_pspec (object, pspec);
      return;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
  set_up (self);
}

static void
bind_children (GtkWidgetClass *klass)
{
  g_type_ensure (PMOD_TYPE_BRUSH_OVERLAY);
  g_type_ensure (PMOD_TYPE_DIFFERENCE_OVERLAY);
  g_type_ensure (PMOD_TYPE_MASK_VIEW);
  g_type_ensure (PMOD_TYPE_PAIR_LAYOUT);
  gtk_widget_class_set_template_from_resource (klass,
                                               "/io/github/strata/Strata/pmod-compare-stage.ui");
  gtk_widget_class_bind_template_child (klass, PmodCompareStage, selection_b);
  gtk_widget_class_bind_template_child (klass, PmodCompareStage, view_a);
  gtk_widget_class_bind_template_child (klass, PmodCompareStage, view_b);
  gtk_widget_class_bind_template_child (klass, PmodCompareStage, brush);
  gtk_widget_class_bind_template_child (klass, PmodCompareStage, difference_overlay);
  gtk_widget_class_bind_template_child (klass, PmodCompareStage, beneath);
  gtk_widget_class_bind_template_child (klass, PmodCompareStage, count);
  gtk_widget_class_bind_template_child_full (klass, "title_a", FALSE,
                                             G_STRUCT_OFFSET (PmodCompareStage, a.title));
  gtk_widget_class_bind_template_child_full (klass, "cost_a", FALSE,
                                             G_STRUCT_OFFSET (PmodCompareStage, a.cost));
  gtk_widget_class_bind_template_child_full (klass, "answer_a", FALSE,
                                             G_STRUCT_OFFSET (PmodCompareStage, a.answer));
  gtk_widget_class_bind_template_child_full (klass, "title_b", FALSE,
                                             G_STRUCT_OFFSET (PmodCompareStage, b.title));
  gtk_widget_class_bind_template_child_full (klass, "cost_b", FALSE,
                                             G_STRUCT_OFFSET (PmodCompareStage, b.cost));
  gtk_widget_class_bind_template_child_full (klass, "answer_b", FALSE,
                                             G_STRUCT_OFFSET (PmodCompareStage, b.answer));
}

static void
pmod_compare_stage_class_init (PmodCompareStageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->dispose = pmod_compare_stage_dispose;
  object_class->get_property = pmod_compare_stage_get_property;
  object_class->set_property = pmod_compare_stage_set_property;

  props[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, PMOD_TYPE_CHAT, flags);
  props[PROP_SELECTION] = g_param_spec_object ("selection", NULL, NULL, PMOD_TYPE_SELECTION, flags);
  /* "beside" or "difference", for the action. */
  props[PROP_MODE] = g_param_spec_string ("mode", NULL, NULL, "beside", flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_install_property_action (widget_class, "compare.mode", "mode");
  bind_children (widget_class);
  gtk_widget_class_set_css_name (widget_class, "comparestage");
}

static void
pmod_compare_stage_init (PmodCompareStage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_object_ref (self->selection_b);
}
