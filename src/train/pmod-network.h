/* The network as it learns: the forward pass over a batch of samples, the losses, and the gradients
 * of every weight. One worker's; several share the weights, each with a network, a backend and
 * gradients of its own.
 *
 * The same arithmetic as the engine's forward pass (pmod-vision.c, pmod-decoder.c, pmod-router.c),
 * but for many samples at once and with what the gradients need kept, or computed again. Not here:
 * optimizers, data. */
#pragma once

#include "pmod-sample.h"
#include "pmod-source.h"
#include "pmod-weights.h"

G_BEGIN_DECLS

typedef struct _PmodNetwork PmodNetwork;

/* The losses that are summed, each a mean over the whole batch of a step, of which one call of
 * pmod_network_run() may see only a part: so each has its factor, weight / count. */
typedef struct
{
  float answers;                /* of each label */
  float words[PMOD_N_READINGS]; /* of each patch of which that is known */
  float background;             /* times words[CLASS]: of patches without a class */
  float routers;                /* of each router logit of a sample whose patches are known */
} PmodLossFactors;

/* What one layer's routers did, summed over samples. */
typedef struct
{
  gint64 n_logits, n_saturated; /* |tanh (z)| is 1 in F32 */
  gint64 n_cuts, n_tied;        /* cuts, and those inside equal weights */
} PmodRouterStats;

typedef struct
{
  double loss; /* all of them, factors applied */
  gint64 n_labels, n_labels_right;
  /* Of patches of which that is known, the background apart. */
  gint64 n_read[PMOD_N_READINGS], n_read_right[PMOD_N_READINGS];
  double flops; /* of products and attention, forward and backward */
} PmodNetworkResult;

/* sum += part. */
void pmod_network_result_add (PmodNetworkResult *sum, const PmodNetworkResult *part);

typedef struct
{
  gboolean recompute; /* keep each block's input alone, run the block again for its gradient */
  guint parts;        /* PmodPart that learn */
  PmodSource *source; /* whose words the patches are read by, or NULL */
} PmodNetworkOptions;

/* gradients: a block like the masters, added to, not cleared; NULL: never backward. Borrows all. */
PmodNetwork *pmod_network_new (const PmodWeights *weights, PmodBackend *backend, float *gradients);
void pmod_network_free (PmodNetwork *self);

void pmod_network_set_options (PmodNetwork *self, const PmodNetworkOptions *options);

/* Brings what the network derives from the weights up to date: after every step. */
void pmod_network_refresh (PmodNetwork *self);

/* Enqueues samples forward and backward, without waiting. factors and samples are not read any more
 * when it returns; what came of them is with the next collect. Errors: UNSUPPORTED (pictures that
 * max_num_patches shrinks). */
gboolean pmod_network_enqueue (PmodNetwork *self,
                               PmodSample *const *samples,
                               int n_samples,
                               const PmodLossFactors *factors,
                               GError **error);

/* F32 [2] for the norm of gradients, which the next collect fetches with the rest; valid until the
 * next enqueue. */
PmodTensor pmod_network_take_norm (PmodNetwork *self);

/* Waits for all that was enqueued, and fetches the sum of its results in one copy, all but what was
 * read of patches, and into *norm, where it is not NULL, the norm. Errors: DEVICE, NUMBER (a loss
 * that is not finite). */
gboolean
pmod_network_collect (PmodNetwork *self, PmodNetworkResult *result, float *norm, GError **error);

/* Runs samples and waits for all there is to know of them. right: for each answer of each sample in
 * their order, 1 where every label's likeliest token is right, or NULL. stats [n_layers], added to,
 * or NULL. Errors: DEVICE, NUMBER (a loss that is not finite), UNSUPPORTED (pictures that
 * max_num_patches shrinks). */
gboolean pmod_network_run (PmodNetwork *self,
                           PmodSample *const *samples,
                           int n_samples,
                           const PmodLossFactors *factors,
                           gboolean backward,
                           PmodNetworkResult *result,
                           guint8 *right,
                           PmodRouterStats *stats,
                           GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PmodNetwork, pmod_network_free)

G_END_DECLS
