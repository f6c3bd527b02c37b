/* What models are opened on: device and precision, as the user chose them, and what there is.
 *
 * Main thread only; looking is done on the task pool. */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

#define PMOD_TYPE_MACHINE (pmod_machine_get_type ())
G_DECLARE_FINAL_TYPE (PmodMachine, pmod_machine, PMOD, MACHINE, GObject)

PmodMachine *pmod_machine_new (void);

/* "auto", "cpu", "cuda"; anything else is taken as "auto". Both are properties that can be written,
 * too, and count from the next model on. */
const char *pmod_machine_get_device (PmodMachine *self);
void pmod_machine_set_device (PmodMachine *self, const char *device);

/* "auto", "f32", "bf16", "f16" */
const char *pmod_machine_get_precision (PmodMachine *self);
void pmod_machine_set_precision (PmodMachine *self, const char *precision);

/* Looks at what there is; "changed" tells when that is known. */
void pmod_machine_look (PmodMachine *self);

/* Where nothing is known yet, or there is none: NULL and 0. */
const char *pmod_machine_get_cpu_name (PmodMachine *self);
const char *pmod_machine_get_cuda_name (PmodMachine *self);
const char *pmod_machine_get_cuda_reason (PmodMachine *self); /* why there is none */

/* Which precision "auto" is on the processor. */
const char *pmod_machine_get_cpu_precision (PmodMachine *self);

/* Bytes on the device that models are opened on now. */
guint64 pmod_machine_get_free (PmodMachine *self);
guint64 pmod_machine_get_total (PmodMachine *self);

G_END_DECLS
