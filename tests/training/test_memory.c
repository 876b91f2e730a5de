/* Memory of a training on one thread: bounded for the network of the paper, and taken before the
 * first batch. */
#include "training/train.h"

typedef struct usage {
  size_t steps, blocks, most;
} usage;

static void look(void *context, size_t images)
{
  usage *seen = context;
  (void)images;
  if (seen->steps++ == 0) seen->blocks = ag_live_blocks();
  assert_int_equal(ag_live_blocks(), seen->blocks);
  if (ag_live_bytes() > seen->most) seen->most = ag_live_bytes();
}

static void base_trains_in_300_mebibytes(void **state)
{
  (void)state;
  fixture *f = start("1", "64", "32", "0.001");
  ag_entry model;
  ag_layer_list layers;
  ag_pool *pool = NULL;
  usage seen = {0};
  const ag_training_events events = {.context = &seen, .step = look};
  const float mean[3] = {0.5F, 0.5F, 0.5F};
  const float deviation[3] = {0.2F, 0.2F, 0.2F};
  ag_network_destroy(&f->network);
  ag_entry_start(&model, ag_kind_find(ag_architecture_table, "base"));
  assert_int_equal(ag_architecture_layers(&model, 10, &layers), AG_OK);
  assert_int_equal(ag_network_create(&layers, shape, 10, &f->network), AG_OK);
  ag_network_initialise(f->network, 1, mean, deviation);
  set(&f->training.settings, "averaging", "0.99");
  f->dataset.training.count = 128;
  f->dataset.validation.count = 0;
  assert_int_equal(ag_gemm_prepare(1), AG_OK);
  assert_int_equal(ag_pool_create(1, &pool), AG_OK);
  assert_int_equal(ag_train(&f->training, 1, &f->dataset, pool, &f->team, &events, f->network),
                   AG_OK);
  ag_pool_destroy(&pool);
  assert_int_equal(seen.steps, 2);
  assert_true(seen.most > ag_network_bytes(f->network));
  assert_true(seen.most <= (size_t)300 << 20);
  stop(f);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(base_trains_in_300_mebibytes),
  };
  return ranks_run(argc, argv, tests, sizeof tests / sizeof *tests);
}
