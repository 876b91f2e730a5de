/* Student's interval against its tables, and counts over single draws by hand. */
#include "support/fixture.h"

#include "advgrid/evaluation.h"

/* Of values that are half 0.4 and half 0.6, or the last one 0.5: the spread is known. */
static void interval_is_students(void **state)
{
  (void)state;
  /* t of 97.5 %, from tables of the distribution. */
  static const struct {
    size_t count;
    double t;
  } cases[] = {{2, 12.706204736},  {3, 4.302652730},   {4, 3.182446305},  {6, 2.570581836},
               {11, 2.228138852},  {20, 2.093024054},  {31, 2.042272456}, {100, 1.984216952},
               {121, 1.979930405}, {1000, 1.962341461}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    const size_t count = cases[i].count;
    double values[1000];
    for (size_t k = 0; k < count; ++k)
      values[k] = k % 2 == 0 ? 0.4999 : 0.5001;
    if (count % 2 == 1) values[count - 1] = 0.5;
    const double n = (double)count;
    const double pairs = (double)(count - count % 2);
    const double half = cases[i].t * sqrt(pairs * 1e-8 / (n - 1)) / sqrt(n);
    const ag_interval interval = ag_student_interval(count, values);
    assert_number_close(interval.low, 0.5 - half, 1e-11, 0);
    assert_number_close(interval.high, 0.5 + half, 1e-11, 0);
  }
}

static void interval_stays_within_what_can_be(void **state)
{
  (void)state;
  const double wide[] = {0, 1};
  const double same[] = {0.25, 0.25, 0.25};
  ag_interval interval = ag_student_interval(2, wide);
  assert_true(interval.low == 0 && interval.high == 1);
  interval = ag_student_interval(3, same);
  assert_true(interval.low == 0.25 && interval.high == 0.25);
  interval = ag_student_interval(1, same); /* one says nothing of the others */
  assert_true(interval.low == 0 && interval.high == 1);
}

/* Ten draws of four images: 0 stands, 1 falls in odd draws, 2 is wrong clean in draw 9 and stands
 * all attacks, 3 is wrong by the mean, though right by draw 0: it is not attacked. */
static void counts_are_by_hand(void **state)
{
  (void)state;
  enum { DRAWS = 10, IMAGES = 4 };
  ag_details_form form = {.draws = DRAWS};
  uint8_t block[2 * IMAGES * 2] = {
      0xFF, 0x03, 0xFF, 0x03, 0xFF, 0x01, 0x01, 0x00, /* clean: a byte and two bits each */
      0xFF, 0x03, 0x55, 0x01, 0xFF, 0x03, 0x01, 0x00, /* attacked */
  };
  const ag_outcome outcomes[IMAGES] = {
      {.label = 1, .clean_prediction = 1, .prediction = 1},
      {.label = 2, .clean_prediction = 2, .prediction = 0},
      {.label = 3, .clean_prediction = 3, .prediction = 3},
      {.label = 4, .clean_prediction = 5, .prediction = 5},
  };
  static const uint32_t clean[DRAWS] = {4, 3, 3, 3, 3, 3, 3, 3, 3, 2};
  static const uint32_t robust[DRAWS] = {3, 2, 3, 2, 3, 2, 3, 2, 3, 1};
  uint32_t got[2][DRAWS];
  ag_draw_summary summary;
  form.kinds[AG_DETAIL_DRAWS].images = SIZE_MAX;
  form.kinds[AG_DETAIL_DRAWS].bytes = 2;
  const ag_details details = {.form = &form, .count = IMAGES, .block = block};
  assert_int_equal(ag_details_bytes(&details), sizeof block);
  assert_int_equal(ag_summarise_draws(&details, outcomes, got[0], got[1], &summary), AG_OK);
  assert_memory_equal(got[0], clean, sizeof clean);
  assert_memory_equal(got[1], robust, sizeof robust);
  assert_number_close(summary.mean, 24.0 / (DRAWS * IMAGES), 1e-12, 0);
  /* The accuracies' squares about the mean: 5 x .15^2 + 4 x .1^2 + .35^2. */
  const double half = 2.262157163 * sqrt((5 * 0.0225 + 4 * 0.01 + 0.1225) / 9 / DRAWS);
  assert_number_close(summary.interval.low, 0.6 - half, 1e-9, 0);
  assert_number_close(summary.interval.high, 0.6 + half, 1e-9, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(interval_is_students),
      cmocka_unit_test(interval_stays_within_what_can_be),
      cmocka_unit_test(counts_are_by_hand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
