/* Wrong job files: each is refused with its line, what was found and what was expected, in one
 * line of text, without a crash and without a leak. */
#include "advgrid/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A job that is right but for the line or lines in front of it. */
#define ATTACKS "attacks: [{kind: fgsm}, {kind: pgd, steps: 5}]\n"
#define EPSILONS "epsilons: [0, 8/255]\n"
#define REST ATTACKS EPSILONS

typedef struct wrong_job {
  const char *what, *text;
  size_t line;
  const char *message; /* a part of it */
} wrong_job;

static const wrong_job syntax[] = {
    {"empty file", "", 1, "the job is empty; expected at least 'attacks' and 'epsilons'"},
    {"only a comment", "# nothing\n", 1, "the job is empty"},
    {"unclosed list", "name: a\nepsilons: [0.1, 0.2\n", 3,
     "this is no YAML: did not find expected"},
    {"unclosed quote", "name: \"a\n", 2, "found unexpected end of stream"},
    {"two values on a line", "name: a\nseed: 1: 2\n" REST, 2, "mapping values are not allowed"},
    {"indented by a tab", "training:\n\tepochs: 1\n" REST, 2, "there is a tab"},
    {"not UTF-8", "name: a\nseed: 1\n# \xff\n" REST, 3, "expected UTF-8 text"},
    {"a byte order for UTF-16", "\xff\xfe" REST, 1, "expected UTF-8 text"},
    {"a control character", "name: a\n# \x01\n" REST, 2, "control characters are not allowed"},
    {"two documents", REST "---\n" REST, 3, "a second YAML document"},
    {"alias without anchor", "epsilons: [*e]\n" ATTACKS, 1, "found undefined alias"},
    {"the job is a list", "- name: a\n", 1, "the job is a list; expected a mapping"},
    {"the job is a word", "hello\n", 1, "the job is 'hello'; expected a mapping"},
    {"an alias to itself", EPSILONS "attacks: &a\n  - *a\n", 2,
     "an entry of 'attacks' is a list; expected a mapping like {kind: ...}"},
};

static const wrong_job keys[] = {
    {"unknown key", "sed: 1\n" REST, 1, "unknown key 'sed' in the job; did you mean 'seed'?"},
    {"unknown key, none near", REST "\nwhatever: 1\n", 4,
     "unknown key 'whatever' in the job; expected one of name, seed, seeds, dataset, model, "
     "training, defenses, attacks, epsilons, evaluation, kernels, run"},
    {"unknown key of training", "training:\n  epochs: 1\n  bach: 64\n" REST, 3,
     "unknown key 'bach' in 'training'; did you mean 'batch'?"},
    {"unknown key of evaluation", "evaluation: {image: 5}\n" REST, 1,
     "unknown key 'image' in 'evaluation'; did you mean 'images'?"},
    {"unknown key of the kernels", "kernels: {instruction: avx2}\n" REST, 1,
     "unknown key 'instruction' in 'kernels'; did you mean 'instructions'?"},
    {"unknown key of the dataset", "dataset:\n  kind: synthetic\n  test_image: 4\n" REST, 3,
     "unknown key 'test_image' in synthetic; did you mean 'test_images'?"},
    {"unknown key of the model", "model: {kind: base, dropuot: 0.2}\n" REST, 1,
     "unknown key 'dropuot' in base; did you mean 'dropout'?"},
    {"unknown key of the optimizer", "training:\n  optimizer: {kind: sgd, momentun: 0.9}\n" REST, 2,
     "unknown key 'momentun' in sgd; did you mean 'momentum'?"},
    {"unknown key of the schedule", "training:\n  schedule: {kind: cosine, peek: 1}\n" REST, 2,
     "unknown key 'peek' in cosine; did you mean 'peak'?"},
    {"unknown key of an attack", EPSILONS "attacks:\n  - kind: pgd\n    stepz: 3\n", 4,
     "unknown key 'stepz' in pgd; did you mean 'steps'?"},
    {"unknown key of a defense",
     "defenses:\n  - kind: none\n  - {kind: gaussian-noise, sigm: 1}\n" REST, 3,
     "unknown key 'sigm' in gaussian-noise; did you mean 'sigma'?"},
    {"another kind's key", EPSILONS "attacks:\n  - kind: fgsm\n    steps: 3\n", 4,
     "'steps' is no option of fgsm; it has expectation_draws"},
    {"a key where there is none", "model: {kind: small, dropout: 0.5}\n" REST, 1,
     "'dropout' is no option of small; it has no options"},
    {"another kind's key, with options", "defenses:\n - {kind: none, sigma: 1}\n" REST, 2,
     "'sigma' is no option of none; it has file"},
    {"another dataset's key", "dataset: {kind: synthetic, path: a}\n" REST, 1,
     "'path' is no option of synthetic; it has"},
    {"a name where none belongs", "dataset: {kind: synthetic, name: a}\n" REST, 1,
     "unknown key 'name' in synthetic"},
    {"duplicate key", REST "name: a\nname: b\n", 4,
     "'name' is given twice; it stands on line 3 already"},
    {"duplicate key in an entry", EPSILONS "attacks:\n  - {kind: pgd, steps: 1, steps: 2}\n", 3,
     "'steps' is given twice"},
    {"a list as a key", "? [a, b]\n: 1\n" REST, 1, "a key that is no word"},
    {"no kind", EPSILONS "attacks:\n  - {name: a}\n", 3,
     "an entry of 'attacks' has no 'kind'; expected one of fgsm, pgd"},
    {"no kind of the model", "model: {dropout: 0.1}\n" REST, 1,
     "'model' has no 'kind'; expected one of base, base-norm, small, linear"},
    {"unknown kind", EPSILONS "attacks:\n  - {kind: fgsm}\n  - name: x\n    kind: pdg\n", 5,
     "an entry of 'attacks' is of the unknown kind 'pdg'; did you mean 'pgd'?"},
    {"unknown kind, none near", "model: {kind: transformer}\n" REST, 1,
     "'model' is of the unknown kind 'transformer'; expected one of base, base-norm, small, "
     "linear"},
    {"kind is a list", "model:\n  kind: [base]\n" REST, 2,
     "'kind' is a list; expected a single value"},
    {"unknown augmentation", "training:\n  augmentation: [flip, corp]\n" REST, 2,
     "unknown augmentation 'corp'; did you mean 'crop'?"},
    {"augmentation twice", "training:\n  augmentation: [flip, flip]\n" REST, 2,
     "augmentation 'flip' is given twice"},
};

static const wrong_job shapes[] = {
    {"a list for a mapping", "training: [1, 2]\n" REST, 1,
     "'training' is a list; expected a mapping of keys and values"},
    {"a word for an entry", "model: base\n" REST, 1,
     "'model' is 'base'; expected a mapping like {kind: ...}"},
    {"a word for an entry of a list", EPSILONS "attacks: [fgsm]\n", 2,
     "an entry of 'attacks' is 'fgsm'; expected a mapping like {kind: ...}"},
    {"a mapping for a list", EPSILONS "attacks: {kind: fgsm}\n", 2,
     "'attacks' is a mapping; expected a list of mappings like [{kind: ...}]"},
    {"a number for a list", ATTACKS "epsilons: 0.1\n", 2,
     "'epsilons' is '0.1'; expected a list like [a, b]"},
    {"a mapping for a number", "seed: {a: 1}\n" REST, 1,
     "'seed' is a mapping; expected a single value"},
    {"a list in a list", ATTACKS "epsilons: [[0.1]]\n", 2,
     "an entry of 'epsilons' is a list; expected a single value"},
    {"a section without content", "name: a\ntraining:\n" REST, 2, "'training' has no value"},
    {"a key without value", EPSILONS "attacks:\n  - kind: pgd\n    steps:\n", 4,
     "'steps' has no value"},
    {"no attacks", "name: a\n" EPSILONS, 1, "the job has no 'attacks'"},
    {"no epsilons", "name: a\n" ATTACKS, 1, "the job has no 'epsilons'"},
    {"empty attacks", EPSILONS "attacks: []\n", 2, "'attacks' is empty"},
    {"empty epsilons", ATTACKS "epsilons: []\n", 2, "'epsilons' is empty"},
    {"empty defenses", REST "defenses: []\n", 3, "'defenses' is empty"},
    {"empty seeds", REST "seeds: []\n", 3, "'seeds' is empty"},
    {"a zero byte", "name: \"a\\0b\"\n" REST, 1, "'name' holds a zero byte"},
};

#define EPSILON_JOB(list) ATTACKS "epsilons: " list "\n"

static const wrong_job values[] = {
    {"negative epsilon", EPSILON_JOB("[0.1, -0.2]"), 2, "epsilon -0.2; expected 0 to 1"},
    {"epsilon over one", EPSILON_JOB("[8]"), 2,
     "epsilon 8; expected 0 to 1, the scale of the pixels (such as 8/255)"},
    {"epsilon in L2", "attacks: [{kind: pgd, norm: l2}, {kind: fgsm}]\nepsilons: [2, 1001]\n", 2,
     "epsilon 1001; expected 0 to 1000, on the scale of the pixels (0 to 1)"},
    {"norm", EPSILONS "attacks:\n  - {kind: pgd, norm: l1}\n", 3,
     "'norm' is 'l1'; did you mean 'l2'?"},
    {"a norm of fgsm", EPSILONS "attacks:\n  - {kind: fgsm, norm: l2}\n", 3, "norm"},
    {"search steps", EPSILONS "attacks:\n  - {kind: cw, search_steps: 0}\n", 3,
     "'search_steps' is 0; expected 1 to 100"},
    {"confidence", EPSILONS "attacks:\n  - {kind: cw, confidence: -1}\n", 3,
     "'confidence' is -1; expected 0 to 1000"},
    {"steps of cw", EPSILONS "attacks:\n  - {kind: cw, steps: 10}\n", 3,
     "'steps' is no option of cw; it has confidence, search_steps"},
    {"division by zero", ATTACKS "epsilons:\n  - 0.1\n  - 8/0\n", 4, "'8/0' divides by zero"},
    {"epsilon nan", EPSILON_JOB("[.nan]"), 2, "'.nan' is not a number"},
    {"epsilon inf", EPSILON_JOB("[inf]"), 2, "'inf' is not a number"},
    {"epsilon out of range", EPSILON_JOB("[1e999]"), 2, "is not a number"},
    {"epsilon is a word", EPSILON_JOB("[small]"), 2, "epsilon: 'small' is not a number"},
    {"epsilon twice", EPSILON_JOB("[8/255, 0.5, 16/510]"), 2,
     "epsilons 8/255 and 16/510 are the same"},
    {"epsilon too long", EPSILON_JOB("[0.1000000000000000000000000000000000000001]"), 2,
     "has more than 31 characters"},
    {"negative seed", "seed: -1\n" REST, 1, "seed '-1' is no whole number; expected 0 to 2^48"},
    {"broken seed", "seed: 1.5\n" REST, 1, "seed '1.5' is no whole number"},
    {"large seed", "seed: 281474976710657\n" REST, 1, "is too large; expected 0 to 2^48"},
    {"huge seed", "seed: 99999999999999999999999\n" REST, 1, "is too large"},
    {"seed and seeds", "seed: 1\nseeds: [1, 2]\n" REST, 2, "both 'seed' and 'seeds' are given"},
    {"seed twice", "seeds:\n  - 3\n  - 03\n" REST, 3, "seed 03 is given twice"},
    {"steps zero", EPSILONS "attacks:\n  - {kind: pgd, steps: 0}\n", 3, "'steps' is 0; expected 1"},
    {"steps broken", EPSILONS "attacks:\n  - {kind: pgd, steps: 2.5}\n", 3,
     "'steps' is 2.5; expected a whole number"},
    {"steps no number", EPSILONS "attacks:\n  - {kind: pgd, steps: ten}\n", 3,
     "'steps': 'ten' is not a number"},
    {"flag", EPSILONS "attacks:\n  - {kind: pgd, random_start: yes}\n", 3,
     "'random_start' is 'yes'; expected true or false"},
    {"epochs zero", "training:\n  batch: 32\n  epochs: 0\n" REST, 3, "'epochs' is 0; expected 1"},
    {"shard over batch", "training:\n  batch: 16\n  shard: 32\n" REST, 3,
     "'shard' is 32 and 'batch' 16; expected shards of at most a batch"},
    {"zero images", "evaluation:\n  images: 0\n" REST, 2, "'images' is 0; expected 1 to"},
    {"more images than there are",
     "dataset: {kind: synthetic, test_images: 300}\nevaluation: {images: 301}\n" REST, 2,
     "'images' is 301; expected at most the dataset's 300 test images"},
    {"more training images than there are",
     "dataset:\n  kind: cifar10\n  training_images: 50001\n" REST, 3,
     "'training_images' is 50001; expected 1 to 50000"},
    {"more test images than there are", "dataset: {kind: cifar10, test_images: 10001}\n" REST, 1,
     "'test_images' is 10001; expected 1 to 10000"},
    {"nothing left to train on",
     "dataset: {kind: synthetic, training_images: 10, validation_images: 10}\n" REST, 1,
     "some are left to train on"},
    {"a value too long",
     "name: a\nmodel: {kind: base, dropout: 0.1" /* and 270 digits */
     "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "}\n" REST,
     2, "'dropout' is longer than 255 characters"},
    {"unknown instructions", "kernels:\n  convolution: auto\n  instructions: avx51\n" REST, 3,
     "'instructions' is 'avx51'; did you mean 'avx512'?"},
    {"unknown way to compute a convolution", "kernels: {convolution: fourier}\n" REST, 1,
     "'convolution' is 'fourier'; expected one of auto, winograd, im2col"},
    {"a line break in a path", "defenses: [{kind: none, file: \"a\\nb\"}]\n" REST, 1,
     "'file' holds a control character"},
};

static const wrong_job names[] = {
    {"two defenses of a name", "defenses:\n  - kind: none\n  - {kind: none, file: a}\n" REST, 3,
     "two defenses are named 'none'; give one of them a name"},
    {"two attacks of a name", EPSILONS "attacks:\n  - kind: pgd\n  - {kind: pgd, steps: 3}\n", 4,
     "two attacks are named 'pgd'; give one of them a name"},
    {"an attack twice",
     EPSILONS "attacks:\n  - {kind: pgd, step_size: 0.5}\n"
              "  - {kind: pgd, name: b, step_size: 5e-1}\n",
     4, "attacks 'pgd' and 'b' are the same"},
    {"a defense twice", "defenses:\n  - kind: none\n  - {kind: none, name: b}\n" REST, 3,
     "defenses 'none' and 'b' are the same"},
    {"a slash in a name", "name: a/b\n" REST, 1, "name 'a/b' cannot be the name of a file"},
    {"a slash in an entry's name", EPSILONS "attacks:\n  - kind: pgd\n    name: ../x/y\n", 4,
     "name '../x/y' begins with '.'"},
    {"a backslash in a name", EPSILONS "attacks: [{kind: pgd, name: a\\b}]\n", 2,
     "cannot be the name of a file"},
    {"a space in a name", "name: my job\n" REST, 1, "name 'my job' cannot be the name of a file"},
    {"a line break in a name", "name: \"a\\nb\"\n" REST, 1, "name 'a b' cannot be"},
    {"a hidden name", "defenses: [{kind: none, name: .a}]\n" REST, 1, "name '.a' begins with '.'"},
    {"an empty name", "name: ''\n" REST, 1, "'name' has no value"},
    {"a long name", "name: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg\n" REST,
     1, "name 'aaaaaaaaaabbbbbbbbbb...' has 64 characters; expected at most 63"},
    {"a layer that is not there",
     "defenses:\n  - kind: none\n  - kind: gaussian-noise\n    after: conv9\n" REST, 4,
     "'after': the model has no layer 'conv9'; did you mean 'conv1'?"},
    {"a layer that another model has",
     "model: {kind: linear}\ndefenses:\n  - {kind: gaussian-noise, draws: 2}\n" REST, 3,
     "the model has no layer 'conv1'"},
};

static void check_wrong(const wrong_job *wrong)
{
  const size_t blocks = ag_live_blocks();
  ag_job *job = NULL;
  const ag_status status = ag_job_read(wrong->text, strlen(wrong->text), "a/job.yaml", &job);
  char start[64];
  snprintf(start, sizeof start, "a/job.yaml:%zu: ", wrong->line);
  const char *message = status == AG_OK ? "" : ag_message();
  if (status != AG_BAD_JOB || strncmp(message, start, strlen(start)) != 0 ||
      strstr(message, wrong->message) == NULL || strchr(message, '\n') != NULL) {
    fail_msg("%s: expected status %d and '%s...%s', got %d and '%s'", wrong->what, AG_BAD_JOB,
             start, wrong->message, status, message);
  }
  assert_null(job);
  assert_int_equal(ag_live_blocks(), blocks);
}

#define CHECK_ALL(table)                                       \
  for (size_t i = 0; i < sizeof(table) / sizeof *(table); ++i) \
  check_wrong(&(table)[i])

static void refuses_what_is_no_job(void **state)
{
  (void)state;
  CHECK_ALL(syntax);
}

static void refuses_unknown_keys_and_kinds(void **state)
{
  (void)state;
  CHECK_ALL(keys);
}

static void refuses_wrong_shapes(void **state)
{
  (void)state;
  CHECK_ALL(shapes);
}

static void refuses_wrong_values(void **state)
{
  (void)state;
  CHECK_ALL(values);
}

static void refuses_wrong_names(void **state)
{
  (void)state;
  CHECK_ALL(names);
}

static void refuses_large_files(void **state)
{
  (void)state;
  char *text = NULL;
  const size_t size = ((size_t)1 << 20) + 1;
  assert_int_equal(ag_allocate(size + 1, 1, &text), AG_OK);
  memset(text, '\n', size);
  memcpy(text, REST, sizeof REST - 1);
  ag_job *job = NULL;
  assert_int_equal(ag_job_read(text, size, "j", &job), AG_BAD_JOB);
  assert_non_null(strstr(ag_message(), "1048577 bytes; expected at most 1048576"));
  assert_int_equal(ag_job_read(text, size - 1, "j", &job), AG_OK);
  ag_job_destroy(&job);
  /* Nested without end: libyaml alone would take minutes. */
  memset(text, '[', size);
  assert_int_equal(ag_job_read(text, size - 1, "j", &job), AG_BAD_JOB);
  assert_non_null(strstr(ag_message(), "j:1: the job is nested more than 32 levels deep"));
  ag_release(&text);
}

/* A list longer than any job's, made short by an alias. */
static void refuses_long_lists(void **state)
{
  (void)state;
  ag_text text = {0};
  assert_int_equal(ag_text_append(&text, EPSILONS "attacks: [&a {kind: fgsm}"), AG_OK);
  for (size_t i = 0; i < 1000; ++i)
    assert_int_equal(ag_text_append(&text, ", *a"), AG_OK);
  assert_int_equal(ag_text_append(&text, "]\n"), AG_OK);
  ag_job *job = NULL;
  assert_int_equal(ag_job_read(text.bytes, text.length, "j", &job), AG_BAD_JOB);
  assert_string_equal(ag_message(), "j:2: 'attacks' has 1001 entries; expected at most 1000");
  ag_text_clear(&text);
}

static const char valid[] =
    "# A job with everything in it.\n"
    "name: all\n"
    "seeds: [1, 2]\n"
    "dataset: {kind: synthetic, training_images: 100, test_images: 50, validation_images: 10}\n"
    "model: &model\n"
    "  kind: \"small\"\n"
    "training:\n"
    "  epochs: 2\n"
    "  optimizer: {kind: sgd, momentum: 9/10}\n"
    "  schedule: {kind: cosine, peak: 0.1}\n"
    "  augmentation: [flip, crop]\n"
    "defenses:\n"
    "  - kind: none\n"
    "  - {kind: gaussian-noise, name: n, after: conv2, file: 'some model.h5'}\n"
    "attacks: [{kind: fgsm}, {kind: pgd, steps: &s 3}, {kind: pgd, name: b, steps: *s, "
    "restarts: 2}]\n"
    "epsilons:\n"
    "- 0\n"
    "- 8/255\n"
    "evaluation: {images: 50, block: 20}\n";

/* Every beginning of a job, and every job with one byte changed, is read or refused. */
static void survives_truncation_and_damage(void **state)
{
  (void)state;
  static const char bytes[] = {'\0', '\t', '\n', ' ', '"', '{', ']', ':', '-', '*', '9', '\x80'};
  const size_t size = sizeof valid - 1;
  const size_t blocks = ag_live_blocks();
  size_t accepted = 0;
  for (size_t cut = 0; cut <= size; ++cut) {
    /* A copy of its own size, so that a byte read too many is seen. */
    char *text = NULL;
    assert_int_equal(ag_allocate(cut, 1, &text), AG_OK);
    if (cut > 0) memcpy(text, valid, cut);
    ag_job *job = NULL;
    const ag_status status = ag_job_read(text, cut, "j", &job);
    assert_true(status == AG_OK || status == AG_BAD_JOB);
    accepted += status == AG_OK;
    ag_job_destroy(&job);
    ag_release(&text);
    assert_int_equal(ag_live_blocks(), blocks);
  }
  assert_in_range(accepted, 3, 60); /* what is behind the epsilons may be left out */
  char changed[sizeof valid];
  for (size_t i = 0; i < size; ++i) {
    memcpy(changed, valid, sizeof valid);
    changed[i] = bytes[i % sizeof bytes];
    ag_job *job = NULL;
    const ag_status status = ag_job_read(changed, size, "j", &job);
    assert_true(status == AG_OK || status == AG_BAD_JOB);
    if (status != AG_OK) assert_int_equal(strncmp(ag_message(), "j:", 2), 0);
    ag_job_destroy(&job);
    assert_int_equal(ag_live_blocks(), blocks);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_what_is_no_job), cmocka_unit_test(refuses_unknown_keys_and_kinds),
      cmocka_unit_test(refuses_wrong_shapes),   cmocka_unit_test(refuses_wrong_values),
      cmocka_unit_test(refuses_wrong_names),    cmocka_unit_test(refuses_large_files),
      cmocka_unit_test(refuses_long_lists),     cmocka_unit_test(survives_truncation_and_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
