/* Collecting details: rides on the passes of the verdicts and makes none of its own. Where a value
 * goes is said by the image's number in the test set, so that threads never meet. */
#include "evaluation/collector.h"

#include <math.h>
#include <string.h>

/* What the image of that number has of a kind; NULL: nothing is wanted of it. */
static void *find(const ag_collector *self, ag_detail kind, ag_side side, uint32_t sample)
{
  const size_t image = sample - self->details.first;
  if (image >= ag_details_images(&self->details, kind)) return NULL;
  return ag_details_value(&self->details, kind, side, image);
}

/* Without the channels that pad. */
static void copy_plain(ag_shape shape, const float *padded, float *plain)
{
  const size_t stride = ag_channels_padded(shape.channels);
  for (size_t i = 0; i < shape.height * shape.width; ++i) {
    memcpy(plain + i * shape.channels, padded + i * stride, shape.channels * sizeof *plain);
  }
}

/* ---- one draw ---- */

/* The mean grows in its place: value (draw 0), or what is there + value, and at the last the mean.
 */
static void take_in(const ag_verdict_draw *draw, float value, float *mean)
{
  *mean = draw->draw == 0 ? value : *mean + value;
  if (draw->draws > 1 && draw->draw + 1 == draw->draws) *mean /= (float)draw->draws;
}

static void take_point(const ag_collector *self, const ag_verdict_draw *draw, size_t i)
{
  const ag_shape shape = self->latent.shape;
  const size_t stride = ag_channels_padded(shape.channels);
  const float *point = ag_network_latent(draw->workspace, &self->latent) + i * self->latent.floats;
  float *mean = find(self, AG_DETAIL_POINT, self->side, draw->images->samples[i]);
  if (mean == NULL) return;
  for (size_t place = 0; place < shape.height * shape.width; ++place) {
    for (size_t c = 0; c < shape.channels; ++c)
      take_in(draw, point[place * stride + c], &mean[place * shape.channels + c]);
  }
}

/* Logits by neighbours are minus squared distances, the largest that of the nearest of all. */
static void take_distance(const ag_collector *self, const ag_verdict_draw *draw, size_t i)
{
  const float *logits = draw->logits + i * self->stride;
  float *mean = find(self, AG_DETAIL_DISTANCE, self->side, draw->images->samples[i]);
  if (mean == NULL) return;
  float largest = logits[0];
  for (size_t c = 1; c < self->classes; ++c) {
    if (logits[c] > largest) largest = logits[c];
  }
  take_in(draw, sqrtf(-largest), mean);
}

static void take_bit(const ag_collector *self, const ag_verdict_draw *draw, size_t i)
{
  uint8_t prediction = 0;
  uint8_t *bits = find(self, AG_DETAIL_DRAWS, self->side, draw->images->samples[i]);
  if (bits == NULL) return;
  if (draw->draw == 0) memset(bits, 0, self->details.form->kinds[AG_DETAIL_DRAWS].bytes);
  ag_margin(draw->logits + i * self->stride, self->classes, 0, &prediction);
  if (prediction == draw->images->labels[i]) {
    bits[draw->draw / 8] = (uint8_t)(bits[draw->draw / 8] | 1U << draw->draw % 8);
  }
}

void ag_collector_drawn(void *context, const ag_verdict_draw *draw)
{
  const ag_collector *self = context;
  if (self->details.form == NULL) return;
  for (size_t i = 0; i < draw->images->count; ++i) {
    take_point(self, draw, i);
    take_distance(self, draw, i);
    take_bit(self, draw, i);
  }
}

/* ---- a verdict ---- */

static void take_probabilities(const ag_collector *self, const float *logits, float *out)
{
  if (self->shares) {
    memcpy(out, logits, self->classes * sizeof *out);
  } else {
    ag_softmax(1, self->classes, self->classes, logits, out);
  }
}

static void copy_to_attacked(const ag_collector *self, uint32_t sample)
{
  for (ag_detail kind = 0; kind < AG_DETAILS; ++kind) {
    const void *clean = find(self, kind, AG_SIDE_CLEAN, sample);
    if (clean == NULL) continue;
    memcpy(find(self, kind, AG_SIDE_ATTACKED, sample), clean,
           self->details.form->kinds[kind].bytes);
  }
}

void ag_collector_judged(const ag_collector *self, const ag_attack_images *images,
                         const float *logits)
{
  const size_t floats = ag_shape_floats(self->shape);
  if (self->details.form == NULL) return;
  for (size_t i = 0; i < images->count; ++i) {
    const uint32_t sample = images->samples[i];
    float *pixels = find(self, AG_DETAIL_PIXELS, self->side, sample);
    float *probabilities = find(self, AG_DETAIL_PROBABILITIES, self->side, sample);
    if (pixels != NULL) copy_plain(self->shape, images->pixels + i * floats, pixels);
    if (probabilities != NULL) take_probabilities(self, logits + i * self->stride, probabilities);
    if (self->side == AG_SIDE_CLEAN) copy_to_attacked(self, sample);
  }
}
