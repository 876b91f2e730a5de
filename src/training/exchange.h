/* Messages between the ranks of a team that travel while something else is computed. */
#ifndef ADVGRID_TRAINING_EXCHANGE_H
#define ADVGRID_TRAINING_EXCHANGE_H

#include "training/partition.h"
#include "training/team.h"

/* A bag of messages on their way. Point to point, and not MPI_Iallreduce, whose sum has the order
 * of its algorithm, which changes with the number of ranks. MPI moves them within its calls alone:
 * the rank's first thread calls ag_exchange_progress now and then. */
typedef struct ag_exchange ag_exchange;

/** messages: at most so many are on their way at once, each of at most `longest` floats. team:
 *  borrowed. */
ag_status ag_exchange_create(const ag_team *team, size_t messages, size_t longest,
                             ag_exchange **exchange);
void ag_exchange_destroy(ag_exchange **exchange);

/** Starts one message, none where it has no floats, which are left alone until ag_exchange_wait.
 * tag: below 4096, or 16384 to 32767, the same on both sides; of one tag they arrive in order. */
void ag_exchange_send(ag_exchange *exchange, size_t rank, size_t tag, const float *values,
                      size_t floats);
void ag_exchange_receive(ag_exchange *exchange, size_t rank, size_t tag, float *values,
                         size_t floats);
/** Lets messages pass; never waits. */
void ag_exchange_progress(ag_exchange *exchange);
/** Returns when all messages have come and gone. */
void ag_exchange_wait(ag_exchange *exchange);
/** What is started now, for ag_exchange_wait_first, which returns when that much has come and gone;
 *  the rest goes on. */
size_t ag_exchange_started(const ag_exchange *exchange);
void ag_exchange_wait_first(ag_exchange *exchange, size_t started);

/* Seconds that messages were on their way: while something else was computed, and while this rank
 * did nothing but wait for them, or for those who send them. */
typedef struct ag_exchange_seconds {
  double hidden, exposed;
} ag_exchange_seconds;
/** Since the exchange was made. */
ag_exchange_seconds ag_exchange_times(const ag_exchange *exchange);
/** Counts seconds that were waited elsewhere for other ranks. */
void ag_exchange_waited(ag_exchange *exchange, double seconds);

/** Each rank has its share of `block`, which is laid out as the network's: now all get all of it,
 *  layer by layer from the first on. Nothing else may be on its way; what comes is left alone until
 *  it is there. Collective. */
void ag_exchange_gather_begin(ag_exchange *exchange, const ag_partition *partition, float *block);
/** Whether all of a layer is there; lets messages pass. */
bool ag_exchange_gathered(ag_exchange *exchange, size_t layer);
/** Both in one: returns when all is there. Collective. */
void ag_exchange_gather(ag_exchange *exchange, const ag_partition *partition, float *block);
/** Messages of a gathering. */
size_t ag_exchange_gather_messages(const ag_partition *partition);

#endif
