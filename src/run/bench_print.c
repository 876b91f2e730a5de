/* The benchmark's report, as a table of 80 columns and as JSON. */
#include "advgrid/store.h"
#include "run/bench.h"

#include <stdio.h>

static const char *const works[AG_BENCH_WORKS] = {
    [AG_BENCH_FORWARD] = "forward", [AG_BENCH_PGD] = "pgd", [AG_BENCH_TRAIN] = "train"};
static const char *const phases[AG_BENCH_PHASES] = {[AG_BENCH_FILL] = "fill and augment",
                                                    [AG_BENCH_FORWARD_PASS] = "forward",
                                                    [AG_BENCH_LOSS] = "loss",
                                                    [AG_BENCH_BACKWARD_PASS] = "backward",
                                                    [AG_BENCH_SUM_AND_STEP] = "sum and step"};

/* ---- shares ---- */

static double share_of_floor(const ag_bench_setting *setting, const ag_bench_report *report,
                             const ag_bench_row *row)
{
  const double cores = (double)(row->threads * setting->team.size);
  return row->images.median * report->floor.works[row->work] / (report->fma_peak * cores);
}

static double sum_of(const double *values, size_t count)
{
  double sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += values[i];
  return sum;
}

static double seconds_of_layers(const ag_bench_report *report)
{
  return sum_of(report->profile.layers.forward, AG_LAYERS_MAXIMUM) +
         sum_of(report->profile.layers.backward, AG_LAYERS_MAXIMUM);
}

/* One layer in a training step. */
typedef struct layer_line {
  const char *name, *kind, *kernel; /* kernel: empty where there is one way only */
  double forward, backward, share;  /* seconds; share of all layers */
  double of_floor;                  /* 0 where it has no products */
} layer_line;

static layer_line line_of(const ag_bench_setting *setting, const ag_bench_report *report,
                          size_t layer)
{
  const ag_bench_profile *profile = &report->profile;
  const ag_layer_description *description = ag_network_layer_description(setting->network, layer);
  layer_line line = {.name = description->name,
                     .kind = description->kind,
                     .kernel = ag_network_layer_kernel(setting->network, layer),
                     .forward = profile->layers.forward[layer],
                     .backward = profile->layers.backward[layer]};
  const double seconds = line.forward + line.backward;
  const double flops = (double)profile->images *
                       (report->floor.forward[layer] + report->floor.backward[layer]);
  line.share = seconds / seconds_of_layers(report);
  if (seconds > 0) line.of_floor = flops / report->fma_peak / seconds;
  return line;
}

static const char *instructions_of(const ag_bench_setting *setting)
{
  return ag_variant_name(ag_network_variant(setting->network));
}

/* ---- table ---- */

static ag_status append_core(const ag_bench_report *report, ag_text *text)
{
  ag_status status = AG_OK;
  const double peak = report->fma_peak;
  AG_TRY(ag_text_append(text, "FMA peak   %8.1f GFLOP/s of a core\n", 1e-9 * peak));
  AG_TRY(ag_text_append(text, "GEMM       %8.1f GFLOP/s, %.1f %% of the peak\n",
                        1e-9 * report->gemm, 100 * report->gemm / peak));
  AG_TRY(ag_text_append(text, "OpenBLAS   %8.1f GFLOP/s, %.1f %% of the peak\n",
                        1e-9 * report->openblas, 100 * report->openblas / peak));
cleanup:
  return status;
}

static ag_status append_head(const ag_bench_setting *setting, const ag_bench_report *report,
                             ag_text *text)
{
  ag_status status = AG_OK;
  ag_provenance provenance;
  const ag_bench_request *request = setting->request;
  ag_provenance_collect(&provenance);
  AG_TRY(ag_text_append(text, "cpu        %.56s, %s\n", provenance.cpu, instructions_of(setting)));
  AG_TRY(append_core(report, text));
  AG_TRY(ag_text_append(text, "model      %.64s, shard %zu, batch %zu\n", request->model,
                        request->shard, request->batch));
  AG_TRY(ag_text_append(text, "ranks      %zu\n", setting->team.size));
cleanup:
  return status;
}

static ag_status append_rates(const ag_bench_setting *setting, const ag_bench_report *report,
                              ag_text *text)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "\n%-9s%8s%12s%12s%12s%12s\n", "work", "threads", "images/s", "least",
                        "most", "of floor"));
  for (size_t work = 0; work < AG_BENCH_WORKS; ++work) {
    for (size_t i = 0; i < report->row_count; ++i) {
      const ag_bench_row *row = &report->rows[i];
      if (row->work != work) continue;
      AG_TRY(ag_text_append(text, "%-9s%8zu%12.1f%12.1f%12.1f%10.1f %%\n", works[work],
                            row->threads, row->images.median, row->images.least, row->images.most,
                            100 * share_of_floor(setting, report, row)));
    }
  }
cleanup:
  return status;
}

static ag_status append_phases(const ag_bench_report *report, ag_text *text)
{
  ag_status status = AG_OK;
  const double *seconds = report->profile.phases;
  const double step = sum_of(seconds, AG_BENCH_PHASES);
  AG_TRY(ag_text_append(text, "\na training step on one thread, ms\n"));
  for (size_t i = 0; i < AG_BENCH_PHASES; ++i) {
    AG_TRY(ag_text_append(text, "%-17s%12.3f%10.1f %%\n", phases[i], 1e3 * seconds[i],
                          100 * seconds[i] / step));
  }
cleanup:
  return status;
}

static ag_status append_layers(const ag_bench_setting *setting, const ag_bench_report *report,
                               ag_text *text)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "\n%-17s%-9s%12s%12s%12s%12s\n", "layer, ms", "kernel", "forward",
                        "backward", "share", "of floor"));
  for (size_t i = 0; i < ag_network_layer_count(setting->network); ++i) {
    const layer_line line = line_of(setting, report, i);
    AG_TRY(ag_text_append(text, "%-17.16s%-9s%12.3f%12.3f%10.1f %%", line.name, line.kernel,
                          1e3 * line.forward, 1e3 * line.backward, 100 * line.share));
    if (line.of_floor > 0) AG_TRY(ag_text_append(text, "%10.1f %%", 100 * line.of_floor));
    AG_TRY(ag_text_append(text, "\n"));
  }
cleanup:
  return status;
}

ag_status ag_bench_print_table(const ag_bench_setting *setting, const ag_bench_report *report,
                               ag_text *text)
{
  ag_status status = AG_OK;
  AG_TRY(append_head(setting, report, text));
  AG_TRY(append_rates(setting, report, text));
  AG_TRY(append_phases(report, text));
  AG_TRY(append_layers(setting, report, text));
  AG_TRY(ag_text_append(text, "\nThe floor is the time of the matrix products alone at the FMA"
                              " peak, 3x3\nconvolutions by Winograd's F(4x4, 3x3).\n"));
cleanup:
  return status;
}

/* ---- JSON ---- */

/* In quotes. */
ag_status ag_bench_print_text(ag_text *text, const char *name, const char *value)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "  \"%s\": \"", name));
  for (; *value != '\0'; ++value) {
    const unsigned char byte = (unsigned char)*value;
    if (byte == '"' || byte == '\\') {
      AG_TRY(ag_text_append(text, "\\%c", byte));
    } else if (byte < 0x20 || byte == 0x7f) {
      AG_TRY(ag_text_append(text, "\\u%04x", byte));
    } else {
      AG_TRY(ag_text_append(text, "%c", byte));
    }
  }
  AG_TRY(ag_text_append(text, "\",\n"));
cleanup:
  return status;
}

static ag_status append_head_json(const ag_bench_setting *setting, const ag_bench_report *report,
                                  ag_text *text)
{
  ag_status status = AG_OK;
  ag_provenance provenance;
  const ag_bench_request *request = setting->request;
  ag_provenance_collect(&provenance);
  AG_TRY(ag_bench_print_text(text, "advgrid_version", provenance.version));
  AG_TRY(ag_bench_print_text(text, "git_commit", provenance.git_commit));
  AG_TRY(ag_bench_print_text(text, "cpu", provenance.cpu));
  AG_TRY(ag_bench_print_text(text, "instructions", instructions_of(setting)));
  AG_TRY(ag_bench_print_text(text, "blas", provenance.blas));
  AG_TRY(ag_bench_print_text(text, "model", request->model));
  AG_TRY(ag_text_append(text, "  \"shard\": %zu,\n  \"batch\": %zu,\n  \"ranks\": %zu,\n",
                        request->shard, request->batch, setting->team.size));
  AG_TRY(ag_text_append(text,
                        "  \"fma_peak_gflops\": %.9g,\n  \"gemm_gflops\": %.9g,\n"
                        "  \"openblas_gflops\": %.9g,\n",
                        1e-9 * report->fma_peak, 1e-9 * report->gemm, 1e-9 * report->openblas));
  AG_TRY(ag_text_append(text, "  \"floor_flops_per_image\": {"));
  for (size_t i = 0; i < AG_BENCH_WORKS; ++i) {
    AG_TRY(ag_text_append(text, "%s\"%s\": %.17g", i > 0 ? ", " : "", works[i],
                          report->floor.works[i]));
  }
  AG_TRY(ag_text_append(text, "},\n"));
cleanup:
  return status;
}

static ag_status append_rates_json(const ag_bench_setting *setting, const ag_bench_report *report,
                                   ag_text *text)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "  \"throughput\": ["));
  for (size_t i = 0; i < report->row_count; ++i) {
    const ag_bench_row *row = &report->rows[i];
    AG_TRY(ag_text_append(text,
                          "%s\n    {\"work\": \"%s\", \"threads\": %zu, \"images_per_second\": "
                          "%.9g, \"least\": %.9g, \"most\": %.9g, \"fraction_of_floor\": %.9g}",
                          i > 0 ? "," : "", works[row->work], row->threads, row->images.median,
                          row->images.least, row->images.most,
                          share_of_floor(setting, report, row)));
  }
  AG_TRY(ag_text_append(text, "\n  ],\n"));
cleanup:
  return status;
}

static ag_status append_profile_json(const ag_bench_setting *setting, const ag_bench_report *report,
                                     ag_text *text)
{
  ag_status status = AG_OK;
  const double *seconds = report->profile.phases;
  const double step = sum_of(seconds, AG_BENCH_PHASES);
  AG_TRY(ag_text_append(text, "  \"phases\": ["));
  for (size_t i = 0; i < AG_BENCH_PHASES; ++i) {
    AG_TRY(ag_text_append(text, "%s\n    {\"phase\": \"%s\", \"seconds\": %.9g, \"share\": %.9g}",
                          i > 0 ? "," : "", phases[i], seconds[i], seconds[i] / step));
  }
  AG_TRY(ag_text_append(text, "\n  ],\n  \"layers\": ["));
  for (size_t i = 0; i < ag_network_layer_count(setting->network); ++i) {
    const layer_line line = line_of(setting, report, i);
    AG_TRY(ag_text_append(text,
                          "%s\n    {\"layer\": \"%s\", \"kind\": \"%s\", \"forward_seconds\": "
                          "%.9g, \"backward_seconds\": %.9g, \"share\": %.9g",
                          i > 0 ? "," : "", line.name, line.kind, line.forward, line.backward,
                          line.share));
    if (line.kernel[0] != '\0') {
      AG_TRY(ag_text_append(text, ", \"kernel\": \"%s\"", line.kernel));
    }
    if (line.of_floor > 0) {
      AG_TRY(ag_text_append(text, ", \"fraction_of_floor\": %.9g", line.of_floor));
    }
    AG_TRY(ag_text_append(text, "}"));
  }
  AG_TRY(ag_text_append(text, "\n  ]\n"));
cleanup:
  return status;
}

ag_status ag_bench_print_json(const ag_bench_setting *setting, const ag_bench_report *report,
                              ag_text *text)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "{\n"));
  AG_TRY(append_head_json(setting, report, text));
  AG_TRY(append_rates_json(setting, report, text));
  AG_TRY(append_profile_json(setting, report, text));
  AG_TRY(ag_text_append(text, "}\n"));
cleanup:
  return status;
}
