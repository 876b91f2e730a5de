/* Losses in a latent space beside cross-entropy: the gradient of whole steps against central
 * differences, what is recorded, that threads make no difference, and what becomes of distances. */
#include "training/train.h"

#include "defense/distances.h"

enum { FEW = 24, SHARD = 7, HIDDEN = 256, THREADS = 3, SEED = 1 };

static const ag_adversarial fgsm = {.epsilon = 8.0F / 255,
                                    .step_size = 10.0F / 255,
                                    .steps = 1,
                                    .restarts = 1,
                                    .random_start = true,
                                    .mix = 1};

static const ag_latent_term contrastive = {AG_LATENT_CONTRASTIVE, "dense1", 2, 0.5};
static const ag_latent_term triplet = {AG_LATENT_TRIPLET, "dense1", 10, 0.5};

/* With a dense layer so large that its gradient goes by factors (training/factors.h), and behind
 * it the ReLU and the dropout that are part of the latent space. */
static ag_network *network_of(double dropout, bool normalised)
{
  const ag_layer_description all[] = {
      {.kind = "normalize", .name = "normalize"},
      {.kind = "convolution",
       .name = "conv1",
       .channels = 6,
       .kernel = 3,
       .stride = 1,
       .padding = 1},
      {.kind = "batch-normalisation", .name = "norm1"},
      {.kind = "relu", .name = "relu1"},
      {.kind = "max-pooling", .name = "pool1", .kernel = 2, .stride = 2},
      {.kind = "dense", .name = "dense1", .channels = HIDDEN},
      {.kind = "relu", .name = "relu2"},
      {.kind = "dropout", .name = "dropout1", .strength = dropout},
      {.kind = "dense", .name = "dense2", .channels = 10},
  };
  static const float mean[8] = {0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F};
  static const float deviation[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  ag_layer_list list = {0};
  ag_network *network = NULL;
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    if (strcmp(all[i].name, "norm1") == 0 && !normalised) continue;
    assert_int_equal(ag_layer_list_append(&list, &all[i]), AG_OK);
  }
  assert_int_equal(ag_network_create(&list, shape, 10, &network), AG_OK);
  ag_network_initialise(network, 3, mean, deviation);
  return network;
}

/* One step on few images, in four shards of which the last is smaller. */
static fixture *start_few(double dropout, bool normalised, const char *peak)
{
  fixture *f = start("1", "24", "7", peak);
  ag_network_destroy(&f->network);
  f->network = network_of(dropout, normalised);
  f->dataset.training.count = FEW;
  set(&f->training.optimizer.settings, "momentum", "0");
  set(&f->training.optimizer.settings, "nesterov", "false");
  set(&f->training.optimizer.settings, "weight_decay", "0");
  return f;
}

/* Moves the copy of each image by noise of its own, which no parameter has a part in. */
static ag_status shake(void *context, const ag_training_shard *shard)
{
  (void)context;
  const size_t image = ag_shape_floats(shape);
  for (size_t i = 0; i < shard->count; ++i) {
    ag_random random = ag_random_stream(SEED, AG_PURPOSE_TEST, shard->samples[i], 0);
    for (size_t k = 0; k < image; ++k) {
      if (k % ag_channels_padded(shape.channels) >= shape.channels) continue;
      shard->pixels[i * image + k] += 0.2F * (ag_random_uniform(&random) - 0.5F);
    }
  }
  return AG_OK;
}

static const ag_shard_change shaken = {NULL, shake};

/* A whole training with a term, and a change where there is one. */
static void train_with(fixture *f, const ag_latent_term *term, const ag_shard_change *change,
                       size_t threads)
{
  ag_pool *pool = NULL;
  ag_trainer *trainer = NULL;
  bool finished = false;
  const ag_training_events events = {.context = f, .step = count_step, .epoch = keep_epoch};
  assert_int_equal(ag_gemm_prepare(threads), AG_OK);
  assert_int_equal(ag_pool_create(threads, &pool), AG_OK);
  assert_int_equal(ag_trainer_create(&f->training, SEED, &f->dataset, pool, f->network, &trainer),
                   AG_OK);
  if (term != NULL) assert_int_equal(ag_trainer_add_term(trainer, term), AG_OK);
  if (change != NULL) ag_trainer_change(trainer, change);
  assert_int_equal(ag_trainer_join(trainer, &f->team), AG_OK);
  while (!finished)
    assert_int_equal(ag_trainer_run(trainer, &events, &finished), AG_OK);
  ag_trainer_destroy(&trainer);
  ag_pool_destroy(&pool);
}

/* ---- gradients ---- */

/* The loss of the step, by the epoch's row, where parameters are moved by `far` times direction. */
static double loss_at(const ag_latent_term *term, const float *direction, double far)
{
  fixture *f = start_few(0.2, false, "1e-9");
  float *block = ag_network_block(f->network);
  for (size_t i = 0; i < ag_network_floats(f->network); ++i)
    block[i] += (float)(far * (double)direction[i]);
  train_with(f, term, term == &triplet ? &shaken : NULL, 1);
  const double loss = f->epochs[0].loss;
  stop(f);
  return loss;
}

/* What the step's parameters were moved by at a rate of 1. */
static float *gradient_of(const ag_latent_term *term)
{
  fixture *f = start_few(0.2, false, "1");
  const size_t floats = ag_network_floats(f->network);
  float *gradient = test_copy(ag_network_values(f->network), floats);
  train_with(f, term, term == &triplet ? &shaken : NULL, 2);
  for (size_t i = 0; i < floats; ++i)
    gradient[i] -= ag_network_values(f->network)[i];
  stop(f);
  return gradient;
}

/* values of one parameter tensor, without padding, become of length 1. */
static void normalise(const ag_parameter *parameter, float *values)
{
  const size_t stride = ag_channels_padded(parameter->out);
  double squares = 0;
  for (size_t i = 0; i < parameter->floats; ++i) {
    if (i % stride >= parameter->out) values[i] = 0;
    squares += (double)values[i] * (double)values[i];
  }
  assert_true(squares > 0);
  for (size_t i = 0; i < parameter->floats; ++i)
    values[i] /= (float)sqrt(squares);
}

/* Over one tensor, half-way between the gradient's and a random direction. */
static float *direction_in(const ag_parameter *parameter, const float *gradient, size_t floats)
{
  float *direction = test_floats(floats);
  float *own = direction + parameter->offset;
  float *steepest = test_copy(gradient + parameter->offset, parameter->floats);
  test_fill(own, parameter->floats, 17, -1, 1);
  normalise(parameter, own);
  normalise(parameter, steepest);
  for (size_t i = 0; i < parameter->floats; ++i)
    own[i] += steepest[i];
  normalise(parameter, own);
  free(steepest);
  return direction;
}

/* The slope in each tensor is the gradient's; and much of it is the term's, else this would show
 * little. */
static void check_gradient(const ag_latent_term *term)
{
  ag_network *network = network_of(0.2, false);
  const size_t floats = ag_network_floats(network);
  float *gradient = gradient_of(term);
  float *plain = gradient_of(NULL);
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    if (!parameter->trained) continue;
    float *direction = direction_in(parameter, gradient, floats);
    const double step = 5e-4;
    const double slope = (loss_at(term, direction, step) - loss_at(term, direction, -step)) /
                         (2 * step);
    const double got = test_dot(gradient, direction, floats);
    const double without = test_dot(plain, direction, floats);
    assert_number_close(got, slope, 1e-5, 5e-3);
    if (parameter->name[5] == '1') assert_true(fabs(got - without) > 0.1 * fabs(got));
    free(direction);
  }
  free(plain);
  free(gradient);
  ag_network_destroy(&network);
}

static void a_step_follows_the_contrastive_loss(void **state)
{
  (void)state;
  check_gradient(&contrastive);
}

static void a_step_follows_the_triplet_loss(void **state)
{
  (void)state;
  check_gradient(&triplet);
}

/* ---- what is recorded ---- */

static void the_loss_is_cross_entropy_and_the_term(void **state)
{
  (void)state;
  fixture *plain = start_few(0, false, "1e-9");
  fixture *f = start_few(0, false, "1e-9");
  set(&plain->training.settings, "shard", "24"); /* one, so that all pairs count */
  set(&f->training.settings, "shard", "24");
  float *pixels = test_floats(FEW * ag_shape_floats(shape));
  float *dlatent = test_floats((size_t)FEW * HIDDEN);
  uint8_t labels[FEW];
  const uint32_t samples[FEW] = {0};
  const ag_pass pass = {.samples = samples};
  ag_workspace *workspace = NULL;
  ag_latent latent;
  ag_network_prepare(f->network, false, NULL);
  ag_shard_fill(&f->dataset.training, shape, NULL, 0, FEW, pixels, labels);
  assert_int_equal(ag_workspace_create(f->network, FEW, &workspace), AG_OK);
  assert_int_equal(ag_network_find_latent(f->network, "dense1", &latent), AG_OK);
  (void)ag_network_forward(f->network, workspace, &pass, pixels, FEW);
  const double sum = ag_latent_contrastive(FEW, HIDDEN, ag_network_latent(workspace, &latent),
                                           labels, 2, 1, dlatent);
  train_with(plain, NULL, NULL, 1);
  train_with(f, &contrastive, NULL, 1);
  assert_true(sum > 1);
  assert_number_close(f->epochs[0].loss, plain->epochs[0].loss + 0.5 * sum / FEW, 0, 1e-6);
  assert_true(f->epochs[0].train_accuracy == plain->epochs[0].train_accuracy);
  ag_workspace_destroy(&workspace);
  free(dlatent);
  free(pixels);
  stop(f);
  stop(plain);
}

/* ---- what triplets go through ---- */

/* Of images that are all alike, with labels that are not, the points differ by dropout alone.
 * Copies that nothing has changed lie where their images lie, whose nearest neighbour cannot be
 * nearer. */
static void images_and_copies_have_the_same_dropout(void **state)
{
  (void)state;
  ag_latent_term term = triplet;
  term.margin = 0;
  fixture *f[] = {start_few(0.5, false, "0.1"), start_few(0.5, false, "0.1")};
  for (size_t k = 0; k < 2; ++k) {
    memset(f[k]->block, 200, (size_t)FEW * 32 * 32 * 3);
    train_with(f[k], k == 0 ? NULL : &term, NULL, 2);
  }
  assert_true(f[1]->epochs[0].loss == f[0]->epochs[0].loss);
  assert_close(ag_network_values(f[1]->network), ag_network_values(f[0]->network),
               ag_network_floats(f[0]->network), 1e-6, 1e-5);
  stop(f[0]);
  stop(f[1]);
}

/* The statistics of images and unchanged copies are the images'. */
static void statistics_are_those_of_all_rows(void **state)
{
  (void)state;
  ag_latent_term term = triplet;
  term.margin = 0;
  fixture *plain = start_few(0, true, "0.01");
  fixture *f = start_few(0, true, "0.01");
  float *before = test_copy(ag_network_values(f->network), ag_network_floats(f->network));
  size_t moved = 0;
  train_with(plain, NULL, NULL, 1);
  train_with(f, &term, NULL, 1);
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    if (!parameter->averaged) continue;
    assert_close(ag_network_values(f->network) + parameter->offset,
                 ag_network_values(plain->network) + parameter->offset, parameter->out, 1e-6, 1e-5);
    moved += ag_network_values(f->network)[parameter->offset] != before[parameter->offset];
  }
  assert_int_equal(moved, 2);
  free(before);
  stop(f);
  stop(plain);
}

/* ---- threads ---- */

static void train_attacked(fixture *f, const ag_latent_term *term, size_t threads)
{
  ag_adversaries *adversaries = NULL;
  assert_int_equal(ag_adversaries_create(&fgsm, f->network, threads, SHARD, SEED, &adversaries),
                   AG_OK);
  const ag_shard_change change = ag_adversaries_change(adversaries);
  train_with(f, term, term->loss == AG_LATENT_TRIPLET ? &change : NULL, threads);
  ag_adversaries_destroy(&adversaries);
}

static void threads_make_no_difference(void **state)
{
  (void)state;
  const ag_latent_term *const terms[] = {&contrastive, &triplet};
  for (size_t k = 0; k < 2; ++k) {
    fixture *one = start_few(0.2, false, "0.05");
    set(&one->training.settings, "epochs", "2");
    train_attacked(one, terms[k], 1);
    assert_true(isfinite(one->epochs[1].loss));
    for (size_t threads = 2; threads <= THREADS; ++threads) {
      fixture *f = start_few(0.2, false, "0.05");
      set(&f->training.settings, "epochs", "2");
      train_attacked(f, terms[k], threads);
      assert_same_training(f, one);
      stop(f);
    }
    stop(one);
  }
}

static void a_weight_of_0_is_standard_training(void **state)
{
  (void)state;
  ag_latent_term term = contrastive;
  fixture *plain = start_few(0.2, false, "0.05");
  fixture *f = start_few(0.2, false, "0.05");
  term.weight = 0;
  train_with(plain, NULL, NULL, 1);
  train_with(f, &term, NULL, 1);
  assert_same_training(f, plain);
  stop(f);
  stop(plain);
}

/* ---- distances ---- */

/* The mean distance of training images of one class, as a share of that of others. */
static double same_to_other(const fixture *f)
{
  float *pixels = test_floats(TRAINING * ag_shape_floats(shape));
  uint8_t labels[TRAINING];
  const uint32_t samples[TRAINING] = {0};
  const ag_pass pass = {.samples = samples};
  ag_workspace *workspace = NULL;
  ag_latent latent;
  double sums[2] = {0};
  double pairs[2] = {0};
  ag_shard_fill(&f->dataset.training, shape, NULL, 0, TRAINING, pixels, labels);
  assert_int_equal(ag_workspace_create(f->network, TRAINING, &workspace), AG_OK);
  assert_int_equal(ag_network_find_latent(f->network, "dense1", &latent), AG_OK);
  (void)ag_network_forward(f->network, workspace, &pass, pixels, TRAINING);
  const float *points = ag_network_latent(workspace, &latent);
  for (size_t i = 0; i < TRAINING; ++i) {
    for (size_t j = 0; j < i; ++j) {
      const bool other = labels[i] != labels[j];
      sums[other] += sqrt(ag_latent_squared_distance(HIDDEN, points + i * latent.floats,
                                                     points + j * latent.floats));
      pairs[other] += 1;
    }
  }
  ag_workspace_destroy(&workspace);
  free(pixels);
  return sums[0] / pairs[0] / (sums[1] / pairs[1]);
}

static void a_class_draws_together(void **state)
{
  (void)state;
  double ratio[2];
  for (size_t k = 0; k < 2; ++k) {
    fixture *f = start("16", "20", "20", "0.02");
    ag_network_destroy(&f->network);
    f->network = network_of(0, false);
    set(&f->training.settings, "clip", "1");
    train_with(f, k == 0 ? NULL : &contrastive, NULL, 2);
    ratio[k] = same_to_other(f);
    stop(f);
  }
  assert_true(ratio[1] < 0.9 * ratio[0]);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_step_follows_the_contrastive_loss),
      cmocka_unit_test(a_step_follows_the_triplet_loss),
      cmocka_unit_test(the_loss_is_cross_entropy_and_the_term),
      cmocka_unit_test(images_and_copies_have_the_same_dropout),
      cmocka_unit_test(statistics_are_those_of_all_rows),
      cmocka_unit_test(threads_make_no_difference),
      cmocka_unit_test(a_weight_of_0_is_standard_training),
      cmocka_unit_test(a_class_draws_together),
  };
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed != 0 || ag_live_blocks() != 0;
}
