/* Losses and decisions by distances in a latent space; pure. */
#ifndef ADVGRID_DEFENSE_DISTANCES_H
#define ADVGRID_DEFENSE_DISTANCES_H

#include "advgrid/base.h"

/* Points of a latent space: [count, floats], what pads them being zero. */

/** |a - b|^2. */
double ag_latent_squared_distance(size_t floats, const float *a, const float *b);

/** The contrastive loss of a shard's pairs (Hadsell et al. 2006; equation 5 of the paper), for each
 *  point the mean over its pairs with all others:
 *    sum over i of 1 / (count - 1) sum over j != i of
 *      d^2 where labels are the same, max(0, margin - d)^2 where they differ;  d = |z_i - z_j|
 *  gradient[count, floats]: overwritten with `scale` times that sum's; zero where two points of
 *  different labels coincide. One point alone has no pair and no loss. Returns the sum, not scaled.
 */
double ag_latent_contrastive(size_t count, size_t floats, const float *points,
                             const uint8_t *labels, double margin, double scale, float *gradient);

/** The triplet loss (Schroff et al. 2015, arXiv:1503.03832, equation 2, distances not squared) with
 *  the attacked image as the positive, as section 3.3 of the paper proposes:
 *    sum over i of max(0, |z_i - a_i| - |z_i - z_n(i)| + margin)
 *  n(i): the nearest point of another label, the first of equals; an image without one has no loss.
 *  attacked[count, floats]: the points of the same images attacked. gradient, attacked_gradient:
 *  overwritten with `scale` times the sum's; a distance of zero has none. Returns the sum. */
double ag_latent_triplet(size_t count, size_t floats, const float *points, const float *attacked,
                         const uint8_t *labels, double margin, double scale, float *gradient,
                         float *attacked_gradient);

/* Images of known labels that stand for their classes. */
typedef struct ag_references {
  size_t classes, each, floats;
  const float *points; /* [classes, each, floats] */
} ag_references;

/** logits[count, stride] = minus the squared distance to the nearest reference of each class; zero
 *  behind the classes. nearest[count, classes]: which of the class it is, the first of equals. */
void ag_latent_logits(const ag_references *references, size_t count, size_t stride,
                      const float *points, float *logits, uint32_t *nearest);

/** gradient[count, floats]: overwritten with what dlogits[count, stride] come to, `nearest` being
 *  fixed. */
void ag_latent_logits_back(const ag_references *references, size_t count, size_t stride,
                           const float *points, const uint32_t *nearest, const float *dlogits,
                           float *gradient);

#endif
