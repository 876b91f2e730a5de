/* The penalty on a network's parameters: its value, its gradient, and what it cannot be had for. */
#include "network/build.h"

#include "defense/bounds.h"

static const ag_penalty_wish wish = {.weight = 0.3, .samples = 6};

/* Two convolutions, one with a batch normalisation behind it, and what is not penalised. */
static ag_network *make_network(void)
{
  const ag_layer_description all[] = {
      {.kind = "normalize", .name = "normalize"},
      {.kind = "convolution",
       .name = "conv1",
       .channels = 9,
       .kernel = 3,
       .stride = 1,
       .padding = 1},
      {.kind = "batch-normalisation", .name = "norm1"},
      {.kind = "relu", .name = "relu1"},
      {.kind = "convolution", .name = "conv2", .channels = 5, .kernel = 5, .stride = 2},
      {.kind = "relu", .name = "relu2"},
      {.kind = "dense", .name = "dense1", .channels = 4},
  };
  return build_network(all, COUNT_OF(all), (ag_shape){9, 9, 3}, 4);
}

static ag_penalty *make_penalty(const ag_network *network)
{
  ag_penalty *penalty = NULL;
  if (ag_penalty_create(&wish, network, &penalty) != AG_OK) fail_msg("%s", ag_message());
  return penalty;
}

static void measure(ag_penalty *penalty)
{
  for (size_t part = ag_penalty_parts(penalty); part-- > 0;)
    ag_penalty_measure(penalty, part);
  ag_penalty_settle(penalty);
}

static double value_of(ag_penalty *penalty)
{
  measure(penalty);
  return ag_penalty_value(penalty);
}

/* ---- tests ---- */

/* weight (log bound(conv1) + log bound(norm1) + log bound(conv2)), at the samples wished for. */
static double value_by_hand(const ag_network *network)
{
  double sum = 0;
  size_t unused = 0;
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *weight = ag_network_parameter(network, p);
    if (strcmp(weight->name, "norm1/weight") == 0) {
      const ag_parameter *variance = ag_network_parameter(network, p + 3);
      assert_string_equal(variance->name, "norm1/variance");
      sum += log(ag_norm_bound(weight, variance, ag_network_values(network), &unused));
    } else if (weight->layout == AG_LAYOUT_CONVOLUTION) {
      const ag_toeplitz kernel = ag_toeplitz_of(weight, wish.samples);
      double *waves = (double *)test_bytes(ag_toeplitz_wave_doubles(&kernel) * sizeof *waves);
      double *scratch = (double *)test_bytes(ag_toeplitz_scratch(&kernel) * sizeof *scratch);
      ag_toeplitz_peak peaks[16];
      ag_toeplitz_waves(&kernel, waves);
      for (size_t block = 0; block < ag_toeplitz_blocks(&kernel); ++block) {
        ag_toeplitz_peaks(&kernel, waves, ag_network_values(network) + weight->offset, block,
                          scratch, peaks);
      }
      sum += log(ag_toeplitz_bound(&kernel, ag_toeplitz_total(&kernel, peaks)));
      free(scratch);
      free(waves);
    }
  }
  return wish.weight * sum;
}

static void it_is_the_sum_of_logarithms(void **state)
{
  (void)state;
  ag_network *network = make_network();
  ag_penalty *penalty = make_penalty(network);
  assert_number_close(value_of(penalty), value_by_hand(network), 0, 1e-14);
  ag_network_block(network)[ag_network_parameter(network, 2)->offset] += 1; /* conv1/weight */
  const double before = ag_penalty_value(penalty);
  assert_true(value_of(penalty) != before);
  assert_number_close(ag_penalty_value(penalty), value_by_hand(network), 0, 1e-14);
  ag_penalty_destroy(&penalty);
  assert_null(penalty);
  ag_network_destroy(&network);
}

/* Ones where the parameter has values, and not padding. */
static void mark(const ag_parameter *parameter, float *marked)
{
  const size_t count = ag_parameter_file_floats(parameter);
  float *ones = test_floats(count);
  for (size_t i = 0; i < count; ++i)
    ones[i] = 1;
  ag_parameter_import(parameter, ones, marked);
  free(ones);
}

/* Of every parameter, in pieces as a step takes them; what is not penalised has none. */
static void gradient_is_the_slope(void **state)
{
  (void)state;
  ag_network *network = make_network();
  ag_penalty *penalty = make_penalty(network);
  float *block = ag_network_block(network);
  float *gradient = test_floats(ag_network_floats(network));
  float *marked = test_floats(ag_network_floats(network));
  size_t penalised = 0;
  for (size_t i = 0; i < ag_network_floats(network); ++i)
    block[i] = roundf(1024 * block[i]) / 1024;
  measure(penalty);
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    for (size_t first = 0; first < parameter->floats; first += 100) {
      const size_t at = parameter->offset + first;
      ag_penalty_add(penalty, at, ag_minimum(100, parameter->floats - first), gradient + at);
    }
  }
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    mark(parameter, marked);
    for (size_t i = parameter->offset; i < parameter->offset + parameter->floats; ++i) {
      const float h = 1.0F / 1048576;
      const float value = block[i];
      if (marked[i] == 0 || !parameter->trained) { /* padding, and statistics */
        assert_true(gradient[i] == 0);
        continue;
      }
      block[i] = value + h;
      const double right = value_of(penalty);
      block[i] = value - h;
      const double left = value_of(penalty);
      block[i] = value;
      assert_number_close((double)gradient[i], (right - left) / (2 * (double)h), 1e-7, 1e-4);
      penalised += gradient[i] != 0;
    }
  }
  /* All taps, and the one channel of norm1 that decides. */
  assert_true(penalised == 3 * 3 * 3 * 9 + 5 * 5 * 9 * 5 + 1);
  free(marked);
  free(gradient);
  ag_penalty_destroy(&penalty);
  ag_network_destroy(&network);
}

static void layers_of_zeros_are_left_alone(void **state)
{
  (void)state;
  ag_network *network = make_network();
  ag_penalty *penalty = make_penalty(network);
  float *gradient = test_floats(ag_network_floats(network));
  memset(ag_network_block(network), 0, ag_network_floats(network) * sizeof(float));
  measure(penalty);
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    ag_penalty_add(penalty, parameter->offset, parameter->floats, gradient + parameter->offset);
  }
  for (size_t i = 0; i < ag_network_floats(network); ++i)
    assert_true(gradient[i] == 0);
  free(gradient);
  ag_penalty_destroy(&penalty);
  ag_network_destroy(&network);
}

/* ---- wishes ---- */

static void refuse(const ag_penalty_wish *wanted, const ag_network *network, const char *message)
{
  ag_penalty *penalty = NULL;
  assert_int_equal(ag_penalty_create(wanted, network, &penalty), AG_BAD_JOB);
  assert_null(penalty);
  assert_string_equal(ag_message(), message);
}

static void what_cannot_be_had_is_refused(void **state)
{
  (void)state;
  const ag_penalty_wish few = {.weight = 1, .samples = 4};
  ag_network *network = make_network();
  ag_network *linear = build_architecture("linear", (ag_shape){4, 4, 3}, 2);
  refuse(&few, network, "'samples' is 4; expected at least 5, the size of conv2's kernel");
  refuse(&wish, linear, "the model has no convolution to bound");
  ag_network_destroy(&linear);
  ag_network_destroy(&network);
}

/* Of the entries of a job: the weight asked for, and none where nothing is asked for. */
static void defenses_say_what_they_want(void **state)
{
  (void)state;
  ag_entry entry;
  ag_penalty_wish found = {0};
  ag_entry_start(&entry, ag_kind_find(ag_defense_table, "lipschitz"));
  assert_int_equal(ag_settings_set(&entry.settings, "weight", "0.5"), AG_OK);
  assert_int_equal(ag_settings_set(&entry.settings, "samples", "12"), AG_OK);
  assert_true(ag_defense_penalty(&entry, &found));
  assert_true(found.weight == 0.5 && found.samples == 12);
  ag_entry_start(&entry, ag_kind_find(ag_defense_table, "adversarial-training"));
  assert_false(ag_defense_penalty(&entry, &found));
  assert_int_equal(ag_settings_set(&entry.settings, "lipschitz", "0.25"), AG_OK);
  assert_true(ag_defense_penalty(&entry, &found));
  assert_true(found.weight == 0.25 && found.samples == 10);
  ag_entry_start(&entry, ag_kind_find(ag_defense_table, "none"));
  assert_false(ag_defense_penalty(&entry, &found));
}

static void leaves_no_memory(void **state)
{
  (void)state;
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_is_the_sum_of_logarithms),
      cmocka_unit_test(gradient_is_the_slope),
      cmocka_unit_test(layers_of_zeros_are_left_alone),
      cmocka_unit_test(what_cannot_be_had_is_refused),
      cmocka_unit_test(defenses_say_what_they_want),
      cmocka_unit_test(leaves_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
