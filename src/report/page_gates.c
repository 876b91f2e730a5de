/* What is wrong, first: gates and units that failed; then the gates that passed, and those that do
 * not apply. */
#include "report/page.h"

#include <string.h>

/* Longer texts are none of ours. */
enum { FAILURES_SHOWN = 50, TEXT = AG_GATE_TEXT, VERDICT = 24 };

static void gate(ag_page *page, const ag_read_gate *row, const char *class)
{
  ag_sheet *sheet = &page->sheet;
  ag_sheet_put(sheet, "<li class=\"%s\"><span class=\"badge\">", class);
  ag_sheet_clipped(sheet, row->verdict, VERDICT);
  ag_sheet_put(sheet, "</span><div><b>");
  ag_sheet_clipped(sheet, row->gate, TEXT);
  ag_sheet_put(sheet, "</b> <span class=\"soft\">");
  ag_sheet_clipped(sheet, row->text, TEXT);
  ag_sheet_put(sheet, "</span></div></li>\n");
}

static const char *class_of(const ag_read_gate *row)
{
  if (strcmp(row->verdict, "failed") == 0) return "failed";
  return strcmp(row->verdict, "passed") == 0 ? "passed" : "other";
}

static size_t gates_of(ag_page *page, const char *class, bool write)
{
  size_t count = 0;
  for (size_t i = 0; i < page->results.gate_count; ++i) {
    const ag_read_gate *row = &page->results.gates[i];
    if (strcmp(class_of(row), class) != 0) continue;
    if (write) gate(page, row, class);
    ++count;
  }
  return count;
}

static void failures(ag_page *page)
{
  ag_sheet *sheet = &page->sheet;
  const size_t count = page->results.failure_count;
  if (count == 0) return;
  ag_sheet_put(sheet, "<h3>What failed</h3>\n<ul class=\"gates\">\n");
  for (size_t i = 0; i < ag_minimum(count, FAILURES_SHOWN); ++i) {
    ag_sheet_put(sheet, "<li class=\"failed\"><span class=\"badge\">failed</span><div><b>");
    ag_sheet_clipped(sheet, page->results.failures[i].name, TEXT);
    ag_sheet_put(sheet, "</b> <span class=\"soft\">");
    ag_sheet_clipped(sheet, page->results.failures[i].reason, TEXT);
    ag_sheet_put(sheet, "</span></div></li>\n");
  }
  ag_sheet_put(sheet, "</ul>\n");
  if (count > FAILURES_SHOWN) {
    ag_sheet_put(sheet, "<p class=\"note\">%zu more are in /failures of results.h5.</p>\n",
                 count - FAILURES_SHOWN);
  }
}

void ag_page_gates(ag_page *page)
{
  ag_sheet *sheet = &page->sheet;
  failures(page);
  if (page->results.gate_count == 0) return;
  ag_sheet_put(sheet, "<h3>Sanity gates</h3>\n<ul class=\"gates\">\n");
  gates_of(page, "failed", true);
  gates_of(page, "passed", true);
  ag_sheet_put(sheet, "</ul>\n");
  const size_t others = gates_of(page, "other", false);
  if (others == 0) return;
  ag_sheet_put(sheet, "<details><summary>%zu not applicable</summary><ul class=\"gates\">\n",
               others);
  gates_of(page, "other", true);
  ag_sheet_put(sheet, "</ul></details>\n");
}
