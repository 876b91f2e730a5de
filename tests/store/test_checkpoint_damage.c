/* Checkpoints in trouble: one that is cut or damaged anywhere is never taken, and the one before
 * is; a full disk or a closed folder leaves the older ones as they were. */
#include "store/checkpoints.h"
#include "support/child.h"

enum { AROUND = 600, STRIDE = 61 };

/* ---- damage ---------------------------------------------------------------------------- */

typedef struct spoiled {
  char *folder;
  char path[AG_PATH_SIZE]; /* of the newest */
  char *bytes;
  size_t size;
} spoiled;

static spoiled spoil_start(void)
{
  spoiled all = {.folder = folder_create()};
  assert_int_equal(save(all.folder, "none", 1), AG_OK);
  assert_int_equal(save(all.folder, "none", 2), AG_OK);
  path_of(all.folder, "none-2.h5", all.path);
  assert_int_equal(ag_file_read(all.path, &all.bytes, &all.size), AG_OK);
  assert_true(all.size > (size_t)3 * FLOATS * sizeof(float) + (size_t)2 * AROUND);
  return all;
}

static size_t next_place(const spoiled *all, size_t place)
{
  return place < AROUND || place + STRIDE >= all->size - AROUND ? place + 1 : place + STRIDE;
}

/* Ends the log: each time the newest was named, and nothing else was said. */
static void spoil_finish(spoiled *all, test_log *log, size_t times)
{
  const size_t room = times * 256;
  char *said = test_bytes(room);
  log_end(log, said, room);
  size_t lines = 0;
  for (const char *line = said; (line = strstr(line, "none-2.h5 is passed over: ")) != NULL; ++line)
    ++lines;
  assert_int_equal(lines, times);
  assert_null(strstr(said, "none-1.h5"));
  free(said);
  overwrite(all->path, all->bytes, all->size);
  expect(all->folder, "none", 2);
  ag_release(&all->bytes);
  finish(all->folder);
}

static void cut_anywhere(void **state)
{
  (void)state;
  spoiled all = spoil_start();
  size_t times = 0;
  test_log log = log_start();
  for (size_t cut = 0; cut < all.size; cut = next_place(&all, cut), ++times) {
    overwrite(all.path, all.bytes, cut);
    expect(all.folder, "none", 1);
  }
  spoil_finish(&all, &log, times);
}

/* Its end is there, bytes before it are not: a cut that the length hides. */
static void hole_anywhere(void **state)
{
  (void)state;
  spoiled all = spoil_start();
  size_t times = 0;
  char *bytes = test_bytes(all.size);
  test_log log = log_start();
  for (size_t start = 0; start < all.size; start += 997, ++times) {
    memcpy(bytes, all.bytes, all.size);
    memset(bytes + start, 0, ag_minimum(512, all.size - start));
    const bool same = memcmp(bytes, all.bytes, all.size) == 0; /* there were zeros */
    times -= same;
    overwrite(all.path, bytes, all.size);
    expect(all.folder, "none", same ? 2 : 1);
  }
  free(bytes);
  spoil_finish(&all, &log, times);
}

static void flipped_anywhere(void **state)
{
  (void)state;
  spoiled all = spoil_start();
  size_t times = 0;
  test_log log = log_start();
  for (size_t place = 0; place < all.size; place = next_place(&all, place), ++times) {
    const char flip = (char)(1 << times % 8);
    all.bytes[place] = (char)(all.bytes[place] ^ flip);
    overwrite(all.path, all.bytes, all.size);
    expect(all.folder, "none", 1);
    all.bytes[place] = (char)(all.bytes[place] ^ flip);
  }
  spoil_finish(&all, &log, times);
}

static void both_damaged(void **state)
{
  (void)state;
  spoiled all = spoil_start();
  char said[TEXT_SIZE];
  char path[AG_PATH_SIZE];
  path_of(all.folder, "none-1.h5", path);
  test_log log = log_start();
  overwrite(all.path, all.bytes, all.size - 1);
  overwrite(path, all.bytes, all.size / 2);
  expect(all.folder, "none", 0);
  log_end(&log, said, sizeof said);
  assert_non_null(strstr(said, "none-2.h5"));
  assert_non_null(strstr(said, "none-1.h5"));
  ag_release(&all.bytes);
  finish(all.folder);
}

/* ---- where it cannot be written ------------------------------------------------------------ */

typedef struct no_room {
  const char *folder;
  size_t room;
} no_room;

static int save_with_no_room(void *context)
{
  const no_room *all = context;
  if (!child_limit_files(all->room)) return 2;
  if (save(all->folder, "none", 3) != AG_IO_ERROR) return 3;
  if (strstr(ag_message(), "checkpoints/none-3.h5") == NULL) return 4;
  return strstr(ag_message(), "File too large") != NULL ? 0 : 5;
}

static void full_disk(void **state)
{
  (void)state;
  spoiled all = spoil_start();
  for (size_t room = 0; room < all.size; room += room == 0 ? 1 : all.size / 12) {
    assert_int_equal(child_run(save_with_no_room, &(no_room){all.folder, room}), 0);
    expect(all.folder, "none", 2);
    assert_true(is_there(all.folder, "none-1.h5"));
    assert_false(is_there(all.folder, "none-3.h5") || is_there(all.folder, "none-3.h5.tmp"));
  }
  assert_int_equal(save(all.folder, "none", 3), AG_OK);
  expect(all.folder, "none", 3);
  ag_release(&all.bytes);
  finish(all.folder);
}

static int use_what_is_closed(void *context)
{
  const char *folder = context;
  const ag_digest key = key_of("model");
  ag_checkpoint loaded;
  bool found = false;
  if (!child_drop_privileges()) return 2;
  if (save(folder, "none", 3) != AG_IO_ERROR) return 3;
  if (strstr(ag_message(), "checkpoints/none-3.h5: Permission denied") == NULL) return 4;
  if (ag_checkpoint_load(folder, "none", &key, FLOATS, &found, &loaded) != AG_OK) return 5;
  if (!found || loaded.state.position.images != 2) return 6;
  ag_checkpoint_clear(&loaded);
  if (ag_checkpoint_remove(folder, "none") != AG_IO_ERROR) return 7;
  return strstr(ag_message(), "cannot remove") != NULL ? 0 : 8;
}

static void closed_folder(void **state)
{
  (void)state;
  spoiled all = spoil_start();
  char path[AG_PATH_SIZE];
  path_of(all.folder, "", path);
  assert_int_equal(chmod(all.folder, 0755), 0); /* mkdtemp makes it for its owner alone */
  assert_int_equal(chmod(path, 0555), 0);
  assert_int_equal(child_run(use_what_is_closed, all.folder), 0);
  assert_int_equal(chmod(path, 0755), 0);
  expect(all.folder, "none", 2);
  assert_int_equal(save(all.folder, "none", 3), AG_OK);
  expect(all.folder, "none", 3);
  ag_release(&all.bytes);
  finish(all.folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cut_anywhere),     cmocka_unit_test(hole_anywhere),
      cmocka_unit_test(flipped_anywhere), cmocka_unit_test(both_damaged),
      cmocka_unit_test(full_disk),        cmocka_unit_test(closed_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
