/* Carlini and Wagner 2017 (arXiv:1608.04644), section V and equation 8 of section VI: the nearest
 * adversarial image in L2, by
 *   minimise |x - x0|_2^2 + c max(z_y - max of the others, -kappa),  x = (tanh(w) + 1) / 2,
 * with Adam over w and a binary search over c. Each image has a c of its own and stops by itself.
 * Where the network is random, what is found must fall by fresh draws too. */
#include "attack/attack.h"

#include <math.h>
#include <string.h>

static const ag_option options[] = {
    {.name = "confidence",
     .type = AG_OPTION_NUMBER,
     .initial = "0",
     .minimum = 0,
     .maximum = 1000,
     .help = "kappa: how far below zero the margin must be"},
    {.name = "search_steps",
     .type = AG_OPTION_COUNT,
     .initial = "9",
     .minimum = 1,
     .maximum = 100, /* times iterations: fewer than AG_VERDICT_STEP */
     .help = "values of c that are tried"},
    {.name = "iterations",
     .type = AG_OPTION_COUNT,
     .initial = "1000",
     .minimum = 1,
     .maximum = 100000,
     .help = "steps of Adam for each c, at most"},
    {.name = "initial_c",
     .type = AG_OPTION_NUMBER,
     .initial = "0.01",
     .minimum = 1e-9,
     .maximum = 1e6,
     .help = "the first c"},
    {.name = "learning_rate",
     .type = AG_OPTION_NUMBER,
     .initial = "0.01",
     .minimum = 1e-9,
     .maximum = 1,
     .help = "of Adam"},
    {.name = "early_stop",
     .type = AG_OPTION_FLAG,
     .initial = "true",
     .help = "leave a c whose loss has not fallen in a tenth of the iterations"},
    AG_EXPECTATION_OPTION,
    {0},
};

/* An image that moves under its present c. */
typedef struct moving {
  uint32_t place;  /* the image's row in the call */
  float last_loss; /* when it was looked at last, in a tenth of the iterations */
} moving;

/* What the search knows of an image. */
typedef struct search {
  float c, lower, upper;
  float nearest; /* squared distance of the nearest adversarial image; infinite: none */
  bool found;    /* one under the present c */
} search;

/* Values without padding are [height, width, channels]; moving images are at the front. */
typedef struct workspace {
  size_t count;          /* of moving images */
  size_t floats, values; /* of one image: with padding, without */
  float *x, *gradient, *logits;
  float *w, *mean, *square; /* [capacity, values]; Adam's moments */
  moving *images;           /* [capacity] */
  search *searches;         /* [capacity], by place */
  uint32_t *samples;
  uint8_t *labels;
} workspace;

/* As the authors' code has them. */
static const float INSIDE = 0.999999F; /* atanh(1) is infinite */
static const float NO_UPPER = 1e10F;
static const float NOT_FALLEN = 0.9999F;
static const double DECAYS[] = {0.9, 0.999};

static size_t values_of(ag_shape shape)
{
  return shape.height * shape.width * shape.channels;
}

static size_t scratch_floats(const ag_settings *settings, const ag_target *target)
{
  (void)settings;
  const size_t n = target->capacity;
  const size_t image = 2 * ag_shape_floats(target->shape) + 3 * values_of(target->shape);
  const size_t own = n * (image + target->stride) + ag_floats_for(n, sizeof(moving)) +
                     ag_floats_for(n, sizeof(search)) + ag_floats_for(n, sizeof(uint32_t)) +
                     ag_floats_for(n, 1);
  return ag_maximum(own, ag_settle_scratch_floats(target));
}

static ag_attack_cost cost(const ag_settings *settings)
{
  return (ag_attack_cost){.gradients = (uint64_t)ag_settings_count(settings, "search_steps") *
                                       ag_settings_count(settings, "iterations")};
}

static ag_norm norm(const ag_settings *settings)
{
  (void)settings;
  return AG_NORM_L2;
}

static workspace lay_out(const ag_attack_call *call)
{
  const ag_target *target = call->target;
  const size_t n = target->capacity;
  workspace all = {.floats = ag_shape_floats(target->shape),
                   .values = values_of(target->shape),
                   .x = call->scratch};
  all.gradient = all.x + n * all.floats;
  all.logits = all.gradient + n * all.floats;
  all.w = all.logits + n * target->stride;
  all.mean = all.w + n * all.values;
  all.square = all.mean + n * all.values;
  all.images = (moving *)(void *)(all.square + n * all.values);
  all.searches = (search *)(void *)(all.images + n);
  all.samples = (uint32_t *)(void *)(all.searches + n);
  all.labels = (uint8_t *)(all.samples + n);
  return all;
}

/* max of the others - z_y, which this attack raises. */
static void loss_margin(size_t count, size_t classes, size_t stride, const float *logits,
                        const uint8_t *labels, float *gradient)
{
  memset(gradient, 0, count * stride * sizeof *gradient);
  for (size_t i = 0; i < count; ++i) {
    const float *row = logits + i * stride;
    const size_t label = labels[i];
    size_t other = label == 0 ? 1 : 0;
    for (size_t c = 0; c < classes; ++c) {
      if (c != label && row[c] > row[other]) other = c;
    }
    gradient[i * stride + label] = -1;
    gradient[i * stride + other] = 1;
  }
}

/* Every image from where it was, with its next c. */
static void start_round(const ag_attack_call *call, workspace *all)
{
  const size_t channels = call->target->shape.channels;
  const size_t stride = ag_channels_padded(channels);
  all->count = call->images.count;
  for (size_t i = 0; i < all->count; ++i) {
    const float *image = call->images.pixels + i * all->floats;
    for (size_t k = 0; k < all->values; ++k) {
      const float pixel = image[k / channels * stride + k % channels];
      all->w[i * all->values + k] = atanhf((2 * pixel - 1) * INSIDE);
    }
    all->images[i] = (moving){.place = (uint32_t)i, .last_loss = INFINITY};
    all->searches[i].found = false;
    all->samples[i] = call->images.samples[i];
    all->labels[i] = call->images.labels[i];
  }
  memset(all->mean, 0, all->count * all->values * sizeof *all->mean);
  memset(all->square, 0, all->count * all->values * sizeof *all->square);
}

/* x of w; padding channels stay 0. */
static void compose(const ag_shape shape, workspace *all)
{
  const size_t stride = ag_channels_padded(shape.channels);
  memset(all->x, 0, all->count * all->floats * sizeof *all->x);
  for (size_t i = 0; i < all->count; ++i) {
    const float *w = all->w + i * all->values;
    float *x = all->x + i * all->floats;
    for (size_t k = 0; k < all->values; ++k)
      x[k / shape.channels * stride + k % shape.channels] = (tanhf(w[k]) + 1) / 2;
  }
}

/* Keeps image i's x where it is adversarial and nearer than any before; *margin and its loss under
 * c, but for a constant. */
static float judge(const ag_attack_call *call, workspace *all, size_t i, float *margin)
{
  const ag_target *target = call->target;
  const size_t place = all->images[i].place;
  search *found = &all->searches[place];
  const float kappa = (float)ag_settings_number(call->settings, "confidence");
  const float *x = all->x + i * all->floats;
  const float distance =
      (float)ag_squared_distance(all->floats, call->images.pixels + place * all->floats, x);
  *margin = ag_margin(all->logits + i * target->stride, target->classes, all->labels[i], NULL);
  if (*margin < 0 && *margin <= -kappa) {
    found->found = true;
    if (distance < found->nearest) {
      found->nearest = distance;
      memcpy(call->adversarial + place * all->floats, x, all->floats * sizeof *x);
    }
  }
  return distance + found->c * (*margin > -kappa ? *margin + kappa : 0);
}

/* One step of Adam (Kingma and Ba 2015, arXiv:1412.6980) for image i; c is 0 where the margin is
 * low enough. rate: with the corrections of both moments. */
static void step(const ag_attack_call *call, const workspace *all, size_t i, float c, float rate)
{
  const size_t channels = call->target->shape.channels;
  const size_t stride = ag_channels_padded(channels);
  const float *x0 = call->images.pixels + all->images[i].place * all->floats;
  const float *x = all->x + i * all->floats;
  const float *raise = all->gradient + i * all->floats;
  float *w = all->w + i * all->values;
  float *mean = all->mean + i * all->values;
  float *square = all->square + i * all->values;
  const float first = (float)DECAYS[0];
  const float second = (float)DECAYS[1];
  for (size_t k = 0; k < all->values; ++k) {
    const size_t at = k / channels * stride + k % channels;
    /* dx/dw = (1 - tanh(w)^2) / 2 = 2 x (1 - x) */
    const float slope = (2 * (x[at] - x0[at]) - c * raise[at]) * 2 * x[at] * (1 - x[at]);
    mean[k] = first * mean[k] + (1 - first) * slope;
    square[k] = second * square[k] + (1 - second) * slope * slope;
    w[k] -= rate * mean[k] / (sqrtf(square[k]) + 1e-8F);
  }
}

static void move_image(workspace *all, size_t from, size_t to)
{
  const size_t bytes = all->values * sizeof(float);
  if (from == to) return;
  memcpy(all->w + to * all->values, all->w + from * all->values, bytes);
  memcpy(all->mean + to * all->values, all->mean + from * all->values, bytes);
  memcpy(all->square + to * all->values, all->square + from * all->values, bytes);
  all->images[to] = all->images[from];
  all->samples[to] = all->samples[from];
  all->labels[to] = all->labels[from];
}

/* Judges all moving images, and moves on those that do not stop. */
static void advance(const ag_attack_call *call, workspace *all, bool look, float rate)
{
  const float kappa = (float)ag_settings_number(call->settings, "confidence");
  size_t left = 0;
  for (size_t i = 0; i < all->count; ++i) {
    float margin = 0;
    moving *image = &all->images[i];
    const float loss = judge(call, all, i, &margin);
    if (look && loss > NOT_FALLEN * image->last_loss) continue;
    if (look) image->last_loss = loss;
    step(call, all, i, margin > -kappa ? all->searches[image->place].c : 0, rate);
    move_image(all, i, left++);
  }
  all->count = left;
}

/* The step that keys a random defense follows from the round and the iteration, not from how many
 * calls other images took. */
static void run_round(ag_attack_call *call, workspace *all, size_t round)
{
  const ag_target *target = call->target;
  const size_t iterations = ag_settings_count(call->settings, "iterations");
  const bool stops = ag_settings_flag(call->settings, "early_stop");
  const double learning_rate = ag_settings_number(call->settings, "learning_rate");
  const size_t tenth = iterations < 10 ? 1 : iterations / 10;
  double left[] = {1, 1}; /* of the moments' start at zero */
  start_round(call, all);
  for (size_t i = 0; i < iterations && all->count > 0 && !ag_interrupted(); ++i) {
    const ag_attack_images images = {all->x, all->labels, all->samples, all->count};
    compose(target->shape, all);
    target->gradient(target->context, &images, (uint32_t)(round * iterations + i), loss_margin,
                     all->logits, all->gradient);
    call->cost.gradients += all->count;
    left[0] *= DECAYS[0];
    left[1] *= DECAYS[1];
    advance(call, all, stops && i % tenth == 0,
            (float)(learning_rate * sqrt(1 - left[1]) / (1 - left[0])));
  }
}

/* A success asks for a smaller c, a failure for a larger one. */
static void choose_c(search *one)
{
  if (one->found) {
    one->upper = fminf(one->upper, one->c);
  } else {
    one->lower = fmaxf(one->lower, one->c);
  }
  if (one->upper < NO_UPPER) {
    one->c = (one->lower + one->upper) / 2;
  } else {
    one->c = fminf(10 * one->c, NO_UPPER);
  }
}

static void run(ag_attack_call *call)
{
  workspace all = lay_out(call);
  const size_t rounds = ag_settings_count(call->settings, "search_steps");
  const float initial_c = (float)ag_settings_number(call->settings, "initial_c");
  memcpy(call->adversarial, call->images.pixels, call->images.count * all.floats * sizeof(float));
  for (size_t i = 0; i < call->images.count; ++i)
    all.searches[i] = (search){.c = initial_c, .upper = NO_UPPER, .nearest = INFINITY};
  for (size_t round = 0; round < rounds && !ag_interrupted(); ++round) {
    run_round(call, &all, round);
    for (size_t i = 0; i < call->images.count; ++i)
      choose_c(&all.searches[i]);
  }
  if (call->target->judged_apart) {
    const size_t iterations = ag_settings_count(call->settings, "iterations");
    const float kappa = (float)ag_settings_number(call->settings, "confidence");
    ag_settle(call, (uint32_t)(rounds * iterations), -kappa);
  }
}

const ag_attack ag_attack_cw = {
    .kind = {.name = "cw",
             .help = "Carlini and Wagner: the nearest adversarial image in L2",
             .options = options},
    .finds = AG_FINDS_DISTANCE,
    .norm = norm,
    .scratch_floats = scratch_floats,
    .cost = cost,
    .run = run,
};
