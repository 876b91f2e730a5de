/* Two defenses on the same images: counting by hand, Newcombe's interval against published numbers
 * and his formula in Python, McNemar's test against exact fractions, Holm's correction by hand. */
#include "support/fixture.h"

#include "advgrid/evaluation.h"

/* ---- counting ------------------------------------------------------------------------------- */

/* Label 3, and what was said clean and under attack. */
static ag_outcome image(uint32_t index, uint8_t clean, uint8_t attacked)
{
  return (ag_outcome){
      .index = index, .label = 3, .clean_prediction = clean, .prediction = attacked};
}

static void counts_the_images_of_both(void **state)
{
  (void)state;
  const ag_outcome first[] = {image(0, 3, 3), image(1, 3, 3), image(2, 3, 4),
                              image(4, 3, 3), image(5, 1, 1), image(7, 3, 3)};
  const ag_outcome second[] = {image(1, 3, 3), image(2, 3, 3), image(3, 3, 3),
                               image(4, 3, 0), image(5, 1, 3), image(7, 3, AG_NO_CLASS),
                               image(9, 3, 3)};
  ag_pairs pairs;
  assert_true(ag_pair_outcomes(first, 6, second, 7, &pairs));
  /* 1 in both; 4 and 7 in the first alone; 2 in the second alone; 5 is wrong without an attack. */
  assert_true(pairs.both == 1 && pairs.first == 2 && pairs.second == 1 && pairs.neither == 1);
  assert_true(ag_pair_outcomes(second, 7, first, 6, &pairs));
  assert_true(pairs.both == 1 && pairs.first == 1 && pairs.second == 2 && pairs.neither == 1);
  assert_true(ag_pair_outcomes(first, 1, second, 7, &pairs));
  assert_true(pairs.both + pairs.first + pairs.second + pairs.neither == 0);
  assert_true(ag_pair_outcomes(NULL, 0, NULL, 0, &pairs));
}

static void other_labels_are_other_images(void **state)
{
  (void)state;
  const ag_outcome first[] = {image(0, 3, 3), image(1, 3, 3)};
  ag_outcome second[] = {image(0, 3, 3), image(1, 3, 3)};
  ag_pairs pairs;
  second[1].label = 4;
  assert_false(ag_pair_outcomes(first, 2, second, 2, &pairs));
  second[1].index = 2;
  assert_true(ag_pair_outcomes(first, 2, second, 2, &pairs));
}

/* ---- statistics ----------------------------------------------------------------------------- */

static const struct {
  ag_pairs pairs;
  double low, high; /* of second - first */
  double probability;
} known[] = {
    {{36, 2, 12, 0}, 0.05692958400323875, 0.3404276029749406, 0.012939453125},
    {{1, 7, 1, 12}, -0.506920226686141, -0.02555912416485978, 0.0703125},
    {{59, 16, 6, 80}, -0.11862119563870992, -0.004625113933050061, 0.052478790283203125},
    {{20, 2, 12, 16}, 0.056156424841748265, 0.32920699540014053, 0.012939453125},
    {{14, 0, 5, 22}, 0.01148324138303325, 0.2264926843512112, 0.0625},
    {{212, 256, 144, 707}, -0.11419153280506708, -0.055433472684332845, 2.3308680873706575e-08},
    {{0, 7, 5, 3}, -0.5109999084458986, 0.293503107656491, 0.7744140625},
    {{500, 8, 30, 462}, 0.009842687458646084, 0.034125426168817016, 0.0004719867429230362},
    {{30, 0, 0, 0}, -0.1135133931739688, 0.1135133931739688, 1},
    {{53, 1, 0, 0}, -0.09771437488781931, 0.04962166188940402, 1},
    {{0, 0, 30, 0}, 0.8394678198623838, 1, 1.862645149230957e-09},
};
enum { KNOWN = sizeof known / sizeof *known };

static void has_its_known_values(void **state)
{
  (void)state;
  for (size_t i = 0; i < KNOWN; ++i) {
    const ag_interval interval = ag_paired_interval(&known[i].pairs);
    assert_number_close(interval.low, known[i].low, 1e-12, 1e-10);
    assert_number_close(interval.high, known[i].high, 1e-12, 1e-10);
    assert_number_close(ag_mcnemar_test(&known[i].pairs), known[i].probability, 0, 1e-9);
  }
  /* Newcombe 1998, table III; Fagerland, Lydersen and Laake 2017, section 8.6. */
  const ag_interval table = ag_paired_interval(&known[0].pairs);
  assert_number_close(table.low, 0.0569, 5e-5, 0);
  assert_number_close(table.high, 0.3404, 5e-5, 0);
  const ag_interval bentur = ag_paired_interval(&known[1].pairs);
  assert_number_close(bentur.low, -0.507, 5e-4, 0);
  assert_number_close(bentur.high, -0.026, 5e-4, 0);
}

/* The other way round everything has the other sign. */
static void is_symmetric(void **state)
{
  (void)state;
  for (size_t i = 0; i < KNOWN; ++i) {
    const ag_pairs pairs = known[i].pairs;
    const ag_pairs turned = {pairs.both, pairs.second, pairs.first, pairs.neither};
    const ag_interval one = ag_paired_interval(&pairs);
    const ag_interval other = ag_paired_interval(&turned);
    assert_number_close(one.low, -other.high, 1e-15, 1e-13);
    assert_number_close(one.high, -other.low, 1e-15, 1e-13);
    assert_true(ag_mcnemar_test(&pairs) == ag_mcnemar_test(&turned));
  }
}

static void of_no_image_nothing_is_known(void **state)
{
  (void)state;
  const ag_pairs none = {0};
  const ag_interval interval = ag_paired_interval(&none);
  assert_true(interval.low == -1 && interval.high == 1 && ag_mcnemar_test(&none) == 1);
}

/* By hand: 4 * 0.01; 3 * 0.02 and not less than the one before; 2 * 0.025 is, so 0.06; 1 * 0.9. */
static void corrects_for_several_tests(void **state)
{
  (void)state;
  const double probabilities[] = {0.9, 0.01, 0.025, 0.02};
  const double wanted[] = {0.9, 0.04, 0.06, 0.06};
  const double large[] = {0.6, 0.7, 0.5};
  double adjusted[4];
  assert_int_equal(ag_holm_adjust(4, probabilities, adjusted), AG_OK);
  for (size_t i = 0; i < 4; ++i)
    assert_number_close(adjusted[i], wanted[i], 0, 1e-12);
  assert_int_equal(ag_holm_adjust(3, large, adjusted), AG_OK);
  for (size_t i = 0; i < 3; ++i)
    assert_true(adjusted[i] == 1);
  assert_int_equal(ag_holm_adjust(1, &large[2], adjusted), AG_OK);
  assert_true(adjusted[0] == 0.5);
  assert_int_equal(ag_holm_adjust(0, NULL, NULL), AG_OK);
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_the_images_of_both),
      cmocka_unit_test(other_labels_are_other_images),
      cmocka_unit_test(has_its_known_values),
      cmocka_unit_test(is_symmetric),
      cmocka_unit_test(of_no_image_nothing_is_known),
      cmocka_unit_test(corrects_for_several_tests),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
