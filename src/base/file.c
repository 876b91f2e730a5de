/* Files that are whole or not there: every write goes to a temporary name, is
 * synchronised, and then takes the real name. */
#include "advgrid/base.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ag_status ag_path_join(char *out, size_t size, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(out, size, format, arguments);
  va_end(arguments);
  if (length < 0 || (size_t)length >= size) {
    return ag_fail(AG_INVALID_ARGUMENT, "path too long (over %zu bytes): %.80s...", size - 1, out);
  }
  return AG_OK;
}

bool ag_file_exists(const char *path)
{
  return access(path, F_OK) == 0;
}

ag_status ag_file_read(const char *path, char **text, size_t *size)
{
  ag_status status = AG_OK;
  *text = NULL;
  *size = 0;
  struct stat information;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return ag_fail(AG_IO_ERROR, "cannot open %s: %s", path, strerror(errno));
  if (fstat(file, &information) != 0 || !S_ISREG(information.st_mode)) {
    status = ag_fail(AG_IO_ERROR, "cannot read %s: not a regular file", path);
    goto cleanup;
  }
  const size_t expected = (size_t)information.st_size;
  AG_TRY(ag_allocate(expected + 1, 1, text));
  while (*size < expected) {
    const ssize_t got = read(file, *text + *size, expected - *size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      status = ag_fail(AG_IO_ERROR, "cannot read %s: %s", path, strerror(errno));
      goto cleanup;
    }
    if (got == 0) break;
    *size += (size_t)got;
  }
cleanup:
  close(file);
  if (status != AG_OK) ag_release(text);
  return status;
}

ag_status ag_folder_synchronise(const char *path)
{
  const int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) {
    return ag_fail(AG_IO_ERROR, "cannot open folder %s: %s", path, strerror(errno));
  }
  /* Some file systems cannot synchronise a folder and say EINVAL: nothing is lost by that. */
  const bool failed = fsync(descriptor) != 0 && errno != EINVAL;
  const int reason = errno;
  close(descriptor);
  if (failed) return ag_fail(AG_IO_ERROR, "cannot write folder %s: %s", path, strerror(reason));
  return AG_OK;
}

/* The folder that holds path. */
static ag_status synchronise_folder_of(const char *path)
{
  char folder[AG_PATH_SIZE];
  const char *slash = strrchr(path, '/');
  const int length = slash == NULL || slash == path ? 1 : (int)(slash - path);
  snprintf(folder, sizeof folder, "%.*s", length, slash == NULL ? "." : path);
  return ag_folder_synchronise(folder);
}

ag_status ag_file_replace(const char *temporary, const char *path)
{
  const int file = open(temporary, O_RDONLY | O_CLOEXEC);
  bool failed = file < 0 || fsync(file) != 0;
  if (file >= 0) failed = close(file) != 0 || failed;
  if (failed || rename(temporary, path) != 0) {
    const int reason = errno;
    unlink(temporary);
    return ag_fail(AG_IO_ERROR, "cannot write %s: %s", path, strerror(reason));
  }
  return synchronise_folder_of(path);
}

ag_status ag_file_write(const char *path, const void *bytes, size_t size)
{
  char temporary[AG_PATH_SIZE];
  ag_status status = ag_path_join(temporary, sizeof temporary, "%s.tmp", path);
  if (status != AG_OK) return status;
  const int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return ag_fail(AG_IO_ERROR, "cannot write %s: %s", path, strerror(errno));
  size_t done = 0;
  while (done < size) {
    const ssize_t put = write(file, (const char *)bytes + done, size - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      status = ag_fail(AG_IO_ERROR, "cannot write %s: %s", path, strerror(errno));
      close(file);
      unlink(temporary);
      return status;
    }
    done += (size_t)put;
  }
  if (close(file) != 0) {
    status = ag_fail(AG_IO_ERROR, "cannot write %s: %s", path, strerror(errno));
    unlink(temporary);
    return status;
  }
  return ag_file_replace(temporary, path);
}

ag_status ag_folder_create(const char *path)
{
  char part[AG_PATH_SIZE];
  ag_status status = ag_path_join(part, sizeof part, "%s", path);
  if (status != AG_OK) return status;
  for (char *end = part + 1; end[-1] != '\0'; ++end) {
    if (*end != '/' && *end != '\0') continue;
    const char kept = *end;
    *end = '\0';
    if (mkdir(part, 0777) != 0 && errno != EEXIST) {
      return ag_fail(AG_IO_ERROR, "cannot create folder %s: %s", part, strerror(errno));
    }
    *end = kept;
  }
  struct stat information;
  if (stat(path, &information) != 0 || !S_ISDIR(information.st_mode)) {
    return ag_fail(AG_IO_ERROR, "cannot create folder %s: a file has that name", path);
  }
  return AG_OK;
}

static int remove_entry(const char *path, const struct stat *information, int kind,
                        struct FTW *where)
{
  (void)information;
  (void)kind;
  (void)where;
  return remove(path);
}

ag_status ag_folder_remove(const char *path)
{
  enum { DESCRIPTORS = 8 };
  if (nftw(path, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS) == 0) return AG_OK;
  return ag_fail(AG_IO_ERROR, "cannot remove %s: %s", path, strerror(errno));
}
