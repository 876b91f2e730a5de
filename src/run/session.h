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
  /* On rank 0 alone. */
  ag_cluster *machine;   /* NULL: work goes by operations, and messages take no time */
  ag_host *hosts;        /* [ranks] */
  uint8_t *model_closed; /* [models] those that need no training */
  size_t failures;       /* of this run */
  ag_meter meter;
  ag_journal *journal;
  ag_ledger *ledger;
} ag_session;

/** Reads the job and the dataset and makes the plan; writes nothing. Collective; zeroes the session
 *  first, and on failure leaves what ag_session_close frees. */
ag_status ag_session_open(ag_session *session, const ag_run_request *request,
                          MPI_Comm communicator);
/** Makes and opens the result folder and its journal, finds what is done already, and records that
 *  a run has started (run/session_folder.c). Collective. */
ag_status ag_session_open_folder(ag_session *session);
void ag_session_close(ag_session *session);

/** Appends a record to the journal and takes it into the ledger. Rank 0 alone. */
ag_status ag_session_record(ag_session *session, const ag_record *record);
/** The same of one that may be lost: with the next that may not it is synchronised. */
ag_status ag_session_add(ag_session *session, const ag_record *record);
/** Counts and records that the model or unit of that key failed, and why. Rank 0 alone. */
ag_status ag_session_record_failure(ag_session *session, const ag_digest *key, const char *reason);
/** Writes results.h5 from what the ledger has. Rank 0 alone. */
ag_status ag_session_write_results(const ag_session *session);

#endif
