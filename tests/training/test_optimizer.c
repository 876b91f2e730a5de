/* One step of the optimizer against PyTorch's formulas in double, written out value by value, and
 * what clips a gradient, over ranges of any length. */
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

/* The step under test, over the trained parameters. */
static void make_step(fixture *f, double rate, float factor)
{
  for (size_t p = 0; p < ag_network_parameter_count(f->network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(f->network, p);
    const size_t at = parameter->offset;
    if (!parameter->trained) continue;
    ag_optimizer_step(&f->optimizer, rate, factor, parameter->decayed, parameter->floats,
                      f->gradients + at, ag_network_block(f->network) + at, f->velocity + at);
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
      make_step(f, rate, 1);
    }
    for (size_t i = 0; i < f->floats; ++i)
      assert_number_close((double)ag_network_values(f->network)[i], f->want[i], 1e-6, 1e-6);
    stop(f);
  }
}

static void decay_alone_shrinks_weights_alone(void **state)
{
  (void)state;
  fixture *f = start("false", "0", "0.25");
  make_step(f, 0.4, 1);
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

/* Cut anywhere, it is the same step to the bit, and nothing beside a range is touched. */
static void ranges_come_to_the_same(void **state)
{
  (void)state;
  enum { COUNT = 1000 };
  static const size_t ends[] = {0, 1, 17, 24, 500, COUNT};
  fixture *f = start("true", "0.9", "0.1");
  float *want[2] = {test_floats(COUNT), test_floats(COUNT)};
  float *got[2] = {test_floats(COUNT), test_floats(COUNT)};
  for (size_t i = 0; i < 2; ++i) {
    test_fill(want[i], COUNT, 7 + (uint32_t)i, -1, 1);
    memcpy(got[i], want[i], COUNT * sizeof *got[i]);
  }
  ag_optimizer_step(&f->optimizer, 0.1, 0.5F, true, COUNT, f->before, want[0], want[1]);
  for (size_t i = 1; i < sizeof ends / sizeof *ends; ++i) {
    const size_t at = ends[i - 1];
    ag_optimizer_step(&f->optimizer, 0.1, 0.5F, true, ends[i] - at, f->before + at, got[0] + at,
                      got[1] + at);
    assert_same_bits(got[0], want[0], ends[i]);
    assert_same_bits(got[1], want[1], ends[i]);
    if (i + 1 < sizeof ends / sizeof *ends)
      assert_memory_not_equal(got[0], want[0], COUNT * sizeof **got);
  }
  for (size_t i = 0; i < 2; ++i) {
    free(want[i]);
    free(got[i]);
  }
  stop(f);
}

/* ---- clipping ---- */

static void squares_agree_with_a_plain_sum(void **state)
{
  (void)state;
  static const size_t counts[] = {0, 1, 7, 8, 9, 16, 1003};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; ++i) {
    float *values = test_floats(counts[i]);
    test_fill(values, counts[i], (uint32_t)i, -3, 3);
    assert_number_close(ag_gradient_squares(counts[i], values), test_dot(values, values, counts[i]),
                        0, 1e-14);
    free(values);
  }
}

/* Floats whose squares are no floats. */
static void squares_neither_overflow_nor_vanish(void **state)
{
  (void)state;
  const float values[] = {3e30F, 1e-30F, -4e30F};
  assert_number_close(ag_gradient_squares(3, values), 25e60, 0, 1e-6);
  assert_number_close(ag_gradient_squares(1, values + 1), 1e-60, 0, 1e-6);
}

/* What is no number shows, wherever it is: the trainer stops on it. */
static void squares_show_what_is_not_finite(void **state)
{
  (void)state;
  static const float values[] = {NAN, INFINITY, -INFINITY};
  enum { COUNT = 13 };
  for (size_t i = 0; i < 3; ++i) {
    for (size_t at = 0; at < COUNT; ++at) {
      float gradients[COUNT] = {0};
      gradients[at] = values[i];
      assert_true(!isfinite(ag_gradient_squares(COUNT, gradients)));
    }
  }
}

static void clipping_scales_to_the_limit(void **state)
{
  (void)state;
  assert_number_close((double)ag_gradient_clip(8, 2), 0.25, 0, 0);
  assert_number_close((double)ag_gradient_clip(3, 0.1), 0.1 / 3, 0, 1e-7);
  assert_number_close((double)ag_gradient_clip(1e-3, 1e-9), 1e-6, 0, 1e-7);
}

static void clipping_leaves_the_short_alone(void **state)
{
  (void)state;
  static const double cases[][2] = {{5, 0}, {5, 5}, {5, 5.01}, {0, 0}, {0, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
    assert_true(ag_gradient_clip(cases[i][0], cases[i][1]) == 1);
}

/* The factor is the gradient's alone: the decay of the weights is not scaled with it. */
static void clipping_scales_the_gradient_before_the_decay(void **state)
{
  (void)state;
  fixture *f = start("false", "0", "0.25");
  const float gradient = 8;
  float weight = 2;
  float velocity = 0;
  ag_optimizer_step(&f->optimizer, 0.5, 0.125F, true, 1, &gradient, &weight, &velocity);
  assert_number_close((double)weight, 2 - 0.5 * (8 * 0.125 + 0.25 * 2), 1e-7, 0);
  assert_number_close((double)gradient, 8, 0, 0);
  stop(f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_agree_with_pytorch),
      cmocka_unit_test(decay_alone_shrinks_weights_alone),
      cmocka_unit_test(ranges_come_to_the_same),
      cmocka_unit_test(squares_agree_with_a_plain_sum),
      cmocka_unit_test(squares_neither_overflow_nor_vanish),
      cmocka_unit_test(squares_show_what_is_not_finite),
      cmocka_unit_test(clipping_scales_to_the_limit),
      cmocka_unit_test(clipping_leaves_the_short_alone),
      cmocka_unit_test(clipping_scales_the_gradient_before_the_decay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
