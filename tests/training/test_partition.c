/* How parameters are cut into slices, and slices shared out: whole, once, evenly. */
#include "network/build.h"

#include "training/partition.h"

static const size_t rank_counts[] = {1, 2, 3, 4, 5, 7, 8, 40};

/* Convolutions and normalisations of odd sizes; a dense layer of several slices, the last one not
 * whole; one of a single slice. */
static ag_network *make_network(void)
{
  const ag_layer_description layers[] = {
      {.kind = "normalize", .name = "normalize"},
      {.kind = "convolution", .name = "conv1", .channels = 9, .kernel = 3, .stride = 1},
      {.kind = "batch-normalisation", .name = "norm1"},
      {.kind = "relu", .name = "relu1"},
      {.kind = "dropout", .name = "dropout1", .strength = 0.5},
      {.kind = "dense", .name = "dense1", .channels = 30},
      {.kind = "relu", .name = "relu2"},
      {.kind = "dense", .name = "dense2", .channels = 10},
  };
  return build_network(layers, COUNT_OF(layers), (ag_shape){15, 18, 3}, 10);
}

/* The parameter that a slice is of. */
static const ag_parameter *parameter_of(const ag_network *network, const ag_slice *slice)
{
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    if (parameter->offset <= slice->offset &&
        slice->offset + slice->floats <= parameter->offset + parameter->floats) {
      return parameter;
    }
  }
  fail_msg("no parameter has the slice at %zu", slice->offset);
  return NULL;
}

static bool is_of_layer(const ag_parameter *parameter, const char *layer)
{
  const size_t length = strlen(layer);
  return strncmp(parameter->name, layer, length) == 0 && parameter->name[length] == '/';
}

static void start(const ag_network *network, size_t ranks, ag_partition *partition)
{
  if (ag_partition_create(network, ranks, NULL, AG_FACTORS_UNUSED, partition) != AG_OK)
    fail_msg("%s", ag_message());
  assert_int_equal(ag_partition_summed(partition), partition->slice_count);
  assert_int_equal(partition->ranks, ranks);
  assert_int_equal(partition->layers, ag_network_layer_count(network));
}

/* Every float of a trained or averaged parameter is in one slice, no other is in any. */
static void slices_cover_once(void **state)
{
  (void)state;
  ag_network *network = make_network();
  ag_partition partition;
  start(network, 3, &partition);
  uint8_t *times = (uint8_t *)test_bytes(ag_network_floats(network));
  for (size_t s = 0; s < partition.slice_count; ++s) {
    const ag_slice *slice = &partition.slices[s];
    const ag_parameter *parameter = parameter_of(network, slice);
    assert_true(slice->floats > 0 && slice->floats <= 16384); /* 64 KiB, that a cache holds */
    assert_true(s == 0 || slice->offset >= slice[-1].offset + slice[-1].floats);
    assert_int_equal(slice->decayed, parameter->decayed);
    assert_int_equal(slice->averaged, parameter->averaged);
    for (size_t i = 0; i < slice->floats; ++i)
      ++times[slice->offset + i];
  }
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    const bool wanted = parameter->trained || parameter->averaged;
    for (size_t i = 0; i < parameter->floats; ++i)
      assert_int_equal(times[parameter->offset + i], wanted);
  }
  assert_true(partition.slice_count > 12);
  free(times);
  ag_partition_clear(&partition);
  ag_network_destroy(&network);
}

/* The run's place in the block is that of its slices. */
static void check_run(const ag_partition *partition, ag_slice_run run)
{
  if (run.first == run.end) {
    assert_int_equal(run.floats, 0);
    return;
  }
  const ag_slice *last = &partition->slices[run.end - 1];
  assert_int_equal(run.offset, partition->slices[run.first].offset);
  assert_int_equal(run.offset + run.floats, last->offset + last->floats);
}

static void layers_have_their_slices(void **state)
{
  (void)state;
  ag_network *network = make_network();
  ag_partition partition;
  start(network, 2, &partition);
  size_t next = 0;
  for (size_t layer = 0; layer < partition.layers; ++layer) {
    const ag_slice_run run = ag_partition_layer(&partition, layer);
    const char *name = ag_network_layer_name(network, layer);
    assert_int_equal(run.first, next);
    check_run(&partition, run);
    for (size_t s = run.first; s < run.end; ++s)
      assert_true(is_of_layer(parameter_of(network, &partition.slices[s]), name));
    next = run.end;
    const bool learns = strncmp(name, "conv", 4) == 0 || strncmp(name, "norm1", 5) == 0 ||
                        strncmp(name, "dense", 5) == 0;
    assert_int_equal(run.end > run.first, learns);
  }
  assert_int_equal(next, partition.slice_count);
  ag_partition_clear(&partition);
  ag_network_destroy(&network);
}

/* One behind the other, and within a layer no rank has more than one slice more than another; with
 * more ranks than slices some have none. */
static void ranks_share_every_layer(void **state)
{
  (void)state;
  ag_network *network = make_network();
  for (size_t k = 0; k < COUNT_OF(rank_counts); ++k) {
    const size_t ranks = rank_counts[k];
    ag_partition partition;
    start(network, ranks, &partition);
    for (size_t layer = 0; layer < partition.layers; ++layer) {
      const ag_slice_run all = ag_partition_layer(&partition, layer);
      const size_t count = all.end - all.first;
      size_t next = all.first;
      for (size_t rank = 0; rank < ranks; ++rank) {
        const ag_slice_run run = ag_partition_share(&partition, layer, rank);
        assert_int_equal(run.first, next);
        assert_in_range(run.end - run.first, count / ranks, (count + ranks - 1) / ranks);
        check_run(&partition, run);
        for (size_t s = run.first; s < run.end; ++s)
          assert_int_equal(partition.slices[s].rank, rank);
        next = run.end;
      }
      assert_int_equal(next, all.end);
    }
    ag_partition_clear(&partition);
  }
  ag_network_destroy(&network);
}

/* Both dense weights are factored: whole rows of each, behind all else. */
static void start_factored(const ag_network *network, size_t ranks, ag_factor_use use,
                           ag_partition *partition)
{
  bool factored[AG_LAYERS_MAXIMUM] = {false};
  size_t floats = 0;
  for (size_t layer = 0; layer < ag_network_layer_count(network); ++layer)
    factored[layer] = strncmp(ag_network_layer_name(network, layer), "dense", 5) == 0;
  assert_int_equal(ag_partition_create(network, ranks, factored, use, partition), AG_OK);
  assert_true(ag_partition_summed(partition) < partition->slice_count);
  for (size_t s = 0; s < partition->slice_count; ++s) {
    const ag_slice *slice = &partition->slices[s];
    const ag_parameter *parameter = parameter_of(network, slice);
    const size_t row = ag_channels_padded(parameter->out);
    assert_int_equal(slice->factored, s >= ag_partition_summed(partition));
    assert_int_equal(slice->factored, parameter->layout == AG_LAYOUT_DENSE);
    if (!slice->factored) continue;
    assert_int_equal(slice->offset, parameter->offset + slice->row * row);
    assert_int_equal(slice->floats % row, 0);
    floats += slice->floats;
  }
  for (size_t p = 0; p < ag_network_parameter_count(network); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    if (parameter->layout == AG_LAYOUT_DENSE) floats -= parameter->floats;
  }
  assert_int_equal(floats, 0);
}

/* A layer's factored slices: of all ranks together each once, one behind the other. */
static void ranks_share_factored_slices(void **state)
{
  (void)state;
  ag_network *network = make_network();
  for (size_t k = 0; k < COUNT_OF(rank_counts); ++k) {
    const size_t ranks = rank_counts[k];
    ag_partition partition;
    start_factored(network, ranks, AG_FACTORS_SHARED, &partition);
    assert_int_equal(ag_partition_owned(&partition), partition.slice_count);
    size_t next = ag_partition_summed(&partition);
    for (size_t layer = 0; layer < partition.layers; ++layer) {
      for (size_t rank = 0; rank < ranks; ++rank) {
        const ag_slice_run run = ag_partition_factored_share(&partition, layer, rank);
        assert_int_equal(run.first, next);
        check_run(&partition, run);
        assert_true(run.floats <= ag_partition_longest(&partition));
        for (next = run.first; next < run.end; ++next) {
          assert_int_equal(partition.slices[next].rank, rank);
          assert_int_equal(partition.slices[next].layer, layer);
        }
      }
    }
    assert_int_equal(next, partition.slice_count);
    ag_partition_clear(&partition);
  }
  ag_network_destroy(&network);
}

static void every_rank_has_repeated_slices(void **state)
{
  (void)state;
  ag_network *network = make_network();
  ag_partition partition;
  start_factored(network, 3, AG_FACTORS_REPEATED, &partition);
  const size_t summed = ag_partition_summed(&partition);
  assert_int_equal(ag_partition_owned(&partition), summed);
  for (size_t s = 0; s < partition.slice_count; ++s) {
    for (size_t rank = 0; rank < 3; ++rank) {
      const ag_slice *slice = &partition.slices[s];
      assert_int_equal(ag_slice_is_own(slice, rank), s >= summed || slice->rank == rank);
    }
  }
  for (size_t layer = 0; layer < partition.layers; ++layer)
    assert_int_equal(ag_partition_factored_share(&partition, layer, 1).floats, 0);
  ag_partition_clear(&partition);
  ag_network_destroy(&network);
}

/* Nothing learns: there is nothing to share. */
static void a_network_of_constants_has_no_slices(void **state)
{
  (void)state;
  const ag_layer_description layer = {.kind = "normalize", .name = "normalize"};
  ag_network *network = build_network(&layer, 1, (ag_shape){1, 1, 10}, 10);
  ag_partition partition;
  start(network, 4, &partition);
  assert_int_equal(partition.slice_count, 0);
  assert_int_equal(ag_partition_layer(&partition, 0).floats, 0);
  assert_int_equal(ag_partition_share(&partition, 0, 3).floats, 0);
  ag_partition_clear(&partition);
  ag_network_destroy(&network);
  assert_int_equal(ag_live_blocks(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slices_cover_once),
      cmocka_unit_test(layers_have_their_slices),
      cmocka_unit_test(ranks_share_every_layer),
      cmocka_unit_test(ranks_share_factored_slices),
      cmocka_unit_test(every_rank_has_repeated_slices),
      cmocka_unit_test(a_network_of_constants_has_no_slices),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
