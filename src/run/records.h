/* What the coordinator keeps of the ranks' reports: journal records, and what a person is told. */
#ifndef ADVGRID_RUN_RECORDS_H
#define ADVGRID_RUN_RECORDS_H

#include "run/messages.h"
#include "run/session.h"

typedef struct ag_records ag_records;

/** Borrows the session. */
ag_status ag_records_create(ag_session *session, ag_records **records);
void ag_records_destroy(ag_records **records);

/** A part of a unit that is done, by that rank; the unit's record is written with its last part,
 *  and results.h5 with the last unit of a model. Fails where the journal or the file cannot be
 *  written, as the others. */
ag_status ag_records_part(ag_records *records, size_t rank, ag_report *report);
/** When a rank has trained. */
ag_status ag_records_span(ag_records *records, size_t rank, const ag_report *report);
/** A part of a unit failed; closed: so did its second try, and the unit is recorded as failed. */
ag_status ag_records_part_failed(ag_records *records, const ag_report *report, bool closed);
ag_status ag_records_epoch(ag_records *records, const ag_report *report);
/** A model is trained and its file written. */
ag_status ag_records_model(ag_records *records, const ag_report *report);
ag_status ag_records_model_failed(ag_records *records, const ag_report *report, bool closed);

enum { AG_TASK_SIZE = AG_UNIT_TEXT };
/** What an order is about, for a person: "training of at-pgd", ... */
void ag_records_task(const ag_records *records, const ag_order *order, char task[AG_TASK_SIZE]);

#endif
