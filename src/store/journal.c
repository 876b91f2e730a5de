/* The journal: a file that only grows, one record with a checksum per finished piece of work.
 * File: "advgridJ", version u32, zero u32, then records. Record: mark u32, kind u32, payload
 * size u64, key, payload, and the first 16 bytes of the SHA-256 of all that. Little-endian. */
#include "advgrid/store.h"
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the journal is little-endian");

enum {
  VERSION = 1,
  FILE_HEADER = 16,
  RECORD_HEADER = 4 + 4 + 8 + AG_DIGEST_SIZE,
  CHECKSUM = 16,
  PAYLOAD_LIMIT = 1 << 30
};

static const char file_mark[8] = {'a', 'd', 'v', 'g', 'r', 'i', 'd', 'J'};
static const uint32_t record_mark = 0x52474441; /* "ADGR" */

struct ag_journal {
  char path[AG_PATH_SIZE];
  ag_lock *lock;
  int file;
  size_t end;   /* where the last whole record ends */
  size_t safe;  /* and the last that was synchronised */
  bool unclean; /* there may be bytes behind `end` that could not be cut off */
  char *buffer; /* the record being written */
  size_t capacity;
};

static ag_status journal_path(char *out, const char *folder)
{
  return ag_path_join(out, AG_PATH_SIZE, "%s/journal", folder);
}

/* ---- reading ------------------------------------------------------------- */

/* Parses the record at bytes + offset; *next: where it ends, 0 where there is no whole record
 * with a right checksum. Fails only where no checksum can be computed. */
static ag_status record_parse(const char *bytes, size_t size, size_t offset, ag_record *record,
                              size_t *next)
{
  const char *start = bytes + offset;
  const size_t left = size - offset;
  uint32_t mark = 0;
  uint32_t kind = 0;
  uint64_t payload = 0;
  *next = 0;
  if (left < RECORD_HEADER + CHECKSUM) return AG_OK;
  memcpy(&mark, start, sizeof mark);
  memcpy(&kind, start + 4, sizeof kind);
  memcpy(&payload, start + 8, sizeof payload);
  if (mark != record_mark || payload >= PAYLOAD_LIMIT) return AG_OK;
  if (payload > left - RECORD_HEADER - CHECKSUM) return AG_OK;
  const size_t covered = RECORD_HEADER + (size_t)payload;
  ag_digest digest;
  const ag_status status = ag_digest_compute(start, covered, &digest);
  if (status != AG_OK) return status;
  if (memcmp(digest.bytes, start + covered, CHECKSUM) != 0) return AG_OK;
  record->kind = (ag_record_kind)kind;
  memcpy(record->key.bytes, start + 16, AG_DIGEST_SIZE);
  record->payload = start + RECORD_HEADER;
  record->size = (size_t)payload;
  *next = offset + covered + CHECKSUM;
  return AG_OK;
}

/* A write that was cut off leaves nothing whole behind it; a record that is whole behind
 * bytes that are not means that something changed the file. */
static ag_status check_torn(const char *path, const char *bytes, size_t size, size_t torn)
{
  for (size_t offset = torn + 1; offset < size; ++offset) {
    ag_record record;
    size_t next = 0;
    const ag_status status = record_parse(bytes, size, offset, &record, &next);
    if (status != AG_OK) return status;
    if (next == 0) continue;
    return ag_fail(AG_BAD_STORE, "%s: byte %zu: a damaged record, with whole ones behind it", path,
                   torn);
  }
  return AG_OK;
}

static void file_header(char out[FILE_HEADER])
{
  const uint32_t numbers[2] = {VERSION, 0};
  memcpy(out, file_mark, sizeof file_mark);
  memcpy(out + sizeof file_mark, numbers, sizeof numbers);
}

/* Visits the records of a file's bytes (visit may be NULL). *end: behind the last whole one, 0
 * where even the file's header is cut off. */
static ag_status journal_scan(const char *path, const char *bytes, size_t size,
                              ag_record_visit visit, void *context, size_t *end)
{
  char header[FILE_HEADER];
  file_header(header);
  *end = 0;
  if (size < FILE_HEADER && memcmp(bytes, header, size) == 0) return AG_OK;
  if (size < FILE_HEADER || memcmp(bytes, file_mark, sizeof file_mark) != 0) {
    return ag_fail(AG_BAD_STORE, "%s: byte 0: this is no advgrid journal", path);
  }
  if (memcmp(bytes, header, FILE_HEADER) != 0) {
    uint32_t version = 0;
    memcpy(&version, bytes + sizeof file_mark, sizeof version);
    return ag_fail(AG_BAD_STORE, "%s: byte %zu: a journal of version %u; this advgrid reads %d",
                   path, sizeof file_mark, version, VERSION);
  }
  size_t offset = FILE_HEADER;
  while (offset < size) {
    ag_record record;
    size_t next = 0;
    ag_status status = record_parse(bytes, size, offset, &record, &next);
    if (status == AG_OK && next == 0) {
      *end = offset;
      return check_torn(path, bytes, size, offset);
    }
    if (status == AG_OK && visit != NULL) status = visit(context, &record);
    if (status != AG_OK) return ag_fail_within(status, "%s: byte %zu", path, offset);
    offset = next;
  }
  *end = offset;
  return AG_OK;
}

ag_status ag_journal_read(const char *folder, ag_record_visit visit, void *context)
{
  char path[AG_PATH_SIZE];
  char *bytes = NULL;
  size_t size = 0;
  size_t end = 0;
  ag_status status = journal_path(path, folder);
  if (status != AG_OK) return status;
  if (!ag_file_exists(path)) return AG_OK;
  AG_TRY(ag_file_read(path, &bytes, &size));
  AG_TRY(journal_scan(path, bytes, size, visit, context, &end));
cleanup:
  ag_release(&bytes);
  return status;
}

/* ---- writing -------------------------------------------------------------- */

static ag_status write_failed(const ag_journal *journal)
{
  return ag_fail(AG_IO_ERROR, "cannot write %s: %s", journal->path, strerror(errno));
}

static ag_status write_whole(const ag_journal *journal, const char *bytes, size_t size)
{
  while (size > 0) {
    const ssize_t put = write(journal->file, bytes, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return write_failed(journal);
    bytes += put;
    size -= (size_t)put;
  }
  return AG_OK;
}

ag_status ag_journal_synchronise(ag_journal *journal)
{
  if (fdatasync(journal->file) != 0) return write_failed(journal);
  journal->safe = journal->end;
  return AG_OK;
}

/* Cuts the file back to its last whole record. */
static ag_status cut_back(ag_journal *journal)
{
  journal->unclean = true;
  if (ftruncate(journal->file, (off_t)journal->end) != 0) return write_failed(journal);
  journal->unclean = false;
  return AG_OK;
}

/* Writes bytes behind the last whole record. A failure leaves the file as it was: what was written
 * of them is cut off again; and where the disk does not take them, so is what it was not known to
 * have before, since a record behind lost bytes would be lost too. */
static ag_status append_bytes(ag_journal *journal, const char *bytes, size_t size, bool synchronise)
{
  ag_status status = journal->unclean ? cut_back(journal) : AG_OK;
  if (status != AG_OK) return status;
  status = write_whole(journal, bytes, size);
  if (status == AG_OK) {
    journal->end += size;
    if (synchronise) status = ag_journal_synchronise(journal);
    if (status == AG_OK) return AG_OK;
    journal->end = journal->safe;
  }
  const ag_status written = status;
  char reason[AG_PATH_SIZE];
  ag_path_join(reason, sizeof reason, "%s", ag_message());
  return cut_back(journal) == AG_OK ? ag_fail(written, "%s", reason) : written;
}

/* Takes the folder's lock, so that two runs never write one journal, and opens the file. */
static ag_status open_locked(ag_journal *journal, const char *folder)
{
  ag_lock_rules rules;
  ag_lock_rules_of(folder, &rules);
  const ag_status status = ag_lock_take(folder, &rules, &journal->lock);
  if (status != AG_OK) return status;
  journal->file = open(journal->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (journal->file >= 0) return AG_OK;
  return ag_fail(AG_IO_ERROR, "cannot open %s: %s", journal->path, strerror(errno));
}

ag_status ag_journal_open(const char *folder, ag_journal **out)
{
  ag_status status = AG_OK;
  ag_journal *journal = NULL;
  char *bytes = NULL;
  size_t size = 0;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *journal, &journal));
  journal->file = -1;
  AG_TRY(journal_path(journal->path, folder));
  AG_TRY(open_locked(journal, folder));
  AG_TRY(ag_file_read(journal->path, &bytes, &size));
  AG_TRY(journal_scan(journal->path, bytes, size, NULL, NULL, &journal->end));
  journal->safe = journal->end;
  if (journal->end < size) AG_TRY(cut_back(journal));
  if (journal->end == 0) {
    char header[FILE_HEADER];
    file_header(header);
    AG_TRY(append_bytes(journal, header, sizeof header, true));
    AG_TRY(ag_folder_synchronise(folder));
  }
  *out = journal;
cleanup:
  ag_release(&bytes);
  if (status != AG_OK) ag_journal_close(&journal);
  return status;
}

void ag_journal_close(ag_journal **out)
{
  ag_journal *journal = *out;
  if (journal == NULL) return;
  if (journal->file >= 0) close(journal->file); /* synchronised by every append */
  ag_lock_release(&journal->lock);
  ag_release(&journal->buffer);
  ag_release(out);
}

ag_status ag_journal_keep(ag_journal *journal)
{
  return ag_lock_keep(journal->lock);
}

static ag_status append(ag_journal *journal, const ag_record *record, bool synchronise)
{
  ag_status status = AG_OK;
  AG_TRY(ag_lock_keep(journal->lock));
  if (record->size >= PAYLOAD_LIMIT) {
    return ag_fail(AG_INVALID_ARGUMENT, "a record of %zu bytes is too long for %s", record->size,
                   journal->path);
  }
  const size_t covered = RECORD_HEADER + record->size;
  if (covered + CHECKSUM > journal->capacity) {
    ag_release(&journal->buffer);
    journal->capacity = 0;
    AG_TRY(ag_allocate(covered + CHECKSUM, 1, &journal->buffer));
    journal->capacity = covered + CHECKSUM;
  }
  const uint32_t kind = (uint32_t)record->kind;
  const uint64_t payload = record->size;
  char *bytes = journal->buffer;
  memcpy(bytes, &record_mark, sizeof record_mark);
  memcpy(bytes + 4, &kind, sizeof kind);
  memcpy(bytes + 8, &payload, sizeof payload);
  memcpy(bytes + 16, record->key.bytes, AG_DIGEST_SIZE);
  if (record->size > 0) memcpy(bytes + RECORD_HEADER, record->payload, record->size);
  ag_digest digest;
  AG_TRY(ag_digest_compute(bytes, covered, &digest));
  memcpy(bytes + covered, digest.bytes, CHECKSUM);
  AG_TRY(append_bytes(journal, bytes, covered + CHECKSUM, synchronise));
cleanup:
  return status;
}

ag_status ag_journal_append(ag_journal *journal, const ag_record *record)
{
  return append(journal, record, true);
}

ag_status ag_journal_add(ag_journal *journal, const ag_record *record)
{
  return append(journal, record, false);
}
