/* A bag of requests, and the gathering of shares. */
#include "training/exchange.h"

#include <assert.h>

/* Tags of a gathering, between the callers'; and the end of those that every MPI has. */
enum { GATHER = 4096, TAGS = 32768 };

/* Floats of a piece. Messages travel in pieces of less than 64 KiB, which TCP sends off at once. A
 * longer one asks the receiver first, which answers when it calls MPI the next time, some layers
 * later: of training `base` on two hosts with 1 Gbit/s that exposed 16 ms a step, and pieces 6. */
enum { PIECE = 16000 };

struct ag_exchange {
  const ag_team *team;
  size_t count, capacity;
  MPI_Request *requests; /* [capacity] */
  /* Of a gathering: each layer's receives are the requests first .. end - 1. */
  size_t first[AG_LAYERS_MAXIMUM], end[AG_LAYERS_MAXIMUM];
  bool sends;
  double begun; /* when the first message was sent, of those on their way */
  ag_exchange_seconds seconds;
};

static size_t pieces_of(size_t floats)
{
  return ag_divide_up(floats, PIECE);
}

ag_status ag_exchange_create(const ag_team *team, size_t messages, size_t longest,
                             ag_exchange **out)
{
  ag_status status = AG_OK;
  ag_exchange *self = NULL;
  *out = NULL;
  AG_TRY(ag_allocate(1, sizeof *self, &self));
  *out = self;
  self->team = team;
  self->capacity = messages * pieces_of(longest);
  AG_TRY(ag_allocate(self->capacity, sizeof(MPI_Request), &self->requests));
cleanup:
  if (status != AG_OK) ag_exchange_destroy(out);
  return status;
}

void ag_exchange_destroy(ag_exchange **out)
{
  if (*out == NULL) return;
  assert((*out)->count == 0);
  ag_release(&(*out)->requests);
  ag_release(out);
}

static MPI_Request *next_request(ag_exchange *self)
{
  assert(self->count < self->capacity);
  return &self->requests[self->count++];
}

void ag_exchange_send(ag_exchange *self, size_t rank, size_t tag, const float *values,
                      size_t floats)
{
  assert(tag < TAGS);
  if (floats == 0) return;
  if (!self->sends) self->begun = ag_clock_seconds();
  self->sends = true;
  for (size_t at = 0; at < floats; at += PIECE) {
    MPI_Isend(values + at, (int)ag_minimum(floats - at, PIECE), MPI_FLOAT, (int)rank, (int)tag,
              self->team->communicator, next_request(self));
  }
}

void ag_exchange_receive(ag_exchange *self, size_t rank, size_t tag, float *values, size_t floats)
{
  for (size_t at = 0; at < floats; at += PIECE) {
    MPI_Irecv(values + at, (int)ag_minimum(floats - at, PIECE), MPI_FLOAT, (int)rank, (int)tag,
              self->team->communicator, next_request(self));
  }
}

size_t ag_exchange_started(const ag_exchange *self)
{
  return self->count;
}

/* All have come and gone. */
static void end_messages(ag_exchange *self, double now)
{
  self->count = 0;
  if (self->sends) self->seconds.hidden += now - self->begun;
  self->sends = false;
}

void ag_exchange_progress(ag_exchange *self)
{
  int all = 0;
  if (self->count == 0) return;
  MPI_Testall((int)self->count, self->requests, &all, MPI_STATUSES_IGNORE);
  if (all) end_messages(self, ag_clock_seconds());
}

void ag_exchange_wait_first(ag_exchange *self, size_t started)
{
  if (self->count == 0) return;
  const double start = ag_clock_seconds();
  ag_team_wait(self->team, started, self->requests);
  const double waited = ag_clock_seconds() - start;
  ag_exchange_waited(self, waited);
  self->begun += waited; /* that much was not hidden */
}

void ag_exchange_wait(ag_exchange *self)
{
  if (self->count == 0) return;
  const double start = ag_clock_seconds();
  ag_team_wait(self->team, self->count, self->requests);
  end_messages(self, start);
  ag_exchange_waited(self, ag_clock_seconds() - start);
}

ag_exchange_seconds ag_exchange_times(const ag_exchange *self)
{
  return self->seconds;
}

void ag_exchange_waited(ag_exchange *self, double seconds)
{
  self->seconds.exposed += seconds;
}

/* ---- shares ---- */

size_t ag_exchange_gather_messages(const ag_partition *partition)
{
  return 4 * partition->layers * (partition->ranks - 1);
}

/* Ranks in a turned order, so that not all send to the same one first. */
static void receive_layer(ag_exchange *self, const ag_partition *partition, size_t layer,
                          float *block)
{
  const ag_team *team = self->team;
  self->first[layer] = self->count;
  for (size_t turn = 1; turn < team->size; ++turn) {
    const size_t from = (team->rank + team->size - turn) % team->size;
    const ag_slice_run summed = ag_partition_share(partition, layer, from);
    const ag_slice_run factored = ag_partition_factored_share(partition, layer, from);
    ag_exchange_receive(self, from, GATHER + layer, block + summed.offset, summed.floats);
    ag_exchange_receive(self, from, GATHER + layer, block + factored.offset, factored.floats);
  }
  self->end[layer] = self->count;
}

static void send_layer(ag_exchange *self, const ag_partition *partition, size_t layer,
                       const float *block)
{
  const ag_team *team = self->team;
  const ag_slice_run summed = ag_partition_share(partition, layer, team->rank);
  const ag_slice_run factored = ag_partition_factored_share(partition, layer, team->rank);
  for (size_t turn = 1; turn < team->size; ++turn) {
    const size_t to = (team->rank + turn) % team->size;
    ag_exchange_send(self, to, GATHER + layer, block + summed.offset, summed.floats);
    ag_exchange_send(self, to, GATHER + layer, block + factored.offset, factored.floats);
  }
}

void ag_exchange_gather_begin(ag_exchange *self, const ag_partition *partition, float *block)
{
  assert(self->count == 0);
  for (size_t layer = 0; layer < partition->layers; ++layer)
    receive_layer(self, partition, layer, block);
  for (size_t layer = 0; layer < partition->layers; ++layer)
    send_layer(self, partition, layer, block);
}

bool ag_exchange_gathered(ag_exchange *self, size_t layer)
{
  int all = 0;
  const size_t first = self->first[layer];
  if (self->count == 0) return true;
  MPI_Testall((int)(self->end[layer] - first), self->requests + first, &all, MPI_STATUSES_IGNORE);
  return all != 0;
}

void ag_exchange_gather(ag_exchange *self, const ag_partition *partition, float *block)
{
  ag_exchange_gather_begin(self, partition, block);
  ag_exchange_wait(self);
}
