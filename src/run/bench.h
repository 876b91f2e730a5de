/* The benchmark's parts: what each measures, and what the report shows. */
#ifndef ADVGRID_RUN_BENCH_H
#define ADVGRID_RUN_BENCH_H

#include "advgrid/data.h"
#include "advgrid/plan.h"
#include "advgrid/run.h"
#include "run/host.h"
#include "training/team.h"

typedef enum ag_bench_work {
  AG_BENCH_FORWARD,
  AG_BENCH_PGD,  /* gradient to the pixels, step by its sign, projection */
  AG_BENCH_TRAIN /* augmentation, forward, backward, sum over the ranks, optimizer */
} ag_bench_work;

enum { AG_BENCH_WORKS = 3, AG_BENCH_REPEATS = 5, AG_BENCH_STEPS_OF_EPOCH = 2 };

/* What is measured, on one rank. */
typedef struct ag_bench_setting {
  const ag_bench_request *request;
  ag_team team; /* all ranks */
  ag_dataset dataset;
  ag_node_memory memory; /* of the dataset */
  ag_network *network;
} ag_bench_setting;

/** Synthetic images, `images` of them to train on, and a network. request: borrowed. setting: owned
 *  by the caller, also after a failure. Collective over communicator. */
ag_status ag_bench_setting_create(const ag_bench_request *request, MPI_Comm communicator,
                                  size_t images, ag_bench_setting *setting);
void ag_bench_setting_destroy(ag_bench_setting *setting);
/** Its parts, of which nothing is collective: images to train on, as an entry and described; and a
 *  network for a loaded dataset, prepared for evaluation. network: owned by the caller. */
ag_status ag_bench_dataset_describe(size_t images, ag_entry *entry, ag_dataset *dataset,
                                    size_t *bytes);
ag_status ag_bench_network_create(const ag_entry *model, const ag_settings *kernels,
                                  const ag_dataset *dataset, ag_network **network);
/** Threads of a rank, the same on every one, so that all measure alike. Collective. */
size_t ag_bench_threads(const ag_bench_setting *setting);

/* ---- operations ---------------------------------------------------------------------- */

/* Floating-point operations of one image that its matrix products need. */
typedef struct ag_bench_floor {
  double works[AG_BENCH_WORKS];
  double forward[AG_LAYERS_MAXIMUM], backward[AG_LAYERS_MAXIMUM]; /* of a training step */
} ag_bench_floor;

/** Every 3x3 convolution of stride 1 with at least 16 channels on each side is counted as
 *  Winograd's F(4x4, 3x3), 36 products for each tile of 4x4, tiles at the edge whole (Lavin & Gray
 *  2016, arXiv:1509.09308); every other layer as its plain product. Bias, ReLU, pooling and
 *  transforms count nothing. */
ag_bench_floor ag_bench_floor_of(const ag_network *network);

/* ---- measurements: each takes about request->seconds ------------------------------------ */

/* Of AG_BENCH_REPEATS repeats. */
typedef struct ag_bench_rate {
  double median, least, most;
} ag_bench_rate;

ag_bench_rate ag_bench_rate_of(double rates[AG_BENCH_REPEATS]);
/** Turns of a repeat, where one takes `turn` seconds: the same on every rank. Collective. */
size_t ag_bench_turns(const ag_bench_setting *setting, double turn);

/** Operations a second of one core at most, by an instruction set: the best of the repeats, since
 *  noise only slows. */
double ag_bench_fma_peak(const ag_variant *variant, double seconds);
/** Operations a second on the 36 products of a Winograd convolution, by the variant's own matrix
 *  product; NULL: by ag_gemm, which is OpenBLAS. */
ag_status ag_bench_gemm(const ag_variant *variant, double seconds, double *rate);

/* What the threads of a pool make passes in. */
typedef struct ag_bench_lanes ag_bench_lanes;

/** For turns of `shards` shards of the request's size, the same images each time; work: forward
 *  passes or steps of PGD. Borrows setting and pool. Not collective. */
ag_status ag_bench_lanes_create(const ag_bench_setting *setting, ag_bench_work work, ag_pool *pool,
                                size_t shards, ag_bench_lanes **lanes);
void ag_bench_lanes_destroy(ag_bench_lanes **lanes);
ag_status ag_bench_lanes_turn(ag_bench_lanes *lanes);

/** Images a second of all ranks, each with the threads of its pool. Collective. */
ag_status ag_bench_passes(const ag_bench_setting *setting, ag_bench_work work, ag_pool *pool,
                          ag_bench_rate *rate);
ag_status ag_bench_train(const ag_bench_setting *setting, ag_pool *pool, ag_bench_rate *rate);

/** A training as the request has it, of so many epochs, at a rate at which weights stay as ordinary
 *  as they are. */
ag_status ag_bench_training_of(const ag_bench_request *request, size_t epochs,
                               ag_training *training);
/** seconds[repeats]: of `turns` training steps each. Collective. */
ag_status ag_bench_train_steps(const ag_bench_setting *setting, ag_pool *pool, size_t turns,
                               size_t repeats, double *seconds);

typedef enum ag_bench_phase {
  AG_BENCH_FILL, /* images out of the dataset, and their augmentation */
  AG_BENCH_FORWARD_PASS,
  AG_BENCH_LOSS,
  AG_BENCH_BACKWARD_PASS,
  AG_BENCH_SUM_AND_STEP, /* the rest: sums over threads and ranks, norm, optimizer */
  AG_BENCH_PHASES
} ag_bench_phase;

/* Seconds of one training step on one thread of this rank. */
typedef struct ag_bench_profile {
  double phases[AG_BENCH_PHASES];
  ag_profile layers;
  size_t images; /* of the step's batch that this rank takes */
} ag_bench_profile;

/** Collective: all ranks share the machine, and wait for each other in the sum. */
ag_status ag_bench_profile_measure(const ag_bench_setting *setting, ag_bench_profile *profile);

/* ---- report --------------------------------------------------------------------------------- */

typedef struct ag_bench_row {
  ag_bench_work work;
  size_t threads; /* a rank */
  ag_bench_rate images;
} ag_bench_row;

enum { AG_BENCH_ROWS_MAXIMUM = AG_BENCH_WORKS * 16 };

typedef struct ag_bench_report {
  double fma_peak, gemm, openblas; /* operations a second */
  ag_bench_floor floor;
  size_t row_count;
  ag_bench_row rows[AG_BENCH_ROWS_MAXIMUM];
  ag_bench_profile profile;
} ag_bench_report;

ag_status ag_bench_print_table(const ag_bench_setting *setting, const ag_bench_report *report,
                               ag_text *text);
ag_status ag_bench_print_json(const ag_bench_setting *setting, const ag_bench_report *report,
                              ag_text *text);
/** A line of JSON, of a text that comes from outside. */
ag_status ag_bench_print_text(ag_text *text, const char *name, const char *value);

#endif
