/* plan/orders.h: what a schedule answers, written in short. */
#ifndef TESTS_PLAN_ORDERS_H
#define TESTS_PLAN_ORDERS_H

#include "advgrid/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LARGEST = 4 };

/* Four shards a batch: three ranks are no faster than two. */
static const double speedup[LARGEST + 1] = {0, 1, 2, 2, 4};

static inline ag_schedule *create(const ag_workload *work)
{
  ag_schedule *schedule = NULL;
  assert_int_equal(ag_schedule_create(work, &schedule), AG_OK);
  return schedule;
}

/* Orders in short, as they come: "0:u2[1+3]" for rank 0 and shards 1 to 3 of unit 2, "0:m1(0 2)"
 * for the team of model 1, with "=" where it is the same and "+" where the rank joins, "0:end". */
static inline const char *drain(ag_schedule *schedule)
{
  static char text[1024];
  char *at = text;
  const char *const end = text + sizeof text;
  ag_order order;
  text[0] = '\0';
  while (ag_schedule_order(schedule, &order)) {
    at += snprintf(at, (size_t)(end - at), "%s%zu:", at == text ? "" : " ", order.rank);
    if (order.kind == AG_ORDER_ATTACK) {
      at += snprintf(at, (size_t)(end - at), "u%zu[%zu+%zu]", order.unit, order.first_shard,
                     order.shard_count);
    } else if (order.kind == AG_ORDER_TRAIN) {
      at += snprintf(at, (size_t)(end - at), "m%zu(", order.model);
      for (size_t i = 0; i < order.team_size; ++i)
        at += snprintf(at, (size_t)(end - at), "%s%zu", i == 0 ? "" : " ", order.team[i]);
      at += snprintf(at, (size_t)(end - at), ")%s%s", order.same_team ? "=" : "",
                     order.joins ? "+" : "");
    } else {
      at += snprintf(at, (size_t)(end - at), "end");
    }
    assert_true(at < end);
  }
  return text;
}

static inline void assert_over(ag_schedule **schedule)
{
  assert_true(ag_schedule_is_over(*schedule));
  assert_string_equal(drain(*schedule), "");
  ag_schedule_destroy(schedule);
  assert_null(*schedule);
}

#endif
