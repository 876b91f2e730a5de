/* Classification by the nearest of reference images in a latent space (the paper's section 3.3). */
#include "defense/neighbours.h"
#include "defense/distances.h"

#include <string.h>

struct ag_neighbours {
  const ag_network *network;
  ag_latent latent;
  ag_references references;
  float temperature; /* what logits are divided by for an attack */
  float *points;     /* [classes, each, floats] */
  float *dlogits;    /* [capacity, stride] */
  float *dlatent;    /* [capacity, floats] */
  uint32_t *nearest; /* [capacity, classes] */
};

/* ---- references ---- */

/* The first images of each class in an order drawn from the seed: chosen[classes, each]. */
static ag_status choose(const ag_images *images, size_t classes, size_t each, uint64_t seed,
                        uint32_t *chosen)
{
  ag_status status = AG_OK;
  uint32_t *order = NULL;
  ag_random random = ag_random_stream(seed, AG_PURPOSE_REFERENCES, 0, 0);
  AG_TRY(ag_allocate(images->count, sizeof *order, &order));
  ag_random_permutation(&random, images->count, order);
  for (size_t class = 0; class < classes; ++class) {
    size_t found = 0;
    for (size_t i = 0; i < images->count && found < each; ++i) {
      if (images->labels[order[i]] == class) chosen[class * each + found++] = order[i];
    }
    if (found == each) continue;
    status = ag_fail(AG_BAD_JOB, "'references' is %zu, and class %zu has %zu training images", each,
                     class, found);
    goto cleanup;
  }
cleanup:
  ag_release(&order);
  return status;
}

/* The points of chosen images, as many a pass as the workspace has room for. */
static ag_status place(ag_neighbours *self, ag_workspace *workspace, const ag_images *images,
                       size_t capacity, const uint32_t *chosen)
{
  ag_status status = AG_OK;
  const ag_shape shape = ag_network_input(self->network);
  const size_t count = self->references.classes * self->references.each;
  float *pixels = NULL;
  uint8_t *labels = NULL;
  AG_TRY(ag_allocate(capacity * ag_shape_floats(shape), sizeof *pixels, &pixels));
  AG_TRY(ag_allocate(capacity, 1, &labels));
  for (size_t first = 0; first < count; first += capacity) {
    const size_t some = ag_minimum(count - first, capacity);
    const ag_pass pass = {.samples = chosen + first};
    ag_shard_fill(images, shape, chosen + first, 0, some, pixels, labels);
    (void)ag_network_forward(self->network, workspace, &pass, pixels, some);
    memcpy(self->points + first * self->latent.floats, ag_network_latent(workspace, &self->latent),
           some * self->latent.floats * sizeof *self->points);
  }
cleanup:
  ag_release(&labels);
  ag_release(&pixels);
  return status;
}

/* The mean squared distance between references of different classes; 1 where all coincide. */
static float mean_distance(const ag_references *references)
{
  const size_t points = references->classes * references->each;
  double sum = 0;
  size_t pairs = 0;
  for (size_t i = 0; i < points; ++i) {
    for (size_t j = i + 1; j < points; ++j) {
      if (i / references->each == j / references->each) continue;
      sum += ag_latent_squared_distance(references->floats,
                                        references->points + i * references->floats,
                                        references->points + j * references->floats);
      ++pairs;
    }
  }
  return pairs > 0 && sum > 0 ? (float)(sum / (double)pairs) : 1;
}

/* ---- creation ---- */

ag_status ag_neighbours_create(const ag_neighbours_wish *wish, const ag_network *network,
                               ag_workspace *workspace, const ag_images *training, size_t capacity,
                               uint64_t seed, ag_neighbours **out)
{
  ag_status status = AG_OK;
  ag_neighbours *self = NULL;
  uint32_t *chosen = NULL;
  const size_t classes = ag_network_classes(network);
  const size_t stride = ag_network_logit_stride(network);
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->network = network;
  AG_TRY(ag_network_find_latent(network, wish->layer, &self->latent));
  AG_TRY(
      ag_allocate(classes * wish->references * self->latent.floats, sizeof(float), &self->points));
  AG_TRY(ag_allocate(capacity * stride, sizeof(float), &self->dlogits));
  AG_TRY(ag_allocate(capacity * self->latent.floats, sizeof(float), &self->dlatent));
  AG_TRY(ag_allocate(capacity * classes, sizeof *self->nearest, &self->nearest));
  AG_TRY(ag_allocate(classes * wish->references, sizeof *chosen, &chosen));
  self->references = (ag_references){classes, wish->references, self->latent.floats, self->points};
  AG_TRY(choose(training, classes, wish->references, seed, chosen));
  AG_TRY(place(self, workspace, training, capacity, chosen));
  self->temperature = mean_distance(&self->references);
cleanup:
  ag_release(&chosen);
  if (status != AG_OK) ag_neighbours_destroy(out);
  return status;
}

void ag_neighbours_destroy(ag_neighbours **out)
{
  ag_neighbours *self = *out;
  if (self == NULL) return;
  ag_release(&self->nearest);
  ag_release(&self->dlatent);
  ag_release(&self->dlogits);
  ag_release(&self->points);
  ag_release(out);
}

size_t ag_neighbours_bytes(const ag_neighbours_wish *wish, const ag_network *network,
                           size_t capacity)
{
  ag_latent latent;
  const size_t classes = ag_network_classes(network);
  if (ag_network_find_latent(network, wish->layer, &latent) != AG_OK) return 0;
  return (classes * wish->references * latent.floats +
          capacity * (ag_network_logit_stride(network) + latent.floats + classes)) *
         sizeof(float);
}

/* ---- logits ---- */

void ag_neighbours_logits(ag_neighbours *self, const ag_workspace *workspace, size_t count,
                          bool raw, float *logits)
{
  const size_t stride = ag_network_logit_stride(self->network);
  ag_latent_logits(&self->references, count, stride, ag_network_latent(workspace, &self->latent),
                   logits, self->nearest);
  for (size_t i = 0; !raw && i < count * stride; ++i)
    logits[i] /= self->temperature;
}

void ag_neighbours_gradient(ag_neighbours *self, ag_workspace *workspace, size_t count,
                            const float *logits, const uint8_t *labels, ag_attack_loss loss,
                            float *gradient)
{
  const size_t stride = ag_network_logit_stride(self->network);
  loss(count, self->references.classes, stride, logits, labels, self->dlogits);
  for (size_t i = 0; i < count * stride; ++i)
    self->dlogits[i] /= self->temperature;
  ag_latent_logits_back(&self->references, count, stride,
                        ag_network_latent(workspace, &self->latent), self->nearest, self->dlogits,
                        self->dlatent);
  ag_network_backward_latent(self->network, workspace, NULL, &self->latent, self->dlatent, NULL,
                             gradient);
}
