/* A machine as a file: what is written reads back, and anything else gets one clear message. */
#include "support/fixture.h"

#include "advgrid/plan.h"

static ag_cluster some_cluster(void)
{
  return (ag_cluster){.cpu = "a \"CPU\": with, all # {kinds} of - signs",
                      .model = "base",
                      .threads = 4,
                      .seconds = {1.23456789e-3, 7.7e-3, 4e-4, 9.99999e-4},
                      .flops = {2.70123456e8, 2.7e8, 2.6e8},
                      .latency = 1.25e-6,
                      .bandwidth = 1.2345678e10};
}

static void what_is_written_reads_back(void **state)
{
  (void)state;
  const ag_cluster written = some_cluster();
  ag_cluster read;
  ag_text text = {0};
  assert_int_equal(ag_cluster_print(&written, &text), AG_OK);
  assert_int_equal(ag_cluster_read(text.bytes, text.length, "machine.yaml", &read), AG_OK);
  assert_string_equal(read.cpu, written.cpu);
  assert_string_equal(read.model, written.model);
  assert_int_equal(read.threads, 4);
  assert_number_close(read.seconds.training, written.seconds.training, 0, 1e-9);
  assert_number_close(read.seconds.adversarial, written.seconds.adversarial, 0, 1e-9);
  assert_number_close(read.seconds.forward, written.seconds.forward, 0, 1e-9);
  assert_number_close(read.seconds.gradient, written.seconds.gradient, 0, 1e-9);
  assert_number_close(read.flops.forward, written.flops.forward, 0, 1e-9);
  assert_number_close(read.flops.input_gradient, written.flops.input_gradient, 0, 1e-9);
  assert_number_close(read.flops.weight_gradient, written.flops.weight_gradient, 0, 1e-9);
  assert_number_close(read.latency, written.latency, 0, 1e-9);
  assert_number_close(read.bandwidth, written.bandwidth, 0, 1e-9);
  ag_text_clear(&text);
}

/* A whole file, line by line, of which a test changes one. */
static const char *const lines[] = {
    "cpu: a core",
    "model: base",
    "threads: 2",
    "seconds: {training: 3e-3, adversarial: 0.02, forward: 1e-3, gradient: 2e-3}",
    "flops: {forward: 3e8, input_gradient: 3e8, weight_gradient: 3e8}",
    "latency: 1e-6",
    "bandwidth: 1e9",
};
enum { LINES = sizeof lines / sizeof *lines };

/* Reads the file with line `number` (from 1; 0: none) in other words. */
static ag_status read_with(size_t number, const char *words)
{
  char text[1024] = "";
  size_t length = 0;
  ag_cluster cluster;
  for (size_t i = 0; i < LINES; ++i) {
    length += (size_t)snprintf(text + length, sizeof text - length, "%s\n",
                               i + 1 == number ? words : lines[i]);
  }
  return ag_cluster_read(text, length, "m.yaml", &cluster);
}

static void a_hand_written_one_is_read(void **state)
{
  (void)state;
  assert_int_equal(read_with(0, NULL), AG_OK);
}

static void wrong_ones_are_named(void **state)
{
  (void)state;
  static const struct {
    size_t line;
    const char *words, *expected;
  } cases[] = {
      {3, "threads: two", "m.yaml, near line 3: "},
      {3, "threads: 0", "m.yaml: 'threads' is out of range; expected 1 to 1024"},
      {3, "threads: -1", "'threads'"},
      {3, "threads: 5000", "'threads'"},
      {6, "latency: 0", "m.yaml: 'latency' is 0; expected a number over 0"},
      {6, "latency: -1e-6", "'latency' is -1e-06"},
      {6, "latency: nan", "m.yaml"},
      {6, "latency: quick", "m.yaml, near line 6: "},
      {6, "latncy: 1e-6", "latncy"},
      {6, "", "latency"},
      {7, "bandwidth: inf", "m.yaml"},
      {7, "bandwidth: [1]", "m.yaml, near line 7: "},
      {4, "seconds: {training: 1, forward: 1, gradient: 1}", "adversarial"},
      {4, "seconds: {training: 1, adversarial: 1, forward: 0, gradient: 1}", "'seconds: forward'"},
      {5, "flops: 3", "m.yaml, near line 5: "},
      {1, "cpu: [", "m.yaml, near line "},
      {1, "cpu: a\ncpu: b\nmodel: {}", "m.yaml, near line "},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    if (read_with(cases[i].line, cases[i].words) != AG_INVALID_ARGUMENT)
      fail_msg("'%s' was read: %s", cases[i].words, ag_message());
    if (strstr(ag_message(), cases[i].expected) == NULL || strchr(ag_message(), '\n') != NULL)
      fail_msg("'%s': '%s', expected '%s'", cases[i].words, ag_message(), cases[i].expected);
  }
}

static void what_is_no_mapping_is_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {"", "# nothing\n", "~", "- 1", "{}", "\x89HDF\r\n\x1a\n"};
  ag_cluster cluster;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
    assert_int_equal(ag_cluster_read(texts[i], strlen(texts[i]), "m.yaml", &cluster),
                     AG_INVALID_ARGUMENT);
    assert_non_null(strstr(ag_message(), "m.yaml, near line 1: "));
    assert_null(strchr(ag_message(), '\n'));
  }
  assert_int_equal(ag_cluster_read(texts[0], 1 << 20, "m.yaml", &cluster), AG_INVALID_ARGUMENT);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_reads_back),
      cmocka_unit_test(a_hand_written_one_is_read),
      cmocka_unit_test(wrong_ones_are_named),
      cmocka_unit_test(what_is_no_mapping_is_refused),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return failed != 0 || ag_live_blocks() != 0;
}
