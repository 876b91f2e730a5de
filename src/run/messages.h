/* What the coordinator and the workers send each other: fixed sizes, one enum of tags. */
#ifndef ADVGRID_RUN_MESSAGES_H
#define ADVGRID_RUN_MESSAGES_H

#include "advgrid/attack.h"

typedef enum ag_tag {
  AG_TAG_ASSIGN = 1, /* to a worker: uint64_t, a unit of the plan, or AG_NO_UNIT */
  AG_TAG_RESULT = 2  /* to rank 0: ag_result_header, then the outcomes */
} ag_tag;

/* Tells a worker that no more units come. */
#define AG_NO_UNIT UINT64_MAX

enum { AG_RESULT_MESSAGE_SIZE = 512 };

typedef struct ag_result_header {
  uint64_t unit;
  uint32_t status, outcomes; /* an ag_status; how many outcomes follow */
  double seconds;
  ag_attack_cost cost;
  ag_digest model;                      /* of the network that was attacked */
  char message[AG_RESULT_MESSAGE_SIZE]; /* why it failed */
} ag_result_header;

#endif
