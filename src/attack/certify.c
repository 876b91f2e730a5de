/* Certified radii of randomized smoothing: CERTIFY of Cohen et al. 2019 (arXiv:1902.02918), section
 * 3.2.2. The class that most of n0 draws of an image say is its prediction. Of n further draws some
 * say that class, which bounds its probability from below; the radius follows from the bound, by
 * their theorem 1 or by proposition 1 of Lecuyer et al. 2019 (arXiv:1802.03471). Where nothing
 * follows, the certificate is an abstention. A radius is too large with probability alpha at most.
 * Draws are keyed by image and number, so that those of a smaller n are the first of a larger. */
#include "attack/attack.h"
#include "attack/radius.h"

#include <math.h>
#include <string.h>

static const char *const bounds[] = {"cohen", "lecuyer", NULL};

static const ag_option options[] = {
    {.name = "n0",
     .type = AG_OPTION_COUNT,
     .initial = "100",
     .minimum = 1,
     .maximum = 1e8,
     .help = "draws by which the class is chosen"},
    {.name = "n",
     .type = AG_OPTION_COUNT,
     .initial = "100000",
     .minimum = 1,
     .maximum = 1e8,
     .help = "draws by which its probability is bounded"},
    {.name = "alpha",
     .type = AG_OPTION_NUMBER,
     .initial = "0.001",
     .minimum = 1e-12,
     .maximum = 0.5,
     .help = "probability with which a radius may be too large"},
    {.name = "bound",
     .type = AG_OPTION_WORD,
     .initial = "cohen",
     .words = bounds,
     .help = "how a radius follows from the probabilities"},
    {0},
};

static size_t scratch_floats(const ag_settings *settings, const ag_target *target)
{
  (void)settings;
  return target->capacity * (ag_shape_floats(target->shape) + target->stride) + target->classes;
}

static ag_attack_cost cost(const ag_settings *settings)
{
  return (ag_attack_cost){.forwards = (uint64_t)ag_settings_count(settings, "n0") +
                                      ag_settings_count(settings, "n")};
}

static ag_norm norm(const ag_settings *settings)
{
  (void)settings;
  return AG_NORM_L2;
}

/* An image whose draws are counted. */
typedef struct ballot {
  const ag_target *target;
  uint32_t sample;
  float *copies, *logits; /* [capacity, shape], [capacity, stride] */
  uint32_t *votes;        /* [classes] */
} ballot;

/* The class that one draw says; false where a logit is not finite. */
static bool take_vote(const ballot *self, const float *logits)
{
  uint8_t class = 0;
  if (!ag_logits_are_finite(logits, self->target->classes)) return false;
  ag_margin(logits, self->target->classes, 0, &class);
  ++self->votes[class];
  return true;
}

/* Counts what draws first to first + count - 1 say. False where one says nothing; left half-way
 * where the program was asked to stop. */
static bool count_votes(const ballot *self, size_t first, size_t count)
{
  bool valid = true;
  const ag_target *target = self->target;
  memset(self->votes, 0, target->classes * sizeof *self->votes);
  for (size_t done = 0; done < count && valid && !ag_interrupted();) {
    const size_t rows = ag_minimum(count - done, target->capacity);
    target->draws(target->context, self->copies, self->sample, (uint32_t)(first + done), rows,
                  self->logits);
    for (size_t i = 0; i < rows && valid; ++i)
      valid = take_vote(self, self->logits + i * target->stride);
    done += rows;
  }
  return valid;
}

/* The class with the most votes but `without`; the first of several. */
static size_t leader(const ballot *self, size_t without)
{
  size_t best = without == 0 ? 1 : 0;
  for (size_t i = best + 1; i < self->target->classes; ++i) {
    if (i != without && self->votes[i] > self->votes[best]) best = i;
  }
  return best;
}

/* Share of the label, less that of any other class. */
static float margin_of(const ballot *self, size_t label, size_t count)
{
  const double more = (double)self->votes[label] - (double)self->votes[leader(self, label)];
  return (float)(more / (double)count);
}

/* By Lecuyer's bound the runner-up's probability counts too. The bound of `class` takes one half of
 * alpha and those of all others the other half, each its part, so that all hold together. */
static double radius_of(const ag_settings *settings, const ballot *self, size_t class, size_t n)
{
  const double sigma = (double)self->target->pixel_noise;
  const double alpha = ag_settings_number(settings, "alpha");
  const uint32_t *votes = self->votes;
  if (strcmp(ag_settings_word(settings, "bound"), "cohen") == 0) {
    return ag_radius_cohen(sigma, ag_proportion_low(votes[class], n, alpha));
  }
  const double others = (double)(self->target->classes - 1);
  const double low = ag_proportion_low(votes[class], n, alpha / 2);
  const double high = ag_proportion_high(votes[leader(self, class)], n, alpha / 2 / others);
  return ag_radius_lecuyer(sigma, low, fmin(high, 1 - low));
}

/* The largest float that is not above. */
static float round_down(double value)
{
  const float nearest = (float)value;
  return (double)nearest > value ? nextafterf(nearest, 0) : nearest;
}

static ag_certificate certify(const ag_settings *settings, const ballot *self, uint8_t label)
{
  const size_t n0 = ag_settings_count(settings, "n0");
  const size_t n = ag_settings_count(settings, "n");
  const ag_shape shape = self->target->shape;
  const size_t values = shape.height * shape.width * shape.channels;
  ag_certificate found = {.l2 = NAN, .linf = NAN};
  if (!count_votes(self, 0, n0)) return found;
  found.prediction = (uint8_t)leader(self, self->target->classes);
  found.clean_margin = margin_of(self, label, n0);
  if (!count_votes(self, n0, n) || ag_interrupted()) return found;
  const double radius = radius_of(settings, self, found.prediction, n);
  found.margin = margin_of(self, label, n);
  found.l2 = round_down(radius);
  found.linf = round_down(radius / sqrt((double)values)); /* |d|_2 <= sqrt(values) |d|_inf */
  return found;
}

static void run(ag_attack_call *call)
{
  const ag_target *target = call->target;
  const size_t floats = ag_shape_floats(target->shape);
  ballot image = {.target = target, .copies = call->scratch};
  image.logits = image.copies + target->capacity * floats;
  image.votes = (uint32_t *)(void *)(image.logits + target->capacity * target->stride);
  for (size_t i = 0; i < call->images.count && !ag_interrupted(); ++i) {
    image.sample = call->images.samples[i];
    for (size_t copy = 0; copy < target->capacity; ++copy) {
      memcpy(image.copies + copy * floats, call->images.pixels + i * floats,
             floats * sizeof *image.copies);
    }
    call->certificates[i] = certify(call->settings, &image, call->images.labels[i]);
    call->cost.forwards += cost(call->settings).forwards;
  }
}

const ag_attack ag_attack_certify = {
    .kind = {.name = "certify",
             .help = "certified L2 radii of a network with noise on the pixels",
             .options = options},
    .finds = AG_FINDS_RADIUS,
    .norm = norm,
    .scratch_floats = scratch_floats,
    .cost = cost,
    .run = run,
};
