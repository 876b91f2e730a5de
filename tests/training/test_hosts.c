/* A team on one host and one on several share the work out differently, and come to the same bits:
 * those of a rank alone. */
#include "network/build.h"
#include "training/train.h"

#include "training/partition.h"

enum { BATCH = 16, SHARD = 3 };

static fixture *start_team(MPI_Comm communicator, bool one_host)
{
  fixture *f = start("1", "16", "3", "0.02");
  set(&f->training.settings, "averaging", "0.9");
  f->team = ag_team_meet(communicator);
  assert_true(f->team.one_host); /* as tests are run */
  f->team.one_host = one_host;
  ag_network_destroy(&f->network);
  const ag_layer_description layers[] = {
      {.kind = "max-pooling", .name = "pool1", .kernel = 2, .stride = 2},
      {.kind = "dense", .name = "dense1", .channels = 130},
      {.kind = "relu", .name = "relu1"},
      {.kind = "dense", .name = "dense2", .channels = 10},
  };
  f->network = build_network(layers, COUNT_OF(layers), shape, 10);
  assert_true(ag_factors_pay(f->network, 1, SHARD, BATCH));
  return f;
}

static void teams_come_to_the_same(void **state)
{
  (void)state;
  for (size_t threads = 1; threads <= 2; ++threads) {
    fixture *want = start_team(MPI_COMM_SELF, true);
    fixture *near = start_team(MPI_COMM_WORLD, true);
    fixture *far = start_team(MPI_COMM_WORLD, false);
    assert_int_equal(train(want, 1), AG_OK);
    assert_int_equal(train(near, threads), AG_OK);
    assert_int_equal(train(far, threads), AG_OK);
    assert_same_training(near, want);
    assert_same_training(far, want);
    stop(want);
    stop(near);
    stop(far);
  }
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(teams_come_to_the_same)};
  return ranks_run(argc, argv, tests, COUNT_OF(tests));
}
