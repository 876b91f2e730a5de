/* The report on scaling, as tables of 80 columns and as JSON. */
#include "advgrid/store.h"
#include "run/bench_scaling.h"

static const char *instructions_of(const ag_bench_setting *setting)
{
  return ag_variant_name(ag_network_variant(setting->network));
}

/* ---- table ---- */

static ag_status append_rows(const ag_bench_scaling_report *report, ag_text *text)
{
  ag_status status = AG_OK;
  for (size_t i = 0; i < report->row_count; ++i) {
    const ag_bench_scaling_row *row = &report->rows[i];
    const ag_bench_split *split = &row->steps.split;
    if (row->ranks == 1) {
      AG_TRY(ag_text_append(
          text, "\n%s scaling, %s images\n%6s%7s%11s%9s%9s%11s%9s%9s%9s\n",
          row->weak ? "weak" : "strong", row->adversarial ? "adversarial" : "clean", "ranks",
          "batch", "images/s", "speedup", "effic.", "computing", "exposed", "idle", "hidden"));
    }
    AG_TRY(ag_text_append(text, "%6zu%7zu%11.1f%9.2f%7.1f %%%11.2f%9.2f%9.2f%9.2f\n", row->ranks,
                          row->batch, row->steps.images.median, row->speedup, 100 * row->efficiency,
                          1e3 * split->computing, 1e3 * split->exposed, 1e3 * split->idle,
                          1e3 * split->hidden));
  }
cleanup:
  return status;
}

static ag_status append_messages(const ag_bench_scaling_report *report, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_bench_messages *messages = &report->messages;
  if (!report->has_messages) return ag_text_append(text, "\nOne rank sends no messages.\n");
  AG_TRY(ag_text_append(text,
                        "\nmessages between the first rank and the last: %.3g us and"
                        " %.4g MB/s\n%12s%12s%12s\n",
                        1e6 * messages->latency, 1e-6 * messages->bandwidth, "bytes", "us",
                        "fitted"));
  for (size_t i = 0; i < AG_BENCH_MESSAGE_SIZES; ++i) {
    const double fitted = messages->latency + messages->bytes[i] / messages->bandwidth;
    AG_TRY(ag_text_append(text, "%12.0f%12.2f%12.2f\n", messages->bytes[i],
                          1e6 * messages->seconds[i], 1e6 * fitted));
  }
cleanup:
  return status;
}

ag_status ag_bench_scaling_table(const ag_bench_setting *setting,
                                 const ag_bench_scaling_report *report, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_bench_request *request = setting->request;
  const ag_cluster *cluster = &report->cluster;
  AG_TRY(ag_text_append(text, "cpu        %.56s, %s\n", cluster->cpu, instructions_of(setting)));
  AG_TRY(ag_text_append(text, "model      %.64s, shard %zu\n", request->model, request->shard));
  AG_TRY(ag_text_append(text, "threads    %zu a rank\n", report->threads));
  AG_TRY(append_rows(report, text));
  AG_TRY(ag_text_append(text,
                        "\nComputing, exposed messages and idling add up to a step, in ms, the"
                        " mean over\nranks. Hidden messages travel while something is"
                        " computed.\n"));
  AG_TRY(append_messages(report, text));
  AG_TRY(ag_text_append(text,
                        "\none image on one thread while all work, ms: training %.3f,"
                        " adversarial %.3f,\nforward %.3f, gradient %.3f\n",
                        1e3 * cluster->seconds.training, 1e3 * cluster->seconds.adversarial,
                        1e3 * cluster->seconds.forward, 1e3 * cluster->seconds.gradient));
cleanup:
  return status;
}

/* ---- JSON ---- */

static ag_status append_head_json(const ag_bench_setting *setting,
                                  const ag_bench_scaling_report *report, ag_text *text)
{
  ag_status status = AG_OK;
  ag_provenance provenance;
  const ag_bench_request *request = setting->request;
  ag_provenance_collect(&provenance);
  AG_TRY(ag_bench_print_text(text, "advgrid_version", provenance.version));
  AG_TRY(ag_bench_print_text(text, "git_commit", provenance.git_commit));
  AG_TRY(ag_bench_print_text(text, "cpu", provenance.cpu));
  AG_TRY(ag_bench_print_text(text, "instructions", instructions_of(setting)));
  AG_TRY(ag_bench_print_text(text, "model", request->model));
  AG_TRY(ag_text_append(text,
                        "  \"shard\": %zu,\n  \"batch\": %zu,\n  \"ranks\": %zu,\n"
                        "  \"threads\": %zu,\n",
                        request->shard, request->batch, setting->team.size, report->threads));
cleanup:
  return status;
}

static ag_status append_rows_json(const ag_bench_scaling_report *report, ag_text *text)
{
  ag_status status = AG_OK;
  AG_TRY(ag_text_append(text, "  \"scaling\": ["));
  for (size_t i = 0; i < report->row_count; ++i) {
    const ag_bench_scaling_row *row = &report->rows[i];
    const ag_bench_rate *images = &row->steps.images;
    const ag_bench_split *split = &row->steps.split;
    AG_TRY(ag_text_append(text,
                          "%s\n    {\"scaling\": \"%s\", \"training\": \"%s\", \"ranks\": %zu, "
                          "\"batch\": %zu, \"images_per_second\": %.9g, \"least\": %.9g, "
                          "\"most\": %.9g, \"speedup\": %.9g, \"efficiency\": %.9g, ",
                          i > 0 ? "," : "", row->weak ? "weak" : "strong",
                          row->adversarial ? "adversarial" : "clean", row->ranks, row->batch,
                          images->median, images->least, images->most, row->speedup,
                          row->efficiency));
    AG_TRY(ag_text_append(text,
                          "\"step_seconds\": {\"computing\": %.9g, \"exposed\": %.9g, "
                          "\"idle\": %.9g, \"hidden\": %.9g}}",
                          split->computing, split->exposed, split->idle, split->hidden));
  }
  AG_TRY(ag_text_append(text, "\n  ],\n"));
cleanup:
  return status;
}

static ag_status append_messages_json(const ag_bench_scaling_report *report, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_bench_messages *messages = &report->messages;
  if (!report->has_messages) return ag_text_append(text, "  \"messages\": null,\n");
  AG_TRY(ag_text_append(text,
                        "  \"messages\": {\"latency_seconds\": %.9g, \"bytes_per_second\": %.9g, "
                        "\"measured\": [",
                        messages->latency, messages->bandwidth));
  for (size_t i = 0; i < AG_BENCH_MESSAGE_SIZES; ++i) {
    AG_TRY(ag_text_append(text, "%s\n    {\"bytes\": %.0f, \"seconds\": %.9g}", i > 0 ? "," : "",
                          messages->bytes[i], messages->seconds[i]));
  }
  AG_TRY(ag_text_append(text, "\n  ]},\n"));
cleanup:
  return status;
}

ag_status ag_bench_scaling_json(const ag_bench_setting *setting,
                                const ag_bench_scaling_report *report, ag_text *text)
{
  ag_status status = AG_OK;
  const ag_cluster *cluster = &report->cluster;
  AG_TRY(ag_text_append(text, "{\n"));
  AG_TRY(append_head_json(setting, report, text));
  AG_TRY(append_rows_json(report, text));
  AG_TRY(append_messages_json(report, text));
  AG_TRY(ag_text_append(text,
                        "  \"image_seconds\": {\"training\": %.9g, \"adversarial\": %.9g, "
                        "\"forward\": %.9g, \"gradient\": %.9g}\n}\n",
                        cluster->seconds.training, cluster->seconds.adversarial,
                        cluster->seconds.forward, cluster->seconds.gradient));
cleanup:
  return status;
}
