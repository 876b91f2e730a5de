/* The running statistics of batch normalisation in training: what a step makes of them and what it
 * leaves alone, that they are averaged like weights, and that validation does no harm. */
#include "training/batches.h"
#include "training/train.h"

#include "training/step.h"

/* normalize, norm1 on the pixels, conv1, norm2, relu1, pool1, dense1. */
static ag_network *make_network(void)
{
  const ag_layer_description all[] = {
      {.kind = "normalize", .name = "normalize"},
      {.kind = "batch-normalisation", .name = "norm1"},
      {.kind = "convolution",
       .name = "conv1",
       .channels = 6,
       .kernel = 3,
       .stride = 1,
       .padding = 1},
      {.kind = "batch-normalisation", .name = "norm2"},
      {.kind = "relu", .name = "relu1"},
      {.kind = "max-pooling", .name = "pool1", .kernel = 2, .stride = 2},
      {.kind = "dense", .name = "dense1", .channels = 10},
  };
  const float mean[] = {0.5F, 0.4F, 0.3F};
  const float deviation[] = {0.2F, 0.3F, 0.4F};
  ag_layer_list list = {0};
  ag_network *network = NULL;
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
    assert_int_equal(ag_layer_list_append(&list, &all[i]), AG_OK);
  assert_int_equal(ag_network_create(&list, shape, 10, &network), AG_OK);
  ag_network_initialise(network, 3, mean, deviation);
  for (size_t i = 0; i < ag_network_parameter_count(network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    float *values = ag_network_block(network) + parameter->offset;
    if (parameter->averaged) test_fill(values, parameter->out, (uint32_t)i, 0.5F, 1.5F);
  }
  ag_network_prepare(network, false, NULL);
  return network;
}

static fixture *start_normalised(const char *epochs, const char *batch, const char *shard,
                                 const char *peak)
{
  fixture *f = start(epochs, batch, shard, peak);
  ag_network_destroy(&f->network);
  f->network = make_network();
  return f;
}

static const ag_parameter *parameter_of(const ag_network *network, const char *name)
{
  for (size_t i = 0; i < ag_network_parameter_count(network); ++i) {
    const ag_parameter *parameter = ag_network_parameter(network, i);
    if (strcmp(parameter->name, name) == 0) return parameter;
  }
  fail_msg("no parameter %s", name);
  return NULL;
}

static const float *values_of(const fixture *f, const char *name)
{
  return ag_network_values(f->network) + parameter_of(f->network, name)->offset;
}

/* ---- one step against a count by hand ---- */

enum { SHARD = 32 };

/* The images of a shard of the first epoch, in which the trainer takes them by this stream. */
static size_t fill_shard(const fixture *f, size_t number, float *pixels)
{
  uint32_t order[TRAINING];
  uint8_t labels[SHARD];
  const size_t begin = number * SHARD;
  const size_t count = TRAINING - begin < SHARD ? TRAINING - begin : SHARD;
  for (size_t i = 0; i < TRAINING; ++i)
    order[i] = (uint32_t)i;
  ag_random random = ag_random_stream(1, AG_PURPOSE_ORDER, 0, 0);
  ag_random_permutation(&random, TRAINING, order);
  ag_shard_fill(&f->dataset.training, shape, order + begin, 0, count, pixels, labels);
  return count;
}

/* Of channel c of the normalised pixels of `count` images: mean and variance, in double. */
static void moments(const ag_network *network, const float *pixels, size_t count, size_t c,
                    double result[2])
{
  const float *block = ag_network_values(network);
  const double mean = (double)block[parameter_of(network, "normalize/mean")->offset + c];
  const double deviation = (double)block[parameter_of(network, "normalize/deviation")->offset + c];
  const size_t rows = count * shape.height * shape.width;
  double sum = 0;
  double squares = 0;
  for (size_t row = 0; row < rows; ++row)
    sum += ((double)pixels[row * AG_CHANNEL_BLOCK + c] - mean) / deviation;
  sum /= (double)rows;
  for (size_t row = 0; row < rows; ++row) {
    squares += pow(((double)pixels[row * AG_CHANNEL_BLOCK + c] - mean) / deviation - sum, 2);
  }
  result[0] = sum;
  result[1] = squares / (double)rows;
}

/* Seven shards of 32 images and one of 16. */
static void a_step_goes_a_tenth_of_the_way(void **state)
{
  (void)state;
  fixture *f = start_normalised("1", "240", "32", "0.01");
  float *pixels = test_floats(SHARD * ag_shape_floats(shape));
  double sums[3][2] = {{0}};
  double want[3][2];
  for (size_t number = 0; number * SHARD < TRAINING; ++number) {
    const size_t count = fill_shard(f, number, pixels);
    for (size_t c = 0; c < 3; ++c) {
      double own[2];
      moments(f->network, pixels, count, c, own);
      for (size_t k = 0; k < 2; ++k)
        sums[c][k] += (double)count * own[k];
    }
  }
  for (size_t c = 0; c < 3; ++c) {
    want[c][0] = 0.9 * (double)values_of(f, "norm1/mean")[c] + 0.1 * sums[c][0] / TRAINING;
    want[c][1] = 0.9 * (double)values_of(f, "norm1/variance")[c] + 0.1 * sums[c][1] / TRAINING;
  }
  assert_int_equal(train(f, 2), AG_OK);
  assert_int_equal(f->steps, 1);
  for (size_t c = 0; c < 3; ++c) {
    assert_number_close((double)values_of(f, "norm1/mean")[c], want[c][0], 1e-6, 1e-6);
    assert_number_close((double)values_of(f, "norm1/variance")[c], want[c][1], 1e-6, 1e-6);
  }
  assert_padding_zero(values_of(f, "norm1/mean"), 1, 3);
  assert_padding_zero(values_of(f, "norm1/variance"), 1, 3);
  free(pixels);
  stop(f);
}

/* The same for the layer behind the convolution, whose statistics passes report. */
static void every_layer_takes_the_step(void **state)
{
  (void)state;
  static const char *const names[] = {"norm2/mean", "norm2/variance"};
  fixture *f = start_normalised("1", "240", "32", "0.01");
  ag_workspace *workspace = NULL;
  const size_t stride = ag_network_logit_stride(f->network);
  float *pixels = test_floats(SHARD * ag_shape_floats(shape));
  float *dlogits = test_floats(SHARD * stride);
  float *gradients = test_floats(ag_network_floats(f->network));
  float *want = test_copy(ag_network_values(f->network), ag_network_floats(f->network));
  uint32_t samples[SHARD] = {0};
  const ag_pass pass = {.training = true, .samples = samples};
  assert_int_equal(ag_workspace_create(f->network, SHARD, &workspace), AG_OK);
  ag_network_prepare(f->network, true, NULL);
  for (size_t number = 0; number * SHARD < TRAINING; ++number) {
    const size_t count = fill_shard(f, number, pixels);
    (void)ag_network_forward(f->network, workspace, &pass, pixels, count);
    ag_network_backward(f->network, workspace, dlogits, gradients, NULL);
  }
  assert_int_equal(train(f, 1), AG_OK);
  for (size_t k = 0; k < 2; ++k) {
    const ag_parameter *parameter = parameter_of(f->network, names[k]);
    for (size_t i = parameter->offset; i < parameter->offset + parameter->floats; ++i)
      want[i] = 0.9F * want[i] + 0.1F * gradients[i] / TRAINING;
    assert_close(values_of(f, names[k]), want + parameter->offset, parameter->floats, 1e-6, 1e-6);
    assert_true(gradients[parameter->offset] != 0);
  }
  float *const arrays[] = {pixels, dlogits, gradients, want};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; ++i)
    free(arrays[i]);
  ag_workspace_destroy(&workspace);
  stop(f);
}

/* ---- the stepper ---- */

enum { IMAGES = 16 };
static const size_t batch_shards[2] = {4, 4};

typedef struct step_fixture {
  fixture *f;
  batches *batches;
  ag_weights *weights;
  ag_stepper *stepper;
  uint64_t steps;
} step_fixture;

static step_fixture step_start(const char *averaging)
{
  step_fixture all = {.f = start_normalised("1", "240", "32", "0.01")};
  set(&all.f->training.settings, "clip", "0.5");
  set(&all.f->training.settings, "averaging", averaging);
  set(&all.f->training.optimizer.settings, "weight_decay", "0.5");
  all.batches = batches_start(all.f->network, MPI_COMM_SELF, 2, batch_shards);
  assert_int_equal(
      ag_stepper_create(&all.f->training, all.batches->pool, all.f->network, &all.stepper), AG_OK);
  assert_int_equal(ag_weights_create(all.f->network, &all.batches->team, all.batches->partition, 2,
                                     &all.weights),
                   AG_OK);
  ag_stepper_join(all.stepper, &all.batches->team, all.batches->sum, all.weights);
  return all;
}

static void step_stop(step_fixture *all)
{
  ag_stepper_destroy(&all->stepper);
  ag_weights_destroy(&all->weights);
  batches_stop(all->batches);
  stop(all->f);
}

/* A step down gradients whose averaged parts are `scale` times as large. sums: NULL, or receives
 * their sum, owned by the caller. Returns the norm. */
static double step(step_fixture *all, float scale, float **sums)
{
  const ag_network *network = all->f->network;
  const size_t shards = batch_shards[0];
  float **parts = batches_draw_all(network, (uint32_t)(10 * all->steps), shards, false);
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    for (size_t shard = 0; shard < shards && parameter->averaged; ++shard) {
      for (size_t i = 0; i < parameter->floats; ++i)
        parts[shard][parameter->offset + i] *= scale;
    }
  }
  const ag_shard_range batch = {0, shards};
  if (sums != NULL) *sums = batches_tree(parts, batch, ag_network_floats(network));
  const double norm = batches_take(all->batches, parts, shards);
  ag_stepper_step(all->stepper, all->steps++, IMAGES, 0.1, norm);
  for (size_t layer = 0; layer < all->batches->partition->layers; ++layer)
    ag_weights_await(all->weights, layer, true, NULL, NULL);
  ag_weights_settle(all->weights);
  batches_free(parts, shards);
  return norm;
}

/* What is averaged goes neither into the norm nor through clip, momentum, rate or decay, and
 * changes nothing for what is trained. */
static void statistics_are_not_descended(void **state)
{
  (void)state;
  enum { STEPS = 2 };
  step_fixture small = step_start("0");
  step_fixture large = step_start("0");
  const ag_network *network = large.f->network;
  const size_t floats = ag_network_floats(network);
  float *want = test_copy(ag_network_values(network), floats);
  for (uint32_t s = 0; s < STEPS; ++s) {
    float *sums = NULL;
    const double norm = step(&large, 1024, &sums);
    assert_true(step(&small, 0, NULL) == norm && norm > 0.5);
    for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
      const ag_parameter *parameter = ag_network_parameter(network, p);
      const size_t at = parameter->offset;
      if (parameter->averaged) {
        for (size_t i = at; i < at + parameter->floats; ++i)
          want[i] = 0.9F * want[i] + 0.1F * (sums[i] / IMAGES);
        assert_close(ag_network_values(network) + at, want + at, parameter->floats, 1e-5, 1e-6);
      } else {
        assert_same_bits(ag_network_values(network) + at, ag_network_values(small.f->network) + at,
                         parameter->floats);
      }
    }
    free(sums);
  }
  free(want);
  step_stop(&small);
  step_stop(&large);
}

/* Statistics follow into the average as weights do: first 0.9 of the way, then 9/11. */
static void statistics_are_averaged_as_weights_are(void **state)
{
  (void)state;
  step_fixture all = step_start("0.999");
  const size_t floats = ag_network_floats(all.f->network);
  const float *block = ag_network_values(all.f->network);
  float *want = test_copy(block, floats);
  for (uint32_t s = 0; s < 2; ++s) {
    const float share = s == 0 ? 0.9F : 9.0F / 11;
    step(&all, 4, NULL);
    for (size_t i = 0; i < floats; ++i)
      want[i] += share * (block[i] - want[i]);
  }
  ag_stepper_swap(all.stepper);
  assert_close(block, want, floats, 1e-7, 1e-6);
  free(want);
  step_stop(&all);
}

/* ---- whole trainings ---- */

static void threads_change_nothing(void **state)
{
  (void)state;
  fixture *one = start_normalised("2", "48", "10", "0.02");
  set(&one->training.settings, "averaging", "0.9");
  assert_int_equal(train(one, 1), AG_OK);
  for (size_t threads = 2; threads <= 5; ++threads) {
    fixture *f = start_normalised("2", "48", "10", "0.02");
    set(&f->training.settings, "averaging", "0.9");
    assert_int_equal(train(f, threads), AG_OK);
    assert_same_training(f, one);
    stop(f);
  }
  stop(one);
}

/* With and without images to validate on, after each of three epochs; with averaging and without.
 * What was validated is the network that evaluation sees. */
static void validation_changes_nothing(void **state)
{
  (void)state;
  static const char *const averaging[] = {"0", "0.9"};
  for (size_t k = 0; k < 2; ++k) {
    fixture *with = start_normalised("3", "48", "16", "0.02");
    fixture *without = start_normalised("3", "48", "16", "0.02");
    without->dataset.validation.count = 0;
    set(&with->training.settings, "averaging", averaging[k]);
    set(&without->training.settings, "averaging", averaging[k]);
    assert_int_equal(train(with, 2), AG_OK);
    assert_int_equal(train(without, 2), AG_OK);
    assert_true(isnan(without->epochs[2].validation_accuracy));
    assert_same_bits(ag_network_values(with->network), ag_network_values(without->network),
                     ag_network_floats(with->network));
    for (size_t i = 0; i < 3; ++i)
      assert_true(with->epochs[i].loss == without->epochs[i].loss);
    assert_number_close(with->epochs[2].validation_accuracy,
                        accuracy_on(with, &with->dataset.validation), 1e-12, 0);
    stop(with);
    stop(without);
  }
}

/* And evaluation does with the running statistics what training does with a shard's own. */
static void learns(void **state)
{
  (void)state;
  fixture *f = start_normalised("6", "32", "16", "0.02");
  assert_int_equal(train(f, 2), AG_OK);
  assert_true(f->epochs[5].loss < 0.8 * f->epochs[0].loss);
  assert_true(f->epochs[5].train_accuracy > f->epochs[0].train_accuracy + 0.1);
  assert_true(accuracy_on(f, &f->dataset.training) > 0.4);
  stop(f);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_step_goes_a_tenth_of_the_way),
      cmocka_unit_test(every_layer_takes_the_step),
      cmocka_unit_test(statistics_are_not_descended),
      cmocka_unit_test(statistics_are_averaged_as_weights_are),
      cmocka_unit_test(threads_change_nothing),
      cmocka_unit_test(validation_changes_nothing),
      cmocka_unit_test(learns),
  };
  return ranks_run(argc, argv, tests, COUNT_OF(tests));
}
