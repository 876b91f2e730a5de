/* What the coordinator and the ranks send each other: one enum of tags, fixed-size headers.
 * Rank 0 coordinates and works too: it sends itself the same messages. */
#ifndef ADVGRID_RUN_MESSAGES_H
#define ADVGRID_RUN_MESSAGES_H

#include "advgrid/evaluation.h"
#include "advgrid/plan.h"
#include "advgrid/training.h"

typedef enum ag_tag {
  AG_TAG_ORDER = 1,  /* to a rank: ag_order_message, then the team's ranks */
  AG_TAG_STOP = 2,   /* to a rank, empty: leave work in hand where it can be taken up again */
  AG_TAG_REPORT = 3, /* to rank 0: ag_report, then a part's outcomes and details */
  AG_TAG_TEAM = 4,   /* in MPI_Comm_create_group */
  AG_TAG_EPOCH = 5   /* to who reported an epoch: int, whether it is in the journal */
} ag_tag;

typedef struct ag_order_message {
  uint32_t kind; /* an ag_order_kind */
  uint32_t same_team;
  uint64_t unit, first_shard, shard_count; /* of a part; shards as ag_workload counts them */
  uint64_t model, team_size;               /* of a training; uint32_t team[team_size] follows */
} ag_order_message;

typedef enum ag_report_kind {
  AG_REPORT_ALIVE,   /* work goes on: images, flops since the last report */
  AG_REPORT_PART,    /* a part of a unit is done, or failed */
  AG_REPORT_SPAN,    /* this rank has trained: the model, epoch.epoch, start, seconds */
  AG_REPORT_EPOCH,   /* of a training, by its team's leader; so are the next two */
  AG_REPORT_SEGMENT, /* the team asks how to go on, with `flops` left; interrupted, it does not */
  AG_REPORT_MODEL,   /* trained and its file written, or failed */
  AG_REPORT_INTERRUPTED, /* this rank was asked to stop */
  AG_REPORT_BROKEN,      /* this rank cannot go on */
  AG_REPORT_LEFT         /* this rank is through: seconds of its run, idle among them */
} ag_report_kind;

enum { AG_REPORT_MESSAGE_SIZE = 512 };

typedef struct ag_report {
  uint32_t kind;    /* an ag_report_kind */
  uint32_t status;  /* an ag_status */
  uint64_t subject; /* the unit or the model */
  uint64_t first_shard;
  uint32_t first, outcomes; /* of a part: its first image in the unit, and how many there are */
  uint64_t detail_bytes;    /* behind the outcomes */
  double start;             /* of a part or a span: since the run began, on this rank's clock */
  double seconds, idle;
  double flops;
  uint64_t images;
  ag_attack_cost cost;
  ag_digest digest; /* of the network that was trained or attacked */
  ag_epoch epoch;
  uint64_t bound_count;                 /* of a model: 0 where its defense is not about them */
  double bounds[1 + AG_LAYERS_MAXIMUM]; /* as ag_model_state has them */
  char message[AG_REPORT_MESSAGE_SIZE]; /* why it failed */
} ag_report;

/** The outcomes behind a report. */
static inline ag_outcome *ag_report_outcomes(ag_report *report)
{
  return (ag_outcome *)(void *)(report + 1);
}
/** The block of a part's details, behind the outcomes of all its images. */
static inline void *ag_report_details(ag_report *report, size_t images)
{
  return ag_report_outcomes(report) + images;
}
/** Bytes of a report with its outcomes and details, and of the largest that a plan's units give. */
size_t ag_report_bytes(const ag_report *report);
size_t ag_report_capacity(const ag_plan *plan);

#endif
