/* A rank's work, order by order. */
#include "run/worker.h"
#include "run/attacks.h"
#include "run/teamwork.h"

static void report_leave(ag_desk *desk)
{
  ag_desk_report_start(desk, AG_REPORT_LEFT, 0);
  desk->report->seconds = ag_clock_seconds() - desk->started;
  desk->report->idle = desk->idle;
  desk->report->images = desk->images;
  desk->report->flops = desk->flops;
  ag_desk_report_send(desk);
}

static void work(ag_desk *desk, ag_attacker *attacker)
{
  for (;;) {
    ag_desk_wait(desk);
    if (desk->order.head.kind == AG_ORDER_END) return;
    if (desk->order.head.kind == AG_ORDER_TRAIN) {
      ag_teamwork_run(desk);
    } else {
      ag_desk_take(desk);
      ag_attacker_run(attacker);
    }
  }
}

ag_status ag_worker_run(ag_session *session, ag_coordinator *coordinator)
{
  ag_desk desk;
  ag_attacker *attacker = NULL;
  ag_status status = ag_desk_create(session, coordinator, &desk);
  if (status == AG_OK) status = ag_attacker_create(&desk, &attacker);
  status = ag_ranks_agree(session->team.communicator, status);
  if (status == AG_OK) {
    desk.started = ag_clock_seconds(); /* all ranks are here */
    work(&desk, attacker);
    report_leave(&desk);
    if (coordinator != NULL) ag_coordinator_finish(coordinator);
  }
  ag_attacker_destroy(&attacker);
  ag_desk_clear(&desk);
  return status;
}
