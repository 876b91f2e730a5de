/* Messages between ranks: many at once, in both directions, small ones while a large one is on its
 * way; and shares that are gathered. */
#include "training/batches.h"

enum { LARGE = 1 << 19, SMALL = 100, ROUNDS = 3 };

static float value_of(size_t round, size_t from, size_t to, size_t tag, size_t i)
{
  return (float)((((round * 8 + from) * 8 + to) * 8 + tag) * 1000 + i % 997);
}

static float *make_message(size_t round, size_t from, size_t to, size_t tag, size_t floats)
{
  float *values = test_floats(floats);
  for (size_t i = 0; i < floats; ++i)
    values[i] = value_of(round, from, to, tag, i);
  return values;
}

/* What one rank and another tell each other in a round. */
typedef struct talk {
  size_t rank;
  float *out[4], *in[4]; /* the first is large; the last two have the same tag */
} talk;

static const size_t tags[4] = {4095, 0, 7, 7};

static size_t floats_of(size_t message)
{
  return message == 0 ? LARGE : SMALL + message;
}

static talk start_talk(const ag_team *team, size_t round, size_t rank)
{
  talk all = {.rank = rank};
  for (size_t m = 0; m < 4; ++m) {
    all.out[m] = make_message(round, team->rank, rank, m, floats_of(m));
    all.in[m] = test_floats(floats_of(m));
  }
  return all;
}

static void end_talk(const ag_team *team, size_t round, const talk *all)
{
  for (size_t m = 0; m < 4; ++m) {
    float *want = make_message(round, all->rank, team->rank, m, floats_of(m));
    assert_same_bits(all->in[m], want, floats_of(m));
    free(want);
    free(all->in[m]);
    free(all->out[m]);
  }
}

/* Sends and receives message m of every talk. */
static void start_messages(ag_exchange *exchange, const talk *talks, size_t count, size_t m)
{
  for (size_t i = 0; i < count; ++i) {
    ag_exchange_send(exchange, talks[i].rank, tags[m], talks[i].out[m], floats_of(m));
    ag_exchange_receive(exchange, talks[i].rank, tags[m], talks[i].in[m], floats_of(m));
  }
}

/* With every other rank four messages there and four back, several times in one bag, which has room
 * for no more. */
static void messages_arrive_while_others_travel(void **state)
{
  (void)state;
  const ag_team team = ag_team_of(MPI_COMM_WORLD);
  const size_t others = team.size - 1;
  ag_exchange *exchange = NULL;
  talk *talks = (talk *)test_bytes(others * sizeof *talks);
  assert_int_equal(ag_exchange_create(&team, 8 * others, LARGE, &exchange), AG_OK);
  for (size_t round = 0; round < ROUNDS; ++round) {
    for (size_t i = 0; i < others; ++i)
      talks[i] = start_talk(&team, round, (team.rank + 1 + i) % team.size);
    for (size_t m = 0; m < 4; ++m) {
      start_messages(exchange, talks, others, m);
      for (size_t turn = 0; turn < (team.rank + round) % 3; ++turn)
        ag_exchange_progress(exchange);
    }
    ag_exchange_wait(exchange);
    for (size_t i = 0; i < others; ++i)
      end_talk(&team, round, &talks[i]);
  }
  free(talks);
  ag_exchange_destroy(&exchange);
  assert_null(exchange);
}

/* What is sent has left when the wait is over, so it may be changed; also where one side is late
 * and only looks on. */
static void what_was_sent_may_change(void **state)
{
  (void)state;
  const ag_team team = ag_team_of(MPI_COMM_WORLD);
  ag_exchange *exchange = NULL;
  assert_int_equal(ag_exchange_create(&team, 2, LARGE, &exchange), AG_OK);
  ag_exchange_progress(exchange); /* nothing is under way */
  ag_exchange_wait(exchange);
  for (size_t round = 0; round < ROUNDS; ++round) {
    const size_t next = (team.rank + 1) % team.size;
    const size_t last = (team.rank + team.size - 1) % team.size;
    float *out = make_message(round, team.rank, next, 0, LARGE);
    float *in = test_floats(LARGE);
    float *want = make_message(round, last, team.rank, 0, LARGE);
    if (team.rank == 0) MPI_Barrier(team.communicator);
    ag_exchange_receive(exchange, last, 1, in, LARGE);
    ag_exchange_send(exchange, next, 1, out, LARGE);
    if (team.rank != 0) MPI_Barrier(team.communicator);
    for (size_t turn = 0; turn < 100 * team.rank; ++turn)
      ag_exchange_progress(exchange);
    ag_exchange_wait(exchange);
    memset(out, 0xFF, LARGE * sizeof *out);
    MPI_Barrier(team.communicator);
    assert_same_bits(in, want, LARGE);
    free(want);
    free(in);
    free(out);
  }
  ag_exchange_destroy(&exchange);
}

/* Of two messages the second is sent when all have the first, which they could wait for alone. */
static void the_first_messages_are_waited_for(void **state)
{
  (void)state;
  const ag_team team = ag_team_of(MPI_COMM_WORLD);
  const size_t next = (team.rank + 1) % team.size;
  const size_t last = (team.rank + team.size - 1) % team.size;
  ag_exchange *exchange = NULL;
  float *in[2];
  float *out[2];
  float *want[2];
  for (size_t m = 0; m < 2; ++m) {
    in[m] = test_floats(LARGE);
    out[m] = make_message(0, team.rank, next, m, LARGE);
    want[m] = make_message(0, last, team.rank, m, LARGE);
  }
  assert_int_equal(ag_exchange_create(&team, 4, LARGE, &exchange), AG_OK);
  ag_exchange_receive(exchange, last, 0, in[0], LARGE);
  const size_t first = ag_exchange_started(exchange);
  ag_exchange_receive(exchange, last, 1, in[1], LARGE);
  ag_exchange_send(exchange, next, 0, out[0], LARGE);
  ag_exchange_wait_first(exchange, first);
  assert_same_bits(in[0], want[0], LARGE);
  MPI_Barrier(team.communicator);
  ag_exchange_send(exchange, next, 1, out[1], LARGE);
  ag_exchange_wait(exchange);
  assert_same_bits(in[1], want[1], LARGE);
  ag_exchange_wait_first(exchange, first); /* nothing is under way */
  for (size_t m = 0; m < 2; ++m) {
    free(in[m]);
    free(out[m]);
    free(want[m]);
  }
  ag_exchange_destroy(&exchange);
}

/* Each rank knows its own share alone; behind it all know all, and constants stay. */
static void gather_shares(const ag_team *team, const ag_network *network, const bool *factored,
                          ag_factor_use use)
{
  const size_t floats = ag_network_floats(network);
  ag_partition partition;
  ag_exchange *exchange = NULL;
  assert_int_equal(ag_partition_create(network, team->size, factored, use, &partition), AG_OK);
  assert_int_equal(ag_exchange_create(team, ag_exchange_gather_messages(&partition),
                                      ag_partition_longest(&partition), &exchange),
                   AG_OK);
  for (size_t round = 0; round < ROUNDS; ++round) {
    float *block = test_floats(floats);
    float *want = test_floats(floats);
    for (size_t i = 0; i < floats; ++i)
      want[i] = block[i] = -(float)team->rank;
    for (size_t s = 0; s < partition.slice_count; ++s) {
      const ag_slice *slice = &partition.slices[s];
      for (size_t i = slice->offset; i < slice->offset + slice->floats; ++i) {
        want[i] = value_of(round, slice->rank, 0, 1, i);
        if (slice->rank == team->rank) block[i] = want[i];
      }
    }
    ag_exchange_gather(exchange, &partition, block);
    for (size_t p = 0; p < ag_network_parameter_count(network); ++p) { /* not what lies between */
      const ag_parameter *parameter = ag_network_parameter(network, p);
      assert_same_bits(block + parameter->offset, want + parameter->offset, parameter->floats);
    }
    free(block);
    free(want);
  }
  ag_exchange_destroy(&exchange);
  ag_partition_clear(&partition);
}

/* Of a network in which some layers have shares of some ranks, and of one in which all have. */
static void shares_are_gathered(void **state)
{
  (void)state;
  const ag_team team = ag_team_of(MPI_COMM_WORLD);
  const ag_layer_description layers[] = {
      {.kind = "dense", .name = "dense1", .channels = 200},
      {.kind = "dense", .name = "dense2", .channels = 300},
  };
  ag_network *networks[] = {
      batches_network(),
      build_network(layers, COUNT_OF(layers), (ag_shape){1, 1, 300}, 300),
  };
  bool factored[AG_LAYERS_MAXIMUM] = {false};
  factored[0] = true; /* of the second network */
  gather_shares(&team, networks[1], factored, AG_FACTORS_SHARED);
  for (size_t i = 0; i < COUNT_OF(networks); ++i) {
    gather_shares(&team, networks[i], NULL, AG_FACTORS_UNUSED);
    ag_network_destroy(&networks[i]);
  }
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_arrive_while_others_travel),
      cmocka_unit_test(what_was_sent_may_change),
      cmocka_unit_test(the_first_messages_are_waited_for),
      cmocka_unit_test(shares_are_gathered),
  };
  return ranks_run(argc, argv, tests, COUNT_OF(tests));
}
