/* The defense adversarial-training: what its options come to, in layers, draws and attacks. */
#include "support/fixture.h"

#include "advgrid/defense.h"

enum { CLASSES = 10, MORE = 4 };

typedef struct choice {
  const char *name, *value;
} choice;

static ag_entry entry_of(const choice choices[MORE])
{
  ag_entry entry;
  ag_entry_start(&entry, ag_kind_find(ag_defense_table, "adversarial-training"));
  for (size_t i = 0; i < MORE && choices[i].name != NULL; ++i)
    assert_int_equal(ag_settings_set(&entry.settings, choices[i].name, choices[i].value), AG_OK);
  return entry;
}

static ag_status layers_of(const ag_entry *entry, ag_layer_list *layers)
{
  ag_entry model;
  ag_entry_start(&model, ag_kind_find(ag_architecture_table, "small"));
  return ag_defense_layers(entry, &model, CLASSES, layers);
}

static void steps_are_as_long_as_published(void **state)
{
  (void)state;
  static const struct {
    choice choices[MORE];
    size_t steps;
    double step_size; /* for an epsilon of 0.1 */
  } cases[] = {
      {{{"attack", "fgsm"}}, 1, 0.125},
      {{{"attack", "fgsm"}, {"random_start", "false"}}, 1, 0.1},
      {{{"attack", "fgsm"}, {"step_size", "0.07"}}, 1, 0.07},
      {{{"attack", "pgd"}}, 10, 0.025},
      {{{"steps", "5"}, {"random_start", "false"}}, 5, 0.05},
      {{{"steps", "7"}, {"step_size", "2/255"}}, 7, 2.0 / 255},
      {{{"steps", "7"}, {"step_size", "0"}}, 7, 0.25 / 7},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    ag_entry entry = entry_of(cases[i].choices);
    ag_adversarial how;
    assert_int_equal(ag_settings_set(&entry.settings, "epsilon", "0.1"), AG_OK);
    assert_true(ag_defense_adversarial(&entry, &how));
    assert_int_equal(how.steps, cases[i].steps);
    assert_number_close((double)how.step_size, cases[i].step_size, 0, 1e-6);
    assert_number_close((double)how.epsilon, 0.1, 0, 1e-6);
    assert_int_equal(ag_adversarial_cost(&how).gradients, cases[i].steps);
    assert_int_equal(ag_adversarial_cost(&how).forwards, 0);
  }
}

static void the_rest_is_taken_over(void **state)
{
  (void)state;
  ag_adversarial how;
  ag_entry entry = entry_of((choice[MORE]){{NULL, NULL}});
  assert_true(ag_defense_adversarial(&entry, &how));
  assert_true(how.random_start && how.keeps_best && how.mix == 1 && how.warmup == 0);
  assert_number_close((double)how.epsilon, 8.0 / 255, 0, 1e-6);
  entry = entry_of(
      (choice[MORE]){{"restarts", "3"}, {"mix", "1/4"}, {"warmup", "2.5"}, {"keep", "last"}});
  assert_true(ag_defense_adversarial(&entry, &how));
  assert_true(how.restarts == 3 && how.mix == 0.25 && how.warmup == 2.5 && !how.keeps_best);
  assert_int_equal(ag_adversarial_cost(&how).gradients, 30);
  assert_int_equal(ag_adversarial_cost(&how).forwards, 3);
}

static void others_learn_images_as_they_are(void **state)
{
  (void)state;
  static const char *const kinds[] = {"none", "gaussian-noise"};
  for (size_t i = 0; i < 2; ++i) {
    ag_entry entry;
    ag_adversarial how;
    ag_entry_start(&entry, ag_kind_find(ag_defense_table, kinds[i]));
    assert_false(ag_defense_adversarial(&entry, &how));
  }
}

static void noise_is_there_where_sigma_is(void **state)
{
  (void)state;
  ag_layer_list plain;
  ag_layer_list noisy;
  ag_entry entry = entry_of((choice[MORE]){{"after", "nowhere"}});
  assert_int_equal(layers_of(&entry, &plain), AG_OK);
  assert_int_equal(ag_defense_draws(&entry).verdict, 1);
  assert_int_equal(ag_defense_draws(&entry).attack, 1);
  entry = entry_of((choice[MORE]){{"after", "conv2"}, {"sigma", "0.2"}});
  assert_int_equal(layers_of(&entry, &noisy), AG_OK);
  assert_int_equal(noisy.count, plain.count + 1);
  size_t place = 0;
  while (strcmp(noisy.layers[place].kind, "gaussian-noise") != 0)
    ++place;
  assert_string_equal(noisy.layers[place - 1].name, "conv2");
  assert_number_close(noisy.layers[place].strength, 0.2, 0, 1e-15);
  assert_int_equal(ag_defense_draws(&entry).verdict, 20);
  assert_int_equal(ag_defense_draws(&entry).attack, 20);
}

static void what_makes_no_sense_is_named(void **state)
{
  (void)state;
  static const struct {
    choice choices[MORE];
    const char *expected;
  } cases[] = {
      {{{"attack", "fgsm"}, {"steps", "4"}}, "'steps' is 4; expected 1, or attack: pgd"},
      {{{"restarts", "2"}, {"random_start", "false"}}, "'restarts' is 2"},
      {{{"sigma", "0.1"}, {"after", "cnov1"}}, "did you mean 'conv1'?"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    ag_layer_list layers;
    const ag_entry entry = entry_of(cases[i].choices);
    assert_int_equal(layers_of(&entry, &layers), AG_BAD_JOB);
    if (strstr(ag_message(), cases[i].expected) == NULL) fail_msg("%s", ag_message());
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_are_as_long_as_published),
      cmocka_unit_test(the_rest_is_taken_over),
      cmocka_unit_test(others_learn_images_as_they_are),
      cmocka_unit_test(noise_is_there_where_sigma_is),
      cmocka_unit_test(what_makes_no_sense_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
