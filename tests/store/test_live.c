/* DIR/progress: read as it was written, and passed over in any other state. */
#include "support/child.h"
#include "support/folder.h"

#include "store/live.h"

enum { RANKS = 3 };

typedef struct fixture {
  char *folder;
  ag_live live;
  ag_live_rank ranks[RANKS];
  ag_live_model model;
} fixture;

static ag_digest key_of(const char *text)
{
  ag_digest key;
  assert_int_equal(ag_digest_compute(text, strlen(text), &key), AG_OK);
  return key;
}

static void start(fixture *f)
{
  *f = (fixture){.folder = folder_create()};
  f->model = (ag_live_model){key_of("model"), 0.375};
  f->ranks[0] = (ag_live_rank){.task = AG_LIVE_TRAINING, .key = f->model.key, .seconds = 4.5};
  f->ranks[1] = (ag_live_rank){
      .task = AG_LIVE_ATTACKING, .key = key_of("unit"), .first = 200, .count = 100, .seconds = 0.5};
  snprintf(f->ranks[1].host, sizeof f->ranks[1].host, "node-17.cluster");
  f->live = (ag_live){.run = 3,
                      .written = 1769860800,
                      .elapsed = 61.5,
                      .share = 0.25,
                      .images_per_second = 1230,
                      .left = {true, 100, 80, 150.5},
                      .rank_count = RANKS,
                      .model_count = 1,
                      .ranks = f->ranks,
                      .models = &f->model};
}

static void stop(fixture *f)
{
  folder_remove(f->folder);
  assert_int_equal(ag_live_blocks(), 0);
}

static char *path_of(const fixture *f, const char *name, char path[AG_PATH_SIZE])
{
  snprintf(path, AG_PATH_SIZE, "%s/%s", f->folder, name);
  return path;
}

static void comes_back(void **state)
{
  (void)state;
  fixture f;
  ag_live got;
  bool found = false;
  start(&f);
  assert_true(ag_live_write(f.folder, &f.live));
  assert_int_equal(ag_live_read(f.folder, &found, &got), AG_OK);
  assert_true(found);
  assert_true(got.run == 3 && got.written == 1769860800 && got.elapsed == 61.5);
  assert_true(got.share == 0.25 && got.images_per_second == 1230 && got.left.is_known);
  assert_true(got.left.seconds == 100 && got.left.low == 80 && got.left.high == 150.5);
  assert_int_equal(got.model_count, 1);
  assert_memory_equal(&got.models[0].key, &f.model.key, sizeof f.model.key);
  assert_true(got.models[0].share == 0.375);
  assert_int_equal(got.rank_count, RANKS);
  for (size_t i = 0; i < RANKS; ++i) {
    assert_int_equal(got.ranks[i].task, f.ranks[i].task);
    assert_memory_equal(&got.ranks[i].key, &f.ranks[i].key, sizeof f.ranks[i].key);
    assert_int_equal(got.ranks[i].first, f.ranks[i].first);
    assert_int_equal(got.ranks[i].count, f.ranks[i].count);
    assert_true(got.ranks[i].seconds == f.ranks[i].seconds);
  }
  assert_string_equal(got.ranks[1].host, "node-17.cluster");
  assert_string_equal(got.ranks[0].host, "-");
  ag_live_clear(&got);
  ag_live_remove(f.folder);
  assert_int_equal(ag_live_read(f.folder, &found, &got), AG_OK);
  assert_false(found);
  stop(&f);
}

static bool is_found(const fixture *f, const char *text, size_t size)
{
  char path[AG_PATH_SIZE];
  ag_live got;
  bool found = true;
  assert_int_equal(ag_file_write(path_of(f, "progress", path), text, size), AG_OK);
  assert_int_equal(ag_live_read(f->folder, &found, &got), AG_OK);
  if (found) ag_live_clear(&got);
  assert_int_equal(ag_live_blocks(), 0);
  return found;
}

/* The text with the first `from` in it replaced. */
static bool is_found_with(const fixture *f, const char *text, const char *from, const char *to)
{
  const char *at = strstr(text, from);
  assert_non_null(at);
  ag_text changed = {0};
  assert_int_equal(
      ag_text_append(&changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)), AG_OK);
  char *copy = (char *)test_bytes(changed.length + 1);
  snprintf(copy, changed.length + 1, "%s", changed.bytes);
  ag_text_clear(&changed);
  const bool found = is_found(f, copy, strlen(copy));
  free(copy);
  return found;
}

static void damaged_is_not_there(void **state)
{
  (void)state;
  static const char *const changes[][2] = {
      {"advgrid-progress 1", "advgrid-progress 2"},
      {"run 3", "run -3"},
      {"written 1769860800", "written yesterday"},
      {"share 0.25", "share nan"},
      {"left 1 100.0", "left 1"},
      {"models 1", "models 2"},
      {"models 1", "models 18446744073709551615"},
      {"ranks 3", "ranks 4"},
      {"ranks 3", "ranks 4000000000"},
      {"ranks 3", "ranks three"},
      {"rank training", "rank sleeping"},
      {"rank training ", "rank training x"},
      {" 200 100 ", " 200 1.5 "},
      {"end", "more\nend"},
  };
  fixture f;
  char path[AG_PATH_SIZE];
  char *text = NULL;
  size_t size = 0;
  start(&f);
  assert_true(ag_live_write(f.folder, &f.live));
  assert_int_equal(ag_file_read(path_of(&f, "progress", path), &text, &size), AG_OK);
  char *copy = (char *)test_bytes(size + 1);
  snprintf(copy, size + 1, "%s", text);
  ag_release(&text);
  assert_true(is_found(&f, copy, size));
  for (size_t length = 0; length + 1 < size; length += 7)
    assert_false(is_found(&f, copy, length));
  for (size_t i = 0; i < sizeof changes / sizeof *changes; ++i) {
    if (is_found_with(&f, copy, changes[i][0], changes[i][1])) {
      fail_msg("'%s' is taken for '%s'", changes[i][1], changes[i][0]);
    }
  }
  free(copy);
  stop(&f);
}

static int write_on_full_disk(void *context)
{
  fixture *f = context;
  if (!child_limit_files(100)) return 2;
  return ag_live_write(f->folder, &f->live) ? 1 : 0;
}

static int write_as_nobody(void *context)
{
  fixture *f = context;
  if (!child_drop_privileges()) return 2;
  return ag_live_write(f->folder, &f->live) ? 1 : 0;
}

/* What was there stays, nothing is left beside it, and no message is set. */
static void failure_changes_nothing(void **state)
{
  (void)state;
  fixture f;
  ag_live got;
  char path[AG_PATH_SIZE];
  bool found = false;
  start(&f);
  assert_true(ag_live_write(f.folder, &f.live));
  f.live.run = 4;
  assert_int_equal(child_run(write_on_full_disk, &f), 0);
  assert_false(ag_file_exists(path_of(&f, "progress.tmp", path)));
  assert_int_equal(chmod(f.folder, 0555), 0);
  assert_int_equal(child_run(write_as_nobody, &f), 0);
  assert_int_equal(chmod(f.folder, 0755), 0);
  assert_int_equal(ag_live_read(f.folder, &found, &got), AG_OK);
  assert_true(found && got.run == 3);
  ag_live_clear(&got);
  ag_fail(AG_IO_ERROR, "before");
  assert_false(ag_live_write("/nowhere/at/all", &f.live));
  ag_live_remove("/nowhere/at/all");
  assert_string_equal(ag_message(), "before");
  stop(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(comes_back),
      cmocka_unit_test(damaged_is_not_there),
      cmocka_unit_test(failure_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
