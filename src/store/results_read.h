/* results.h5 as a report reads it: from the file alone, which may be half done, of an older version
 * or from anyone. What is not there is missing (NaN, an empty text, a count of 0), never zero. */
#ifndef ADVGRID_STORE_RESULTS_READ_H
#define ADVGRID_STORE_RESULTS_READ_H

#include "advgrid/store.h"
#include "network/hdf5_support.h"

#define AG_NO_SIDE SIZE_MAX

/* ---- parts ------------------------------------------------------------------------------- */

/* An attribute of the root; a number as it is printed. */
typedef struct ag_read_attribute {
  const char *name, *text;
} ag_read_attribute;

/* A cell of the grid. Numbers are NaN but where it is done, and where the file lacks them. */
typedef struct ag_read_point {
  ag_progress progress;
  size_t defense, attack, epsilon, seed; /* places on the grid's sides */
  const char *key;                       /* of /samples and the like; "" but where it is done */
  double images, clean_correct, robust_correct;
  double clean_accuracy, robust_accuracy, robust_accuracy_of_correct, ci_low, ci_high;
  double mean_linf, max_linf, mean_l2, gradients, forwards, seconds;
} ag_read_point;

typedef struct ag_read_gate {
  const char *gate, *verdict, *text;
} ag_read_gate;

typedef struct ag_read_failure {
  const char *name, *reason;
} ag_read_failure;

typedef struct ag_read_rank {
  double seconds, idle_seconds;
} ag_read_rank;

/* When a rank did something. Sides are AG_NO_SIDE where the grid does not have them: the work of a
 * job that was edited since. */
typedef struct ag_read_span {
  double run, rank, start, seconds; /* finite and not negative */
  bool trains;                      /* or attacks */
  size_t defense, attack, seed;     /* places on the grid's sides */
} ag_read_span;

typedef struct ag_read_epoch {
  double epoch, loss, learning_rate, train_accuracy, validation_accuracy;
  double robust_validation_accuracy, seconds, hidden_seconds, exposed_seconds;
} ag_read_epoch;

/* What a layer, or the network, can stretch. */
typedef struct ag_read_bound {
  const char *layer;
  double bound;
} ag_read_bound;

/* A model's training. */
typedef struct ag_read_training {
  const char *name;
  size_t defense, seed; /* places on the grid's sides; AG_NO_SIDE where the name is none of them */
  size_t epoch_count, bound_count; /* no bounds but of defenses that are about them */
  ag_read_epoch *epochs;
  ag_read_bound *bounds;
} ag_read_training;

/* ---- the whole --------------------------------------------------------------------------- */

typedef struct ag_results {
  hid_t file;
  size_t attribute_count, gate_count, failure_count, rank_count, span_count, training_count;
  ag_read_attribute *attributes;
  /* The grid's sides, and its cells by defense, attack, epsilon, seed. */
  size_t defense_count, attack_count, epsilon_count, seed_count, point_count;
  const char **defenses, **attacks;
  double *epsilons;
  uint64_t *seeds;
  ag_read_point *points;
  ag_read_gate *gates;
  ag_read_failure *failures;
  ag_read_rank *ranks;
  ag_read_span *spans;         /* by run, then rank, then start */
  ag_read_training *trainings; /* by defense, then seed */
  size_t text_count, text_capacity;
  char **texts; /* that the others borrow */
} ag_results;

/** Reads path. results: overwritten, freed by ag_results_clear, also after a failure. Fails with
 *  AG_IO_ERROR where there is no such file, with AG_BAD_STORE where it is none of ours. Texts are
 *  UTF-8 without control characters but for new lines, whatever the file holds. */
ag_status ag_results_read(const char *path, ag_results *results);
void ag_results_clear(ag_results *results);
/** The text of a root attribute, "" where there is none. */
const char *ag_results_attribute(const ag_results *results, const char *name);
/** The place of a name or a seed on a side; AG_NO_SIDE where it is not there. */
size_t ag_results_find_name(const char *const *names, size_t count, const char *name);
size_t ag_results_find_seed(const ag_results *results, double seed);
/** The cell of these places. */
const ag_read_point *ag_results_point(const ag_results *results, size_t defense, size_t attack,
                                      size_t epsilon, size_t seed);

/* ---- what a point's units brought home besides verdicts; read when it is asked for -------------
 */

/* A few images of a point: [count, height, width, channels] in [0, 1]; [count, classes]. */
typedef struct ag_read_examples {
  size_t count, height, width, channels, classes; /* count 0: none are there */
  float *index, *label, *clean, *adversarial;
  float *clean_probabilities, *probabilities; /* NULL where there are none */
} ag_read_examples;

/** Those of /examples/KEY. Freed by ag_read_examples_clear, also after a failure. */
ag_status ag_results_examples(const ag_results *results, const char *key,
                              ag_read_examples *examples);
void ag_read_examples_clear(ag_read_examples *examples);

/* Images of a point in the plane of the two main components of a layer's outputs, [count, 2]. */
typedef struct ag_read_latent {
  size_t count; /* 0: none are there */
  float *label, *clean, *attacked;
  double variance[2]; /* shares that the components explain; NaN where they are not known */
  const char *layer;  /* borrowed of the results */
} ag_read_latent;

/** Those of /latent/KEY. Freed by ag_read_latent_clear, also after a failure. */
ag_status ag_results_latent(ag_results *results, const char *key, ag_read_latent *latent);
void ag_read_latent_clear(ag_read_latent *latent);

/** The images of a point, those of /samples/KEY: index, label, clean_prediction and prediction
 * alone. *outcomes: by ascending index; owned by the caller, freed by ag_release; NULL, and *count
 * 0, where there are none, or none that make sense. */
ag_status ag_results_samples(const ag_results *results, const char *key, ag_outcome **outcomes,
                             size_t *count);

/** The numbers of attributes of the group part/KEY; NaN where they are not there. */
ag_status ag_results_numbers(const ag_results *results, const char *part, const char *key,
                             const char *const *names, size_t count, double *numbers);
/** Whether there is a group part/KEY. */
bool ag_results_has(const ag_results *results, const char *part, const char *key);

/* ---- datasets and attributes ----------------------------------------------------------------- */

/* A dataset of one side: a table's rows, or values. */
typedef struct ag_read_table {
  hid_t dataset, type;
  size_t count; /* 0 where there is no such dataset */
} ag_read_table;

/** Opens parent/name; one that is not there or of another shape has no rows. Closed by
 *  ag_read_table_close, also after a failure. */
ag_status ag_read_table_open(hid_t parent, const char *name, ag_read_table *table);
void ag_read_table_close(ag_read_table *table);
/** A column, or with NULL the values themselves, as numbers `stride` bytes apart; NaN where there
 * is no such column, or none of numbers. */
ag_status ag_read_numbers(const ag_read_table *table, const char *column, double *out,
                          size_t stride);
/** The same as texts, which `results` owns; "" where there is none. */
ag_status ag_read_texts(ag_results *results, const ag_read_table *table, const char *column,
                        const char **out, size_t stride);
/** Copies bytes as clean text, which `results` owns. */
ag_status ag_results_keep(ag_results *results, const char *bytes, size_t size, const char **text);
/** Parts of ag_results_read: all root attributes that are one text or one number; the grid, of
 * points that are not done; /timeline, when the grid's sides are known; /training. */
ag_status ag_results_read_attributes(ag_results *results);
ag_status ag_results_read_grid(ag_results *results);
ag_status ag_results_read_timeline(ag_results *results);
ag_status ag_results_read_trainings(ag_results *results);

/** An attribute of so many numbers; NaN where it is none. */
void ag_read_attribute_numbers(hid_t object, const char *name, double *values, size_t count);
/** An attribute's text, which `results` owns; "" where it is none. */
ag_status ag_read_attribute_text(ag_results *results, hid_t object, const char *name,
                                 const char **text);
/** A dataset of any shape as 32-bit floats. sides[rank]: overwritten. values: owned by the caller,
 *  freed by ag_release; NULL where there is no such dataset of that rank, or none of numbers. */
ag_status ag_read_array(hid_t parent, const char *name, size_t rank, size_t *sides, float **values);

#endif
