/* One picture and question under two settings at once: A, which the chat shows, and B, another.
 *
 * B runs in a lane of its own, whenever A's run is another one and B's would be, too; what A can
 * use again stays as it is. One of B's runs is in flight at most and the newest wish wins; an
 * answer of B's gives way as soon as A has something to do. Every view of the two reads this
 * object. Main thread. */
#pragma once

#include "pmod-chat.h"

G_BEGIN_DECLS

#define PMOD_TYPE_COMPARISON (pmod_comparison_get_type ())
G_DECLARE_FINAL_TYPE (PmodComparison, pmod_comparison, PMOD, COMPARISON, GObject)

/* What B is. */
typedef enum
{
  PMOD_COMPARISON_TRAINED,
  PMOD_COMPARISON_DENSE,
  PMOD_COMPARISON_QUESTION_FIRST, /* A, with the other order of picture and question */
  PMOD_COMPARISON_POLICY,         /* A, with another policy at the same budget */
  PMOD_COMPARISON_SETTINGS,       /* given ones, see pmod_comparison_set_settings() */
  PMOD_COMPARISON_N_KINDS
} PmodComparisonKind;

typedef struct
{
  int both;
  int only_a;
  int only_b;
  int neither;
} PmodComparisonCounts;

/* The chat's own; made when it is first asked for, and gone with it. (transfer none) */
PmodComparison *pmod_comparison_get (PmodChat *chat);

gboolean pmod_comparison_get_active (PmodComparison *self);
void pmod_comparison_set_active (PmodComparison *self, gboolean active);
void pmod_comparison_toggle (PmodComparison *self);

PmodComparisonKind pmod_comparison_get_kind (PmodComparison *self);
void pmod_comparison_set_kind (PmodComparison *self, PmodComparisonKind kind);
PmodTuningPolicy pmod_comparison_get_policy (PmodComparison *self);
void pmod_comparison_set_policy (PmodComparison *self, PmodTuningPolicy policy); /* and the kind */

/* Copies the values, and makes them B. name: what they are called; NULL: the settings of when this
 * was called. */
void pmod_comparison_set_settings (PmodComparison *self, PmodTuning *settings, const char *name);
const char *pmod_comparison_get_settings_name (PmodComparison *self); /* (nullable) */
gboolean pmod_comparison_has_settings (PmodComparison *self);

/* B's settings as they are now. (transfer full) */
PmodTuning *pmod_comparison_dup_tuning (PmodComparison *self);

/* B's newest run that has its maps, the picture that it is of, and the run of A's that it stands
 * beside. All are NULL until there is one. */
PmodRun *pmod_comparison_get_run (PmodComparison *self);
PmodPicture *pmod_comparison_get_picture (PmodComparison *self);
PmodRun *pmod_comparison_get_partner (PmodComparison *self);

/* Begins B's maps of a picture that the chat is going to show: they are shown when it does, so that
 * both sides go from one frame of a camera to the next at once. Until they are there it is reading
 * ahead; "changed" tells when that ends. Nothing while it is not active. */
void pmod_comparison_read_ahead (PmodComparison *self, PmodPicture *picture);
gboolean pmod_comparison_is_reading_ahead (PmodComparison *self);

/* The runs of the last question's two answers; NULL: nothing was asked, or B has not begun. */
PmodRun *pmod_comparison_get_answer_a (PmodComparison *self);
PmodRun *pmod_comparison_get_answer_b (PmodComparison *self);

/* How far B's first word is from A's: KL (A || B) in nats. FALSE: not known. */
gboolean pmod_comparison_get_divergence (PmodComparison *self, double *divergence);

/* What became of the parts in layer. FALSE where a map is missing, or they are of different
 * pictures. */
gboolean pmod_comparison_count (PmodComparison *self, int layer, PmodComparisonCounts *counts);

G_END_DECLS
