/* report.html: one file that needs no network, from results.h5 alone. */
#include "report/page.h"

#include "advgrid/report.h"

static void title(ag_page *page)
{
  ag_sheet *sheet = &page->sheet;
  size_t counts[3];
  char now[AG_TIMESTAMP_SIZE];
  ag_page_count(page, counts);
  ag_clock_timestamp(now);
  ag_sheet_put(sheet, "<header><h1>");
  ag_sheet_name(sheet, ag_page_job_name(page));
  ag_sheet_put(sheet, "</h1>\n<p class=\"soft\">Adversarial robustness on ");
  ag_sheet_name(sheet, ag_results_attribute(&page->results, "dataset"));
  if (page->job != NULL) {
    ag_sheet_put(sheet, ", model ");
    ag_sheet_name(sheet, page->job->model.kind->name);
  }
  ag_sheet_put(
      sheet, ". Written by advgrid " ADVGRID_VERSION " on %.10s at %.5s UTC from results.h5.</p>\n",
      now, now + 11);
  if (counts[0] < page->results.point_count) {
    ag_sheet_put(sheet, "<p class=\"notice\">Not all points are done: ");
    if (counts[1] > 0) ag_sheet_put(sheet, "%zu failed, ", counts[1]);
    ag_sheet_put(sheet,
                 "%zu %s missing. What is missing is shown as a dash, never as a number.</p>\n",
                 counts[2], ag_plural(counts[2], "is", "are"));
  }
  ag_sheet_put(sheet, "</header>\n");
}

static void contents(ag_page *page)
{
  const ag_page_part parts[] = {
      {"short", "In short", true},
      {"curves", "Curves", ag_figures_count(&page->figures, AG_FIGURE_LINEAR) > 0},
      {"tables", "Tables", true},
      {"examples", "Examples", ag_page_has_examples(page)},
      {"latent", "Latent space", ag_page_has_latent(page)},
      {"training", "Training", true},
      {"run", "The run", true},
      {"provenance", "Provenance", true}};
  ag_page_contents(page, parts, sizeof parts / sizeof *parts);
}

static ag_status draw(ag_page *page)
{
  char path[AG_PATH_SIZE];
  ag_status status = AG_OK;
  AG_TRY(ag_path_join(path, sizeof path, "%s/figures", page->folder));
  AG_TRY(ag_folder_create(path));
  AG_TRY(ag_page_draw_accuracy(page));
  AG_TRY(ag_page_draw_latent(page));
  AG_TRY(ag_page_draw_training(page));
  AG_TRY(ag_page_draw_timeline(page));
  AG_TRY(ag_page_draw_ranks(page));
  AG_TRY(ag_figures_draw(&page->figures, page->folder));
cleanup:
  return status;
}

static void write_page(ag_page *page)
{
  ag_page_open(page, ag_page_job_name(page));
  title(page);
  contents(page);
  ag_page_summary(page);
  ag_page_curves(page, page->results.seed_count > 1);
  ag_page_tables(page);
  ag_page_examples(page);
  ag_page_latent(page);
  ag_page_training(page);
  ag_page_run(page);
  ag_page_provenance(page);
  ag_page_close(page);
}

/* ---- the whole
 * ------------------------------------------------------------------------------------ */

ag_status ag_report_page(const char *folder, ag_text *trouble)
{
  ag_status status = AG_OK;
  ag_hdf5_printing printing;
  char path[AG_PATH_SIZE];
  ag_page page = {.folder = folder, .results = {.file = H5I_INVALID_HID}};
  ag_hdf5_printing_stop(&printing);
  AG_TRY(ag_page_read(&page));
  AG_TRY(draw(&page));
  write_page(&page);
  AG_TRY(ag_path_join(path, sizeof path, "%s/report.html", folder));
  AG_TRY(ag_sheet_write(&page.sheet, path));
  if (page.figures.count > 0 && !page.figures.drawn)
    AG_TRY(ag_text_append(trouble, "%s has no figures: %s", path, page.figures.trouble));
cleanup:
  ag_sheet_clear(&page.sheet);
  ag_figures_clear(&page.figures);
  ag_job_destroy(&page.job);
  ag_results_clear(&page.results);
  ag_hdf5_printing_resume(&printing);
  return status;
}
