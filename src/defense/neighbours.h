/* Classification by the nearest of reference images in a latent space. */
#ifndef ADVGRID_DEFENSE_NEIGHBOURS_H
#define ADVGRID_DEFENSE_NEIGHBOURS_H

#include "advgrid/data.h"
#include "advgrid/defense.h"

typedef struct ag_neighbours ag_neighbours;

/** Takes `wish.references` images of each class out of the training images, those that come first
 * in an order drawn from the seed, and their points by passes in `workspace` (borrowed, as network
 *  is). capacity: images a call. Fails with AG_BAD_JOB where the layer has no latent space or a
 * class has too few images. neighbours: owned by the caller. */
ag_status ag_neighbours_create(const ag_neighbours_wish *wish, const ag_network *network,
                               ag_workspace *workspace, const ag_images *training, size_t capacity,
                               uint64_t seed, ag_neighbours **neighbours);
void ag_neighbours_destroy(ag_neighbours **neighbours);

/** Of the last forward pass in the workspace, see ag_latent_logits. raw: as they are; else divided
 *  by the mean squared distance between references of different classes, as an attack sees them:
 *  the softmax of distances in the hundreds would leave no gradient to follow. */
void ag_neighbours_logits(ag_neighbours *neighbours, const ag_workspace *workspace, size_t count,
                          bool raw, float *logits);

/** The gradient to the images of a loss of those logits, behind ag_neighbours_logits, not raw. */
void ag_neighbours_gradient(ag_neighbours *neighbours, ag_workspace *workspace, size_t count,
                            const float *logits, const uint8_t *labels, ag_attack_loss loss,
                            float *gradient);

/** Bytes of one, for images that many a call. */
size_t ag_neighbours_bytes(const ag_neighbours_wish *wish, const ag_network *network,
                           size_t capacity);

#endif
