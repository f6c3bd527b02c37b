/* The checkpoints that are known to be published. See pmod-download.h. */
#include "config.h"

#include "pmod-download.h"

const PmodPublishedModel *
pmod_download_list_published (void)
{
  static const PmodPublishedModel published[] = {
    { "MCG-NJU/p-MoD-LLaVA-v1.5-7B", G_GUINT64_CONSTANT (14130000000), 32 },
    { "MCG-NJU/p-MoD-LLaVA-NeXT-7B", G_GUINT64_CONSTANT (14130000000), 32 },
    { NULL },
  };

  return published;
}
