/* Jobs in parts: reduced to one seed or one defense the keys of what is left stay, and jobs that
 * differ in their lists alone can be joined again. */
#include "support/fixture.h"

#include "advgrid/plan.h"

enum { TEXT_SIZE = 4096 };

static const char *const whole =
    "name: whole\nseeds: [7, 2, 11]\nmodel: {kind: linear}\n"
    "training: {epochs: 3, batch: 64, shard: 16}\n"
    "defenses: [{kind: none}, {kind: gaussian-noise, name: noise, after: normalize},"
    " {kind: none, name: given, file: given.h5}]\n"
    "attacks: [{kind: fgsm}, {kind: pgd, steps: 5}]\nepsilons: [0, 8/255, 0.1]\n"
    "evaluation: {images: 100, block: 40}\n";

static ag_job *read_job(const char *text)
{
  ag_job *job = NULL;
  if (ag_job_read(text, strlen(text), "job.yaml", &job) != AG_OK) fail_msg("%s", ag_message());
  return job;
}

static char *print_job(const ag_job *job)
{
  ag_text text = {0};
  assert_int_equal(ag_job_print(job, &text), AG_OK);
  return text.bytes;
}

/* ---- reduced --------------------------------------------------------------------------------- */

/* The plan of a job whose images and whose model's file have these digests. */
static ag_plan *plan_of(const ag_job *job)
{
  ag_plan *plan = NULL;
  ag_digest files[3] = {0};
  for (size_t i = 0; i < job->defense_count; ++i)
    files[i].bytes[0] = strcmp(job->defenses[i].name, "given") == 0 ? 9 : 0;
  const ag_inputs inputs = {.dataset.bytes = {3}, .models = files};
  assert_int_equal(ag_plan_create(job, &inputs, &plan), AG_OK);
  return plan;
}

static void expect_digest(const ag_digest *one, const ag_digest *other)
{
  assert_memory_equal(one, other, sizeof *one);
}

/* Every model, point and unit of a part has the key it has in the whole. */
static void expect_keys(const ag_plan *part, const ag_plan *all, size_t models)
{
  const size_t per_model = all->point_count / all->model_count;
  size_t found = 0;
  assert_int_equal(part->model_count, models);
  for (size_t i = 0; i < part->model_count; ++i) {
    for (size_t k = 0; k < all->model_count; ++k) {
      const ag_model_unit *one = &part->models[i];
      const ag_model_unit *other = &all->models[k];
      if (part->job->seeds[one->seed] != all->job->seeds[other->seed] ||
          strcmp(part->job->defenses[one->defense].name, all->job->defenses[other->defense].name) !=
              0) {
        continue;
      }
      ++found;
      expect_digest(&one->key, &other->key);
      for (size_t p = 0; p < per_model; ++p) {
        const ag_point *a = &part->points[i * per_model + p];
        const ag_point *b = &all->points[k * per_model + p];
        expect_digest(&a->key, &b->key);
        for (size_t u = 0; u < a->unit_count; ++u)
          expect_digest(&part->units[a->first_unit + u].key, &all->units[b->first_unit + u].key);
      }
    }
  }
  assert_int_equal(found, models);
}

static void parts_keep_their_keys(void **state)
{
  (void)state;
  static const char *const seeds[] = {"7", "2", "11"};
  static const char *const defenses[] = {"none", "noise", "given"};
  ag_job *all = read_job(whole);
  ag_plan *plan = plan_of(all);
  for (size_t i = 0; i < 3; ++i) {
    for (size_t part = 0; part < 3; ++part) {
      ag_job *job = read_job(whole);
      if (part != 0) assert_int_equal(ag_job_keep_seed(job, seeds[i]), AG_OK);
      if (part != 1) assert_int_equal(ag_job_keep_defense(job, defenses[2 - i]), AG_OK);
      ag_plan *reduced = plan_of(job);
      expect_keys(reduced, plan, part == 2 ? 1 : 3);
      ag_plan_destroy(&reduced);
      ag_job_destroy(&job);
    }
  }
  ag_plan_destroy(&plan);
  ag_job_destroy(&all);
  assert_int_equal(ag_live_blocks(), 0);
}

/* What it prints reads back as the part it is. */
static void a_part_is_a_job(void **state)
{
  (void)state;
  ag_job *job = read_job(whole);
  assert_int_equal(ag_job_keep_seed(job, "11"), AG_OK);
  assert_int_equal(ag_job_keep_defense(job, "noise"), AG_OK);
  char *text = print_job(job);
  assert_non_null(strstr(text, "name: whole\nseed: 11\n"));
  ag_job *again = read_job(text);
  assert_int_equal(again->seed_count, 1);
  assert_int_equal(again->defense_count, 1);
  assert_string_equal(again->defenses[0].name, "noise");
  ag_release(&text);
  ag_job_destroy(&again);
  ag_job_destroy(&job);
  assert_int_equal(ag_live_blocks(), 0);
}

static void unknown_parts_are_refused(void **state)
{
  (void)state;
  ag_job *job = read_job(whole);
  for (size_t i = 0; i < 5; ++i) {
    static const char *const wrong[] = {"1", "", "02", "7.0", "all"};
    assert_int_equal(ag_job_keep_seed(job, wrong[i]), AG_INVALID_ARGUMENT);
    assert_non_null(strstr(ag_message(), "is none of the job's: 7, 2, 11"));
  }
  assert_int_equal(ag_job_keep_defense(job, "nose"), AG_INVALID_ARGUMENT);
  assert_string_equal(ag_message(), "defense 'nose' is none of the job's: none, noise, given");
  assert_int_equal(job->seed_count, 3);
  assert_int_equal(job->defense_count, 3);
  ag_job_destroy(&job);
  assert_int_equal(ag_live_blocks(), 0);
}

/* ---- joined ---------------------------------------------------------------------------------- */

/* A job of which some lines are given. */
static ag_job *read_part(const char *lists, const char *more)
{
  char text[TEXT_SIZE];
  snprintf(text, sizeof text, "name: part\nmodel: {kind: linear}\n%s\n%s", lists, more);
  return read_job(text);
}

static ag_status join_two(ag_job *one, ag_job *other, ag_job **joined)
{
  return ag_job_join((ag_job_part[]){{one, "one"}, {other, "two"}}, 2, joined);
}

static void parts_give_the_whole(void **state)
{
  (void)state;
  static const char *const seeds[] = {"7", "2", "11"};
  ag_job *parts[3];
  ag_job_part list[3];
  ag_job *joined = NULL;
  ag_job *all = read_job(whole);
  for (size_t i = 0; i < 3; ++i) {
    parts[i] = read_job(whole);
    list[i] = (ag_job_part){parts[i], seeds[i]};
    assert_int_equal(ag_job_keep_seed(parts[i], seeds[i]), AG_OK);
  }
  assert_int_equal(ag_job_join(list, 3, &joined), AG_OK);
  char *text = print_job(joined);
  char *expected = print_job(all);
  assert_string_equal(text, expected);
  ag_release(&text);
  ag_release(&expected);
  for (size_t i = 0; i < 3; ++i)
    ag_job_destroy(&parts[i]);
  ag_job_destroy(&joined);
  ag_job_destroy(&all);
  assert_int_equal(ag_live_blocks(), 0);
}

static void lists_are_united(void **state)
{
  (void)state;
  ag_job *joined = NULL;
  ag_job *one = read_part("seeds: [5, 3]\nepsilons: [0.5, 8/255]\n"
                          "attacks: [{kind: pgd, steps: 5}]",
                          "run: {stall_seconds: 30}\n");
  ag_job *other = read_part("seeds: [4, 3]\nepsilons: [16/510, 0]\n"
                            "attacks: [{kind: fgsm}, {kind: pgd, steps: 5}]\n"
                            "defenses: [{kind: gaussian-noise, after: normalize}, {kind: none}]",
                            "");
  snprintf(other->name, sizeof other->name, "another");
  assert_int_equal(join_two(one, other, &joined), AG_OK);
  char *text = print_job(joined);
  assert_non_null(strstr(text, "name: part\nseeds: [5, 3, 4]\n"));
  assert_non_null(strstr(text, "epsilons: [0.5, 8/255, 0]\n"));
  assert_non_null(strstr(text, "defenses:\n  - {kind: none}\n  - {kind: gaussian-noise, "));
  assert_non_null(strstr(text, "stall_seconds: 30"));
  assert_true(strstr(text, "- {kind: pgd") < strstr(text, "- {kind: fgsm"));
  ag_release(&text);
  ag_job_destroy(&joined);
  ag_job_destroy(&one);
  ag_job_destroy(&other);
  assert_int_equal(ag_live_blocks(), 0);
}

static const char *const usual = "attacks: [{kind: fgsm}]\nepsilons: [0]";

static void expect_refused(const char *lists, const char *more, const char *message)
{
  ag_job *joined = NULL;
  ag_job *one = read_part(usual, "");
  ag_job *other = read_part(lists, more);
  assert_int_equal(join_two(one, other, &joined), AG_INVALID_ARGUMENT);
  assert_string_equal(ag_message(), message);
  assert_null(joined);
  ag_job_destroy(&one);
  ag_job_destroy(&other);
  assert_int_equal(ag_live_blocks(), 0);
}

static void differences_are_refused(void **state)
{
  (void)state;
  expect_refused(usual, "training: {epochs: 13}\n", "training.epochs is 10 in one and 13 in two");
  expect_refused(usual, "training: {schedule: {kind: constant}}\n",
                 "training.schedule.kind is one-cycle in one and constant in two");
  expect_refused(usual, "training: {augmentation: [flip]}\n",
                 "training.augmentation is [] in one and [flip] in two");
  expect_refused(usual, "dataset: {kind: synthetic, test_images: 1500}\n",
                 "dataset.test_images is 2000 in one and 1500 in two");
  expect_refused(usual, "evaluation: {images: 999}\n",
                 "evaluation.images is 1000 in one and 999 in two");
  expect_refused(usual, "kernels: {convolution: im2col}\n",
                 "kernels.convolution is auto in one and im2col in two");
  expect_refused("attacks: [{kind: pgd, name: fgsm}]\nepsilons: [0]", "",
                 "attack 'fgsm': kind is fgsm in one and pgd in two");
  expect_refused("attacks: [{kind: pgd}, {kind: fgsm, name: fast}]\nepsilons: [0]", "",
                 "the same attack is 'fgsm' in one and 'fast' in two");
  expect_refused("attacks: [{kind: fgsm}]\nepsilons: [0]\ndefenses: [{kind: none, name: bare}]", "",
                 "the same defense is 'none' in one and 'bare' in two");
  expect_refused("attacks: [{kind: fgsm}]\nepsilons: [0]\ndefenses: [{kind: none, file: a.h5}]", "",
                 "defense 'none': file is not given in one and a.h5 in two");
}

static void other_model_is_refused(void **state)
{
  (void)state;
  ag_job *joined = NULL;
  ag_job *one = read_part(usual, "");
  ag_job *other = read_job("model: {kind: small}\nattacks: [{kind: fgsm}]\nepsilons: [0]\n");
  assert_int_equal(join_two(one, other, &joined), AG_INVALID_ARGUMENT);
  assert_string_equal(ag_message(), "model.kind is linear in one and small in two");
  ag_job_destroy(&one);
  ag_job_destroy(&other);
  assert_int_equal(ag_live_blocks(), 0);
}

/* A job that could not be read again is none: 600 and 600 seeds are more than a list may have. */
static void too_long_lists_are_refused(void **state)
{
  (void)state;
  ag_job *joined = NULL;
  ag_job *jobs[2];
  for (size_t part = 0; part < 2; ++part) {
    ag_text text = {0};
    ag_text_append(&text, "model: {kind: linear}\n%s\nseeds: [%zu", usual, 1000 * part);
    for (size_t i = 1; i < 600; ++i)
      ag_text_append(&text, ", %zu", 1000 * part + i);
    assert_int_equal(ag_text_append(&text, "]\n"), AG_OK);
    jobs[part] = read_job(text.bytes);
    ag_text_clear(&text);
  }
  assert_int_equal(join_two(jobs[0], jobs[1], &joined), AG_BAD_JOB);
  assert_non_null(strstr(ag_message(), "the joined job.yaml"));
  assert_null(joined);
  ag_job_destroy(&jobs[0]);
  ag_job_destroy(&jobs[1]);
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_keep_their_keys),     cmocka_unit_test(a_part_is_a_job),
      cmocka_unit_test(unknown_parts_are_refused), cmocka_unit_test(parts_give_the_whole),
      cmocka_unit_test(lists_are_united),          cmocka_unit_test(differences_are_refused),
      cmocka_unit_test(other_model_is_refused),    cmocka_unit_test(too_long_lists_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
