/* What a merge refuses: folders that disagree, that are none, that are in use; and nothing is
 * written then. */
#include "store/merged_parts.h"

#include <sys/stat.h>

/* ---- conflicts ------------------------------------------------------------------------------- */

/* The usual job in a and, made otherwise, in b. */
static void expect_conflict(const making *other, const char *text)
{
  char *folder = folder_create();
  char told[2 * AG_PATH_SIZE + 256];
  make_part(folder, "a", &(parts){0}, &(making){0});
  make_part(folder, "b", &(parts){0}, other);
  snprintf(told, sizeof told, "%s: %s/a has ", text, folder);
  expect_refused(folder, "a b", AG_INVALID_ARGUMENT, told);
  snprintf(told, sizeof told, " than %s/a%s", folder,
           other->kernels == NULL ? "" : ", on other kernels");
  expect_refused(folder, "b a", AG_INVALID_ARGUMENT, told);
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

static void conflicts_are_refused(void **state)
{
  (void)state;
  static const char first[] = "none, fgsm at epsilon 0, images 0 to 39";
  expect_conflict(&(making){.other_margin = 1}, first);
  expect_conflict(&(making){.other_margin = 1, .kernels = "avx512"}, first);
  expect_conflict(&(making){.other_cost = 1}, first);
  expect_conflict(&(making){.other_loss = 1e-12}, "model 'none'");
  expect_conflict(&(making){.other_model = 1}, "model 'none'");
}

static void other_gradients(void **state)
{
  (void)state;
  char *folder = folder_create();
  make_part(folder, "a", &(parts){0}, &(making){.gradient = AG_GRADIENT_SOME});
  make_part(folder, "b", &(parts){0}, &(making){.gradient = AG_GRADIENT_ZERO});
  expect_refused(folder, "a b", AG_INVALID_ARGUMENT, "has other outcomes than");
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

/* Units of a folder that attacked another model than another folder has trained. */
static void units_of_another_model(void **state)
{
  (void)state;
  char path[AG_PATH_SIZE];
  char *folder = folder_create();
  const parts fgsm = {.attacks = "[{kind: fgsm}]", .defenses = "[{kind: none}]"};
  const parts pgd = {.attacks = "[{kind: pgd}]", .defenses = "[{kind: none}]"};
  make_part(folder, "a", &fgsm, &(making){0});
  make_part(folder, "b", &pgd, &(making){.other_model = 1});
  expect_refused(folder, "a b", AG_INVALID_ARGUMENT, "model 'none': ");
  /* As it would be, had b's journal lost the record of its model. */
  join_path(path, folder, "b/journal");
  char *bytes = NULL;
  size_t size = 0;
  assert_int_equal(ag_file_read(path, &bytes, &size), AG_OK);
  /* Header, run, two epochs; then the model: mark, kind, size, key, record, checksum. */
  const size_t start = 16 + (64 + sizeof(ag_provenance)) + EPOCHS * (64 + sizeof(ag_epoch));
  const size_t length = 64 + sizeof(ag_model_record);
  memmove(bytes + start, bytes + start + length, size - start - length);
  assert_int_equal(ag_file_write(path, bytes, size - length), AG_OK);
  ag_release(&bytes);
  expect_refused(folder, "a b", AG_INVALID_ARGUMENT, "none, pgd at epsilon 0, images 0 to 39: ");
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void other_jobs_are_refused(void **state)
{
  (void)state;
  char told[3 * AG_PATH_SIZE];
  char *folder = folder_create();
  make_part(folder, "a", &(parts){0}, &(making){0});
  make_part(folder, "b", &(parts){.training = "{epochs: 13, batch: 64, shard: 16}"}, &(making){0});
  make_part(folder, "c", &(parts){.evaluation = "{images: 80, block: 40}"}, &(making){0});
  make_part(folder, "d", &(parts){0}, &(making){.images = 2});
  snprintf(told, sizeof told, "training.epochs is 12 in %s/a and 13 in %s/b", folder, folder);
  expect_refused(folder, "a b", AG_INVALID_ARGUMENT, told);
  expect_refused(folder, "a c", AG_INVALID_ARGUMENT, "evaluation.images is 120 in ");
  snprintf(told, sizeof told, "the dataset has other images in %s/a than in %s/d", folder, folder);
  expect_refused(folder, "a d", AG_INVALID_ARGUMENT, told);
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

/* ---- files ----------------------------------------------------------------------------------- */

static size_t size_of(const char *path)
{
  struct stat information;
  assert_int_equal(stat(path, &information), 0);
  return (size_t)information.st_size;
}

/* A unit that was being written when its run died is missing, and the folder stays as it is. */
static void torn_journal_is_read_and_left(void **state)
{
  (void)state;
  char path[AG_PATH_SIZE];
  char *folder = folder_create();
  make_part(folder, "a", &(parts){.seeds = "seed: 1"}, &(making){0});
  make_part(folder, "b", &(parts){.seeds = "seed: 2"}, &(making){0});
  join_path(path, folder, "a/journal");
  const size_t cut = size_of(path) - 5;
  assert_int_equal(truncate(path, (off_t)cut), 0);
  expect_merged(folder, "a b");
  expect_records(folder, AG_RECORD_UNIT, (size_t)24 * POINT_UNITS - 1);
  assert_int_equal(size_of(path), cut);
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

static void damage_is_refused(void **state)
{
  (void)state;
  char path[AG_PATH_SIZE];
  char other[AG_PATH_SIZE];
  char *folder = folder_create();
  make_part(folder, "a", &(parts){.seeds = "seed: 1"}, &(making){0});
  make_part(folder, "b", &(parts){.seeds = "seed: 2"}, &(making){0});
  /* Another model's file under the name of this one, none, and half of one. */
  join_path(path, folder, "b/models/none.h5");
  join_path(other, folder, "b/models/other.h5");
  assert_int_equal(rename(path, other), 0);
  expect_refused(folder, "a b", AG_IO_ERROR, path);
  char *bytes = NULL;
  size_t size = 0;
  assert_int_equal(ag_file_read(other, &bytes, &size), AG_OK);
  assert_int_equal(ag_file_write(path, bytes, size / 2), AG_OK);
  expect_refused(folder, "a b", AG_BAD_MODEL, path);
  char none[AG_PATH_SIZE];
  join_path(none, folder, "a/models/none.h5");
  ag_release(&bytes);
  assert_int_equal(ag_file_read(none, &bytes, &size), AG_OK);
  assert_int_equal(ag_file_write(path, bytes, size), AG_OK);
  expect_refused(folder, "a b", AG_BAD_MODEL, "it holds another model than the journal tells of");
  assert_int_equal(rename(other, path), 0);
  /* A journal with a byte that is not as it was. */
  ag_release(&bytes);
  join_path(path, folder, "b/journal");
  assert_int_equal(ag_file_read(path, &bytes, &size), AG_OK);
  bytes[size / 2] ^= 1;
  assert_int_equal(ag_file_write(path, bytes, size), AG_OK);
  expect_refused(folder, "a b", AG_BAD_STORE, path);
  ag_release(&bytes);
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

/* ---- folders --------------------------------------------------------------------------------- */

static void other_folders_are_refused(void **state)
{
  (void)state;
  char path[AG_PATH_SIZE];
  char *folder = folder_create();
  make_part(folder, "a", &(parts){.seeds = "seed: 1"}, &(making){0});
  make_part(folder, "b", &(parts){.seeds = "seed: 2"}, &(making){0});
  join_path(path, folder, "empty");
  assert_int_equal(ag_folder_create(path), AG_OK);
  expect_refused(folder, "a empty", AG_INVALID_ARGUMENT, "empty is no result folder");
  expect_refused(folder, "a nowhere", AG_INVALID_ARGUMENT, "nowhere is no result folder");
  expect_refused(folder, "a b a/../a", AG_INVALID_ARGUMENT, "a/../a are the same folder");
  assert_int_equal(count_entries(path), 0);
  /* One that a run is writing to. */
  ag_journal *journal = NULL;
  join_path(path, folder, "b");
  assert_int_equal(ag_journal_open(path, &journal), AG_OK);
  expect_refused(folder, "a b", AG_IO_ERROR, path);
  ag_journal_close(&journal);
  expect_merged(folder, "a b");
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

/* What is there stays there; an empty folder is taken. */
static void the_output_must_be_new(void **state)
{
  (void)state;
  char path[AG_PATH_SIZE];
  char file[AG_PATH_SIZE];
  char *folder = folder_create();
  make_part(folder, "a", &(parts){.seeds = "seed: 1"}, &(making){0});
  join_path(path, folder, "merged");
  assert_int_equal(ag_file_write(path, "text", 4), AG_OK);
  expect_refused(folder, "a", AG_INVALID_ARGUMENT, path);
  assert_int_equal(unlink(path), 0);
  join_path(file, folder, "merged/notes");
  assert_int_equal(ag_folder_create(path), AG_OK);
  assert_int_equal(ag_file_write(file, "text", 4), AG_OK);
  expect_refused(folder, "a", AG_INVALID_ARGUMENT, "is not empty; expected a new or an empty");
  assert_int_equal(unlink(file), 0);
  expect_merged(folder, "a");
  expect_refused(folder, "a", AG_INVALID_ARGUMENT, "is a result folder already");
  folder_remove(folder);
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(other_gradients),
      cmocka_unit_test(conflicts_are_refused),
      cmocka_unit_test(units_of_another_model),
      cmocka_unit_test(other_jobs_are_refused),
      cmocka_unit_test(torn_journal_is_read_and_left),
      cmocka_unit_test(damage_is_refused),
      cmocka_unit_test(other_folders_are_refused),
      cmocka_unit_test(the_output_must_be_new),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
