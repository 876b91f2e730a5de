/* Points beside each other, image by image: on a page of one folder its defenses, on a page that
 * compares folders theirs. */
#ifndef ADVGRID_REPORT_DIFFERENCES_H
#define ADVGRID_REPORT_DIFFERENCES_H

#include "report/page.h"

/* The chance of a false alarm that the page allows itself, over all of its tests. */
#define AG_DIFFERENCE_LEVEL 0.05

/* A point and what it is compared with, [0], by the images that both have. */
typedef struct ag_difference {
  const ag_page *pages[2];
  const ag_read_point *points[2];
  size_t images; /* 0: one of them is not done or has no images, or they are of two test sets */
  ag_pairs pairs;
  double probability, adjusted; /* of McNemar's test, and after Holm's correction; NaN without */
} ag_difference;

typedef struct ag_differences {
  size_t count, capacity, tests; /* tests: those with images */
  ag_difference *list;
  /* The images that the last one was compared with, which are often those of the next too. */
  const ag_read_point *kept;
  ag_outcome *outcomes;
  size_t outcome_count;
} ag_differences;

/** Appends what is to be compared; pages, points: borrowed until the list is cleared. */
ag_status ag_differences_add(ag_differences *all, const ag_page *const pages[2],
                             const ag_read_point *const points[2]);
/** Corrects all tests for how many they are. */
ag_status ag_differences_conclude(ag_differences *all);
void ag_differences_clear(ag_differences *all);

/** Appends the table, or nothing where there is no test; one of more rows than these is folded. */
void ag_page_differences(ag_page *page, const ag_differences *all, size_t shown_rows);
/** 1 where the test says that the compared point is better, -1 where worse, 0 where neither. */
int ag_difference_sign(const ag_difference *one);
/** How many tests say so. */
size_t ag_differences_count(const ag_differences *all, int sign);

#endif
