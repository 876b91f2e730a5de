/* What every page has: a head that lets nothing in, contents, figures, an end; and the reading of a
 * result file. */
#include "report/page.h"

#include <string.h>

/* ---- reading ------------------------------------------------------------------------------------
 */

ag_status ag_page_read(ag_page *page)
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

/* The job's name; that of the folder where this version cannot read the job. */
const char *ag_page_job_name(const ag_page *page)
{
  const char *slash = strrchr(page->folder, '/');
  if (page->job != NULL) return page->job->name;
  return slash == NULL || slash[1] == '\0' ? page->folder : slash + 1;
}

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

void ag_page_open(ag_page *page, const char *title)
{
  ag_sheet *sheet = &page->sheet;
  ag_sheet_put(sheet, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
  policy(page);
  ag_sheet_put(sheet, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n"
                      "<link rel=\"icon\" href=\"data:,\">\n<title>");
  ag_sheet_html(sheet, title);
  ag_sheet_put(sheet, " &ndash; advgrid</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n",
               ag_page_style);
}

void ag_page_close(ag_page *page)
{
  ag_sheet_put(&page->sheet, "</main>\n<script>%s</script>\n</body>\n</html>\n", ag_page_script);
}

void ag_page_contents(ag_page *page, const ag_page_part *parts, size_t count)
{
  ag_sheet_put(&page->sheet, "<nav aria-label=\"Contents\">");
  for (size_t i = 0; i < count; ++i) {
    if (!parts[i].there) continue;
    ag_sheet_put(&page->sheet, "<a href=\"#%s\">%s</a>", parts[i].place, parts[i].name);
  }
  ag_sheet_put(&page->sheet, "</nav>\n");
}

/* ---- figures ------------------------------------------------------------------------------------
 */

void ag_page_figures(ag_page *page, ag_figure_group group)
{
  const ag_status status = ag_figures_show(&page->figures, group, page->folder, &page->sheet);
  if (page->sheet.status == AG_OK) page->sheet.status = status;
}

/* Both scales are in the page; one is shown, and both are printed. */
void ag_page_curves(ag_page *page, bool several_seeds)
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
               several_seeds ? ", from the lowest end of the seeds' to the highest" : "");
}
