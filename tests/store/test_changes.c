/* Edited jobs: what is said about the finished work of the job before, in so many words. */
#include "store/edited_job.h"

/* Opens a job and expects these lines. */
static void expect(fixture *all, const parts *of, const char *lines)
{
  ag_text said = {0};
  open_job(all, of);
  if (ag_changes_tell(all->folder, all->ledger, &all->inputs.dataset, &said) != AG_OK) {
    fail_msg("%s", ag_message());
  }
  assert_string_equal(said.bytes == NULL ? "" : said.bytes, lines);
  ag_text_clear(&said);
}

/* Expects these lines where the usual job was run to its end, and is then edited. */
static void after_usual(const parts *edited, const char *lines)
{
  fixture all = start(&(parts){0}, 0);
  expect(&all, edited, lines);
  finish(&all);
}

/* ---- nothing to say ------------------------------------------------------------------------ */

static void nothing_was_run(void **state)
{
  (void)state;
  fixture all = {.folder = folder_create()};
  expect(&all, &(parts){0}, "");
  finish(&all);
}

static void nothing_changes(void **state)
{
  (void)state;
  after_usual(&(parts){0}, "");
  /* Other ways to write the same, another order, other names. */
  after_usual(&(parts){.epsilons = "[1e-1, 0, 16/510]"}, "");
  after_usual(&(parts){.attacks = "[{kind: pgd, name: strong, steps: 20}, {kind: fgsm}]"}, "");
  after_usual(
      &(parts){.defenses = "[{kind: none, name: noise}, "
                           "{kind: gaussian-noise, name: none, after: normalize, draws: 4}]"},
      "");
  /* A run that was stopped and goes on. */
  fixture all = start(&(parts){0}, 20);
  expect(&all, &(parts){0}, "");
  finish(&all);
}

/* ---- edits that add or drop --------------------------------------------------------------------
 */

static void more_and_less(void **state)
{
  (void)state;
  after_usual(&(parts){.epsilons = "[0, 8/255, 0.1, 0.2]"}, "4 points are new\n");
  after_usual(&(parts){.seeds = "seeds: [1, 2]"}, "12 points are new\n");
  after_usual(&(parts){.epsilons = "[0]", .defenses = "[{kind: none}]"},
              "10 finished points are no longer asked for; their records stay\n");
  after_usual(&(parts){.epsilons = "[0.3, 8/255, 0]"},
              "4 points are new\n"
              "4 finished points are no longer asked for; their records stay\n");
  after_usual(&(parts){.defenses = "[{kind: none}]",
                       .attacks = "[{kind: fgsm}]",
                       .epsilons = "[0, 8/255, 1]"},
              "1 point is new\n"
              "10 finished points are no longer asked for; their records stay\n");
  /* Renamed and something added. */
  after_usual(&(parts){.attacks = "[{kind: pgd, name: strong, steps: 20}, {kind: fgsm}, "
                                  "{kind: pgd, steps: 5}]"},
              "6 points are new\n");
  /* What was not done yet is not finished. */
  fixture all = start(&(parts){0}, (size_t)POINT_UNITS * 5);
  expect(&all, &(parts){.defenses = "[{kind: none}]"},
         "1 finished point is no longer asked for; its records stay\n");
  finish(&all);
}

/* ---- edits that alter
 * ---------------------------------------------------------------------------- */

static void models_are_trained_again(void **state)
{
  (void)state;
  after_usual(&(parts){.training = "{epochs: 13, batch: 64, shard: 16}"},
              "training.epochs was 12 and is 13: 'none' and 'noise' are trained again; 12 finished "
              "points of them are done again\n");
  after_usual(
      &(parts){.training = "{epochs: 12, batch: 64, shard: 16, augmentation: [flip], "
                           "optimizer: {kind: sgd, momentum: 0.8}, "
                           "schedule: {kind: constant}}",
               .epsilons = "[0]",
               .defenses = "[{kind: none}]"},
      "training.optimizer.momentum was 0.9 and is 0.8, training.schedule.kind was one-cycle "
      "and is constant, training.augmentation was [] and is [flip]: 'none' is "
      "trained again; 2 finished points of it are done again\n"
      "10 finished points are no longer asked for; their records stay\n");
  after_usual(
      &(parts){
          .defenses =
              "[{kind: none}, {kind: gaussian-noise, name: noise, after: normalize, draws: 8}]"},
      "defense 'noise': draws was 4 and is 8: 'noise' is trained again; 6 finished points "
      "of it are done again\n");
  after_usual(
      &(parts){.model = "{kind: small}"},
      "model.kind was linear and is small: 'none' and 'noise' are trained again; 12 finished "
      "points of them are done again\n");
  after_usual(
      &(parts){.kernels = "kernels: {instructions: baseline}"},
      "kernels.instructions was auto and is baseline: 'none' and 'noise' are trained again; 12 "
      "finished points of them are done again\n");
  /* Trained, and no point done. */
  fixture all = start(&(parts){0}, (size_t)POINT_UNITS * POINTS);
  expect(&all, &(parts){.training = "{epochs: 1, batch: 64, shard: 16}"},
         "training.epochs was 12 and is 1: 'none' and 'noise' are trained again\n");
  finish(&all);
}

/* Two reasons, each with its own. */
static void two_reasons(void **state)
{
  (void)state;
  after_usual(
      &(parts){
          .defenses =
              "[{kind: none}, {kind: gaussian-noise, name: noise, after: normalize, draws: 8}]",
          .attacks = "[{kind: fgsm}, {kind: pgd, steps: 40}]",
          .epsilons = "[0, 8/255, 1]"},
      "defense 'noise': draws was 4 and is 8: 'noise' is trained again; 4 finished points of it "
      "are done again\n"
      "attack 'pgd': steps was 20 and is 40: 2 finished points are done again\n"
      "4 points are new\n"
      "4 finished points are no longer asked for; their records stay\n");
}

static void many_models(void **state)
{
  (void)state;
  const char *const seeds = "seeds: [1, 2, 3, 4]";
  fixture all = start(&(parts){.seeds = seeds}, 0);
  expect(&all, &(parts){.seeds = seeds, .training = "{epochs: 13, batch: 64, shard: 16}"},
         "training.epochs was 12 and is 13: 'none-seed1', 'none-seed2', 'none-seed3', "
         "'none-seed4', 'noise-seed1', 'noise-seed2' and 2 more are trained again; 48 finished "
         "points of them are done again\n");
  finish(&all);
}

static void points_are_done_again(void **state)
{
  (void)state;
  after_usual(&(parts){.attacks = "[{kind: fgsm}, {kind: pgd, steps: 40}]"},
              "attack 'pgd': steps was 20 and is 40: 6 finished points are done again\n");
  after_usual(&(parts){.attacks = "[{kind: pgd, name: fgsm, steps: 1}, {kind: pgd, steps: 20}]",
                       .epsilons = "[0]"},
              "attack 'fgsm': kind was fgsm and is pgd: 2 finished points are done again\n"
              "8 finished points are no longer asked for; their records stay\n");
}

static void other_images(void **state)
{
  (void)state;
  after_usual(&(parts){.evaluation = "{images: 80, block: 40}"}, "");
  after_usual(&(parts){.evaluation = "{images: 200, block: 40}"},
              "evaluation.images was 120 and is 200: 12 finished points are completed, and what is "
              "done of that is kept\n");
  after_usual(&(parts){.evaluation = "{images: 120, block: 60}"},
              "evaluation.block was 40 and is 60: 12 finished points are done again\n");
  after_usual(
      &(parts){.dataset = "{kind: synthetic, training_images: 500, test_images: 300, "
                          "validation_images: 100}"},
      "dataset.training_images was 400 and is 500: 'none' and 'noise' are trained again; 12 "
      "finished points of them are done again\n");
  /* The same settings, and yet other images. */
  fixture all = start(&(parts){0}, 0);
  all.inputs.dataset.bytes[0] = 2;
  expect(
      &all, &(parts){0},
      "the dataset has other images: 'none' and 'noise' are trained again; 12 finished points of "
      "them are done again\n");
  finish(&all);
}

/* There and back: what was done before the edit is found, and nothing is said of it. */
static void to_and_fro(void **state)
{
  (void)state;
  const parts longer = {.training = "{epochs: 13, batch: 64, shard: 16}"};
  fixture all = start(&(parts){0}, 0);
  expect(
      &all, &longer,
      "training.epochs was 12 and is 13: 'none' and 'noise' are trained again; 12 finished points "
      "of them are done again\n");
  run_job(&all, POINT_UNITS);
  expect(&all, &(parts){0}, "");
  run_job(&all, 0);
  /* One point was never done with 13 epochs: it is done, with the model that is there. */
  expect(&all, &longer, "training.epochs was 12 and is 13: 1 finished point is done again\n");
  finish(&all);
}

/* One model has been trained so before, the other has not. */
static void half_of_it_is_there(void **state)
{
  (void)state;
  static const char longer[] = "{epochs: 13, batch: 64, shard: 16}";
  static const char noise[] = "[{kind: gaussian-noise, name: noise, after: normalize, draws: 4}]";
  fixture all = start(&(parts){.training = longer, .defenses = noise}, POINT_UNITS);
  open_job(&all, &(parts){0});
  run_job(&all, 0);
  expect(&all, &(parts){.training = longer},
         "training.epochs was 12 and is 13: 'none' is trained again; 6 finished points of it are "
         "done again\n"
         "training.epochs was 12 and is 13: 1 finished point is done again\n");
  finish(&all);
}

/* A name that goes to what had another: the work that had the name before is not asked for. */
static void a_name_moves(void **state)
{
  (void)state;
  after_usual(&(parts){.attacks = "[{kind: fgsm, name: pgd}]"},
              "6 finished points are no longer asked for; their records stay\n");
}

/* ---- models from files ------------------------------------------------------------------------
 */

static void models_from_files(void **state)
{
  (void)state;
  char one[AG_PATH_SIZE];
  char other[AG_PATH_SIZE];
  char defenses[2][2 * AG_PATH_SIZE];
  char lines[3 * AG_PATH_SIZE];
  char *files = folder_create();
  assert_int_equal(ag_path_join(one, sizeof one, "%s/one.h5", files), AG_OK);
  assert_int_equal(ag_path_join(other, sizeof other, "%s/other.h5", files), AG_OK);
  assert_int_equal(ag_file_write(one, "one", 3), AG_OK);
  assert_int_equal(ag_file_write(other, "other", 5), AG_OK);
  snprintf(defenses[0], sizeof defenses[0], "[{kind: none, file: %s}]", one);
  snprintf(defenses[1], sizeof defenses[1], "[{kind: none, file: %s}]", other);
  fixture all = start(&(parts){.defenses = defenses[0]}, 0);
  /* Its training is not ours, its shards are; an other file is another model. */
  expect(&all, &(parts){.defenses = defenses[0], .training = "{epochs: 13, shard: 16}"}, "");
  expect(&all, &(parts){.defenses = defenses[0], .training = "{epochs: 12, shard: 32}"},
         "training.shard was 16 and is 32: 6 finished points are done again\n");
  snprintf(lines, sizeof lines,
           "defense 'none': file was %s and is %s: 6 finished points are done again\n", one, other);
  expect(&all, &(parts){.defenses = defenses[1]}, lines);
  snprintf(lines, sizeof lines,
           "defense 'none': file was %s and is not given: 6 finished points are done again\n", one);
  expect(&all, &(parts){.defenses = "[{kind: none}]"}, lines);
  /* A file that is gone: the new job does not need it. */
  assert_int_equal(unlink(one), 0);
  open_job(&all, &(parts){.defenses = defenses[1]});
  ag_text said = {0};
  assert_int_equal(ag_changes_tell(all.folder, all.ledger, &all.inputs.dataset, &said), AG_OK);
  assert_non_null(strstr(said.bytes, "the job has changed; how cannot be told: defense 'none'"));
  assert_non_null(strstr(said.bytes, one));
  ag_text_clear(&said);
  finish(&all);
  folder_remove(files);
}

/* Both models change: that which makes the images is told of each that is attacked by them. */
static void another_source_is_another_attack(void **state)
{
  (void)state;
#define NOISE(sigma) \
  "[{kind: none}, {kind: gaussian-noise, name: noise, after: normalize, sigma: " sigma "}]"
  const parts before = {.attacks = "[{kind: fgsm}, {kind: transfer, from: noise}]",
                        .defenses = NOISE("0.1"),
                        .epsilons = "[8/255, 0.1]"};
  parts after = before;
  fixture all = start(&before, 0);
  after.defenses = NOISE("0.2");
  expect(&all, &after,
         "defense 'noise': sigma was 0.1 and is 0.2: 'noise' is trained again; 4 finished points "
         "of it are done again\n"
         "defense 'noise': sigma was 0.1 and is 0.2: 2 finished points are done again\n");
  after = before;
  after.attacks = "[{kind: fgsm}, {kind: transfer, from: none}]";
  expect(&all, &after,
         "attack 'transfer': from was noise and is none: 4 finished points are done again\n");
  after = before;
  after.attacks = "[{kind: fgsm}, {kind: transfer, from: loud}]";
  after.defenses = "[{kind: none}, "
                   "{kind: gaussian-noise, name: loud, after: normalize, sigma: 1e-1}]";
  expect(&all, &after, "");
  finish(&all);
#undef NOISE
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_was_run),
      cmocka_unit_test(nothing_changes),
      cmocka_unit_test(more_and_less),
      cmocka_unit_test(models_are_trained_again),
      cmocka_unit_test(two_reasons),
      cmocka_unit_test(many_models),
      cmocka_unit_test(points_are_done_again),
      cmocka_unit_test(other_images),
      cmocka_unit_test(to_and_fro),
      cmocka_unit_test(half_of_it_is_there),
      cmocka_unit_test(a_name_moves),
      cmocka_unit_test(models_from_files),
      cmocka_unit_test(another_source_is_another_attack),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
