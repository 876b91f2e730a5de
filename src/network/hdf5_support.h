/* What the model and the result files share of HDF5: errors as messages, files built in memory
 * and written whole, texts and datasets. model_file.c, store/results*, store/checkpoint.c,
 * store/provenance.c and report/verify*.c include this; report/page*.c by store/results_read.h. */
#ifndef ADVGRID_NETWORK_HDF5_SUPPORT_H
#define ADVGRID_NETWORK_HDF5_SUPPORT_H

/* Later versions of the library keep this one's interface under its own name. */
#define H5_USE_110_API
#include <hdf5.h>

#include "advgrid/base.h"

/* Goes to `cleanup:` with `status` set where an HDF5 call fails; the rest is its message. */
#define AG_HDF5_TRY(call, ...)                            \
  do {                                                    \
    if ((call) < 0) {                                     \
      status = ag_hdf5_fail(AG_HDF5_FAILED, __VA_ARGS__); \
      goto cleanup;                                       \
    }                                                     \
  } while (0)

/** The version of the library that runs, "1.10.8"; empty where it does not say. */
void ag_hdf5_version(char out[32]);

/* HDF5's own printing of errors, as it was before it was switched off. */
typedef struct ag_hdf5_printing {
  H5E_auto2_t function;
  void *context;
} ag_hdf5_printing;

/** Between these two HDF5 prints nothing. */
void ag_hdf5_printing_stop(ag_hdf5_printing *before);
void ag_hdf5_printing_resume(const ag_hdf5_printing *before);

/** ag_fail with the innermost message of HDF5's error stack behind the text; to be called right
 *  after what failed. */
ag_status ag_hdf5_fail(ag_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Closes any kind of id and makes it invalid; accepts one that is. A failure becomes *status,
 *  where that is AG_OK. */
void ag_hdf5_close(hid_t *id, ag_status *status);

/** A new file in memory, to be written to path. HDF5 itself never touches the disk: a full file
 *  system or one without locks cannot leave it in a state from which it does not recover. */
ag_status ag_hdf5_create(const char *path, hid_t *file);
/** Writes such a file to path, whole or not at all. Fails with AG_IO_ERROR or AG_HDF5_FAILED. */
ag_status ag_hdf5_save(hid_t file, const char *path);
/** Reads path into memory and opens it. Fails with AG_IO_ERROR where it cannot be read, with
 *  `damaged` where it is not an HDF5 file. */
ag_status ag_hdf5_open(const char *path, ag_status damaged, hid_t *file);
/** The same in two steps, for who wants the bytes. Those of a new file, as they would be written,
 *  and `room` zero bytes behind them that *size does not count; owned by the caller, freed by
 *  ag_release. */
ag_status ag_hdf5_image(hid_t file, size_t room, char **bytes, size_t *size);
/** Opens bytes that were read from path; they are copied. */
ag_status ag_hdf5_open_image(const char *path, char *bytes, size_t size, ag_status damaged,
                             hid_t *file);

/** The type of a UTF-8 text of any length. */
ag_status ag_hdf5_text_type(hid_t *type);
/** Attributes of an object: a text, and whole numbers (one: a scalar). */
ag_status ag_hdf5_write_text(hid_t object, const char *name, const char *text);
ag_status ag_hdf5_write_integers(hid_t object, const char *name, const int *values, size_t count);
/** An attribute of several numbers. */
ag_status ag_hdf5_write_numbers(hid_t object, const char *name, const double *values, size_t count);
/** An attribute of one value of that type in memory. Reading fails with AG_HDF5_FAILED where it is
 *  not there or none of one value. */
ag_status ag_hdf5_write_scalar(hid_t object, const char *name, hid_t type, const void *value);
ag_status ag_hdf5_read_scalar(hid_t object, const char *name, hid_t type, void *value);

enum { AG_HDF5_RANK_MAXIMUM = 4 };

/* A dataset to be written; values are borrowed. The types may be the same. */
typedef struct ag_hdf5_array {
  const char *name; /* groups on its way are made */
  hid_t file_type, memory_type;
  size_t rank;
  size_t dimensions[AG_HDF5_RANK_MAXIMUM];
  const void *values;
  bool plain; /* in one piece and as it is: many times faster, for what is read back soon */
} ag_hdf5_array;

/** Writes a dataset: over a thousand values are cut into chunks, shuffled and compressed, where it
 *  is not `plain`. */
ag_status ag_hdf5_write_array(hid_t parent, const ag_hdf5_array *array);

#endif
