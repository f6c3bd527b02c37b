/* The engine's public face: the only header of this directory that the bridge and the command
 * line include. */
#pragma once

#include "pmod-archive.h"
#include "pmod-bench.h"
#include "pmod-config.h"
#include "pmod-context.h"
#include "pmod-error.h"
#include "pmod-image-isolated.h"
#include "pmod-image.h"
#include "pmod-json-write.h"
#include "pmod-json.h"
#include "pmod-meter.h"
#include "pmod-model.h"
#include "pmod-paint.h"
#include "pmod-params.h"
#include "pmod-prompt.h"
#include "pmod-schedule.h"
#include "pmod-sweep.h"
#include "pmod-tokenizer.h"
#include "pmod-trace-pack.h"
#include "pmod-trace-export.h"
#include "pmod-trace.h"
