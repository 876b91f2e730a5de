/* The losses of the defense latent: what its options come to, and a shard's term against its parts.
 */
#include "support/networks.h"

#include "advgrid/defense.h"
#include "defense/distances.h"

enum { COUNT = 6, FLOATS = 8, IMAGES = 40 };
static const uint8_t labels[COUNT] = {0, 1, 0, 2, 1, 0};

static ag_entry entry_of(const char *loss)
{
  ag_entry entry;
  ag_entry_start(&entry, ag_kind_find(ag_defense_table, "latent"));
  assert_int_equal(ag_settings_set(&entry.settings, "loss", loss), AG_OK);
  return entry;
}

static void set(ag_entry *entry, const char *option, const char *value)
{
  assert_int_equal(ag_settings_set(&entry->settings, option, value), AG_OK);
}

static void nothing_is_added_unless_asked_for(void **state)
{
  (void)state;
  static const char *const kinds[] = {"none", "latent", "adversarial-training"};
  for (size_t i = 0; i < 3; ++i) {
    ag_entry entry;
    ag_latent_term term = {.loss = AG_LATENT_TRIPLET};
    ag_adversarial how;
    ag_entry_start(&entry, ag_kind_find(ag_defense_table, kinds[i]));
    assert_false(ag_defense_latent_term(&entry, &term));
    assert_int_equal(term.loss, AG_LATENT_NONE);
    assert_int_equal(ag_defense_adversarial(&entry, &how), i == 2);
  }
}

static void options_are_taken_over(void **state)
{
  (void)state;
  ag_latent_term term;
  ag_adversarial how;
  ag_neighbours_wish wish;
  ag_entry entry = entry_of("contrastive");
  assert_true(ag_defense_latent_term(&entry, &term));
  assert_true(term.loss == AG_LATENT_CONTRASTIVE && term.margin == 2);
  assert_string_equal(term.layer, "dense1");
  assert_false(ag_defense_adversarial(&entry, &how));
  assert_true(ag_defense_neighbours(&entry, &wish));
  entry = entry_of("triplet");
  assert_true(ag_defense_latent_term(&entry, &term) && term.margin == 20);
  set(&entry, "layer", "conv6");
  set(&entry, "margin", "3.5");
  set(&entry, "weight", "1/8");
  set(&entry, "attack", "fgsm");
  set(&entry, "epsilon", "0.1");
  set(&entry, "warmup", "2");
  set(&entry, "classify", "logits");
  assert_true(ag_defense_latent_term(&entry, &term));
  assert_true(term.loss == AG_LATENT_TRIPLET && term.margin == 3.5 && term.weight == 0.125);
  assert_string_equal(term.layer, "conv6");
  assert_true(ag_defense_adversarial(&entry, &how));
  assert_true(how.steps == 1 && how.mix == 1 && how.warmup == 2);
  assert_number_close((double)how.step_size, 0.125, 0, 1e-6);
  assert_false(how.judged || how.keeps_best);
  assert_false(ag_defense_neighbours(&entry, &wish));
}

/* The loss of pairs and of triplets, with the weight, as a share of the batch's images. */
static void a_term_is_its_losses_sum(void **state)
{
  (void)state;
  float *points = test_activations(2 * (size_t)COUNT, FLOATS, 1);
  float got[2 * COUNT * FLOATS];
  float want[2 * COUNT * FLOATS];
  float *behind = want + (size_t)COUNT * FLOATS;
  const double scale = 0.25 / IMAGES;
  ag_latent_term term = {AG_LATENT_CONTRASTIVE, "", 4, 0.25};
  double sum = ag_latent_contrastive(COUNT, FLOATS, points, labels, 4, scale, want);
  assert_true(ag_latent_term_gradient(&term, COUNT, IMAGES, FLOATS, points, labels, got) ==
              0.25 * sum);
  assert_same_bits(got, want, (size_t)COUNT * FLOATS);
  term.loss = AG_LATENT_TRIPLET;
  sum = ag_latent_triplet(COUNT, FLOATS, points, points + (size_t)COUNT * FLOATS, labels, 4, scale,
                          want, behind);
  assert_true(ag_latent_term_gradient(&term, COUNT, IMAGES, FLOATS, points, labels, got) ==
              0.25 * sum);
  assert_same_bits(got, want, (size_t)2 * COUNT * FLOATS);
  assert_true(sum > 0);
  free(points);
}

/* Equation 5 of the paper adds the term of a pair to the cross-entropies of both: a shard of two at
 * a weight of a half. */
static void half_a_weight_is_the_papers(void **state)
{
  (void)state;
  const float points[] = {0, 0, 3, 4};
  const uint8_t same[] = {7, 7};
  float gradient[4];
  const ag_latent_term term = {AG_LATENT_CONTRASTIVE, "", 2, 0.5};
  assert_number_close(ag_latent_term_gradient(&term, 2, 2, 2, points, same, gradient), 25, 1e-12,
                      0);
}

static void costs_are_by_hand(void **state)
{
  (void)state;
  ag_network *network = network_by_hand((network_wish){.shape = {6, 6, 3}, .classes = 4});
  const size_t floats = (size_t)3 * 3 * 8;
  const size_t image = (size_t)6 * 6 * 8;
  ag_latent_term term = {AG_LATENT_NONE, "conv1", 2, 1};
  ag_latent_cost cost = ag_latent_term_cost(&term, network, 10);
  assert_true(cost.views == 1 && cost.flops == 0 && cost.bytes == 0);
  term.loss = AG_LATENT_CONTRASTIVE;
  cost = ag_latent_term_cost(&term, network, 10);
  assert_int_equal(cost.views, 1);
  assert_number_close(cost.flops, 4.5 * 8 * (double)floats, 0, 1e-12);
  assert_int_equal(cost.bytes, 10 * floats * sizeof(float));
  term.loss = AG_LATENT_TRIPLET;
  cost = ag_latent_term_cost(&term, network, 10);
  assert_int_equal(cost.views, 2);
  assert_number_close(cost.flops, (10 * 3 + 10) * (double)floats, 0, 1e-12);
  assert_int_equal(cost.bytes, 10 * (2 * floats + image) * sizeof(float));
  ag_network_destroy(&network);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_added_unless_asked_for),
      cmocka_unit_test(options_are_taken_over),
      cmocka_unit_test(a_term_is_its_losses_sum),
      cmocka_unit_test(half_a_weight_is_the_papers),
      cmocka_unit_test(costs_are_by_hand),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return failed != 0 || ag_live_blocks() != 0;
}
