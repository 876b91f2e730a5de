/* Shards through the network, thread by thread. */
#include "training/lanes.h"
#include "advgrid/attack.h"

#include <string.h>

/* One thread's memory. */
typedef struct lane {
  ag_lanes *lanes;
  size_t index;
  ag_workspace *workspace;
  float *pixels, *dlogits; /* [rows, ...] */
  float *dlatent;          /* [rows, floats of the latent space]; NULL without a term */
  float *losses;
  uint32_t *samples; /* [rows] */
  uint8_t *labels;
  ag_lane_verdict verdict; /* on the validation images it took */
} lane;

struct ag_lanes {
  const ag_training *training;
  uint64_t seed;
  const ag_dataset *dataset;
  ag_pool *pool;
  const ag_network *network;
  size_t shard;
  float smoothing;        /* of labels */
  ag_latent_term term;    /* AG_LATENT_NONE: none */
  ag_latent latent;       /* whose it is */
  size_t views;           /* rows of a training pass that an image comes to */
  lane *all;              /* [threads of the pool] */
  ag_shard_change change; /* run is NULL: none */
  ag_shard_judge judge;   /* likewise */
  const ag_team *team;
  ag_gradient_sum *gradients;
  ag_weights *weights;
  /* The work in hand. */
  bool learns; /* it is a batch; else validation */
  const ag_lane_images *images;
  double *losses, *correct;
  ag_shard_range shards;
};

/* ---- between layers ---- */

static void let_messages_pass(void *context)
{
  const ag_lanes *self = context;
  ag_weights_progress(self->weights);
  if (self->learns) ag_gradient_sum_progress(self->gradients);
  if (self->team->between != NULL) self->team->between(self->team->context);
}

/* The first thread alone speaks with other ranks. */
static void before_forward(void *context, size_t layer)
{
  const lane *mine = context;
  ag_lanes *self = mine->lanes;
  const bool first = mine->index == 0;
  if (first) let_messages_pass(self);
  if (self->learns) ag_weights_await(self->weights, layer, first, let_messages_pass, self);
}

static void after_backward(void *context, size_t layer)
{
  const lane *mine = context;
  ag_gradient_sum_add(mine->lanes->gradients, mine->index, layer, mine->workspace);
  if (mine->index == 0) let_messages_pass(mine->lanes);
}

/* In passes that learn nothing. */
static void after_other_backward(void *context, size_t layer)
{
  const lane *mine = context;
  (void)layer;
  if (mine->index == 0) let_messages_pass(mine->lanes);
}

/* ---- memory ---- */

static ag_status create_lane(ag_lanes *self, size_t index)
{
  ag_status status = AG_OK;
  lane *one = &self->all[index];
  const ag_pass_events events = {one, before_forward, after_backward};
  const size_t image = ag_shape_floats(self->dataset->shape);
  const size_t stride = ag_network_logit_stride(self->network);
  const size_t rows = ag_lanes_rows(self, self->shard);
  one->lanes = self;
  one->index = index;
  AG_TRY(ag_workspace_create(self->network, rows, &one->workspace));
  AG_TRY(ag_allocate(rows * image, sizeof(float), &one->pixels));
  AG_TRY(ag_allocate(rows * stride, sizeof(float), &one->dlogits));
  AG_TRY(ag_allocate(rows, sizeof(uint32_t), &one->samples));
  if (self->term.loss != AG_LATENT_NONE) {
    AG_TRY(ag_allocate(rows * self->latent.floats, sizeof(float), &one->dlatent));
  }
  AG_TRY(ag_allocate(self->shard, sizeof(float), &one->losses));
  AG_TRY(ag_allocate(self->shard, 1, &one->labels));
  ag_workspace_listen(one->workspace, &events);
cleanup:
  return status;
}

static void destroy_lane(lane *one)
{
  ag_release(&one->labels);
  ag_release(&one->losses);
  ag_release(&one->dlatent);
  ag_release(&one->samples);
  ag_release(&one->dlogits);
  ag_release(&one->pixels);
  ag_workspace_destroy(&one->workspace);
}

ag_status ag_lanes_create(const ag_training *training, uint64_t seed, const ag_dataset *dataset,
                          ag_pool *pool, const ag_network *network, ag_lanes **out)
{
  ag_status status = AG_OK;
  ag_lanes *self = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  *self =
      (ag_lanes){.training = training,
                 .seed = seed,
                 .dataset = dataset,
                 .pool = pool,
                 .network = network,
                 .shard = ag_settings_count(&training->settings, "shard"),
                 .views = 1,
                 .smoothing = (float)ag_settings_number(&training->settings, "label_smoothing")};
  AG_TRY(ag_allocate(ag_pool_threads(pool), sizeof *self->all, &self->all));
  for (size_t i = 0; i < ag_pool_threads(pool); ++i)
    AG_TRY(create_lane(self, i));
cleanup:
  if (status != AG_OK) ag_lanes_destroy(out);
  return status;
}

void ag_lanes_destroy(ag_lanes **out)
{
  ag_lanes *self = *out;
  if (self == NULL) return;
  for (size_t i = 0; self->all != NULL && i < ag_pool_threads(self->pool); ++i)
    destroy_lane(&self->all[i]);
  ag_release(&self->all);
  ag_release(out);
}

ag_status ag_lanes_add_term(ag_lanes *self, const ag_latent_term *term)
{
  ag_status status = AG_OK;
  AG_TRY(ag_network_find_latent(self->network, term->layer, &self->latent));
  self->term = *term;
  self->views = ag_latent_term_cost(term, self->network, self->shard).views;
  for (size_t i = 0; i < ag_pool_threads(self->pool); ++i) {
    destroy_lane(&self->all[i]);
    AG_TRY(create_lane(self, i));
  }
cleanup:
  return status;
}

size_t ag_lanes_rows(const ag_lanes *self, size_t images)
{
  return self->views * images;
}

ag_batches ag_lanes_batches(const ag_lanes *self)
{
  const size_t images = self->dataset->training.count;
  const size_t batch = ag_minimum(ag_settings_count(&self->training->settings, "batch"), images);
  const size_t rest = images % batch;
  return (ag_batches){
      .shard = ag_lanes_rows(self, self->shard),
      .images = {ag_lanes_rows(self, batch), ag_lanes_rows(self, rest == 0 ? batch : rest)}};
}

void ag_lanes_change(ag_lanes *self, const ag_shard_change *change)
{
  self->change = *change;
}

void ag_lanes_judge(ag_lanes *self, const ag_shard_judge *judge)
{
  self->judge = *judge;
}

void ag_lanes_join(ag_lanes *self, const ag_team *team, ag_gradient_sum *gradients,
                   ag_weights *weights)
{
  self->team = team;
  self->gradients = gradients;
  self->weights = weights;
  for (size_t i = 0; i < ag_pool_threads(self->pool); ++i)
    ag_gradient_sum_set_up(gradients, self->all[i].workspace);
}

size_t ag_lanes_shards(const ag_lanes *self, size_t images)
{
  return ag_divide_up(images, self->shard);
}

/* ---- shards ---- */

static size_t count_correct(const ag_lanes *self, const lane *mine, const float *logits,
                            size_t count)
{
  const size_t classes = ag_network_classes(self->network);
  const size_t stride = ag_network_logit_stride(self->network);
  size_t correct = 0;
  for (size_t i = 0; i < count; ++i) {
    uint8_t prediction = 0;
    ag_margin(logits + i * stride, classes, mine->labels[i], &prediction);
    correct += prediction == mine->labels[i];
  }
  return correct;
}

/* Lets images become what is to be learnt. An attack that was interrupted has left them half-way:
 * they are not learnt. */
static ag_status change_shard(const ag_lanes *self, lane *mine, size_t count, float *pixels)
{
  const ag_pass_events events = {mine, before_forward, after_other_backward};
  const ag_training_shard shard = {.lane = mine->index,
                                   .epoch = self->images->epoch,
                                   .step = self->images->step,
                                   .progress = self->images->progress,
                                   .count = count,
                                   .samples = mine->samples,
                                   .labels = mine->labels,
                                   .pixels = pixels,
                                   .events = &events};
  if (self->change.run == NULL) return AG_OK;
  const ag_status status = self->change.run(self->change.context, &shard);
  if (status != AG_OK) return status;
  return ag_interrupt_check();
}

/* The rows that are learnt of images begin, ... of the batch. Where an image has two, the second is
 * the changed one. */
static ag_status fill_rows(const ag_lanes *self, lane *mine, size_t begin, size_t count)
{
  const ag_lane_images *batch = self->images;
  const ag_shape shape = self->dataset->shape;
  const size_t floats = count * ag_shape_floats(shape);
  const ag_augmentation augmentation = {self->training->augmentation, self->seed, batch->epoch};
  float *changed = mine->pixels + (self->views - 1) * floats;
  for (size_t view = 0; view < self->views; ++view)
    memcpy(mine->samples + view * count, batch->order + begin, count * sizeof *mine->samples);
  ag_shard_fill_augmented(&self->dataset->training, shape, &augmentation, mine->samples, count,
                          mine->pixels, mine->labels);
  if (changed != mine->pixels) memcpy(changed, mine->pixels, floats * sizeof *changed);
  return change_shard(self, mine, count, changed);
}

/* The loss of a shard whose rows went forward, and its gradients: cross-entropy of the images, or
 * of what they were changed into, and the term of all rows. */
static double take_loss(const ag_lanes *self, lane *mine, const float *logits, size_t count)
{
  const size_t images = self->images->count;
  const size_t stride = ag_network_logit_stride(self->network);
  const size_t others = ag_lanes_rows(self, count) - count;
  double loss = 0;
  ag_cross_entropy_smoothed(count, self->dataset->classes, stride, logits, mine->labels,
                            self->smoothing, 1 / (float)images, mine->losses, mine->dlogits);
  memset(mine->dlogits + count * stride, 0, others * stride * sizeof *mine->dlogits);
  for (size_t i = 0; i < count; ++i)
    loss += (double)mine->losses[i];
  if (self->term.loss == AG_LATENT_NONE) return loss;
  const float *points = ag_network_latent(mine->workspace, &self->latent);
  return loss + ag_latent_term_gradient(&self->term, count, images, self->latent.floats, points,
                                        mine->labels, mine->dlatent);
}

static ag_status train_shard(const ag_lanes *self, lane *mine, size_t shard)
{
  const size_t begin = shard * self->shard;
  const size_t count = ag_minimum(self->shard, self->images->count - begin);
  const ag_pass pass = {
      .training = true, .seed = self->seed, .step = self->images->step, .samples = mine->samples};
  const ag_latent *latent = self->term.loss == AG_LATENT_NONE ? NULL : &self->latent;
  const ag_status status = fill_rows(self, mine, begin, count);
  if (status != AG_OK) return status;
  const float *logits = ag_network_forward(self->network, mine->workspace, &pass, mine->pixels,
                                           ag_lanes_rows(self, count));
  self->losses[shard] = take_loss(self, mine, logits, count);
  self->correct[shard] = (double)count_correct(self, mine, logits, count);
  ag_network_backward_latent(self->network, mine->workspace, mine->dlogits, latent, mine->dlatent,
                             ag_gradient_sum_target(self->gradients, mine->index, shard), NULL);
  return AG_OK;
}

/* Where the first thread has left out a layer, the others may still wait for it there. */
static void await_all_weights(ag_lanes *self)
{
  for (size_t layer = 0; layer < ag_network_layer_count(self->network); ++layer)
    ag_weights_await(self->weights, layer, true, let_messages_pass, self);
}

static ag_status train_lane(void *context, size_t item, size_t thread)
{
  ag_status status = AG_OK;
  ag_lanes *self = context;
  const ag_shard_range shards = ag_gradient_sum_lane(self->gradients, item);
  (void)thread;
  for (size_t shard = shards.first; status == AG_OK && shard < shards.end; ++shard) {
    status = ag_interrupt_check();
    if (status == AG_OK) status = train_shard(self, &self->all[item], shard);
  }
  if (item == 0) await_all_weights(self);
  return status;
}

ag_status ag_lanes_train(ag_lanes *self, const ag_lane_images *batch, double *losses,
                         double *correct)
{
  self->learns = true;
  self->images = batch;
  self->losses = losses;
  self->correct = correct;
  return ag_pool_run(self->pool, ag_pool_threads(self->pool), train_lane, NULL, self);
}

static ag_status judge_shard(const ag_lanes *self, lane *mine, size_t first, size_t count)
{
  const ag_pass_events events = {mine, before_forward, after_other_backward};
  const ag_validation_shard shard = {.lane = mine->index,
                                     .images = &self->dataset->validation,
                                     .first = first,
                                     .count = count,
                                     .events = &events};
  size_t robust = 0;
  if (self->judge.run == NULL) return AG_OK;
  const ag_status status = self->judge.run(self->judge.context, &shard, &robust);
  mine->verdict.robust += robust;
  return status;
}

static ag_status validate_shard(void *context, size_t item, size_t thread)
{
  const ag_lanes *self = context;
  lane *mine = &self->all[thread];
  const ag_images *images = &self->dataset->validation;
  const size_t begin = (self->shards.first + item) * self->shard;
  const size_t count = ag_minimum(self->shard, images->count - begin);
  const ag_pass pass = {
      .seed = self->seed, .step = self->images->step, .samples = self->images->order + begin};
  const ag_status status = ag_interrupt_check();
  if (status != AG_OK) return status;
  ag_shard_fill(images, self->dataset->shape, NULL, begin, count, mine->pixels, mine->labels);
  const float *logits =
      ag_network_forward(self->network, mine->workspace, &pass, mine->pixels, count);
  mine->verdict.correct += count_correct(self, mine, logits, count);
  return judge_shard(self, mine, begin, count);
}

ag_status ag_lanes_validate(ag_lanes *self, const ag_lane_images *images, ag_shard_range shards,
                            ag_lane_verdict *verdict)
{
  self->learns = false;
  self->images = images;
  self->shards = shards;
  *verdict = (ag_lane_verdict){0};
  const ag_status status =
      ag_pool_run(self->pool, shards.end - shards.first, validate_shard, NULL, self);
  for (size_t i = 0; i < ag_pool_threads(self->pool); ++i) {
    lane *one = &self->all[i];
    verdict->correct += one->verdict.correct;
    verdict->robust += one->verdict.robust;
    one->verdict = (ag_lane_verdict){0};
  }
  return status;
}
