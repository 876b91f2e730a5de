/* Where a new folder may be written, and when several names are one folder. */
#include "support/fixture.h"
#include "support/folder.h"

#include "store/folder.h"

#include <sys/stat.h>
#include <unistd.h>

enum { PATHS = 4 };
static char paths[PATHS][AG_PATH_SIZE];

static const char *within(const char *folder, size_t slot, const char *name)
{
  assert_int_equal(ag_path_join(paths[slot], AG_PATH_SIZE, "%s/%s", folder, name), AG_OK);
  return paths[slot];
}

static void two_names_of_one_folder(void **state)
{
  (void)state;
  char *folder = folder_create();
  const char *a = within(folder, 0, "a");
  const char *link = within(folder, 1, "link");
  const char *b = within(folder, 2, "b");
  assert_true(mkdir(a, 0700) == 0 && mkdir(b, 0700) == 0 && symlink(a, link) == 0);
  assert_int_equal(ag_folders_check_apart((const char *[]){a, b, "/none", "/none"}, 4), AG_OK);
  assert_int_equal(ag_folders_check_apart((const char *[]){a, b, link}, 3), AG_INVALID_ARGUMENT);
  assert_non_null(strstr(ag_message(), "are the same folder"));
  folder_remove(folder);
}

static ag_status check_output(const char *output)
{
  return ag_folder_check_output(output, (const char *const[]){"page", "parts/list"}, 2);
}

static void what_is_there_stays(void **state)
{
  (void)state;
  char *folder = folder_create();
  const char *out = within(folder, 0, "out");
  assert_int_equal(check_output(out), AG_OK);
  assert_int_equal(mkdir(out, 0700), 0);
  assert_int_equal(check_output(out), AG_OK);
  assert_int_equal(ag_file_write(within(folder, 1, "out/note"), "x", 1), AG_OK);
  assert_int_equal(check_output(out), AG_INVALID_ARGUMENT);
  assert_non_null(strstr(ag_message(), "is not empty; expected a new or an empty folder, or"));
  assert_int_equal(ag_file_write(within(folder, 1, "out/page"), "x", 1), AG_OK);
  assert_int_equal(check_output(out), AG_OK);
  assert_int_equal(ag_folder_check_output(out, NULL, 0), AG_INVALID_ARGUMENT);
  assert_int_equal(ag_file_write(within(folder, 1, "out/results.h5"), "x", 1), AG_OK);
  assert_int_equal(check_output(out), AG_INVALID_ARGUMENT);
  assert_non_null(strstr(ag_message(), "is a result folder already"));
  assert_int_equal(check_output(within(folder, 1, "out/note")), AG_INVALID_ARGUMENT);
  assert_true(mkdir(within(folder, 1, "half"), 0700) == 0 &&
              mkdir(within(folder, 2, "half/parts"), 0700) == 0);
  assert_int_equal(check_output(within(folder, 1, "half")), AG_INVALID_ARGUMENT);
  assert_int_equal(ag_file_write(within(folder, 2, "half/parts/list"), "", 0), AG_OK);
  assert_int_equal(check_output(within(folder, 1, "half")), AG_OK);
  folder_remove(folder);
}

static void outside_of_the_others(void **state)
{
  (void)state;
  char *folder = folder_create();
  const char *a = within(folder, 0, "a");
  const char *link = within(folder, 1, "link");
  const char *const others[] = {"/none", a};
  const struct {
    const char *output, *message;
  } refused[] = {{"a", "is within"},         {"a/new/deep", "is within"},
                 {"link/new", "is within"},  {"new/../a", "cannot write"},
                 {"link/../a", "is within"}, {"./a/", "is within"}};
  static const char *const allowed[] = {"new", "ab", "ab/new", "a/../new", "."};
  assert_true(mkdir(a, 0700) == 0 && symlink(a, link) == 0);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; ++i) {
    assert_int_equal(ag_folder_check_outside(within(folder, 2, refused[i].output), others, 2),
                     AG_INVALID_ARGUMENT);
    assert_non_null(strstr(ag_message(), refused[i].message));
  }
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; ++i) {
    assert_int_equal(ag_folder_check_outside(within(folder, 2, allowed[i]), others, 2), AG_OK);
  }
  assert_int_equal(ag_folder_check_outside("new-in-this-folder", others, 2), AG_OK);
  folder_remove(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_names_of_one_folder),
      cmocka_unit_test(what_is_there_stays),
      cmocka_unit_test(outside_of_the_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
