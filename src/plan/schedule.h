/* plan/schedule.h: the state of a schedule. schedule.c makes it, schedule_units.c decides which
 * part of which unit is next, schedule_teams.c who trains what together, and schedule_orders.c
 * turns what happened into orders. */
#ifndef ADVGRID_PLAN_SCHEDULE_H
#define ADVGRID_PLAN_SCHEDULE_H

#include "advgrid/plan.h"
#include "plan/heap.h"

/* No rank, no model, no unit. */
#define AG_NONE SIZE_MAX

/* A run of shards of a unit. */
typedef struct ag_part {
  size_t unit, first, count;
} ag_part;

typedef struct ag_schedule_unit {
  ag_work_state state;
  size_t model, source, shards;
  size_t group; /* of a unit that was open when the schedule began */
  double shard_seconds;
  size_t given;                    /* shards that went out: the first ones */
  size_t done;                     /* shards that came back done */
  size_t again_first, again_count; /* shards that failed and wait to go out once more */
  size_t next_again;               /* in the list of units with such shards */
  bool has_failed;                 /* once */
} ag_schedule_unit;

/* Ranks in a row, linked by ag_schedule_rank. A rank is in one list at most. */
typedef struct ag_rank_list {
  size_t first, last, count;
} ag_rank_list;

enum { AG_PARTS_HELD = 2 }; /* the one in hand and the one ahead */

typedef struct ag_schedule_rank {
  ag_part parts[AG_PARTS_HELD]; /* [held] */
  size_t held;
  size_t previous, next; /* in its list */
} ag_schedule_rank;

/* Units that wait for the same models. They go out once both are ready, and are closed where one
 * fails. */
typedef struct ag_schedule_group {
  size_t model, source;       /* the same one where they wait for it alone */
  size_t next_guest;          /* in the list of groups of other models with this source */
  size_t next_unit, end_unit; /* in `order`: its units that did not go out in full */
  size_t open_units;          /* neither done nor failed */
  double waiting_seconds;     /* of its units when the schedule began */
} ag_schedule_group;

typedef enum ag_model_phase {
  AG_MODEL_WAITING, /* for ranks to train it */
  AG_MODEL_TRAINING,
  AG_MODEL_READY,
  AG_MODEL_FAILED
} ag_model_phase;

typedef struct ag_schedule_model {
  ag_model_phase phase;
  bool has_failed;             /* once */
  double seconds, all_seconds; /* of training: left, and when the schedule began */
  ag_rank_list team;
  size_t known;                  /* of these, who trained in the last segment: the first ones */
  size_t planned;                /* the team's size to be */
  bool is_asking;                /* its team waits to be told how to go on, or that it exists */
  size_t next_asking;            /* in the queue of such models */
  size_t first_group, end_group; /* of its units */
  size_t first_guest;            /* of the groups of other models that have it as their source */
} ag_schedule_model;

struct ag_schedule {
  size_t rank_count, model_count, unit_count, group_count;
  ag_schedule_rank *ranks;
  ag_schedule_model *models;
  ag_schedule_group *groups;
  ag_schedule_unit *units;
  size_t open_models, open_units; /* neither done nor failed */
  size_t ended;                   /* ranks that got their last order */
  bool stopped;

  /* units */
  size_t *order;                  /* units by group and, within it, in the order they go out */
  ag_heap ready;                  /* groups with units to hand out, by the seconds of a shard */
  double ready_seconds;           /* of all shards that could go out now */
  size_t first_again, last_again; /* units with shards that go out once more */

  /* ranks: those in a team are in the team's list, those with a part ahead in none */
  ag_rank_list idle;     /* nothing in hand */
  ag_rank_list supplied; /* one part in hand and none ahead */

  /* teams */
  size_t ranks_per_model;
  size_t largest;
  double *speedup;                  /* [largest + 1] */
  size_t *larger;                   /* [largest + 1]: the next size that is faster; 0: none */
  ag_heap waiting;                  /* models that wait for ranks, by their seconds */
  ag_heap candidates;               /* models whose teams may grow, by their time */
  size_t first_asking, last_asking; /* queue of models */
  size_t *team;                     /* [ranks]: the team that is being told ... */
  size_t telling, told;             /* ... its model, and how many of it were */
};

/* ---- schedule_units.c ---- */

/** The model is ready: units that waited for nothing else may go out. */
void ag_units_release(ag_schedule *self, const ag_schedule_model *model);
/** The model has failed: units that wait for it are closed. */
void ag_units_give_up(ag_schedule *self, const ag_schedule_model *model);
/** Takes the next part to hand out; false where nothing waits. */
bool ag_units_take(ag_schedule *self, ag_part *part);
/** Whether enough waits to give it to ranks that have something in hand. */
bool ag_units_suffice(ag_schedule *self);
void ag_units_part_done(ag_schedule *self, const ag_part *part);
void ag_units_part_failed(ag_schedule *self, const ag_part *part);

/* ---- schedule_teams.c ---- */

/** Makes teams of idle ranks for models that wait. */
void ag_teams_start(ag_schedule *self);
/** The next order for a member of a team that asks; false where none does. */
bool ag_teams_tell(ag_schedule *self, ag_order *order);
/** The model's team asks how to go on. */
void ag_teams_ask(ag_schedule *self, size_t model);
/** Its members are idle again. */
void ag_teams_dissolve(ag_schedule *self, ag_schedule_model *model);

/* ---- schedule_ranks.c ---- */

void ag_ranks_append(ag_schedule *self, ag_rank_list *list, size_t rank);
void ag_ranks_remove(ag_schedule *self, ag_rank_list *list, size_t rank);
size_t ag_ranks_take_first(ag_schedule *self, ag_rank_list *list);
/** Appends all of `from` to `to` and leaves `from` empty. */
void ag_ranks_splice(ag_schedule *self, ag_rank_list *to, ag_rank_list *from);

#endif
