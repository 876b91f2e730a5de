/* Checkpoints of a training: DIR/checkpoints/NAME-NUMBER.h5, the higher the number the newer.
 * Behind the bytes of the HDF5 file stand a mark and the SHA-256 of all that comes before it: HDF5
 * passes over them, and is never given a byte that is not as it was written. */
#include "advgrid/store.h"
#include "network/hdf5_support.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCHEMA_VERSION = 1, KEPT = 2, LISTED = 16, MARK = 8, SEAL = MARK + AG_DIGEST_SIZE };

static const char seal_mark[MARK] = {'a', 'd', 'v', 'g', 'r', 'i', 'd', 'C'};

/* ---- names ---------------------------------------------------------------------------- */

static ag_status folder_path(const char *folder, char out[AG_PATH_SIZE])
{
  return ag_path_join(out, AG_PATH_SIZE, "%s/checkpoints", folder);
}

static ag_status file_path(const char *folder, const char *name, uint64_t number,
                           char out[AG_PATH_SIZE])
{
  return ag_path_join(out, AG_PATH_SIZE, "%s/checkpoints/%s-%llu.h5", folder, name,
                      (unsigned long long)number);
}

/* The number in "NAME-12.h5"; false for any other file. *left: "NAME-12.h5.tmp", which a run that
 * was killed left behind. */
static bool read_name(const char *file, const char *name, uint64_t *number, bool *left)
{
  const size_t length = strlen(name);
  if (strncmp(file, name, length) != 0 || file[length] != '-') return false;
  const char *digits = file + length + 1;
  const size_t count = strspn(digits, "0123456789");
  if (count == 0 || count > 18) return false;
  const char *rest = digits + count;
  *left = strcmp(rest, ".h5.tmp") == 0;
  *number = strtoull(digits, NULL, 10);
  return *left || strcmp(rest, ".h5") == 0;
}

/* The checkpoints of a name: the newest first, at most LISTED. */
typedef struct listing {
  size_t count;
  uint64_t numbers[LISTED];
} listing;

static void insert(listing *list, uint64_t number)
{
  size_t at = list->count < LISTED ? list->count++ : LISTED;
  while (at > 0 && list->numbers[at - 1] < number) {
    if (at < LISTED) list->numbers[at] = list->numbers[at - 1];
    --at;
  }
  if (at < LISTED) list->numbers[at] = number;
}

/* A folder that is not there has none. */
static ag_status list_files(const char *folder, const char *name, listing *list)
{
  char path[AG_PATH_SIZE];
  const ag_status status = folder_path(folder, path);
  *list = (listing){0};
  if (status != AG_OK) return status;
  DIR *entries = opendir(path);
  if (entries == NULL && errno == ENOENT) return AG_OK;
  if (entries == NULL) return ag_fail(AG_IO_ERROR, "cannot read %s: %s", path, strerror(errno));
  for (const struct dirent *entry = NULL; (entry = readdir(entries)) != NULL;) {
    uint64_t number = 0;
    bool left = false;
    if (read_name(entry->d_name, name, &number, &left) && !left) insert(list, number);
  }
  closedir(entries);
  return AG_OK;
}

/* Removes all of a name, of which `kept` are not to go, and what killed runs left behind. Goes
 * through all, and fails with the last that stayed. */
static ag_status remove_files(const char *folder, const char *name, const listing *kept)
{
  char path[AG_PATH_SIZE];
  ag_status status = folder_path(folder, path);
  if (status != AG_OK) return status;
  DIR *entries = opendir(path);
  if (entries == NULL && errno == ENOENT) return AG_OK;
  if (entries == NULL) return ag_fail(AG_IO_ERROR, "cannot read %s: %s", path, strerror(errno));
  for (const struct dirent *entry = NULL; (entry = readdir(entries)) != NULL;) {
    uint64_t number = 0;
    bool left = false;
    if (!read_name(entry->d_name, name, &number, &left)) continue;
    bool stays = false;
    for (size_t i = 0; i < kept->count && !left; ++i)
      stays = stays || kept->numbers[i] == number;
    if (stays || unlinkat(dirfd(entries), entry->d_name, 0) == 0 || errno == ENOENT) continue;
    status = ag_fail(AG_IO_ERROR, "cannot remove %s/%s: %s", path, entry->d_name, strerror(errno));
  }
  closedir(entries);
  return status;
}

/* ---- what a file holds -------------------------------------------------------------------- */

/* Attributes of the root; all in host byte order, which HDF5 converts. */
typedef struct scalar {
  const char *name;
  bool whole; /* uint64_t; else double */
  bool late;  /* 0 in a file that came before it */
  size_t offset;
} scalar;

#define SCALAR(member, whole, late)                                      \
  {                                                                      \
#member, whole, late, offsetof(ag_checkpoint, state.position.member) \
  }
static const scalar scalars[] = {
    SCALAR(steps, true, false),
    SCALAR(images, true, false),
    SCALAR(loss, false, false),
    SCALAR(correct, false, false),
    SCALAR(seconds, false, false),
    SCALAR(hidden_seconds, false, false),
    SCALAR(exposed_seconds, false, false),
    SCALAR(best_epoch, true, true),
    SCALAR(best_accuracy, false, true),
};
#undef SCALAR
enum { SCALARS = sizeof scalars / sizeof *scalars };

static const char *const vector_names[] = {"parameters", "velocity", "average", "best"};
enum { VECTORS = 4 };

static hid_t type_of(const scalar *value)
{
  return value->whole ? H5T_NATIVE_UINT64 : H5T_NATIVE_DOUBLE;
}

static ag_status write_contents(hid_t file, const ag_checkpoint *checkpoint)
{
  ag_status status = AG_OK;
  const int schema = SCHEMA_VERSION;
  const ag_training_state *state = &checkpoint->state;
  const float *const vectors[VECTORS] = {state->parameters, state->velocity, state->average,
                                         state->best};
  char key[AG_DIGEST_TEXT_SIZE];
  ag_digest_text(&checkpoint->key, key);
  AG_TRY(ag_hdf5_write_integers(file, "schema_version", &schema, 1));
  AG_TRY(ag_hdf5_write_text(file, "key", key));
  for (size_t i = 0; i < SCALARS; ++i) {
    AG_TRY(ag_hdf5_write_scalar(file, scalars[i].name, type_of(&scalars[i]),
                                (const char *)checkpoint + scalars[i].offset));
  }
  for (size_t i = 0; i < VECTORS; ++i) {
    if (vectors[i] == NULL) continue;
    AG_TRY(ag_hdf5_write_array(file, &(ag_hdf5_array){.name = vector_names[i],
                                                      .file_type = H5T_IEEE_F32LE,
                                                      .memory_type = H5T_NATIVE_FLOAT,
                                                      .rank = 1,
                                                      .dimensions = {state->floats},
                                                      .values = vectors[i],
                                                      .plain = true}));
  }
cleanup:
  return status;
}

/* The key as the file has it; false where it has none. */
static bool read_key(hid_t file, ag_digest *key)
{
  ag_status ignored = AG_OK;
  hid_t type = H5I_INVALID_HID;
  char *text = NULL;
  const bool read = ag_hdf5_text_type(&type) == AG_OK &&
                    ag_hdf5_read_scalar(file, "key", type, (void *)&text) == AG_OK;
  const bool right = read && text != NULL && ag_digest_read(text, key);
  if (text != NULL) (void)H5free_memory(text);
  ag_hdf5_close(&type, &ignored);
  return right;
}

static ag_status read_vector(hid_t file, const char *name, size_t floats, float **values)
{
  ag_status status = AG_OK;
  hid_t dataset = H5I_INVALID_HID;
  hid_t space = H5I_INVALID_HID;
  AG_HDF5_TRY(dataset = H5Dopen2(file, name, H5P_DEFAULT), "cannot open %s", name);
  AG_HDF5_TRY(space = H5Dget_space(dataset), "cannot open %s", name);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count < 0 || (size_t)count != floats) {
    status =
        ag_fail(AG_BAD_STORE, "%s has %lld values; expected %zu", name, (long long)count, floats);
    goto cleanup;
  }
  AG_TRY(ag_allocate(floats, sizeof **values, values));
  AG_HDF5_TRY(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, *values),
              "cannot read %s", name);
cleanup:
  ag_hdf5_close(&space, &status);
  ag_hdf5_close(&dataset, &status);
  return status;
}

static ag_status read_scalars(hid_t file, ag_checkpoint *checkpoint)
{
  ag_status status = AG_OK;
  for (size_t i = 0; i < SCALARS; ++i) {
    if (scalars[i].late && H5Aexists(file, scalars[i].name) <= 0) continue;
    AG_TRY(ag_hdf5_read_scalar(file, scalars[i].name, type_of(&scalars[i]),
                               (char *)checkpoint + scalars[i].offset));
  }
cleanup:
  return status;
}

/* Not all trainings have each of these. */
static ag_status read_if_there(hid_t file, const char *name, size_t floats, float **values)
{
  return H5Lexists(file, name, H5P_DEFAULT) > 0 ? read_vector(file, name, floats, values) : AG_OK;
}

static ag_status read_contents(hid_t file, const ag_digest *key, ag_checkpoint *checkpoint)
{
  ag_status status = AG_OK;
  int schema = 0;
  AG_TRY(ag_hdf5_read_scalar(file, "schema_version", H5T_NATIVE_INT, &schema));
  if (schema != SCHEMA_VERSION) {
    status = ag_fail(AG_BAD_STORE, "schema_version is %d; expected %d", schema, SCHEMA_VERSION);
    goto cleanup;
  }
  if (!read_key(file, &checkpoint->key) || memcmp(&checkpoint->key, key, sizeof *key) != 0) {
    status = ag_fail(AG_BAD_STORE, "it is of another training");
    goto cleanup;
  }
  AG_TRY(read_scalars(file, checkpoint));
  ag_training_state *state = &checkpoint->state;
  float *parameters = NULL;
  AG_TRY(read_vector(file, vector_names[0], state->floats, &parameters));
  state->parameters = parameters;
  AG_TRY(read_vector(file, vector_names[1], state->floats, &state->velocity));
  AG_TRY(read_if_there(file, vector_names[2], state->floats, &state->average));
  AG_TRY(read_if_there(file, vector_names[3], state->floats, &state->best));
cleanup:
  return status;
}

/* ---- the seal ---------------------------------------------------------------------------- */

/* bytes: size of them, and room for the seal behind. */
static ag_status seal(char *bytes, size_t size)
{
  ag_digest digest;
  memcpy(bytes + size, seal_mark, MARK);
  const ag_status status = ag_digest_compute(bytes, size + MARK, &digest);
  if (status == AG_OK) memcpy(bytes + size + MARK, digest.bytes, sizeof digest.bytes);
  return status;
}

static ag_status check_seal(const char *bytes, size_t size)
{
  ag_digest digest;
  if (size < SEAL || memcmp(bytes + size - SEAL, seal_mark, MARK) != 0) {
    return ag_fail(AG_BAD_STORE, "it is cut off or damaged");
  }
  const ag_status status = ag_digest_compute(bytes, size - AG_DIGEST_SIZE, &digest);
  if (status != AG_OK) return status;
  if (memcmp(bytes + size - AG_DIGEST_SIZE, digest.bytes, sizeof digest.bytes) == 0) return AG_OK;
  return ag_fail(AG_BAD_STORE, "it is damaged");
}

/* ---- saving and loading -------------------------------------------------------------------- */

static ag_status write_file(const char *path, const ag_checkpoint *checkpoint)
{
  ag_status status = AG_OK;
  hid_t file = H5I_INVALID_HID;
  char *bytes = NULL;
  size_t size = 0;
  AG_TRY(ag_hdf5_create(path, &file));
  AG_TRY(write_contents(file, checkpoint));
  AG_TRY(ag_hdf5_image(file, SEAL, &bytes, &size));
  AG_TRY(seal(bytes, size));
  AG_TRY(ag_file_write(path, bytes, size + SEAL));
cleanup:
  ag_release(&bytes);
  ag_hdf5_close(&file, &status);
  return status == AG_HDF5_FAILED ? ag_fail_within(status, "cannot write %s", path) : status;
}

ag_status ag_checkpoint_save(const char *folder, const char *name, const ag_checkpoint *checkpoint)
{
  ag_status status = AG_OK;
  ag_hdf5_printing printing;
  char path[AG_PATH_SIZE];
  listing list;
  ag_hdf5_printing_stop(&printing);
  AG_TRY(folder_path(folder, path));
  AG_TRY(ag_folder_create(path));
  AG_TRY(list_files(folder, name, &list));
  const uint64_t number = list.count == 0 ? 1 : list.numbers[0] + 1;
  AG_TRY(file_path(folder, name, number, path));
  AG_TRY(write_file(path, checkpoint));
  insert(&list, number);
  if (list.count > KEPT) list.count = KEPT;
  /* It is saved; an old one that cannot be removed takes up room, and nothing else. */
  if (remove_files(folder, name, &list) != AG_OK) ag_log("%s", ag_message());
cleanup:
  ag_hdf5_printing_resume(&printing);
  return status;
}

static ag_status read_file(const char *path, const ag_digest *key, ag_checkpoint *checkpoint)
{
  ag_status status = AG_OK;
  hid_t file = H5I_INVALID_HID;
  char *bytes = NULL;
  size_t size = 0;
  AG_TRY(ag_file_read(path, &bytes, &size));
  AG_TRY(check_seal(bytes, size));
  AG_TRY(ag_hdf5_open_image(path, bytes, size - SEAL, AG_BAD_STORE, &file));
  ag_release(&bytes);
  AG_TRY(read_contents(file, key, checkpoint));
cleanup:
  ag_release(&bytes);
  ag_hdf5_close(&file, &status);
  return status;
}

ag_status ag_checkpoint_load(const char *folder, const char *name, const ag_digest *key,
                             size_t floats, bool *found, ag_checkpoint *checkpoint)
{
  ag_hdf5_printing printing;
  listing list;
  *found = false;
  *checkpoint = (ag_checkpoint){.state.floats = floats};
  ag_status status = list_files(folder, name, &list);
  ag_hdf5_printing_stop(&printing);
  for (size_t i = 0; i < list.count && status == AG_OK && !*found; ++i) {
    char path[AG_PATH_SIZE];
    status = file_path(folder, name, list.numbers[i], path);
    if (status != AG_OK) break;
    const ag_status read = read_file(path, key, checkpoint);
    *found = read == AG_OK;
    if (*found) break;
    ag_checkpoint_clear(checkpoint);
    *checkpoint = (ag_checkpoint){.state.floats = floats};
    if (read == AG_OUT_OF_MEMORY) status = read;
    if (read != AG_OUT_OF_MEMORY) ag_log("%s is passed over: %s", path, ag_message());
  }
  ag_hdf5_printing_resume(&printing);
  return status;
}

void ag_checkpoint_clear(ag_checkpoint *checkpoint)
{
  ag_release(&checkpoint->state.parameters);
  ag_release(&checkpoint->state.velocity);
  ag_release(&checkpoint->state.average);
  ag_release(&checkpoint->state.best);
}

ag_status ag_checkpoint_remove(const char *folder, const char *name)
{
  return remove_files(folder, name, &(listing){0});
}
