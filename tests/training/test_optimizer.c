/* One step of the optimizer against PyTorch's formulas in double, written out value by value, and
 * the clipping of gradients. */
#include "support/networks.h"

#include "advgrid/training.h"

enum { STEPS = 3 };

typedef struct fixture {
  ag_network *network;
  ag_entry optimizer;
  size_t floats;
  float *gradients, *velocity, *before;
  double *want, *momentum; /* of the reference */
} fixture;

static fixture *start(const char *nesterov, const char *momentum, const char *decay)
{
  fixture *f = (fixture *)test_bytes(sizeof *f);
  f->network = network_by_hand(
      (network_wish){.shape = {6, 6, 3}, .classes = 10, .mean = 0.4F, .deviation = 0.2F});
  f->floats = ag_network_floats(f->network);
  f->gradients = test_floats(f->floats);
  f->velocity = test_floats(f->floats);
  f->before = test_copy(ag_network_values(f->network), f->floats);
  f->want = (double *)test_bytes(f->floats * sizeof(double));
  f->momentum = (double *)test_bytes(f->floats * sizeof(double));
  for (size_t i = 0; i < f->floats; ++i)
    f->want[i] = (double)f->before[i];
  ag_entry_start(&f->optimizer, ag_kind_find(ag_optimizer_table, "sgd"));
  assert_int_equal(ag_settings_set(&f->optimizer.settings, "nesterov", nesterov), AG_OK);
  assert_int_equal(ag_settings_set(&f->optimizer.settings, "momentum", momentum), AG_OK);
  assert_int_equal(ag_settings_set(&f->optimizer.settings, "weight_decay", decay), AG_OK);
  return f;
}

static void stop(fixture *f)
{
  ag_network_destroy(&f->network);
  free(f->gradients);
  free(f->velocity);
  free(f->before);
  free(f->want);
  free(f->momentum);
  free(f);
}

/* Gradients everywhere but in padding, on constants too: they must not count. */
static void fill_gradients(fixture *f, uint32_t stream)
{
  float *file = test_floats(f->floats);
  memset(f->gradients, 0, f->floats * sizeof *f->gradients);
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    test_fill(file, ag_parameter_file_floats(parameter), stream + (uint32_t)p, -1, 1);
    ag_parameter_import(parameter, file, f->gradients);
  }
  free(file);
}

/* torch.optim.SGD with dampening 0: the decay joins the gradient before the momentum does, and
 * the velocity of the first step is the gradient. Weights decay, biases do not. */
static void step_by_hand(fixture *f, bool first, double rate, double momentum, bool nesterov,
                         double decay)
{
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    const bool weight = strstr(parameter->name, "/weight") != NULL;
    const bool bias = strstr(parameter->name, "/bias") != NULL;
    if (!weight && !bias) continue;
    for (size_t i = parameter->offset; i < parameter->offset + parameter->floats; ++i) {
      const double d = (double)f->gradients[i] + (weight ? decay * f->want[i] : 0);
      f->momentum[i] = first ? d : momentum * f->momentum[i] + d;
      f->want[i] -= rate * (nesterov ? d + momentum * f->momentum[i] : f->momentum[i]);
    }
  }
}

static void steps_agree_with_pytorch(void **state)
{
  (void)state;
  static const struct {
    const char *nesterov, *momentum, *decay;
    double momentum_value, decay_value;
  } cases[] = {
      {"true", "0.9", "5e-4", 0.9, 5e-4}, {"false", "0.9", "5e-4", 0.9, 5e-4},
      {"true", "0.9", "0.5", 0.9, 0.5},   {"false", "0", "0", 0, 0},
      {"true", "0.5", "0", 0.5, 0},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
    fixture *f = start(cases[c].nesterov, cases[c].momentum, cases[c].decay);
    for (size_t step = 0; step < STEPS; ++step) {
      const double rate = 0.1 / (double)(1 + step);
      fill_gradients(f, (uint32_t)(100 * step));
      step_by_hand(f, step == 0, rate, cases[c].momentum_value,
                   strcmp(cases[c].nesterov, "true") == 0, cases[c].decay_value);
      ag_optimizer_step(&f->optimizer, f->network, rate, f->gradients, f->velocity);
    }
    for (size_t i = 0; i < f->floats; ++i)
      assert_number_close((double)ag_network_values(f->network)[i], f->want[i], 1e-6, 1e-6);
    stop(f);
  }
}

static void constants_and_padding_stay(void **state)
{
  (void)state;
  fixture *f = start("true", "0.9", "0.1");
  for (uint32_t step = 0; step < STEPS; ++step) {
    fill_gradients(f, 100 * step);
    ag_optimizer_step(&f->optimizer, f->network, 0.1, f->gradients, f->velocity);
  }
  const float *block = ag_network_values(f->network);
  float *file = test_floats(f->floats);
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    if (strncmp(parameter->name, "normalize/", 10) == 0) {
      assert_same_bits(block + parameter->offset, f->before + parameter->offset, parameter->floats);
      continue;
    }
    /* Only what a file holds may be there: the rest is padding. */
    float *plain = test_floats(f->floats);
    ag_parameter_export(parameter, block, file);
    ag_parameter_import(parameter, file, plain);
    assert_same_bits(block + parameter->offset, plain + parameter->offset, parameter->floats);
    free(plain);
  }
  free(file);
  stop(f);
}

static void decay_alone_shrinks_weights_alone(void **state)
{
  (void)state;
  fixture *f = start("false", "0", "0.25");
  ag_optimizer_step(&f->optimizer, f->network, 0.4, f->gradients, f->velocity);
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    const double share = strstr(parameter->name, "/weight") != NULL ? 1 - 0.4 * 0.25 : 1;
    for (size_t i = parameter->offset; i < parameter->offset + parameter->floats; ++i) {
      assert_number_close((double)ag_network_values(f->network)[i], share * (double)f->before[i],
                          1e-8, 1e-6);
    }
  }
  stop(f);
}

/* ---- clipping ---- */

static double norm_of_trained(const fixture *f)
{
  double squares = 0;
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    if (!parameter->trained) continue;
    squares += test_dot(f->gradients + parameter->offset, f->gradients + parameter->offset,
                        parameter->floats);
  }
  return sqrt(squares);
}

static void clipping_scales_to_the_limit(void **state)
{
  (void)state;
  fixture *f = start("true", "0.9", "0");
  fill_gradients(f, 1);
  float *before = test_copy(f->gradients, f->floats);
  const double norm = norm_of_trained(f);
  assert_number_close(ag_gradient_clip(f->network, norm / 4, f->gradients), norm, 0, 1e-9);
  assert_number_close(norm_of_trained(f), norm / 4, 0, 1e-6);
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    for (size_t i = 0; i < parameter->floats && parameter->trained; ++i) {
      assert_number_close((double)f->gradients[parameter->offset + i],
                          (double)before[parameter->offset + i] / 4, 1e-9, 1e-6);
    }
  }
  free(before);
  stop(f);
}

static void clipping_leaves_the_short_alone(void **state)
{
  (void)state;
  static const double limits[] = {0, 1.01};
  fixture *f = start("true", "0.9", "0");
  fill_gradients(f, 1);
  float *before = test_copy(f->gradients, f->floats);
  const double norm = norm_of_trained(f);
  for (size_t i = 0; i < 2; ++i) {
    assert_number_close(ag_gradient_clip(f->network, limits[i] * norm, f->gradients), norm, 0,
                        1e-9);
    assert_same_bits(f->gradients, before, f->floats);
  }
  free(before);
  stop(f);
}

/* A norm that is no number comes back as such: the trainer stops on it. */
static void clipping_shows_what_is_not_finite(void **state)
{
  (void)state;
  static const float values[] = {NAN, INFINITY};
  for (size_t i = 0; i < 2; ++i) {
    fixture *f = start("true", "0.9", "0");
    fill_gradients(f, 1);
    const ag_parameter *last =
        ag_network_parameter(f->network, ag_network_parameter_count(f->network) - 1);
    f->gradients[last->offset] = values[i];
    assert_true(!isfinite(ag_gradient_clip(f->network, 1, f->gradients)));
    stop(f);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_agree_with_pytorch),
      cmocka_unit_test(constants_and_padding_stay),
      cmocka_unit_test(decay_alone_shrinks_weights_alone),
      cmocka_unit_test(clipping_scales_to_the_limit),
      cmocka_unit_test(clipping_leaves_the_short_alone),
      cmocka_unit_test(clipping_shows_what_is_not_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
