/* Files: read whole, written whole or not at all, and messages that name what went wrong. The
 * failures are those that also stop the super-user, whom permissions do not. */
#include "support/folder.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

typedef char path_text[AG_PATH_SIZE];

static void join(char *out, const char *folder, const char *name)
{
  assert_int_equal(ag_path_join(out, AG_PATH_SIZE, "%s/%s", folder, name), AG_OK);
}

static void assert_content(const char *path, const void *bytes, size_t size)
{
  char *text = NULL;
  size_t got = 0;
  assert_int_equal(ag_file_read(path, &text, &got), AG_OK);
  assert_int_equal(got, size);
  assert_memory_equal(text, bytes, size);
  assert_int_equal(text[size], 0);
  ag_release(&text);
}

static void assert_entries(const char *folder, size_t expected)
{
  size_t count = 0;
  DIR *open = opendir(folder);
  assert_non_null(open);
  while (readdir(open) != NULL)
    ++count;
  closedir(open);
  assert_int_equal(count, expected + 2); /* "." and ".." */
}

/* The last failure's message has all three. */
static void assert_message(const char *path, const char *word)
{
  if (strstr(ag_message(), path) == NULL || strstr(ag_message(), word) == NULL) {
    fail_msg("the message is: %s", ag_message());
  }
}

static void what_is_written_is_read(void **state)
{
  (void)state;
  char *folder = folder_create();
  path_text path;
  join(path, folder, "file");
  assert_false(ag_file_exists(path));
  uint8_t bytes[3000];
  for (size_t i = 0; i < sizeof bytes; ++i)
    bytes[i] = (uint8_t)(i * 7); /* zeros and newlines among them */
  assert_int_equal(ag_file_write(path, bytes, sizeof bytes), AG_OK);
  assert_true(ag_file_exists(path));
  assert_content(path, bytes, sizeof bytes);
  assert_int_equal(ag_file_write(path, "short", 5), AG_OK);
  assert_content(path, "short", 5);
  assert_int_equal(ag_file_write(path, NULL, 0), AG_OK);
  assert_content(path, "", 0);
  assert_entries(folder, 1);
  folder_remove(folder);
}

/* A disk that is full in the middle: a limit on file sizes stands in for it. */
static void a_write_that_fails_leaves_the_old_file(void **state)
{
  (void)state;
  char *folder = folder_create();
  path_text path;
  join(path, folder, "file");
  assert_int_equal(ag_file_write(path, "old", 3), AG_OK);
  struct rlimit kept;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
  const struct rlimit small = {.rlim_cur = 100, .rlim_max = kept.rlim_max};
  char bytes[1000] = "new";
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  const ag_status status = ag_file_write(path, bytes, sizeof bytes);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept), 0);
  signal(SIGXFSZ, SIG_DFL);
  assert_int_equal(status, AG_IO_ERROR);
  assert_message(path, "File too large");
  assert_content(path, "old", 3);
  assert_entries(folder, 1);
  folder_remove(folder);
}

/* Someone who has the old file open keeps reading the old file: the new one has its own place. */
static void a_write_replaces_and_does_not_overwrite(void **state)
{
  (void)state;
  char *folder = folder_create();
  path_text path;
  join(path, folder, "file");
  assert_int_equal(ag_file_write(path, "old", 3), AG_OK);
  FILE *reader = fopen(path, "rb");
  assert_non_null(reader);
  assert_int_equal(ag_file_write(path, "new!", 4), AG_OK);
  char text[8] = "";
  assert_int_equal(fread(text, 1, sizeof text, reader), 3);
  assert_string_equal(text, "old");
  fclose(reader);
  assert_content(path, "new!", 4);
  folder_remove(folder);
}

static void writing_where_one_cannot_is_refused(void **state)
{
  (void)state;
  char *folder = folder_create();
  path_text file, below, missing, inside;
  join(file, folder, "file");
  join(below, folder, "file/below");
  join(missing, folder, "missing/file");
  join(inside, folder, "folder");
  assert_int_equal(ag_file_write(file, "x", 1), AG_OK);
  assert_int_equal(ag_file_write(below, "x", 1), AG_IO_ERROR);
  assert_message(below, "Not a directory");
  assert_int_equal(ag_file_write(missing, "x", 1), AG_IO_ERROR);
  assert_message(missing, "No such file or directory");
  assert_int_equal(ag_folder_create(inside), AG_OK);
  assert_int_equal(ag_file_write(inside, "x", 1), AG_IO_ERROR);
  assert_message(inside, "Is a directory");
  assert_int_equal(ag_file_replace(missing, file), AG_IO_ERROR);
  assert_message(file, "No such file or directory");
  assert_content(file, "x", 1);
  assert_entries(folder, 2);
  folder_remove(folder);
}

static void reading_what_is_no_file_is_refused(void **state)
{
  (void)state;
  char *folder = folder_create();
  path_text missing;
  join(missing, folder, "missing");
  int somewhere = 0;
  char *text = (char *)&somewhere;
  size_t size = 1;
  const size_t blocks = ag_live_blocks();
  assert_int_equal(ag_file_read(missing, &text, &size), AG_IO_ERROR);
  assert_message(missing, "No such file or directory");
  assert_null(text);
  assert_int_equal(size, 0);
  text = (char *)&somewhere;
  assert_int_equal(ag_file_read(folder, &text, &size), AG_IO_ERROR);
  assert_message(folder, "not a regular file");
  assert_null(text);
  assert_int_equal(ag_live_blocks(), blocks);
  folder_remove(folder);
}

static void folders_are_made_with_those_above(void **state)
{
  (void)state;
  char *folder = folder_create();
  path_text deep, twice, file, below;
  struct stat information;
  join(deep, folder, "one/two/three");
  join(twice, folder, "one//two/four/");
  join(file, folder, "file");
  join(below, folder, "file/folder");
  assert_int_equal(ag_folder_create(deep), AG_OK);
  assert_int_equal(stat(deep, &information), 0);
  assert_true(S_ISDIR(information.st_mode));
  assert_int_equal(ag_folder_create(deep), AG_OK);
  assert_int_equal(ag_folder_create(twice), AG_OK);
  assert_true(ag_file_exists(twice));
  assert_int_equal(ag_folder_create("/"), AG_OK);
  assert_int_equal(ag_file_write(file, "x", 1), AG_OK);
  assert_int_equal(ag_folder_create(file), AG_IO_ERROR);
  assert_message(file, "a file has that name");
  assert_int_equal(ag_folder_create(below), AG_IO_ERROR);
  assert_message(folder, "cannot create folder");
  assert_int_equal(ag_folder_create("/proc/advgrid/folder"), AG_IO_ERROR);
  assert_message("/proc/advgrid", "No such file or directory");
  folder_remove(folder);
}

static void a_path_that_does_not_fit_is_refused(void **state)
{
  (void)state;
  char small[8];
  assert_int_equal(ag_path_join(small, sizeof small, "%s/%d", "abc", 123), AG_OK);
  assert_string_equal(small, "abc/123");
  assert_int_equal(ag_path_join(small, sizeof small, "%s/%d", "abc", 1234), AG_INVALID_ARGUMENT);
  assert_message("path too long", "7 bytes");
  path_text path;
  memset(path, 'a', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  assert_int_equal(ag_file_write(path, "x", 1), AG_INVALID_ARGUMENT); /* the temporary name */
}

/* With all that is in it, but not what links in it lead to. */
static void folders_are_removed(void **state)
{
  (void)state;
  char *folder = folder_create();
  path_text inner;
  path_text file;
  path_text link;
  join(inner, folder, "a/b");
  join(file, folder, "a/b/file");
  assert_int_equal(ag_folder_create(inner), AG_OK);
  assert_int_equal(ag_file_write(file, "x", 1), AG_OK);
  join(link, folder, "other");
  assert_int_equal(ag_folder_create(link), AG_OK);
  join(link, folder, "other/link");
  assert_int_equal(symlink(inner, link), 0);
  join(link, folder, "other");
  assert_int_equal(ag_folder_remove(link), AG_OK);
  assert_true(ag_file_exists(file));
  join(inner, folder, "a");
  assert_int_equal(ag_folder_remove(inner), AG_OK);
  assert_entries(folder, 0);
  assert_int_equal(ag_folder_remove(inner), AG_IO_ERROR);
  assert_message(inner, "cannot remove");
  folder_remove(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(a_write_that_fails_leaves_the_old_file),
      cmocka_unit_test(a_write_replaces_and_does_not_overwrite),
      cmocka_unit_test(writing_where_one_cannot_is_refused),
      cmocka_unit_test(reading_what_is_no_file_is_refused),
      cmocka_unit_test(folders_are_made_with_those_above),
      cmocka_unit_test(a_path_that_does_not_fit_is_refused),
      cmocka_unit_test(folders_are_removed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
