/* Jobs beside each other: the places where they differ, and none else. */
#include "support/fixture.h"

#include "plan/contrast.h"

static ag_job *read_job(const char *text)
{
  ag_job *job = NULL;
  if (ag_job_read(text, strlen(text), "job.yaml", &job) != AG_OK) fail_msg("%s", ag_message());
  return job;
}

static const char *const first =
    "name: first\nseed: 1\nmodel: {kind: base, dropout: 0.1}\n"
    "dataset: {kind: cifar10, path: here}\n"
    "training: {epochs: 12, augmentation: [flip, crop], optimizer: {kind: sgd, momentum: 0.9}}\n"
    "defenses: [{kind: none}, {kind: gaussian-noise, name: noise, sigma: 0.1}]\n"
    "attacks: [{kind: fgsm}, {kind: pgd, steps: 20}]\nepsilons: [8/255]\n"
    "evaluation: {images: 100}\nrun: {checkpoint_minutes: 3}\n";
static const char *const second =
    "name: second\nseeds: [1, 2]\nmodel: {kind: small}\n"
    "dataset: {kind: cifar10, path: there}\n"
    "training: {epochs: 13, augmentation: [flip], optimizer: {kind: sgd, momentum: 0.90}}\n"
    "defenses: [{kind: gaussian-noise, name: noise, sigma: 0.20}, {kind: none, name: other}]\n"
    "attacks: [{kind: fgsm}, {kind: pgd, steps: 20, step_size: 0.01}]\nepsilons: [8/255]\n"
    "evaluation: {images: 100, latent: conv2}\nrun: {checkpoint_minutes: 9}\n";

static const struct {
  const char *place, *texts[2];
} wanted[] = {
    {"model", {"base", "small"}},
    {"model.dropout", {"0.1", NULL}},
    {"training.epochs", {"12", "13"}},
    {"training.augmentation", {"[flip, crop]", "[flip]"}},
    {"defenses", {"none, noise", "noise, other"}},
    {"defense 'noise': sigma", {"0.1", "0.20"}},
    {"attack 'pgd': step_size", {NULL, "0.01"}},
    {"seeds", {"1", "1, 2"}},
    {"evaluation.latent", {NULL, "conv2"}},
};
enum { WANTED = sizeof wanted / sizeof *wanted };

/* Row i holds wanted[i], the jobs in this order. */
static void check_row(const ag_contrast *contrast, size_t i, size_t job, size_t which)
{
  const char *got = contrast->rows[i].texts[job].bytes;
  assert_string_equal(contrast->rows[i].place, wanted[i].place);
  if (wanted[i].texts[which] == NULL) {
    if (got != NULL) fail_msg("%s is %s", wanted[i].place, got);
  } else {
    assert_string_equal(got, wanted[i].texts[which]);
  }
}

static void differences_alone(void **state)
{
  (void)state;
  ag_job *one = read_job(first);
  ag_job *other = read_job(second);
  ag_contrast contrast;
  const ag_job *const both[] = {one, other};
  assert_int_equal(ag_contrast_jobs(both, 2, &contrast), AG_OK);
  for (size_t i = 0; i < ag_minimum(contrast.row_count, WANTED); ++i) {
    check_row(&contrast, i, 0, 0);
    check_row(&contrast, i, 1, 1);
  }
  assert_int_equal(contrast.row_count, WANTED);
  ag_contrast_clear(&contrast);
  /* A job that cannot be read differs in nothing; the same job neither. */
  const ag_job *const many[] = {one, NULL, other, one};
  assert_int_equal(ag_contrast_jobs(many, 4, &contrast), AG_OK);
  assert_int_equal(contrast.row_count, WANTED);
  for (size_t i = 0; i < WANTED; ++i) {
    check_row(&contrast, i, 0, 0);
    check_row(&contrast, i, 2, 1);
    check_row(&contrast, i, 3, 0);
    assert_null(contrast.rows[i].texts[1].bytes);
  }
  ag_contrast_clear(&contrast);
  const ag_job *const same[] = {one, NULL, one};
  assert_int_equal(ag_contrast_jobs(same, 3, &contrast), AG_OK);
  assert_int_equal(contrast.row_count, 0);
  ag_contrast_clear(&contrast);
  ag_job_destroy(&other);
  ag_job_destroy(&one);
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(differences_alone)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
