/* advgrid/plan.h: from a job file to units of work, and who does which when.
 * All pure: no MPI, no clock, no files. Every rank makes the same plan from the same text. */
#ifndef ADVGRID_PLAN_H
#define ADVGRID_PLAN_H

#include "advgrid/attack.h"
#include "advgrid/base.h"
#include "advgrid/data.h"
#include "advgrid/defense.h"
#include "advgrid/evaluation.h"
#include "advgrid/training.h"

/* ---- the job file ----------------------------------------------------------------- */

typedef struct ag_epsilon {
  double value;
  char text[32]; /* as the job writes it: "8/255" */
} ag_epsilon;

typedef struct ag_job {
  char name[AG_NAME_SIZE];
  ag_entry dataset, model;
  ag_training training;
  ag_settings evaluation; /* images, block, examples, latent, latent_images */
  ag_settings kernels;    /* of ag_kernel_options */
  ag_settings run;        /* of ag_run_options */
  size_t seed_count, defense_count, attack_count, epsilon_count;
  uint64_t *seeds;
  ag_entry *defenses, *attacks;
  ag_epsilon *epsilons;
} ag_job;

/** The options of `run:`, how the ranks share the work. No result depends on them, so no key does:
 *  ranks_per_model (0: auto), checkpoint_minutes, stall_seconds. */
extern const ag_option ag_run_options[];

/** Reads a job from YAML; path: named in messages. Every key and value is checked; fails with
 *  AG_BAD_JOB and "path:line: what was found; what was expected". */
ag_status ag_job_read(const char *text, size_t size, const char *path, ag_job **job);
void ag_job_destroy(ag_job **job);

/** Puts CIFAR-10 in the place of the job's dataset, with as many images. */
ag_status ag_job_use_cifar10(ag_job *job);

/** Drops all seeds, or all defenses, but one, as the job writes the seed or names the defense; keys
 *  stay as they are. Defenses from whose models attacks take their images stay too. Fails with
 * AG_INVALID_ARGUMENT and a list of those there are. */
ag_status ag_job_keep_seed(ag_job *job, const char *seed);
ag_status ag_job_keep_defense(ag_job *job, const char *name);

/* One of several jobs, and what it is called in messages; both borrowed. */
typedef struct ag_job_part {
  const ag_job *job;
  const char *place;
} ag_job_part;

/** Joins jobs that agree in all but their name, `run:`, seeds, defenses, attacks and epsilons: the
 *  first with the union of these lists, in the order in which they first appear. count > 0. Fails
 *  with AG_INVALID_ARGUMENT, naming two places and what differs, or where one name stands for two
 *  things or two names for one; with AG_BAD_JOB where a list becomes longer than a job's may be. */
ag_status ag_job_join(const ag_job_part *parts, size_t count, ag_job **joined);

/** Appends the job as YAML with every default filled in; reading it gives the same job. */
ag_status ag_job_print(const ag_job *job, ag_text *text);

/* ---- the plan ------------------------------------------------------------------------ */

/* What the ranks of a team send each other in a step. */
typedef struct ag_layer_sums {
  size_t layers, floats;                  /* gradients in sums, and the weights that come of them */
  size_t factor_layers, floats_per_image; /* gradients in factors (training/factors.h) */
} ag_layer_sums;

/* Passes over an image besides those that learn it, or that say whether it is classified rightly;
 * the mean over images. */
typedef struct ag_passes {
  double gradients, forwards;
} ag_passes;

/* One network to train or to take from a file: a defense with a seed. */
typedef struct ag_model_unit {
  size_t defense, seed;        /* indices in the job */
  char name[2 * AG_NAME_SIZE]; /* of models/NAME.h5: ag_model_name */
  ag_digest key;               /* of all that its parameters depend on */
  ag_layer_list layers;
  bool from_file; /* its defense names one: nothing is trained */
  double flops;   /* of training it */
  ag_flops pass;  /* of one image */
  /* What learning an image takes, in training passes over one: 2 where it is learnt beside itself
   * attacked, and the share of a loss in a latent space. */
  double learning;
  /* Of adversarial training, in each epoch: over training images, over validation images. */
  ag_passes attack, judgement;
  ag_layer_sums sums;
  /* What attacked images bring home besides their outcomes. No key says so: a record that has less
   * of it is as good as none (ag_ledger_take). */
  ag_details_form details;
} ag_model_unit;

/* One row of the results. */
typedef struct ag_point {
  size_t model, attack, epsilon; /* indices in the plan or the job */
  size_t source;                 /* the model that the attack sees: another, or `model` */
  ag_digest key;                 /* of all that the row depends on, the number of images included */
  size_t first_unit, unit_count; /* shared by all epsilons where the attack takes none */
  ag_attack_cost passes;         /* over each image, at most, the verdicts on it included */
  ag_attack_cost source_passes;  /* of these none, but those by another source */
} ag_point;

/* What one rank does in one go: a block of a point's images. */
typedef struct ag_unit {
  size_t point;        /* the first of those that it is part of */
  size_t first, count; /* images of the test set */
  ag_digest key;
  double flops; /* at most: images that fall early cost less */
} ag_unit;

typedef struct ag_plan {
  const ag_job *job;  /* borrowed */
  ag_dataset dataset; /* described, not attached */
  size_t dataset_bytes;
  size_t model_count, point_count, unit_count;
  ag_model_unit *models;
  ag_point *points; /* by model, attack, epsilon in the job's order */
  ag_unit *units;   /* by their points */
  double training_flops, attack_flops;
  size_t rank_bytes; /* memory of a rank with one thread, without the dataset */
} ag_plan;

/* Digests of what a job reads: part of every key, so that other images or another model under
 * the same name are other work. */
typedef struct ag_inputs {
  ag_digest dataset; /* of the loaded block */
  ag_digest *models; /* [defenses] of a `file`; zero where there is none */
} ag_inputs;

/** Expands the job. inputs: NULL where the plan is only printed. Fails with AG_BAD_JOB where the
 *  parts do not fit each other. */
ag_status ag_plan_create(const ag_job *job, const ag_inputs *inputs, ag_plan **plan);
void ag_plan_destroy(ag_plan **plan);

/** What a model's files are called: by its defense, with "-seedN" where the job has several seeds.
 *  defense, seed: indices in the job. name: overwritten. */
void ag_model_name(const ag_job *job, size_t defense, size_t seed, char name[2 * AG_NAME_SIZE]);
/** What images of a point bring home: what those of its model do, and nothing where an attack finds
 *  radii, which has no attacked images. Borrowed. */
const ag_details_form *ag_plan_details(const ag_plan *plan, const ag_point *point);
/* Room for a unit's text. */
enum { AG_UNIT_TEXT = 320 };
/** A unit in words: its model, attack, epsilon and images. text: overwritten. */
void ag_plan_describe_unit(const ag_plan *plan, size_t index, char text[AG_UNIT_TEXT]);
/** " at epsilon 8/255", with `words` before the epsilon; empty where the unit's attack takes none.
 *  text: overwritten. */
void ag_plan_describe_epsilon(const ag_plan *plan, size_t index, const char *words,
                              char text[AG_NAME_SIZE]);
/** A network of these layers of the plan, to be asked what it costs or to hold parameters, also on
 *  a processor that does not run the job's instructions. network: owned by the caller. */
ag_status ag_plan_network(const ag_plan *plan, const ag_layer_list *layers, ag_network **network);

/* ---- the schedule ----------------------------------------------------------------------- */

/* What is to be shared out among ranks. Seconds are those of one rank, as estimated. */
typedef struct ag_model_work {
  double seconds; /* of training that is left */
  bool ready;     /* trained before, or from a file */
  bool failed;    /* given up before: its units are closed as failed */
} ag_model_work;

typedef struct ag_unit_work {
  size_t model, source; /* both must be ready first; the same where one is enough */
  double seconds;       /* the same for each of its shards */
  size_t shards;        /* > 0: what it can be split into, for several ranks */
  bool done;
} ag_unit_work;

typedef struct ag_workload {
  size_t model_count, unit_count;
  const ag_model_work *models;
  const ag_unit_work *units;
  size_t ranks;           /* > 0 */
  size_t ranks_per_model; /* 0: decided from the costs; N: teams of N, or of all that can be */
  size_t largest;         /* > 0: no team is larger; the shards of a batch */
  const double *speedup;  /* [largest + 1]; a team of k trains speedup[k] times as fast as one */
} ag_workload;

typedef enum ag_order_kind {
  AG_ORDER_ATTACK, /* do a part of a unit, after the one in hand */
  AG_ORDER_TRAIN,  /* train a model for a segment, in a team */
  AG_ORDER_END     /* nothing more comes */
} ag_order_kind;

typedef struct ag_order {
  size_t rank; /* whom it is for */
  ag_order_kind kind;
  size_t unit, first_shard, shard_count; /* of AG_ORDER_ATTACK */
  size_t model;                          /* of AG_ORDER_TRAIN, and what follows */
  const size_t *team; /* [team_size], the leader first; borrowed until the next order is pulled */
  size_t team_size;
  bool same_team; /* it goes on as it was: the leader alone is told. Else every member is. */
  bool joins;     /* this rank was not in it before */
} ag_order;

typedef enum ag_work_state { AG_WORK_OPEN, AG_WORK_DONE, AG_WORK_FAILED } ag_work_state;

/* Who does what: a pure state machine, told what happened and answering with orders. One that has
 * been told something is asked for orders until it has none.
 *
 * A model is trained by a team in segments of some seconds, at the end of which the team grows by
 * ranks that idle. A unit of attack waits for its models and goes out whole or in parts; a rank has
 * one part in hand and one ahead. A rank that is free takes a training that nobody has begun, or
 * else a part, the longest shards first, or else waits for a training that is better off with it.
 * What fails is given out once more, and closed as failed when it fails again. Parts get smaller
 * as the work runs out, so that all ranks end together.
 *
 * An event and an order take O(log(models + ranks)), the end of a segment O(team) and, while ranks
 * idle, O(models log(models)), that of a training as often O(log(models)) as there are other models
 * whose units wait for it. Nothing is allocated after the creation. */
typedef struct ag_schedule ag_schedule;

/** work: borrowed during the call. Fails with AG_INVALID_ARGUMENT where a number in it makes no
 *  sense, and with AG_OUT_OF_MEMORY. */
ag_status ag_schedule_create(const ag_workload *work, ag_schedule **schedule);
void ag_schedule_destroy(ag_schedule **schedule);

/** The next order; false where there is none until something happens. Each rank gets one
 *  AG_ORDER_END, as its last. */
bool ag_schedule_order(ag_schedule *schedule, ag_order *order);

/** A rank has done the part that begins at first_shard, or has failed to. */
void ag_schedule_part_done(ag_schedule *schedule, size_t rank, size_t unit, size_t first_shard);
void ag_schedule_part_failed(ag_schedule *schedule, size_t rank, size_t unit, size_t first_shard);
/** A team has come to the end of a segment, with so many seconds of one rank left; its leader
 *  waits for an order, which its members hear of from it (same_team) or get themselves. */
void ag_schedule_segment_done(ag_schedule *schedule, size_t model, double seconds_left);
/** A team has come to the end of its training, or failed. Its members are free. */
void ag_schedule_model_done(ag_schedule *schedule, size_t model);
void ag_schedule_model_failed(ag_schedule *schedule, size_t model);
/** From now on nothing is handed out but AG_ORDER_END, to each rank that has nothing in hand. A
 *  team is dissolved at its next ag_schedule_segment_done; a part that is given up is told as
 *  failed, and no failure counts any more: what is not done stays open. */
void ag_schedule_stop(ag_schedule *schedule);

ag_work_state ag_schedule_model_state(const ag_schedule *schedule, size_t model);
ag_work_state ag_schedule_unit_state(const ag_schedule *schedule, size_t unit);
/** Whether a model or a unit is neither done nor failed. */
bool ag_schedule_has_open(const ag_schedule *schedule);
/** Every rank has got its AG_ORDER_END. */
bool ag_schedule_is_over(const ag_schedule *schedule);

/* ---- the schedule in simulated time ------------------------------------------------------ */

typedef struct ag_machine {
  double latency;          /* seconds of a message to the coordinator, or back */
  double decision_seconds; /* of the coordinator, for a report and for an order */
  double segment_seconds;  /* > 0: a team trains so long between two reports */
  double spread;           /* 0 <= spread < 1: real costs are 1 - spread to 1 + spread estimates, */
  uint64_t seed;           /* drawn uniformly for each unit and each training */
} ag_machine;

typedef struct ag_simulation {
  double makespan;   /* seconds until the last rank is told to end */
  double work;       /* seconds of one rank, with the real costs */
  double busy, idle; /* seconds of all ranks; together ranks * makespan */
  double efficiency; /* work / (ranks * makespan); 1 where there is no work */
  double ideal;      /* seconds below which no schedule comes: the work shared evenly, or a training
                        by the fastest team and then the longest shard that waits for it */
  size_t decisions;  /* orders */
} ag_simulation;

/** Runs the schedule of `work` on a machine that exists in numbers only. rank_idle: [ranks],
 *  overwritten with the idle seconds of each; may be NULL. Fails as ag_schedule_create does. */
ag_status ag_simulate(const ag_workload *work, const ag_machine *machine, ag_simulation *simulation,
                      double *rank_idle);

/* ---- predictions ----------------------------------------------------------------------- */

/* How fast a cluster is, as `advgrid bench --scaling` has measured it: one thread, while all ranks'
 * threads work. */
typedef struct ag_cluster {
  char cpu[128];
  char model[AG_NAME_SIZE]; /* the architecture that was measured */
  size_t threads;           /* of a rank */
  struct {
    double training;    /* a step's for one image, without messages */
    double adversarial; /* the same where PGD of seven steps has made it */
    double forward;     /* a pass in evaluation */
    double gradient;    /* that and back to the pixels */
  } seconds;            /* of one image of that model */
  ag_flops flops;       /* of one image, as ag_network_flops counts them */
  double latency;       /* seconds of a message without bytes */
  double bandwidth;     /* bytes a second of a long one */
} ag_cluster;

/** Cores with AVX2, and Ethernet of 10 Gbit/s: for a first idea. */
ag_cluster ag_cluster_guess(void);

/** Reads and writes a cluster as YAML. path: named in messages. Fails with AG_INVALID_ARGUMENT,
 *  the path, the line or one near it and what is wrong, on anything but what is written so, and on
 *  numbers that are not over 0. */
ag_status ag_cluster_read(const char *text, size_t size, const char *path, ag_cluster *cluster);
ag_status ag_cluster_print(const ag_cluster *cluster, ag_text *text);

/** How long the plan takes on `ranks` of a cluster, each of `threads`: the schedule in simulated
 *  time, with attacks at their most, since which images fall early nobody knows. Starting, reading
 *  and writing take no time. Fails as ag_simulate does. */
ag_status ag_predict(const ag_plan *plan, const ag_cluster *cluster, size_t ranks, size_t threads,
                     ag_simulation *simulation);

/* ---- the shape of a batch job -------------------------------------------------------------- */

typedef struct ag_allotment {
  size_t nodes, ranks, threads; /* ranks of a node, threads of a rank */
  double seconds;               /* predicted */
  double efficiency;            /* of all its cores, against one alone */
} ag_allotment;

typedef struct ag_allotment_wish {
  size_t nodes_maximum, cores;  /* > 0: nodes that there are, cores of each */
  size_t nodes, ranks, threads; /* as they must be; 0: to be chosen */
  double target;                /* seconds */
} ag_allotment_wish;

/** Seconds on so many ranks of so many threads. */
typedef ag_status (*ag_predictor)(void *context, size_t ranks, size_t threads, double *seconds);

/** Goes through 1, 2, 4 ... and all cores of a node, then 2, 4 ... and all nodes with all their
 *  cores, and takes the first that is predicted to end within the target: *in_time. Where none is,
 *  the fastest of those whose cores are used to 80 % or better, or else the one that uses them
 * best. A core is a rank of its own, but for ranks of 2, 4, 8 ... threads where these are predicted
 * to be faster by a twentieth. Fails with AG_INVALID_ARGUMENT where what is asked for is more than
 *  there is, and as predict does. */
ag_status ag_allotment_choose(const ag_allotment_wish *wish, ag_predictor predict, void *context,
                              ag_allotment *chosen, bool *in_time);

/** The time to ask for: margin * predicted, a minute to start, the warning below before the end,
 * and a minute by which Slurm may give it early; rounded up to minutes. */
size_t ag_wall_minutes(double predicted, double margin);
/** Seconds before the end at which a job of so many minutes (> 0) is told to stop: a tenth of its
 *  time, one minute to five, but never more than half of it. */
size_t ag_wall_warning(size_t minutes);

#endif
