/* Slices of parameters, and which rank has which. */
#include "training/partition.h"

enum { SLICE = 16384 };

bool ag_factors_pay(const ag_network *network, size_t layer, size_t shard, size_t images)
{
  const ag_factors shape = ag_network_layer_factors(network, layer);
  return 2 * images * (shape.inputs + shape.outputs) < shape.inputs * shape.outputs &&
         images <= shard * AG_FACTOR_SHARDS;
}

size_t ag_slice_rows(size_t floats)
{
  return floats < SLICE ? SLICE / floats : 1;
}

/* Appends a slice, or counts it where there is no memory yet. */
static void append(ag_partition *partition, ag_slice slice)
{
  if (partition->slices != NULL) partition->slices[partition->slice_count] = slice;
  ++partition->slice_count;
}

static void cut(const ag_parameter *parameter, size_t layer, ag_partition *partition)
{
  for (size_t begin = 0; begin < parameter->floats; begin += SLICE) {
    append(partition, (ag_slice){.offset = parameter->offset + begin,
                                 .floats = ag_minimum(parameter->floats - begin, SLICE),
                                 .decayed = parameter->decayed,
                                 .averaged = parameter->averaged,
                                 .layer = layer});
  }
}

/* The same in whole rows of a dense weight. */
static void cut_rows(const ag_parameter *parameter, size_t layer, ag_partition *partition)
{
  const size_t row = ag_channels_padded(parameter->out);
  const size_t rows = parameter->floats / row;
  const size_t most = ag_slice_rows(row);
  for (size_t begin = 0; begin < rows; begin += most) {
    append(partition, (ag_slice){.offset = parameter->offset + begin * row,
                                 .floats = ag_minimum(rows - begin, most) * row,
                                 .decayed = parameter->decayed,
                                 .factored = true,
                                 .layer = layer,
                                 .row = begin});
  }
}

static ag_slice_run run_of(const ag_partition *partition, size_t first, size_t end)
{
  ag_slice_run run = {.first = first, .end = end};
  if (first == end) return run;
  const ag_slice *last = &partition->slices[end - 1];
  run.offset = partition->slices[first].offset;
  run.floats = last->offset + last->floats - run.offset;
  return run;
}

/* Of the slices that a layer has of one kind, a rank's. */
static ag_slice_run share_of(const ag_partition *partition, const size_t *firsts, size_t layer,
                             size_t rank)
{
  const size_t first = firsts[layer];
  const size_t count = firsts[layer + 1] - first;
  return run_of(partition, first + count * rank / partition->ranks,
                first + count * (rank + 1) / partition->ranks);
}

/* The layer's slices that are factored, or those that are summed. */
static void cut_layer(const ag_network *network, size_t layer, const bool *factored, bool wanted,
                      ag_partition *partition)
{
  for (size_t p = ag_network_layer_first_parameter(network, layer);
       p < ag_network_layer_first_parameter(network, layer + 1); ++p) {
    const ag_parameter *parameter = ag_network_parameter(network, p);
    const bool is_factored = factored != NULL && factored[layer] &&
                             parameter->layout == AG_LAYOUT_DENSE;
    if ((!parameter->trained && !parameter->averaged) || is_factored != wanted) continue;
    if (is_factored) {
      cut_rows(parameter, layer, partition);
    } else {
      cut(parameter, layer, partition);
    }
  }
}

static void cut_layers(const ag_network *network, const bool *factored, ag_partition *partition)
{
  size_t *firsts[] = {partition->summed, partition->factored};
  partition->slice_count = 0;
  for (size_t kind = 0; kind < 2; ++kind) {
    for (size_t layer = 0; layer < partition->layers; ++layer) {
      firsts[kind][layer] = partition->slice_count;
      cut_layer(network, layer, factored, kind == 1, partition);
    }
    firsts[kind][partition->layers] = partition->slice_count;
  }
}

/* Gives each rank its share of the slices that a layer has of one kind. */
static void share_out(const size_t *firsts, size_t layer, ag_partition *partition)
{
  for (size_t rank = 0; rank < partition->ranks; ++rank) {
    const ag_slice_run run = share_of(partition, firsts, layer, rank);
    for (size_t slice = run.first; slice < run.end; ++slice)
      partition->slices[slice].rank = rank;
  }
}

ag_status ag_partition_create(const ag_network *network, size_t ranks, const bool *factored,
                              ag_factor_use use, ag_partition *partition)
{
  ag_status status = AG_OK;
  *partition = (ag_partition){.ranks = ranks, .layers = ag_network_layer_count(network)};
  AG_TRY(ag_allocate(partition->layers + 1, sizeof *partition->summed, &partition->summed));
  AG_TRY(ag_allocate(partition->layers + 1, sizeof *partition->factored, &partition->factored));
  cut_layers(network, factored, partition);
  AG_TRY(ag_allocate(partition->slice_count, sizeof *partition->slices, &partition->slices));
  cut_layers(network, factored, partition);
  for (size_t i = 0; i < partition->slice_count; ++i)
    partition->slices[i].rank = AG_EVERY_RANK;
  for (size_t layer = 0; layer < partition->layers; ++layer) {
    share_out(partition->summed, layer, partition);
    if (use == AG_FACTORS_SHARED) share_out(partition->factored, layer, partition);
  }
cleanup:
  return status;
}

void ag_partition_clear(ag_partition *partition)
{
  ag_release(&partition->slices);
  ag_release(&partition->factored);
  ag_release(&partition->summed);
}

size_t ag_partition_summed(const ag_partition *partition)
{
  return partition->summed[partition->layers];
}

size_t ag_partition_owned(const ag_partition *partition)
{
  const size_t summed = ag_partition_summed(partition);
  const bool repeated = summed < partition->slice_count &&
                        partition->slices[summed].rank == AG_EVERY_RANK;
  return repeated ? summed : partition->slice_count;
}

ag_slice_run ag_partition_layer(const ag_partition *partition, size_t layer)
{
  return run_of(partition, partition->summed[layer], partition->summed[layer + 1]);
}

ag_slice_run ag_partition_share(const ag_partition *partition, size_t layer, size_t rank)
{
  return share_of(partition, partition->summed, layer, rank);
}

ag_slice_run ag_partition_factored_share(const ag_partition *partition, size_t layer, size_t rank)
{
  if (ag_partition_owned(partition) < partition->slice_count) return (ag_slice_run){0};
  return share_of(partition, partition->factored, layer, rank);
}

size_t ag_partition_longest(const ag_partition *partition)
{
  size_t longest = 0;
  for (size_t layer = 0; layer < partition->layers; ++layer) {
    for (size_t rank = 0; rank < partition->ranks; ++rank) {
      const size_t summed = ag_partition_share(partition, layer, rank).floats;
      const size_t factored = ag_partition_factored_share(partition, layer, rank).floats;
      if (summed > longest) longest = summed;
      if (factored > longest) longest = factored;
    }
  }
  return longest;
}
