/* The loss that attacks raise, against central differences in double; and the margin, by which
 * they and the evaluation judge, at ties and at the edges. */
#include "support/fixture.h"

#include "advgrid/attack.h"

enum { COUNT = 5, CLASSES = 10, STRIDE = 16, LOGITS = COUNT * STRIDE };

static double cross_entropy(const double *logits, size_t label)
{
  double largest = logits[0];
  double sum = 0;
  for (size_t i = 1; i < CLASSES; ++i)
    largest = logits[i] > largest ? logits[i] : largest;
  for (size_t i = 0; i < CLASSES; ++i)
    sum += exp(logits[i] - largest);
  return log(sum) + largest - logits[label];
}

static void gradient_is_the_slope(void **state)
{
  (void)state;
  static const uint8_t labels[COUNT] = {0, 9, 3, 3, 7};
  float *logits = test_floats(LOGITS);
  float *gradient = test_floats(LOGITS);
  test_fill(logits, LOGITS, 1, -4, 4);
  test_fill(gradient, LOGITS, 2, -1, 1); /* overwritten, zero behind the classes */
  ag_loss_cross_entropy(COUNT, CLASSES, STRIDE, logits, labels, gradient);
  for (size_t i = 0; i < COUNT; ++i) {
    double row[CLASSES];
    for (size_t c = 0; c < CLASSES; ++c)
      row[c] = (double)logits[i * STRIDE + c];
    for (size_t c = 0; c < CLASSES; ++c) {
      const double middle = row[c];
      row[c] = middle + 1e-4;
      const double above = cross_entropy(row, labels[i]);
      row[c] = middle - 1e-4;
      const double below = cross_entropy(row, labels[i]);
      row[c] = middle;
      assert_number_close((double)gradient[i * STRIDE + c], (above - below) / 2e-4, 1e-7, 1e-5);
    }
    for (size_t c = CLASSES; c < STRIDE; ++c)
      assert_true(gradient[i * STRIDE + c] == 0);
  }
  free(logits);
  free(gradient);
}

/* A network that is sure of itself must still show an attack the way: exp(-80) is no zero. */
static void gradient_survives_confidence(void **state)
{
  (void)state;
  static const uint8_t labels[1] = {2};
  float *logits = test_floats(STRIDE);
  float *gradient = test_floats(STRIDE);
  logits[2] = 80;
  ag_loss_cross_entropy(1, CLASSES, STRIDE, logits, labels, gradient);
  assert_number_close((double)gradient[0], exp(-80.0), 0, 1e-4);
  free(logits);
  free(gradient);
}

static void margin_and_prediction(void **state)
{
  (void)state;
  static const struct {
    float logits[4];
    uint8_t label, prediction;
    float margin;
  } cases[] = {
      {{1, 4, 2, 3}, 1, 1, 1},         {{1, 4, 2, 3}, 3, 1, -1},    {{1, 4, 2, 3}, 0, 1, -3},
      {{5, 5, 1, 1}, 0, 0, 0},         {{5, 5, 1, 1}, 1, 0, 0}, /* a tie: the first is predicted */
      {{2, 2, 2, 2}, 3, 0, 0},         {{-3, -1, -2, -9}, 1, 1, 1}, {{-3, -1, -2, -9}, 3, 1, -8},
      {{0, 0, 0, 1e-7F}, 3, 3, 1e-7F},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    uint8_t prediction = 99;
    const float margin = ag_margin(cases[i].logits, 4, cases[i].label, &prediction);
    assert_same_bits(&margin, &cases[i].margin, 1);
    assert_int_equal(prediction, cases[i].prediction);
    assert_true(ag_margin(cases[i].logits, 4, cases[i].label, NULL) == margin);
  }
}

/* What lies behind the classes is padding, and never the best. */
static void margin_leaves_padding_out(void **state)
{
  (void)state;
  float logits[STRIDE] = {-1, -2, -3};
  uint8_t prediction = 99;
  assert_true(ag_margin(logits, 3, 0, &prediction) == 1);
  assert_int_equal(prediction, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradient_is_the_slope),
      cmocka_unit_test(gradient_survives_confidence),
      cmocka_unit_test(margin_and_prediction),
      cmocka_unit_test(margin_leaves_padding_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
