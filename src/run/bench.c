/* The benchmark from its request to its report. */
#include "run/bench.h"
#include "run/host.h"
#include "run/launch.h"
#include "run/placement.h"

#include <stdio.h>

/* ---- what is measured ---- */

static ag_status find_model(const char *name, const ag_kind **kind)
{
  enum { NAMES_MAXIMUM = 64 };
  const char *names[NAMES_MAXIMUM];
  size_t count = 0;
  *kind = ag_kind_find(ag_architecture_table, name);
  if (*kind != NULL) return AG_OK;
  for (; count < NAMES_MAXIMUM && ag_architecture_table(count) != NULL; ++count)
    names[count] = ag_architecture_table(count)->name;
  const char *nearest = ag_text_nearest(name, names, count);
  if (nearest == NULL) return ag_fail(AG_INVALID_ARGUMENT, "no model is called '%s'", name);
  return ag_fail(AG_INVALID_ARGUMENT, "no model is called '%s'; did you mean '%s'?", name, nearest);
}

static ag_status create_network(ag_bench_setting *setting)
{
  ag_status status = AG_OK;
  ag_entry model;
  ag_settings kernels;
  const ag_kind *kind = NULL;
  AG_TRY(find_model(setting->request->model, &kind));
  ag_entry_start(&model, kind);
  ag_settings_start(&kernels, ag_kernel_options);
  AG_TRY(ag_settings_set(&kernels, "instructions", setting->request->instructions));
  AG_TRY(ag_settings_set(&kernels, "convolution", setting->request->convolution));
  AG_TRY(ag_bench_network_create(&model, &kernels, &setting->dataset, &setting->network));
cleanup:
  return status;
}

ag_status ag_bench_network_create(const ag_entry *model, const ag_settings *kernels,
                                  const ag_dataset *dataset, ag_network **network)
{
  enum { CHANNELS_MAXIMUM = 16 };
  float mean[CHANNELS_MAXIMUM];
  float deviation[CHANNELS_MAXIMUM];
  ag_status status = AG_OK;
  ag_layer_list layers;
  AG_TRY(ag_architecture_layers(model, dataset->classes, &layers));
  layers.kernels = ag_kernel_choice_of(kernels);
  AG_TRY(ag_network_create(&layers, dataset->shape, dataset->classes, network));
  ag_dataset_statistics(dataset, mean, deviation);
  ag_network_initialise(*network, 1, mean, deviation);
  ag_network_prepare(*network, false, NULL);
cleanup:
  return status;
}

ag_status ag_bench_dataset_describe(size_t images, ag_entry *entry, ag_dataset *dataset,
                                    size_t *bytes)
{
  ag_status status = AG_OK;
  char count[32];
  ag_entry_start(entry, ag_kind_find(ag_dataset_table, "synthetic"));
  snprintf(count, sizeof count, "%zu", images);
  AG_TRY(ag_settings_set(&entry->settings, "training_images", count));
  AG_TRY(ag_settings_set(&entry->settings, "validation_images", "0"));
  AG_TRY(ag_settings_set(&entry->settings, "test_images", "1"));
  AG_TRY(ag_dataset_describe(entry, dataset, bytes));
cleanup:
  return status;
}

/* All ranks fail alike, but for memory. */
static ag_status create_dataset(size_t images, ag_bench_setting *setting)
{
  ag_status status = AG_OK;
  ag_entry entry;
  size_t bytes = 0;
  AG_TRY(ag_bench_dataset_describe(images, &entry, &setting->dataset, &bytes));
  AG_TRY(ag_node_memory_create(setting->team.communicator, bytes, &setting->memory));
  if (setting->team.rank == 0) status = ag_dataset_load(&entry, NULL, setting->memory.block);
  AG_TRY(ag_ranks_agree(setting->team.communicator, status));
  ag_node_memory_spread(&setting->memory, bytes);
  ag_dataset_attach(&setting->dataset, setting->memory.block);
cleanup:
  return status;
}

ag_status ag_bench_setting_create(const ag_bench_request *request, MPI_Comm communicator,
                                  size_t images, ag_bench_setting *setting)
{
  ag_status status = AG_OK;
  *setting = (ag_bench_setting){
      .request = request,
      .team = ag_team_meet(communicator),
      .memory = {.node = MPI_COMM_NULL, .leaders = MPI_COMM_NULL, .window = MPI_WIN_NULL}};
  AG_TRY(ag_launch_agree(communicator, 0, true));
  AG_TRY(ag_ranks_agree(communicator, ag_gemm_prepare(1)));
  AG_TRY(ag_ranks_agree(communicator, create_dataset(images, setting)));
  AG_TRY(ag_ranks_agree(communicator, create_network(setting)));
cleanup:
  return status;
}

void ag_bench_setting_destroy(ag_bench_setting *setting)
{
  ag_network_destroy(&setting->network);
  ag_node_memory_destroy(&setting->memory);
}

/* ---- measurements ---- */

/* Rank 0 measures a core while the others wait for its result. */
static ag_status measure_core(const ag_bench_setting *setting, ag_bench_report *report)
{
  ag_status status = AG_OK;
  const double seconds = setting->request->seconds;
  const ag_variant *variant = ag_network_variant(setting->network);
  double rates[3] = {0};
  if (setting->team.rank == 0) {
    rates[0] = ag_bench_fma_peak(variant, seconds);
    status = ag_bench_gemm(variant, seconds, &rates[1]);
    if (status == AG_OK) status = ag_bench_gemm(NULL, seconds, &rates[2]);
  }
  MPI_Bcast(rates, 3, MPI_DOUBLE, 0, setting->team.communicator);
  report->fma_peak = rates[0];
  report->gemm = rates[1];
  report->openblas = rates[2];
  return ag_ranks_agree(setting->team.communicator, status);
}

static ag_status measure_works(const ag_bench_setting *setting, size_t threads,
                               ag_bench_report *report)
{
  ag_pool *pool = NULL;
  ag_status status = AG_OK;
  AG_TRY(ag_ranks_agree(setting->team.communicator, ag_pool_create(threads, &pool)));
  for (size_t work = 0; work < AG_BENCH_WORKS; ++work) {
    ag_bench_row *row = &report->rows[report->row_count++];
    *row = (ag_bench_row){.work = (ag_bench_work)work, .threads = threads};
    if (row->work == AG_BENCH_TRAIN) {
      AG_TRY(ag_bench_train(setting, pool, &row->images));
    } else {
      AG_TRY(ag_bench_passes(setting, row->work, pool, &row->images));
    }
  }
cleanup:
  ag_pool_destroy(&pool);
  return status;
}

static ag_status measure_all(const ag_bench_setting *setting, size_t threads,
                             ag_bench_report *report)
{
  ag_status status = AG_OK;
  AG_TRY(measure_core(setting, report));
  report->floor = ag_bench_floor_of(setting->network);
  for (size_t count = 1; count < threads; count *= 2)
    AG_TRY(measure_works(setting, count, report));
  AG_TRY(measure_works(setting, threads, report));
  AG_TRY(ag_bench_profile_measure(setting, &report->profile));
cleanup:
  return status;
}

size_t ag_bench_threads(const ag_bench_setting *setting)
{
  MPI_Comm communicator = setting->team.communicator;
  if (setting->request->threads > 0) return setting->request->threads;
  uint64_t mine = ag_threads_choose(communicator);
  uint64_t fewest = 1;
  MPI_Allreduce(&mine, &fewest, 1, MPI_UINT64_T, MPI_MIN, communicator);
  return fewest;
}

ag_status ag_bench(const ag_bench_request *request, MPI_Comm communicator, ag_text *text)
{
  ag_status status = AG_OK;
  ag_bench_setting setting;
  ag_bench_report report = {0};
  AG_TRY(ag_bench_setting_create(request, communicator, AG_BENCH_STEPS_OF_EPOCH * request->batch,
                                 &setting));
  const size_t threads = ag_bench_threads(&setting);
  AG_TRY(ag_placement_warn(communicator, threads));
  AG_TRY(measure_all(&setting, threads, &report));
  if (setting.team.rank == 0) {
    status = request->json ? ag_bench_print_json(&setting, &report, text)
                           : ag_bench_print_table(&setting, &report, text);
  }
  status = ag_ranks_agree(communicator, status);
cleanup:
  ag_bench_setting_destroy(&setting);
  return status;
}
