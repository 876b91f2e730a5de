/* What the ranks do at the moment and what it has cost so far: from it come the bars, the log's
 * lines, the time left, and DIR/progress. Rank 0 alone. */
#ifndef ADVGRID_RUN_ACCOUNT_H
#define ADVGRID_RUN_ACCOUNT_H

#include "run/messages.h"
#include "run/session.h"

typedef struct ag_account ag_account;

/** Borrows both; the schedule is asked what is open. */
ag_status ag_account_create(ag_session *session, const ag_schedule *schedule, ag_account **account);
/** Removes DIR/progress. */
void ag_account_destroy(ag_account **account);

/** An order went out; a report came, of which the schedule has been told. */
void ag_account_order(ag_account *account, const ag_order *order);
void ag_account_report(ag_account *account, size_t rank, const ag_report *report);
/** To be called often: shows how far the run is, and writes DIR/progress, when it is time. What
 *  cannot be shown or written is left out. */
void ag_account_look(ag_account *account);

#endif
