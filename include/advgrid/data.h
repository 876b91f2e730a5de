/* advgrid/data.h: datasets, and the shards that are cut from them.
 * A dataset lies in one block of memory that the caller provides, so that the ranks of a node
 * can share it. Pixels are bytes there and floats in [0,1] in a shard. */
#ifndef ADVGRID_DATA_H
#define ADVGRID_DATA_H

#include "advgrid/base.h"
#include "advgrid/network.h"

/* The images of one part, [count, height, width, channels] without padding. */
typedef struct ag_images {
  size_t count;
  const uint8_t *pixels;
  const uint8_t *labels; /* [count], each < classes */
} ag_images;

typedef struct ag_dataset {
  ag_shape shape;
  size_t classes;
  ag_images training, validation, test; /* validation: the last ones of those asked for */
} ag_dataset;

/** The datasets by name, for `dataset: {kind: ...}`: synthetic, cifar10. */
const ag_kind *ag_dataset_table(size_t index);

/** What a dataset entry comes to, and the bytes of its block; reads no file. Fails with
 *  AG_BAD_JOB where more images are asked for than there are, or none are left to train on. */
ag_status ag_dataset_describe(const ag_entry *entry, ag_dataset *dataset, size_t *bytes);

/** Fills the block with the dataset: generates it, or reads its files from `folder` (NULL: the
 *  entry's `path`, else the environment's ADVGRID_CIFAR10). Fails with AG_BAD_DATA and the file,
 *  its size or record and what was expected; with AG_IO_ERROR where it cannot be read. */
ag_status ag_dataset_load(const ag_entry *entry, const char *folder, void *block);

/** Points the parts of a described dataset into its loaded block (borrowed). */
void ag_dataset_attach(ag_dataset *dataset, const void *block);

/** Mean and standard deviation of each channel of the training images, on the scale [0,1];
 *  summed in integers. mean, deviation: [channels]. A deviation of zero becomes 1. */
void ag_dataset_statistics(const ag_dataset *dataset, float *mean, float *deviation);

/** True where the folder holds CIFAR-10 in its binary format. */
bool ag_cifar10_is_in(const char *folder);

/* ---- shards ---------------------------------------------------------------------- */

/* Random changes to training images, of which a job names any. */
enum { AG_AUGMENT_FLIP = 1, AG_AUGMENT_CROP = 2, AG_CROP_PADDING = 4 };

/** Copies images order[0 .. count-1] (numbers in `images`; NULL: first, first + 1, ...) to
 *  pixels[count, shape] in [0,1], channels padded with zeros, and their labels. */
void ag_shard_fill(const ag_images *images, ag_shape shape, const uint32_t *order, size_t first,
                   size_t count, float *pixels, uint8_t *labels);

/* What is done to training images, and what the draws for it are keyed by besides the image. */
typedef struct ag_augmentation {
  unsigned changes; /* of AG_AUGMENT_... */
  uint64_t seed;
  uint32_t epoch;
} ag_augmentation;

/** ag_shard_fill in a given order, where each image is flipped with probability 1/2 and cut at
 *  random out of itself padded with AG_CROP_PADDING zeros, as `changes` says. Keyed by (seed,
 *  order[i], epoch) alone. */
void ag_shard_fill_augmented(const ag_images *images, ag_shape shape,
                             const ag_augmentation *augmentation, const uint32_t *order,
                             size_t count, float *pixels, uint8_t *labels);

#endif
