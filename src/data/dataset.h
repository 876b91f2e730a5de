/* data/dataset.h: a row of the table of datasets.
 * A dataset is one file with its row and a line in dataset.c's table; sizes, parts and
 * statistics are the table's business, not the row's. */
#ifndef ADVGRID_DATA_DATASET_H
#define ADVGRID_DATA_DATASET_H

#include "advgrid/data.h"

/* The part of a block that a row fills: pixels [count, height, width, channels]. */
typedef struct ag_dataset_part {
  size_t count;
  uint8_t *pixels;
  uint8_t *labels; /* [count] */
} ag_dataset_part;

/* The options training_images, validation_images and test_images must be on the list; their
 * maxima say how many images there are. */
typedef struct ag_dataset_kind {
  ag_kind kind; /* first: an ag_kind of the table is the address of its row */
  ag_shape shape;
  size_t classes;
  /* Fills both parts; training includes the validation images. folder may be NULL. */
  ag_status (*load)(const ag_settings *settings, const char *folder,
                    const ag_dataset_part *training, const ag_dataset_part *test);
} ag_dataset_kind;

extern const ag_dataset_kind ag_dataset_cifar10;
extern const ag_dataset_kind ag_dataset_synthetic;

#endif
