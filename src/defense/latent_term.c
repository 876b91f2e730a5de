/* What training adds to cross-entropy in a latent space, shard by shard, and what that costs. */
#include "advgrid/defense.h"
#include "defense/distances.h"

/* Operations on a coordinate: of a distance, and of a gradient that it gives to both its ends. */
enum { OF_DISTANCE = 3, OF_PULL = 5 };

static size_t views_of(const ag_latent_term *term)
{
  return term->loss == AG_LATENT_TRIPLET ? 2 : 1;
}

/* Distances to the other images of the shard: of each pair once, or from both its ends. */
static double flops_of(const ag_latent_term *term, double others)
{
  if (term->loss == AG_LATENT_CONTRASTIVE) return others / 2 * (OF_DISTANCE + OF_PULL);
  return (others + 1) * OF_DISTANCE + 2 * OF_PULL;
}

ag_latent_cost ag_latent_term_cost(const ag_latent_term *term, const ag_network *network,
                                   size_t shard)
{
  ag_latent latent;
  const size_t views = views_of(term);
  ag_latent_cost cost = {.views = views};
  if (term->loss == AG_LATENT_NONE) return cost;
  if (ag_network_find_latent(network, term->layer, &latent) != AG_OK) return cost;
  const size_t pictures = (views - 1) * ag_shape_floats(ag_network_input(network));
  cost.flops = (double)latent.floats * flops_of(term, (double)shard - 1);
  cost.bytes = shard * (views * latent.floats + pictures) * sizeof(float);
  return cost;
}

double ag_latent_term_gradient(const ag_latent_term *term, size_t count, size_t images,
                               size_t floats, const float *points, const uint8_t *labels,
                               float *gradient)
{
  const double scale = term->weight / (double)images;
  double loss = 0;
  if (term->loss == AG_LATENT_CONTRASTIVE) {
    loss = ag_latent_contrastive(count, floats, points, labels, term->margin, scale, gradient);
  } else if (term->loss == AG_LATENT_TRIPLET) {
    const size_t behind = count * floats;
    loss = ag_latent_triplet(count, floats, points, points + behind, labels, term->margin, scale,
                             gradient, gradient + behind);
  }
  return term->weight * loss;
}
