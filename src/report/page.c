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
    ag_sheet_put(sheet, "<p class=\"notice\">Not all points are done: what is missing is shown as a"
                        " dash, never as a number.</p>\n");
  }
  ag_sheet_put(sheet, "</header>\n");
}

static void contents(ag_page *page)
{
  ag_sheet_put(&page->sheet, "<nav aria-label=\"Contents\"><a href=\"#short\">In short</a>"
                             "<a href=\"#tables\">Tables</a><a href=\"#training\">Training</a>"
                             "<a href=\"#run\">The run</a>"
                             "<a href=\"#provenance\">Provenance</a></nav>\n");
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
  ag_page_tables(page);
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

ag_status ag_report_page(const char *folder)
{
  ag_status status = AG_OK;
  ag_hdf5_printing printing;
  char path[AG_PATH_SIZE];
  ag_page page = {.folder = folder, .results = {.file = H5I_INVALID_HID}};
  ag_hdf5_printing_stop(&printing);
  AG_TRY(read_results(&page));
  write_page(&page);
  AG_TRY(ag_path_join(path, sizeof path, "%s/report.html", folder));
  AG_TRY(ag_sheet_write(&page.sheet, path));
cleanup:
  ag_sheet_clear(&page.sheet);
  ag_job_destroy(&page.job);
  ag_results_clear(&page.results);
  ag_hdf5_printing_resume(&printing);
  return status;
}
