/* The journal where it cannot grow: a disk that is full at any byte, a folder that has become
 * read-only. What was recorded stays, the message names the file, and later it goes on. */
#include "store/small_plan.h"
#include "support/child.h"

enum { HEADER = 16, AROUND = 64, RECORDS = 3 };

static const char *const payloads[RECORDS] = {"the first", "a second",
                                              "the third, a little longer"};

typedef struct fixture {
  char *folder;
  char path[AG_PATH_SIZE];
  size_t room; /* bytes that a file may have */
} fixture;

static fixture start(void)
{
  fixture all = {.folder = folder_create()};
  assert_int_equal(ag_path_join(all.path, sizeof all.path, "%s/journal", all.folder), AG_OK);
  return all;
}

static void finish(fixture *all)
{
  folder_remove(all->folder);
  assert_int_equal(ag_live_blocks(), 0);
}

static ag_status append(ag_journal *journal, size_t index)
{
  return ag_journal_append(journal, &(ag_record){.kind = AG_RECORD_FAILURE,
                                                 .key = small_key("journal", index),
                                                 .payload = payloads[index],
                                                 .size = strlen(payloads[index])});
}

/* Where record `index` ends. */
static size_t end_of(size_t index)
{
  size_t end = HEADER;
  for (size_t i = 0; i <= index; ++i)
    end += AROUND + strlen(payloads[i]);
  return end;
}

static ag_status count_record(void *context, const ag_record *record)
{
  size_t *count = context;
  if (*count >= RECORDS || record->size != strlen(payloads[*count]) ||
      memcmp(record->payload, payloads[*count], record->size) != 0) {
    return ag_fail(AG_BAD_STORE, "record %zu is another", *count);
  }
  ++*count;
  return AG_OK;
}

/* Just these records are there; SIZE_MAX where the journal cannot be read. */
static size_t count_records(const char *folder)
{
  size_t count = 0;
  return ag_journal_read(folder, count_record, &count) == AG_OK ? count : SIZE_MAX;
}

/* Appends the records from `first` on, of which the rest finds no room: what went in stays, what
 * did not leaves no byte. Then there is room again, in the same run. */
static int append_with_little_room(void *context)
{
  const fixture *all = context;
  ag_journal *journal = NULL;
  if (ag_journal_open(all->folder, &journal) != AG_OK) return 2;
  if (!child_limit_files(all->room)) return 3;
  for (size_t i = 0; i < RECORDS; ++i) {
    const bool fits = end_of(i) <= all->room;
    const ag_status status = append(journal, i);
    if (fits != (status == AG_OK)) return 4;
    if (!fits && (status != AG_IO_ERROR || strstr(ag_message(), all->path) == NULL)) return 5;
    if (!fits && strstr(ag_message(), "File too large") == NULL) return 6;
    if (count_records(all->folder) != (fits ? i + 1 : i)) return 7;
    if (fits) continue;
    if (append(journal, i) != AG_IO_ERROR) return 8; /* no better the second time */
    if (!child_limit_files(1 << 20)) return 9;
    if (append(journal, i) != AG_OK || !child_limit_files(all->room)) return 10;
    ag_journal_close(&journal);
    return count_records(all->folder) == i + 1 ? 0 : 11;
  }
  return 12;
}

/* For every number of bytes that ends in a record. */
static void full_at_every_byte(void **state)
{
  (void)state;
  for (size_t room = HEADER; room < end_of(RECORDS - 1); ++room) {
    fixture all = start();
    all.room = room;
    const int result = child_run(append_with_little_room, &all);
    if (result != 0) fail_msg("with room for %zu bytes: %d", room, result);
    /* The next run goes on behind what is there. */
    const size_t before = count_records(all.folder);
    assert_true(before >= 1 && before <= RECORDS);
    ag_journal *journal = NULL;
    assert_int_equal(ag_journal_open(all.folder, &journal), AG_OK);
    for (size_t i = before; i < RECORDS; ++i)
      assert_int_equal(append(journal, i), AG_OK);
    ag_journal_close(&journal);
    assert_int_equal(count_records(all.folder), RECORDS);
    finish(&all);
  }
}

/* Not even the lock finds room, which comes before the header. */
static int open_with_no_room(void *context)
{
  const fixture *all = context;
  ag_journal *journal = NULL;
  if (!child_limit_files(all->room)) return 2;
  if (ag_journal_open(all->folder, &journal) == AG_OK) return 3;
  if (journal != NULL || strstr(ag_message(), all->folder) == NULL) return 4;
  return strstr(ag_message(), "File too large") != NULL ? 0 : 5;
}

static void full_from_the_start(void **state)
{
  (void)state;
  for (size_t room = 0; room < HEADER; ++room) {
    fixture all = start();
    all.room = room;
    assert_int_equal(child_run(open_with_no_room, &all), 0);
    assert_int_equal(count_records(all.folder), 0);
    ag_journal *journal = NULL;
    assert_int_equal(ag_journal_open(all.folder, &journal), AG_OK);
    assert_int_equal(append(journal, 0), AG_OK);
    ag_journal_close(&journal);
    assert_int_equal(count_records(all.folder), 1);
    finish(&all);
  }
}

/* ---- read-only ------------------------------------------------------------------------ */

/* A run that finds the folder so is told by name, and can still read. */
static int open_what_is_closed(void *context)
{
  const fixture *all = context;
  ag_journal *journal = NULL;
  if (!child_drop_privileges()) return 2;
  if (ag_journal_open(all->folder, &journal) != AG_IO_ERROR || journal != NULL) return 3;
  if (strstr(ag_message(), all->folder) == NULL) return 4;
  if (strstr(ag_message(), "Permission denied") == NULL) return 5;
  return count_records(all->folder) == 2 ? 0 : 6;
}

static void read_only_before(void **state)
{
  (void)state;
  fixture all = start();
  ag_journal *journal = NULL;
  assert_int_equal(ag_journal_open(all.folder, &journal), AG_OK);
  assert_int_equal(append(journal, 0), AG_OK);
  assert_int_equal(append(journal, 1), AG_OK);
  ag_journal_close(&journal);
  assert_int_equal(chmod(all.folder, 0555), 0);
  assert_int_equal(child_run(open_what_is_closed, &all), 0);
  assert_int_equal(chmod(all.folder, 0755), 0);
  assert_int_equal(ag_journal_open(all.folder, &journal), AG_OK);
  assert_int_equal(append(journal, 2), AG_OK);
  ag_journal_close(&journal);
  assert_int_equal(count_records(all.folder), RECORDS);
  finish(&all);
}

/* A run on whose way the folder becomes so goes on with the file that it has open, and leaves
 * nothing that keeps another out. */
static int append_while_it_closes(void *context)
{
  const fixture *all = context;
  ag_journal *journal = NULL;
  if (!child_drop_privileges()) return 2;
  if (ag_journal_open(all->folder, &journal) != AG_OK) return 3;
  if (append(journal, 0) != AG_OK) return 4;
  if (chmod(all->folder, 0555) != 0) return 5;
  if (append(journal, 1) != AG_OK) return 6;
  ag_journal_close(&journal);
  struct stat lock;
  char path[AG_PATH_SIZE];
  if (ag_path_join(path, sizeof path, "%s/lock", all->folder) != AG_OK) return 10;
  if (stat(path, &lock) != 0 || lock.st_size != 0) return 11; /* released, though not removed */
  if (chmod(all->folder, 0755) != 0) return 7;
  if (ag_journal_open(all->folder, &journal) != AG_OK) return 8;
  if (append(journal, 2) != AG_OK) return 9;
  ag_journal_close(&journal);
  return 0;
}

static void read_only_on_the_way(void **state)
{
  (void)state;
  fixture all = start();
  if (geteuid() == 0) assert_int_equal(chown(all.folder, 65534, 65534), 0);
  assert_int_equal(child_run(append_while_it_closes, &all), 0);
  assert_int_equal(count_records(all.folder), RECORDS);
  finish(&all);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(full_at_every_byte),
      cmocka_unit_test(full_from_the_start),
      cmocka_unit_test(read_only_before),
      cmocka_unit_test(read_only_on_the_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
