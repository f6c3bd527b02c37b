/* The engine's error domain. */
#include "pmod-error.h"

GQuark
pmod_error_quark (void)
{
  return g_quark_from_static_string ("pmod-error-quark");
}
