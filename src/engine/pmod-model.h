/* A model: configuration, weights on a backend, tokenizer. Immutable once open.
 *
 * It may be shared by several contexts, but its backend is one timeline: contexts of one model
 * take turns, they do not run at the same time. */
#pragma once

#include "pmod-config.h"
#include "pmod-tokenizer.h"

G_BEGIN_DECLS

typedef struct _PmodModel PmodModel;

typedef enum
{
  PMOD_DEVICE_AUTO,
  PMOD_DEVICE_CPU,
  PMOD_DEVICE_CUDA,
} PmodDevice;

typedef enum
{
  PMOD_PRECISION_AUTO, /* the first that the device multiplies natively of bf16, f16 and f32 */
  PMOD_PRECISION_F32,
  PMOD_PRECISION_BF16,
  PMOD_PRECISION_F16, /* of devices alone: the CPU refuses it */
} PmodPrecision;

typedef enum
{
  PMOD_CPU_LEVEL_BEST,
  PMOD_CPU_LEVEL_PORTABLE,
  PMOD_CPU_LEVEL_AVX2,
  PMOD_CPU_LEVEL_AVX512,
  PMOD_CPU_LEVEL_AVX512_BF16,
} PmodCpuLevelOption;

typedef struct
{
  PmodDevice device;
  PmodPrecision precision;
  PmodCpuLevelOption cpu_level; /* of the CPU backend: tests run every level */
  int n_threads;                /* 0: one for each core */
  const char *vision_tower;     /* directory of the tower; NULL: as config.json says */
  guint64 memory_limit;         /* bytes that may be used; 0: what is free */
  gboolean skip_finite_check;   /* do not read every weight looking for NaN and infinity */
} PmodModelOptions;

/* What the model and one context of it will take, in bytes. */
typedef struct
{
  guint64 weights;
  guint64 kv;      /* of a whole context */
  guint64 scratch; /* of the decoder, and of the tower for the largest picture */
  guint64 total;
  guint64 free; /* what the machine or device has now, or memory_limit */
} PmodMemory;

/* What is known of a checkpoint without loading it: checked headers, no weights read. */
typedef struct
{
  PmodConfig *config;
  char *path;
  guint64 file_bytes;
  guint64 n_parameters;
  int n_tensors;
  int n_shards;
  char *dtypes;          /* "BF16", or "F16, F32" */
  gboolean tower_inside; /* the tower's weights are in the checkpoint */
  PmodMemory memory;     /* with the given options */
  char *device_name;
  char *fallback; /* see pmod_model_get_fallback() */
  char *precision_name;
} PmodModelInfo;

/* What models are loaded on, without one. */
typedef struct
{
  char *name;
  char *fallback; /* see pmod_model_get_fallback() */
  gboolean is_cpu;
  gboolean bf16_native; /* what PMOD_PRECISION_AUTO goes by */
  gboolean f16_native;  /* likewise; else PMOD_PRECISION_F16 is refused */
  guint64 free;
  guint64 total;
} PmodDeviceInfo;

PmodDeviceInfo *pmod_device_info_new (const PmodModelOptions *options, GError **error);
void pmod_device_info_free (PmodDeviceInfo *self);

/* path: a directory, or the name of an installed model ("demo"). options may be NULL. */
PmodModelInfo *
pmod_model_info_new (const char *path, const PmodModelOptions *options, GError **error);
void pmod_model_info_free (PmodModelInfo *self);

/* Opens, validates and loads. Refused with PMOD_ERROR_MEMORY and the sum where it does not fit. */
PmodModel *pmod_model_open (const char *path,
                            const PmodModelOptions *options,
                            PmodProgressFunc progress,
                            gpointer user_data,
                            GError **error);

/* The shape of config with pseudo-random weights and no tokenizer: for measurements. */
PmodModel *pmod_model_new_random (const PmodConfig *config,
                                  const PmodModelOptions *options,
                                  PmodProgressFunc progress,
                                  gpointer user_data,
                                  GError **error);

/* The same weights with a timeline of their own beside self's: contexts of the two may run at the
 * same time, on two threads, and come to the same results. NULL where the device has but one
 * timeline, as the processor, which one run keeps busy; on a card the tokens of an answer leave
 * most of it idle. NULL too where the device has no room for a context of its own beside what a
 * context of self may still take: PmodMemory counts one context. */
PmodModel *pmod_model_new_beside (PmodModel *self);

PmodModel *pmod_model_ref (PmodModel *self);
void pmod_model_unref (PmodModel *self);

const PmodConfig *pmod_model_get_config (const PmodModel *self);
PmodTokenizer *pmod_model_get_tokenizer (const PmodModel *self); /* NULL if random */
const char *pmod_model_get_path (const PmodModel *self);
const char *pmod_model_get_device_name (const PmodModel *self);
const char *pmod_model_get_backend_name (const PmodModel *self);

/* Why it is on the CPU, where the choice was left to the machine; else NULL. */
const char *pmod_model_get_fallback (const PmodModel *self);
const char *pmod_model_get_precision_name (const PmodModel *self); /* "f32", "bf16", "f16" */
int pmod_model_get_n_threads (const PmodModel *self);
guint64 pmod_model_get_weight_bytes (const PmodModel *self);
guint64 pmod_model_get_load_ns (const PmodModel *self);

/* Keys and values of one token in one layer, in bytes, as contexts of this model hold them. */
guint64 pmod_model_get_kv_token_bytes (const PmodModel *self);

/* Directories that are searched for models by name, and the names found there. (transfer full) */
char **pmod_model_list_installed (void);
char *pmod_model_find (const char *name_or_path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodModel, pmod_model_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodModelInfo, pmod_model_info_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodDeviceInfo, pmod_device_info_free)

G_END_DECLS
