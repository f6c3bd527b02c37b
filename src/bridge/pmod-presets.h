/* Settings with a name: some that every model has, and those that the user saved.
 *
 * The user's are in one small key file, read when this is made and again before each change of it,
 * so that two windows do not undo each other's. It is written whole or not at all. A file that
 * cannot be read is never written over: it is set aside first, and the problem says where. What is
 * in it but not understood stays in it. Main thread; a few kilobytes are read and written there. */
#pragma once

#include "pmod-tuning.h"

G_BEGIN_DECLS

typedef enum
{
  PMOD_PRESET_TRAINED,
  PMOD_PRESET_DENSE,
  PMOD_PRESET_PUBLISHED, /* what the published p-MoD models were trained with */
  PMOD_PRESET_SAVED,     /* by the user */
} PmodPresetKind;

#define PMOD_TYPE_PRESET (pmod_preset_get_type ())
G_DECLARE_FINAL_TYPE (PmodPreset, pmod_preset, PMOD, PRESET, GObject)

const char *pmod_preset_get_name (PmodPreset *self); /* property "name" */
PmodPresetKind pmod_preset_get_kind (PmodPreset *self);

#define PMOD_TYPE_PRESETS (pmod_presets_get_type ())
G_DECLARE_FINAL_TYPE (PmodPresets, pmod_presets, PMOD, PRESETS, GObject)

/* path: of the file; NULL: the user's own. */
PmodPresets *pmod_presets_new (const char *path);

/* PmodPreset: first those that every model has, then the user's by name. */
GListModel *pmod_presets_get_list (PmodPresets *self);

/* What of the file could not be read, or where it went; NULL: nothing. Property "problem". */
const char *pmod_presets_get_problem (PmodPresets *self);

/* One change of tuning; sampling is left alone. */
void pmod_presets_apply (PmodPresets *self, PmodPreset *preset, PmodTuning *tuning);

/* The first preset that says what tuning says; NULL: none. */
PmodPreset *pmod_presets_find (PmodPresets *self, PmodTuning *tuning);

/* Under that name, in place of one that the user has with it. (transfer full) */
PmodPreset *
pmod_presets_save (PmodPresets *self, const char *name, PmodTuning *tuning, GError **error);
gboolean
pmod_presets_rename (PmodPresets *self, PmodPreset *preset, const char *name, GError **error);
gboolean pmod_presets_delete (PmodPresets *self, PmodPreset *preset, GError **error);

G_END_DECLS
