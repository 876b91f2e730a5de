/* What a run holds on each rank, from the job file's text to the last result. */
#ifndef ADVGRID_RUN_SESSION_H
#define ADVGRID_RUN_SESSION_H

#include "advgrid/run.h"
#include "advgrid/store.h"
#include "run/host.h"
#include "run/progress.h"
#include "training/team.h"

typedef struct ag_session {
  const ag_run_request *request;
  ag_team team; /* all ranks */
  char *job_text;
  ag_job *job;
  ag_node_memory memory;
  ag_dataset dataset;
  ag_inputs inputs;
  ag_plan *plan;
  ag_pool *pool;
  /* What need not be done, or cannot be: the same on every rank. */
  uint8_t *model_closed; /* [models] */
  uint8_t *unit_closed;  /* [units] */
  size_t failures;       /* of this run, on rank 0 */
  ag_meter meter;
  /* On rank 0 alone. */
  ag_journal *journal;
  ag_ledger *ledger;
} ag_session;

/** Reads the job and the dataset and makes the plan; writes nothing. Collective; zeroes the session
 *  first, and on failure leaves what ag_session_close frees. */
ag_status ag_session_open(ag_session *session, const ag_run_request *request,
                          MPI_Comm communicator);
/** Makes and opens the result folder and its journal, and records that a run has started.
 *  Collective. */
ag_status ag_session_open_folder(ag_session *session);
void ag_session_close(ag_session *session);

/** Appends a record to the journal and takes it into the ledger. Rank 0 alone. */
ag_status ag_session_record(ag_session *session, const ag_record *record);
/** Counts and records that the model or unit of that key failed, and why. Rank 0 alone. */
ag_status ag_session_record_failure(ag_session *session, const ag_digest *key, const char *reason);

/** Does all open units: rank 0 hands them out and does some itself, the others work. Collective. */
ag_status ag_units_coordinate(ag_session *session);
ag_status ag_units_work(ag_session *session);

#endif
