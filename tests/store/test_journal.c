/* The journal: what is written comes back, a torn end is cut off at whatever byte it was torn,
 * and damage before the end is found and named. */
#include "store/small_plan.h"

enum { RECORDS = 4, FIRST_RECORD = 16, AROUND = 64 };

/* What a visit saw. */
typedef struct seen {
  size_t count;
  ag_record_kind kinds[16];
  ag_digest keys[16];
  size_t sizes[16];
  char payloads[16][64];
  ag_status answer;
} seen;

static ag_status look(void *context, const ag_record *record)
{
  seen *all = context;
  assert_true(all->count < 16);
  all->kinds[all->count] = record->kind;
  all->keys[all->count] = record->key;
  all->sizes[all->count] = record->size;
  if (record->size < 64) memcpy(all->payloads[all->count], record->payload, record->size);
  ++all->count;
  return all->answer == AG_OK ? AG_OK : ag_fail(all->answer, "the visit says no");
}

static const char *const payloads[RECORDS] = {"the first", "", "a third, longer than the others",
                                              "last"};

static ag_status append_text(ag_journal *journal, size_t index, const char *text)
{
  return ag_journal_append(journal, &(ag_record){.kind = AG_RECORD_FAILURE,
                                                 .key = small_key("journal", index),
                                                 .payload = text,
                                                 .size = strlen(text)});
}

static void write_all(const char *folder)
{
  ag_journal *journal = NULL;
  assert_int_equal(ag_journal_open(folder, &journal), AG_OK);
  for (size_t i = 0; i < RECORDS; ++i)
    assert_int_equal(append_text(journal, i, payloads[i]), AG_OK);
  ag_journal_close(&journal);
  assert_null(journal);
}

/* Reads the folder and checks that records 0 .. count - 1 are there and no other. */
static void expect(const char *folder, size_t count)
{
  seen all = {0};
  assert_int_equal(ag_journal_read(folder, look, &all), AG_OK);
  assert_int_equal(all.count, count);
  for (size_t i = 0; i < count; ++i) {
    const ag_digest key = small_key("journal", i);
    assert_int_equal(all.kinds[i], AG_RECORD_FAILURE);
    assert_memory_equal(&all.keys[i], &key, sizeof key);
    assert_int_equal(all.sizes[i], strlen(payloads[i]));
    assert_string_equal(all.payloads[i], payloads[i]);
  }
}

static void path_of(const char *folder, char path[AG_PATH_SIZE])
{
  assert_int_equal(ag_path_join(path, AG_PATH_SIZE, "%s/journal", folder), AG_OK);
}

static void round_trip(void **state)
{
  (void)state;
  char *folder = folder_create();
  const size_t blocks = ag_live_blocks();
  seen none = {0};
  assert_int_equal(ag_journal_read(folder, look, &none), AG_OK);
  assert_int_equal(none.count, 0);
  write_all(folder);
  expect(folder, RECORDS);
  assert_int_equal(ag_live_blocks(), blocks);
  folder_remove(folder);
}

static void large_payload(void **state)
{
  (void)state;
  char *folder = folder_create();
  ag_journal *journal = NULL;
  const size_t size = 3000000;
  char *bytes = (char *)test_bytes(size);
  assert_int_equal(ag_journal_open(folder, &journal), AG_OK);
  assert_int_equal(append_text(journal, 0, payloads[0]), AG_OK);
  ag_record record = {.kind = AG_RECORD_UNIT, .payload = bytes, .size = size};
  assert_int_equal(ag_journal_append(journal, &record), AG_OK);
  record.size = (size_t)1 << 30;
  assert_int_equal(ag_journal_append(journal, &record), AG_INVALID_ARGUMENT);
  ag_journal_close(&journal);
  seen all = {0};
  assert_int_equal(ag_journal_read(folder, look, &all), AG_OK);
  assert_int_equal(all.count, 2);
  assert_int_equal(all.sizes[1], size);
  free(bytes);
  folder_remove(folder);
}

/* For every length that ends in the last record: the records before it are there, and the
 * journal takes another one behind them. */
static void cut_anywhere(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  char *bytes = NULL;
  size_t size = 0;
  path_of(folder, path);
  write_all(folder);
  assert_int_equal(ag_file_read(path, &bytes, &size), AG_OK);
  const size_t last = size - AROUND - strlen(payloads[RECORDS - 1]);
  for (size_t cut = last; cut < size; ++cut) {
    assert_int_equal(ag_file_write(path, bytes, cut), AG_OK);
    expect(folder, RECORDS - 1);
    ag_journal *journal = NULL;
    assert_int_equal(ag_journal_open(folder, &journal), AG_OK);
    assert_int_equal(append_text(journal, RECORDS - 1, payloads[RECORDS - 1]), AG_OK);
    ag_journal_close(&journal);
    expect(folder, RECORDS);
    char *again = NULL;
    size_t length = 0;
    assert_int_equal(ag_file_read(path, &again, &length), AG_OK);
    assert_int_equal(length, size);
    assert_memory_equal(again, bytes, size);
    ag_release(&again);
  }
  ag_release(&bytes);
  folder_remove(folder);
}

/* A file whose very header is cut off is an empty journal. */
static void cut_header(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  char *bytes = NULL;
  size_t size = 0;
  path_of(folder, path);
  write_all(folder);
  assert_int_equal(ag_file_read(path, &bytes, &size), AG_OK);
  for (size_t cut = 0; cut <= FIRST_RECORD; ++cut) {
    assert_int_equal(ag_file_write(path, bytes, cut), AG_OK);
    expect(folder, 0);
    write_all(folder);
    expect(folder, RECORDS);
  }
  ag_release(&bytes);
  folder_remove(folder);
}

/* Every byte but the last record's, changed, is found; the file and a byte are named. */
static void flipped_anywhere(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  char *bytes = NULL;
  size_t size = 0;
  path_of(folder, path);
  write_all(folder);
  assert_int_equal(ag_file_read(path, &bytes, &size), AG_OK);
  const size_t last = size - AROUND - strlen(payloads[RECORDS - 1]);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = (char)(bytes[i] ^ 0x10);
    assert_int_equal(ag_file_write(path, bytes, size), AG_OK);
    if (i >= last) {
      expect(folder, RECORDS - 1);
    } else {
      seen all = {0};
      ag_journal *journal = NULL;
      assert_int_equal(ag_journal_read(folder, look, &all), AG_BAD_STORE);
      assert_non_null(strstr(ag_message(), path));
      assert_non_null(strstr(ag_message(), "byte "));
      assert_int_equal(ag_journal_open(folder, &journal), AG_BAD_STORE);
      assert_null(journal);
    }
    bytes[i] = (char)(bytes[i] ^ 0x10);
  }
  /* The byte named is that of the record. */
  seen all = {0};
  bytes[FIRST_RECORD + 50] ^= 1;
  assert_int_equal(ag_file_write(path, bytes, size), AG_OK);
  assert_int_equal(ag_journal_read(folder, look, &all), AG_BAD_STORE);
  assert_non_null(strstr(ag_message(), "byte 16:"));
  assert_int_equal(all.count, 0);
  ag_release(&bytes);
  folder_remove(folder);
}

static void visit_fails(void **state)
{
  (void)state;
  char *folder = folder_create();
  write_all(folder);
  seen all = {.answer = AG_BAD_STORE};
  assert_int_equal(ag_journal_read(folder, look, &all), AG_BAD_STORE);
  assert_int_equal(all.count, 1);
  assert_non_null(strstr(ag_message(), "the visit says no"));
  assert_non_null(strstr(ag_message(), folder));
  folder_remove(folder);
}

static void second_writer(void **state)
{
  (void)state;
  char *folder = folder_create();
  ag_journal *first = NULL;
  ag_journal *second = NULL;
  assert_int_equal(ag_journal_open(folder, &first), AG_OK);
  assert_int_equal(ag_journal_open(folder, &second), AG_IO_ERROR);
  assert_null(second);
  assert_non_null(strstr(ag_message(), "another advgrid"));
  char named[512] = "process on";
  char host[256] = "";
  assert_int_equal(gethostname(host, sizeof host - 1), 0);
  snprintf(named, sizeof named, "process %d on %s, since 2", (int)getpid(), host);
  assert_non_null(strstr(ag_message(), named));
  assert_int_equal(ag_journal_keep(first), AG_OK);
  ag_journal_close(&first);
  assert_int_equal(ag_journal_open(folder, &second), AG_OK);
  ag_journal_close(&second);
  folder_remove(folder);
}

static void unwritable(void **state)
{
  (void)state;
  char *folder = folder_create();
  char path[AG_PATH_SIZE];
  ag_journal *journal = NULL;
  assert_int_equal(ag_path_join(path, sizeof path, "%s/nowhere", folder), AG_OK);
  assert_int_equal(ag_journal_open(path, &journal), AG_IO_ERROR);
  assert_null(journal);
  assert_non_null(strstr(ag_message(), path));
  folder_remove(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trip),       cmocka_unit_test(large_payload),
      cmocka_unit_test(cut_anywhere),     cmocka_unit_test(cut_header),
      cmocka_unit_test(flipped_anywhere), cmocka_unit_test(visit_fails),
      cmocka_unit_test(second_writer),    cmocka_unit_test(unwritable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
