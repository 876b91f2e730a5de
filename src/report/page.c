/* report.html: one file that needs no network, from results.h5 alone. */
#include "report/page.h"

#include "advgrid/report.h"

#include <stdio.h>
#include <string.h>

/* ---- head and end -------------------------------------------------------------------------------
 */

/* What the browser may do: run this one script, and show pictures that are in the page. */
static void policy(ag_page *page)
{
  ag_digest digest;
  ag_sheet *sheet = &page->sheet;
  const ag_status status = ag_digest_compute(ag_page_script, strlen(ag_page_script), &digest);
  if (sheet->status == AG_OK) sheet->status = status;
  ag_sheet_put(sheet, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"
                      " img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action"
                      " 'none'; script-src 'sha256-");
  ag_sheet_base64(sheet, digest.bytes, sizeof digest.bytes);
  ag_sheet_put(sheet, "'\">\n");
}

/* The job's name; that of the folder where this version cannot read the job. */
static const char *job_name(const ag_page *page)
{
  const char *slash = strrchr(page->folder, '/');
  if (page->job != NULL) return page->job->name;
  return slash == NULL || slash[1] == '\0' ? page->folder : slash + 1;
}

static void title(ag_page *page)
{
  ag_sheet *sheet = &page->sheet;
  size_t counts[3];
  char now[AG_TIMESTAMP_SIZE];
  ag_page_count(page, counts);
  ag_clock_timestamp(now);
  ag_sheet_put(sheet, "<header><h1>");
  ag_sheet_name(sheet, job_name(page));
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
  const struct {
    const char *place, *name;
    bool there;
  } sections[] = {{"short", "In short", true},
                  {"curves", "Curves", ag_figures_count(&page->figures, AG_FIGURE_LINEAR) > 0},
                  {"tables", "Tables", true},
                  {"examples", "Examples", ag_page_has_examples(page)},
                  {"latent", "Latent space", ag_page_has_latent(page)},
                  {"training", "Training", true},
                  {"run", "The run", true},
                  {"provenance", "Provenance", true}};
  ag_sheet_put(&page->sheet, "<nav aria-label=\"Contents\">");
  for (size_t i = 0; i < sizeof sections / sizeof *sections; ++i) {
    if (!sections[i].there) continue;
    ag_sheet_put(&page->sheet, "<a href=\"#%s\">%s</a>", sections[i].place, sections[i].name);
  }
  ag_sheet_put(&page->sheet, "</nav>\n");
}

void ag_page_figures(ag_page *page, ag_figure_group group)
{
  const ag_status status = ag_figures_show(&page->figures, group, page->folder, &page->sheet);
  if (page->sheet.status == AG_OK) page->sheet.status = status;
}

/* Both scales are in the page; one is shown, and both are printed. */
void ag_page_curves(ag_page *page)
{
  ag_sheet *sheet = &page->sheet;
  const bool both = ag_figures_count(&page->figures, AG_FIGURE_LOGARITHMIC) > 0;
  if (ag_figures_count(&page->figures, AG_FIGURE_LINEAR) == 0) return;
  ag_sheet_put(sheet, "<section id=\"curves\"><h2>Accuracy against epsilon</h2>\n");
  if (both && page->figures.drawn) {
    ag_sheet_put(sheet, "<fieldset class=\"scale\"><legend>Epsilon</legend><label><input"
                        " type=\"radio\" name=\"scale\" id=\"scale-log\" checked> logarithmic"
                        "</label><label><input type=\"radio\" name=\"scale\" id=\"scale-linear\">"
                        " linear</label></fieldset>\n<div class=\"logarithmic\">\n");
    ag_page_figures(page, AG_FIGURE_LOGARITHMIC);
    ag_sheet_put(sheet, "</div>\n");
  }
  ag_sheet_put(sheet, "<div class=\"%s\">\n", both && page->figures.drawn ? "linear" : "");
  ag_page_figures(page, AG_FIGURE_LINEAR);
  ag_sheet_put(sheet,
               "</div>\n<p class=\"note\">Bands and bars are 95 %% Wilson intervals%s."
               " Where a point is missing its curve is broken. The data, the gnuplot script"
               " and a PNG of each figure are in figures/.</p></section>\n",
               page->results.seed_count > 1 ? ", from the lowest end of the seeds' to the highest"
                                            : "");
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
  ag_sheet *sheet = &page->sheet;
  ag_sheet_put(sheet, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
  policy(page);
  ag_sheet_put(sheet, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n"
                      "<link rel=\"icon\" href=\"data:,\">\n<title>");
  ag_sheet_html(sheet, job_name(page));
  ag_sheet_put(sheet, " &ndash; advgrid</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n",
               ag_page_style);
  title(page);
  contents(page);
  ag_page_summary(page);
  ag_page_curves(page);
  ag_page_tables(page);
  ag_page_examples(page);
  ag_page_latent(page);
  ag_page_training(page);
  ag_page_run(page);
  ag_page_provenance(page);
  ag_sheet_put(sheet, "</main>\n<script>%s</script>\n</body>\n</html>\n", ag_page_script);
}

/* ---- the whole
 * ------------------------------------------------------------------------------------ */

static ag_status read_results(ag_page *page)
{
  char path[AG_PATH_SIZE];
  ag_status status = ag_path_join(path, sizeof path, "%s/results.h5", page->folder);
  if (status != AG_OK) return status;
  if (!ag_file_exists(path)) {
    return ag_fail(AG_INVALID_ARGUMENT,
                   "%s is not there: a run writes it when the points of a model are complete, and"
                   " at its end",
                   path);
  }
  status = ag_results_read(path, &page->results);
  if (status != AG_OK) return status;
  const char *job = ag_results_attribute(&page->results, "job");
  if (ag_job_read(job, strlen(job), path, &page->job) != AG_OK) page->job = NULL;
  return AG_OK;
}

ag_status ag_report_page(const char *folder, ag_text *trouble)
{
  ag_status status = AG_OK;
  ag_hdf5_printing printing;
  char path[AG_PATH_SIZE];
  ag_page page = {.folder = folder, .results = {.file = H5I_INVALID_HID}};
  ag_hdf5_printing_stop(&printing);
  AG_TRY(read_results(&page));
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
